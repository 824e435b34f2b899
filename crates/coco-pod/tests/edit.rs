//! One annotation in all the ways a file can be written. Which pods there are is in `workloads`.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]
#![expect(clippy::indexing_slicing, reason = "a failing test should panic where it fails")]

use coco_pod::{ANNOTATIONS_MAX, INITDATA, PodError, PodFile};
use expect_test::expect;

fn parse(text: &str) -> PodFile {
    PodFile::parse("pod.yaml", text.as_bytes()).unwrap()
}

/// The text with `example.com/k` set to `v` in the first workload.
fn set(text: &str) -> Result<String, PodError> {
    let file = parse(text);
    file.set_annotation(&file.workloads()[0], "example.com/k", "v")
}

fn remove(text: &str) -> String {
    let file = parse(text);
    file.remove_annotation(&file.workloads()[0], "example.com/k").unwrap()
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_written_fits_what_is_there() {
    // behind the beginning of a pod: what is there, and what it becomes
    let table: &[(&str, &str)] = &[
        // none
        ("spec: {}\n", "  annotations:\n    example.com/k: \"v\"\nspec: {}\n"),
        (
            "  labels:\n     x: y # why\n",
            "  labels:\n     x: y # why\n  annotations:\n     example.com/k: \"v\"\n",
        ),
        // null
        ("  annotations:   # none yet\n", "  annotations:   # none yet\n    example.com/k: \"v\"\n"),
        ("  annotations: ~ # x\n", "  annotations: {\"example.com/k\": \"v\"} # x\n"),
        ("  annotations: null\n", "  annotations: {\"example.com/k\": \"v\"}\n"),
        // braces
        ("  annotations: {}\n", "  annotations: {\"example.com/k\": \"v\"}\n"),
        ("  annotations: { }\n", "  annotations: {\"example.com/k\": \"v\" }\n"),
        ("  annotations: {a: b}\n", "  annotations: {a: b, \"example.com/k\": \"v\"}\n"),
        ("  annotations: {a: b,}\n", "  annotations: {a: b, \"example.com/k\": \"v\",}\n"),
        ("  annotations: {a: , b}\n", "  annotations: {a: , b, \"example.com/k\": \"v\"}\n"),
        (
            "  annotations: {\n    a: b # c\n  }\n",
            "  annotations: {\n    a: b,\n    \"example.com/k\": \"v\" # c\n  }\n",
        ),
        ("  annotations: {example.com/k}\n", "  annotations: {example.com/k: \"v\"}\n"),
        ("  annotations: {example.com/k: , b: c}\n", "  annotations: {example.com/k: \"v\" , b: c}\n"),
        // block
        (
            "  annotations:\n    a: b # c\n  # d\n",
            "  annotations:\n    a: b # c\n    example.com/k: \"v\"\n  # d\n",
        ),
        (
            "  annotations:\n    é: 'it''s'  # c\n\nspec: {}\n",
            "  annotations:\n    é: 'it''s'  # c\n    example.com/k: \"v\"\n\nspec: {}\n",
        ),
        (
            "  annotations:\n    a: |\n      text\n\n  labels: {}\n",
            "  annotations:\n    a: |\n      text\n    example.com/k: \"v\"\n\n  labels: {}\n",
        ),
        (
            "  annotations:\n    a: |+\n      text\n\n  labels: {}\n",
            "  annotations:\n    a: |+\n      text\n\n    example.com/k: \"v\"\n  labels: {}\n",
        ),
        (
            "  annotations:\n    a: one\n      more\n",
            "  annotations:\n    a: one\n      more\n    example.com/k: \"v\"\n",
        ),
        ("  annotations:\n    a: b", "  annotations:\n    a: b\n    example.com/k: \"v\""),
        ("  annotations:\n    a: |\n      b", "  annotations:\n    example.com/k: \"v\"\n    a: |\n      b"),
        // replaced
        ("  annotations:\n    example.com/k: old # c\n", "  annotations:\n    example.com/k: \"v\" # c\n"),
        (
            "  annotations:\n    \"example.com/k\": 'it''s' # c\n",
            "  annotations:\n    \"example.com/k\": \"v\" # c\n",
        ),
        (
            "  annotations:\n    example.com/k: # c\n    b: c\n",
            "  annotations:\n    example.com/k: \"v\" # c\n    b: c\n",
        ),
        ("  annotations:\n    example.com/k: 12\n", "  annotations:\n    example.com/k: \"v\"\n"),
        (
            "  annotations:\n    example.com/k: |- # c\n      a\n\n      b\n    # d\n    b: c\n",
            "  annotations:\n    example.com/k: \"v\" # c\n    # d\n    b: c\n",
        ),
        (
            "  annotations:\n    example.com/k: >-\n      a\n      b\n\n    b: c\n",
            "  annotations:\n    example.com/k: \"v\"\n\n    b: c\n",
        ),
        (
            "  annotations:\n    example.com/k: |+\n      a\n\n    b: c\n",
            "  annotations:\n    example.com/k: \"v\"\n    b: c\n",
        ),
        (
            "  annotations:\n    example.com/k: |\n    b: c\n",
            "  annotations:\n    example.com/k: \"v\"\n    b: c\n",
        ),
        ("  annotations:\n    example.com/k: \"a\n      b\"\n", "  annotations:\n    example.com/k: \"v\"\n"),
        ("  annotations: {a: b, example.com/k: 'x' }\n", "  annotations: {a: b, example.com/k: \"v\" }\n"),
        // the same
        ("  annotations:\n    example.com/k: v # c\n", "  annotations:\n    example.com/k: v # c\n"),
    ];
    for (before, after) in table {
        assert_eq!(
            set(&format!("{POD}{before}")).as_deref(),
            Ok(format!("{POD}{after}").as_str()),
            "{before}"
        );
        // And the same with the other line breaks.
        let crlf = |text: &str| format!("{POD}{text}").replace('\n', "\r\n");
        assert_eq!(set(&crlf(before)), Ok(crlf(after)), "{before}");
    }
}

#[test]
fn a_template_without_metadata_gets_one_before_its_spec() {
    let head = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n    template:\n";
    let spec = "        # the pod\n        spec: {}\n";
    let metadata = "        metadata:\n          annotations:\n            example.com/k: \"v\"\n";
    assert_eq!(set(&format!("{head}{spec}")), Ok(format!("{head}{metadata}{spec}")));
    let null = format!("{head}        metadata:\n{spec}");
    assert_eq!(set(&null), Ok(format!("{head}{metadata}{spec}")));
}

#[test]
fn an_item_of_a_list_is_indented_by_its_dash() {
    let before =
        "apiVersion: v1\nkind: List\nitems:\n- metadata:\n    name: a\n  kind: Pod\n  apiVersion: v1\n";
    let after = before.replace("name: a\n", "name: a\n    annotations:\n      example.com/k: \"v\"\n");
    assert_eq!(set(before), Ok(after));
}

#[test]
fn json_stays_json() {
    let compact = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{}}"#;
    let pretty = "{\n\t\"apiVersion\": \"batch/v1\",\n\t\"kind\": \"Job\",\n\t\"metadata\": {\"name\": \"a\"},\n\t\"spec\": {\n\t\t\"template\": {\n\t\t\t\"spec\": {}\n\t\t}\n\t}\n}\n";
    for text in [compact, pretty] {
        let file = parse(text);
        let value = "a\n\"b\"\t\\ \u{7f}\u{2028}é😀";
        let text = file.set_annotation(&file.workloads()[0], INITDATA, value).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let root = if text.contains("Job") { &json["spec"]["template"] } else { &json };
        assert_eq!(root["metadata"]["annotations"][INITDATA], value);
    }
    expect![[r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a", "annotations": {"example.com/k": "v"}},"spec":{}}"#]]
        .assert_eq(&set(compact).unwrap());
}

#[test]
fn an_annotation_goes_without_a_trace() {
    let table: &[(&str, &str)] = &[
        ("  annotations:\n    a: b\n    example.com/k: x\n", "  annotations:\n    a: b\n"),
        (
            "  annotations:\n    # c\n    example.com/k: |\n      x\n    a: b\n",
            "  annotations:\n    # c\n    a: b\n",
        ),
        ("  annotations:\n    a: b\n    example.com/k: x", "  annotations:\n    a: b"),
        ("  annotations:\n    example.com/k: x\n  labels: {}\n", "  labels: {}\n"),
        ("  annotations: {example.com/k: x}\n", ""),
        ("  annotations: {a: b, example.com/k: x}\n", "  annotations: {a: b}\n"),
        ("  annotations: {example.com/k: x, a: b}\n", "  annotations: {a: b}\n"),
        ("  annotations:\n    a: b\n", "  annotations:\n    a: b\n"),
        ("  annotations:\n", "  annotations:\n"),
    ];
    for (before, after) in table {
        assert_eq!(remove(&format!("{POD}{before}")), format!("{POD}{after}"), "{before}");
    }
    let before =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec: {}\n";
    assert_eq!(remove(&set(before).unwrap()), before, "metadata made for it goes with it");
}

#[test]
fn what_is_written_for_other_places_too_is_not_edited() {
    let table = [
        (
            "kind: Pod\nmetadata: &m\n  name: a\n",
            "pod.yaml:3:11: metadata: got an anchor, expected the value itself",
        ),
        (
            "kind: Pod\nmetadata:\n  name: a\n  annotations: &a {b: c}\n",
            "pod.yaml:5:16: metadata.annotations: got an anchor, expected the value itself",
        ),
        (
            "kind: Pod\nx: &a {b: c}\nmetadata:\n  name: a\n  annotations: *a\n",
            "pod.yaml:6:16: metadata.annotations: got an alias, expected the value itself",
        ),
        (
            "kind: Pod\nx: &a {b: c}\nmetadata:\n  name: a\n  annotations:\n    <<: *a\n",
            "pod.yaml:7:5: metadata.annotations: got a merge key, expected the value itself",
        ),
        (
            "kind: Pod\nx: &a b\nmetadata:\n  name: a\n  annotations:\n    b: *a\n",
            "pod.yaml:7:8: metadata.annotations.b: got an alias, expected the value itself",
        ),
        (
            "kind: Pod\nmetadata:\n  name: a\n  annotations: !!map {b: c}\n",
            "pod.yaml:5:16: metadata.annotations: got a tag, expected the value itself",
        ),
        (
            "kind: Pod\nmetadata:\n  name: a\n  annotations: [b]\n",
            "pod.yaml:5:16: metadata.annotations: got a list, expected a mapping",
        ),
        (
            "kind: Pod\nmetadata:\n  name: a\n  annotations:\n    example.com/k: [b]\n",
            "pod.yaml:6:20: metadata.annotations[\"example.com/k\"]: got a list, expected a string",
        ),
    ];
    for (text, expected) in table {
        let got = set(&format!("apiVersion: v1\n{text}")).unwrap_err().to_string();
        assert_eq!(got, expected);
    }
}

#[test]
fn annotations_are_as_large_as_kubernetes_takes_them_and_no_larger() {
    let file = parse(&format!("{POD}  annotations:\n    abc: de\n    k: old\n"));
    let pod = &file.workloads()[0];
    let fits = "x".repeat(ANNOTATIONS_MAX - 6);
    assert!(file.set_annotation(pod, "k", &fits).is_ok());
    let error = file.set_annotation(pod, "k", &format!("{fits}x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pod.yaml:1: the annotations are too large: got 262145 bytes, expected at most 262144"
    );
}

#[test]
fn a_key_is_one_kubernetes_takes() {
    let file = parse(POD);
    let long = "a".repeat(64);
    for key in ["", "/", "a/", "/a", "a b", "-a", "a/b/c", "a_b/c", "a: b", &long, "a..b/c"] {
        assert!(
            matches!(file.set_annotation(&file.workloads()[0], key, ""), Err(PodError::Key { .. })),
            "{key}"
        );
    }
    for key in ["a", "1", "true", "a.b_c-d", "a.b/c", INITDATA] {
        let text = file.set_annotation(&file.workloads()[0], key, "v").unwrap();
        assert_eq!(parse(&text).annotation(&file.workloads()[0], key), Ok(Some("v".to_owned())), "{key}");
    }
}

#[test]
fn an_annotation_that_is_no_string_is_not_read() {
    let file = parse(&format!("{POD}  annotations:\n    k: 12\n    l: \"12\"\n"));
    let pod = &file.workloads()[0];
    let error = file.annotation(pod, "k").unwrap_err().to_string();
    assert_eq!(error, "pod.yaml:6:8: metadata.annotations.k: got a number, expected a string");
    assert_eq!(file.annotation(pod, "l"), Ok(Some("12".to_owned())));
    assert_eq!(file.annotation(pod, "m"), Ok(None));
}

#[test]
fn comments_before_a_block_scalar_are_passed_over() {
    let text = format!("{POD}  annotations:\n    example.com/k:\n# why\n      # why not\n      |\n      a\n");
    assert_eq!(
        parse(&text).annotation(&parse(&text).workloads()[0], "example.com/k"),
        Ok(Some("a\n".to_owned()))
    );
    assert_eq!(set(&text).unwrap(), text.replace("|\n      a\n", "\"v\"\n"));
}
