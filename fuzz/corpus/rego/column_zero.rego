package agent_policy
x {
1
}
=
