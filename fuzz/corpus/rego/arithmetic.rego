package agent_policy

import rego.v1

x := (1 + 2) * 3 - 4 / 5 % 6

y if x >= 1

z := {1} | {2} & {3}
