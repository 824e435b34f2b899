//! What the guard does as PID 1: reads, checks, loads modules, and becomes the agent. Decides nothing.

use std::convert::Infallible;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use coco_guard::cmdline::{self, Word};
use coco_guard::{AbsolutePath, PLAN_PATH, Plan, PlanError, Refusal, Sha256, review};
use rustix::mount::{MountFlags, UnmountFlags};

/// All the environment of what is started. `PATH` is where an image has programs; `HOME` and `TERM`
/// are what the kernel gives any PID 1, so that systemd and the agent find what they are used to.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("HOME", "/"),
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("TERM", "linux"),
];

/// `MODULE_INIT_COMPRESSED_FILE` of the kernel's `include/uapi/linux/module.h`.
const COMPRESSED: i32 = 4;

/// How many modules are named in one line; a name has at most 55 bytes.
const MODULES_A_LINE: usize = 16;

/// Why nothing is started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// `/proc` could not be had, or not be given back.
    #[error("{call} /proc: {error}")]
    Proc {
        /// What was tried.
        call: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// A file of the image or of `/proc`; the error names it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// No reader of the command line would know what it says.
    #[error("the command line is not UTF-8")]
    NotText,
    /// The plan in the image is none.
    #[error("{PLAN_PATH}: {0}")]
    Plan(#[from] PlanError),
    /// A word that the plan does not allow.
    #[error(transparent)]
    Word(#[from] Refusal),
    /// An argument that is not a word of the command line.
    #[error("argument `{}` is not a word of the command line", .0.escape_default())]
    Argument(String),
    /// The policy is not the one the plan records.
    #[error("policy {path}: SHA-256 got {got}, expected {expected}")]
    Policy {
        /// The file the agent would load.
        path: AbsolutePath,
        /// Of its contents.
        got: Sha256,
        /// In the plan.
        expected: Sha256,
    },
    /// A module that uses one which is not loaded: the plan's order is wrong.
    #[error("module {0} needs a module that is not loaded before it")]
    ModuleOrder(AbsolutePath),
    /// A module that the kernel does not take.
    #[error("module {path}: {error}")]
    Module {
        /// The module.
        path: AbsolutePath,
        /// What the kernel said.
        error: io::Error,
    },
    /// The program that should become PID 1 cannot.
    #[error("start {path}: {error}")]
    Exec {
        /// The program.
        path: AbsolutePath,
        /// What the kernel said.
        error: io::Error,
    },
}

/// Becomes the program of the plan, if the command line and the policy are as recorded.
pub(crate) fn start() -> Result<Infallible, Refused> {
    let line = command_line()?;
    let plan = Plan::parse(&fs_err::read_to_string(PLAN_PATH)?)?;
    let words = cmdline::words(&line);
    review(&words, &plan)?;
    review_arguments(&words)?;
    check_policy(&plan)?;
    for module in &plan.modules {
        load(module)?;
    }
    say_modules(&plan.modules);
    become_program(&plan)
}

/// Powers the machine off. If the kernel does not, PID 1 ends, which the kernel panics over.
pub(crate) fn power_off() -> ExitCode {
    rustix::fs::sync();
    let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
    ExitCode::FAILURE
}

/// The command line. `/proc` is mounted for the while if it is not: the agent mounts it itself, and
/// would fail if it were there.
fn command_line() -> Result<String, Refused> {
    let mounted = Path::new("/proc/cmdline").exists();
    if !mounted {
        fs_err::create_dir_all("/proc")?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        rustix::mount::mount("proc", "/proc", "proc", flags, None)
            .map_err(|error| Refused::Proc { call: "mount", error: error.into() })?;
    }
    let line = fs_err::read("/proc/cmdline")?;
    if !mounted {
        rustix::mount::unmount("/proc", UnmountFlags::empty())
            .map_err(|error| Refused::Proc { call: "unmount", error: error.into() })?;
    }
    String::from_utf8(line).map_err(|_| Refused::NotText)
}

/// The kernel hands on, as arguments, words without `=` which it does not know. They were reviewed
/// with the command line and go no further; anything else would have come from somewhere else.
fn review_arguments(words: &[Word<'_>]) -> Result<(), Refused> {
    for argument in std::env::args_os().skip(1) {
        let known = |word: &Word<'_>| word.value.is_none() && argument == *word.name;
        if !words.iter().any(known) {
            return Err(Refused::Argument(argument.to_string_lossy().into_owned()));
        }
    }
    Ok(())
}

fn check_policy(plan: &Plan) -> Result<(), Refused> {
    let got = Sha256::of(&fs_err::read(&plan.policy)?);
    let (path, expected) = (plan.policy.clone(), plan.policy_sha256);
    if got == expected { Ok(()) } else { Err(Refused::Policy { path, got, expected }) }
}

/// Loads a module. One that is built in or loaded already is as good.
fn load(path: &AbsolutePath) -> Result<(), Refused> {
    let module = fs_err::File::open(path.as_str())?;
    let flags =
        if Path::new(path.as_str()).extension().is_some_and(|it| it == "ko") { 0 } else { COMPRESSED };
    match rustix::system::finit_module(&module, c"", flags) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        // The file is open, so this is not about the file: a symbol was not found.
        Err(rustix::io::Errno::NOENT) => Err(Refused::ModuleOrder(path.clone())),
        Err(error) => Err(Refused::Module { path: path.clone(), error: error.into() }),
    }
}

/// Says what was loaded in a few lines: the kernel's log takes ten lines in five seconds of a program, and
/// drops longer ones than 976 bytes (`kernel/printk/printk.c`: `devkmsg_write`, `PRINTKRB_RECORD_MAX`).
fn say_modules(modules: &[AbsolutePath]) {
    for modules in modules.chunks(MODULES_A_LINE) {
        let name = |module: &AbsolutePath| {
            let file = module.as_str().rsplit('/').next().unwrap_or_default();
            file.split('.').next().unwrap_or_default().to_owned()
        };
        let names: Vec<String> = modules.iter().map(name).collect();
        crate::console::say(&format!("kernel modules loaded: {}", names.join(" ")));
    }
}

fn become_program(plan: &Plan) -> Result<Infallible, Refused> {
    crate::console::say(&format!("command line and policy are as recorded, starting {}", plan.exec));
    let mut program = Command::new(plan.exec.as_str());
    let error = program.args(&plan.args).env_clear().envs(ENVIRONMENT).exec();
    Err(Refused::Exec { path: plan.exec.clone(), error })
}
