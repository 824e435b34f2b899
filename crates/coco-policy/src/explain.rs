//! From an error or a line of a journal to what was denied, by which rule, and what to do. Opens nothing.

use serde::Serialize;

use crate::advice::Advice;
use crate::check::{Place, heads};
use crate::{Policy, Request, Verdict};

/// What the agent said about a request (`allow_request` of kata-agent's `src/agent/src/policy.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// "... is blocked by policy": a rule says no.
    Blocked,
    /// "... internal error": no rule answers, or it fails.
    Internal,
    /// "ignoring error for ...": it was denied and let through, for `AllowRequestsFailingPolicy`.
    Ignored,
}

/// A rule with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLine {
    /// Where it begins.
    pub place: Place,
    /// Its first line.
    pub text: String,
}

/// What one denial means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The request.
    pub request: Request,
    /// What the agent said.
    pub said: Said,
    /// What the policy printed behind it; empty if nothing.
    pub prints: String,
    /// What the policy at hand makes of the request. If it allows it, another policy was in force.
    pub verdict: Verdict,
    /// The rules that decide about it, in the order of the file.
    pub rules: Vec<RuleLine>,
    /// What to do.
    pub advice: Advice,
}

/// Finds every denial in `text` and explains it by `policy`, whose text is `source`. Each request once.
pub fn explain(text: &str, policy: &Policy, source: &str) -> Vec<Explanation> {
    let decisions = policy.decisions();
    let mut explained: Vec<Explanation> = Vec::new();
    for (request, said, prints) in denials(text) {
        if explained.iter().any(|known| known.request == request && known.said == said) {
            continue;
        }
        let rules = heads(source, request);
        let verdict = decisions.get(&request).copied().unwrap_or(Verdict::Undefined);
        explained.push(Explanation { request, said, prints, verdict, rules, advice: Advice::of(request) });
    }
    explained
}

/// The requests the agent complained about, in the order of the text.
fn denials(text: &str) -> impl Iterator<Item = (Request, Said, String)> {
    text.lines().flat_map(|line| {
        let mut found: Vec<(usize, Request, Said, String)> = Vec::new();
        for (said, before, after) in [
            (Said::Blocked, "", " is blocked by policy"),
            (Said::Internal, "", ": internal error"),
            (Said::Ignored, "policy: ignoring error for ", ""),
        ] {
            for request in Request::all() {
                let phrase = format!("{before}{request}{after}");
                if let Some(at) = line.find(&phrase).filter(|at| is_word(line, *at)) {
                    let rest = line.get(at.saturating_add(phrase.len())..).unwrap_or_default();
                    let prints = if said == Said::Blocked { printed(rest) } else { String::new() };
                    found.push((at, request, said, prints));
                }
            }
        }
        found.sort_by_key(|(at, ..)| *at);
        found.into_iter().map(|(_, request, said, prints)| (request, said, prints))
    })
}

/// Whether a word begins here: `MySetPolicyRequest` is not `SetPolicyRequest`.
fn is_word(line: &str, at: usize) -> bool {
    let before = line.get(..at).and_then(|before| before.chars().next_back());
    !before.is_some_and(|c| c.is_ascii_alphanumeric())
}

/// What the policy printed: what is behind the colon, up to the end of the quotation that runtimes put
/// the agent's words in.
fn printed(rest: &str) -> String {
    let rest = rest.strip_prefix(':').unwrap_or_default();
    let end = rest.find(['"', '\\']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DEFAULT_RESTRICTIVE;

    /// Each denial in a text, in one line.
    fn lines(text: &str) -> Vec<String> {
        let policy = Policy::parse("default-restrictive.rego", DEFAULT_RESTRICTIVE.as_bytes()).unwrap();
        let line = |e: &Explanation| {
            let rules: Vec<&str> = e.rules.iter().map(|rule| rule.text.as_str()).collect();
            let remedy = e.advice.remedy;
            format!("{} {:?} ({}) {}: {:?} {remedy:?}", e.request, e.said, e.prints, e.verdict, rules)
        };
        explain(text, &policy, DEFAULT_RESTRICTIVE).iter().map(line).collect()
    }

    #[test]
    fn the_words_of_each_runtime_are_understood() {
        let expected =
            "ExecProcessRequest Blocked () deny: [\"default ExecProcessRequest := false\"] Open([Exec])";
        for text in [
            "rpc error: code = PermissionDenied desc = \"ExecProcessRequest is blocked by policy: \": unknown",
            "rpc status: Status { code: PERMISSION_DENIED, message: \"\\\"ExecProcessRequest is blocked by policy: \\\"\" }",
            "Startup probe errored: ExecProcessRequest is blocked by policy",
        ] {
            assert_eq!(lines(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_was_printed_comes_with_it() {
        let got = lines("desc = \"CopyFileRequest is blocked by policy: agent_policy:12: no /etc\": unknown");
        assert!(
            got[0].starts_with("CopyFileRequest Blocked (agent_policy:12: no /etc) conditional: "),
            "{got:?}"
        );
    }

    #[test]
    fn every_rule_of_the_request_is_named() {
        let got = lines("CopyFileRequest is blocked by policy");
        assert_eq!(
            got,
            ["CopyFileRequest Blocked () conditional: [\"default CopyFileRequest := false\", \
              \"CopyFileRequest if {\", \"CopyFileRequest if {\"] Unusual"]
        );
    }

    #[test]
    fn an_undefined_request_and_an_ignored_denial_are_told_apart() {
        let text = "VolumeStatsRequest: internal error policy check: unexpected eval_query result len 0\n\
                    level=warning msg=\"policy: ignoring error for SetPolicyRequest\"";
        let said: Vec<String> =
            lines(text).iter().map(|line| line.split('(').next().unwrap().to_owned()).collect();
        assert_eq!(said, ["VolumeStatsRequest Internal ", "SetPolicyRequest Ignored "]);
    }

    #[test]
    fn each_request_is_explained_once() {
        assert_eq!(
            lines("SetPolicyRequest is blocked by policy\nSetPolicyRequest is blocked by policy").len(),
            1
        );
    }

    #[test]
    fn text_without_a_denial_explains_nothing() {
        for text in ["", "all is well", "MySetPolicyRequest is blocked by policy", "SetPolicyRequest"] {
            assert_eq!(lines(text), [""; 0], "{text}");
        }
    }
}
