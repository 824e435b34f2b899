//! Why a guest is gone, from the last lines of its console. Gives no advice.
//!
//! The words looked for are those of the guard, of kata-agent 4.1 (`src/agent/src/main.rs`), of the
//! built-in guest and of Linux (`init/`, `kernel/panic.c`, `kernel/reboot.c`).

use std::fmt;

use crate::Line;

/// The end of a guest, in the order in which signs of it are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The guard did not start the agent; its reason.
    Refused(String),
    /// The agent has no policy it could put in force; its reason.
    Policy(String),
    /// The agent can't read the initdata that is there; its reason.
    Initdata(String),
    /// The kernel can't unpack the image; its reason.
    Unpacking(String),
    /// The kernel found no `/init`, and looked for another root file system.
    NoInit(String),
    /// The kernel gave up for another reason.
    Panic(String),
    /// The guest powered itself off, without saying why. kata-agent does so when it ends.
    PoweredOff,
    /// None of all that was said.
    Unexplained,
}

/// Makes an ending of the text behind its sign, the reason.
type Meaning = fn(String) -> Ending;

const SIGNS: [(&str, Meaning); 10] = [
    ("coco-guard: refused: ", Ending::Refused),
    ("coco-guest: failed: no policy: ", Ending::Policy),
    ("Failed to initialize agent policy: ", Ending::Policy),
    ("coco-guest: failed: initdata: ", Ending::Initdata),
    ("Failed to read initdata: ", Ending::Initdata),
    ("Initramfs unpacking failed: ", Ending::Unpacking),
    ("rootfs image is not initramfs ", Ending::Unpacking),
    ("Kernel panic - not syncing: VFS: ", Ending::NoInit),
    ("Kernel panic - not syncing: ", Ending::Panic),
    ("reboot: Power down", |_| Ending::PoweredOff),
];

impl Ending {
    /// Why the guest that wrote these lines is gone.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line> + Copy) -> Self {
        let found = |(sign, meaning): &(&str, Meaning)| {
            let behind = |line: &'a Line| line.text.split_once(sign).map(|(_, reason)| reason);
            lines.into_iter().find_map(behind).map(|reason| meaning(in_words(reason).to_owned()))
        };
        SIGNS.iter().find_map(found).unwrap_or(Self::Unexplained)
    }
}

/// The reason without what kata-agent's log, which is JSON, has behind it: the addresses of a backtrace,
/// and the other keys.
fn in_words(reason: &str) -> &str {
    let words = reason.split_once(r"\n\nStack backtrace").map_or(reason, |(words, _)| words);
    words.split_once(r#"","level":""#).map_or(words, |(words, _)| words).trim_end()
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(out, "the guard refused: {reason}"),
            Self::Policy(reason) => write!(out, "the agent has no policy: {reason}"),
            Self::Initdata(reason) => write!(out, "the agent can't read the initdata: {reason}"),
            Self::Unpacking(reason) => write!(out, "the kernel can't unpack the image: {reason}"),
            Self::NoInit(reason) => write!(out, "the kernel found no /init in the image: {reason}"),
            Self::Panic(reason) => write!(out, "the kernel panicked: {reason}"),
            Self::PoweredOff => out.write_str("the guest powered off and did not say why"),
            Self::Unexplained => out.write_str("the machine ended and the console does not say why"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(texts: &[&str]) -> String {
        let lines: Vec<Line> =
            texts.iter().map(|&text| Line { at: Duration::ZERO, text: text.to_owned() }).collect();
        Ending::of(&lines).to_string()
    }

    #[test]
    fn each_end_is_told_by_its_sign() {
        for (line, told) in [
            (
                "coco-guard: refused: command line word `x` is not allowed: it is not in the image's list",
                "the guard refused: command line word `x` is not allowed: it is not in the image's list",
            ),
            (
                "coco-guest: failed: no policy: /etc/kata-opa/default-policy.rego:1:1: x",
                "the agent has no policy: /etc/kata-opa/default-policy.rego:1:1: x",
            ),
            (
                "[    2.2] Initramfs unpacking failed: invalid magic at start of compressed archive",
                "the kernel can't unpack the image: invalid magic at start of compressed archive",
            ),
            (
                "[ 2.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
                "the kernel found no /init in the image: Unable to mount root fs on unknown-block(0,0)",
            ),
            (
                "[ 2.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b",
                "the kernel panicked: Attempted to kill init! exitcode=0x0000000b",
            ),
            ("[    3.0] reboot: Power down", "the guest powered off and did not say why"),
            ("nothing", "the machine ended and the console does not say why"),
        ] {
            assert_eq!(of(&[line]), told);
        }
    }

    #[test]
    fn a_cause_counts_more_than_what_it_led_to() {
        let told = of(&[
            "{\"msg\":\"Failed to initialize agent policy: x.rego:3:1\",\"level\":\"ERRO\"}",
            "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b",
        ]);
        assert_eq!(told, "the agent has no policy: x.rego:3:1");
    }

    #[test]
    fn a_backtrace_is_not_part_of_a_reason() {
        let told = of(&[
            r#"{"msg":"Failed to initialize agent policy: x.rego:3:1\n\nStack backtrace:\n   0: <unknown>","level":"ERRO"}"#,
        ]);
        assert_eq!(told, "the agent has no policy: x.rego:3:1");
    }
}
