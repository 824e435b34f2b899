package agent_policy

import rego.v1

names contains name if {
	some name in input.names
}
