//! `coco-initrd e2e`: boots an image again and again, drives its agent, and says whether all holds.
//!
//! What must hold is the table of `coco-acceptance`. Here are its runner and its reports; nothing here
//! knows which guest it has before it.

mod changes;
mod disks;
mod report;
mod run;

use coco_acceptance::Scenario;
use coco_guest_programs::PROBE;

use crate::Outcome;
use crate::args::boot::E2eArgs;
use crate::commands::boot::Subject;
use crate::machine;
use crate::output::Output;
use crate::replace;
use crate::report::plural;

use changes::Contents;
use run::Played;

/// Options that don't fit together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum E2eUse {
    /// A name that is no scenario's.
    #[error("no scenario is called `{name}`")]
    Scenario {
        /// The name.
        name: String,
        /// All names.
        all: Vec<&'static str>,
    },
}

/// Runs the scenarios.
pub(crate) fn e2e(args: &E2eArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let scenarios = chosen(&args.only)?;
    let subject = Subject::read(&args.machine)?;
    if let Some(path) = &args.junit {
        replace::may_be_written(path)?;
    }
    let contents = Contents::read(&subject)?;
    let guest = subject.guest()?;
    if let Some(directory) = &args.keep_consoles {
        fs_err::create_dir_all(directory)?;
    }
    let accelerator = machine::accelerator(subject.acceleration, &guest)?;
    out.note(&format!("{}, executed by {}", plural(scenarios.len(), "boot"), accelerator.name()));
    let mut played = Vec::new();
    // Whoever reads the results may stop; what they are does not depend on that.
    let mut printed = Ok(());
    for scenario in &scenarios {
        let mut guest = guest.clone();
        guest.console = args.keep_consoles.as_ref().map(|it| it.join(format!("{}.log", scenario.name)));
        let result = run::run(scenario, guest, (&subject, &contents), accelerator);
        if !args.machine.json && printed.is_ok() {
            printed = out.data(&report::lines(&result));
        }
        played.push(result);
    }
    if args.machine.json {
        printed = out.data(&report::json(&played));
    }
    if let Some(path) = &args.junit {
        replace::file(path, report::junit(&played)?.as_bytes())?;
    }
    out.note(&report::summary(&played));
    if !played.iter().all(Played::holds) {
        return Ok(Outcome::Wanting);
    }
    printed?;
    Ok(Outcome::Done)
}

/// The scenarios to run, in the order of the table.
fn chosen(only: &[String]) -> Result<Vec<Scenario>, E2eUse> {
    let all = coco_acceptance::scenarios(PROBE);
    let names: Vec<&'static str> = all.iter().map(|scenario| scenario.name).collect();
    if let Some(name) = only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(E2eUse::Scenario { name: name.clone(), all: names });
    }
    let wanted = |scenario: &Scenario| only.is_empty() || only.iter().any(|name| name == scenario.name);
    Ok(all.into_iter().filter(wanted).collect())
}
