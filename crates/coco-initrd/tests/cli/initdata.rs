//! `coco-initrd initdata`: what is made, what is said about it, and every input that is refused.

use expect_test::{Expect, expect};

use crate::fixture::{Place, Ran};

const AA: &str = "[token_configs.kbs]\nurl = \"http://kbs:8080\"\n";

/// The built-in default, with logs open.
const LOGS: (&str, &str) =
    ("\ndefault ReadStreamRequest := false\n", "\ndefault ReadStreamRequest := true\n");

const INITDATA_WITH: &str =
    "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"policy.rego\" = '''\nPOLICY'''\n";

const GOOD: &str = "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"aa.toml\" = \"\"\n";

/// A directory with the built-in default policy, one that opens the logs, and a configuration.
fn place() -> Place {
    let place = Place::new();
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/default-restrictive.rego");
    let policy = fs_err::read_to_string(policy).unwrap();
    assert!(policy.contains(LOGS.0));
    place.file("logs.rego", policy.replace(LOGS.0, LOGS.1));
    place.file("default.rego", policy);
    place.file("aa.toml", AA);
    place.file("good.toml", GOOD);
    place
}

/// Runs `words` and compares its data and its words.
fn says(place: &Place, words: &str, code: i32, data: &Expect, said: &Expect) {
    let ran = place.run(words);
    data.assert_eq(&ran.data);
    said.assert_eq(&ran.words);
    assert_eq!(ran.code, code);
}

/// Runs `words`: no data, no new file, and these words.
fn refused(place: &Place, words: &str, expected: &Expect) {
    let before = place.names();
    let Ran { code, data, words: said } = place.run(words);
    expected.assert_eq(&said);
    assert_eq!((code, data.as_str()), (2, ""));
    assert_eq!(place.names(), before, "nothing may be left behind");
}

/// What is said of a file with these bytes, by every command that reads initdata.
fn unreadable(bytes: impl AsRef<[u8]>, expected: &Expect) {
    let place = place();
    place.file("it", bytes);
    refused(&place, "initdata inspect it", expected);
    let inspected = place.run("initdata inspect it");
    for words in ["initdata digest it", "initdata image it -o img", "initdata create --merge it"] {
        assert_eq!(place.run(words), inspected, "{words}");
    }
}

/// The same, of what a line of shell makes of the good document.
fn unreadable_of(line: &str, expected: &Expect) {
    let place = place();
    assert_eq!(place.shell(&format!("({line}) > it")).code, 0);
    unreadable(place.read("it"), expected);
}

#[test]
fn a_document_is_made_of_files_byte_for_byte() {
    let place = place();
    place.file("cdh.toml", "[kbc]\nname = \"cc_kbc\"\n");
    let ran = place.run("initdata create --cdh-toml cdh.toml --aa-toml aa.toml");
    expect![[r#"
        algorithm = "sha256"
        version = "0.1.0"

        [data]
        "aa.toml" = '''
        [token_configs.kbs]
        url = "http://kbs:8080"
        '''
        "cdh.toml" = '''
        [kbc]
        name = "cc_kbc"
        '''
    "#]]
    .assert_eq(&ran.data);
    assert_eq!(ran.code, 0);
}

#[test]
fn a_policy_goes_in_byte_for_byte() {
    let place = place();
    assert_eq!(place.run("initdata create --policy default.rego -o it").code, 0);
    assert_eq!(place.run("initdata inspect it --show policy.rego").data, place.text("default.rego"));
}

#[test]
fn a_policy_that_is_not_fit_for_a_pod_goes_nowhere() {
    let place = place();
    for (file, from, to) in [
        ("old.rego", "import rego.v1", ""),
        ("pass.rego", "AllowRequestsFailingPolicy := false", "AllowRequestsFailingPolicy := true"),
    ] {
        place.file(file, place.text("default.rego").replace(from, to));
    }
    place.file("old.toml", INITDATA_WITH.replace("POLICY", &place.text("old.rego")));
    for (words, expected) in [
        (
            "initdata create --policy old.rego -o out",
            expect![[r#"
            old.rego:98:22: error: regorus 0.2.8: `if` is not imported, so it is a name: the condition behind it is lost, and the rule always true; add `import rego.v1` [missing-import]
            error: policy old.rego is not fit for a pod
            hint: `coco-initrd policy check --role override` shows all; docs/policy-check.md says how to mend it
        "#]],
        ),
        (
            "initdata create --policy pass.rego -o out",
            expect![[r#"
            pass.rego:46:1: error: AllowRequestsFailingPolicy is true: every denial becomes a warning, and no later policy ends it [failing-requests-pass]
            error: policy pass.rego is not fit for a pod
            hint: `coco-initrd policy check --role override` shows all; docs/policy-check.md says how to mend it
        "#]],
        ),
        (
            "build --profile peer-pods --initdata old.toml --output-dir out",
            expect![[r#"
            error: this initdata is not fit for a guest: policy.rego:98:22: error: regorus 0.2.8: `if` is not imported, so it is a name: the condition behind it is lost, and the rule always true; add `import rego.v1` [missing-import]
            hint: `coco-initrd initdata inspect` shows all; a policy is mended with `policy check --role override`
        "#]],
        ),
    ] {
        let before = place.names();
        let ran = place.run(words);
        expected.assert_eq(&ran.words);
        assert_eq!((ran.code, ran.data.as_str(), place.names()), (1, "", before), "{words}");
    }
    assert_eq!(place.run("initdata inspect old.toml").code, 1);
    let wrapped = place.run("initdata image old.toml -o out");
    assert!(
        wrapped.code == 0 && wrapped.words.starts_with("note: policy.rego:98:22: error: "),
        "{}",
        wrapped.words
    );
    let meant = place.run("initdata create --policy pass.rego -o out --allow-permissive-policy");
    assert_eq!(meant.code, 0, "{}", meant.words);
}

#[test]
fn what_a_policy_opens_is_said_and_no_fault() {
    says(
        &place(),
        "initdata create --policy logs.rego -o out.toml",
        0,
        &expect![[r#""#]],
        &expect![[r#"
            logs.rego:210:1: note: ReadStreamRequest is open: the logs are read under the Go runtime: it names a container's own process with the container's id (and 2 more cases) [open]
            sha256 01eb428fabb9b9a84fa9a9d42fb67cf433347acb6d463a739076e3410b02dd31
        "#]],
    );
}

#[test]
fn the_default_policy_needs_no_words() {
    says(
        &place(),
        "initdata create --policy default.rego -o out.toml",
        0,
        &expect![[r#""#]],
        &expect![[r#"
            sha256 be20fdb1b1204b57dc81b57ac77da23d3a144a5f289622643590e07814435938
        "#]],
    );
}

#[test]
fn a_document_is_inspected() {
    let place = place();
    place.run("initdata create --policy logs.rego --aa-toml aa.toml -o it");
    says(
        &place,
        "initdata inspect it",
        0,
        &expect![[r#"
            form        toml
            version     0.1.0
            algorithm   sha256
            digest      ef95aaf199822759a2a270695c3873778c53634684ef1421ba32bce390302ad5
            size        11419 bytes
            annotation  5740 of 262144 bytes
            key         "aa.toml": 44 bytes, SHA-256 b1a9fb27f2b8d87965aaaeec614e82185f70a8a2355a6aced837785e2e95bfb8
            key         "policy.rego": 11284 bytes, SHA-256 54267f99fd7c00de4ca1cc479b65579aab936c92aa8a7e9f0866aae0aeae1daf
            policy      differs from the built-in default in 1 request:
                        ReadStreamRequest: allow, default deny (3 cases)
        "#]],
        &expect![[r#""#]],
    );
}

#[test]
fn a_document_is_inspected_as_json() {
    let place = place();
    let data = "[data]\n\"aa.toml\" = \"\"\nmore = \"x\"\n";
    place.file("it", format!("version = \"0.1.0\"\nalgorithm = \"sha384\"\n{data}"));
    says(
        &place,
        "initdata inspect it --json",
        0,
        &expect![[r#"
        {
          "algorithm": "sha384",
          "annotation_limit": 262144,
          "annotation_size": 164,
          "digest": "675534a0becaee82756e171e3437b955a1ef761ceead097b7bd3724ad19494fbc08a5b90bbbf0c244edcb5163343c532",
          "faults": [],
          "form": "toml",
          "keys": {
            "aa.toml": {
              "foreign": false,
              "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
              "size": 0
            },
            "more": {
              "foreign": true,
              "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
              "size": 1
            }
          },
          "policy": null,
          "size": 72,
          "version": "0.1.0"
        }
    "#]],
        &expect![[r#""#]],
    );
    place.run("initdata create --policy logs.rego -o it");
    let value: serde_json::Value =
        serde_json::from_str(&place.run("initdata inspect it --json").data).unwrap();
    let differs = &value["policy"]["differs_from_default"][0];
    assert_eq!((&differs["request"], &differs["to"]), (&"ReadStreamRequest".into(), &"allow".into()));
    assert_eq!(value["policy"]["decisions"]["ReadStreamRequest"], "allow");
}

#[test]
fn what_a_guest_would_fail_on_is_found() {
    let place = place();
    let data = "\"aa.toml\" = \"x\"\n\"cdh.toml\" = \"\"\n\"policy.rego\" = \"package other\\na := 1\"\n\"p\" = \"\"\n";
    place.file("it", format!("version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n{data}"));
    says(
        &place,
        "initdata inspect it",
        1,
        &expect![[r#"
            form        toml
            version     0.1.0
            algorithm   sha256
            digest      a3f32bc3a26884151f9aae64da141d912c8b52bfbaac35e470a4bc279dab6579
            size        127 bytes
            annotation  212 of 262144 bytes
            key         "aa.toml": 1 byte, SHA-256 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
            key         "cdh.toml": 0 bytes, SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            key         "p": 0 bytes, SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  (no guest reads it)
            key         "policy.rego": 20 bytes, SHA-256 484232ae02c0bbd4c0110a972a7c59fd219ff57b9c833f5ccc79b07ccf386515
            policy      can't be loaded
        "#]],
        &expect![[r#"
            error: aa.toml:1:2: key with no value, expected `=`
            hint: a guest must not be given this initdata; mend it and create it again
            error: policy.rego:1:1: error: regorus 0.2.8, regorus 0.9: got package other, expected agent_policy; the agent finds no rule and denies everything [wrong-package]
            hint: a guest must not be given this initdata; mend it and create it again
        "#]],
    );
}

#[test]
fn every_form_says_the_same() {
    let place = place();
    place.run("initdata create --policy logs.rego -o it.toml");
    place.run("initdata create --policy logs.rego --annotation -o it.b64");
    place.run("initdata image it.b64 -o it.img");
    place.shell("base64 -d it.b64 > it.gz");
    let digest = place.run("initdata digest it.toml").data;
    for name in ["it.b64", "it.img", "it.gz"] {
        assert_eq!(place.run(&format!("initdata digest {name}")).data, digest, "{name}");
    }
    assert_eq!(place.shell("$COCO initdata digest - < it.b64").data, digest);
    assert_eq!(place.run("initdata inspect it.img --show policy.rego").data, place.text("logs.rego"));
}

#[test]
fn other_tools_unpack_an_annotation_and_an_image() {
    let place = place();
    place.run("initdata create --policy logs.rego -o it.toml");
    let text = place.text("it.toml");
    assert_eq!(
        place.shell("$COCO initdata create --merge it.toml --annotation | base64 -d | gzip -dc").data,
        text
    );
    place.run("initdata image it.toml -o it.img");
    let of_image = "tail -c +17 it.img | head -c $(od -An -t u8 -j 8 -N 8 it.img) | gzip -dc";
    assert_eq!(place.shell(of_image).data, text);
    let sum = place.shell("sha256sum < it.toml | cut -c -64").data;
    assert!(place.run("initdata digest it.toml").data.contains(&format!("digest      {sum}")));
}

#[test]
fn a_digest_comes_with_the_registers_it_shows_up_in() {
    says(
        &place(),
        "initdata digest good.toml",
        0,
        &expect![[r#"
        algorithm   sha256
        digest      0a209162d070762caad74cbb48121f194707abb105c2f77950c8ec00b05c37b3
        MRCONFIGID  0a209162d070762caad74cbb48121f194707abb105c2f77950c8ec00b05c37b300000000000000000000000000000000  padded
        HOSTDATA    0a209162d070762caad74cbb48121f194707abb105c2f77950c8ec00b05c37b3  exact
        PCR8        bfa641dae4b7e5f37cf720339956b9101fd4526c36e297f31b6c1e67c321b8e0  exact
    "#]],
        &expect![[r#""#]],
    );
}

#[test]
fn a_digest_that_does_not_fit_is_told() {
    let place = place();
    place.file("it", GOOD.replace("sha256", "sha384"));
    says(
        &place,
        "initdata digest it",
        0,
        &expect![[r#"
        algorithm   sha384
        digest      3fa6320d55e5c295c266d27837f02f268eeee944dd6cbf735bc12ec7cb23861e17cc7979f0f0eccde4caa698a3ef02d1
        MRCONFIGID  3fa6320d55e5c295c266d27837f02f268eeee944dd6cbf735bc12ec7cb23861e17cc7979f0f0eccde4caa698a3ef02d1  exact
        HOSTDATA    3fa6320d55e5c295c266d27837f02f268eeee944dd6cbf735bc12ec7cb23861e  truncated
        PCR8        170fc122d5cb33e435a51c028359ae2bba591c1815d2e64bfc2b3f944f8fb480  truncated
    "#]],
        &expect![[r#"
        note: sha384 is not for peer pods on Azure: Trustee's verifier takes 32 bytes there, as sha256 has
    "#]],
    );
}

#[test]
fn a_pod_without_initdata_has_registers_too() {
    says(
        &place(),
        "initdata digest --none",
        0,
        &expect![[r#"
        algorithm   none
        digest      none
        MRCONFIGID  000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000  zeros
        HOSTDATA    0000000000000000000000000000000000000000000000000000000000000000  zeros
        PCR8        4b58b30becd30d16f7f60d56b32661d921ae0d3310c6a89f5d552f9bfee921a9  stand-in
    "#]],
        &expect![[r#"
        note: a peer pod that is given no initdata makes a stand-in and measures it into PCR8
    "#]],
    );
    says(
        &place(),
        "initdata digest --none --json",
        0,
        &expect![[r#"
        {
          "algorithm": null,
          "digest": null,
          "hostdata": {
            "fit": "zeros",
            "value": "0000000000000000000000000000000000000000000000000000000000000000"
          },
          "mrconfigid": {
            "fit": "zeros",
            "value": "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
          },
          "pcr8": {
            "fit": "stand-in",
            "value": "4b58b30becd30d16f7f60d56b32661d921ae0d3310c6a89f5d552f9bfee921a9"
          }
        }
    "#]],
        &expect![[r#"
        note: a peer pod that is given no initdata makes a stand-in and measures it into PCR8
    "#]],
    );
}

#[test]
fn what_is_merged_stays_unless_it_is_given_anew() {
    let place = place();
    let data = "\"aa.toml\" = \"old\"\n\"cdh.toml\" = \"\"\nmore = \"x\"\n";
    place.file("it", format!("version = \"0.1.0\"\nalgorithm = \"sha512\"\n[data]\n{data}"));
    says(
        &place,
        "initdata create --merge it --aa-toml aa.toml",
        0,
        &expect![[r#"
        algorithm = "sha512"
        version = "0.1.0"

        [data]
        "aa.toml" = '''
        [token_configs.kbs]
        url = "http://kbs:8080"
        '''
        "cdh.toml" = '''
        '''
        "more" = '''
        x'''
    "#]],
        &expect![[r#"
        note: it has key "more", which no guest reads; it is kept
        sha512 c983ba74673ca1bce3d90555d602a01e587e4dd01091839cf26ec1e52b55f1e200cb1bc62267ee392dd9426c138e7b18b8f5aa61585d411d164831b0d9a51c90
    "#]],
    );
}

#[test]
fn the_algorithm_given_is_taken_over_the_merged_one() {
    let ran = place().run("initdata create --merge good.toml --algorithm sha384");
    assert_eq!(ran.data, GOOD.replace("sha256", "sha384").replace("\"\"", "'''\n'''"));
}

#[test]
fn nothing_is_made_of_nothing() {
    refused(
        &place(),
        "initdata create --annotation",
        &expect![[r#"
        error: the following required arguments were not provided:
          <--policy <FILE>|--aa-toml <FILE>|--cdh-toml <FILE>|--merge <EXISTING>>

        Usage: coco-initrd initdata create --annotation <--policy <FILE>|--aa-toml <FILE>|--cdh-toml <FILE>|--merge <EXISTING>>

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn a_policy_that_can_not_be_loaded_goes_nowhere() {
    let place = place();
    place.file("bad.rego", "package agent_policy\n\ndefault A := \n");
    refused(
        &place,
        "initdata create --policy bad.rego -o out",
        &expect![[r#"
        error: the policy can't be loaded
          caused by: bad.rego:4:1: expecting expression
    "#]],
    );
    place.file("it", GOOD.replace("aa.toml", "policy.rego"));
    refused(
        &place,
        "initdata create --merge it --aa-toml aa.toml",
        &expect![[r#"
        error: the policy can't be loaded
          caused by: policy.rego is empty: got no statement, expected package agent_policy
    "#]],
    );
}

#[test]
fn a_configuration_that_is_not_toml_goes_nowhere() {
    let place = place();
    place.file("bad.toml", "[token\n");
    refused(
        &place,
        "initdata create --cdh-toml bad.toml",
        &expect![[r#"
            error: cdh.toml:1:7: unclosed table, expected `]`
            hint: mend the file: the component would not start with it
        "#]],
    );
    place.file("bad.toml", b"a = \"\xFF\"\n");
    refused(
        &place,
        "initdata create --cdh-toml bad.toml",
        &expect![[r#"
        error: bad.toml is not UTF-8: got an invalid byte at offset 5
    "#]],
    );
}

#[test]
fn a_missing_file_is_named() {
    refused(
        &place(),
        "initdata create --policy none.rego",
        &expect![[r#"
        error: failed to open file `none.rego`: No such file or directory (os error 2)
        hint: check the path
    "#]],
    );
    refused(
        &place(),
        "initdata inspect none",
        &expect![[r#"
        error: the initdata can't be read
          caused by: failed to open file `none`: No such file or directory (os error 2)
        hint: check the path
    "#]],
    );
}

#[test]
fn an_annotation_that_is_too_large_is_not_made() {
    let place = place();
    // Comments without any pattern: digests in a row.
    place.shell("for i in $(seq 4500); do echo $i | sha512sum; done | sed 's/^/# /' > noise");
    place.shell("cat default.rego noise > large.rego");
    refused(
        &place,
        "initdata create --policy large.rego --annotation",
        &expect![[r#"
            error: the annotation is too large: got 405572 bytes with its name, expected at most 262144
            hint: make the policy smaller: Kubernetes refuses an object whose annotations have more together
        "#]],
    );
    assert_eq!(place.run("initdata create --policy large.rego -o large.toml").code, 0);
}

#[test]
fn a_key_that_is_not_there_is_answered_with_those_that_are() {
    refused(
        &place(),
        "initdata inspect good.toml --show policy.rego",
        &expect![[r#"
        error: good.toml has no key `policy.rego`
        hint: it has aa.toml
    "#]],
    );
}

#[test]
fn names_of_keys_can_not_write_to_the_terminal() {
    let place = place();
    place.file("it", GOOD.replace("\"aa.toml\"", "\"\\u001b[2J\""));
    refused(
        &place,
        "initdata inspect it --show x",
        &expect![[r#"
        error: it has no key `x`
        hint: it has \u{1b}[2J
    "#]],
    );
    assert!(!place.run("initdata inspect it").data.contains('\u{1b}'));
}

#[test]
fn only_files_are_replaced() {
    let place = place();
    place.shell("mkdir directory && ln -s good.toml link");
    refused(
        &place,
        "initdata image good.toml -o directory",
        &expect![[r#"
        error: directory is not a regular file
        hint: give --output a file, new or old
    "#]],
    );
    refused(
        &place,
        "initdata image good.toml -o /dev/null",
        &expect![[r#"
        error: /dev/null is not a regular file
        hint: give --output a file, new or old
    "#]],
    );
    refused(
        &place,
        "initdata image good.toml -o none/img",
        &expect![[r#"
            error: none/img can't be written
              caused by: failed to query resolved metadata `none`: No such file or directory (os error 2)
            hint: check the path
        "#]],
    );
    assert_eq!(place.run("initdata image good.toml -o link").code, 0);
    assert!(place.read("good.toml").starts_with(b"initdata"));
}

#[test]
fn a_link_to_nothing_is_not_replaced_by_a_file() {
    let place = place();
    place.shell("ln -s nothing link");
    refused(
        &place,
        "initdata image good.toml -o link",
        &expect![[r#"
        error: link is a symbolic link to nothing
        hint: make the file it leads to, or take the link away
    "#]],
    );
    assert!(fs_err::symlink_metadata(place.join("link")).unwrap().is_symlink());
}

#[test]
fn a_file_that_is_replaced_keeps_its_permissions() {
    let place = place();
    for mode in ["600", "640", "4755", "444"] {
        let line = format!("umask 022 && chmod {mode} aa.toml && $COCO initdata image good.toml -o aa.toml");
        assert_eq!(place.shell(&line).code, 0);
        assert_eq!(place.shell("stat -c %a aa.toml").data, format!("{mode}\n"));
    }
    assert!(place.read("aa.toml").starts_with(b"initdata"));
    assert_eq!(
        place.shell("umask 027 && $COCO initdata image good.toml -o new && stat -c %a new").data,
        "640\n"
    );
}

#[test]
fn a_full_disk_leaves_the_earlier_file_whole() {
    let place = place();
    let ran = place
        .shell("trap '' XFSZ; ulimit -f 1; exec $COCO initdata create --policy default.rego -o good.toml");
    assert_eq!(ran.code, 2);
    assert!(ran.words.contains("File too large (os error 27)"), "{}", ran.words);
    assert_eq!(place.text("good.toml"), GOOD);
    assert_eq!(place.names(), ["aa.toml", "default.rego", "good.toml", "logs.rego"]);
}

#[test]
fn an_algorithm_with_a_hyphen_is_refused() {
    unreadable(
        GOOD.replace("sha256", "sha-384"),
        &expect![[r#"
        error: it: algorithm: got `sha-384` with a hyphen, expected sha384
        hint: leave the hyphen out: Kata's Go runtime panics on it, and no pod would start
    "#]],
    );
}

#[test]
fn an_unknown_algorithm_is_refused() {
    unreadable(
        GOOD.replace("sha256", "sha3"),
        &expect![[r#"
        error: it: algorithm: got `sha3`, expected sha256, sha384 or sha512
        hint: take sha256, which is right for every platform
    "#]],
    );
}

#[test]
fn another_version_is_refused() {
    unreadable(
        GOOD.replace("0.1.0", "0.2.0"),
        &expect![[r#"
        error: it: version: got `0.2.0`, expected 0.1.0
        hint: no released agent reads another version
    "#]],
    );
}

#[test]
fn an_unknown_key_is_refused() {
    unreadable(
        GOOD.replace("[data]", "policy = \"\"\n[data]"),
        &expect![[r#"
        error: it: got key `policy`, expected only algorithm, version and data
        hint: files for the guest go under [data]; take other keys out
    "#]],
    );
}

#[test]
fn a_document_without_data_is_refused() {
    unreadable(
        "algorithm = \"sha256\"\nversion = \"0.1.0\"\n",
        &expect![[r#"
        error: it has no data, expected keys algorithm, version and data
        hint: put the files under a [data] table, or make the document with `coco-initrd initdata create`
    "#]],
    );
}

#[test]
fn a_key_that_was_not_quoted_is_refused() {
    unreadable(
        GOOD.replace("\"aa.toml\"", "aa.toml"),
        &expect![[r#"
        error: it: data.aa: got a table, expected a string
        hint: quote keys that have a dot in them, such as "policy.rego"
    "#]],
    );
}

#[test]
fn a_document_that_is_not_toml_is_refused() {
    unreadable(
        GOOD.replace("[data]", "[data"),
        &expect![[r#"
        error: it:4:6: unclosed table, expected `]`
        hint: `coco-initrd initdata create` makes a document that is right
    "#]],
    );
}

#[test]
fn an_empty_file_is_refused() {
    unreadable(
        "",
        &expect![[r#"
        error: it has no version, expected keys algorithm, version and data
        hint: `coco-initrd initdata create` makes a document that is right
    "#]],
    );
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    unreadable(
        [GOOD.as_bytes(), b"# \xFF"].concat(),
        &expect![[r#"
        error: it is not UTF-8: got an invalid byte at offset 64
    "#]],
    );
    unreadable(
        format!("\u{feff}{GOOD}"),
        &expect![[r#"
        error: it begins with a byte order mark, expected plain UTF-8
        hint: save the file without one
    "#]],
    );
}

#[test]
fn binary_junk_is_refused() {
    unreadable(
        b"\x7fELF\x02\x01\x01\x00\x00",
        &expect![[r#"
        error: it is not initdata: expected TOML, an annotation's base64, gzip or a device image
    "#]],
    );
}

#[test]
fn an_oversized_file_is_refused() {
    let place = place();
    place.shell("truncate -s 1G it");
    refused(
        &place,
        "initdata inspect it",
        &expect![[r#"
            error: it is too long: got over 25165824 bytes, which no initdata has
            hint: check that this is the right file: an agent loads a policy of at most 16 MiB
        "#]],
    );
    refused(
        &place,
        "initdata create --policy it",
        &expect![[r#"
            error: it is too long: got over 25165824 bytes, which no initdata has
            hint: check that this is the right file: an agent loads a policy of at most 16 MiB
        "#]],
    );
    place.shell("yes '#' | head -c 20M > long");
    refused(
        &place,
        "initdata digest long",
        &expect![[r#"
            error: long is too long: got 20971520 bytes of TOML, expected at most 17825792
            hint: check that this is the right file: an agent loads a policy of at most 16 MiB
        "#]],
    );
}

#[test]
fn a_bomb_is_refused() {
    unreadable_of(
        "head -c 1G /dev/zero | gzip -1 | base64 -w0",
        &expect![[r#"
            error: it unpacks to more than 17825792 bytes, the most that initdata can have
            hint: check that this is the right file: an agent loads a policy of at most 16 MiB
        "#]],
    );
}

#[test]
fn gzip_that_was_cut_is_refused() {
    unreadable_of(
        "gzip -nc good.toml | head -c 60 | base64 -w0",
        &expect![[r#"
        error: it can't be unpacked: the gzip data ends too early
        hint: get the value again, whole and unchanged
    "#]],
    );
}

#[test]
fn two_gzip_members_are_refused() {
    unreadable_of(
        "(gzip -nc good.toml; echo '# more' | gzip -nc) | base64 -w0",
        &expect![[r#"
        error: it has a second gzip member at offset 77 of its gzip data, expected one
        hint: runtimes disagree what such data means: compress the whole document once
    "#]],
    );
}

#[test]
fn bytes_after_the_gzip_member_are_refused() {
    unreadable_of(
        "(gzip -nc good.toml; echo) | base64 -w0",
        &expect![[r#"
        error: it: bytes after the gzip data: got 1, expected none
        hint: runtimes disagree what such data means: compress the whole document once
    "#]],
    );
}

#[test]
fn lines_of_base64_are_refused() {
    unreadable_of(
        "gzip -nc good.toml | base64 -w 20",
        &expect![[r#"
        error: it has white space in its base64, at offset 20
        hint: join the lines: base64 -w0 writes only one
    "#]],
    );
}

#[test]
fn base64_that_was_cut_is_refused() {
    unreadable_of(
        "gzip -nc good.toml | base64 -w0 | head -c 41",
        &expect![[r#"
        error: it is not base64: got an incomplete group of 4 at offset 40
        hint: get the value again, whole and unchanged
    "#]],
    );
}

#[test]
fn an_image_that_was_cut_is_refused() {
    let place = place();
    place.run("initdata image good.toml -o img");
    unreadable(
        &place.read("img")[..60],
        &expect![[r#"
        error: it is cut off: its header announces 77 bytes of gzip data, got 44
        hint: get the image again: it was not written to its end
    "#]],
    );
}
