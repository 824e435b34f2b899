# The default policy of a guest: pods start, run and stop, and nobody outside looks in.
#
# What it blocks
#   * `oc exec`, `oc rsh`, `oc cp`, `oc rsync`, exec probes and exec lifecycle hooks: all of them are
#     ExecProcessRequest. They fail with "ExecProcessRequest is blocked by policy". Use HTTP, TCP or
#     gRPC probes instead.
#   * `oc logs` and the output of `oc attach`: ReadStreamRequest. The agent empties the answer instead
#     of refusing it, so `oc logs` SUCCEEDS AND PRINTS NOTHING. Empty logs are not an error.
#   * Standard input: WriteStreamRequest and CloseStdinRequest.
#   * Termination messages: GetDiagnosticDataRequest. The pod's status shows an empty message.
#   * A new policy sent by the host: SetPolicyRequest. A pod that carries the old annotation
#     io.katacontainers.config.agent.policy does not start.
#   * Whatever else an ordinary pod does not need.
#
# How to override it
#   Give the pod a policy of its own in its initdata (annotation
#   io.katacontainers.config.hypervisor.cc_init_data, key policy.rego). The agent loads it at its start,
#   without a SetPolicyRequest, and it REPLACES this whole file: nothing is merged, and a request the
#   new policy leaves out is denied. Initdata is measured apart from the image, so the verifier has to
#   check it too.
#
# What it cannot do
#   It does not know your images: CreateContainerRequest is open, and a host that means harm can start
#   a container of its own beside yours. Only a policy made for one pod, tied to the attestation, stops
#   that.
#
# What it expects
#   * An agent that tells the policy the type of a copied file: 3.29 and later, or one the fix of
#     CVE-2026-41326 was carried back to. To an older one every CopyFileRequest is denied, and no pod
#     starts.
#   * Guests of a fixed size (static_sandbox_resource_mgmt = true, as all confidential configurations
#     have it) and shared_fs = "none".
#
# Every request the agent asks about has a rule here, also where it only says no: a request without a
# rule is denied as well, but with an internal error in place of "is blocked by policy".
#
# The import makes older engines (regorus 0.2.8) read the same language as newer ones.

package agent_policy

import rego.v1

# --- The policy itself -----------------------------------------------------------------------------

# True would turn every no below into a yes, and no later policy could turn it back.
default AllowRequestsFailingPolicy := false

# The host may not replace the policy. Initdata does not need this request.
default SetPolicyRequest := false

# --- A pod comes up, runs and stops ----------------------------------------------------------------

# Conditional, below.
default CreateSandboxRequest := false

# The image and the command are the pod's own business; a general default cannot know them.
default CreateContainerRequest := true

# Runs what was created.
default StartContainerRequest := true

# Kills on behalf of the kubelet, and so ends every pod.
default SignalProcessRequest := true

# Brings the exit code; a container would seem to run for ever without it.
default WaitProcessRequest := true

# Cleans up after a container.
default RemoveContainerRequest := true

# Sent by the Go runtime whenever a container stops, also where nothing is shared.
default RemoveStaleVirtiofsShareMountsRequest := true

# Ends the sandbox.
default DestroySandboxRequest := true

# Both runtimes ask for it when a sandbox starts, and give up on a refusal.
default GuestDetailsRequest := true

# The kubelet reads resource usage with it: numbers, no contents.
default StatsContainerRequest := true

# Both runtimes wait on it all the time. Refused, the Rust runtime asks again without a pause.
default GetOOMEventRequest := true

# Tells a terminal its size. Nothing can be read or typed through it.
default TtyWinResizeRequest := true

# Brings processors and memory online the host has added. It reads nothing; guests of a fixed size do
# not see it.
default OnlineCPUMemRequest := true

# Sent only to agents that are no longer made, which pull images by it. Newer ones never ask.
default PullImageRequest := true

# No directory of hooks and no kernel modules: both are code that runs in the guest and that the host
# chooses. No process namespace of the sandbox: the runtimes ask for a shared one container by container.
CreateSandboxRequest if {
	input.guest_hook_path == ""
	count(input.kernel_modules) == 0
	input.sandbox_pidns == false
}

# --- Files of the pod ------------------------------------------------------------------------------

# Without a shared file system, resolv.conf, hosts, config maps, secrets and tokens come by this
# request. It must never write anywhere else (CVE-2026-41326): so there are only the two rules below,
# and a request that tells no file type matches neither.
default CopyFileRequest := false

# Where the runtimes put one mount of a container: the container's id, 16 random characters, and the
# last component of the path in the container. `sandbox` in place of the id is what the Go runtime
# calls an emptyDir the containers share. A container's root file system, <id>/rootfs, has no such name.
# What may follow is for `normal` to say.
mount_top := `^/run/kata-containers/shared/containers/(?:passthrough/)?(?:watchable/)?(?:[a-z0-9]{64}|sandbox)-[a-z0-9]{16}-[^/]+`

CopyFileRequest if {
	input.file_type in {"Regular", "Directory"}
	regex.match(mount_top, input.path)
	normal(input.path)
}

# Config maps and secrets are made of symbolic links within their directory. A link may lie only below
# the top of the mount, or the mount itself would be made of whatever it points to, and it may point
# only to what is beside it or deeper.
CopyFileRequest if {
	input.file_type == "Symlink"
	regex.match(concat("", [mount_top, "/"]), input.path)
	normal(input.path)
	not startswith(input.symlink_target, "/")
	normal(input.symlink_target)
}

# A path that means what it says: no `..`, no `.`, no doubled or trailing slash.
normal(path) if {
	every part in split(trim_prefix(path, "/"), "/") {
		not part in {"", ".", ".."}
	}
}

# --- Network ---------------------------------------------------------------------------------------

# The host connects the pod, but what the guest says to itself stays inside: the loopback interface is
# not renamed, given other addresses, or routed around. Peer pods set their network up without these.
default UpdateInterfaceRequest := false

default UpdateRoutesRequest := false

default AddARPNeighborsRequest := false

# The agent finds the interface by its hardware address, and the loopback's is all zeros. It reads
# other spellings of an address as well, so only the usual one is taken. Of the flags, the runtimes
# hand on none but IFF_NOARP (128).
UpdateInterfaceRequest if {
	interface := input.interface
	outward(interface.name)
	outward(interface.device)
	regex.match(`^(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$`, interface.hwAddr)
	interface.hwAddr != "00:00:00:00:00:00"
	interface.raw_flags in {0, 128}
	every address in interface.IPAddresses {
		outside(address.address)
	}
}

UpdateRoutesRequest if {
	every route in input.routes.Routes {
		outward(route.device)
		outside(route.dest)
		outside(route.gateway)
		outside(route.source)
	}
}

# The runtimes send entries that are permanent (128) or reachable (2); of the flags, an entry may carry
# proxy (8) and router (128).
AddARPNeighborsRequest if {
	every neighbor in input.neighbors.ARPNeighbors {
		outward(neighbor.device)
		outside(neighbor.toIPAddress.address)
		neighbor.state in {2, 128}
		neighbor.flags in {0, 8, 128, 136}
	}
}

# The name of an interface other than the loopback, spelt as the kernel lets an interface be called. It
# would read a name with a NUL in it only up to there.
outward(device) if {
	regex.match(`^[^\x00-\x20/:]{1,15}$`, device)
	device != "lo"
}

# An address or network that does not begin in 127.0.0.0/8 and is not ::1, however either is written.
# The empty address is a route's way to say "any".
outside(address) if {
	bare := lower(split(address, "/")[0])
	not startswith(bare, "127.")
	not regex.match(`^[0:]*:0{0,3}1$`, bare)
	not regex.match(`^[0:]*:0\.0\.0\.1$`, bare)
	not regex.match(`^[0:]*:(?:ffff:)?127\.`, bare)
	not regex.match(`^[0:]*:(?:ffff:)?7f[0-9a-f]{2}:[0-9a-f]{1,4}$`, bare)
}

# --- Looking in: closed ----------------------------------------------------------------------------

# A command of the host's choice, next to the pod's secrets.
default ExecProcessRequest := false

# Logs, and what exec and attach print. See the head: the reader sees nothing, not an error.
default ReadStreamRequest := false

# Typing into a container. With CreateContainerRequest open, a shell could be typed to blindly.
default WriteStreamRequest := false

# Ends the standard input. A pod without stdin never needs it, and to one with stdin nothing could have
# been written.
default CloseStdinRequest := false

# The termination message is text the pod writes: a log under another name.
default GetDiagnosticDataRequest := false

# Counters of every process of the guest. Pods do not need them; kata-monitor goes without.
default GetMetricsRequest := false

# For debugging alone.
default ListInterfacesRequest := false

# For debugging alone.
default ListRoutesRequest := false

# Shows the packet filter of the pod.
default GetIPTablesRequest := false

# How full a directly assigned volume is. Such volumes are not part of the start of an ordinary pod.
default VolumeStatsRequest := false

# --- Reaching in: closed ---------------------------------------------------------------------------

# Replaces the packet filter, and with it what a service mesh has put there.
default SetIPTablesRequest := false

# New limits for a running container. Limits given in the pod come with its creation; only resizing in
# place and pinning processors later would need this.
default UpdateContainerRequest := false

# Remounts memory volumes after memory was added, which never happens to a guest of a fixed size.
default UpdateEphemeralMountsRequest := false

# Announces memory the host has added at addresses of its choice. Never happens at a fixed size.
default MemHotplugByProbeRequest := false

# The agent has only a stub for it.
default ResizeVolumeRequest := false

# Nothing in Kubernetes stops a container in its tracks.
default PauseContainerRequest := false

# Nothing is paused.
default ResumeContainerRequest := false

# Only a guest made from a template needs the host's time. A host that sets the clock revives expired
# certificates.
default SetGuestDateTimeRequest := false

# Only a guest made from a template needs the host's entropy, and the host would know it.
default ReseedRandomDevRequest := false

# Swap would put the guest's memory on a disk of the host.
default AddSwapRequest := false

# The same, for a path.
default AddSwapPathRequest := false

# Tuning of the memory agent, which an ordinary guest does not run. The name has no `Request` in it.
default MemAgentMemcgConfig := false

# The same, for compaction.
default MemAgentCompactConfig := false

# Sent only to agents that are no longer made. A trace shows what the guest does.
default StartTracingRequest := false

# The same.
default StopTracingRequest := false
