package agent_policy

import rego.v1

x := sprintf("%70000d", [1])
