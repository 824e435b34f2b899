//! Intel TDX: the register of the launch, MRTD, and the events of RTMR1 and RTMR2. Not RTMR0.
//!
//! The events are those of OVMF (`OvmfPkg/IntelTdx`) that starts a kernel for QEMU, and of Linux' EFI stub.

use sha2::Digest as _;

use crate::command_line::{CommandLine, InitrdArgument};
use crate::digest::Sha384;
use crate::event::{Event, Measured, Register, replay};
use crate::firmware::{Firmware, FirmwareError, PAGE, TdvfMeasured, TdvfSection};
use crate::input::Input;
use crate::kernel::MeasuredKernel;

/// What MRTD depends on.
pub const MRTD_INPUTS: [Input; 1] = [Input::Firmware];
/// What one `TDH.MR.EXTEND` covers, in bytes.
const CHUNK: usize = 256;

/// In which order the hypervisor adds pages and has their contents measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageOrder {
    /// Each page is added and measured before the next: KVM of Linux 6.16 and later.
    SinglePass,
    /// All pages of a section are added, then all are measured: hypervisors before KVM had TDX.
    TwoPass,
}

/// Where the firmware puts the separator between itself and what it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// Into RTMR1.
    Rtmr1,
    /// Into RTMR0, which is not known before a boot: edk2-stable202408.
    Rtmr0,
}

/// Whether the kernel measures the initrd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitrdEvent {
    /// It does: Linux 6.9 and later.
    Measured,
    /// It does not.
    Absent,
}

/// What is started, beside the firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TdxLaunch {
    /// The kernel, as [`Kernel::measured`](crate::kernel::Kernel::measured) says.
    pub kernel: MeasuredKernel,
    /// The command line that QEMU is given (`-append`).
    pub command_line: CommandLine,
    /// The initrd, if there is one.
    pub initrd: Option<TdxInitrd>,
    /// Where the separator goes.
    pub separator: Separator,
}

/// An initrd, as TDX sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TdxInitrd {
    /// SHA-384 of the file, packed as it is.
    pub digest: Sha384,
    /// Where the firmware tells the kernel of it.
    pub argument: InitrdArgument,
    /// Whether the kernel measures it.
    pub event: InitrdEvent,
}

/// MRTD: the digest of the guest's first memory. One for a firmware; nothing else is in it.
///
/// `TDH.MEM.PAGE.ADD` and `TDH.MR.EXTEND` of Intel's "TDX Module Base Architecture Specification".
pub fn mrtd(firmware: &Firmware<'_>, order: PageOrder) -> Result<Sha384, FirmwareError> {
    let mut build = Build { hasher: sha2::Sha384::new() };
    for section in firmware.tdvf_sections()? {
        let mut contents = Contents::of(firmware, section);
        match (section.measured, order) {
            (TdvfMeasured::Nothing, _) => {}
            (TdvfMeasured::Pages, _) => pages(section).for_each(|gpa| build.add(gpa)),
            (TdvfMeasured::Contents, PageOrder::SinglePass) => pages(section).for_each(|gpa| {
                build.add(gpa);
                build.extend(gpa, &contents.next_page());
            }),
            (TdvfMeasured::Contents, PageOrder::TwoPass) => {
                pages(section).for_each(|gpa| build.add(gpa));
                pages(section).for_each(|gpa| build.extend(gpa, &contents.next_page()));
            }
        }
    }
    Ok(Sha384::from(<[u8; 48]>::from(build.hasher.finalize())))
}

/// The events of RTMR1 and RTMR2, in the order in which each is extended.
pub fn events(launch: &TdxLaunch) -> Vec<Event> {
    let mut events = vec![
        Event {
            register: Register::Rtmr1,
            measured: Measured::Kernel,
            digest: launch.kernel.digest(),
            inputs: launch.kernel.inputs().to_vec(),
        },
        always(Measured::CallingApplication, b"Calling EFI Application from Boot Option"),
    ];
    if launch.separator == Separator::Rtmr1 {
        events.push(always(Measured::Separator, &[0; 4]));
    }
    let argument = launch.initrd.map(|_| Input::InitrdArgument);
    events.push(Event {
        register: Register::Rtmr2,
        measured: Measured::LoadOptions,
        digest: load_options(launch),
        inputs: [Some(Input::CommandLine), argument].into_iter().flatten().collect(),
    });
    if let Some(TdxInitrd { digest, event: InitrdEvent::Measured, .. }) = launch.initrd {
        let (register, inputs) = (Register::Rtmr2, vec![Input::Initrd]);
        events.push(Event { register, measured: Measured::Initrd, digest, inputs });
    }
    events.extend([
        always(Measured::ExitBootServicesInvocation, b"Exit Boot Services Invocation"),
        always(Measured::ExitBootServicesSuccess, b"Exit Boot Services Returned with Success"),
    ]);
    events
}

/// The value of `register` after its events among `events`.
pub fn register(events: &[Event], register: Register) -> Sha384 {
    replay(events.iter().filter(|event| event.register == register).map(|event| &event.digest))
}

/// The digest of the kernel's load options: `tdvfkernelparams` of Trustee.
pub fn load_options(launch: &TdxLaunch) -> Sha384 {
    launch.command_line.load_options_digest(launch.initrd.map(|initrd| initrd.argument))
}

/// An event of RTMR1 that is the same in every guest.
fn always(measured: Measured, data: &[u8]) -> Event {
    Event { register: Register::Rtmr1, measured, digest: Sha384::of(data), inputs: Vec::new() }
}

/// The addresses of a section's pages.
fn pages(section: &TdvfSection) -> impl Iterator<Item = u64> {
    let start = section.gpa;
    (0..section.memory_size / PAGE).map(move |page| start + page * PAGE)
}

/// The digest of a guest's memory as it grows.
struct Build {
    hasher: sha2::Sha384,
}

impl Build {
    fn add(&mut self, gpa: u64) {
        self.hasher.update(block(b"MEM.PAGE.ADD", gpa));
    }

    fn extend(&mut self, gpa: u64, page: &[u8; 4096]) {
        let (chunks, _) = page.as_chunks::<CHUNK>();
        for (chunk, gpa) in chunks.iter().zip((gpa..).step_by(CHUNK)) {
            self.hasher.update(block(b"MR.EXTEND", gpa));
            self.hasher.update(chunk);
        }
    }
}

/// What is hashed for an operation: its name in 16 bytes, the address in 8, and zeros.
fn block(name: &[u8], gpa: u64) -> [u8; 128] {
    let mut block = [0; 128];
    let (head, tail) = block.split_at_mut(16);
    for (to, from) in head.iter_mut().zip(name) {
        *to = *from;
    }
    for (to, from) in tail.iter_mut().zip(gpa.to_le_bytes()) {
        *to = from;
    }
    block
}

/// The bytes of a section, page by page.
struct Contents<'a> {
    left: &'a [u8],
}

impl<'a> Contents<'a> {
    fn of(firmware: &Firmware<'a>, section: &TdvfSection) -> Self {
        let start = usize::try_from(section.data_offset).ok();
        let size = usize::try_from(section.data_size).ok();
        let left = start.zip(size).and_then(|(start, size)| firmware.bytes().get(start..)?.get(..size));
        Self { left: left.expect("a section's contents were found in the file when it was read") }
    }

    /// The next page; zeros follow what is there.
    fn next_page(&mut self) -> [u8; 4096] {
        let mut page = [0; 4096];
        let (now, later) = self.left.split_at(self.left.len().min(page.len()));
        for (to, from) in page.iter_mut().zip(now) {
            *to = *from;
        }
        self.left = later;
        page
    }
}
