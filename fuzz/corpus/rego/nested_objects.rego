package agent_policy

import rego.v1

x := {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}
