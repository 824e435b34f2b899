//! How often something is tried again, and how long is waited before.

use std::thread;
use std::time::Duration;

/// How often something is tried, the first time included.
const TRIES: u32 = 6;
/// The wait before the second try; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(250);
/// The longest wait that a server may ask for: whoever wants more is told so.
const LONGEST: Duration = Duration::from_mins(1);

/// Whether another try may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// After a while.
    AsUsual,
    /// After this time, which the server asks for.
    For(Duration),
    /// No.
    Never,
}

/// The tries that one request has. Whatever gets further has all of them again.
#[derive(Debug)]
pub(crate) struct Patience {
    tried: u32,
    usual: Duration,
}

impl Patience {
    /// All of it.
    pub(crate) fn new() -> Self {
        Self { tried: 1, usual: FIRST }
    }

    /// Waits as `wait` says; false, without a wait, if there is no use in another try.
    pub(crate) fn lasts(&mut self, wait: Wait) -> bool {
        let time = match wait {
            Wait::Never => return false,
            Wait::For(time) if time > LONGEST => return false,
            Wait::For(time) => time,
            Wait::AsUsual => self.usual,
        };
        if self.tried >= TRIES {
            return false;
        }
        self.tried += 1;
        self.usual *= 2;
        thread::sleep(time);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_after_six_tries() {
        let mut patience = Patience::new();
        assert_eq!((0..10).filter(|_| patience.lasts(Wait::For(Duration::ZERO))).count(), 5);
    }

    #[test]
    fn nobody_waits_for_what_does_not_pass_or_takes_too_long() {
        for wait in [Wait::Never, Wait::For(LONGEST + Duration::from_secs(1))] {
            assert!(!Patience::new().lasts(wait));
        }
    }
}
