//! When the phases of a boot began, from the lines of its console. What was not said is not known.
//!
//! The kernel's lines begin with its own clock (`CONFIG_PRINTK_TIME`), which starts with the kernel.

use std::time::Duration;

use crate::Line;

/// What the kernel says when it starts to unpack the initrd: since 5.13, and before (`init/initramfs.c`).
const UNPACKING: [&str; 2] = ["Unpacking initramfs", "Trying to unpack rootfs image as initramfs"];

/// What it says when it gives the memory of the packed initrd back.
const UNPACKED: &str = "Freeing initrd memory: ";

/// What it says before it becomes PID 1 (`init/main.c`).
const INIT: [&str; 2] = ["Run /init as init process", "Run init as init process"];

/// What it says when it gets to know vsock (`net/socket.c`): early on, or when the module is loaded.
const VSOCK: &str = "NET: Registered PF_VSOCK protocol family";

/// The phases that have been seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    kernel: Option<Duration>,
    unpacking: Option<Duration>,
    unpacked: Option<Duration>,
    init: Option<Duration>,
    vsock: Option<Duration>,
    initrd_kib: Option<u64>,
}

/// The packed initrd, as the kernel had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Initrd {
    /// How long the kernel took to unpack it. Other work of the kernel may have gone on meanwhile.
    pub unpacking: Duration,
    /// Memory that was given back afterwards, in KiB.
    pub freed_kib: u64,
}

impl Timeline {
    /// Takes the next line of the console.
    pub fn note(&mut self, line: &Line) {
        let Some((clock, text)) = kernel_line(&line.text) else { return };
        // A line can come late, never early: the earliest start is the true one.
        let start = line.at.saturating_sub(clock);
        self.kernel = Some(self.kernel.map_or(start, |known| known.min(start)));
        if UNPACKING.iter().any(|said| text.starts_with(said)) {
            self.unpacking.get_or_insert(clock);
        } else if let Some(freed) = text.strip_prefix(UNPACKED) {
            self.unpacked.get_or_insert(clock);
            self.initrd_kib = freed.strip_suffix('K').and_then(|kib| kib.parse().ok());
        } else if INIT.contains(&text) {
            self.init.get_or_insert(line.at);
        } else if text == VSOCK {
            self.vsock.get_or_insert(line.at);
        }
    }

    /// When the kernel started, from the start of the machine: how long QEMU and firmware took.
    pub fn kernel(&self) -> Option<Duration> {
        self.kernel
    }

    /// The initrd's part in the time of the kernel.
    pub fn initrd(&self) -> Option<Initrd> {
        let unpacking = self.unpacked?.checked_sub(self.unpacking?)?;
        Some(Initrd { unpacking, freed_kib: self.initrd_kib? })
    }

    /// When the kernel got to know vsock, from the start of the machine.
    pub fn vsock(&self) -> Option<Duration> {
        self.vsock
    }

    /// When the kernel started the image's `/init`, from the start of the machine.
    pub fn init(&self) -> Option<Duration> {
        self.init
    }
}

/// The kernel's clock and its words, if the line is one of the kernel's: `[    0.123456] words`, or with
/// `CONFIG_PRINTK_CALLER` `[    0.123456][    T1] words`.
fn kernel_line(line: &str) -> Option<(Duration, &str)> {
    let (clock, text) = line.strip_prefix('[')?.split_once("] ")?;
    let clock = clock.split_once("][").map_or(clock, |(clock, _)| clock);
    let (seconds, micros) = clock.trim_start().split_once('.')?;
    if micros.len() != 6 {
        return None;
    }
    let clock = Duration::from_secs(seconds.parse().ok()?) + Duration::from_micros(micros.parse().ok()?);
    Some((clock, text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(lines: &[(u64, &str)]) -> Timeline {
        let mut timeline = Timeline::default();
        for &(at, text) in lines {
            timeline.note(&Line { at: Duration::from_millis(at), text: text.to_owned() });
        }
        timeline
    }

    const BOOT: [(u64, &str); 6] = [
        (700, "SeaBIOS (version 1.16)"),
        (1900, "[    0.000000] Linux version 6.1.0-56-cloud-amd64"),
        (1900, "[    0.900000] printk: console [ttyS0] enabled"),
        (2401, "[    1.400000] Unpacking initramfs..."),
        (2900, "[    1.900000] Freeing initrd memory: 1928K"),
        (3000, "[    1.999000] Run /init as init process"),
    ];

    #[test]
    fn the_kernel_started_when_its_promptest_line_says_so() {
        assert_eq!(of(&BOOT).kernel(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn unpacking_is_told_by_the_kernels_clock() {
        let initrd = of(&BOOT).initrd().unwrap();
        assert_eq!(initrd, Initrd { unpacking: Duration::from_millis(500), freed_kib: 1928 });
    }

    #[test]
    fn init_is_told_by_ours() {
        assert_eq!(of(&BOOT).init(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn older_kernels_say_it_otherwise() {
        let timeline = of(&[
            (1, "[    0.000100] Trying to unpack rootfs image as initramfs..."),
            (1, "[    0.000300] Freeing initrd memory: 4K"),
        ]);
        assert_eq!(timeline.initrd().unwrap().unpacking, Duration::from_micros(200));
    }

    #[test]
    fn a_kernel_may_say_who_calls() {
        let timeline = of(&[(5, "[    0.003000][    T1] Run /init as init process")]);
        assert_eq!(
            (timeline.kernel(), timeline.init()),
            (Some(Duration::from_millis(2)), Some(Duration::from_millis(5)))
        );
    }

    #[test]
    fn what_was_not_said_is_not_known() {
        let timeline = of(&[(5, "coco-guest: kernel 6.1.0"), (6, "[not a clock] x"), (7, "[ 1.5] x")]);
        assert_eq!(timeline, Timeline::default());
        assert_eq!(of(&BOOT[..4]).initrd(), None);
    }

    proptest! {
        #[test]
        fn no_line_of_a_guest_is_too_strange(text in ".{0,64}", at: u32) {
            of(&[(at.into(), &text), (0, &format!("[{text}] Freeing initrd memory: {text}"))]);
        }
    }
}
