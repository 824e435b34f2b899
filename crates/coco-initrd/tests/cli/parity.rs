//! `coco-initrd parity`: an image against an overlay, and everything that can be wrong with either.

use expect_test::expect;
use serde_json::Value;

use crate::fixture::{FULL, Place};

const POLICY: &str = "etc/kata-opa/default-policy.rego";

/// An image in `dist/tdx` and a podvm's files in `vm/`.
fn built() -> Place {
    let place = Place::new();
    place.inputs();
    let ran = place.run(&format!("{FULL} --profile tdx"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(place.run("build --profile peer-pods").code, 0);
    let ran = place.shell("mkdir vm && tar -C vm -xf dist/peer-pods/podvm-overlay.tar");
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
    place
}

/// The exit code, and what is said of the side `vm` and in the verdict.
fn compared(place: &Place) -> String {
    let ran = place.run("parity dist/tdx vm");
    assert_eq!(ran.words, "");
    let b = ran.data.find("B ").unwrap();
    format!("{}{}\n", &ran.data[b..], ran.code)
}

#[test]
fn an_image_and_an_overlay_of_one_policy_are_the_same() {
    let place = built();
    let ran = place.run("parity dist/tdx/coco-initrd-tdx.img dist/peer-pods/podvm-overlay.tar");
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
    expect![[r#"
        A          dist/tdx/coco-initrd-tdx.img
          form     initrd
          default  /etc/kata-opa/default-restrictive.rego
          sha256   4c7c10d1beb1f4851e9799a481545d74adeadf3159b4e48a436bc1cdb3f6d6e8
          override initdata device, read by /usr/bin/kata-agent
        B          dist/peer-pods/podvm-overlay.tar
          form     podvm
          default  /etc/kata-opa/default-restrictive.rego
          sha256   4c7c10d1beb1f4851e9799a481545d74adeadf3159b4e48a436bc1cdb3f6d6e8
          override process-user-data writes over the copy that /etc/tmpfiles.d/policy.conf makes
        policy     same
        decisions  same
        override   same
    "#]]
    .assert_eq(&ran.data);
}

#[test]
fn any_form_of_either_is_read() {
    let place = built();
    place.shell("gzip -k dist/peer-pods/podvm-overlay.tar && xz -k dist/peer-pods/podvm-overlay.tar");
    place.shell("zstd -q dist/peer-pods/podvm-overlay.tar");
    place.shell("mkdir root && cd root && gzip -dc ../dist/tdx/*.img | cpio -id --quiet 'etc/*' 'usr/*'");
    for a in ["dist/tdx", "root"] {
        for b in ["dist/peer-pods", "vm", "dist/peer-pods/podvm-overlay.tar.gz"] {
            let ran = place.run(&format!("parity {a} {b}"));
            assert_eq!(ran.code, 0, "{a} {b}: {}{}", ran.data, ran.words);
        }
    }
    for packed in ["podvm-overlay.tar.xz", "podvm-overlay.tar.zst"] {
        let ran = place.run(&format!("parity dist/peer-pods/{packed} dist/tdx"));
        assert_eq!(ran.code, 0, "{packed}: {}{}", ran.data, ran.words);
    }
}

#[test]
fn the_result_as_json_has_the_same_verdict() {
    let place = built();
    let ran = place.run("parity dist/tdx vm --json");
    let value: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!((ran.code, &value["same"]), (0, &true.into()));
    assert_eq!((&value["a"]["form"], &value["b"]["form"]), (&"initrd".into(), &"podvm".into()));
    assert_eq!(value["a"]["sha256"], value["b"]["sha256"]);

    place.shell(&format!("rm vm/{POLICY}"));
    let ran = place.run("parity dist/tdx vm --json");
    let value: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!((ran.code, &value["same"]), (1, &false.into()));
    assert_eq!(value["b"]["problem"], "/etc/kata-opa/default-policy.rego is not in the image");
}

#[test]
fn the_default_of_upstream_podvms_is_another_policy() {
    let place = built();
    let open = include_str!("../../../../policies/default-restrictive.rego")
        .replace("default ExecProcessRequest := false", "default ExecProcessRequest := true");
    place.file("vm/etc/kata-opa/allow-all.rego", open);
    place.file(
        "vm/etc/tmpfiles.d/policy.conf",
        "#Type Path Mode User Group Age Argument\n\
         C /run/peerpod/policy.rego - - - - /etc/kata-opa/allow-all.rego\n",
    );
    expect![[r#"
        B          vm
          form     podvm
          default  /etc/kata-opa/allow-all.rego
          sha256   cb4b10b79efc5048d9ccde3c03e2efa56108d8ccdbf141fc6d851d349b6ee0ed
          override process-user-data writes over the copy that /etc/tmpfiles.d/policy.conf makes
        policy     different
          other bytes
        decisions  different
          ExecProcessRequest is deny in A, allow in B
        override   different
          another policy in A than in B opens logs, exec, exec-output, stdin, termination-log
        1
    "#]]
    .assert_eq(&compared(&place));
}

#[test]
fn other_bytes_are_another_policy_even_if_they_decide_the_same() {
    let place = built();
    place.shell("echo '# more' >> vm/etc/kata-opa/default-restrictive.rego");
    expect![[r#"
        B          vm
          form     podvm
          default  /etc/kata-opa/default-restrictive.rego
          sha256   e0c9ed7cfad728a92f6682f0a07b9ffccb7232f10c42260247257d7a75e1d6ad
          override process-user-data writes over the copy that /etc/tmpfiles.d/policy.conf makes
        policy     different
          other bytes
        decisions  same
        override   different
          another policy in A than in B opens logs, exec, exec-output, stdin, termination-log
        1
    "#]]
    .assert_eq(&compared(&place));
}

#[test]
fn a_podvm_without_a_sure_policy_is_found_wanting() {
    let said: String = [
        "rm etc/kata-opa/default-restrictive.rego",
        ": > etc/kata-opa/default-restrictive.rego",
        "echo x > etc/kata-opa/default-restrictive.rego",
        "rm etc/tmpfiles.d/policy.conf",
        "cp etc/tmpfiles.d/policy.conf etc/tmpfiles.d/z.conf",
        "ln -sfn /run/peerpod/other.rego etc/kata-opa/default-policy.rego",
    ]
    .map(|change| {
        let place = built();
        assert_eq!(place.shell(&format!("cd vm && {change}")).code, 0);
        format!("{change}\n{}\n", compared(&place))
    })
    .concat();
    expect![[r#"
        rm etc/kata-opa/default-restrictive.rego
        B          vm
          default  none: /etc/kata-opa/default-restrictive.rego is not in the image
        policy     different
          B has none
        1

        : > etc/kata-opa/default-restrictive.rego
        B          vm
          default  none: /etc/kata-opa/default-restrictive.rego is empty
        policy     different
          B has none
        1

        echo x > etc/kata-opa/default-restrictive.rego
        B          vm
          default  none: the agent can't load it: default-restrictive.rego:1:1: expecting `package` Missing package declaration.
        policy     different
          B has none
        1

        rm etc/tmpfiles.d/policy.conf
        B          vm
          default  none: /etc/kata-opa/default-policy.rego leads to /run/peerpod/policy.rego, but no line of tmpfiles.d puts a policy there
        policy     different
          B has none
        1

        cp etc/tmpfiles.d/policy.conf etc/tmpfiles.d/z.conf
        B          vm
          default  none: /run/peerpod/policy.rego has more than one line in tmpfiles.d: /etc/tmpfiles.d/policy.conf and /etc/tmpfiles.d/z.conf
        policy     different
          B has none
        1

        ln -sfn /run/peerpod/other.rego etc/kata-opa/default-policy.rego
        B          vm
          default  none: /etc/kata-opa/default-policy.rego leads to /run, which is not in the image
        policy     different
          B has none
        1

    "#]].assert_eq(&said);
}

#[test]
fn a_podvm_that_may_load_another_policy_is_found_wanting() {
    let place = built();
    let said: String = [
        ("etc/tmpfiles.d/z.conf", "f+ %t/peerpod/policy.rego - - - - package"),
        ("usr/lib/tmpfiles.d/z.conf", "C /run/peerpod - - - - /etc/peer"),
        (
            "etc/tmpfiles.d/z.conf",
            "C+ /etc/kata-opa/default-restrictive.rego - - - - /etc/kata-opa/evil.rego",
        ),
        ("etc/agent-config.toml", "policy_file = \"/etc/kata-opa/evil.rego\""),
        (
            "usr/lib/systemd/system/kata-agent.service.d/x.conf",
            "[Service]\nEnvironment=KATA_AGENT_POLICY_FILE=/x.rego",
        ),
    ]
    .map(|(file, text)| {
        place.file(&format!("vm/{file}"), format!("{text}\n"));
        let said = compared(&place);
        assert_eq!(place.shell(&format!("rm vm/{file}")).code, 0);
        format!("{text}\n{said}\n")
    })
    .concat();
    expect![[r#"
        f+ %t/peerpod/policy.rego - - - - package
        B          vm
          default  none: /etc/tmpfiles.d/z.conf: line 1: `f+ %t/peerpod/policy.rego` may change the policy, expected only the line that copies it
        policy     different
          B has none
        1

        C /run/peerpod - - - - /etc/peer
        B          vm
          default  none: /usr/lib/tmpfiles.d/z.conf: line 1: `C /run/peerpod` may change the policy, expected only the line that copies it
        policy     different
          B has none
        1

        C+ /etc/kata-opa/default-restrictive.rego - - - - /etc/kata-opa/evil.rego
        B          vm
          default  none: /etc/tmpfiles.d/z.conf: line 1: `C+ /etc/kata-opa/default-restrictive.rego` may change the policy, expected only the line that copies it
        policy     different
          B has none
        1

        policy_file = "/etc/kata-opa/evil.rego"
        B          vm
          default  none: /etc/agent-config.toml: policy_file has the agent load another policy
        policy     different
          B has none
        1

        [Service]
        Environment=KATA_AGENT_POLICY_FILE=/x.rego
        B          vm
          default  none: /usr/lib/systemd/system/kata-agent.service.d/x.conf: line 2: KATA_AGENT_POLICY_FILE has the agent load another policy
        policy     different
          B has none
        1

    "#]].assert_eq(&said);
}

#[test]
fn an_image_whose_agent_is_told_of_another_policy_is_found_wanting() {
    let place = built();
    place.shell("mkdir root && cd root && gzip -dc ../dist/tdx/*.img | cpio -id --quiet 'etc/*' 'usr/*'");
    place.file("root/etc/agent-config.toml", "policy_file = \"/etc/kata-opa/evil.rego\"\n");
    let ran = place.run("parity root vm");
    assert_eq!((ran.code, ran.words.as_str()), (1, ""));
    expect![[r#"
        A          root
          default  none: /etc/agent-config.toml: policy_file has the agent load another policy
        B          vm
          form     podvm
          default  /etc/kata-opa/default-restrictive.rego
          sha256   4c7c10d1beb1f4851e9799a481545d74adeadf3159b4e48a436bc1cdb3f6d6e8
          override process-user-data writes over the copy that /etc/tmpfiles.d/policy.conf makes
        policy     different
          A has none
    "#]]
    .assert_eq(&ran.data);
}

#[test]
fn a_policy_in_the_place_of_the_podvms_link_can_not_be_overridden() {
    let place = built();
    assert_eq!(place.shell(&format!("ln -sfn default-restrictive.rego vm/{POLICY}")).code, 0);
    expect![[r#"
        B          vm
          form     initrd
          default  /etc/kata-opa/default-restrictive.rego
          sha256   4c7c10d1beb1f4851e9799a481545d74adeadf3159b4e48a436bc1cdb3f6d6e8
          override none: there is no agent that could read the initdata device
        policy     same
        decisions  same
        override   different
          B: none: there is no agent that could read the initdata device
        1
    "#]]
    .assert_eq(&compared(&place));
}

#[test]
fn an_image_with_a_dangling_link_is_found_wanting() {
    let place = built();
    place.shell("mkdir -p bad/etc/kata-opa && ln -s gone.rego bad/etc/kata-opa/default-policy.rego");
    place.shell("cd bad && find . | cpio -o -H newc --quiet | gzip > ../bad.img");
    let ran = place.run("parity bad.img dist/peer-pods");
    assert_eq!(ran.code, 1, "{}", ran.words);
    assert!(
        ran.data
            .contains("  default  none: /etc/kata-opa/default-policy.rego leads to /etc/kata-opa/gone.rego")
    );
}

#[test]
fn what_has_no_files_in_it_can_not_be_compared() {
    let place = built();
    place.file("x.rego", "package agent_policy\n");
    for (words, message) in [
        (
            "parity x.rego vm",
            "error: x.rego is neither an initrd nor a tar nor a directory\n\
             hint: give an image or overlay of a build, a tarball of a root file system, or its directory\n",
        ),
        (
            "parity vm gone",
            "error: failed to query resolved metadata `gone`: No such file or directory (os error 2)\n\
             hint: check the path\n",
        ),
    ] {
        let ran = place.run(words);
        assert!(ran.words.starts_with(message), "{}", ran.words);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{words}");
    }
}
