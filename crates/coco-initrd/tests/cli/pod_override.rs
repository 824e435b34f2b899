//! `coco-initrd override` and `initdata annotate`: one pod opened, and nothing else changed.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::fixture::Place;

const POD: &str = "# our pod\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web # its name\nspec:\n  containers:\n    - {name: web, image: x}\n";

const AA: &str = "[token_configs.kbs]\nurl = \"http://kbs:8080\"\n";

fn place() -> Place {
    let place = Place::new();
    place.file("pod.yaml", POD);
    place.file("two.yaml", format!("{POD}---\n{}", POD.replace("web", "db")));
    place.file("service.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n");
    place.file("aa.toml", AA);
    place
}

/// Runs `words`: no data, no new file, and these words.
fn refused(words: &str, expected: &Expect) {
    let place = place();
    let before = place.names();
    let ran = place.run(words);
    expected.assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data.as_str(), place.names()), (2, "", before));
}

#[test]
fn logs_are_opened_with_one_command() {
    let place = place();
    let ran = place.run("override --allow logs pod.yaml -o out.yaml");
    assert_eq!(ran.code, 0, "{}", ran.words);
    expect![[r#"
        workload    Pod/web
        opens       logs
        policy      sha256 8e50db9273a58b33784cffc2dd2cfa4ac36d959d2dd0b365f76a279ca648e845
        initdata    sha256 56ca10cf7ac098bb8c0ef04d7a673fb23237964dc5be4cf0134bfb8bd880b2f4
        MRCONFIGID  56ca10cf7ac098bb8c0ef04d7a673fb23237964dc5be4cf0134bfb8bd880b2f400000000000000000000000000000000  padded
        HOSTDATA    56ca10cf7ac098bb8c0ef04d7a673fb23237964dc5be4cf0134bfb8bd880b2f4  exact
        PCR8        17b09c8827cd60a0b6a6b1fe0114e562a655c34238d7c33eebf84b1fb9f947ef  exact
        annotation  5940 of 262144 bytes

        # Approves every pod with exactly this initdata, which opens logs.
        # Guests with other initdata, or with none, get nothing. Merge it with the broker's own rules.
        package policy

        import rego.v1

        default allow := false

        # What the evidence may show, by the kind of evidence. More documents are more values.
        approved := {
        	# MRCONFIGID
        	"tdx": {"56ca10cf7ac098bb8c0ef04d7a673fb23237964dc5be4cf0134bfb8bd880b2f400000000000000000000000000000000"},
        	# HOST_DATA
        	"snp": {"56ca10cf7ac098bb8c0ef04d7a673fb23237964dc5be4cf0134bfb8bd880b2f4"},
        	# peer pods: PCR 8 of the vTPM
        	"az-snp-vtpm": {"17b09c8827cd60a0b6a6b1fe0114e562a655c34238d7c33eebf84b1fb9f947ef"},
        	"az-tdx-vtpm": {"17b09c8827cd60a0b6a6b1fe0114e562a655c34238d7c33eebf84b1fb9f947ef"},
        	"tpm": {"17b09c8827cd60a0b6a6b1fe0114e562a655c34238d7c33eebf84b1fb9f947ef"},
        }

        allow if {
        	input.submods.cpu0["ear.status"] == "affirming"
        	evidence := input.submods.cpu0["ear.veraison.annotated-evidence"]
        	some kind, registers in approved
        	evidence[kind]
        	evidence.init_data in registers
        }
    "#]].assert_eq(&ran.data);
    expect![[r#"
        opened, compared with the base:
          ReadStreamRequest: deny -> conditional
            deny -> allow: the logs are read under the Go runtime
            deny -> allow: the logs are read under the Rust runtime
        note: the initdata has no aa.toml and cdh.toml: if the cluster gives pods its own initdata, name that with --initdata, or the guest no longer knows its key broker
        apply out.yaml; the pod must be made anew, a running one keeps its policy
        take it back: apply pod.yaml again, or what `coco-initrd initdata annotate out.yaml --remove` prints
    "#]].assert_eq(&ran.words);
}

#[test]
fn nothing_but_the_annotation_changes() {
    let place = place();
    assert_eq!(place.run("override --allow logs pod.yaml -o out.yaml").code, 0);
    let diff = place.shell("diff pod.yaml out.yaml | cut -c 1-70").data;
    expect![[r#"
        5a6,7
        >   annotations:
        >     "io.katacontainers.config.hypervisor.cc_init_data": "H4sIAAAAAAA
    "#]]
    .assert_eq(&diff);
}

#[test]
fn the_pod_carries_exactly_the_derived_policy() {
    let place = place();
    assert_eq!(place.run("override --allow exec pod.yaml -o out.yaml").code, 0);
    let carried = place.run("initdata inspect out.yaml --show policy.rego").data;
    assert_eq!(carried, place.run("policy derive --allow exec").data);
}

#[test]
fn the_result_as_json_has_the_annotation_and_the_rule() {
    let place = place();
    let result = place.run("override --allow logs pod.yaml -o out.yaml --json").data;
    let result: Value = serde_json::from_str(&result).unwrap();
    assert!(place.text("out.yaml").contains(result["annotation"].as_str().unwrap()));
    assert!(result["approval"].as_str().unwrap().contains(result["hostdata"].as_str().unwrap()));
    assert_eq!(result["changes"][0]["request"], "ReadStreamRequest");
}

#[test]
fn the_same_override_is_the_same_text_for_every_pod() {
    let place = place();
    let annotation = |file: &str| {
        let result =
            place.run(&format!("override --allow logs {file} -o out.yaml --json --workload Pod/web")).data;
        serde_json::from_str::<Value>(&result).unwrap()["annotation"].clone()
    };
    assert_eq!(annotation("pod.yaml"), annotation("two.yaml"));
}

#[test]
fn the_configurations_a_pod_has_are_kept() {
    let place = place();
    let line = "$COCO initdata create --aa-toml aa.toml --algorithm sha384 -o initdata.toml \
        && $COCO initdata annotate pod.yaml --initdata initdata.toml -o with.yaml \
        && $COCO override --allow logs with.yaml -o out.yaml";
    let ran = place.shell(line);
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(place.run("initdata inspect out.yaml --show aa.toml").data, AA);
    assert!(ran.data.contains("initdata    sha384 "), "{}", ran.data);
    assert!(!ran.words.contains("note: the initdata has no aa.toml"), "{}", ran.words);
}

#[test]
fn a_policy_the_pod_has_is_not_dropped_unasked() {
    let place = place();
    assert_eq!(place.run("override --allow logs pod.yaml -o out.yaml").code, 0);
    let ran = place.run("override --allow exec out.yaml -o again.yaml");
    expect![[r#"
        error: out.yaml has a policy of its own in its initdata, and an override replaces it whole
        hint: look at it with `coco-initrd initdata inspect`; --base derives from it, --replace-policy drops it
    "#]].assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
    let ran = place.run("override --allow exec out.yaml -o again.yaml --replace-policy");
    assert_eq!(ran.code, 0, "{}", ran.words);
    let carried = place.run("initdata inspect again.yaml --show policy.rego").data;
    assert_eq!(carried, place.run("policy derive --allow exec").data);
}

#[test]
fn taken_out_the_file_is_as_it_was() {
    let place = place();
    assert_eq!(place.run("override --allow logs pod.yaml -o out.yaml").code, 0);
    assert_eq!(place.run("initdata annotate out.yaml --remove").data, POD);
}

#[test]
fn one_workload_of_several_is_named() {
    let place = place();
    let ran = place.run("override --allow logs two.yaml -o out.yaml --workload Pod/db");
    assert_eq!(ran.code, 0, "{}", ran.words);
    let text = place.text("out.yaml");
    assert!(text.starts_with(POD) && text.matches("cc_init_data").count() == 1, "{text}");
}

#[test]
fn which_pod_is_meant_is_not_guessed() {
    refused(
        "override --allow logs two.yaml -o out.yaml",
        &expect![[r#"
        error: two.yaml has 2 workloads, expected one: Pod/web, Pod/db
        hint: name one with --workload Pod/web
    "#]],
    );
    refused(
        "override --allow logs two.yaml -o out.yaml --workload Pod/x",
        &expect![[r#"
        error: two.yaml: 0 workloads are called Pod/x, expected one; there are: Pod/web, Pod/db
        hint: give the Kind/name of one that is there
    "#]],
    );
    refused(
        "override --allow logs two.yaml -o out.yaml --workload all",
        &expect![[r#"
        error: invalid value 'all' for '--workload <KIND/NAME>': got all, expected Kind/name, such as Deployment/web

        For more information, try '--help'.
    "#]],
    );
    refused(
        "override --allow logs service.yaml -o out.yaml",
        &expect![[r#"
        error: service.yaml has no workload: got Service of v1, expected one of Pod of v1, Deployment of apps, ReplicaSet of apps, StatefulSet of apps, DaemonSet of apps, ReplicationController of v1, Job of batch, CronJob of batch, DeploymentConfig of apps.openshift.io
    "#]],
    );
    refused(
        "initdata annotate two.yaml --initdata aa.toml",
        &expect![[r#"
        error: two.yaml has 2 workloads, expected one: Pod/web, Pod/db
        hint: name one with --workload Pod/web
    "#]],
    );
}

#[test]
fn what_is_not_there_is_not_taken_out() {
    refused(
        "initdata annotate pod.yaml --remove",
        &expect![[r#"
        error: pod.yaml has no annotation io.katacontainers.config.hypervisor.cc_init_data
        hint: `coco-initrd initdata annotate` gives a pod initdata
    "#]],
    );
    refused(
        "initdata inspect pod.yaml",
        &expect![[r#"
        error: pod.yaml has no annotation io.katacontainers.config.hypervisor.cc_init_data
        hint: `coco-initrd initdata annotate` gives a pod initdata
    "#]],
    );
}

#[test]
fn an_output_that_can_t_be_written_leaves_no_trace() {
    refused(
        "override --allow logs pod.yaml -o nowhere/out.yaml",
        &expect![[r#"
        error: nowhere/out.yaml can't be written
          caused by: failed to query resolved metadata `nowhere`: No such file or directory (os error 2)
        hint: check the path
    "#]],
    );
}

#[test]
fn two_pods_with_different_initdata_are_not_one_document() {
    let place = place();
    for (what, pod, from) in [("logs", "web", "two.yaml"), ("exec", "db", "out.yaml")] {
        let words = format!("override --allow {what} {from} -o out.yaml --workload Pod/{pod}");
        assert_eq!(place.run(&words).code, 0);
    }
    let ran = place.run("initdata digest out.yaml");
    expect![[r#"
        error: out.yaml has different initdata for Pod/web and Pod/db
        hint: put each workload into a file of its own
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}

#[test]
fn what_the_base_opens_is_told_to_whoever_approves() {
    let place = place();
    let default = include_str!("../../../../policies/default-restrictive.rego");
    place.file("own.rego", format!("{default}\nWriteStreamRequest := true\n"));
    let ran = place.run("override --allow logs --base own.rego pod.yaml -o out.yaml");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(ran.data.contains("opens       logs, and by its base WriteStreamRequest\n"), "{}", ran.data);
    assert!(ran.data.contains("which opens logs, and by its base WriteStreamRequest.\n"), "{}", ran.data);
}

#[test]
fn a_base_of_ones_own_is_what_the_rest_comes_from() {
    let place = place();
    place.file(
        "own.rego",
        format!("{}\n# ours\n", include_str!("../../../../policies/default-restrictive.rego")),
    );
    let ran = place.run("override --allow logs --base own.rego pod.yaml -o out.yaml");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(place.run("initdata inspect out.yaml --show policy.rego").data.contains("\n# ours\n"));
}

/// A pod with this value of the annotation.
fn annotated(value: &str) -> String {
    let key = "io.katacontainers.config.hypervisor.cc_init_data";
    POD.replace("metadata:\n", &format!("metadata:\n  annotations: {{{key}: {value}}}\n"))
}

/// The last words of an override: how to take it back.
fn way_back(line: &str, expected: &Expect) {
    let place = place();
    let ran = place.shell(line);
    assert_eq!(ran.code, 0, "{}", ran.words);
    expected.assert_eq(ran.words.lines().last().unwrap());
}

#[test]
fn a_file_of_secrets_stays_one() {
    let place = place();
    let line =
        "install -m 600 pod.yaml secret.yaml && $COCO override --allow logs secret.yaml -o secret.yaml";
    assert_eq!(place.shell(line).code, 0);
    assert_eq!(place.shell("stat -c %a secret.yaml").data, "600\n");
}

#[test]
fn broken_initdata_can_be_taken_out_and_replaced() {
    let place = place();
    place.shell("$COCO initdata create --aa-toml aa.toml -o initdata.toml");
    for value in ["\"###\"", "\"\""] {
        place.file("broken.yaml", annotated(value));
        let ran = place.run("initdata annotate broken.yaml --remove");
        assert!(ran.code == 0 && !ran.data.contains("cc_init_data"), "{value}: {}", ran.words);
        let ran = place.run("initdata annotate broken.yaml --initdata initdata.toml");
        assert_eq!(ran.code, 0, "{value}: {}", ran.words);
        let ran = place.run("override --allow logs --initdata initdata.toml broken.yaml -o out.yaml");
        assert_eq!(ran.code, 0, "{value}: {}", ran.words);
        assert_eq!(place.run("initdata inspect out.yaml --show aa.toml").data, AA);
    }
}

#[test]
fn broken_initdata_is_not_taken_over() {
    let place = place();
    place.file("empty.yaml", annotated("\"\""));
    let ran = place.run("override --allow logs --replace-policy empty.yaml -o out.yaml");
    expect![[r#"
        error: empty.yaml: the initdata of Pod/web is empty, expected an annotation's base64
        hint: `coco-initrd initdata annotate` takes it out with --remove, or gives the pod another
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
    place.file("broken.yaml", annotated("\"###\""));
    let ran = place.run("override --allow logs --replace-policy broken.yaml -o out.yaml");
    expect![[r#"
        error: broken.yaml: the initdata of Pod/web is not base64: got an incomplete group of 4 at offset 0
        hint: get the value again, whole and unchanged
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}

#[test]
fn the_way_back_is_one_that_there_is() {
    way_back(
        "$COCO override --allow logs pod.yaml -o ./pod.yaml",
        &expect!["take it back: apply what `coco-initrd initdata annotate ./pod.yaml --remove` prints"],
    );
    way_back(
        "ln -s pod.yaml link; $COCO override --allow logs link -o pod.yaml",
        &expect!["take it back: apply what `coco-initrd initdata annotate pod.yaml --remove` prints"],
    );
    way_back(
        "$COCO override --allow logs - -o out.yaml < pod.yaml",
        &expect!["take it back: apply what `coco-initrd initdata annotate out.yaml --remove` prints"],
    );
    way_back(
        "$COCO override --allow logs two.yaml --workload Pod/db -o out.yaml",
        &expect![
            "take it back: apply two.yaml again, or what `coco-initrd initdata annotate out.yaml --remove --workload Pod/db` prints"
        ],
    );
    way_back(
        "$COCO override --allow logs pod.yaml -o \"$(printf 'a\\033b')\"",
        &expect![[
            r#"take it back: apply pod.yaml again, or what `coco-initrd initdata annotate a\u{1b}b --remove` prints"#
        ]],
    );
    let with = "$COCO initdata create --aa-toml aa.toml -o it && $COCO initdata annotate pod.yaml --initdata it -o with.yaml";
    way_back(
        &format!("{with} && $COCO override --allow logs with.yaml -o out.yaml"),
        &expect!["take it back: apply with.yaml again"],
    );
    way_back(
        &format!("{with} && $COCO override --allow logs with.yaml -o with.yaml"),
        &expect!["take it back: only with a copy of what was read; no file has the pod's earlier initdata"],
    );
}

#[test]
fn no_file_is_called_like_standard_output() {
    refused(
        "override --allow logs pod.yaml -o -",
        &expect![[r#"
        error: got - for the file to write, expected a file's name
        hint: give --output a file; what goes to standard output goes there without being asked
    "#]],
    );
    refused(
        "policy derive --allow logs -o -",
        &expect![[r#"
        error: got - for the file to write, expected a file's name
        hint: give --output a file; what goes to standard output goes there without being asked
    "#]],
    );
}

#[test]
fn a_longer_digest_comes_with_the_note_of_initdata_digest() {
    let place = place();
    for algorithm in ["sha384", "sha512"] {
        let ran = place.run(&format!("override --allow logs --algorithm {algorithm} pod.yaml -o out.yaml"));
        let note = place.run("initdata digest out.yaml").words;
        assert!(note.contains(&format!("{algorithm} is not for peer pods on Azure")), "{note}");
        assert!(ran.words.contains(&note), "{}", ran.words);
    }
}

#[test]
fn standard_input_has_one_name() {
    let place = place();
    for line in ["initdata digest -", "initdata annotate - --remove", "policy check -"] {
        let ran = place.shell(&format!("printf '\\377' | $COCO {line}"));
        assert!(ran.words.contains("stdin"), "{line}: {}", ran.words);
    }
}
