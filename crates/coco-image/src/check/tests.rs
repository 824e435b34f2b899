//! Trees that must not be packed, each for one reason, and some that only look like them.

use std::path::Path;

use super::*;
use crate::profile::raw::Raw;
use crate::profile::tests::COMPLETE;
use crate::tree::{DeviceKind, Extent, Layer, Parents};
use crate::units::Mode;

const COMPONENTS: &str = r#"[component.agent]
files = [{ name = "kata-agent", path = "/usr/bin/kata-agent", mode = "0755" }]
[component.guest-components]
files = [
  { name = "attestation-agent", path = "/usr/local/bin/attestation-agent", mode = "0755" },
  { name = "config.json", path = "/etc/config.json", mode = "0644" },
]
"#;

/// A profile of a guest with 1 MiB, with one text replaced by another.
fn profile(old: &str, new: &str) -> Profile {
    let small = COMPLETE.replace("memory-mib = 2048", "memory-mib = 1");
    let text = small.replace("guard = true", "guard = true\nmodules = []") + COMPONENTS;
    assert!(text.contains(old), "{old}");
    let raw = Raw::parse("p", &text.replace(old, new), Path::new("")).unwrap();
    Profile::new("p", &raw).unwrap()
}

/// Bodies that can't be read.
struct NoBodies;

impl Bodies for NoBodies {
    fn open(&self, _: Extent) -> io::Result<Box<dyn Read + '_>> {
        Err(io::Error::other("bad sector"))
    }
}

/// A program or library, as far as its headers go: one segment that is loaded at address 0, an
/// interpreter, a dynamic section with its strings.
#[derive(Clone, Copy)]
struct Program<'a> {
    machine: u16,
    interpreter: Option<&'a str>,
    needed: &'a [&'a str],
    runpath: Option<&'a str>,
    tail: &'a str,
}

/// `e_machine` of x86-64, 64-bit ARM and s390 (System V ABI).
const X86_64: u16 = 62;
const AARCH64: u16 = 183;
const S390: u16 = 22;

const STATIC: Program<'_> =
    Program { machine: X86_64, interpreter: None, needed: &[], runpath: None, tail: "" };
const AGENT_PROGRAM: Program<'_> = Program { tail: "reads /etc/kata-opa/default-policy.rego", ..STATIC };
const GUARD_PROGRAM: Program<'_> = Program { tail: "coco-guard: /etc/coco-initrd/guard.toml", ..STATIC };

impl Program<'_> {
    fn bytes(&self) -> Vec<u8> {
        const HEADERS: usize = 64 + 3 * 56;
        let mut data = Vec::new();
        data.extend_from_slice(self.interpreter.unwrap_or_default().as_bytes());
        let interpreter = (HEADERS, data.len() + 1);
        data.push(0);
        let strings = HEADERS + data.len();
        // The first string of a table is empty.
        data.push(0);
        let mut dynamic: Vec<(u64, usize)> = vec![(5, strings)]; // DT_STRTAB
        for (tag, text) in
            self.needed.iter().map(|name| (1, *name)).chain(self.runpath.map(|path| (29, path)))
        {
            dynamic.push((tag, HEADERS + data.len() - strings));
            data.extend_from_slice(text.as_bytes());
            data.push(0);
        }
        dynamic.push((0, 0)); // DT_NULL
        data.resize(data.len().next_multiple_of(8), 0);
        let dynamic_at = (HEADERS + data.len(), dynamic.len() * 16);
        for (tag, value) in dynamic {
            data.extend(tag.to_le_bytes());
            data.extend(u64::try_from(value).unwrap().to_le_bytes());
        }
        data.extend_from_slice(self.tail.as_bytes());
        let is_dynamic = !self.needed.is_empty() || self.runpath.is_some();
        let segments = [
            (1, (0, HEADERS + data.len())),                                // PT_LOAD
            (if self.interpreter.is_some() { 3 } else { 0 }, interpreter), // PT_INTERP or PT_NULL
            (if is_dynamic { 2 } else { 0 }, dynamic_at),                  // PT_DYNAMIC or PT_NULL
        ];
        [self.header(), segments.iter().flat_map(|(kind, place)| segment(*kind, *place)).collect(), data]
            .concat()
    }

    fn header(&self) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        header.extend(3_u16.to_le_bytes()); // ET_DYN
        header.extend(self.machine.to_le_bytes());
        header.extend(1_u32.to_le_bytes());
        for word in [0_u64, 64, 0] {
            header.extend(word.to_le_bytes()); // entry, program headers, section headers
        }
        header.extend(0_u32.to_le_bytes());
        for half in [64_u16, 56, 3, 64, 0, 0] {
            header.extend(half.to_le_bytes());
        }
        header
    }

    fn node(&self) -> Node {
        Node::File(Mode::PROGRAM, Body::bytes(&self.bytes()))
    }
}

fn segment(kind: u32, (offset, len): (usize, usize)) -> Vec<u8> {
    let (offset, len) = (u64::try_from(offset).unwrap(), u64::try_from(len).unwrap());
    let mut out = [kind.to_le_bytes(), 4_u32.to_le_bytes()].concat();
    for word in [offset, offset, offset, len, len, 8] {
        out.extend(word.to_le_bytes());
    }
    out
}

fn guest(text: &str) -> GuestPath {
    text.parse().unwrap()
}

fn file(text: &str) -> Node {
    Node::File(Mode::FILE, Body::bytes(text.as_bytes()))
}

fn link(target: &str) -> Node {
    Node::Symlink(target.to_owned())
}

fn dynamic<'a>(needed: &'a [&'a str]) -> Program<'a> {
    Program { needed, ..AGENT_PROGRAM }
}

fn policy() -> PolicyFile {
    PolicyFile { name: "strict.rego".to_owned(), body: Body::bytes(b"package agent_policy") }
}

/// A tree that passes, with these nodes over it.
fn with(changes: &[(&str, Node)]) -> Tree {
    let good = [
        ("/init", GUARD_PROGRAM.node()),
        ("/usr/bin/kata-agent", AGENT_PROGRAM.node()),
        ("/usr/local/bin/attestation-agent", STATIC.node()),
        ("/etc/config.json", file("{}")),
        ("/etc/kata-opa/strict.rego", file("package agent_policy")),
        ("/etc/kata-opa/default-policy.rego", link("strict.rego")),
    ];
    let mut tree = Tree::default();
    for (layer, nodes) in [(Layer::Base, &good[..]), (Layer::Configuration, changes)] {
        for (path, node) in nodes {
            tree.insert(&guest(path), node.clone(), layer, Parents::Implied).unwrap();
        }
    }
    tree
}

fn without(path: &str) -> Tree {
    let mut tree = with(&[]);
    tree.remove_all(&guest(path));
    tree
}

fn checked_as(profile: &Profile, checked: &Tree) -> Result<(), String> {
    tree(profile, checked, &policy(), Software::Components, &NoBodies).map_err(|error| error.to_string())
}

fn checked(tree: &Tree) -> Result<(), String> {
    checked_as(&profile("", ""), tree)
}

fn refused(changes: &[(&str, Node)]) -> String {
    checked(&with(changes)).unwrap_err()
}

#[test]
fn a_complete_tree_passes() {
    assert_eq!(checked(&with(&[])), Ok(()));
}

#[test]
fn what_is_missing_is_named() {
    for (path, error) in [
        ("/usr/bin/kata-agent", "the image has no agent: /usr/bin/kata-agent is missing"),
        ("/etc/config.json", "/etc/config.json of the guest-components is missing"),
        (
            "/usr/local/bin/attestation-agent",
            "/usr/local/bin/attestation-agent of the guest-components is missing",
        ),
        ("/etc/kata-opa/default-policy.rego", "/etc/kata-opa/default-policy.rego is not in the image"),
        (
            "/etc/kata-opa/strict.rego",
            "/etc/kata-opa/default-policy.rego leads to /etc/kata-opa/strict.rego, which is not in the image",
        ),
        ("/init", "/init is not in the image"),
    ] {
        assert_eq!(checked(&without(path)).unwrap_err(), error);
    }
}

#[test]
fn the_built_in_guest_needs_no_components() {
    let tree_without = without("/usr/local/bin/attestation-agent");
    let result = tree(&profile("", ""), &tree_without, &policy(), Software::BuiltIn, &NoBodies);
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn a_component_that_leads_nowhere_is_missing() {
    assert_eq!(
        refused(&[("/etc/config.json", link("gone.json"))]),
        "/etc/config.json of the guest-components is missing"
    );
}

#[test]
fn an_agent_without_policy_support_is_refused() {
    let error = "/usr/bin/kata-agent is an agent without policy support: it has no `/etc/kata-opa/default-policy.rego` in it";
    assert_eq!(refused(&[("/usr/bin/kata-agent", STATIC.node())]), error);
}

#[test]
fn the_sign_of_policy_support_is_found_wherever_it_lies() {
    let border = usize::try_from(SEARCH_BYTES).unwrap();
    for start in
        [0, 1, border - 40, border - 33, border - 32, border - 10, border - 1, border, 2 * border - 5]
    {
        let text = [vec![b'x'; start], POLICY_SUPPORT.to_vec(), vec![b'x'; border]].concat();
        assert!(contains(text.as_slice(), POLICY_SUPPORT).unwrap(), "{start}");
        assert!(!contains(&text[..start + POLICY_SUPPORT.len() - 1], POLICY_SUPPORT).unwrap(), "{start}");
    }
}

#[test]
fn what_is_no_program_is_refused() {
    let elf = AGENT_PROGRAM.bytes();
    let mut narrow = elf.clone();
    narrow[4] = 1;
    let mut outside = dynamic(&["libc.so"]).bytes();
    // The program header of the dynamic section: its offset.
    outside[64 + 2 * 56 + 9] = 0xff;
    let cut = &elf[..100];
    for (what, bytes, error) in [
        (
            "a script",
            &b"#!/bin/sh\nexec true, and some more text to be as long as a header of ELF"[..],
            "Unsupported ELF header",
        ),
        ("nothing", b"", "Invalid ELF header size or alignment"),
        ("32 bits", &narrow, "Unsupported ELF header"),
        ("cut short", cut, "Invalid ELF program header size or alignment"),
        ("a section outside", &outside, "Invalid ELF dynamic segment offset or size"),
    ] {
        let node = Node::File(Mode::PROGRAM, Body::bytes(bytes));
        assert_eq!(
            refused(&[("/usr/local/bin/attestation-agent", node)]),
            format!("/usr/local/bin/attestation-agent: not a 64-bit ELF program: {error}"),
            "{what}"
        );
    }
    assert_eq!(
        refused(&[("/init", Node::Device(DeviceKind::Character, Mode::FILE, 1, 3))]),
        "/init: not a 64-bit ELF program: Invalid ELF header size or alignment"
    );
}

#[test]
fn a_program_cut_anywhere_never_panics() {
    let whole = dynamic(&["libc.so.6"]).bytes();
    for end in 0..whole.len() {
        let _ = Elf::parse(&whole[..end]);
        for byte in [0, 0x7f, 0xff] {
            let mut changed = whole.clone();
            changed[end] = byte;
            let _ = Elf::parse(changed.as_slice());
        }
    }
}

#[test]
fn a_program_for_another_processor_is_refused() {
    for (machine, got) in [(AARCH64, "aarch64"), (S390, "another")] {
        let program = Program { machine, ..AGENT_PROGRAM };
        assert_eq!(
            refused(&[("/usr/bin/kata-agent", program.node())]),
            format!("/usr/bin/kata-agent is for another processor: got {got}, expected x86_64")
        );
    }
    let arm = |program: Program<'_>| Program { machine: AARCH64, ..program }.node();
    let tree = with(&[
        ("/init", arm(GUARD_PROGRAM)),
        ("/usr/bin/kata-agent", arm(AGENT_PROGRAM)),
        ("/usr/local/bin/attestation-agent", arm(STATIC)),
    ]);
    assert_eq!(checked_as(&profile("x86_64", "aarch64"), &tree), Ok(()));
}

#[test]
fn a_missing_interpreter_or_library_is_named() {
    let libc = |needed: &'static [&'static str]| dynamic(needed).node();
    let interpreted = Program { interpreter: Some("/lib64/ld-linux-x86-64.so.2"), ..AGENT_PROGRAM };
    for (changes, error) in [
        (
            vec![("/usr/bin/kata-agent", interpreted.node())],
            "/usr/bin/kata-agent needs /lib64/ld-linux-x86-64.so.2, which is not in the image",
        ),
        (
            vec![("/usr/bin/kata-agent", libc(&["libc.so.6"]))],
            "/usr/bin/kata-agent needs libc.so.6, which is not in the image",
        ),
        (
            vec![("/usr/bin/kata-agent", libc(&["libc.so.6"])), ("/srv/lib/libc.so.6", STATIC.node())],
            "/usr/bin/kata-agent needs libc.so.6, which is not in the image",
        ),
        (
            vec![("/usr/bin/kata-agent", libc(&["liba.so"])), ("/usr/lib/liba.so", libc(&["libb.so"]))],
            "/usr/lib/liba.so needs libb.so, which is not in the image",
        ),
        (
            vec![("/usr/bin/kata-agent", libc(&["liba.so"])), ("/usr/lib/liba.so", file("text"))],
            "/usr/lib/liba.so: not a 64-bit ELF program: Invalid ELF header size or alignment",
        ),
        (
            vec![("/usr/bin/kata-agent", libc(&["/opt/liba.so"]))],
            "/usr/bin/kata-agent needs /opt/liba.so, which is not in the image",
        ),
        (
            vec![
                ("/usr/bin/kata-agent", libc(&["liba.so"])),
                ("/usr/lib/liba.so", Program { machine: AARCH64, ..STATIC }.node()),
            ],
            "/usr/lib/liba.so is for another processor: got aarch64, expected x86_64",
        ),
    ] {
        assert_eq!(refused(&changes), error);
    }
}

#[test]
fn libraries_are_found_where_the_loader_looks() {
    for place in [
        "/lib",
        "/usr/lib",
        "/lib64",
        "/usr/lib64",
        "/usr/local/lib",
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
    ] {
        let library = format!("{place}/libc.so.6");
        let tree =
            with(&[("/usr/bin/kata-agent", dynamic(&["libc.so.6"]).node()), (&library, STATIC.node())]);
        assert_eq!(checked(&tree), Ok(()), "{place}");
    }
    let absolute =
        with(&[("/usr/bin/kata-agent", dynamic(&["/opt/libx.so"]).node()), ("/opt/libx.so", STATIC.node())]);
    assert_eq!(checked(&absolute), Ok(()));
}

#[test]
fn a_run_path_counts_and_may_start_at_the_program() {
    for (runpath, library) in [
        ("/opt/lib", "/opt/lib/libx.so"),
        ("/gone:/opt/lib", "/opt/lib/libx.so"),
        ("$ORIGIN", "/usr/bin/libx.so"),
        ("$ORIGIN/../lib/agent", "/usr/lib/agent/libx.so"),
        ("${ORIGIN}/../../opt/lib", "/opt/lib/libx.so"),
    ] {
        let agent = Program { runpath: Some(runpath), ..dynamic(&["libx.so"]) };
        let found = with(&[("/usr/bin/kata-agent", agent.node()), (library, STATIC.node())]);
        assert_eq!(checked(&found), Ok(()), "{runpath}");
        let missing = refused(&[("/usr/bin/kata-agent", agent.node())]);
        assert_eq!(missing, "/usr/bin/kata-agent needs libx.so, which is not in the image");
    }
}

#[test]
fn the_run_path_of_a_program_behind_a_link_starts_at_the_real_one() {
    let agent = Program { runpath: Some("$ORIGIN"), ..dynamic(&["libx.so"]) };
    let tree = with(&[
        ("/opt/agent/kata-agent", agent.node()),
        ("/opt/agent/libx.so", STATIC.node()),
        ("/usr/bin/kata-agent", link("/opt/agent/kata-agent")),
    ]);
    assert_eq!(checked(&tree), Ok(()));
}

#[test]
fn libraries_that_need_each_other_are_no_endless_loop() {
    let interpreter = "/lib64/ld.so";
    let agent = Program { interpreter: Some(interpreter), ..dynamic(&["liba.so", "libb.so"]) };
    let tree = with(&[
        ("/usr/bin/kata-agent", agent.node()),
        ("/lib/liba.so", dynamic(&["libb.so"]).node()),
        ("/lib/libb.so", dynamic(&["liba.so", "ld.so"]).node()),
        (interpreter, STATIC.node()),
    ]);
    assert_eq!(checked(&tree), Ok(()));
}

#[test]
fn without_the_guard_init_is_at_most_one_link_deep() {
    let off = profile("guard = true", "guard = false");
    let init = ("/init", link("/usr/bin/kata-agent"));
    assert_eq!(checked_as(&off, &with(std::slice::from_ref(&init))), Ok(()));
    let deep =
        with(&[init, ("/opt/agent", AGENT_PROGRAM.node()), ("/usr/bin/kata-agent", link("../../opt/agent"))]);
    assert_eq!(
        checked_as(&off, &deep).unwrap_err(),
        "/init is more than one symbolic link deep: /usr/bin/kata-agent -> ../../opt/agent"
    );
    // A directory on the way may be a link.
    let merged = with(&[("/bin", link("usr/bin")), ("/init", link("/bin/kata-agent"))]);
    assert_eq!(checked_as(&off, &merged), Ok(()));
}

#[test]
fn systemd_must_find_its_units() {
    let systemd = profile("run = \"agent\"", "run = \"systemd\"");
    let unit = ("/usr/lib/systemd/system/kata-agent.service", file(""));
    let wants = ("/etc/systemd/system/basic.target.wants/kata-containers.target", file(""));
    let program = ("/lib/systemd/systemd", STATIC.node());
    let release = ("/etc/initrd-release", file(""));
    let is_in = "/etc/initrd-release is in the image: systemd would take it for a dracut initrd";
    for (changes, expected) in [
        (vec![], Err("/lib/systemd/systemd is not in the image")),
        (
            vec![program.clone()],
            Err("systemd would not start the agent: /usr/lib/systemd/system/kata-agent.service is missing"),
        ),
        (
            vec![program.clone(), unit.clone()],
            Err(
                "systemd would not start the agent: /etc/systemd/system/basic.target.wants/kata-containers.target is missing",
            ),
        ),
        (vec![program.clone(), unit.clone(), wants.clone()], Ok(())),
        (vec![program, unit, wants, release], Err(is_in)),
    ] {
        assert_eq!(checked_as(&systemd, &with(&changes)), expected.map_err(str::to_owned));
    }
}

#[test]
fn a_module_of_the_profile_must_be_there() {
    let modules = profile("modules = []", "modules = [\"/lib/modules/vsock.ko\"]");
    assert_eq!(
        checked_as(&modules, &with(&[])).unwrap_err(),
        "kernel module /lib/modules/vsock.ko of the profile is not in the image"
    );
    let there = with(&[("/lib/modules/vsock.ko", file("module"))]);
    assert_eq!(checked_as(&modules, &there), Ok(()));
}

#[test]
fn nothing_may_lie_beside_the_policy() {
    assert_eq!(
        checked(&with(&[("/etc/kata-opa/allow-all.rego", file("package agent_policy"))])).unwrap_err(),
        "/etc/kata-opa/allow-all.rego is in /etc/kata-opa, where only the policy may be"
    );
}

#[test]
fn the_default_policy_must_be_the_evaluated_one() {
    let not_it = |got| {
        format!(
            "/etc/kata-opa/default-policy.rego leads to {got}, which is not the policy /etc/kata-opa/strict.rego that was evaluated"
        )
    };
    let default = "/etc/kata-opa/default-policy.rego";
    for (changes, error) in [
        (
            vec![("/etc/kata-opa/strict.rego", file("package agent_policy\n"))],
            not_it("/etc/kata-opa/strict.rego"),
        ),
        (vec![(default, file("package agent_policy"))], not_it(default)),
        (
            vec![("/opt/open.rego", file("package agent_policy")), (default, link("../../opt/open.rego"))],
            not_it("/opt/open.rego"),
        ),
        (vec![(default, link("/"))], not_it("/")),
        (
            vec![(default, link("default-policy.rego"))],
            "/etc/kata-opa/default-policy.rego goes through more than 40 symbolic links".to_owned(),
        ),
        (
            vec![(default, link("/opt\u{1}"))],
            "symbolic link /etc/kata-opa/default-policy.rego -> /opt\u{1} can't be followed".to_owned(),
        ),
    ] {
        assert_eq!(refused(&changes), error);
    }
    let twice =
        with(&[("/opt/next", link("../etc/kata-opa/strict.rego")), (default, link("../../opt/next"))]);
    assert_eq!(checked(&twice), Ok(()));
}

#[test]
fn a_link_out_of_the_image_is_refused() {
    for (path, target) in
        [("/a", "../x"), ("/usr/bin/sh", "../../../bin/sh"), ("/a", "b/../../x"), ("/a", "/../etc")]
    {
        assert_eq!(
            refused(&[(path, link(target))]),
            format!("symbolic link {path} -> {target} climbs out of the image")
        );
    }
    for (path, target) in [("/a", "x/.."), ("/usr/bin/sh", "../../bin/sh"), ("/usr/x", "./..//y")] {
        assert_eq!(checked(&with(&[(path, link(target))])), Ok(()), "{target}");
    }
}

#[test]
fn a_link_into_the_build_host_is_refused() {
    for target in ["/tmp/build/x", "/var/tmp/x", "/home/somebody/x"] {
        assert_eq!(
            refused(&[("/usr/x", link(target))]),
            format!("symbolic link /usr/x -> {target} points to a directory of the build host")
        );
        // Not if the image has the place.
        assert_eq!(checked(&with(&[(target, file("x")), ("/usr/x", link(target))])), Ok(()));
    }
    for target in ["/tmp", "/run/x", "/tmpfiles/x", "tmp/x"] {
        assert_eq!(checked(&with(&[("/usr/x", link(target))])), Ok(()), "{target}");
    }
}

#[test]
fn an_image_over_half_of_the_memory_is_refused() {
    let small = unpacked_memory(&with(&[]));
    assert_eq!(small, 5 * 4096);
    let room = (1 << 20) / 2 - small;
    let large = |len: u64| {
        let body = Body::Extent(Extent { store: 0, offset: 0, len });
        with(&[("/large", Node::File(Mode::FILE, body)), ("/again", Node::HardLink(guest("/large")))])
    };
    assert_eq!(checked(&large(room)), Ok(()));
    assert_eq!(
        checked(&large(room + 1)).unwrap_err(),
        "the unpacked image takes 528384 bytes, over half of the guest's 1 MiB"
    );
}

#[test]
fn a_compression_the_kernel_cannot_read_is_refused() {
    for (method, reads, expected) in [
        (Method::Gzip, &[Method::Gzip][..], None),
        (Method::None, &[], None),
        (
            Method::Zstd,
            &[Method::Gzip],
            Some("the guest's kernel can't read zstd: it reads gzip and plain archives"),
        ),
        (Method::Gzip, &[], Some("the guest's kernel can't read gzip: it reads plain archives only")),
    ] {
        let error = compression(method, reads).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), expected, "{method}");
    }
}

#[test]
fn a_program_that_cannot_be_read_is_named() {
    let body = Body::Extent(Extent { store: 0, offset: 0, len: 1000 });
    let error = refused(&[("/init", Node::File(Mode::PROGRAM, body))]);
    assert_eq!(error, "/init: bad sector");
}

#[test]
fn another_program_than_the_guard_is_refused_if_the_guard_is_on() {
    assert_eq!(
        refused(&[("/init", STATIC.node())]),
        "/init is not the guard: it has not the guard's texts in it"
    );
}

/// What is told of `base` with these nodes over it, the last of which was added.
fn told_of(base: &Tree, over: &[(&str, Node)]) -> Result<Vec<String>, String> {
    let mut tree = base.clone();
    let mut added = Vec::new();
    for (path, node) in over {
        tree.insert(&guest(path), node.clone(), Layer::Appendix, Parents::Implied).unwrap();
        added = vec![guest(path)];
    }
    let programs = [guest("/init"), guest("/usr/bin/kata-agent")];
    let changed = Changed { base, tree: &tree, added: &added, programs: &programs };
    let told = customized(Arch::X86_64, changed, &NoBodies).map_err(|error| error.to_string())?;
    Ok(told.iter().map(ToString::to_string).collect())
}

#[test]
fn what_was_added_to_an_image_must_run() {
    let program = |node| told_of(&with(&[]), &[("/opt/x", node)]);
    assert_eq!(program(STATIC.node()), Ok(vec![]));
    let needs = "/opt/x needs libc.so.6, which is not in the image".to_owned();
    assert_eq!(program(dynamic(&["libc.so.6"]).node()), Err(needs));
    let other = Program { machine: AARCH64, ..STATIC }.node();
    assert_eq!(
        program(other),
        Err("/opt/x is for another processor: got aarch64, expected x86_64".to_owned())
    );
    let script = Node::File(Mode::PROGRAM, Body::bytes(b"#!/bin/sh"));
    assert_eq!(program(script), Ok(vec![]));
}

#[test]
fn what_an_image_has_had_before_is_told_and_what_is_new_refused() {
    let agent = |node| [("/usr/bin/kata-agent", node)];
    let broken = dynamic(&["libc.so.6"]).node();
    let base = with(&agent(broken.clone()));
    let needs = "/usr/bin/kata-agent needs libc.so.6, which is not in the image".to_owned();
    assert_eq!(told_of(&base, &[]), Ok(vec![needs.clone()]));
    assert_eq!(told_of(&with(&[]), &agent(broken)), Err(needs));
    let silent = "/usr/bin/kata-agent is an agent without policy support: \
        it has no `/etc/kata-opa/default-policy.rego` in it"
        .to_owned();
    assert_eq!(told_of(&with(&agent(STATIC.node())), &[]), Ok(vec![silent.clone()]));
    assert_eq!(told_of(&with(&[]), &agent(STATIC.node())), Err(silent));
    let script = Node::File(Mode::PROGRAM, Body::bytes(b"#!/bin/sh"));
    assert_eq!(told_of(&with(&[("/init", script)]), &[]), Ok(vec![]));
}

#[test]
fn a_library_that_is_loaded_already_is_not_looked_for_again() {
    let agent = Program { needed: &["a.so", "b.so"], runpath: Some("/usr/lib/own"), ..AGENT_PROGRAM };
    let tree = with(&[
        ("/usr/bin/kata-agent", agent.node()),
        ("/usr/lib/own/a.so", dynamic(&["b.so"]).node()),
        ("/usr/lib/own/b.so", STATIC.node()),
    ]);
    assert_eq!(checked(&tree), Ok(()));
}
