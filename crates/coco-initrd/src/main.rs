//! `coco-initrd`: builds reproducible, secure-by-default guest initrds for Confidential Containers.
//!
//! This file only starts a command and turns its outcome into an exit code: 0 done, 1 checked and
//! found wanting, 2 could not do it.

mod args;
mod cache;
mod commands;
mod content_store;
mod default_policy;
mod fetch;
mod guard_plan;
mod http;
mod initdata;
mod initrd_file;
mod inputs;
mod interrupt;
mod kata_config;
mod lock_file;
mod machine;
mod measure;
mod mirrors;
mod named_file;
mod output;
mod pods;
mod produce;
mod profiles;
mod publish;
mod registry;
mod replace;
mod report;
mod store;
mod sums;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use output::Output;

/// How a command that ran to its end has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Done.
    Done,
    /// Checked, and found wanting; what is wrong has been said.
    Wanting,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Output::new();
    let result =
        interrupt::clean_up_on_interrupt().map_err(Into::into).and_then(|()| run(&cli.command, &mut out));
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Wanting) => ExitCode::from(1),
        // Whoever reads our output has closed it: that is their good right.
        Err(error) if report::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            out.error(&report::message(&error), report::hint(&error));
            ExitCode::from(2)
        }
    }
}

fn run(command: &Command, out: &mut Output) -> anyhow::Result<Outcome> {
    match command {
        Command::Build(args) => commands::build::build(args, out),
        Command::Lock(args) => commands::lock::lock(args, out),
        Command::Fetch(args) => commands::fetch::fetch(args, out),
        Command::Verify(args) => commands::verify::verify(args, out),
        Command::Customize(args) => commands::customize::customize(args, out),
        Command::Boot(args) => commands::boot::boot(args, out),
        Command::E2e(args) => commands::e2e::e2e(args, out),
        Command::Diff(args) => commands::diff::diff(args, out),
        Command::Inspect(args) => commands::inspect::inspect(args, out),
        Command::Ls(args) => commands::ls::ls(args, out),
        Command::Cat(args) => commands::cat::cat(args, out),
        Command::Extract(args) => commands::extract::extract(args, out),
        Command::Parity(args) => commands::parity::parity(args, out),
        Command::Profile(args) => commands::profile::profile(args, out),
        Command::Initdata(args) => commands::initdata::initdata(args, out),
        Command::Override(args) => commands::pod_override::pod_override(args, out),
        Command::Host(args) => commands::host::host(args, out),
        Command::Policy(args) => commands::policy::policy(args, out),
        Command::Cache(args) => commands::cache::cache(args, out),
        Command::Measure(args) => commands::measure::measure(args, out),
        Command::Push(args) => commands::push::push(args, out),
        Command::Pull(args) => commands::pull::pull(args, out),
        Command::Generate(args) => commands::generate::generate(args, out),
    }
}
