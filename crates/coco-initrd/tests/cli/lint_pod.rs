//! `coco-initrd policy lint-pod`.

use expect_test::expect;

use crate::fixture::{Place, Ran};

const POD: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    io.katacontainers.config.hypervisor.cc_init_data: "lost"
spec:
  template:
    metadata:
      annotations:
        io.katacontainers.config.agent.policy: "old"
    spec:
      containers:
        - name: web
          image: web
          tty: true
          ports: [{containerPort: 8080}]
          terminationMessagePolicy: FallbackToLogsOnError
          readinessProbe:
            exec:
              command: [sh, -c, "echo 'ready'"]
          lifecycle:
            preStop:
              exec:
                command: [sleep, "5"]
            postStart:
              exec: {command: [touch, 1]}
"#;

#[test]
fn findings_are_data_and_errors_among_them_are_the_outcome() {
    let place = Place::new();
    place.file("pod.yaml", POD);
    let ran = place.run("policy lint-pod pod.yaml");
    expect![[r#"
        pod.yaml:6:5: warning L012 misplaced-annotation: Deployment/web: metadata.annotations["io.katacontainers.config.hypervisor.cc_init_data"]
          this annotation is not on the pod but on what makes it: the runtime never sees it
          do: move it to the metadata of the pod template
          see: docs/lint.md#l012
        pod.yaml:11:9: error L006 policy-annotation: Deployment/web: spec.template.metadata.annotations["io.katacontainers.config.agent.policy"]
          the runtime sends this policy with SetPolicyRequest, which is denied: the pod does not start
          do: remove it, and give the policy in initdata
          see: docs/lint.md#l006
        pod.yaml:12:5: note L010 runtime-class: Deployment/web: spec.template.spec
          no runtime class: the pod runs as an ordinary container, without guest and policy
          do: set runtimeClassName to the class of your cluster, such as kata-cc
          see: docs/lint.md#l010
        pod.yaml:16:11: warning L004 tty: Deployment/web: spec.template.spec.containers[0].tty
          what the terminal shows is read with ReadStreamRequest, which is emptied: it stays blank
          do: remove it
          see: docs/lint.md#l004
        pod.yaml:18:11: warning L005 termination-message: Deployment/web: spec.template.spec.containers[0].terminationMessagePolicy
          the message is read with GetDiagnosticDataRequest, which is denied, and the logs in its place are empty: the pod's status shows no message
          do: remove it, and tell the reason by the exit code
          see: docs/lint.md#l005
        pod.yaml:19:11: error L001 exec-probe: Deployment/web: spec.template.spec.containers[0].readinessProbe
          the kubelet runs its command with ExecProcessRequest, which is denied: the container never becomes ready
          do: in place of exec write httpGet: {path: /healthz, port: 8080} or tcpSocket: {port: 8080}
          or allow it: --allow-exec-command '["sh","-c","echo '\''ready'\''"]'
          see: docs/lint.md#l001
        pod.yaml:23:13: error L002 exec-hook: Deployment/web: spec.template.spec.containers[0].lifecycle.preStop
          the kubelet runs its command with ExecProcessRequest, which is denied: the hook fails, and the container is stopped without it
          do: in place of exec write sleep: {seconds: 5}
          or allow it: --allow-exec-command '["sleep","5"]'
          see: docs/lint.md#l002
        pod.yaml:26:13: error L002 exec-hook: Deployment/web: spec.template.spec.containers[0].lifecycle.postStart
          the kubelet runs its command with ExecProcessRequest, which is denied: the container is killed and started again, over and over
          do: have the program do it when it starts, or in place of exec write httpGet: {path: /postStart, port: 8080}
          see: docs/lint.md#l002
        pod.yaml:27:39: error L011 command: Deployment/web: spec.template.spec.containers[0].lifecycle.postStart.exec.command[1]
          Kubernetes refuses the pod: got a number, expected a list of strings for the command
          do: write it in quotes: "1"
          see: docs/lint.md#l011
    "#]].assert_eq(&ran.data);
    expect![[r#"
        1 workload: 5 errors, 3 warnings, 1 note
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 1);
}

#[test]
fn a_pod_that_fits_is_done() {
    let place = Place::new();
    place.file(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  runtimeClassName: kata-cc\n  containers:\n  \
         - {name: a, image: a, stdin: false, livenessProbe: {tcpSocket: {port: 1}}}\n",
    );
    let ran = place.run("policy lint-pod pod.yaml");
    let words = "1 workload: 0 errors, 0 warnings, 0 notes\n";
    assert_eq!(ran, Ran { code: 0, data: String::new(), words: words.to_owned() });
    let ran = place.run("policy lint-pod pod.yaml --json");
    assert_eq!(ran, Ran { code: 0, data: "[]\n".to_owned(), words: words.to_owned() });
}

#[test]
fn findings_are_also_shown_as_json() {
    let place = Place::new();
    place.file("pod.yaml", POD);
    let ran = place.run("policy lint-pod pod.yaml --json");
    let findings: serde_json::Value = serde_json::from_str(&ran.data).unwrap();
    let probe = findings.as_array().unwrap().iter().find(|finding| finding["code"] == "L001").unwrap();
    expect![[r#"
        {
          "advice": "in place of exec write httpGet: {path: /healthz, port: 8080} or tcpSocket: {port: 8080}",
          "allow": "--allow-exec-command '[\"sh\",\"-c\",\"echo '\\''ready'\\''\"]'",
          "code": "L001",
          "column": 11,
          "level": "error",
          "line": 19,
          "name": "exec-probe",
          "place": "spec.template.spec.containers[0].readinessProbe",
          "what": "the kubelet runs its command with ExecProcessRequest, which is denied: the container never becomes ready",
          "workload": "Deployment/web"
        }"#]].assert_eq(&format!("{probe:#}"));
    assert_eq!(ran.code, 1);
}

#[test]
fn the_option_is_quoted_so_that_a_shell_gives_the_command_back() {
    let place = Place::new();
    place.file("pod.yaml", POD);
    let ran = place.shell(
        "option=$($COCO policy lint-pod pod.yaml 2>&- | sed -n 's/  or allow it: //p' | head -1); \
         eval \"printf '%s\\n' $option\"",
    );
    assert_eq!(ran.data, "--allow-exec-command\n[\"sh\",\"-c\",\"echo 'ready'\"]\n");
}

#[test]
fn a_name_cannot_write_to_the_terminal() {
    let place = Place::new();
    place.file("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: \"\\e[2J\\n\"}\nspec: {}\n");
    let ran = place.run("policy lint-pod pod.yaml");
    let first = ran.data.lines().next().unwrap();
    assert_eq!(first, r"pod.yaml:4:1: note L010 runtime-class: Pod/\u{1b}[2J\n: spec");
}

#[test]
fn a_dash_is_standard_input() {
    let ran = Place::new().shell("echo 'kind: [' | $COCO policy lint-pod -");
    expect![[r#"
        error: stdin:2:1: while parsing a node, did not find expected node content
    "#]]
    .assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
}

#[test]
fn what_is_no_file_of_pods_is_refused() {
    let place = Place::new();
    place.file("service.yaml", "apiVersion: v1\nkind: Service\n");
    place.file(
        "alias.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nx: &x []\nspec:\n  containers: *x\n",
    );
    place.file("twice.yaml", "kind: Pod\nkind: Pod\n");
    place.file("bom.yaml", "\u{feff}kind: Pod\n");
    let said: String = ["service", "alias", "twice", "bom", "absent"]
        .iter()
        .map(|name| {
            let ran = place.run(&format!("policy lint-pod {name}.yaml"));
            assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{name}");
            ran.words
        })
        .collect();
    expect![[r#"
        error: service.yaml has no workload: got Service of v1, expected one of Pod of v1, Deployment of apps, ReplicaSet of apps, StatefulSet of apps, DaemonSet of apps, ReplicationController of v1, Job of batch, CronJob of batch, DeploymentConfig of apps.openshift.io
        error: alias.yaml:6:15: spec.containers: got an alias, expected the value itself
        hint: write the value out at this place; aliases, anchors, tags and merge keys are not followed
        error: twice.yaml:2:1: the key `kind` is here a second time, expected once in a mapping
        hint: leave one of them
        error: bom.yaml begins with a byte order mark, expected plain UTF-8
        hint: save the file as UTF-8 without a mark
        error: failed to open file `absent.yaml`: No such file or directory (os error 2)
        hint: check the path
    "#]].assert_eq(&said);
}
