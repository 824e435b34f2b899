//! The guest's vsock, from the host: by the host's kernel where it can, else by a process. Speaks no ttrpc.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use coco_boot::Vsock;

use super::MachineError;
use super::keeper::Keeper;

/// The program that is the guest's vsock where the kernel is not.
const PROGRAM: &str = "vhost-device-vsock";

/// How long it may take to listen.
const STARTING: Duration = Duration::from_secs(10);

/// How long the guest may take to accept a connection.
const ACCEPTING: Duration = Duration::from_secs(2);

/// The answer is `OK` and the number of a port.
const LONGEST_ANSWER: usize = 64;

/// How long a guest is left alone after its kernel has said that it knows vsock. The process that is asked for
/// a connection before the guest's driver is ready can stay mute for the rest of the boot.
const SETTLING: Duration = Duration::from_millis(250);

/// A way to the guest.
#[derive(Debug)]
pub(crate) enum Transport {
    /// The host's kernel knows the guest by this address.
    Kernel(u32),
    /// The process listens here, and asks for a port first.
    Process(PathBuf),
}

impl Transport {
    /// Makes the way, and tells what the machine needs for its end of it.
    pub(crate) fn new(keeper: &mut Keeper) -> Result<(Self, Vsock), MachineError> {
        if fs_err::OpenOptions::new().read(true).write(true).open("/dev/vhost-vsock").is_ok() {
            // Two machines of one host must differ, and addresses below 3 are taken.
            let address = 0x1_0000 + std::process::id();
            return Ok((Self::Kernel(address), Vsock::Kernel(address)));
        }
        let (machine, host) = (keeper.folder().join("vhost"), keeper.folder().join("vsock"));
        let log = fs_err::File::create(keeper.folder().join("vsock.log"))?.into_file();
        let vm = format!("guest-cid=3,socket={},uds-path={}", machine.display(), host.display());
        let mut command = Command::new(PROGRAM);
        command.arg("--vm").arg(vm).stdout(Stdio::null()).stderr(log);
        keeper.start(&mut command).map_err(|error| MachineError::Start { program: PROGRAM, error })?;
        wait_for(&machine)?;
        Ok((Self::Process(host), Vsock::Process(machine)))
    }

    /// How long after the guest's kernel knows vsock the first connection may be tried.
    pub(crate) fn settling(&self) -> Duration {
        match self {
            Self::Kernel(_) => Duration::ZERO,
            Self::Process(_) => SETTLING,
        }
    }

    /// Connects to a port of the guest. An error is usual as long as nobody listens there.
    pub(crate) fn connect(&self, port: u32) -> io::Result<OwnedFd> {
        match self {
            Self::Kernel(address) => Ok(vsock::VsockStream::connect_with_cid_port(*address, port)?.into()),
            Self::Process(socket) => ask(socket, port),
        }
    }
}

/// Asks the process for a port of the guest, as Firecracker introduced it: `CONNECT port`, `OK port`.
fn ask(socket: &Path, port: u32) -> io::Result<OwnedFd> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ACCEPTING))?;
    stream.write_all(format!("CONNECT {port}\n").as_bytes())?;
    let mut answer = Vec::new();
    // Byte by byte: what is behind the line is the guest's.
    let mut byte = [0];
    while answer.len() < LONGEST_ANSWER && stream.read(&mut byte)? == 1 && byte != *b"\n" {
        answer.extend(byte);
    }
    if !answer.starts_with(b"OK ") {
        return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens on the port"));
    }
    stream.set_read_timeout(None)?;
    Ok(stream.into())
}

fn wait_for(socket: &Path) -> Result<(), MachineError> {
    let start = Instant::now();
    while !socket.exists() {
        if start.elapsed() > STARTING {
            return Err(MachineError::Silent { program: PROGRAM, patience: STARTING });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
