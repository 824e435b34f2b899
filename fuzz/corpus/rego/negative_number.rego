package agent_policy

import rego.v1

x := -1.5e-10

y := 0x10
