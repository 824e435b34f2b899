//! The requests an agent asks its policy about, as one table. Not the fields they carry.
//!
//! The names are those of kata-agent 4.1: every call of `is_allowed` in `src/agent/src/rpc.rs`, which
//! asks for the rule named as the protobuf message. Names which only older agents know
//! (`PullImageRequest`, `StartTracingRequest`, `StopTracingRequest`) are not here: no agent of ours asks.

use std::fmt;
use std::str::FromStr;

/// Makes the enum, its names and the list of all of it from one table, so that none can be forgotten.
macro_rules! requests {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// A rule the agent looks up in `data.agent_policy`, in the order of their names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Request {
            $($(#[$doc])+ $variant,)+
        }

        impl Request {
            const ALL: &[Request] = &[$(Request::$variant,)+];

            /// The name of the rule, as the agent spells it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Request::$variant => $name,)+
                }
            }
        }
    };
}

requests! {
    /// Adds entries to the guest's neighbour table; the Go runtime sends it when it sets the network up.
    AddArpNeighbors = "AddARPNeighborsRequest",
    /// Turns a file in the guest into swap, by its path.
    AddSwapPath = "AddSwapPathRequest",
    /// Turns a device of the host into swap, by its PCI path.
    AddSwap = "AddSwapRequest",
    /// Not a request: asked once, when a policy is loaded. True lets every denied request through.
    AllowRequestsFailingPolicy = "AllowRequestsFailingPolicy",
    /// Ends the standard input of a process.
    CloseStdin = "CloseStdinRequest",
    /// Writes a file, directory or symbolic link into the guest's share directory.
    CopyFile = "CopyFileRequest",
    /// Makes a container, and pulls its image where the guest pulls.
    CreateContainer = "CreateContainerRequest",
    /// Sets the sandbox up: host name, DNS, storages, hooks, kernel modules.
    CreateSandbox = "CreateSandboxRequest",
    /// Tears the sandbox down.
    DestroySandbox = "DestroySandboxRequest",
    /// Runs a command in a container: `kubectl exec`, `kubectl cp`, exec probes, lifecycle hooks.
    ExecProcess = "ExecProcessRequest",
    /// Reads a container's termination message.
    GetDiagnosticData = "GetDiagnosticDataRequest",
    /// Reads the guest's packet filter.
    GetIpTables = "GetIPTablesRequest",
    /// Reads the agent's and the guest's metrics.
    GetMetrics = "GetMetricsRequest",
    /// Waits for the next container killed for want of memory.
    GetOomEvent = "GetOOMEventRequest",
    /// Asks what the guest and its agent can do; sent when a sandbox starts.
    GuestDetails = "GuestDetailsRequest",
    /// Lists the guest's network interfaces.
    ListInterfaces = "ListInterfacesRequest",
    /// Lists the guest's routes.
    ListRoutes = "ListRoutesRequest",
    /// Sets how the memory agent compacts memory. The name has no `Request` at its end.
    MemAgentCompactConfig = "MemAgentCompactConfig",
    /// Sets how the memory agent reclaims memory. The name has no `Request` at its end.
    MemAgentMemcgConfig = "MemAgentMemcgConfig",
    /// Announces hot-added memory to the guest's kernel, address by address.
    MemHotplugByProbe = "MemHotplugByProbeRequest",
    /// Brings hot-added processors and memory online.
    OnlineCpuMem = "OnlineCPUMemRequest",
    /// Freezes a container.
    PauseContainer = "PauseContainerRequest",
    /// Reads what a process wrote: container logs, and the output of exec and attach.
    ReadStream = "ReadStreamRequest",
    /// Removes a container.
    RemoveContainer = "RemoveContainerRequest",
    /// Unmounts what a stopped container left behind; the Go runtime sends it at every stop.
    RemoveStaleVirtiofsShareMounts = "RemoveStaleVirtiofsShareMountsRequest",
    /// Feeds the guest's random number generator.
    ReseedRandomDev = "ReseedRandomDevRequest",
    /// Resizes a volume.
    ResizeVolume = "ResizeVolumeRequest",
    /// Thaws a container.
    ResumeContainer = "ResumeContainerRequest",
    /// Sets the guest's clock.
    SetGuestDateTime = "SetGuestDateTimeRequest",
    /// Replaces the guest's packet filter.
    SetIpTables = "SetIPTablesRequest",
    /// Replaces the policy itself.
    SetPolicy = "SetPolicyRequest",
    /// Sends a signal to a process.
    SignalProcess = "SignalProcessRequest",
    /// Starts a container that was created.
    StartContainer = "StartContainerRequest",
    /// Reads a container's resource usage.
    StatsContainer = "StatsContainerRequest",
    /// Tells a process the size of its terminal.
    TtyWinResize = "TtyWinResizeRequest",
    /// Changes the limits of a running container.
    UpdateContainer = "UpdateContainerRequest",
    /// Resizes memory-backed volumes, after memory was hot-added.
    UpdateEphemeralMounts = "UpdateEphemeralMountsRequest",
    /// Sets up a network interface.
    UpdateInterface = "UpdateInterfaceRequest",
    /// Replaces the guest's routes.
    UpdateRoutes = "UpdateRoutesRequest",
    /// Reads how full a volume is.
    VolumeStats = "VolumeStatsRequest",
    /// Waits for a process to end and takes its exit code.
    WaitProcess = "WaitProcessRequest",
    /// Writes to the standard input of a process.
    WriteStream = "WriteStreamRequest",
}

/// A name no agent asks about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no request of the agent has this name: {0}")]
pub struct UnknownRequest(pub String);

impl Request {
    /// All of them, sorted by name.
    pub fn all() -> impl Iterator<Item = Request> {
        Self::ALL.iter().copied()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Request {
    type Err = UnknownRequest;

    fn from_str(name: &str) -> Result<Request, UnknownRequest> {
        Request::all().find(|request| request.name() == name).ok_or_else(|| UnknownRequest(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_by_name() {
        assert!(Request::all().map(Request::name).is_sorted());
    }

    #[test]
    fn every_name_is_read_back() {
        for request in Request::all() {
            assert_eq!(request.name().parse(), Ok(request));
        }
    }

    #[test]
    fn the_agent_asks_about_41_requests_and_one_setting() {
        assert_eq!(Request::all().count(), 42);
    }

    #[test]
    fn a_name_nobody_asks_about_is_an_error() {
        let error = "PullImageRequest".parse::<Request>().unwrap_err();
        assert_eq!(error.to_string(), "no request of the agent has this name: PullImageRequest");
    }
}
