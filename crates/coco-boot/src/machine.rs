//! A machine, and the arguments that make QEMU be it. For x86-64; without a TEE.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::CommandLine;

/// What executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The host's processor.
    Kvm,
    /// QEMU itself: slow, and works everywhere.
    Tcg,
}

/// How the guest's vsock reaches the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vsock {
    /// The host's kernel, `/dev/vhost-vsock`; the guest's address.
    Kernel(u32),
    /// A process that speaks vhost-user on this socket. It reads the guest's memory, which is why that is
    /// shared.
    Process(PathBuf),
}

/// A disk of raw bytes that the guest can't write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk(pub PathBuf);

/// Where QEMU listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sockets {
    /// For its machine protocol (QMP).
    pub qmp: PathBuf,
}

/// A machine to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// What executes it.
    pub accelerator: Accelerator,
    /// Its memory, in MiB.
    pub memory_mib: u64,
    /// Number of its processors.
    pub processors: u32,
    /// The kernel.
    pub kernel: PathBuf,
    /// The initrd.
    pub initrd: PathBuf,
    /// The words the kernel gets.
    pub command_line: CommandLine,
    /// Its way to the host.
    pub vsock: Vsock,
    /// Its disks: the first is `/dev/vda`.
    pub disks: Vec<Disk>,
    /// Where QEMU listens.
    pub sockets: Sockets,
}

impl Accelerator {
    /// QEMU's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// The processor to ask for: all that the accelerator has.
    fn processor(self) -> &'static str {
        match self {
            Self::Kvm => "host",
            Self::Tcg => "max",
        }
    }
}

impl Machine {
    /// The program that is started with [`Machine::arguments`].
    pub const PROGRAM: &str = "qemu-system-x86_64";

    /// QEMU's id of the balloon, which knows how much memory the guest has left.
    pub const BALLOON: &str = "balloon";

    /// QEMU's arguments. The console is on its standard output.
    ///
    /// Nothing is there that is not named here: no default devices, no configuration of the user's, no
    /// network. A guest that powers off or reboots ends QEMU.
    pub fn arguments(&self) -> Vec<OsString> {
        let memory = self.memory_mib;
        let mut arguments = Arguments::default();
        arguments.flags(&["-nodefaults", "-no-user-config", "-no-reboot"]);
        arguments.option("-display", "none");
        arguments.option("-machine", format!("q35,accel={},memory-backend=ram", self.accelerator.name()));
        arguments.option("-cpu", self.accelerator.processor());
        arguments.option("-smp", self.processors.to_string());
        arguments.option("-m", format!("{memory}M"));
        arguments.option("-object", format!("memory-backend-memfd,id=ram,size={memory}M,share=on"));
        arguments.option("-kernel", self.kernel.clone());
        arguments.option("-initrd", self.initrd.clone());
        arguments.option("-append", self.command_line.to_string());
        arguments.option("-chardev", "stdio,id=console,signal=off");
        arguments.option("-serial", "chardev:console");
        arguments.option("-chardev", with_path("socket,id=qmp,server=on,wait=off,path=", &self.sockets.qmp));
        arguments.option("-mon", "chardev=qmp,mode=control");
        arguments.option("-device", format!("virtio-balloon-pci,id={}", Self::BALLOON));
        match &self.vsock {
            Vsock::Kernel(address) => {
                arguments.option("-device", format!("vhost-vsock-pci,guest-cid={address}"));
            }
            Vsock::Process(socket) => {
                arguments.option("-chardev", with_path("socket,id=vsock,path=", socket));
                arguments.option("-device", "vhost-user-vsock-pci,chardev=vsock");
            }
        }
        for (number, Disk(path)) in self.disks.iter().enumerate() {
            let drive = format!("if=none,id=disk{number},format=raw,readonly=on,file=");
            arguments.option("-drive", with_path(&drive, path));
            arguments.option("-device", format!("virtio-blk-pci,drive=disk{number}"));
        }
        arguments.0
    }
}

/// A list of arguments that grows.
#[derive(Debug, Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn flags(&mut self, flags: &[&str]) {
        self.0.extend(flags.iter().map(OsString::from));
    }

    fn option(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(name.into());
        self.0.push(value.into());
    }
}

/// The path as the last of QEMU's comma-separated values; in those a comma is written twice.
fn with_path(values: &str, path: &std::path::Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let mut bytes = values.as_bytes().to_vec();
    for &byte in path.as_os_str().as_bytes() {
        bytes.push(byte);
        if byte == b',' {
            bytes.push(byte);
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn machine() -> Machine {
        Machine {
            accelerator: Accelerator::Tcg,
            memory_mib: 512,
            processors: 1,
            kernel: "vmlinuz".into(),
            initrd: "x.img".into(),
            command_line: CommandLine::watched("panic=1", &std::collections::BTreeMap::new()).unwrap(),
            vsock: Vsock::Process("/s/vsock".into()),
            disks: vec![Disk("/s/a,b.img".into())],
            sockets: Sockets { qmp: "/s/qmp".into() },
        }
    }

    fn shown(machine: &Machine) -> String {
        let mut text = String::new();
        for argument in machine.arguments() {
            let argument = argument.to_string_lossy();
            text += if argument.starts_with('-') { "\n" } else { " " };
            text += &argument;
        }
        text.trim_start().to_owned() + "\n"
    }

    #[test]
    fn a_machine_is_all_that_its_arguments_name() {
        expect![[r#"
            -nodefaults
            -no-user-config
            -no-reboot
            -display none
            -machine q35,accel=tcg,memory-backend=ram
            -cpu max
            -smp 1
            -m 512M
            -object memory-backend-memfd,id=ram,size=512M,share=on
            -kernel vmlinuz
            -initrd x.img
            -append panic=1 console=ttyS0
            -chardev stdio,id=console,signal=off
            -serial chardev:console
            -chardev socket,id=qmp,server=on,wait=off,path=/s/qmp
            -mon chardev=qmp,mode=control
            -device virtio-balloon-pci,id=balloon
            -chardev socket,id=vsock,path=/s/vsock
            -device vhost-user-vsock-pci,chardev=vsock
            -drive if=none,id=disk0,format=raw,readonly=on,file=/s/a,,b.img
            -device virtio-blk-pci,drive=disk0
        "#]]
        .assert_eq(&shown(&machine()));
    }

    #[test]
    fn the_hosts_kernel_carries_vsock_where_it_can() {
        let text = shown(&Machine { vsock: Vsock::Kernel(7), ..machine() });
        assert!(text.contains("-device vhost-vsock-pci,guest-cid=7\n"), "{text}");
        assert!(!text.contains("vhost-user"), "{text}");
    }

    #[test]
    fn kvm_gives_the_hosts_processor() {
        let text = shown(&Machine { accelerator: Accelerator::Kvm, ..machine() });
        assert!(text.contains("accel=kvm,") && text.contains("-cpu host\n"), "{text}");
    }
}
