package agent_policy

import rego.v1

# é 😀
x := "é😀"

é := 1
