//! The containers of the scenarios: their names, their files, their processes.
//!
//! Everything comes in by `CopyFile`, as configuration maps do where nothing is shared, so that a scenario
//! needs no registry and nothing of the image. The names are such as the runtimes make; the default policy
//! takes no others.

use coco_agent_api::agent::{CreateContainerRequest, ExecProcessRequest, StartContainerRequest};
use coco_agent_api::oci::{Linux, LinuxCapabilities, LinuxNamespace, Mount, Process, Root, Spec};

use crate::Call;

/// The one directory that the agent lets files into.
const SHARE: &str = "/run/kata-containers/shared/containers";

/// A container's id: as 64 hexadecimal digits, all the same one.
pub(crate) fn id(digit: char) -> String {
    std::iter::repeat_n(digit, 64).collect()
}

/// The container that a scenario is about.
pub(crate) const MAIN: char = 'a';

/// Where a mount of the main container is, by the last component of its path in the container.
pub(crate) fn mount(name: &str) -> String {
    format!("{SHARE}/{}-0123456789abcdef-{name}", id(MAIN))
}

/// Copies the program that all containers run.
pub(crate) fn upload(probe: &[u8]) -> Vec<Call> {
    Call::file(&format!("{}/probe", mount("rootfs")), 0o755, probe)
}

/// Makes a container whose process is the probe with these words.
pub(crate) fn create(digit: char, words: &[&str]) -> Call {
    let spec = Spec {
        Version: "1.1.0".to_owned(),
        Process: Some(process(words)).into(),
        Root: Some(Root { Path: mount("rootfs"), ..Root::default() }).into(),
        Mounts: vec![mounted("proc", "/proc"), mounted("tmpfs", "/dev")],
        Linux: Some(Linux { Namespaces: ["ipc", "uts", "mount"].map(namespace).into(), ..Linux::default() })
            .into(),
        ..Spec::default()
    };
    let request = CreateContainerRequest {
        container_id: id(digit),
        exec_id: id(digit),
        OCI: Some(spec).into(),
        ..CreateContainerRequest::default()
    };
    Call::agent("CreateContainer", &request)
}

/// Starts it.
pub(crate) fn start(digit: char) -> Call {
    Call::agent("StartContainer", &StartContainerRequest { container_id: id(digit), ..Default::default() })
}

/// Runs the probe once more, in the main container, as the process of that name.
pub(crate) fn exec(name: &str, words: &[&str]) -> Call {
    let request = ExecProcessRequest {
        container_id: id(MAIN),
        exec_id: name.to_owned(),
        process: Some(process(words)).into(),
        ..ExecProcessRequest::default()
    };
    Call::agent("ExecProcess", &request)
}

fn process(words: &[&str]) -> Process {
    let words = words.iter().map(|&word| word.to_owned());
    Process {
        Args: std::iter::once("/probe".to_owned()).chain(words).collect(),
        Env: vec!["PATH=/".to_owned()],
        Cwd: "/".to_owned(),
        // None at all, which the agent tells from "not said".
        Capabilities: Some(LinuxCapabilities::default()).into(),
        NoNewPrivileges: true,
        ..Process::default()
    }
}

/// The agent adds the namespace of processes itself, and can't run commands in a container that lists it.
fn namespace(kind: &str) -> LinuxNamespace {
    LinuxNamespace { Type: kind.to_owned(), ..LinuxNamespace::default() }
}

fn mounted(kind: &str, destination: &str) -> Mount {
    Mount {
        destination: destination.to_owned(),
        source: kind.to_owned(),
        type_: kind.to_owned(),
        ..Mount::default()
    }
}
