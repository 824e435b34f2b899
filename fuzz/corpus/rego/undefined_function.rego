package agent_policy

import rego.v1

x if no.such.function(1)
