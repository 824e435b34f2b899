package agent_policy

import rego.v1

x if {
	some i, j
	input.a[i] == input.b[j]
}
