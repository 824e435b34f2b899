package agent_policy

import rego.v1

import data.agent_policy.a as b
import input.process as p

a := p.Args
