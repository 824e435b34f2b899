package agent_policy

import rego.v1

a if b

b if a
