package agent_policy

import rego.v1

x if regex.match(`^(a{1000}){1000}$`, input.a)
