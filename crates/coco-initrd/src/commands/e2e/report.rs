//! What came of the scenarios, for people, for programs and for pipelines. Judges nothing.

use std::fmt::Write as _;

use anyhow::Context as _;
use coco_acceptance::Verdict;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::run::{Done, Played};
use crate::report::{one_line, plural};

/// A scenario in one line, and a line for each step that failed or was only observed.
pub(crate) fn lines(played: &Played) -> String {
    let verdict = if played.holds() { "ok  " } else { "FAIL" };
    let seconds = played.took.as_secs_f64();
    let mut text = format!("{verdict} {:<26} {} ({seconds:.1} s)\n", played.name, played.shows);
    for step in &played.steps {
        // A String takes any write.
        let _ = match &step.verdict {
            Verdict::Held => match &step.came {
                Some(came) => writeln!(text, "       {}", one_line(came)),
                None => Ok(()),
            },
            Verdict::Failed(got) => {
                let Done { says, expected, .. } = step;
                writeln!(text, "       {says}: got {}, expected {expected}", one_line(got))
            }
            Verdict::Observed(what) => writeln!(text, "       observed: {}: {what}", step.says),
        };
    }
    if !played.holds() && !played.console.is_empty() {
        text.push_str("       the console's last lines:\n");
        for line in &played.console {
            let _ = writeln!(text, "         {}", one_line(line));
        }
    }
    text
}

/// All scenarios in one line.
pub(crate) fn summary(played: &[Played]) -> String {
    let failed = played.iter().filter(|played| !played.holds()).count();
    let steps = played.iter().map(|played| played.steps.len()).sum();
    format!("{}, {}: {failed} failed", plural(played.len(), "scenario"), plural(steps, "step"))
}

/// All scenarios as JSON.
pub(crate) fn json(played: &[Played]) -> String {
    let step = |step: &Done| {
        let (verdict, got) = match &step.verdict {
            Verdict::Held => ("held", Value::from(step.came.clone())),
            Verdict::Failed(got) => ("failed", Value::from(got.as_str())),
            Verdict::Observed(what) => ("observed", Value::from(*what)),
        };
        json!({
            "expected": step.expected,
            "got": got,
            "milliseconds": millis(step.took),
            "says": step.says,
            "verdict": verdict,
        })
    };
    let scenario = |played: &Played| {
        json!({
            "console": played.console,
            "holds": played.holds(),
            "milliseconds": millis(played.took),
            "name": played.name,
            "shows": played.shows,
            "steps": played.steps.iter().map(step).collect::<Vec<_>>(),
        })
    };
    let all = json!({
        "holds": played.iter().all(Played::holds),
        "scenarios": played.iter().map(scenario).collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}

/// All scenarios as JUnit XML: a suite a scenario, a case a step.
pub(crate) fn junit(played: &[Played]) -> anyhow::Result<String> {
    let mut report = Report::new("coco-initrd e2e");
    for played in played {
        let mut suite = TestSuite::new(played.name);
        suite.set_time(played.took);
        for step in &played.steps {
            let status = match &step.verdict {
                Verdict::Held | Verdict::Observed(_) => TestCaseStatus::success(),
                Verdict::Failed(got) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(format!("got {got}, expected {}", step.expected));
                    status
                }
            };
            let mut case = TestCase::new(step.says.as_str(), status);
            case.set_classname(played.name).set_time(step.took);
            match (&step.verdict, &step.came) {
                (Verdict::Observed(what), _) => drop(case.set_system_out(format!("observed: {what}"))),
                (_, Some(ending)) => drop(case.set_system_out(ending.as_str())),
                _ => {}
            }
            suite.add_test_case(case);
        }
        if !played.console.is_empty() {
            suite.set_system_out(played.console.join("\n"));
        }
        report.add_test_suite(suite);
    }
    report.to_string().context("the results can't be written as JUnit XML")
}

fn millis(duration: std::time::Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}
