//! The rule by which a key broker releases secrets only to guests with a certain initdata. Not the
//! attestation policy, which says whether the guest itself is sound.

use crate::registers::Registers;

/// A resource policy for Trustee's key broker that approves a guest only if its evidence is affirmed and
/// shows the register of its own kind of guest. `what` is told in a comment; its line breaks become spaces.
///
/// Trustee's verifiers put the register into the claim `init_data` in lower-case hex digits: MRCONFIGID
/// (`deps/verifier/src/tdx/claims.rs`), `HOST_DATA` (`snp/mod.rs`), PCR 8 (`az_snp_vtpm/mod.rs`,
/// `tpm/mod.rs`). Beside it is an object named like the kind of evidence (`transform_claims` of
/// `attestation-service/src/ear_token/broker.rs`). Its default attestation policy does not look at the
/// claim. A register names a document, not a pod: every pod with the same initdata is approved.
pub fn approval(what: &str, registers: &Registers) -> String {
    let what = one_line(what);
    let head = format!(
        "# Approves every pod with exactly this initdata, which opens {what}.\n\
         # Guests with other initdata, or with none, get nothing."
    );
    rule(&head, &[registers])
}

/// The policy that [`approval`] makes, for several documents at once, each with what it is.
/// [`Registers::without_initdata`] are those of a guest without any.
///
/// Where Trustee's attestation policy has a rule for initdata itself, a resource policy need only ask whether
/// evidence was affirmed; this one is for where it has not.
pub fn approval_of_any(documents: &[(&str, Registers)]) -> String {
    let lines = documents.iter().map(|(what, _)| format!("\n# - {}", one_line(what)));
    let lines: String = lines.collect();
    let head = format!(
        "# Approves every pod with one of these as its initdata:{lines}\n# Guests with other initdata get nothing."
    );
    rule(&head, &documents.iter().map(|(_, registers)| registers).collect::<Vec<_>>())
}

fn one_line(what: &str) -> String {
    what.replace(char::is_control, " ")
}

fn rule(head: &str, approved: &[&Registers]) -> String {
    let set = |register: fn(&Registers) -> String| {
        let mut values: Vec<String> = approved.iter().map(|registers| register(registers)).collect();
        values.sort();
        values.dedup();
        values.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(", ")
    };
    let mrconfigid = set(|registers| registers.mrconfigid.to_string());
    let hostdata = set(|registers| registers.hostdata.to_string());
    let pcr8 = set(|registers| registers.pcr8.to_string());
    format!(
        r#"{head} Merge it with the broker's own rules.
package policy

import rego.v1

default allow := false

# What the evidence may show, by the kind of evidence. More documents are more values.
approved := {{
	# MRCONFIGID
	"tdx": {{{mrconfigid}}},
	# HOST_DATA
	"snp": {{{hostdata}}},
	# peer pods: PCR 8 of the vTPM
	"az-snp-vtpm": {{{pcr8}}},
	"az-tdx-vtpm": {{{pcr8}}},
	"tpm": {{{pcr8}}},
}}

allow if {{
	input.submods.cpu0["ear.status"] == "affirming"
	evidence := input.submods.cpu0["ear.veraison.annotated-evidence"]
	some kind, registers in approved
	evidence[kind]
	evidence.init_data in registers
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;

    /// What the broker says to a guest with this kind of evidence, status and claim.
    fn allows(rule: &str, (kind, status): (&str, &str), init_data: &str) -> bool {
        let mut engine = regorus::Engine::new();
        engine.add_policy("approval.rego".to_owned(), rule.to_owned()).unwrap();
        let evidence = serde_json::json!({"init_data": init_data, kind: {"measurement": "00"}});
        let cpu0 = serde_json::json!({"ear.status": status, "ear.veraison.annotated-evidence": evidence});
        engine.set_input_json(&serde_json::json!({"submods": {"cpu0": cpu0}}).to_string()).unwrap();
        engine.eval_rule("data.policy.allow".to_owned()).unwrap() == regorus::Value::from(true)
    }

    fn rule() -> (String, Registers) {
        let registers = Registers::of(&Algorithm::Sha256.digest(b"a document"));
        (approval("logs", &registers), registers)
    }

    #[test]
    fn each_kind_of_guest_is_approved_by_its_own_register_alone() {
        let (rule, Registers { mrconfigid, hostdata, pcr8 }) = rule();
        let values = [mrconfigid.to_string(), hostdata.to_string(), pcr8.to_string()];
        for (kind, own) in
            [("tdx", 0), ("snp", 1), ("az-snp-vtpm", 2), ("az-tdx-vtpm", 2), ("tpm", 2), ("se", 9)]
        {
            for (index, value) in values.iter().enumerate() {
                assert_eq!(allows(&rule, (kind, "affirming"), value), index == own, "{kind} {value}");
            }
        }
    }

    #[test]
    fn a_guest_that_is_not_affirmed_gets_nothing() {
        let (rule, registers) = rule();
        for status in ["none", "warning", "contraindicated"] {
            assert!(!allows(&rule, ("snp", status), &registers.hostdata.to_string()), "{status}");
        }
    }

    #[test]
    fn other_initdata_and_none_get_nothing() {
        let (rule, _) = rule();
        let other = Registers::of(&Algorithm::Sha256.digest(b"another document"));
        for Registers { mrconfigid, hostdata, pcr8 } in [other, Registers::without_initdata()] {
            for value in [mrconfigid.to_string(), hostdata.to_string(), pcr8.to_string(), String::new()] {
                for kind in ["tdx", "snp", "tpm"] {
                    assert!(!allows(&rule, (kind, "affirming"), &value), "{kind} {value}");
                }
            }
        }
    }

    #[test]
    fn of_several_documents_each_is_approved_and_no_other() {
        let registers = |text: &str| Registers::of(&Algorithm::Sha256.digest(text.as_bytes()));
        let none = Registers::without_initdata();
        let rule =
            approval_of_any(&[("no initdata", none), ("logs", registers("a")), ("exec", registers("b"))]);
        assert!(rule.starts_with(
            "# Approves every pod with one of these as its initdata:\n# - no initdata\n# - logs\n# - exec\n"
        ));
        for (shown, is_approved) in
            [(none, true), (registers("a"), true), (registers("b"), true), (registers("c"), false)]
        {
            assert_eq!(allows(&rule, ("tdx", "affirming"), &shown.mrconfigid.to_string()), is_approved);
            assert_eq!(allows(&rule, ("snp", "affirming"), &shown.hostdata.to_string()), is_approved);
            assert_eq!(allows(&rule, ("tpm", "affirming"), &shown.pcr8.to_string()), is_approved);
            assert!(!allows(&rule, ("snp", "warning"), &shown.hostdata.to_string()));
        }
    }

    #[test]
    fn of_no_document_none_is_approved() {
        let rule = approval_of_any(&[]);
        assert!(!allows(&rule, ("snp", "affirming"), &Registers::without_initdata().hostdata.to_string()));
    }

    #[test]
    fn words_can_t_end_the_comment() {
        let registers = Registers::without_initdata();
        let rule = approval("x\n\ndefault allow := true\n", &registers);
        let first =
            "# Approves every pod with exactly this initdata, which opens x  default allow := true .\n";
        assert!(rule.starts_with(first), "{rule}");
    }
}
