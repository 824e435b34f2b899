package agent_policy

import rego.v1

CopyFileRequest if {
	print("no", input.path)
	false
}
