package agent_policy

import rego.v1

a := [x | some x in input.list]

b := {x | x := input.set[_]}

c := {k: v | some k, v in input.object}
