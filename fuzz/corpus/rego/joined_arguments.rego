package agent_policy

import rego.v1

ExecProcessRequest if concat(" ", input.process.Args) == "a b"
