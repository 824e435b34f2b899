//! Who the guest is to its machine: its init, or a service of one. Both serve alike.

use rustix::process::{Pid, getpid, getppid};

/// What there is to be done besides serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// PID 1: mounts file systems, and powers the machine off in the end.
    Init,
    /// Started by PID 1, which has mounted what is needed, and does what its unit says when this ends.
    Service,
}

impl Role {
    /// The role of this process; `None` if a person has started it, who would not like what it does to a machine.
    pub(crate) fn of_this_process() -> Option<Self> {
        Self::of(getpid(), getppid())
    }

    fn of(own: Pid, parent: Option<Pid>) -> Option<Self> {
        match (own, parent) {
            (Pid::INIT, _) => Some(Self::Init),
            (_, Some(Pid::INIT)) => Some(Self::Service),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pid_1_and_what_it_starts_have_a_role() {
        let pid = |number| Pid::from_raw(number).unwrap();
        for (own, parent, role) in [
            (Pid::INIT, None, Some(Role::Init)),
            (pid(80), Some(Pid::INIT), Some(Role::Service)),
            (pid(80), Some(pid(2)), None),
            (pid(80), None, None),
        ] {
            assert_eq!(Role::of(own, parent), role, "{own:?} of {parent:?}");
        }
    }
}
