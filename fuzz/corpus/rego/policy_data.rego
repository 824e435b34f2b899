package agent_policy

import rego.v1

policy_data := {
	"containers": [],
	"n": 1
}
