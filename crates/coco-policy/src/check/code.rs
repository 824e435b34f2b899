//! The codes of diagnostics, with their levels, as one table. The messages are where things are found.

use std::fmt;

use super::Role;

/// How bad a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Note,
    /// It may not do what its author meant.
    Warning,
    /// An agent stops, a pod does not start, or something is open that must not be.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        })
    }
}

/// Makes the enum, the names and the levels from one table.
macro_rules! codes {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal, $default:ident, $override:ident;)+) => {
        /// What kind of thing was found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])+ $variant,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Code] = &[$(Code::$variant,)+];

            /// Its name, which is its anchor in `docs/policy-check.md` too.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Code::$variant => $name,)+
                }
            }

            /// How bad it is in a role.
            pub const fn level(self, role: Role) -> Level {
                match (self, role) {
                    $((Code::$variant, Role::Default) => Level::$default,
                    (Code::$variant, Role::Override) => Level::$override,)+
                }
            }
        }
    };
}

// name, level for a default, level for a pod's own policy
codes! {
    /// Nothing but white space and comments.
    Empty = "empty", Error, Error;
    /// A byte order mark in front.
    ByteOrderMark = "byte-order-mark", Error, Error;
    /// Bytes that are no text.
    NotUtf8 = "not-utf8", Error, Error;
    /// More than an engine takes.
    TooLong = "too-long", Error, Error;
    /// An engine could hang on it.
    TooComplex = "too-complex", Error, Error;
    /// Not Rego.
    Syntax = "syntax", Error, Error;
    /// A rule body without `if`.
    MissingIf = "missing-if", Error, Error;
    /// A keyword the older engine takes for a name.
    MissingImport = "missing-import", Error, Error;
    /// A variable nothing binds.
    UnsafeVariable = "unsafe-variable", Error, Error;
    /// A package the agent does not look into.
    WrongPackage = "wrong-package", Error, Error;
    /// A function the agents' engines do not have.
    UnknownFunction = "unknown-function", Error, Error;
    /// A second default of one name: the first counts.
    DuplicateDefault = "duplicate-default", Error, Error;
    /// A rule that can't change what the default says already.
    NoEffect = "no-effect", Error, Error;
    /// A rule nobody asks for.
    NeverUsed = "never-used", Warning, Warning;
    /// A body that is never true.
    NeverTrue = "never-true", Warning, Warning;
    /// A rule named almost like a request.
    UnknownRequest = "unknown-request", Error, Error;
    /// A request no rule answers.
    UndefinedRequest = "undefined-request", Error, Warning;
    /// A rule that can't be evaluated.
    EvaluationFails = "evaluation-fails", Error, Error;
    /// Every denial becomes a warning.
    FailingRequestsPass = "failing-requests-pass", Error, Error;
    /// An ordinary pod does not come up, run or stop. A policy made for one pod knows only that pod.
    StartPathDenied = "start-path-denied", Error, Warning;
    /// Something is open that a default must keep closed.
    Open = "open", Error, Note;
    /// A rule may open something in a way no sample shows.
    MayOpen = "may-open", Error, Note;
    /// Something passes that nothing ordinary needs.
    Wider = "wider", Warning, Note;
    /// Something is open that no policy should open.
    Hole = "hole", Error, Error;
    /// Two engines decide differently.
    EnginesDisagree = "engines-disagree", Error, Error;
    /// Commands may run, and print nothing.
    ExecWithoutOutput = "exec-without-output", Warning, Warning;
    /// Arguments joined to one text before they are compared.
    JoinedArguments = "joined-arguments", Error, Error;
    /// An answer that is not always the same.
    Random = "random", Error, Error;
    /// Answers that change the agent's state.
    Stateful = "stateful", Note, Note;
    /// Text for the host.
    Prints = "prints", Warning, Warning;
    /// `policy_data` that Trustee can't read.
    PolicyData = "policy-data", Warning, Warning;
    /// Agents before 3.29 tell no file type.
    NeedsFileType = "needs-file-type", Note, Note;
    /// A line that engines without the agents' settings refuse.
    LongLine = "long-line", Note, Note;
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}
