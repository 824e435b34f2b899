package agent_policy

import rego.v1

default ExecProcessRequest := true

ExecProcessRequest if input.process.Args == ["/bin/ready"]
