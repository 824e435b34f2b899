package agent_policy

import rego.v1

x if {
	every k, v in input.object {
		k != v
	}
}
