//! A scenario: how a guest is booted, and what is expected of it.

use crate::Step;

/// One boot and what must come of it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// A short name, for options and reports: letters and dashes.
    pub name: &'static str,
    /// What it shows, in one sentence.
    pub shows: &'static str,
    /// What is done to the image before, in this order.
    pub changes: Vec<Change>,
    /// Words that the host adds to the command line.
    pub words: Vec<&'static str>,
    /// The disks of the guest: the first is `/dev/vda`.
    pub disks: Vec<Disk>,
    /// What must come of it.
    pub expect: Expect,
}

/// Something done to an image by whoever has the host: more is unpacked over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The guard is taken away: `/init` loads the modules and becomes the agent, with everything that the
    /// command line brings.
    NoGuard,
    /// Every shell is the program that containers run, so that it can be told by its words.
    Shell,
    /// The default policy allows everything.
    OpenPolicy,
    /// The default policy is no policy.
    BrokenPolicy,
}

/// A disk of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// Initdata with the default policy, opened that far.
    Initdata(Opened),
    /// Initdata that is none: its gzip is damaged.
    DamagedInitdata,
    /// Initdata with a digest algorithm that nobody knows.
    UnknownAlgorithm,
    /// The text of a policy that allows everything.
    OpenPolicy,
    /// A configuration of the agent, which names the next disk as its policy.
    AgentConfiguration,
}

/// What initdata opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// What containers print.
    Logs,
    /// Commands and what they print.
    Exec,
    /// Both.
    LogsAndExec,
}

/// What must come of a boot.
#[derive(Debug, Clone)]
pub enum Expect {
    /// The agent answers; then these steps, in their order.
    Serves(Vec<Step>),
    /// The guest ends by itself, and its agent never answered.
    Ends(End),
}

/// How a guest must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The guard refuses, and names this.
    Refusal(&'static str),
    /// The agent says that it has no policy.
    NoPolicy,
    /// The agent ends it, with or without a word: kata-agent does not always say why.
    ByAgent,
}
