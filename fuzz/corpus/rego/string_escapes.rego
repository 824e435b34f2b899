package agent_policy

import rego.v1

x := "\u0041\n\t\\\"\ud83d\ude00"
