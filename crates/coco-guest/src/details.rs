//! What the guest tells of itself and of its containers: version, memory blocks, usage. Changes nothing.

use std::io;

use coco_agent_api::MessageField;
use coco_agent_api::agent::{
    AgentDetails, CgroupStats, CpuStats, CpuUsage, GuestDetailsRequest, GuestDetailsResponse, MemoryData,
    MemoryStats, PidsStats, StatsContainerResponse,
};
use coco_agent_api::health::VersionCheckResponse;
use rustix::process::Pid;

use crate::faults::Fault;

/// The agent whose protocol this is, and after the plus who stands in for it.
pub(crate) const VERSION: &str = concat!("4.1.0+coco-guest.", env!("CARGO_PKG_VERSION"));
/// What the agent calls the version of its protocol (`API_VERSION` of `src/agent/src/version.rs`).
const API_VERSION: &str = "0.0.1";

/// How long the kernel's tick is for `/proc`, in nanoseconds: `USER_HZ` is 100 (`proc_pid_stat(5)`).
const TICK: u64 = 10_000_000;
/// How long a page is for `/proc/PID/statm`, in bytes, on the machines this is built for.
const PAGE: u64 = 4096;

/// A termination log is read so far, in bytes (`MAX_TERMINATION_MSG` of `src/agent/src/rpc.rs`).
const TERMINATION_MAX: usize = 4096;

/// The answer to Health's Version.
pub(crate) fn version() -> VersionCheckResponse {
    VersionCheckResponse {
        agent_version: VERSION.to_owned(),
        grpc_version: API_VERSION.to_owned(),
        ..VersionCheckResponse::default()
    }
}

/// The answer to `GetGuestDetails`.
pub(crate) fn guest(request: &GuestDetailsRequest) -> Result<GuestDetailsResponse, Fault> {
    let folder = "/sys/devices/system/memory";
    let mut answer = GuestDetailsResponse::new();
    if request.mem_block_size {
        let size = present(fs_err::read_to_string(format!("{folder}/block_size_bytes")))?;
        if let Some(size) = size {
            answer.mem_block_size_bytes = u64::from_str_radix(size.trim(), 16)
                .map_err(|_| Fault::Failed("Invalid block size".to_owned()))?;
        }
    }
    if request.mem_hotplug_probe {
        answer.support_mem_hotplug_probe = present(fs_err::metadata(format!("{folder}/probe")))?.is_some();
    }
    let details = AgentDetails {
        version: VERSION.to_owned(),
        init_daemon: std::process::id() == 1,
        extra_features: vec!["agent-policy".to_owned()],
        ..AgentDetails::default()
    };
    answer.agent_details = MessageField::some(details);
    Ok(answer)
}

/// The answer to `StatsContainer`, for the processes with these PIDs: processor time in nanoseconds,
/// resident memory in bytes. One that ended meanwhile counts nothing.
pub(crate) fn stats(pids: &[Pid]) -> StatsContainerResponse {
    let sum =
        |of: fn(Pid) -> Option<u64>| pids.iter().filter_map(|pid| of(*pid)).fold(0, u64::saturating_add);
    let usage = CpuUsage { total_usage: sum(processor_time), ..CpuUsage::default() };
    let memory = MemoryData { usage: sum(memory), ..MemoryData::default() };
    let count = PidsStats { current: u64::try_from(pids.len()).unwrap_or(u64::MAX), ..PidsStats::default() };
    let stats = CgroupStats {
        cpu_stats: MessageField::some(CpuStats {
            cpu_usage: MessageField::some(usage),
            ..CpuStats::default()
        }),
        memory_stats: MessageField::some(MemoryStats {
            usage: MessageField::some(memory),
            ..MemoryStats::default()
        }),
        pids_stats: MessageField::some(count),
        ..CgroupStats::default()
    };
    StatsContainerResponse { cgroup_stats: MessageField::some(stats), ..StatsContainerResponse::default() }
}

/// Whether every processor that is there is online (`cpu/offline` lists the others).
pub(crate) fn is_all_online() -> Result<bool, Fault> {
    let offline = present(fs_err::read_to_string("/sys/devices/system/cpu/offline"))?;
    Ok(offline.is_none_or(|list| list.trim().is_empty()))
}

/// The beginning of a termination log; nothing if there is none.
pub(crate) fn termination_log(path: &std::path::Path) -> Result<String, Fault> {
    use io::Read as _;
    let Some(file) = present(fs_err::File::open(path))? else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    file.take(u64::try_from(TERMINATION_MAX).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn present<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn processor_time(pid: Pid) -> Option<u64> {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold blanks and brackets; user and system time are the 14th and 15th field.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
    times.next()?.checked_add(times.next()?)?.checked_mul(TICK)
}

fn memory(pid: Pid) -> Option<u64> {
    let statm = fs_err::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    statm.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(PAGE)
}
