//! The rule that makes Trustee's attestation policy look at initdata, which its default policy never does.
//!
//! A text to add to the policy, not a policy: Trustee's own grows with its releases.

use std::fmt;

/// The rule, to be put behind the text of a policy of the shape of Trustee's default one.
///
/// With it a guest whose initdata is not among the reference values is appraised with `sourced-data` 32,
/// "Attester source data objects come from unattested sources" (AR4SI, draft-ietf-rats-ar4si): a warning,
/// so that the status is not affirming. It must be this claim: every other that the default policy sets has
/// rules of its own, and a second value for one is an error. Where Trustee has no reference value, the
/// answer to `query_reference_value` is null, and nothing is approved.
pub const INIT_DATA_RULE: &str = r#"
##### Initdata
# A guest must show initdata that is approved, or none if that is. Without this rule the policy in a
# guest's initdata, which replaces that of its image, is measured and never looked at.
coco_init_data_references := {
	"tdx": "tdx_init_data",
	"snp": "snp_init_data",
	"az-snp-vtpm": "vtpm_init_data",
	"az-tdx-vtpm": "vtpm_init_data",
	"tpm": "vtpm_init_data",
}

coco_init_data_approved if {
	some kind, reference in coco_init_data_references
	input[kind]
	input.init_data in query_reference_value(reference)
}

sourced_data := 32 if not coco_init_data_approved
"#;

/// Whose register of initdata it is. Values of one kind say nothing of another: a PCR 8 of zeros is a vTPM
/// that still waits for its initdata, where a `HOST_DATA` of zeros is a guest without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InitDataKind {
    /// MRCONFIGID; 48 bytes.
    Tdx,
    /// `HOST_DATA`; 32 bytes.
    Snp,
    /// PCR 8 of a peer pod's vTPM; 32 bytes.
    Vtpm,
}

/// Why the rule would do nothing behind a policy, or break it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BasePolicyError {
    /// The policy has no such line, so the claim is not in what it says of a guest.
    #[error("the policy has no `{expected}`: the rule for initdata would have no effect in it")]
    NoEffect {
        /// What is looked for.
        expected: &'static str,
    },
    /// The policy has the rule, or another that gives the claim a value.
    #[error("the policy says `{got}` in line {line}: with the rule for initdata there could be two values")]
    Taken {
        /// The line, counted from 1.
        line: usize,
        /// Its text.
        got: String,
    },
}

/// `policy` with [`INIT_DATA_RULE`] behind it, if it has effect there.
///
/// What is looked for is the text of Trustee's default policy since release 0.17 (January 2026), without
/// blanks: `default sourced_data := 0`, the claim among `trust_claims`, and no other rule for it. Only an
/// evaluation tells whether it is a policy. Up to 0.18 the evidence of peer pods has other names, so that
/// the rule approves none of them.
pub fn with_init_data_rule(policy: &str) -> Result<String, BasePolicyError> {
    let code = |line: &str| -> String {
        let line = line.split('#').next().unwrap_or_default();
        line.chars().filter(|c| !c.is_whitespace()).collect()
    };
    let lines: Vec<String> = policy.lines().map(code).collect();
    for (expected, has) in [
        ("import rego.v1", "importrego.v1"),
        ("default sourced_data := 0", "defaultsourced_data:=0"),
        ("trust_claims := {", "trust_claims:={"),
        ("\"sourced-data\": sourced_data", "\"sourced-data\":sourced_data"),
    ] {
        if !lines.iter().any(|line| line.contains(has)) {
            return Err(BasePolicyError::NoEffect { expected });
        }
    }
    let is_taken = |line: &String| line.starts_with("sourced_data") || line.starts_with("coco_init_data");
    if let Some(at) = lines.iter().position(is_taken) {
        let got = policy.lines().nth(at).unwrap_or_default().trim().to_owned();
        return Err(BasePolicyError::Taken { line: at + 1, got });
    }
    Ok(format!("{}\n{INIT_DATA_RULE}", policy.trim_end()))
}

impl InitDataKind {
    /// The name of the reference values that [`INIT_DATA_RULE`] asks for.
    pub fn reference_value(self) -> &'static str {
        match self {
            Self::Tdx => "tdx_init_data",
            Self::Snp => "snp_init_data",
            Self::Vtpm => "vtpm_init_data",
        }
    }
}

impl fmt::Display for InitDataKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Tdx => "MRCONFIGID",
            Self::Snp => "HOST_DATA",
            Self::Vtpm => "PCR 8",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const POLICY: &str = "package policy\nimport rego.v1\ndefault sourced_data := 0\ntrust_claims := {\n\t\"sourced-data\": sourced_data,\n}\n";

    fn refused(policy: &str, error: &Expect) {
        error.assert_eq(&with_init_data_rule(policy).unwrap_err().to_string());
    }

    #[test]
    fn the_rule_is_put_behind_a_policy_that_has_the_claim() {
        let made = with_init_data_rule(POLICY).unwrap();
        assert_eq!(made.strip_suffix(INIT_DATA_RULE), Some(POLICY));
    }

    #[test]
    fn a_policy_that_does_not_tell_the_claim_is_refused() {
        refused(
            &POLICY.replace("\t\"sourced-data\"", "\t# \"sourced-data\""),
            &expect![[
                r#"the policy has no `"sourced-data": sourced_data`: the rule for initdata would have no effect in it"#
            ]],
        );
    }

    #[test]
    fn a_policy_that_has_the_rule_already_is_refused() {
        refused(
            &with_init_data_rule(POLICY).unwrap(),
            &expect![[
                r#"the policy says `coco_init_data_references := {` in line 11: with the rule for initdata there could be two values"#
            ]],
        );
    }
}
