//! Evidence and reference values, and what an attestation policy of Trustee must say of them. Opens no file.

use coco_measure::digest::Sha384;
use coco_measure::trustee::{
    Expiration, InitDataKind, Measurement, ReferenceValues, SnpConfiguration, SnpTcb, with_init_data_rule,
};
use serde_json::{Value, json};

/// What a policy says of a case, and what it must say.
pub(crate) struct Outcome {
    /// What the case is.
    pub(crate) name: String,
    /// Executables, hardware, configuration, sourced-data, and what they come to.
    pub(crate) got: String,
    /// What it must be.
    pub(crate) expected: String,
}

/// What `policy` says of every case, as it is and with the rule for initdata behind it.
pub(crate) fn outcomes(policy: &str) -> Result<Vec<Outcome>, String> {
    let extended = with_init_data_rule(policy).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for (name, values, input, expected) in plain() {
        let got = appraise(policy, &values, &input)?;
        found.push(Outcome { name: name.to_owned(), got, expected: expected.to_owned() });
    }
    for (pointer, values, input, expected) in flipped() {
        let name = format!("one bit of {pointer} flipped");
        found.push(Outcome { name, got: appraise(policy, &values, &input)?, expected: expected.to_owned() });
    }
    for (name, values, input, [without, with]) in init_data() {
        for (policy, how, expected) in [(policy, "by the default", without), (&extended, "by the rule", with)]
        {
            let got = appraise(policy, &values, &input)?;
            found.push(Outcome { name: format!("{name}, {how}"), got, expected: expected.to_owned() });
        }
    }
    Ok(found)
}

/// A case: name, reference values, evidence, what the policy must say.
type Case = (&'static str, ReferenceValues, Value, &'static str);

fn digest(text: &str) -> Sha384 {
    Sha384::of(text.as_bytes())
}

fn td() -> Value {
    let event = |type_name: &str, details: Value, digest: Sha384| {
        json!({"type_name": type_name, "details": details,
               "digests": [{"alg": "SHA-384", "digest": digest.to_string()}]})
    };
    json!({
        "tdx": {
            "quote": {
                "header": {"tee_type": "81000000", "vendor_id": "939a7233f79c4ca9940a0db3957f0607"},
                "body": {
                    "mr_td": digest("firmware").to_string(),
                    "rtmr_1": digest("rtmr 1").to_string(),
                    "rtmr_2": digest("rtmr 2").to_string(),
                    "xfam": "e702060000000000",
                },
            },
            "uefi_event_logs": [
                event("EV_EFI_BOOT_SERVICES_APPLICATION", json!({"device_paths": ["File(kernel)"]}), digest("kernel")),
                event("EV_EVENT_TAG", json!({"string": "LOADED_IMAGE::LoadOptions"}), digest("command line")),
            ],
            "td_attributes": {"debug": false},
            "tcb_status": "UpToDate",
            "collateral_expiration_status": "0",
        },
        "init_data": "00".repeat(48),
    })
}

fn td_values() -> ReferenceValues {
    let mut values = ReferenceValues::default();
    for (measurement, text) in [
        (Measurement::MrTd, "firmware"),
        (Measurement::Rtmr1, "rtmr 1"),
        (Measurement::Rtmr2, "rtmr 2"),
        (Measurement::TdvfKernel, "kernel"),
        (Measurement::TdvfKernelParams, "command line"),
    ] {
        values.add(measurement, &digest(text));
    }
    values.add_xfam(0x0006_02e7);
    values
}

fn snp() -> Value {
    json!({
        "snp": {
            "measurement": digest("2 vCPUs").to_string(),
            "reported_tcb_bootloader": 3, "reported_tcb_tee": 0,
            "reported_tcb_snp": 8, "reported_tcb_microcode": 115,
            "policy_debug_allowed": false, "policy_migrate_ma": false,
            "policy_smt_allowed": true, "policy_single_socket": false,
            "policy_abi_major": 0, "policy_abi_minor": 0,
            "platform_smt_enabled": true, "platform_tsme_enabled": false,
        },
        "init_data": "00".repeat(32),
    })
}

fn snp_values() -> ReferenceValues {
    let mut values = ReferenceValues::default();
    for vcpus in 1..=4 {
        values.add(Measurement::SnpLaunchMeasurement, &digest(&format!("{vcpus} vCPUs")));
    }
    values.add_snp_tcb(SnpTcb { bootloader: 3, tee: 0, snp: 8, microcode: 115 });
    values
}

fn snp_configuration() -> SnpConfiguration {
    let (abi_major, abi_minor) = (0, 0);
    let (smt_enabled, tsme_enabled) = (true, false);
    SnpConfiguration {
        smt_allowed: true,
        single_socket: false,
        abi_major,
        abi_minor,
        smt_enabled,
        tsme_enabled,
    }
}

fn plain() -> Vec<Case> {
    let with = |mut values: ReferenceValues, change: fn(&mut ReferenceValues)| {
        change(&mut values);
        values
    };
    let second_kernel =
        |values: &mut ReferenceValues| values.add(Measurement::TdvfKernel, &digest("new kernel"));
    let configured = |values: &mut ReferenceValues| values.set_snp_configuration(snp_configuration());
    let mut debugged = td();
    if let Some(debug) = debugged.pointer_mut("/tdx/td_attributes/debug") {
        *debug = json!(true);
    }
    vec![
        ("TDX: all values are right", td_values(), td(), "3 2 2 0 affirming"),
        ("TDX: two kernels, as a list", with(td_values(), second_kernel), td(), "4 2 2 0 affirming"),
        ("TDX: the TD is debugged", td_values(), debugged, "3 2 36 0 warning"),
        ("TDX: no values at all", ReferenceValues::default(), td(), "33 97 36 0 contraindicated"),
        ("SNP: measurement and firmware", snp_values(), snp(), "3 2 3 0 affirming"),
        ("SNP: configuration as well", with(snp_values(), configured), snp(), "3 2 2 0 affirming"),
        ("SNP: no values at all", ReferenceValues::default(), snp(), "33 97 3 0 contraindicated"),
        ("SNP: the values of a TD", td_values(), snp(), "33 97 3 0 contraindicated"),
    ]
}

/// One bit of evidence flipped, for each byte of each value another one.
fn flipped() -> Vec<(String, ReferenceValues, Value, &'static str)> {
    let mut cases = Vec::new();
    for (pointer, input, values, expected) in [
        ("/tdx/quote/body/mr_td", td(), td_values(), "3 97 2 0 contraindicated"),
        ("/tdx/quote/body/rtmr_1", td(), td_values(), "33 2 2 0 warning"),
        ("/tdx/quote/body/rtmr_2", td(), td_values(), "33 2 2 0 warning"),
        ("/tdx/quote/body/xfam", td(), td_values(), "3 2 36 0 warning"),
        // The verifier replays the log, so evidence has no such event without another register; and with
        // the registers right, the claim is affirming.
        ("/tdx/uefi_event_logs/0/digests/0/digest", td(), td_values(), "4 2 2 0 affirming"),
        ("/tdx/uefi_event_logs/1/digests/0/digest", td(), td_values(), "4 2 2 0 affirming"),
        ("/snp/measurement", snp(), snp_values(), "33 2 3 0 warning"),
    ] {
        let text = input.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap_or_default();
        for at in 0..bytes.len() {
            let (mut bytes, mut input) = (bytes.clone(), input.clone());
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (at % 8);
            }
            if let Some(value) = input.pointer_mut(pointer) {
                *value = json!(data_encoding::HEXLOWER.encode(&bytes));
            }
            cases.push((format!("{pointer}, byte {at},"), values.clone(), input, expected));
        }
    }
    cases
}

/// Initdata of guests that are right in all else: what is said without the rule, and with it.
fn init_data() -> Vec<(&'static str, ReferenceValues, Value, [&'static str; 2])> {
    let none_or_approved = |mut values: ReferenceValues| {
        for (kind, bytes) in [(InitDataKind::Tdx, 48), (InitDataKind::Snp, 32)] {
            values.add_init_data(kind, &vec![0; bytes]);
            values.add_init_data(kind, &vec![0xaa; bytes]);
        }
        values.add_init_data(InitDataKind::Vtpm, &[0xbb; 32]);
        values
    };
    let showing = |mut input: Value, digits: &str| {
        if let Some(claim) = input.get_mut("init_data") {
            *claim = json!(digits);
        }
        input
    };
    let vtpm = json!({"az-snp-vtpm": {"tpm": {}}, "init_data": ""});
    let (td_none, snp_none, peer) = ("00".repeat(48), "00".repeat(32), "bb".repeat(32));
    let good = ["3 2 2 0 affirming"; 2];
    let trap = ["3 2 2 0 affirming", "3 2 2 32 warning"];
    let snp_trap = ["3 2 3 0 affirming", "3 2 3 32 warning"];
    let unknown = ["33 97 36 0 contraindicated"; 2];
    let unknown_and_wrong = ["33 97 36 0 contraindicated", "33 97 36 32 contraindicated"];
    vec![
        ("TDX: no initdata, approved", none_or_approved(td_values()), showing(td(), &td_none), good),
        ("TDX: initdata approved", none_or_approved(td_values()), showing(td(), &"aa".repeat(48)), good),
        ("TDX: other initdata", none_or_approved(td_values()), showing(td(), &"ab".repeat(48)), trap),
        ("TDX: HOST_DATA of an SNP guest", none_or_approved(td_values()), showing(td(), &snp_none), trap),
        ("TDX: nothing approved", td_values(), td(), trap),
        ("SNP: initdata approved", none_or_approved(snp_values()), snp(), ["3 2 3 0 affirming"; 2]),
        ("SNP: other initdata", none_or_approved(snp_values()), showing(snp(), &"ab".repeat(32)), snp_trap),
        ("SNP: PCR 8 of a peer pod", none_or_approved(snp_values()), showing(snp(), &peer), snp_trap),
        ("vTPM: initdata approved", none_or_approved(td_values()), showing(vtpm.clone(), &peer), unknown),
        ("vTPM: PCR 8 of zeros", none_or_approved(td_values()), showing(vtpm, &snp_none), unknown_and_wrong),
    ]
}

/// What the policy says, as Trustee's token broker asks it (`attestation-service/src/ear_token/broker.rs`).
fn appraise(policy: &str, values: &ReferenceValues, input: &Value) -> Result<String, String> {
    // What is evaluated are the values as they were written.
    let list: Vec<Value> =
        serde_json::from_str(&values.list(&Expiration::default())).map_err(|error| error.to_string())?;
    let query = move |parameters: Vec<regorus::Value>| {
        let name = parameters.first().and_then(|name| name.as_string().ok()).map(ToString::to_string);
        let is_it = |entry: &&Value| entry.get("name").and_then(Value::as_str) == name.as_deref();
        let value = list.iter().find(is_it).and_then(|entry| entry.get("value"));
        Ok(value.map_or(regorus::Value::Null, |value| regorus::Value::from(value.clone())))
    };
    let trust_claims = || {
        let mut engine = regorus::Engine::new();
        engine.add_policy(String::new(), policy.to_owned())?;
        engine.add_extension("query_reference_value".to_owned(), 1, Box::new(query))?;
        engine.set_input_json(&input.to_string())?;
        engine.eval_rule("data.policy.trust_claims".to_owned())
    };
    let claims = trust_claims().map_err(|error| error.to_string())?.to_json_str();
    let claims: Value =
        claims.and_then(|text| Ok(serde_json::from_str(&text)?)).map_err(|error| error.to_string())?;
    let claim =
        |name: &str| claims.get(name).and_then(Value::as_i64).ok_or_else(|| format!("no claim {name}"));
    let (executables, hardware) = (claim("executables")?, claim("hardware")?);
    let (configuration, sourced_data) = (claim("configuration")?, claim("sourced-data")?);
    let worst = claims.as_object().into_iter().flatten().filter_map(|(_, claim)| claim.as_i64()).max();
    // The tiers of AR4SI, section 2.3.2.
    let status = match worst {
        Some(2..=31) => "affirming",
        Some(32..=95) => "warning",
        Some(96..) => "contraindicated",
        _ => "none",
    };
    Ok(format!("{executables} {hardware} {configuration} {sourced_data} {status}"))
}
