package agent_policy

import rego.v1

x := `a\b
"c"`
