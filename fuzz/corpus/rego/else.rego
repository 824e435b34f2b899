package agent_policy

import rego.v1

x := 1 if {
	input.a
} else := 2 if {
	input.b
} else := 3
