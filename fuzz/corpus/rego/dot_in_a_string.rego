package agent_policy
x := "." if { input.a }
