//! Kernel modules by name: what is found, in which order, and what is refused; kmod is the foreign witness.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::io::{self, Read, Write as _};
use std::path::Path;
use std::process::Command;

use coco_image::archive::Member;
use coco_image::modules::{Modules, WantedModule, resolve};
use coco_image::tree::{Bodies, Body, Extent, Node};
use coco_image::units::{Arch, Mode};
use expect_test::{Expect, expect};
use proptest::prelude::*;

const KERNEL: &str = "6.1.0-test";

/// Bodies are in memory here, or can't be read.
struct NoBodies;

impl Bodies for NoBodies {
    fn open(&self, _: Extent) -> io::Result<Box<dyn Read + '_>> {
        Err(io::Error::other("bad sector"))
    }
}

/// A relocatable ELF object of x86-64 with what kmod and we look at: `.modinfo`, the names of exported
/// symbols, and a table of undefined ones.
#[derive(Clone, Default)]
struct Object {
    modinfo: Vec<u8>,
    exports: Vec<String>,
    imports: Vec<String>,
}

impl Object {
    /// A module of [`KERNEL`] that says this besides.
    fn saying(lines: &[&str]) -> Self {
        let vermagic = format!("vermagic={KERNEL} SMP mod_unload ");
        let lines: Vec<&str> = lines.iter().copied().chain([vermagic.as_str()]).collect();
        Self { modinfo: [lines.join("\0").as_bytes(), b"\0"].concat(), ..Self::default() }
    }

    /// A module that needs others: each exports one symbol, which who needs it imports.
    fn needing(name: &str, needs: &[&str], softdep: Option<&str>) -> Self {
        let depends = format!("depends={}", needs.join(","));
        let softdep = softdep.map(|it| format!("softdep={it}"));
        let lines: Vec<&str> = [Some(depends.as_str()), softdep.as_deref()].into_iter().flatten().collect();
        Self {
            exports: vec![format!("symbol_of_{name}")],
            imports: needs.iter().map(|name| format!("symbol_of_{name}")).collect(),
            ..Self::saying(&lines)
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let strings = |names: &[String]| -> Vec<u8> {
            names.iter().flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect()
        };
        let strtab = [b"\0".to_vec(), strings(&self.imports)].concat();
        let mut symtab = vec![0; 24];
        let mut at: u32 = 1;
        for name in &self.imports {
            symtab.extend(at.to_le_bytes());
            // Global, without a type, undefined.
            symtab.extend([0x10, 0, 0, 0]);
            symtab.extend([0; 16]);
            at += u32::try_from(name.len()).unwrap() + 1;
        }
        // Name, sh_type, sh_link, sh_entsize and contents.
        let sections = [
            (".modinfo", 1, 0, 0, self.modinfo.clone()),
            ("__ksymtab_strings", 1, 0, 0, strings(&self.exports)),
            (".strtab", 3, 0, 0, strtab),
            (".symtab", 2, 3, 24, symtab),
        ];
        laid_out(&sections)
    }
}

/// The file with these sections and one of their names behind them.
fn laid_out(sections: &[(&str, u32, u32, u64, Vec<u8>)]) -> Vec<u8> {
    let mut names = vec![0];
    let mut data = Vec::new();
    let mut headers = vec![0; 64];
    let mut header = |name: usize, (kind, link, entry): (u32, u32, u64), at: usize, len: usize| {
        headers.extend(u32::try_from(name).unwrap().to_le_bytes());
        headers.extend(kind.to_le_bytes());
        headers.extend([0; 16]);
        headers.extend(u64::try_from(64 + at).unwrap().to_le_bytes());
        headers.extend(u64::try_from(len).unwrap().to_le_bytes());
        headers.extend(link.to_le_bytes());
        headers.extend([0; 4]);
        headers.extend(1_u64.to_le_bytes());
        headers.extend(entry.to_le_bytes());
    };
    for (name, kind, link, entry, contents) in sections {
        header(names.len(), (*kind, *link, *entry), data.len(), contents.len());
        names.extend([name.as_bytes(), b"\0"].concat());
        data.extend(contents);
    }
    let own_name = names.len();
    names.extend(b".shstrtab\0");
    header(own_name, (3, 0, 0), data.len(), names.len());
    data.extend(&names);
    data.resize(data.len().next_multiple_of(8), 0);
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([1, 0, 62, 0, 1, 0, 0, 0]); // ET_REL, EM_X86_64, version 1
    file.extend([0; 16]);
    file.extend(u64::try_from(64 + data.len()).unwrap().to_le_bytes());
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 0, 0, 64, 0]);
    let count = u16::try_from(sections.len() + 2).unwrap();
    file.extend(count.to_le_bytes());
    file.extend((count - 1).to_le_bytes());
    [file, data, headers].concat()
}

fn member(path: &str, node: Node) -> Member {
    Member { path: path.parse().unwrap(), node }
}

fn file(path: &str, bytes: &[u8]) -> Member {
    member(path, Node::File(Mode::FILE, Body::bytes(bytes)))
}

/// A file below `kernel/` of the kernel's directory.
fn module(name: &str, bytes: &[u8]) -> Member {
    file(&format!("/lib/modules/{KERNEL}/kernel/{name}"), bytes)
}

/// virtio as Debian has it, in small, and a file system with soft dependencies.
fn kernel() -> Vec<Member> {
    let objects: [(&str, &[&str], Option<&str>); 8] = [
        ("virtio_ring", &[], None),
        ("virtio", &["virtio_ring"], None),
        ("virtio_pci", &["virtio_ring", "virtio", "legacy-dev"], None),
        ("legacy-dev", &[], None),
        ("virtio_blk", &["virtio", "virtio_ring"], None),
        ("crc32c_plain", &[], None),
        ("btrfs", &["raid6", "virtio"], Some("pre: xxhash64 crc32c-plain loop post: zoned")),
        ("raid6", &["virtio"], None),
    ];
    let mut members: Vec<Member> = objects
        .iter()
        .map(|(name, needs, softdep)| {
            module(&format!("{name}.ko"), &Object::needing(name, needs, *softdep).bytes())
        })
        .collect();
    members.push(file(
        &format!("/lib/modules/{KERNEL}/modules.builtin"),
        b"kernel/drivers/block/loop.ko\nkernel/fs/ext4/ext4.ko\n",
    ));
    members.push(file("/boot/vmlinuz", b"not looked at"));
    members
}

fn found(names: &[&str], members: &[Member]) -> Result<Modules, String> {
    let wanted: Vec<WantedModule> = names
        .iter()
        .map(|name| match name.parse() {
            Ok(path) => WantedModule::File(path),
            Err(_) => WantedModule::Named(name.parse().unwrap()),
        })
        .collect();
    resolve(&wanted, Arch::X86_64, Some(members), &NoBodies).map_err(|error| error.to_string())
}

fn refused(names: &[&str], members: &[Member]) -> String {
    found(names, members).unwrap_err()
}

/// The kernel with another file in it.
fn with(name: &str, bytes: &[u8]) -> Vec<Member> {
    let mut members = kernel();
    members.push(module(name, bytes));
    members
}

/// What is loaded, one name a line, then what else is known.
fn said(modules: &Modules) -> String {
    let mut lines: Vec<String> = modules.load.iter().map(|it| it.path.file_name().to_owned()).collect();
    lines.extend(modules.built_in.iter().map(|name| format!("built in: {name}")));
    lines.extend(modules.not_loaded.iter().map(|soft| format!("{} wants {}", soft.module, soft.wants)));
    lines.join("\n") + "\n"
}

fn loads(names: &[&str], expected: &Expect) {
    expected.assert_eq(&said(&found(names, &kernel()).unwrap()));
}

#[test]
fn what_a_module_needs_is_loaded_before_it_and_once() {
    loads(
        &["virtio_blk", "virtio_pci"],
        &expect![[r#"
            virtio_ring.ko
            virtio.ko
            virtio_blk.ko
            legacy-dev.ko
            virtio_pci.ko
        "#]],
    );
}

#[test]
fn a_hyphen_and_an_underscore_are_the_same_in_a_name() {
    loads(&["legacy_dev", "legacy-dev"], &expect!["legacy-dev.ko\n"]);
}

#[test]
fn a_file_of_the_image_keeps_its_turn_and_brings_no_body() {
    let modules = found(&["virtio_ring", "/m/x.ko", "raid6"], &kernel()).unwrap();
    expect![[r#"
        virtio_ring.ko
        x.ko
        virtio.ko
        raid6.ko
    "#]]
    .assert_eq(&said(&modules));
    let bodies: Vec<bool> = modules.load.iter().map(|it| it.body.is_some()).collect();
    assert_eq!(bodies, [true, false, true, true]);
}

#[test]
fn what_is_built_in_needs_no_loading() {
    loads(&["ext4"], &expect!["built in: ext4\n"]);
}

#[test]
fn a_soft_dependency_comes_before_if_it_is_there_and_is_told_if_not() {
    loads(
        &["btrfs"],
        &expect![[r#"
            virtio_ring.ko
            virtio.ko
            raid6.ko
            crc32c_plain.ko
            btrfs.ko
            built in: loop
            btrfs wants xxhash64
            btrfs wants zoned
        "#]],
    );
}

#[test]
fn a_soft_dependency_that_is_named_is_met() {
    let members = with("zoned.ko", &Object::saying(&[]).bytes());
    let modules = found(&["btrfs", "zoned"], &members).unwrap();
    assert!(said(&modules).ends_with("btrfs wants xxhash64\n"), "{}", said(&modules));
}

#[test]
fn an_alias_of_what_is_there_meets_a_soft_dependency() {
    let mut members = with("zns.ko", &Object::saying(&["alias=zoned", "alias=pci:v*"]).bytes());
    let list = format!("/lib/modules/{KERNEL}/modules.builtin.modinfo");
    members.push(file(&list, b"xxh.license=GPL\0xxh.alias=xxhash64\0"));
    let modules = found(&["btrfs", "zns"], &members).unwrap();
    assert!(modules.not_loaded.is_empty(), "{}", said(&modules));
}

#[test]
fn a_module_lies_below_its_kernel_in_the_image() {
    let modules = found(&["virtio_ring"], &kernel()).unwrap();
    assert_eq!(modules.kernel.as_deref(), Some(KERNEL));
    assert_eq!(modules.load[0].path.as_str(), "/usr/lib/modules/6.1.0-test/kernel/virtio_ring.ko");
}

#[test]
fn modules_may_be_in_usr_with_a_link_to_them() {
    let in_usr = |member: Member| Member {
        path: member.path.as_str().replace("/lib/", "/usr/lib/").parse().unwrap(),
        ..member
    };
    let mut members: Vec<Member> = kernel().into_iter().map(in_usr).collect();
    members.push(member("/lib", Node::Symlink("usr/lib".to_owned())));
    assert_eq!(found(&["virtio_blk"], &members), found(&["virtio_blk"], &kernel()));
}

#[test]
fn a_packed_module_is_unpacked() {
    let plain = Object::saying(&[]).bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).unwrap();
    let packed = [
        ("a.ko.gz", gzip.finish().unwrap()),
        ("a.ko.xz", xz.finish().unwrap()),
        ("a.ko.zst", zstd::encode_all(plain.as_slice(), 1).unwrap()),
    ];
    for (name, bytes) in packed {
        let modules = found(&["a"], &[module(name, &bytes)]).unwrap();
        assert_eq!(modules.load[0].path.file_name(), "a.ko", "{name}");
        assert_eq!(modules.load[0].body, Some(Body::bytes(&plain)), "{name}");
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    assert_eq!(
        refused(&["virtio_bulk"], &kernel()),
        "kernel 6.1.0-test has no module virtio_bulk, neither as a file nor built in"
    );
    let wanted = [WantedModule::Named("virtio_bulk".parse().unwrap())];
    let error = resolve(&wanted, Arch::X86_64, Some(&kernel()), &NoBodies).unwrap_err();
    assert!(format!("{error:?}").contains("nearest: Some(ModuleName(\"virtio_blk\"))"), "{error:?}");
}

#[test]
fn a_name_needs_an_input() {
    let wanted = [WantedModule::Named("virtio".parse().unwrap())];
    let error = resolve(&wanted, Arch::X86_64, None, &NoBodies).unwrap_err();
    assert_eq!(error.to_string(), "kernel module virtio is named, and there is no input kernel-modules");
}

#[test]
fn an_input_without_one_kernel_is_told() {
    assert_eq!(
        refused(&["virtio"], &[file("/kernel/virtio.ko", b"")]),
        "kernel-modules has no directory lib/modules/VERSION or usr/lib/modules/VERSION"
    );
    let mut two = kernel();
    two.push(file("/usr/lib/modules/6.2/modules.builtin", b""));
    assert_eq!(
        refused(&["virtio"], &two),
        "kernel-modules has the modules of several kernels, expected one: /lib/modules/6.1.0-test, \
         /usr/lib/modules/6.2"
    );
}

#[test]
fn what_does_not_fit_together_is_told() {
    let object = |lines: &[&str]| Object::saying(lines).bytes();
    let of_kernel = |kernel: &str| {
        Object { modinfo: format!("vermagic={kernel} SMP\0").into_bytes(), ..Object::default() }.bytes()
    };
    let mut foreign = object(&[]);
    foreign[18] = 183; // EM_AARCH64
    let place = "/lib/modules/6.1.0-test/kernel";
    let cases = [
        (
            "x.ko",
            object(&["depends=gone"]),
            "module x needs gone, and kernel 6.1.0-test has it neither as a file nor built in".to_owned(),
        ),
        ("x.ko", object(&["depends=x"]), "modules need each other in a circle: x -> x".to_owned()),
        (
            "raid6.ko.xz",
            object(&[]),
            format!("module raid6 is there twice: {place}/raid6.ko and {place}/raid6.ko.xz"),
        ),
        (
            "x.ko",
            object(&["depends=../x"]),
            format!("{place}/x.ko: depends: `../x` is not the name of a kernel module"),
        ),
        (
            "x.ko",
            of_kernel("6.2"),
            format!("{place}/x.ko is of another kernel: got 6.2, expected 6.1.0-test"),
        ),
        (
            "x.ko",
            of_kernel(""),
            format!("{place}/x.ko: not a kernel module: it does not say its kernel (vermagic)"),
        ),
        ("x.ko", foreign, format!("{place}/x.ko is for another processor: got aarch64, expected x86_64")),
        (
            "x.ko",
            b"#!/bin/sh\n".to_vec(),
            format!("{place}/x.ko: not a kernel module: Invalid ELF header size or alignment"),
        ),
        ("x.ko", laid_out(&[]), format!("{place}/x.ko: not a kernel module: it has no section .modinfo")),
        (
            "x.ko",
            object(&[&"a".repeat(1 << 20)]),
            format!(
                "{place}/x.ko: not a kernel module: its .modinfo has 1048613 bytes, expected at most 1048576"
            ),
        ),
        (
            "x.ko.xz",
            b"\x89LZO".to_vec(),
            format!(
                "{place}/x.ko.xz: lzo compression is not read, only gzip, xz, zstd, bzip2, lzma and legacy lz4"
            ),
        ),
    ];
    for (name, bytes, expected) in cases {
        let wanted = name.split('.').next().unwrap();
        assert_eq!(refused(&[wanted], &with(name, &bytes)), expected);
    }
}

#[test]
fn a_circle_is_shown_with_all_that_are_in_it() {
    let needing = |name: &str, needs: &str| {
        module(&format!("{name}.ko"), &Object::needing(name, &[needs], None).bytes())
    };
    let members = [needing("a", "b"), needing("b", "c"), needing("c", "b")];
    assert_eq!(refused(&["a"], &members), "modules need each other in a circle: b -> c -> b");
}

#[test]
fn a_link_is_no_module() {
    let mut members = kernel();
    let path = format!("/lib/modules/{KERNEL}/weak-updates/x.ko");
    members.push(member(&path, Node::Symlink("/lib/modules/6.0/x.ko".to_owned())));
    assert_eq!(
        refused(&["x"], &members),
        "/lib/modules/6.1.0-test/weak-updates/x.ko is a symlink, expected a regular file"
    );
}

#[test]
fn a_module_that_cannot_be_read_is_named() {
    let body = Body::Extent(Extent { store: 0, offset: 0, len: 100 });
    let path = format!("/lib/modules/{KERNEL}/x.ko");
    let members = [member(&path, Node::File(Mode::FILE, body))];
    assert_eq!(refused(&["x"], &members), "/lib/modules/6.1.0-test/x.ko: bad sector");
}

#[test]
fn a_damaged_list_of_built_in_modules_is_told() {
    let members = [file(&format!("/lib/modules/{KERNEL}/modules.builtin"), b"kernel/a.ko\nkernel\n")];
    assert_eq!(
        refused(&["a"], &members),
        "/lib/modules/6.1.0-test/modules.builtin:2: got `kernel`, expected the path of a module"
    );
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let bomb = zstd::encode_all(io::repeat(0).take((256 << 20) + 1), 1).unwrap();
    assert_eq!(
        refused(&["x"], &with("x.ko.zst", &bomb)),
        "/lib/modules/6.1.0-test/kernel/x.ko.zst: the packed modules take more than 268435456 bytes once \
         unpacked"
    );
}

#[test]
fn a_long_chain_of_modules_is_no_deep_stack() {
    let link = |number: u32| {
        let needs = format!("m{}", number + 1);
        let needs: &[&str] = if number == 4999 { &[] } else { &[&needs] };
        let name = format!("m{number}");
        module(&format!("{name}.ko"), &Object::needing(&name, needs, None).bytes())
    };
    let members: Vec<Member> = (0..5000).map(link).collect();
    assert_eq!(found(&["m0"], &members).unwrap().load.len(), 5000);
}

#[test]
fn a_module_cut_anywhere_never_panics() {
    let whole = Object::needing("x", &["virtio"], Some("pre: loop")).bytes();
    for len in 0..whole.len() {
        assert!(found(&["x"], &with("x.ko", &whole[..len])).is_err(), "{len}");
    }
}

proptest! {
    #[test]
    fn a_damaged_module_never_panics(at in 0_usize..1000, value: u8) {
        let mut bytes = Object::needing("x", &["virtio"], Some("pre: loop")).bytes();
        let at = at % bytes.len();
        bytes[at] = value;
        let _ = found(&["x"], &with("x.ko", &bytes));
    }
}

/// What `program` of kmod says; it works on directories, and on nothing else of the machine.
fn kmod(program: &str, arguments: &[&str], directory: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => panic!("{program} can't be started ({error}): run scripts/install-test-tools"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn modprobe_would_load_the_same_in_the_same_order() {
    let directory = tempfile::tempdir().unwrap();
    for Member { path, node } in kernel() {
        let Node::File(_, Body::Bytes(bytes)) = node else { continue };
        let path = directory.path().join(path.member());
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
    // depmod warns without it.
    fs_err::write(directory.path().join(format!("lib/modules/{KERNEL}/modules.order")), "").unwrap();
    kmod("depmod", &["-b", ".", KERNEL], directory.path());
    for name in ["virtio", "virtio_pci", "virtio_blk", "raid6", "btrfs", "legacy_dev", "ext4"] {
        let arguments = ["-d", ".", "-S", KERNEL, "--show-depends", name];
        let listing = kmod("modprobe", &arguments, directory.path());
        // A line is `insmod FILE`, or `builtin NAME`.
        let theirs: Vec<&str> = listing
            .lines()
            .filter(|line| line.starts_with("insmod "))
            .filter_map(|line| line.trim().rsplit('/').next())
            .collect();
        let ours = found(&[name], &kernel()).unwrap();
        let ours: Vec<&str> = ours.load.iter().map(|it| it.path.file_name()).collect();
        assert_eq!(ours, theirs, "{name}");
    }
}
