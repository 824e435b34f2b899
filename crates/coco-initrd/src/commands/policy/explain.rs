//! `coco-initrd policy explain`: what a denial in an error or a journal means.

use std::fmt::Write as _;
use std::io::{self, Read as _};

use anyhow::Context as _;
use coco_policy::{Advice, Explanation, Policy, Remedy, Said, Verdict};
use serde_json::json;

use crate::args::policy::ExplainArgs;
use crate::output::Output;
use crate::report::one_line;
use crate::{Outcome, profiles};

/// More of a journal is not read at once, in bytes.
const TEXT_MAX: u64 = 64 << 20;

/// Explains every denial of the text.
pub(super) fn explain(args: &ExplainArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let policy = profiles::open_policy(&args.policy)?;
    let loaded = Policy::parse(&policy.name, &policy.bytes).context("the policy can't be loaded")?;
    let text = if args.text == ["-"] { standard_input()? } else { args.text.join(" ") };
    let explained = coco_policy::explain(&text, &loaded, &policy.text());
    let printed = if args.json {
        format!("{:#}\n", json!(explained.iter().map(as_json).collect::<Vec<_>>()))
    } else {
        explained.iter().map(|explanation| block(&policy.name, explanation)).collect::<Vec<_>>().join("\n")
    };
    out.data(&printed)?;
    if explained.is_empty() {
        let hint = if text.contains("unexpected eval_query result") {
            "a rule is missing for some request; its name stands before `: internal error`, give that line too"
        } else {
            "empty logs are no error, so there is none to explain: see docs/troubleshooting.md"
        };
        out.error("no denial of the agent is in this text", Some(hint.to_owned()));
        return Ok(Outcome::Wanting);
    }
    Ok(Outcome::Done)
}

fn standard_input() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    io::stdin().take(TEXT_MAX).read_to_end(&mut bytes).context("standard input can't be read")?;
    // Journals may have any byte in them; the agent's words are ASCII.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn block(policy: &str, explanation: &Explanation) -> String {
    let Explanation { request, said, prints, verdict, rules, advice } = explanation;
    let mut text = format!("{request}: {}\n", what_was_said(*said));
    let mut line = |head: &str, body: &str| {
        // A String takes any write.
        let _ = writeln!(text, "  {head:<8} {body}");
    };
    line("seen:", advice.seen);
    if !prints.is_empty() {
        line("printed:", &one_line(prints));
    }
    for rule in rules {
        line("rule:", &format!("{}:{}: {}", one_line(policy), rule.place.line, one_line(&rule.text)));
    }
    if rules.is_empty() {
        line("rule:", &format!("{} has none for it", one_line(policy)));
    }
    if *verdict == Verdict::Allow && *said != Said::Ignored {
        line("but:", "this policy allows it: another one was in force, look at the pod's initdata");
    }
    line("open:", &way(explanation));
    line("instead:", advice.instead);
    line("risk:", advice.risk);
    text
}

const fn what_was_said(said: Said) -> &'static str {
    match said {
        Said::Blocked => "a rule denied it",
        Said::Internal => "no rule answered, or it failed: denied, with an internal error",
        Said::Ignored => "denied, and let through, because AllowRequestsFailingPolicy is true",
    }
}

/// The smallest way to let it pass.
fn way(explanation: &Explanation) -> String {
    match explanation.advice.remedy {
        Remedy::Open(toggles) => {
            let names: Vec<&str> = toggles.iter().map(|toggle| toggle.name()).collect();
            let what = names.join("|");
            format!("coco-initrd override --allow {what} POD.yaml -o OUT.yaml")
        }
        Remedy::Mend => "make the pod's own policy anew, or leave it out".to_owned(),
        Remedy::Unusual => {
            "only by a whole policy of your own; what was sent is not what runtimes send".to_owned()
        }
        Remedy::Own => "only by a whole policy of your own".to_owned(),
        Remedy::Never => "never".to_owned(),
    }
}

fn as_json(explanation: &Explanation) -> serde_json::Value {
    let Explanation { request, said, prints, verdict, rules, advice } = explanation;
    let Advice { seen, instead, risk, .. } = advice;
    let rules: Vec<_> = rules
        .iter()
        .map(|rule| json!({"column": rule.place.column, "line": rule.place.line, "text": rule.text}))
        .collect();
    json!({
        "instead": instead,
        "open": way(explanation),
        "prints": prints,
        "request": request.name(),
        "risk": risk,
        "rules": rules,
        "said": said,
        "seen": seen,
        "verdict": verdict.to_string(),
    })
}
