package agent_policy

import future.keywords.if
import future.keywords.in

x if { 1 in [1] }
