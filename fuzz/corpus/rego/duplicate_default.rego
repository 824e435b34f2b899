package agent_policy

import rego.v1

default A := false

default A := true
