//! `coco-initrd inspect`, `ls`, `cat` and `extract`: on our images, on those of other tools, on hostile ones.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use coco_image::newc::{self, Header};
use expect_test::expect;
use serde_json::{Value, json};

use crate::fixture::{FULL, Place, Ran};

const POLICY: &str = include_str!("../../../../policies/default-restrictive.rego");

/// A member: name, mode with its type, body.
type Wanted<'a> = (&'a str, u32, &'a str);

const ETC: Wanted<'_> = ("etc", 0o040_755, "");
const OPA: Wanted<'_> = ("etc/kata-opa", 0o040_755, "");
const DEFAULT: &str = "etc/kata-opa/default-policy.rego";

/// A plain segment of these members, numbered and with uniform times, padded so that another may follow.
fn segment(members: &[Wanted<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (ino, (name, mode, body)) in (1..).zip(members) {
        let filesize = u32::try_from(body.len()).unwrap();
        Header { ino, mode: *mode, nlink: 1, filesize, ..Header::default() }.write(name, &mut out);
        out.extend_from_slice(body.as_bytes());
        newc::pad(&mut out);
    }
    newc::trailer(&mut out);
    newc::pad(&mut out);
    out
}

/// A place with these segments as `a.img`.
fn place(segments: &[Vec<u8>]) -> Place {
    let place = Place::new();
    place.file("a.img", segments.concat());
    place
}

fn report(place: &Place, image: &str) -> Value {
    let ran = place.run(&format!("inspect {image} --json"));
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
    serde_json::from_str(&ran.data).unwrap()
}

/// The section of a text report that starts with this word.
fn section(ran: &Ran, name: &str) -> String {
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
    let lines = ran.data.lines().skip_while(|line| *line != name);
    let rows = lines.clone().skip(1).take_while(|line| line.starts_with(' '));
    lines.take(1).chain(rows).flat_map(|line| [line, "\n"]).collect()
}

fn kinds(report: &Value) -> Vec<&str> {
    report["faults"].as_array().unwrap().iter().map(|fault| fault["kind"].as_str().unwrap()).collect()
}

#[test]
fn an_image_of_a_build_is_told_section_by_section() {
    let place = Place::new();
    place.inputs();
    let ran = place.run(&format!("{FULL} --profile tdx"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let digest = ran.data.split_whitespace().next().unwrap().to_owned();
    let ran = place.run("inspect dist/tdx/coco-initrd-tdx.img");
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
    // Of the decisions, one is enough.
    let is_kept =
        |line: &&str| !line.starts_with("    ") || line.contains("gzip") || line.contains("ExecProcess");
    let short: String = ran.data.split_inclusive('\n').filter(is_kept).collect();
    expect![[r#"
        image      dist/tdx/coco-initrd-tdx.img
        sha256     DIGEST
        size       5535 bytes
        segments
          no.      offset        size    unpacked  members trailers  compression
            0           0         426        2572       15        0  gzip
            1         426        5109       14392       14        1  gzip
        files
          character-device           2
          directory                 14
          file                      11
          symlink                    1
          bytes                  13108
        policy
          link       /etc/kata-opa/default-policy.rego -> default-restrictive.rego
          effective  /etc/kata-opa/default-restrictive.rego
          sha256     4c7c10d1beb1f4851e9799a481545d74adeadf3159b4e48a436bc1cdb3f6d6e8
          sha384     91f4763cd763d0f7f5f7f51fc4d2c1e8fe17b49bf2cfa016eacaff0e5e84c86a0a603ee957b915c191906d87dd2e806b
          override   initdata device, read by /usr/bin/kata-agent
          decisions
            ExecProcessRequest                    deny
        init
          path       /init
          kind       guard with its plan
        agent
          path       /usr/bin/kata-agent
          kind       not known
          version    not known
          features   agent-policy yes, guest-pull not known, init-data not known
        faults
          none found
        needs
          kernel     CONFIG_RD_GZIP
          memory     49152 bytes unpacked, a guest of 1 MiB at least
    "#]].assert_eq(&short.replace(&digest, "DIGEST"));
}

#[test]
fn an_image_with_the_built_in_guest_has_guard_agent_and_no_fault() {
    let place = Place::new();
    assert_eq!(place.run("build --profile coco-dev --builtin-guest").code, 0);
    let report = report(&place, "dist/coco-dev/coco-initrd-coco-dev.img");
    assert_eq!(report["faults"], json!([]));
    assert_eq!(
        report["init"],
        json!({"executable": true, "kind": "guard", "path": "/init", "plan": true, "problem": null,
            "script": null})
    );
    let version = concat!("4.1.0+coco-guest.", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        report["agent"],
        json!({
            "features": {"agent-policy": true, "guest-pull": null, "init-data": true},
            "kind": "built-in guest",
            "path": "/usr/bin/kata-agent",
            "version": version,
        })
    );
    assert_eq!(report["policy"]["decisions"]["ExecProcessRequest"], "deny");
    let manifest: Value = serde_json::from_str(&place.text("dist/coco-dev/manifest.json")).unwrap();
    assert_eq!(report["sha256"], manifest["image"]["sha256"]);
    assert_eq!(report["policy"]["sha256"], manifest["policy"]["sha256"]);
}

#[test]
fn hard_links_and_plain_layers_of_a_build_are_no_faults() {
    let place = Place::new();
    place.inputs();
    place
        .shell("mkdir -p base/opt && echo x > base/opt/a && ln base/opt/a base/opt/b && echo y > base/opt/c");
    let ran = place.run(&format!("{FULL} --profile tdx --base base --compression none"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(report(&place, "dist/tdx/coco-initrd-tdx.img")["faults"], json!([]));
}

#[test]
fn an_image_of_gnu_cpio_has_its_faults_named() {
    let place = Place::new();
    place.file("root/z", "z");
    place.file("root/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    place.file("root/etc/resolv.conf", "# none\nnameserver 192.0.2.1\n");
    place.file("root/etc/ssh/ssh_host_rsa_key", "x");
    place.file("root/key.pem", "-----BEGIN EC PRIVATE KEY-----\n");
    place.file("root/var/log/dpkg.log", "x");
    place.file("root/var/cache/ldconfig/aux-cache", "x");
    let made = place.shell(
        "cd root && ln -s /home/me/x link && touch -d @7 z && chmod 755 . \
         && { printf '.\nz\n'; find * ! -name z | sort; } | cpio -o -H newc -R 7:8 --quiet | gzip -9 > ../a.img",
    );
    assert_eq!((made.code, made.words.as_str()), (0, ""));
    let report = report(&place, "a.img");
    let mut kinds = kinds(&report);
    // Of the host, which may count them up by chance.
    kinds.retain(|kind| *kind != "inodes");
    assert_eq!(
        kinds,
        [
            "times",
            "owners",
            "order",
            "build-paths",
            "machine-id",
            "private-keys",
            "resolv-conf",
            "aux-cache",
            "volatile"
        ]
    );
    let example = |kind: &str| {
        let fault = report["faults"].as_array().unwrap().iter().find(|fault| fault["kind"] == kind).unwrap();
        (fault["count"].as_u64().unwrap(), fault["example"].as_str().unwrap())
    };
    assert_eq!(example("owners"), (15, "/ is 7:8's"));
    assert_eq!(example("order"), (1, "/etc comes after /z"));
    assert_eq!(example("build-paths"), (1, "/link -> /home/me/x, which is not in the image"));
    assert_eq!(example("private-keys"), (2, "/etc/ssh/ssh_host_rsa_key"));
    assert_eq!(report["needs"]["kernel"], json!(["CONFIG_RD_GZIP"]));
}

#[test]
fn microcode_in_front_is_told_apart() {
    let microcode = segment(&[
        ("kernel", 0o040_755, ""),
        ("kernel/x86", 0o040_755, ""),
        ("kernel/x86/microcode", 0o040_755, ""),
        ("kernel/x86/microcode/GenuineIntel.bin", 0o100_644, "code"),
    ]);
    let place = place(&[microcode, segment(&[("a", 0o100_644, "b")])]);
    expect![[r#"
        segments
          no.      offset        size    unpacked  members trailers  compression
            0           0         652         652        4        1  plain early microcode
            1         652         240         240        1        1  plain
    "#]]
    .assert_eq(&section(&place.run("inspect a.img"), "segments"));
}

#[test]
fn a_policy_that_a_later_segment_overrides_is_named() {
    let open = POLICY.replace("default ExecProcessRequest := false", "default ExecProcessRequest := true");
    let base = segment(&[ETC, OPA, (DEFAULT, 0o100_644, POLICY)]);
    let place = place(&[base, segment(&[(DEFAULT, 0o100_644, &open)])]);
    let report = report(&place, "a.img");
    assert_eq!(
        report["policy"]["overridden"],
        json!([{"by": 1, "path": "/etc/kata-opa/default-policy.rego", "segment": 0}])
    );
    assert_eq!(report["policy"]["decisions"]["ExecProcessRequest"], "allow");
    assert!(
        section(&place.run("inspect a.img"), "policy")
            .contains("  overridden /etc/kata-opa/default-policy.rego of segment 0 by segment 1\n")
    );
}

#[test]
fn every_problem_of_a_policy_is_told_and_is_no_failure() {
    let allow = ("etc/kata-opa/allow-all.rego", 0o100_644, "x");
    let mut said = String::new();
    for members in [
        vec![("a", 0o100_644, "")],
        vec![ETC, OPA, (DEFAULT, 0o120_777, "gone.rego"), allow],
        vec![ETC, OPA, (DEFAULT, 0o100_644, "")],
        vec![ETC, OPA, (DEFAULT, 0o040_755, "")],
        vec![ETC, OPA, (DEFAULT, 0o120_777, "default-policy.rego")],
        vec![ETC, OPA, (DEFAULT, 0o100_644, "package agent_policy\nx := {\n")],
        vec![ETC, OPA, (DEFAULT, 0o100_644, "package other\nx := 1\n")],
    ] {
        let place = place(&[segment(&members)]);
        said.push_str(&section(&place.run("inspect a.img"), "policy"));
    }
    expect![[r#"
        policy
          effective  none: /etc/kata-opa is not in the image
        policy
          link       /etc/kata-opa/default-policy.rego -> gone.rego
          effective  none: /etc/kata-opa/default-policy.rego leads to /etc/kata-opa/gone.rego, which is not in the image
          no effect  /etc/kata-opa/allow-all.rego
        policy
          effective  none: /etc/kata-opa/default-policy.rego is empty
        policy
          effective  none: /etc/kata-opa/default-policy.rego is a directory, expected a file
        policy
          link       /etc/kata-opa/default-policy.rego -> default-policy.rego
          effective  none: /etc/kata-opa/default-policy.rego goes through more than 40 symbolic links
        policy
          effective  /etc/kata-opa/default-policy.rego
          sha256     26aa494c57eabdb19cf17c0cf8264221be06ba1f083154935a6d4c293ab80c2d
          sha384     1c9d8d5a35fabcb9a7c25be9c754785ad4beea1e8bde19e1848f2dfcac90e564916ef86b0463b38c14142e90a476aedb
          override   none: there is no agent that could read the initdata device
          decisions  none, an agent stops on it: default-policy.rego:3:1: expecting expression
        policy
          effective  /etc/kata-opa/default-policy.rego
          sha256     d3d0f0ff663eeeb158579bcc1e46a1a84d1ff120bb1f445615986fb7f81efe9e
          sha384     7f3e08813da483aa86820b0bd8dac08303206d122fe332f4c30ced242257e68ef7198b5feb34d7c8568ec8071d414d45
          override   none: there is no agent that could read the initdata device
          decisions  none, an agent stops on it: default-policy.rego is in the wrong package: got other, expected agent_policy
    "#]].assert_eq(&said);
}

#[test]
fn an_init_is_what_it_leads_to() {
    let mut said = String::new();
    for members in [
        vec![("a", 0o100_644, "")],
        vec![("init", 0o120_777, "/gone")],
        vec![("init", 0o100_755, "#! /bin/sh -e\nexec x\n")],
        vec![("init", 0o100_644, "text")],
        vec![("init", 0o040_755, "")],
        vec![("init", 0o100_755, "\x7fELF coco-guard: /etc/coco-initrd/guard.toml")],
        vec![("init", 0o100_755, "\x7fELF")],
        vec![
            ("usr", 0o040_755, ""),
            ("usr/lib", 0o040_755, ""),
            ("usr/lib/systemd", 0o040_755, ""),
            ("usr/lib/systemd/systemd", 0o100_755, "x"),
            ("init", 0o120_777, "usr/lib/systemd/systemd"),
        ],
    ] {
        let place = place(&[segment(&members)]);
        said.push_str(&section(&place.run("inspect a.img"), "init"));
    }
    expect![[r#"
        init
          kind       none: /init is not in the image
        init
          kind       none: /init leads to /gone, which is not in the image
        init
          path       /init
          kind       script for /bin/sh -e
        init
          path       /init
          kind       other
          mode       not executable: the kernel can't start it
        init
          path       /init
          kind       directory
          mode       not executable: the kernel can't start it
        init
          path       /init
          kind       guard without its plan: it powers off
        init
          path       /init
          kind       program
        init
          path       /usr/lib/systemd/systemd
          kind       systemd
    "#]]
    .assert_eq(&said);
}

#[test]
fn the_json_has_all_keys_whatever_is_in_the_image() {
    let place = place(&[segment(&[("a", 0o100_644, "b")])]);
    let ran = place.run("inspect a.img --json");
    expect![[r#"
        {
          "agent": null,
          "faults": [],
          "files": {
            "bytes": 1,
            "kinds": {
              "file": 1
            }
          },
          "image": "a.img",
          "init": {
            "executable": false,
            "kind": "none",
            "path": null,
            "plan": null,
            "problem": "/init is not in the image",
            "script": null
          },
          "needs": {
            "kernel": [],
            "memory_mib": 1,
            "unpacked": 4096,
            "zstd_window": null
          },
          "policy": {
            "decisions": null,
            "file": null,
            "links": [],
            "not_loaded": null,
            "others": [],
            "overridden": [],
            "override": null,
            "problem": "/etc/kata-opa is not in the image",
            "sha256": null,
            "sha384": null
          },
          "segments": [
            {
              "compression": "plain",
              "members": 1,
              "offset": 0,
              "role": "files",
              "size": 240,
              "trailers": 1,
              "unpacked": 240
            }
          ],
          "sha256": "95a8ad241a0c6585e598e15da2160f1244633a7ef064954df88c3b03507f41b2",
          "size": 240,
          "sizes": null
        }
    "#]]
    .assert_eq(&ran.data);
}

#[test]
fn what_a_kernel_would_not_unpack_whole_is_an_error() {
    let good = segment(&[("a", 0o100_644, "b")]);
    let cut = good.get(..good.len() - 8).unwrap().to_vec();
    let junk = [good.clone(), b"junk".to_vec()].concat();
    let climbs = segment(&[("../a", 0o100_644, "b")]);
    let orphan = segment(&[("etc/a", 0o100_644, "b")]);
    let mut said = Vec::new();
    for image in [Vec::new(), cut, junk, climbs, orphan] {
        let place = place(&[image]);
        for command in ["inspect a.img", "ls a.img", "cat a.img /a", "extract a.img out"] {
            let ran = place.run(command);
            if command == "inspect a.img" {
                said.push(format!("{} {}{}", ran.code, ran.data, ran.words));
            }
            assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{command}");
        }
        assert_eq!(place.names(), ["a.img"]);
    }
    expect![[r#"
        2 error: a.img is empty, or has nothing but zeros
        hint: get the file again: it was not written to its end
        2 error: a.img is no initrd that a kernel unpacks whole: at byte 232 of the segment at byte 0: the archive ends in the middle of a member
        hint: the kernel boots on with the files it has by then; get the image again and compare its digest, or build it anew
        2 error: a.img is no initrd that a kernel unpacks whole: at byte 240 of the initrd: neither a cpio archive nor a compressed one: `junk`
        hint: the kernel boots on with the files it has by then; get the image again and compare its digest, or build it anew
        2 error: a.img is no initrd that a kernel unpacks whole: `../a` climbs out with `..`
        hint: the kernel boots on with the files it has by then; get the image again and compare its digest, or build it anew
        2 error: a.img is no initrd that a kernel unpacks whole: /etc/a needs directory /etc, which is not in the archive
        hint: the kernel boots on with the files it has by then; get the image again and compare its digest, or build it anew
    "#]].assert_eq(&said.concat());
}

#[test]
fn an_image_over_the_limit_is_not_unpacked() {
    let place = place(&[segment(&[("a", 0o100_644, &"b".repeat(2 << 20))])]);
    let ran = place.run("inspect a.img --unpack-limit-mib 1");
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
    expect![[r#"
        error: a.img is no initrd that a kernel unpacks whole: at byte 112 of the segment at byte 0: unpacks to more than 1048576 bytes, the limit
        hint: if the image is meant to be that large, give --unpack-limit-mib
    "#]].assert_eq(&ran.words);
    assert_eq!(place.run("inspect a.img --unpack-limit-mib 3").code, 0);
}

/// One file of every kind, with a link to follow.
fn all_kinds() -> Place {
    place(&[segment(&[
        ("bin", 0o120_777, "usr/bin"),
        ("dev", 0o040_755, ""),
        ("pipe", 0o010_600, ""),
        ("tmp", 0o041_777, ""),
        ("usr", 0o040_555, ""),
        ("usr/bin", 0o040_755, ""),
        ("usr/bin/su", 0o104_755, "#!/bin/sh\n"),
    ])])
}

#[test]
fn files_are_listed_with_mode_size_and_target() {
    let place = all_kinds();
    let ran = place.run("ls a.img");
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
    expect![[r#"
        lrwxrwxrwx          - /bin -> usr/bin
        drwxr-xr-x          - /dev
        prw-------          - /pipe
        drwxrwxrwt          - /tmp
        dr-xr-xr-x          - /usr
        drwxr-xr-x          - /usr/bin
        -rwsr-xr-x         10 /usr/bin/su
    "#]]
    .assert_eq(&ran.data);
    let ran = place.run("ls a.img /bin --json");
    expect![[r#"
        [
          {
            "kind": "directory",
            "mode": "0755",
            "path": "/usr/bin"
          },
          {
            "kind": "file",
            "mode": "4755",
            "path": "/usr/bin/su",
            "size": 10
          }
        ]
    "#]]
    .assert_eq(&ran.data);
}

#[test]
fn a_file_is_printed_by_any_of_its_names() {
    let place = all_kinds();
    for path in ["/usr/bin/su", "/bin/su", "/usr/./bin//su"] {
        let ran = place.run(&format!("cat a.img {path}"));
        assert_eq!((ran.code, ran.data.as_str(), ran.words.as_str()), (0, "#!/bin/sh\n", ""), "{path}");
    }
}

#[test]
fn a_file_that_nobody_can_take_is_an_error_and_one_that_nobody_wants_is_none() {
    let place = place(&[segment(&[("a", 0o100_644, &"b".repeat(1 << 20))])]);
    let ran = place.shell("$COCO cat a.img /a > /dev/full");
    assert_eq!(ran.code, 2);
    expect![[r#"
        error: all is done, but the result can't be printed
          caused by: No space left on device (os error 28)
    "#]]
    .assert_eq(&ran.words);
    let ran = place.shell("{ $COCO cat a.img /a; echo $? >&2; } | head -c 3");
    assert_eq!((ran.data.as_str(), ran.words.as_str()), ("bbb", "0\n"));
}

#[test]
fn a_path_that_is_no_file_is_answered_with_what_it_is() {
    let place = all_kinds();
    let mut said = String::new();
    for command in [
        "cat a.img /bin",
        "cat a.img /pipe",
        "cat a.img /none",
        "ls a.img /none",
        "cat a.img none",
        "cat none /a",
    ] {
        let ran = place.run(command);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{command}");
        said.push_str(&ran.words);
    }
    expect![[r#"
        error: /usr/bin is a directory, expected a file
        hint: `coco-initrd ls IMAGE` lists what is there
        error: /pipe is a fifo, expected a file
        hint: `coco-initrd ls IMAGE` lists what is there
        error: /none is not in the image
        hint: `coco-initrd ls IMAGE` lists what is there
        error: /none is not in the image
        hint: `coco-initrd ls IMAGE` lists what is there
        error: invalid value 'none' for '<PATH>': `none` is not absolute

        For more information, try '--help'.
        error: failed to open file `none`: No such file or directory (os error 2)
        hint: check the path
    "#]]
    .assert_eq(&said);
}

#[test]
fn all_files_are_extracted_with_their_modes_but_set_ids() {
    let place = all_kinds();
    let ran = place.run("extract a.img out");
    assert_eq!((ran.code, ran.data.as_str()), (0, ""));
    expect![[r#"
        7 files in out
        note: 1 file without the set-id bits of the image: the owner is another
    "#]]
    .assert_eq(&ran.words);
    let mode = |name: &str| fs_err::symlink_metadata(place.join(name)).unwrap().permissions().mode() & 0o7777;
    let modes = ["out/usr", "out/usr/bin/su", "out/tmp", "out/pipe"].map(mode);
    assert_eq!(modes, [0o555, 0o755, 0o1777, 0o600]);
    assert_eq!(place.text("out/bin/su"), "#!/bin/sh\n");
    assert_eq!(place.names(), ["a.img", "out"]);
    fs_err::set_permissions(place.join("out/usr"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn hard_links_are_extracted_as_one_file_and_packed_bodies_as_they_are() {
    let place = Place::new();
    let body = "0123456789abcdef".repeat(200_000);
    place.file("root/b", &body);
    let made = place.shell("cd root && ln b a && ls | cpio -o -H newc --quiet | gzip > ../a.img");
    assert_eq!(made.code, 0, "{}", made.words);
    assert_eq!(place.run("extract a.img out").code, 0);
    let inode = |name: &str| fs_err::metadata(place.join(name)).unwrap().ino();
    assert_eq!(inode("out/a"), inode("out/b"));
    assert_eq!(place.text("out/a"), body);
    assert_eq!(place.run("cat a.img /b").data, body);
}

#[test]
fn only_a_new_or_empty_directory_is_extracted_into() {
    let place = all_kinds();
    place.file("full/x", "");
    fs_err::create_dir(place.join("empty")).unwrap();
    place.shell("ln -s empty link");
    let mut said = String::new();
    for goal in ["full", "a.img", "link", "none/out"] {
        let ran = place.run(&format!("extract a.img {goal}"));
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{goal}");
        said.push_str(&ran.words);
    }
    expect![[r#"
        error: full is not empty
        hint: give a directory that is new or empty
        error: a.img is not a directory
        hint: give a directory that is new or empty
        error: link is not a directory
        hint: give a directory that is new or empty
        error: none/out can't be made
          caused by: failed to query resolved metadata `DIR/none`: No such file or directory (os error 2)
        hint: check the path
    "#]]
    .assert_eq(&said);
    assert_eq!(place.names(), ["a.img", "empty", "full", "link"]);
    assert_eq!(place.run("extract a.img empty").code, 0);
}

#[test]
fn device_nodes_are_left_out_when_asked() {
    let place = place(&[segment(&[("dev", 0o040_755, ""), ("dev/null", 0o020_666, "")])]);
    let ran = place.run("extract a.img out --without-devices");
    expect![[r#"
        1 file in out
        note: 1 device node left out
    "#]]
    .assert_eq(&ran.words);
    assert!(!place.join("out/dev/null").exists());
}

#[test]
fn no_file_of_a_hostile_image_comes_to_lie_outside_the_directory() {
    let up = ("x", 0o120_777, "../..");
    let absolute = ("x", 0o120_777, "/tmp");
    let tmp = ("tmp", 0o040_755, "");
    let evil = |name| (name, 0o100_644, "");
    let mut said = Vec::new();
    for members in [
        vec![evil("../evil-coco-initrd")],
        vec![evil("/../evil-coco-initrd")],
        vec![evil("a/../../evil-coco-initrd")],
        vec![up, evil("x/evil-coco-initrd")],
        vec![absolute, evil("x/evil-coco-initrd")],
        vec![tmp, absolute, evil("x/evil-coco-initrd")],
        vec![("x", 0o120_777, "../evil-coco-initrd"), evil("x")],
        vec![("y", 0o120_777, "x"), up, evil("y/evil-coco-initrd")],
    ] {
        let place = place(&[segment(&members)]);
        let ran = place.run("extract a.img out");
        let files = place.shell("cd out 2> /dev/null && echo $(find * | sort)").data;
        said.push(format!("{} {}\n", ran.code, if files.is_empty() { "nothing" } else { files.trim_end() }));
        let names = place.names();
        assert!(names.iter().all(|name| name == "a.img" || name == "out"), "{members:?}: {names:?}");
        assert!(!place.path().with_file_name("evil-coco-initrd").exists(), "{members:?}");
        assert!(!std::path::Path::new("/tmp/evil-coco-initrd").exists(), "{members:?}");
    }
    expect![[r#"
        2 nothing
        2 nothing
        2 nothing
        0 evil-coco-initrd x
        2 nothing
        0 tmp tmp/evil-coco-initrd x
        0 x
        0 evil-coco-initrd x y
    "#]]
    .assert_eq(&said.concat());
}

#[test]
fn gnu_cpio_unpacks_the_same_files() {
    let place = Place::new();
    let made = place.shell(
        "mkdir -p t/d/e by-cpio && cd t && echo x > d/e/f && ln d/e/f d/g && ln -s e d/l && chmod 710 d && mkfifo p \
         && find . | cpio -o -H newc --quiet | gzip > ../a.img \
         && cd ../by-cpio && gzip -dc ../a.img | cpio -id --quiet",
    );
    assert_eq!((made.code, made.words.as_str()), (0, ""));
    assert_eq!(place.run("extract a.img out").code, 0);
    let files = |directory| {
        let ran = place.shell(&format!(
            "cd {directory} && find . -mindepth 1 -printf '%p %y %m %n %l\n' | sort && cat d/e/f d/g"
        ));
        assert_eq!(ran.code, 0, "{}", ran.words);
        ran.data
    };
    assert_eq!(files("out"), files("by-cpio"));
}
