package agent_policy

import rego.v1

default ExecProcessRequest := false

ExecProcessRequest if count(numbers.range(0, 1000000000000)) == 1
