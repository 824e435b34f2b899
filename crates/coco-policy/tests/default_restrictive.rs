//! The default policy against all its cases, on the engine of kata-agent 4.1.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::collections::BTreeSet;

use coco_policy::cases::{self, Rule};
use coco_policy::{DEFAULT_RESTRICTIVE, Decision, Policy, Request, Verdict};
use expect_test::expect;

fn default_restrictive() -> Policy {
    Policy::parse("default-restrictive.rego", DEFAULT_RESTRICTIVE.as_bytes()).unwrap()
}

#[test]
fn every_case_gets_the_answer_it_expects() {
    let findings: Vec<String> =
        default_restrictive().test(cases::embedded()).iter().map(ToString::to_string).collect();
    assert_eq!(findings.join("\n"), "");
}

#[test]
fn every_request_has_a_case() {
    let asked: BTreeSet<Request> = cases::embedded().iter().map(|case| case.request).collect();
    assert_eq!(asked, Request::all().collect());
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = cases::embedded().iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases::embedded().len());
}

#[test]
fn every_request_is_defined_by_a_rule_of_its_name() {
    for request in Request::all() {
        let default = format!("default {request} := ");
        assert!(DEFAULT_RESTRICTIVE.lines().any(|line| line.starts_with(&default)), "{request}");
    }
}

#[test]
fn every_request_is_denied_or_allowed_by_name_even_without_any_field() {
    let policy = default_restrictive();
    let nothing = serde_json::json!({});
    for request in Request::all() {
        let got = policy.decide(request, &nothing);
        assert!(matches!(got, Decision::Allow | Decision::Deny { .. }), "{request}: {got}");
    }
}

#[test]
fn no_denial_prints_anything_to_the_host() {
    let policy = default_restrictive();
    for case in cases::embedded() {
        if let Decision::Deny { prints } = policy.decide(case.request, &case.input) {
            assert_eq!(prints, [""; 0], "{}", case.name);
        }
    }
}

#[test]
fn no_line_is_longer_than_the_strictest_engine_takes() {
    for line in DEFAULT_RESTRICTIVE.lines() {
        assert!(line.chars().count() <= 1024, "{line}");
    }
}

#[test]
fn the_words_oc_exec_and_oc_logs_depend_on_are_closed() {
    let closed: BTreeSet<Request> =
        cases::embedded().iter().filter(|case| case.rule == Rule::Closed).map(|case| case.request).collect();
    let must = [
        Request::AllowRequestsFailingPolicy,
        Request::CopyFile,
        Request::ExecProcess,
        Request::GetDiagnosticData,
        Request::ReadStream,
        Request::SetPolicy,
        Request::WriteStream,
    ];
    assert_eq!(closed, must.into());
}

#[test]
fn the_table_of_decisions_is_the_one_we_document() {
    let decisions = default_restrictive().decisions();
    let table: Vec<String> =
        decisions.iter().map(|(request, verdict)| format!("{verdict:<12} {request}\n")).collect();
    expect![[r#"
        conditional  AddARPNeighborsRequest
        deny         AddSwapPathRequest
        deny         AddSwapRequest
        deny         AllowRequestsFailingPolicy
        deny         CloseStdinRequest
        conditional  CopyFileRequest
        allow        CreateContainerRequest
        conditional  CreateSandboxRequest
        allow        DestroySandboxRequest
        deny         ExecProcessRequest
        deny         GetDiagnosticDataRequest
        deny         GetIPTablesRequest
        deny         GetMetricsRequest
        allow        GetOOMEventRequest
        allow        GuestDetailsRequest
        deny         ListInterfacesRequest
        deny         ListRoutesRequest
        deny         MemAgentCompactConfig
        deny         MemAgentMemcgConfig
        deny         MemHotplugByProbeRequest
        allow        OnlineCPUMemRequest
        deny         PauseContainerRequest
        deny         ReadStreamRequest
        allow        RemoveContainerRequest
        allow        RemoveStaleVirtiofsShareMountsRequest
        deny         ReseedRandomDevRequest
        deny         ResizeVolumeRequest
        deny         ResumeContainerRequest
        deny         SetGuestDateTimeRequest
        deny         SetIPTablesRequest
        deny         SetPolicyRequest
        allow        SignalProcessRequest
        allow        StartContainerRequest
        allow        StatsContainerRequest
        allow        TtyWinResizeRequest
        deny         UpdateContainerRequest
        deny         UpdateEphemeralMountsRequest
        conditional  UpdateInterfaceRequest
        conditional  UpdateRoutesRequest
        deny         VolumeStatsRequest
        allow        WaitProcessRequest
        deny         WriteStreamRequest
    "#]]
    .assert_eq(&table.concat());
}

#[test]
fn nothing_taken_away_from_an_attack_lets_it_pass() {
    let policy = default_restrictive();
    for case in cases::embedded().iter().filter(|case| case.rule == Rule::Closed) {
        for key in case.input.as_object().unwrap().keys() {
            let mut input = case.input.clone();
            input.as_object_mut().unwrap().remove(key);
            let got = policy.decide(case.request, &input);
            assert!(matches!(got, Decision::Deny { .. }), "{} without {key}: {got}", case.name);
        }
    }
}

#[test]
fn nothing_in_it_reads_as_the_data_trustee_looks_for() {
    assert!(!DEFAULT_RESTRICTIVE.contains("policy_data"));
}

#[test]
fn every_file_of_cases_is_embedded() {
    let files = std::fs::read_dir("../../policies/default-restrictive/cases").unwrap();
    let cases = files.flat_map(|file| {
        let path = file.unwrap().path();
        cases::parse(&path.display().to_string(), &fs_text(&path)).unwrap()
    });
    assert_eq!(cases.count(), cases::embedded().len());
}

#[expect(clippy::disallowed_methods, reason = "a test of this crate may look at its sources")]
fn fs_text(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn an_empty_package_decides_nothing() {
    let policy = Policy::parse("empty.rego", b"package agent_policy\n").unwrap();
    assert!(policy.decisions().into_values().all(|verdict| verdict == Verdict::Undefined));
}
