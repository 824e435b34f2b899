//! What of a pod does not work under the default policy, and what to do about it. Changes nothing.
//!
//! The default policy (`policies/default-restrictive.rego`) denies requests of the host. Which fields of
//! a pod make the host ask is known here: `docs/lint.md` has a section for each [`Code`].

mod container;
mod exec;

use serde::Serialize;

use crate::INITDATA;
use crate::error::PodError;
use crate::view::View;
use crate::workload::{PodFile, Workload};

/// Carries a policy by `SetPolicyRequest`, which the default policy denies.
const OLD_POLICY: &str = "io.katacontainers.config.agent.policy";

/// What begins like this is for the runtime, which reads the pod's annotations only.
const RUNTIME_PREFIX: &str = "io.katacontainers.";

/// One thing that is not as the author of the pod may expect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is found, and the section of `docs/lint.md`.
    pub code: Code,
    /// The code in words.
    pub name: &'static str,
    /// How bad it is.
    pub level: Level,
    /// `Kind/name`.
    pub workload: String,
    /// The path in the document, such as `spec.containers[0].livenessProbe`.
    pub place: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What happens.
    pub what: String,
    /// What to do.
    pub advice: String,
    /// The option with which a policy made for the pod allows it, quoted for a shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The pod does not start or does not become ready, or a hook fails.
    Error,
    /// Something silently does nothing.
    Warning,
    /// Worth knowing.
    Note,
}

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Code {
    /// A probe that runs a command.
    L001,
    /// A lifecycle hook that runs a command.
    L002,
    /// Standard input.
    L003,
    /// A terminal.
    L004,
    /// The termination message.
    L005,
    /// The annotation that carried a policy before initdata.
    L006,
    /// A container for debugging.
    L007,
    /// Resizing in place.
    L008,
    /// Initdata: the default policy may not be in force.
    L009,
    /// A runtime class that is not kata's.
    L010,
    /// A command that Kubernetes refuses.
    L011,
    /// A runtime's annotation that is not on the pod.
    L012,
}

/// All codes, as documented.
pub const CODES: &[Code] = &[
    Code::L001,
    Code::L002,
    Code::L003,
    Code::L004,
    Code::L005,
    Code::L006,
    Code::L007,
    Code::L008,
    Code::L009,
    Code::L010,
    Code::L011,
    Code::L012,
];

impl Code {
    /// The code in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::L001 => "exec-probe",
            Self::L002 => "exec-hook",
            Self::L003 => "stdin",
            Self::L004 => "tty",
            Self::L005 => "termination-message",
            Self::L006 => "policy-annotation",
            Self::L007 => "ephemeral-container",
            Self::L008 => "resize",
            Self::L009 => "initdata",
            Self::L010 => "runtime-class",
            Self::L011 => "command",
            Self::L012 => "misplaced-annotation",
        }
    }

    /// Where it is documented: a file of the repository and the section in it.
    pub fn anchor(self) -> String {
        format!("docs/lint.md#{}", format!("{self:?}").to_lowercase())
    }
}

impl Level {
    /// As it is written in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Looks at one workload; findings are in the order of the file.
pub fn lint(file: &PodFile, workload: &Workload) -> Result<Vec<Finding>, PodError> {
    let mut lint = Lint { workload: workload.to_string(), findings: Vec::new() };
    let template = file.template(workload)?;
    lint.metadata(&template)?;
    let mut around = file.object(workload)?;
    for step in workload.template {
        lint.metadata_around(&around)?;
        around = around.follow(&[*step])?;
    }
    lint.spec(&template.need("spec")?)?;
    lint.findings.sort_by_key(|finding| (finding.line, finding.column, finding.code));
    Ok(lint.findings)
}

/// What has been found so far.
struct Lint {
    workload: String,
    findings: Vec<Finding>,
}

/// The words of a finding.
struct Words {
    what: String,
    advice: String,
    allow: Option<String>,
}

impl Words {
    fn new(what: &str, advice: &str) -> Self {
        Self { what: what.to_owned(), advice: advice.to_owned(), allow: None }
    }
}

impl Lint {
    fn add(&mut self, code: Code, level: Level, at: &View<'_>, words: Words) {
        let Words { what, advice, allow } = words;
        self.findings.push(Finding {
            code,
            name: code.name(),
            level,
            workload: self.workload.clone(),
            place: at.path.clone(),
            line: at.place.line,
            column: at.place.column,
            what,
            advice,
            allow,
        });
    }

    fn metadata(&mut self, template: &View<'_>) -> Result<(), PodError> {
        let Some(metadata) = template.get("metadata")? else { return Ok(()) };
        let Some(annotations) = metadata.get("annotations")? else { return Ok(()) };
        if let Some(old) = annotations.get(OLD_POLICY)? {
            let words = Words::new(
                "the runtime sends this policy with SetPolicyRequest, which is denied: the pod does not start",
                "remove it, and give the policy in initdata",
            );
            self.add(Code::L006, Level::Error, &old, words);
        }
        if let Some(initdata) = annotations.get(INITDATA)? {
            let words = Words::new(
                "if this initdata has a policy.rego, it replaces the default policy as a whole, and the other \
                 findings may not hold",
                "look at the policy in it",
            );
            self.add(Code::L009, Level::Note, &initdata, words);
        }
        Ok(())
    }

    /// Annotations of what is around the pod do not reach the pod.
    fn metadata_around(&mut self, object: &View<'_>) -> Result<(), PodError> {
        let Some(metadata) = object.get("metadata")? else { return Ok(()) };
        let Some(annotations) = metadata.get("annotations")? else { return Ok(()) };
        for entry in annotations.node.entries().unwrap_or_default() {
            if entry.key.text().is_some_and(|key| key.starts_with(RUNTIME_PREFIX)) {
                let words = Words::new(
                    "this annotation is not on the pod but on what makes it: the runtime never sees it",
                    "move it to the metadata of the pod template",
                );
                self.add(Code::L012, Level::Warning, &annotations.at(entry), words);
            }
        }
        Ok(())
    }

    fn spec(&mut self, spec: &View<'_>) -> Result<(), PodError> {
        let is_kata = |class: &str| class == "kata" || class.starts_with("kata-");
        let class = spec.get("runtimeClassName")?;
        let name = class.as_ref().map(View::string).transpose()?;
        if !name.is_some_and(is_kata) {
            let what = match name {
                None => "no runtime class: the pod runs as an ordinary container, without guest and policy"
                    .to_owned(),
                Some(name) => {
                    format!(
                        "the runtime class {name} is not called like one of kata's: the policy may not apply"
                    )
                }
            };
            let at = class.unwrap_or_else(|| spec.clone());
            let words =
                Words::new(&what, "set runtimeClassName to the class of your cluster, such as kata-cc");
            self.add(Code::L010, Level::Note, &at, words);
        }
        for list in ["initContainers", "containers"] {
            for container in spec.items_of(list)? {
                self.container(&container)?;
            }
        }
        for container in spec.items_of("ephemeralContainers")? {
            let words = Words::new(
                "a container for debugging starts, but its output is emptied and its input is denied",
                "remove it, and look into the guest with an image and a policy made for debugging",
            );
            self.add(Code::L007, Level::Warning, &container, words);
        }
        Ok(())
    }
}
