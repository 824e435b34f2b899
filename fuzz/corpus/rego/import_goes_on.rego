package agent_policy
import rego.v1.more
ExecProcessRequest if { input.a }
