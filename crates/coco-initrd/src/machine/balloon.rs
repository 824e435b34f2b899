//! How much memory a guest has left, asked through QEMU's machine protocol. The guest's kernel answers.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use coco_boot::Machine;
use serde_json::{Value, json};

/// How long the guest's kernel may take; it is asked once a second.
const PATIENCE: Duration = Duration::from_secs(4);

/// The memory of a guest, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All that the guest's kernel manages.
    pub(crate) total: u64,
    /// What it could give to programs (`MemAvailable`).
    pub(crate) available: u64,
}

/// Asks; `None` if the guest has no driver for the balloon.
pub(crate) fn memory(socket: &Path) -> io::Result<Option<Memory>> {
    let mut qmp = Qmp::connect(socket)?;
    let balloon = format!("/machine/peripheral/{}", Machine::BALLOON);
    let interval = json!({"path": balloon, "property": "guest-stats-polling-interval", "value": 1});
    qmp.ask("qom-set", &interval)?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let answer = qmp.ask("qom-get", &json!({"path": balloon, "property": "guest-stats"}))?;
        if let Some(memory) = of_stats(&answer) {
            return Ok(Some(memory));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(None)
}

/// The numbers, once the guest has sent some: until then `last-update` is 0.
fn of_stats(answer: &Value) -> Option<Memory> {
    let number = |name| answer.pointer(name).and_then(Value::as_u64);
    if number("/last-update")? == 0 {
        return None;
    }
    // 2^64-1 says that the guest's kernel does not know.
    let known = |name| number(name).filter(|&bytes| bytes != u64::MAX);
    Some(Memory {
        total: known("/stats/stat-total-memory")?,
        available: known("/stats/stat-available-memory")?,
    })
}

/// A connection to QEMU (`docs/interop/qmp-spec.rst` of QEMU).
struct Qmp(BufReader<UnixStream>);

impl Qmp {
    fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut qmp = Self(BufReader::new(stream));
        qmp.message()?;
        qmp.ask("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    fn ask(&mut self, command: &str, arguments: &Value) -> io::Result<Value> {
        let line = format!("{}\n", json!({"execute": command, "arguments": arguments}));
        self.0.get_mut().write_all(line.as_bytes())?;
        loop {
            let mut answer = self.message()?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            if let Some(error) = answer.pointer("/error/desc") {
                return Err(io::Error::other(format!("{command}: {error}")));
            }
            // Anything else is an event.
        }
    }

    fn message(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_str(&line).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_once_the_guest_has_sent_them() {
        let stats = json!({"stat-total-memory": 1000, "stat-available-memory": 900, "stat-swap-in": 0});
        assert_eq!(of_stats(&json!({"last-update": 0, "stats": stats})), None);
        let memory = of_stats(&json!({"last-update": 5, "stats": stats}));
        assert_eq!(memory, Some(Memory { total: 1000, available: 900 }));
    }

    #[test]
    fn a_kernel_that_does_not_know_is_no_number() {
        let stats = json!({"stat-total-memory": 1000, "stat-available-memory": u64::MAX});
        assert_eq!(of_stats(&json!({"last-update": 5, "stats": stats})), None);
    }
}
