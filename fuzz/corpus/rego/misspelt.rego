package agent_policy

import rego.v1

default ExecProcesRequest := false
