//! Every request of the agent's service, in one table: who may pass, then what is done. Not how.
//!
//! A request has no other way in: the table is the service. Its rows ask the policy before anything
//! else happens. The four below them can't be rows, since the policy is asked otherwise about them.

use coco_agent_api::agent::{
    self, CreateSandboxRequest, Empty, OOMEvent, ReadStreamRequest, ReadStreamResponse, WaitProcessResponse,
    WriteStreamRequest, WriteStreamResponse,
};
use coco_agent_api::agent_ttrpc::AgentService;
use coco_agent_api::ttrpc::{self, TtrpcContext};
use coco_agent_api::{MessageField, types};
use coco_policy::Request;
use rustix::process::Signal;

use crate::console::say;
use crate::containers::Target;
use crate::faults::Fault;
use crate::guest::Guest;
use crate::processes::{Channel, Process};
use crate::{copy_file, details};

/// `method(message) -> answer: the policy's name for it, |guest, message, context| what is done;`
macro_rules! service {
    (
        asked_first {
            $($method:ident($message:ident) -> $answer:ty: $request:ident,
                |$guest:pat_param, $read:pat_param, $context:pat_param| $act:expr;)+
        }
        asked_otherwise { $($other:tt)+ }
    ) => {
        impl AgentService for Guest {
            $(fn $method(&self, context: &TtrpcContext, message: agent::$message) -> ttrpc::Result<$answer> {
                self.ask(Request::$request, &message)?;
                let ($guest, $read, $context) = (self, &message, context);
                let done: Result<$answer, Fault> = $act;
                Ok(done?)
            })+
            $($other)+
        }
    };
}

service! {
    asked_first {
        create_sandbox(CreateSandboxRequest) -> Empty: CreateSandbox, |guest, message, _| create_sandbox(guest, message);
        destroy_sandbox(DestroySandboxRequest) -> Empty: DestroySandbox, |guest, _, _| {
            guest.destroy();
            Ok(Empty::new())
        };
        get_guest_details(GuestDetailsRequest) -> agent::GuestDetailsResponse: GuestDetails,
            |_, message, _| details::guest(message);

        create_container(CreateContainerRequest) -> Empty: CreateContainer,
            |guest, message, _| empty(guest.containers.create(message));
        start_container(StartContainerRequest) -> Empty: StartContainer,
            |guest, message, _| empty(guest.containers.start(&message.container_id));
        remove_container(RemoveContainerRequest) -> Empty: RemoveContainer,
            |guest, message, _| empty(guest.containers.remove(&message.container_id));
        exec_process(ExecProcessRequest) -> Empty: ExecProcess,
            |guest, message, _| empty(guest.containers.exec(message));
        signal_process(SignalProcessRequest) -> Empty: SignalProcess, |guest, message, _| {
            empty(guest.containers.signal(target(&message.container_id, &message.exec_id), message.signal))
        };
        wait_process(WaitProcessRequest) -> WaitProcessResponse: WaitProcess, |guest, message, _| {
            let status = guest.containers.wait(target(&message.container_id, &message.exec_id))?;
            Ok(WaitProcessResponse { status, ..WaitProcessResponse::default() })
        };
        update_container(UpdateContainerRequest) -> Empty: UpdateContainer, |guest, message, _| {
            guest.containers.pids(&message.container_id)?;
            if message.resources.is_some() { unsupported("limits of a container are") } else { Ok(Empty::new()) }
        };
        update_ephemeral_mounts(UpdateEphemeralMountsRequest) -> Empty: UpdateEphemeralMounts, |_, message, _| {
            if message.storages.is_empty() { Ok(Empty::new()) } else { unsupported("storages are") }
        };
        stats_container(StatsContainerRequest) -> agent::StatsContainerResponse: StatsContainer,
            |guest, message, _| guest.containers.pids(&message.container_id).map(|pids| details::stats(&pids));
        pause_container(PauseContainerRequest) -> Empty: PauseContainer,
            |guest, message, _| empty(guest.containers.signal_all(&message.container_id, Signal::STOP));
        resume_container(ResumeContainerRequest) -> Empty: ResumeContainer,
            |guest, message, _| empty(guest.containers.signal_all(&message.container_id, Signal::CONT));
        // There is no virtiofs, so nothing of it is stale.
        remove_stale_virtiofs_share_mounts(RemoveStaleVirtiofsShareMountsRequest) -> Empty:
            RemoveStaleVirtiofsShareMounts, |_, _, _| Ok(Empty::new());
        get_diagnostic_data(GetDiagnosticDataRequest) -> agent::GetDiagnosticDataResponse: GetDiagnosticData,
            |guest, message, _| diagnostic_data(guest, message);

        write_stdin(WriteStreamRequest) -> WriteStreamResponse: WriteStream, |guest, message, _| write(guest, message);
        close_stdin(CloseStdinRequest) -> Empty: CloseStdin, |guest, message, _| {
            let target = target(&message.container_id, &message.exec_id);
            empty(guest.containers.with(target, Process::close_stdin))
        };
        tty_win_resize(TtyWinResizeRequest) -> Empty: TtyWinResize, |guest, message, _| {
            guest.containers.with(target(&message.container_id, &message.exec_id), |_| ())?;
            Err(Fault::NoTty)
        };

        update_interface(UpdateInterfaceRequest) -> types::Interface: UpdateInterface, |_, message, _| network(&message.interface, "empty update interface request");
        update_routes(UpdateRoutesRequest) -> agent::Routes: UpdateRoutes, |_, message, _| network(&message.routes, "empty update routes request");
        list_interfaces(ListInterfacesRequest) -> agent::Interfaces: ListInterfaces,
            |_, _, _| unsupported("a network is");
        list_routes(ListRoutesRequest) -> agent::Routes: ListRoutes, |_, _, _| unsupported("a network is");
        add_arp_neighbors(AddARPNeighborsRequest) -> Empty: AddArpNeighbors, |_, message, _| network(&message.neighbors, "empty add arp neighbours request");
        get_ip_tables(GetIPTablesRequest) -> agent::GetIPTablesResponse: GetIpTables,
            |_, _, _| unsupported("a network is");
        set_ip_tables(SetIPTablesRequest) -> agent::SetIPTablesResponse: SetIpTables,
            |_, _, _| unsupported("a network is");

        get_metrics(GetMetricsRequest) -> agent::Metrics: GetMetrics, |_, _, _| unsupported("metrics are");
        get_oom_event(GetOOMEventRequest) -> OOMEvent: GetOomEvent, |_, _, context| wait_for_oom(context);
        // What an agent answers whose command line does not turn its memory agent on.
        mem_agent_memcg_set(MemAgentMemcgConfig) -> Empty: MemAgentMemcgConfig,
            |_, _, _| Err(Fault::Failed("mem-agent is disabled".to_owned()));
        mem_agent_compact_set(MemAgentCompactConfig) -> Empty: MemAgentCompactConfig,
            |_, _, _| Err(Fault::Failed("mem-agent is disabled".to_owned()));
        online_cpu_mem(OnlineCPUMemRequest) -> Empty: OnlineCpuMem, |_, _, _| {
            if details::is_all_online()? { Ok(Empty::new()) } else { unsupported("hot plug is") }
        };
        mem_hotplug_by_probe(MemHotplugByProbeRequest) -> Empty: MemHotplugByProbe, |_, message, _| {
            if message.memHotplugProbeAddr.is_empty() { Ok(Empty::new()) } else { unsupported("hot plug is") }
        };
        reseed_random_dev(ReseedRandomDevRequest) -> Empty: ReseedRandomDev,
            |_, _, _| unsupported("seeding the random number generator is");
        set_guest_date_time(SetGuestDateTimeRequest) -> Empty: SetGuestDateTime,
            |_, _, _| unsupported("setting the clock is");
        add_swap(AddSwapRequest) -> Empty: AddSwap, |_, _, _| unsupported("swap is");
        add_swap_path(AddSwapPathRequest) -> Empty: AddSwapPath, |_, _, _| unsupported("swap is");
        get_volume_stats(VolumeStatsRequest) -> agent::VolumeStatsResponse: VolumeStats,
            |_, _, _| unsupported("a volume is");
        resize_volume(ResizeVolumeRequest) -> Empty: ResizeVolume, |_, _, _| unsupported("a volume is");
    }

    asked_otherwise {
        // Read before the policy is asked, so that a container whose output nobody may see can go on.
        fn read_stdout(&self, _: &TtrpcContext, message: ReadStreamRequest) -> ttrpc::Result<ReadStreamResponse> {
            Ok(read(self, &message, Channel::Stdout)?)
        }

        fn read_stderr(&self, _: &TtrpcContext, message: ReadStreamRequest) -> ttrpc::Result<ReadStreamResponse> {
            Ok(read(self, &message, Channel::Stderr)?)
        }

        // The policy sees no data.
        fn copy_file(&self, _: &TtrpcContext, message: agent::CopyFileRequest) -> ttrpc::Result<Empty> {
            self.ask_about(Request::CopyFile, &copy_file::input(&message)?.to_string())?;
            Ok(empty(copy_file::copy(&message, &self.share()))?)
        }

        // Asked and replaced at once.
        fn set_policy(&self, _: &TtrpcContext, message: agent::SetPolicyRequest) -> ttrpc::Result<Empty> {
            Ok(empty(Guest::set_policy(self, &message))?)
        }
    }
}

fn empty(done: Result<(), Fault>) -> Result<Empty, Fault> {
    done.map(|()| Empty::new())
}

fn target<'a>(container: &'a str, exec: &'a str) -> Target<'a> {
    Target { container, exec }
}

/// There is none to set up; but a request for nothing is the caller's mistake, as for the agent.
fn network<M, T>(asked: &MessageField<M>, empty: &str) -> Result<T, Fault> {
    if asked.is_none() {
        return Err(Fault::BadRequest(empty.to_owned()));
    }
    unsupported("a network is")
}

/// `what` has its verb: "swap is".
fn unsupported<T>(what: &str) -> Result<T, Fault> {
    Err(Fault::Unsupported(what.to_owned()))
}

/// Wipes what an earlier sandbox left, as the agent does.
fn create_sandbox(guest: &Guest, message: &CreateSandboxRequest) -> Result<Empty, Fault> {
    let lists = [("kernel modules", message.kernel_modules.len()), ("storages", message.storages.len())];
    for (what, count) in lists {
        if count > 0 {
            return unsupported(&format!("{what} of a sandbox are"));
        }
    }
    for (what, is_empty) in [("dns", message.dns.is_empty()), ("hostname", message.hostname.is_empty())] {
        if !is_empty {
            say(&format!("CreateSandboxRequest: {what} not applied"));
        }
    }
    if guest.base().exists() {
        fs_err::remove_dir_all(guest.base())?;
    }
    fs_err::create_dir_all(guest.base())?;
    Ok(Empty::new())
}

fn diagnostic_data(
    guest: &Guest,
    message: &agent::GetDiagnosticDataRequest,
) -> Result<agent::GetDiagnosticDataResponse, Fault> {
    if message.log_type != "termination_log" {
        return Err(Fault::BadRequest(format!("unsupported diagnostic log_type: {}", message.log_type)));
    }
    let path = guest.containers.termination_log(&message.container_id)?;
    let data = details::termination_log(&path)?;
    Ok(agent::GetDiagnosticDataResponse { data, ..agent::GetDiagnosticDataResponse::default() })
}

/// Writes to a process; no data ends its input. Faults have other words here than elsewhere, as in the agent.
fn write(guest: &Guest, message: &WriteStreamRequest) -> Result<WriteStreamResponse, Fault> {
    let target = target(&message.container_id, &message.exec_id);
    let stdin = guest.containers.with(target, |process| {
        if message.data.is_empty() {
            process.close_stdin();
        }
        process.stdin()
    });
    let stdin = stdin.map_err(|fault| match fault {
        Fault::NoContainerOfProcess => Fault::NoContainer,
        Fault::NoInit => Fault::NoInitToWrite,
        Fault::NoExec => Fault::NoExecToWrite,
        other => other,
    })?;
    if !message.data.is_empty() {
        stdin.ok_or(Fault::NoWriter)?.write(&message.data)?;
    }
    let len = u32::try_from(message.data.len()).unwrap_or(u32::MAX);
    Ok(WriteStreamResponse { len, ..WriteStreamResponse::default() })
}

/// Reads, and hands out nothing if the policy does not allow it, for whatever reason.
fn read(guest: &Guest, message: &ReadStreamRequest, channel: Channel) -> Result<ReadStreamResponse, Fault> {
    let target = target(&message.container_id, &message.exec_id);
    let output = guest.containers.with(target, |process| process.output(channel))?;
    let mut data = output.read(message.len)?;
    if guest.ask(Request::ReadStream, message).is_err() {
        data.clear();
    }
    Ok(ReadStreamResponse { data, ..ReadStreamResponse::default() })
}

/// No container is limited in its memory, so none is ever killed for it: waits until the caller goes away.
fn wait_for_oom(context: &TtrpcContext) -> Result<OOMEvent, Fault> {
    // Nothing is ever sent; the end of the connection is an error here.
    let _ = context.cancel_rx.recv();
    Err(Fault::BadRequest(String::new()))
}
