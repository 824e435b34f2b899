//! Pinned digests of a small image for every shipped profile.
//!
//! Inputs are made here and never change; whatever changes these digests changes what verifiers must
//! expect of every image. The listing says what has changed. `UPDATE_EXPECT=1 cargo test` writes both
//! anew, in a commit of its own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing test should panic where it fails"
)]
#![expect(clippy::print_stderr, reason = "a failing test says what its failure means")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::Path;

use coco_image::archive::Member;
use coco_image::assemble::{self, GuestSoftware, Inputs, Loaded, PolicyFile, assemble};
use coco_image::compress;
use coco_image::digest::Sha256;
use coco_image::host;
use coco_image::layer::groups;
use coco_image::modules::Modules;
use coco_image::newc::{HEADER_LEN, Header};
use coco_image::pack::{Options, pack};
use coco_image::profile::raw::Raw;
use coco_image::profile::{Profile, Role};
use coco_image::tree::{Bodies, Body, DeviceKind, Extent, Node};
use coco_image::units::{Method, Mode};
use expect_test::expect;

const BASE: &str = include_str!("../../../image-profiles/base.toml");
const SHIPPED: [(&str, &str); 3] = [
    ("tdx", include_str!("../../../image-profiles/tdx.toml")),
    ("snp", include_str!("../../../image-profiles/snp.toml")),
    ("coco-dev", include_str!("../../../image-profiles/coco-dev.toml")),
];

/// Says what a failure of these tests means.
struct Warning;

impl Drop for Warning {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "A changed digest is a measurement-changing release: reference values of all users change. \
                 If it is meant, say so in CHANGELOG.md and commit it alone."
            );
        }
    }
}

/// No body of these images is anywhere but in memory.
struct NoBodies;

impl Bodies for NoBodies {
    fn open(&self, _: Extent) -> io::Result<Box<dyn Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn profile(name: &str) -> Profile {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap();
    let parse = |text: &str| Raw::parse(name, text, Path::new("")).unwrap();
    Profile::new(name, &parse(text).over(parse(BASE))).unwrap()
}

fn member(path: &str, node: Node) -> Member {
    let path = path.parse().unwrap();
    Member { path, node }
}

fn file(path: &str, mode: u32, text: &str) -> Member {
    member(path, Node::File(Mode::of_stat(mode), Body::bytes(text.as_bytes())))
}

/// Text that packs like programs do, the same each time: words in an order that looks random.
fn text(len: usize) -> String {
    let mut state = 0x5eed_u64;
    let mut text = String::new();
    while text.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        write!(text, "{:x} ", state % 5_000).unwrap();
    }
    text.truncate(len);
    text
}

/// A base with a file of every type, and all components; the guard's plan is what it may let pass.
fn inputs(profile: &Profile) -> Inputs {
    let mut base = vec![
        member("/usr/bin", Node::Directory(Mode::DIRECTORY)),
        member("/bin", Node::Symlink("usr/bin".to_owned())),
        file("/usr/bin/busybox", 0o755, &"busybox ".repeat(1000)),
        member("/bin/sh", Node::HardLink("/usr/bin/busybox".parse().unwrap())),
        member("/run/initctl", Node::Fifo(Mode::of_stat(0o600))),
        member("/dev/sda", Node::Device(DeviceKind::Block, Mode::of_stat(0o660), 8, 0)),
        file("/etc/kata-opa/allow-all.rego", 0o644, "package agent_policy\n"),
    ];
    // Together they fill more than one group.
    let part = text((512 << 10) + 1);
    base.extend((0..10).map(|number| file(&format!("/usr/share/part-{number}"), 0o644, &part)));
    let guest_components = vec![
        file("/attestation-agent", 0o700, "attestation-agent"),
        file("/confidential-data-hub", 0o700, "confidential-data-hub"),
        file("/api-server-rest", 0o700, "api-server-rest"),
        file("/ocicrypt_config.json", 0o600, "{}\n"),
    ];
    let pause = vec![file("/config.json", 0o600, "{}\n"), file("/rootfs/pause", 0o700, "pause")];
    let components = BTreeMap::from([
        (Role::Agent, Loaded::File(Body::bytes(b"kata-agent"))),
        (Role::GuestComponents, Loaded::Members(guest_components)),
        (Role::PauseImage, Loaded::Members(pause)),
    ]);
    let plan = host::allowed_words(profile).join("\n");
    Inputs {
        base: Some(base),
        guest: GuestSoftware::Components(components),
        policy: PolicyFile {
            name: "default-restrictive.rego".to_owned(),
            body: Body::bytes(b"package agent_policy\n\ndefault ExecProcessRequest := false\n"),
        },
        guard: (Body::bytes(b"coco-guard"), Body::bytes(plan.as_bytes())),
        modules: Modules::default(),
        sources: BTreeMap::new(),
    }
}

fn image(profile: &Profile, method: Method) -> Vec<u8> {
    let tree = assemble(profile, &inputs(profile), &NoBodies).unwrap().tree;
    let threads = NonZeroUsize::new(2).unwrap();
    let mut image = Vec::new();
    let options = Options { method, threads };
    pack(&groups(&tree, profile.epoch), options, &NoBodies, &mut image, &|_| ()).unwrap();
    image
}

/// One line a member of a plain archive: mode, owner, time, inode, links, device, size, name, and the
/// start of the body's digest.
fn listing(archive: &[u8]) -> Vec<String> {
    let mut rest = archive;
    let mut lines = Vec::new();
    while let Some((head, behind)) = rest.split_first_chunk::<HEADER_LEN>() {
        let (header, _) = Header::read(head).unwrap();
        let name_len = usize::try_from(header.namesize).unwrap();
        let body_len = usize::try_from(header.filesize).unwrap();
        let name = std::str::from_utf8(&behind[..name_len - 1]).unwrap();
        let body_at = (HEADER_LEN + name_len).next_multiple_of(4) - HEADER_LEN;
        let body = &behind[body_at..body_at + body_len];
        let mut line = format!(
            "{:06o} {}:{} {} {:>2} {} {}:{} {}:{} {:>5} {name}",
            header.mode,
            header.uid,
            header.gid,
            header.mtime,
            header.ino,
            header.nlink,
            header.dev_major,
            header.dev_minor,
            header.rdev_major,
            header.rdev_minor,
            header.filesize,
        );
        if !body.is_empty() {
            write!(line, " {:.16}", Sha256::of(body).to_string()).unwrap();
        }
        lines.push(line);
        rest = &behind[(body_at + body_len + HEADER_LEN).next_multiple_of(4) - HEADER_LEN..];
    }
    assert_eq!(rest, b"", "what is behind the last member");
    lines
}

#[test]
fn digests_of_images_are_pinned() {
    let _warning = Warning;
    let mut text = String::new();
    for (name, _) in SHIPPED {
        for method in Method::ALL {
            let digest = Sha256::of(&image(&profile(name), *method));
            writeln!(text, "{digest} {name} {method}").unwrap();
        }
    }
    expect![[r#"
        f11967cf261520c371063723c8e03844665cb7a4ab0482d677a49b17322e3239 tdx gzip
        b5323c76c33ee2e706ef120d39e9c3170354db0e70f72dc73f7ac748fd3a77f3 tdx zstd
        20147826cb1b56be8c50dfd385caed4958a037ce93974c040d0f6366338f11d2 tdx none
        f11967cf261520c371063723c8e03844665cb7a4ab0482d677a49b17322e3239 snp gzip
        b5323c76c33ee2e706ef120d39e9c3170354db0e70f72dc73f7ac748fd3a77f3 snp zstd
        20147826cb1b56be8c50dfd385caed4958a037ce93974c040d0f6366338f11d2 snp none
        58c17df8dff01ea46df10188818d777ac5a58253cb977647dfe2a83de0fb1359 coco-dev gzip
        197bda0bd3a59065f6f0a87285b3be40714859a498c344260ae1487cf0f912f2 coco-dev zstd
        1d69dfa6a7f96b0c98a1a4bf4cd55d158cf7f71ced0bae503267c8505df7a45e coco-dev none
    "#]]
    .assert_eq(&text);
}

#[test]
fn streams_of_huge_files_are_pinned() {
    let _warning = Warning;
    let body = text(1 << 20);
    let mut digests = String::new();
    for method in Method::ALL {
        let mut packed = Vec::new();
        let len = u64::try_from(body.len()).unwrap();
        compress::stream(*method, len, &mut packed, &mut |out| out.write_all(body.as_bytes())).unwrap();
        writeln!(digests, "{} {method}", Sha256::of(&packed)).unwrap();
    }
    expect![[r#"
        8d765a93a6914df3fd338c4d333d7c1a2f02319ebcd77657717efd7a62e919d7 gzip
        ae57dd612681819f60547dead120c41e393891ada5b67ff4105d6aa601bab9a7 zstd
        aff32fe8f77f2050484679b5df755848badaf1cd1004638fbeba59557532e0f9 none
    "#]]
    .assert_eq(&digests);
}

#[test]
fn members_of_the_image_are_pinned() {
    let _warning = Warning;
    let mut lines = listing(&image(&profile("tdx"), Method::None));
    lines.push(String::new());
    expect![[r#"
        040755 0:0 0  1 2 0:1 0:0     0 .
        120777 0:0 0  2 1 0:1 0:0     7 bin 51eb85985e2f36e9
        040755 0:0 0  3 2 0:1 0:0     0 dev
        060660 0:0 0  4 1 0:1 8:0     0 dev/sda
        040755 0:0 0  5 2 0:1 0:0     0 etc
        040755 0:0 0  6 2 0:1 0:0     0 run
        010600 0:0 0  7 1 0:1 0:0     0 run/initctl
        040755 0:0 0  8 2 0:1 0:0     0 usr
        040755 0:0 0  9 2 0:1 0:0     0 usr/bin
        100755 0:0 0 10 2 0:1 0:0     0 usr/bin/busybox
        100755 0:0 0 10 2 0:1 0:0  8000 usr/bin/sh 8aa571764c268a11
        040755 0:0 0 12 2 0:1 0:0     0 usr/share
        100644 0:0 0 13 1 0:1 0:0 524289 usr/share/part-0 33319292ea70ef82
        100644 0:0 0 14 1 0:1 0:0 524289 usr/share/part-1 33319292ea70ef82
        100644 0:0 0 15 1 0:1 0:0 524289 usr/share/part-2 33319292ea70ef82
        100644 0:0 0 16 1 0:1 0:0 524289 usr/share/part-3 33319292ea70ef82
        100644 0:0 0 17 1 0:1 0:0 524289 usr/share/part-4 33319292ea70ef82
        100644 0:0 0 18 1 0:1 0:0 524289 usr/share/part-5 33319292ea70ef82
        100644 0:0 0 19 1 0:1 0:0 524289 usr/share/part-6 33319292ea70ef82
        100644 0:0 0 20 1 0:1 0:0 524289 usr/share/part-7 33319292ea70ef82
        100644 0:0 0 21 1 0:1 0:0 524289 usr/share/part-8 33319292ea70ef82
        100644 0:0 0 22 1 0:1 0:0 524289 usr/share/part-9 33319292ea70ef82
        100644 0:0 0  1 1 0:2 0:0     3 etc/ocicrypt_config.json ca3d163bab055381
        040755 0:0 0  2 2 0:2 0:0     0 pause_bundle
        100644 0:0 0  3 1 0:2 0:0     3 pause_bundle/config.json ca3d163bab055381
        040755 0:0 0  4 2 0:2 0:0     0 pause_bundle/rootfs
        100755 0:0 0  5 1 0:2 0:0     5 pause_bundle/rootfs/pause 6210c0bf05396716
        100755 0:0 0  6 1 0:2 0:0    10 usr/bin/kata-agent b01d2ed917d3ec6f
        040755 0:0 0  7 2 0:2 0:0     0 usr/local
        040755 0:0 0  8 2 0:2 0:0     0 usr/local/bin
        100755 0:0 0  9 1 0:2 0:0    15 usr/local/bin/api-server-rest 666727cf7d6aa88a
        100755 0:0 0 10 1 0:2 0:0    17 usr/local/bin/attestation-agent 93d5f3b21d9eb219
        100755 0:0 0 11 1 0:2 0:0    21 usr/local/bin/confidential-data-hub 3a0e72896f95eedb
        020600 0:0 0  1 1 0:3 5:1     0 dev/console
        020666 0:0 0  2 1 0:3 1:3     0 dev/null
        040755 0:0 0  3 2 0:3 0:0     0 etc/coco-initrd
        100644 0:0 0  4 1 0:3 0:0   558 etc/coco-initrd/guard.toml 63ffda3b91af662a
        040755 0:0 0  5 2 0:3 0:0     0 etc/kata-opa
        120777 0:0 0  6 1 0:3 0:0    24 etc/kata-opa/default-policy.rego b22afbe4e9d02542
        100644 0:0 0  7 1 0:3 0:0    58 etc/kata-opa/default-restrictive.rego f0dd0142cff127fd
        100644 0:0 0  8 1 0:3 0:0     0 etc/resolv.conf
        100755 0:0 0  9 1 0:3 0:0    10 init 79eac286b0ef3d6d
        040755 0:0 0 10 2 0:3 0:0     0 proc
        040755 0:0 0 11 2 0:3 0:0     0 sys
        041777 0:0 0 12 2 0:3 0:0     0 tmp
        000000 0:0 0  0 1 0:0 0:0     0 TRAILER!!!
    "#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn images_of_other_profiles_differ_from_tdx_in_this() {
    let _warning = Warning;
    let tdx = listing(&image(&profile("tdx"), Method::None));
    let mut text = String::new();
    for (name, _) in SHIPPED {
        let lines = listing(&image(&profile(name), Method::None));
        for line in lines.iter().filter(|line| !tdx.contains(line)) {
            writeln!(text, "{name}: {line}").unwrap();
        }
    }
    expect![[r#"
        coco-dev: 100644 0:0 0  4 1 0:3 0:0   568 etc/coco-initrd/guard.toml b825613a45291a96
    "#]]
    .assert_eq(&text);
}

#[test]
fn digests_of_profiles_are_pinned() {
    let mut text = String::new();
    for (name, _) in SHIPPED {
        writeln!(text, "{} {name}", profile(name).sha256()).unwrap();
    }
    expect![[r#"
        b371589031b86ca1a3d9888daf9a605da9805dfe2806277ece520d886e70fc69 tdx
        c339723e4115307562884d8f6933c60d2034dd1707804267a99503f589651116 snp
        b8584ed013a54198f3dcf95704feeb9d2c1d117c3aca6d42b2f0ac2fb10bf45a coco-dev
    "#]]
    .assert_eq(&text);
}

#[test]
fn the_permissive_policy_of_the_base_is_in_no_image() {
    for (name, _) in SHIPPED {
        let profile = profile(name);
        let assembled = assemble(&profile, &inputs(&profile), &NoBodies).unwrap();
        let removed: Vec<&str> = assembled.removed.iter().map(coco_image::path::GuestPath::as_str).collect();
        assert_eq!(removed, ["/etc/kata-opa/allow-all.rego"]);
        let archive = image(&profile, Method::None);
        assert!(memchr::memmem::find(&archive, b"allow-all").is_none(), "{name}");
        let policy = assembled.tree.follow(&assemble::DEFAULT_POLICY.parse().unwrap()).unwrap();
        assert_eq!(policy.as_str(), "/etc/kata-opa/default-restrictive.rego");
    }
}
