//! What a denied request means to a person, and what to do about it, as one table. Asks no policy.

use crate::{Request, Toggle};

/// What to do when a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// One of these opens it, for one pod.
    Open(&'static [Toggle]),
    /// The default allows it: the policy in force is another one, and is too narrow.
    Mend,
    /// The default allows it in its usual form: what was sent is not that.
    Unusual,
    /// Nothing ordinary needs it, and no toggle opens it: only a whole policy of one's own does.
    Own,
    /// It must stay closed.
    Never,
}

/// What there is to say about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// What a person does or sees when it is denied.
    pub seen: &'static str,
    /// What to do.
    pub remedy: Remedy,
    /// What to do instead of opening anything, or what to look at.
    pub instead: &'static str,
    /// What allowing it means.
    pub risk: &'static str,
}

impl Advice {
    /// What there is to say about `request`.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub const fn of(request: Request) -> Advice {
        use Remedy::{Mend, Never, Open, Own, Unusual};
        let (seen, remedy, instead, risk) = match request {
            Request::ExecProcess => (
                "`oc exec`, `oc cp`, `oc rsh`, an exec probe or an exec lifecycle hook fails",
                Open(&[Toggle::Exec]),
                "for a probe: httpGet, tcpSocket or grpc; for one command: --allow-exec-command with its words",
                Toggle::Exec.risk(),
            ),
            Request::ReadStream => (
                "`oc logs`, or what a command printed, is empty",
                Open(&[Toggle::Logs, Toggle::ExecOutput]),
                "send logs from inside the pod to where they may be read",
                Toggle::Logs.risk(),
            ),
            Request::WriteStream | Request::CloseStdin => (
                "what is typed or piped into a container or command does not arrive",
                Open(&[Toggle::Stdin]),
                "give the program a file, or an argument",
                Toggle::Stdin.risk(),
            ),
            Request::GetDiagnosticData => (
                "the termination message in the pod's status is empty",
                Open(&[Toggle::TerminationLog]),
                "the exit code still arrives",
                Toggle::TerminationLog.risk(),
            ),
            Request::SetPolicy => (
                "a pod with the annotation io.katacontainers.config.agent.policy does not start",
                Never,
                "put the policy into initdata: io.katacontainers.config.hypervisor.cc_init_data",
                "the host could replace the whole policy at any time",
            ),
            Request::AllowRequestsFailingPolicy => (
                "nothing: it is a setting of the policy",
                Never,
                "leave it out, or false",
                "every denial becomes a warning, and no later policy can end it",
            ),
            Request::CopyFile => (
                "the pod does not start: a file of it could not be copied into the guest",
                Unusual,
                "an agent before 3.29 tells no file type; an absolute or climbing link in a volume is refused",
                "a copy anywhere else can replace any file of the guest (CVE-2026-41326)",
            ),
            Request::UpdateInterface | Request::UpdateRoutes | Request::AddArpNeighbors => (
                "the pod does not start: its network could not be set up",
                Unusual,
                "see what the host's network plugin sends: only the loopback and odd spellings are refused",
                "the host could redirect what the guest says to itself",
            ),
            Request::CreateSandbox => (
                "the pod does not start",
                Unusual,
                "a directory of guest hooks, kernel modules or a sandbox PID namespace is configured on the host",
                "hooks and modules are code the host chooses",
            ),
            Request::CreateContainer
            | Request::StartContainer
            | Request::SignalProcess
            | Request::WaitProcess
            | Request::RemoveContainer
            | Request::RemoveStaleVirtiofsShareMounts
            | Request::DestroySandbox
            | Request::GuestDetails
            | Request::StatsContainer
            | Request::GetOomEvent
            | Request::TtyWinResize
            | Request::OnlineCpuMem => (
                "the pod does not start, run or stop as it should",
                Mend,
                "the default allows it, so a policy of the pod's own is in force: make it anew for this image",
                "none beyond running the pod",
            ),
            Request::UpdateContainer => (
                "resizing a pod in place, or pinning its processors, fails",
                Own,
                "give the limits when the pod is made",
                "the host changes limits of running containers, not what they do",
            ),
            Request::UpdateEphemeralMounts | Request::MemHotplugByProbe => (
                "a guest that grows is told so in vain",
                Own,
                "keep static_sandbox_resource_mgmt = true",
                "the host adds memory to the guest, or remounts its memory volumes",
            ),
            Request::GetMetrics
            | Request::ListInterfaces
            | Request::ListRoutes
            | Request::GetIpTables
            | Request::VolumeStats => (
                "monitoring from the host shows nothing of the guest",
                Own,
                "measure from inside the pod",
                "the host sees numbers and addresses of the guest",
            ),
            Request::SetIpTables => (
                "the host can't replace the guest's packet filter",
                Own,
                "set it inside the pod",
                "the host removes what a service mesh has put there",
            ),
            Request::SetGuestDateTime | Request::ReseedRandomDev => (
                "a guest made from a template is not told the time, or gets no entropy from the host",
                Own,
                "do not use VM templates for confidential guests",
                "the host chooses the guest's clock, or knows its random numbers",
            ),
            Request::AddSwap | Request::AddSwapPath => (
                "the guest gets no swap from the host",
                Own,
                "give the pod more memory",
                "the guest's memory lies on a disk of the host",
            ),
            Request::PauseContainer
            | Request::ResumeContainer
            | Request::ResizeVolume
            | Request::MemAgentMemcgConfig
            | Request::MemAgentCompactConfig => (
                "nothing an ordinary pod does",
                Own,
                "Kubernetes does not need it",
                "the host steers processes or memory of the guest",
            ),
        };
        Advice { seen, remedy, instead, risk }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    #[test]
    fn what_a_case_says_opens_it_is_what_the_advice_says() {
        for case in cases::embedded() {
            if let (Some(toggle), Remedy::Open(toggles)) = (case.opens, Advice::of(case.request).remedy) {
                assert!(toggles.contains(&toggle), "{}", case.name);
            }
            let opens = matches!(Advice::of(case.request).remedy, Remedy::Open(_));
            assert!(case.opens.is_none() || opens, "{}", case.name);
        }
    }
}
