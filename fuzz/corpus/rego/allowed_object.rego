package agent_policy

import rego.v1

ExecProcessRequest := {"allowed": true, "ops": []}
