//! What an image tells its guard, as the TOML file at [`PLAN_PATH`](crate::PLAN_PATH). Both ways.

use std::collections::BTreeSet;

use crate::{AbsolutePath, NotASha256, NotAnAbsolutePath, Pattern, PatternError, Sha256};

/// The version of the file's form that this guard knows.
const SCHEMA: u32 = 1;

/// The first line of every plan.
const HEAD: &str = "# What coco-guard, the image's /init, allows and starts. Written by coco-initrd.\n";

/// What the guard allows, checks and starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The program that becomes PID 1 after the guard: kata-agent or systemd.
    pub exec: AbsolutePath,
    /// Its arguments, without its own name.
    pub args: Vec<String>,
    /// The policy the agent loads when it starts; symbolic links are followed.
    pub policy: AbsolutePath,
    /// What that file's contents must be.
    pub policy_sha256: Sha256,
    /// Kernel modules to load, in this order.
    pub modules: Vec<AbsolutePath>,
    /// The words the command line may hold.
    pub allow: BTreeSet<Pattern>,
}

/// Why a text is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not TOML, a key too many, or one too few. The reason is one line, for the console.
    #[error("not a plan: {0}")]
    Toml(String),
    /// A form of another version.
    #[error("schema got {0}, expected {SCHEMA}")]
    Schema(u32),
    /// A path that cannot be one.
    #[error(transparent)]
    Path(#[from] NotAnAbsolutePath),
    /// A digest that cannot be one.
    #[error(transparent)]
    Sha256(#[from] NotASha256),
    /// An argument that no program can be given.
    #[error("an argument holds a NUL byte: `{}`", .0.escape_default())]
    Argument(String),
    /// A pattern that is none, or that may not be allowed.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl Plan {
    /// Reads a plan.
    pub fn parse(text: &str) -> Result<Plan, PlanError> {
        let raw: Raw = toml::from_str(text).map_err(|error| PlanError::Toml(error.message().to_owned()))?;
        if raw.schema != SCHEMA {
            return Err(PlanError::Schema(raw.schema));
        }
        if let Some(argument) = raw.args.iter().find(|argument| argument.contains('\0')) {
            return Err(PlanError::Argument(argument.clone()));
        }
        Ok(Plan {
            exec: raw.exec.parse()?,
            args: raw.args,
            policy: raw.policy.parse()?,
            policy_sha256: raw.policy_sha256.parse()?,
            modules: raw.modules.iter().map(|path| path.parse()).collect::<Result<_, _>>()?,
            allow: raw.allow.iter().map(|pattern| pattern.parse()).collect::<Result<_, _>>()?,
        })
    }

    /// The plan as its file: the same plan is always the same bytes.
    #[expect(clippy::missing_panics_doc, reason = "it does not: the sentence below says why")]
    pub fn to_toml(&self) -> String {
        let raw = Raw {
            schema: SCHEMA,
            exec: self.exec.to_string(),
            args: self.args.clone(),
            policy: self.policy.to_string(),
            policy_sha256: self.policy_sha256.to_string(),
            modules: self.modules.iter().map(AbsolutePath::to_string).collect(),
            allow: self.allow.iter().map(Pattern::to_string).collect(),
        };
        let body = toml::to_string_pretty(&raw).expect("numbers, texts and lists of texts are always TOML");
        format!("{HEAD}{body}")
    }
}

/// The file's form. Changing it needs another [`SCHEMA`].
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    schema: u32,
    exec: String,
    args: Vec<String>,
    policy: String,
    policy_sha256: String,
    modules: Vec<String>,
    allow: Vec<String>,
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn plan() -> Plan {
        Plan {
            exec: "/usr/bin/kata-agent".parse().unwrap(),
            args: vec![],
            policy: "/etc/kata-opa/default-policy.rego".parse().unwrap(),
            policy_sha256: Sha256::of(b"package agent_policy\n"),
            modules: vec!["/usr/lib/modules/vsock.ko".parse().unwrap(), "/a.ko".parse().unwrap()],
            allow: ["quiet", "nr_cpus=*", r#"dm-mod.create="a b""#, "quiet", "console=hvc0"]
                .map(|pattern| pattern.parse().unwrap())
                .into(),
        }
    }

    #[test]
    fn a_plan_is_written_sorted_and_read_back() {
        expect![[r##"
            # What coco-guard, the image's /init, allows and starts. Written by coco-initrd.
            schema = 1
            exec = "/usr/bin/kata-agent"
            args = []
            policy = "/etc/kata-opa/default-policy.rego"
            policy_sha256 = "45148e88381b22b43595cc1eaf2fadfd3f93998dbbb75bd4f3d69b641fe6153b"
            modules = [
                "/usr/lib/modules/vsock.ko",
                "/a.ko",
            ]
            allow = [
                "console=hvc0",
                'dm-mod.create="a b"',
                "nr_cpus=*",
                "quiet",
            ]
        "##]]
        .assert_eq(&plan().to_toml());
        assert_eq!(Plan::parse(&plan().to_toml()).unwrap(), plan());
    }

    #[test]
    fn what_is_not_a_plan_is_refused_with_its_reason() {
        let good = plan().to_toml();
        let cases = [
            ("schema = 1", "schema = 2", "schema got 2, expected 1"),
            ("schema = 1", "schema = 1\nshell = true", "not a plan: unknown field `shell`"),
            ("schema = 1", "", "not a plan: missing field `schema`"),
            ("\"/a.ko\"", "\"a.ko\"", "not an absolute, normal path of printable ASCII: `a.ko`"),
            ("args = []", "args = [\"\\u0000\"]", "an argument holds a NUL byte: `\\u{0}`"),
            ("policy_sha256 = \"", "policy_sha256 = \"x", "not a SHA-256 of 64 lower-case hexadecimal"),
            ("\"quiet\"", "\"*\"", "`*` may only be the whole value, as in `name=*`: `*`"),
            ("\"quiet\"", "\"init=/bin/sh\"", "`init=/bin/sh` may not be allowed: `init` makes"),
        ];
        for (from, to, expected) in cases {
            assert!(good.contains(from), "{from}");
            let error = Plan::parse(&good.replace(from, to)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
