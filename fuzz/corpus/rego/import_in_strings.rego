package agent_policy
y {
"import"
"rego"
"."
"v1"
}
x if { input.a }
