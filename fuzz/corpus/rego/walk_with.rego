package agent_policy

import rego.v1

x if {
	walk(input, [path, value])
	y with input.a as 1 with data.b as 2
}

y if input.a
