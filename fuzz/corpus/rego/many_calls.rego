package agent_policy

import rego.v1

x := f(g(h(i(j(k(l(m(n(1)))))))))
