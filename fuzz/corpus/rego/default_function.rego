package agent_policy

import rego.v1

default f(_) := 1

f(x) := 2 if x == 1
