//! Reference values as we write them, before the rules of Trustee's default policy. No Trustee is run.

mod cases;

const DEFAULT_POLICY: &str = include_str!("default_policy.rego");

#[test]
fn right_values_are_affirmed_and_one_flipped_bit_or_other_initdata_is_not() {
    let outcomes = cases::outcomes(DEFAULT_POLICY).unwrap();
    assert!(outcomes.len() > 300, "{}", outcomes.len());
    for cases::Outcome { name, got, expected } in outcomes {
        assert_eq!(got, expected, "{name}");
    }
}
