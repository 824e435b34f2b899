package agent_policy

x { input.a == 1 }

y[z] { z := input.b[_] }

f(a) = b { b := a }
