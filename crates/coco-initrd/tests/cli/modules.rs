//! Kernel modules named in a profile: found, packed, recorded, and every mistake with its answer.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::fixture::{FULL, Place, Ran};

const KERNEL: &str = "kernel/lib/modules/6.1.0-test";

/// The smallest ELF object that says this of itself in its `.modinfo`.
fn module(lines: &[&str]) -> Vec<u8> {
    let modinfo = format!("{}\0vermagic=6.1.0-test SMP mod_unload \0", lines.join("\0"));
    let names = b"\0.modinfo\0.shstrtab\0";
    let end = (64 + modinfo.len() + names.len()).next_multiple_of(8);
    let mut elf = vec![0; 64];
    elf[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00"); // 64 bits, little endian, version 1
    elf[16] = 1; // ET_REL
    elf[18] = 62; // EM_X86_64
    elf[20] = 1; // version
    elf[40..48].copy_from_slice(&u64::try_from(end).unwrap().to_le_bytes()); // section headers
    elf[52] = 64; // size of this header
    elf[58] = 64; // size of a section header
    elf[60] = 3; // number of sections
    elf[62] = 2; // the one with their names
    elf.extend(modinfo.as_bytes());
    elf.extend(names);
    elf.resize(end + 64, 0); // and the empty section
    for (name, kind, at, len) in [(1_u32, 1_u32, 64, modinfo.len()), (10, 3, 64 + modinfo.len(), names.len())]
    {
        elf.extend(name.to_le_bytes());
        elf.extend(kind.to_le_bytes());
        elf.extend([0; 16]);
        elf.extend(u64::try_from(at).unwrap().to_le_bytes());
        elf.extend(u64::try_from(len).unwrap().to_le_bytes());
        elf.extend([0; 24]);
    }
    elf
}

/// A kernel of four modules, one of them packed, beside what its package also has.
fn place() -> Place {
    let place = Place::new();
    place.inputs();
    place.file("kernel/boot/vmlinuz", "not looked at");
    place.file(&format!("{KERNEL}/modules.builtin"), "kernel/drivers/char/hw_random/rng-core.ko\n");
    let packed = zstd::encode_all(module(&["depends="]).as_slice(), 1).unwrap();
    place.file(&format!("{KERNEL}/kernel/virtio.ko.zst"), packed);
    place.file(&format!("{KERNEL}/kernel/net/vsock.ko"), module(&["depends="]));
    place.file(
        &format!("{KERNEL}/kernel/net/virtio_vsock.ko"),
        module(&["depends=virtio,vsock,rng-core", "softdep=pre: crc32c"]),
    );
    place.file(&format!("{KERNEL}/kernel/unused.ko"), module(&["depends="]));
    profile(&place, "[\"virtio-vsock\"]", "path = \"kernel\"");
    place
}

fn profile(place: &Place, modules: &str, input: &str) {
    let input = format!("[inputs.kernel-modules]\n{input}\n");
    place.file("my.toml", format!("extends = \"coco-dev\"\n[init]\nmodules = {modules}\n{input}"));
}

fn build(place: &Place, words: &str) -> Ran {
    place.run(&format!("{FULL} --profile ./my.toml --output-dir out {words}"))
}

/// Runs a build that ends with this.
fn refused(place: &Place, words: &str, expected: &Expect) {
    let before = place.names();
    let Ran { code, data, words } = build(place, words);
    expected.assert_eq(&words);
    assert_eq!((code, data.as_str()), (2, ""));
    assert_eq!(place.names(), before, "nothing may be left behind");
}

fn manifest(place: &Place) -> Value {
    serde_json::from_slice(&place.read("out/manifest.json")).unwrap()
}

#[test]
fn a_named_module_goes_into_the_image_with_all_it_needs_and_nothing_else() {
    let place = place();
    let ran = build(&place, "--check");
    assert_eq!(ran.code, 0, "{}", ran.words);
    let listing = place.shell("gzip -dc out/coco-initrd-my.img | cpio -t --quiet | grep modules/").data;
    expect![[r#"
        usr/lib/modules/6.1.0-test
        usr/lib/modules/6.1.0-test/kernel
        usr/lib/modules/6.1.0-test/kernel/net
        usr/lib/modules/6.1.0-test/kernel/net/virtio_vsock.ko
        usr/lib/modules/6.1.0-test/kernel/net/vsock.ko
        usr/lib/modules/6.1.0-test/kernel/virtio.ko
    "#]]
    .assert_eq(&listing);
    let plan = "gzip -dc out/coco-initrd-my.img | cpio -i --to-stdout --quiet etc/coco-initrd/guard.toml";
    let plan = place.shell(&format!("{plan} | grep -A 4 ^modules"));
    expect![[r#"
        modules = [
            "/usr/lib/modules/6.1.0-test/kernel/virtio.ko",
            "/usr/lib/modules/6.1.0-test/kernel/net/vsock.ko",
            "/usr/lib/modules/6.1.0-test/kernel/net/virtio_vsock.ko",
        ]
    "#]]
    .assert_eq(&plan.data);
    let packed = "gzip -dc out/coco-initrd-my.img | cpio -i --to-stdout --quiet";
    let packed = place.shell(&format!("{packed} 'usr/lib/modules/*/virtio.ko' > virtio.ko"));
    assert_eq!((packed.code, place.read("virtio.ko")), (0, module(&["depends="])));
}

#[test]
fn the_manifest_tells_the_kernel_the_modules_and_what_is_missing() {
    let place = place();
    let ran = build(&place, "");
    let notes: Vec<&str> = ran.words.lines().filter(|line| line.starts_with("note: ")).collect();
    assert_eq!(notes, ["note: module virtio_vsock would like to have crc32c with it, which is not loaded"]);
    let manifest = manifest(&place);
    expect![[r#"
        {
          "built_in": [
            "rng_core"
          ],
          "kernel": "6.1.0-test",
          "load": [
            {
              "path": "/usr/lib/modules/6.1.0-test/kernel/virtio.ko",
              "sha256": "607c1dd274d668258a00605e143548ee73f690678c10224502a1282c2401a832"
            },
            {
              "path": "/usr/lib/modules/6.1.0-test/kernel/net/vsock.ko",
              "sha256": "607c1dd274d668258a00605e143548ee73f690678c10224502a1282c2401a832"
            },
            {
              "path": "/usr/lib/modules/6.1.0-test/kernel/net/virtio_vsock.ko",
              "sha256": "1a2322a49b8827d3e3bdb2620431afde02d022e095d411bd74c011270ce76b1b"
            }
          ],
          "not_loaded": [
            {
              "module": "virtio_vsock",
              "wants": "crc32c"
            }
          ]
        }
    "#]]
    .assert_eq(&format!("{:#}\n", manifest["init"]["modules"]));
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/manifest.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &manifest));
}

#[test]
fn a_tar_of_the_kernel_gives_the_same_image_and_can_be_pinned() {
    let place = place();
    assert_eq!(build(&place, "").code, 0);
    let image = place.read("out/coco-initrd-my.img");
    let tar = place.shell("tar -C kernel -cf kernel.tar lib && sha256sum < kernel.tar | cut -c -64");
    profile(
        &place,
        "[\"virtio_vsock\"]",
        &format!("path = \"kernel.tar\"\nsha256 = \"{}\"", tar.data.trim()),
    );
    let ran = build(&place, "");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert_eq!(place.read("out/coco-initrd-my.img"), image);
    assert_eq!(manifest(&place)["inputs"][3]["role"], "kernel-modules");
    assert_eq!(manifest(&place)["inputs"][3]["pinned"], true);
}

#[test]
fn an_option_names_the_kernel_instead_of_the_profile() {
    let place = place();
    profile(&place, "[\"vsock\"]", "path = \"nowhere\"");
    let ran = build(&place, "--kernel-modules kernel");
    assert_eq!(ran.code, 0, "{}", ran.words);
}

#[test]
fn a_name_that_is_no_module_is_answered_with_the_nearest() {
    let place = place();
    profile(&place, "[\"virtio_vsok\"]", "path = \"kernel\"");
    refused(
        &place,
        "",
        &expect![[r#"
        error: kernel 6.1.0-test has no module virtio_vsok, neither as a file nor built in
        hint: did you mean virtio_vsock?
    "#]],
    );
    profile(&place, "[\"xyzzy\"]", "path = \"kernel\"");
    refused(
        &place,
        "",
        &expect![[r#"
        error: kernel 6.1.0-test has no module xyzzy, neither as a file nor built in
        hint: names are those of the files: aliases are not looked up
    "#]],
    );
}

#[test]
fn a_name_and_its_input_need_each_other() {
    let place = place();
    place.file("my.toml", "extends = \"coco-dev\"\n[init]\nmodules = [\"vsock\"]\n");
    refused(
        &place,
        "",
        &expect![[r#"
        error: kernel module vsock is named, and there is no input kernel-modules
        hint: give --kernel-modules PATH, what the guest's kernel package unpacks to
    "#]],
    );
    profile(&place, "[]", "path = \"kernel\"");
    refused(
        &place,
        "",
        &expect![[r#"
        error: input kernel-modules is given, and init.modules names no module of it
        hint: name the modules in init.modules of a profile, or leave it out
    "#]],
    );
}

#[test]
fn an_input_that_is_not_one_kernels_is_told() {
    let place = place();
    refused(
        &place,
        "--kernel-modules kernel/boot/vmlinuz",
        &expect![[r#"
        error: kernel-modules is a single file, expected a directory, a tar or an initrd
        hint: unpack the guest's kernel package and give the directory (dpkg-deb -x PACKAGE DIRECTORY)
    "#]],
    );
    refused(
        &place,
        "--kernel-modules kernel/lib/modules",
        &expect![[r#"
        error: kernel-modules has no directory lib/modules/VERSION or usr/lib/modules/VERSION
        hint: unpack the guest's kernel package and give the directory (dpkg-deb -x PACKAGE DIRECTORY)
    "#]],
    );
    place.file("kernel/lib/modules/6.2.0-test/modules.builtin", "");
    refused(
        &place,
        "",
        &expect![[r#"
        error: kernel-modules has the modules of several kernels, expected one: /lib/modules/6.1.0-test, /lib/modules/6.2.0-test
        hint: leave only those of the kernel the guest boots with
    "#]],
    );
}

#[test]
fn modules_that_do_not_fit_are_told_with_what_to_do() {
    let place = place();
    let virtio = format!("{KERNEL}/kernel/virtio.ko.zst");
    fs_err::remove_file(place.join(&virtio)).unwrap();
    refused(
        &place,
        "",
        &expect![[r#"
        error: module virtio_vsock needs virtio, and kernel 6.1.0-test has it neither as a file nor built in
        hint: get all packages of this kernel's modules, unpacked together
    "#]],
    );
    place.file(&virtio, "#!/bin/sh\n");
    refused(
        &place,
        "",
        &expect![[r#"
        error: /lib/modules/6.1.0-test/kernel/virtio.ko.zst: not a kernel module: Invalid ELF header size or alignment
        hint: take the modules as the kernel's package has them
    "#]],
    );
    place.file(&virtio, module(&["depends=virtio_vsock"]));
    refused(
        &place,
        "",
        &expect![[r#"
        error: modules need each other in a circle: virtio_vsock -> virtio -> virtio_vsock
    "#]],
    );
    place.file(&format!("{KERNEL}/updates/virtio.ko"), module(&["depends="]));
    refused(
        &place,
        "",
        &expect![[r#"
        error: module virtio is there twice: /lib/modules/6.1.0-test/kernel/virtio.ko.zst and /lib/modules/6.1.0-test/updates/virtio.ko
        hint: leave one of them in the input
    "#]],
    );
    fs_err::rename(place.join(KERNEL), place.join("kernel/lib/modules/6.2.0-test")).unwrap();
    refused(
        &place,
        "",
        &expect![[r#"
        error: /lib/modules/6.2.0-test/kernel/net/virtio_vsock.ko is of another kernel: got 6.1.0-test, expected 6.2.0-test
        hint: take the modules as the kernel's package has them
    "#]],
    );
}

#[test]
fn an_overlay_has_no_kernel() {
    let place = place();
    let ran = place.run("build --profile peer-pods --kernel-modules kernel");
    expect![[r#"
        error: --kernel-modules is about images, and profile peer-pods makes an overlay for a podvm image
        hint: leave it out: a podvm image brings all but the policy
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
}
