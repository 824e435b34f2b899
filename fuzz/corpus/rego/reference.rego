package agent_policy

import rego.v1

x := data.agent_policy["y"].z[_][i]
