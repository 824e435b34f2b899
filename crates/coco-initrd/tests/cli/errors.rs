//! Mistakes of users: what is said, with which exit code, and that nothing on the disk has changed.

use expect_test::{Expect, expect};

use crate::fixture::{FULL, Place, Ran, program};

/// Runs `words` and compares all it says; no data, no new file, and an older build stays whole.
fn refused(place: &Place, words: &str, code: i32, expected: &Expect) {
    let before = place.names();
    let Ran { code: got, data, words: said } = place.run(words);
    expected.assert_eq(&said);
    assert_eq!((got, data.as_str()), (code, ""));
    assert_eq!(place.names(), before, "nothing may be left behind");
}

/// The words with the name of the staging directory made the same each time.
pub(crate) fn without_random_name(words: &str) -> String {
    match words.split_once(".coco-initrd-") {
        Some((before, after)) => format!("{before}.coco-initrd-RANDOM{}", &after[6..]),
        None => words.to_owned(),
    }
}

fn place() -> Place {
    let place = Place::new();
    place.inputs();
    place
}

#[test]
fn no_agent_is_never_replaced_silently() {
    refused(
        &place(),
        "build --profile tdx",
        2,
        &expect![[r#"
            error: profile tdx names no agent, and none was given
            hint: give --agent PATH (and --guest-components, --pause-image), or a --base that has them; --builtin-guest tries the tool without any, not for production
        "#]],
    );
}

#[test]
fn an_unknown_profile_is_answered_with_the_known_ones() {
    refused(
        &place(),
        "build --profile tdxx --builtin-guest",
        2,
        &expect![[r#"
            error: there is no built-in profile `tdxx`
            hint: built-in profiles: base, tdx, snp, coco-dev, debian, tdx-debian, snp-debian, coco-dev-debian, peer-pods; a profile of your own is a path such as ./my.toml
        "#]],
    );
}

#[test]
fn an_unknown_key_of_a_profile_is_shown_with_its_place() {
    let place = place();
    place.file("my.toml", "extends = \"tdx\"\n[init]\ngaurd = false\n");
    refused(
        &place,
        "build --profile ./my.toml --builtin-guest",
        2,
        &expect![[r#"
            error: DIR/my.toml:3:1: unknown field `gaurd`, expected one of `run`, `guard`, `modules`, `allow-words`
        "#]],
    );
}

#[test]
fn profiles_that_extend_each_other_are_shown_as_a_circle() {
    let place = place();
    place.file("a.toml", "extends = \"./b.toml\"\n");
    place.file("b.toml", "extends = \"./a.toml\"\n");
    refused(
        &place,
        "build --profile ./a.toml --builtin-guest",
        2,
        &expect![[r#"
            error: profiles extend each other in a circle: DIR/a.toml -> DIR/b.toml -> DIR/a.toml
        "#]],
    );
}

#[test]
fn a_missing_input_is_named() {
    refused(
        &place(),
        "build --profile tdx --agent nowhere/kata-agent",
        2,
        &expect![[r#"
            error: input agent can't be used
              caused by: failed to query resolved metadata `nowhere/kata-agent`: No such file or directory (os error 2)
            hint: check the path
        "#]],
    );
}

#[test]
fn a_missing_guest_component_is_an_error_and_not_a_warning() {
    refused(
        &place(),
        "build --profile tdx --agent in/kata-agent",
        2,
        &expect![[r#"
            error: /usr/local/bin/attestation-agent of the guest-components is missing
            hint: give --guest-components PATH; the agent would start without it, and without attestation
        "#]],
    );
}

#[test]
fn an_agent_that_is_no_program_is_told() {
    let place = place();
    place.file("in/kata-agent", "#!/bin/sh\n");
    refused(
        &place,
        &format!("{FULL} --profile tdx"),
        2,
        &expect![[r#"
            error: /usr/bin/kata-agent: not a 64-bit ELF program: Invalid ELF header size or alignment
            hint: give the program itself, not a script or a text about it
        "#]],
    );
}

#[test]
fn an_agent_without_policy_support_is_refused() {
    let place = place();
    place.file("in/kata-agent", &program("x")[..64]);
    refused(
        &place,
        &format!("{FULL} --profile tdx"),
        2,
        &expect![[r#"
            error: /usr/bin/kata-agent is an agent without policy support: it has no `/etc/kata-opa/default-policy.rego` in it
            hint: build the kata-agent with AGENT_POLICY=yes (cargo feature agent-policy)
        "#]],
    );
}

#[test]
fn an_agent_for_another_processor_is_refused() {
    let place = place();
    let mut elf = program("agent");
    elf[18] = 183; // EM_AARCH64
    place.file("in/kata-agent", elf);
    refused(
        &place,
        &format!("{FULL} --profile tdx"),
        2,
        &expect![[r#"
            error: /usr/bin/kata-agent is for another processor: got aarch64, expected x86_64
            hint: take the program built for the profile's arch
        "#]],
    );
}

#[test]
fn a_pinned_input_that_differs_is_shown_with_both_digests() {
    let place = place();
    place
        .file("pinned.toml", format!("extends = \"tdx\"\n[inputs.agent]\nsha256 = \"{}\"\n", "0".repeat(64)));
    refused(
        &place,
        &format!("{FULL} --profile ./pinned.toml"),
        2,
        &expect![[r#"
            error: input agent is not the pinned one: SHA-256 got 5f593b395bcc36aa4a5327e7468c20ae972721d5786c4733a674394e89dd3687, expected 0000000000000000000000000000000000000000000000000000000000000000
            hint: if the change is meant, put the new digest into the profile and review it
        "#]],
    );
}

#[test]
fn a_policy_that_can_not_be_loaded_is_shown_with_its_place() {
    let place = place();
    place.file("bad.rego", "package agent_policy\ndefault ExecProcessRequest := \n");
    refused(
        &place,
        &format!("{FULL} --profile tdx --policy bad.rego"),
        2,
        &expect![[r#"
        error: the policy can't be loaded
          caused by: bad.rego:3:1: expecting expression
    "#]],
    );
}

#[test]
fn an_empty_policy_is_refused() {
    let place = place();
    place.file("empty.rego", "");
    refused(
        &place,
        &format!("{FULL} --profile tdx --policy empty.rego"),
        2,
        &expect![[r#"
        error: the policy can't be loaded
          caused by: empty.rego is empty: got no statement, expected package agent_policy
    "#]],
    );
}

#[test]
fn a_compression_the_kernel_can_not_read_is_refused() {
    refused(
        &place(),
        &format!("{FULL} --profile tdx --compression zstd"),
        2,
        &expect![[r#"
            error: the guest's kernel can't read zstd: it reads gzip and plain archives
            hint: take another --compression, a kernel that reads this one, or set kernel-reads in the profile
        "#]],
    );
}

#[test]
fn a_kernel_is_asked_what_it_reads() {
    let place = place();
    place.file("vmlinux", b"\x7fELF Out of memory while allocating z_stream");
    place.file("zstd.toml", "extends = \"tdx\"\nkernel-reads = [\"zstd\"]\n");
    refused(
        &place,
        &format!("{FULL} --profile ./zstd.toml --compression zstd --kernel vmlinux"),
        2,
        &expect![[r#"
            error: the guest's kernel can't read zstd: it reads gzip and plain archives
            hint: take another --compression, a kernel that reads this one, or set kernel-reads in the profile
        "#]],
    );
}

#[test]
fn a_truncated_archive_is_an_error() {
    let place = place();
    place.shell(
        "tar -C in -czf whole.tar.gz components && head -c 300 whole.tar.gz > cut.tar.gz && rm whole.tar.gz",
    );
    refused(
        &place,
        "build --profile tdx --agent in/kata-agent --guest-components cut.tar.gz",
        2,
        &expect![[r#"
            error: input guest-components can't be used
              caused by: cut.tar.gz: at byte 3072 of the tar: incomplete deflate stream
            hint: get the file again and compare its digest with its publisher's
        "#]],
    );
}

#[test]
fn a_corrupt_archive_is_an_error() {
    let place = place();
    place.shell("tar -C in -czf c.tar.gz components && printf XXXX | dd of=c.tar.gz bs=1 seek=60 conv=notrunc status=none");
    refused(
        &place,
        "build --profile tdx --agent in/kata-agent --guest-components c.tar.gz",
        2,
        &expect![[r#"
            error: input guest-components can't be used
              caused by: c.tar.gz can't be unpacked
              caused by: corrupt deflate stream
        "#]],
    );
}

#[test]
fn a_tar_that_climbs_out_is_refused() {
    let place = place();
    place.shell("tar -C in/components -P --transform 's,^,../,' -cf climb.tar attestation-agent");
    refused(
        &place,
        "build --profile tdx --agent in/kata-agent --guest-components climb.tar",
        2,
        &expect![[r#"
            error: input guest-components can't be used
              caused by: climb.tar: `../attestation-agent` climbs out with `..`
            hint: no such name can be in an image: rename the file, or get the archive from somewhere else
        "#]],
    );
}

#[test]
fn an_initrd_that_climbs_out_is_refused() {
    let place = place();
    place.shell("mkdir d && touch evil && (cd d && echo ../evil | cpio --quiet -o -H newc > ../climb.img) && rm -r d evil");
    refused(
        &place,
        "build --profile tdx --base climb.img --builtin-guest",
        2,
        &expect![[r#"
            error: input base can't be used
              caused by: climb.img: `../evil` climbs out with `..`
            hint: no such name can be in an image: rename the file, or get the archive from somewhere else
        "#]],
    );
}

#[test]
fn a_decompression_bomb_stops_at_the_profiles_limit() {
    let place = place();
    place.shell("mkdir d && truncate -s 3M d/zeros && tar -C d -czf bomb.tar.gz zeros && rm -r d");
    place.file("small.toml", "extends = \"tdx\"\nunpack-limit-mib = 1\n");
    refused(
        &place,
        "build --profile ./small.toml --base bomb.tar.gz --builtin-guest",
        2,
        &expect![[r#"
        error: input base can't be used
          caused by: bomb.tar.gz: at byte 512 of the tar: unpacks to more than 1048576 bytes, the limit
        hint: if the input is meant to be that large, raise unpack-limit-mib in the profile
    "#]],
    );
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    let place = place();
    place.shell(r"mkdir base && touch base/$(printf '\377')");
    refused(
        &place,
        "build --profile tdx --base base --builtin-guest",
        2,
        &expect![[r#"
        error: input base can't be used
          caused by: base/�: a file name is not UTF-8: \xff
    "#]],
    );
}

#[test]
fn a_path_that_two_inputs_claim_is_refused() {
    let place = place();
    place.shell("mkdir -p two/usr/bin two/usr/local/bin two/etc && cp in/kata-agent two/usr/bin && cp in/components/*t-* in/components/*-hub in/components/*-rest two/usr/local/bin && cp in/components/*.json two/etc");
    refused(
        &place,
        "build --profile tdx --agent in/kata-agent --guest-components two",
        2,
        &expect![[r#"
            error: guest-components: /usr/bin/kata-agent is there twice in the components layer
            hint: a path may be there once: leave it out of one input, or of the archive
        "#]],
    );
}

#[test]
fn a_directory_of_somebody_else_is_not_replaced() {
    let place = place();
    place.file("out/precious", "x");
    refused(
        &place,
        &format!("{FULL} --profile tdx --output-dir out"),
        2,
        &expect![[r#"
            error: out/precious is not of an earlier build: the directory would be replaced whole
            hint: give --output-dir a directory that is new, empty, or of an earlier build
        "#]],
    );
    assert_eq!(place.text("out/precious"), "x");
}

#[test]
fn an_epoch_out_of_range_is_refused() {
    refused(
        &place(),
        &format!("{FULL} --profile tdx --source-date-epoch 4294967296"),
        2,
        &expect![[r#"
            error: profile tdx: epoch: epoch 4294967296 is out of range: seconds since 1970, 0 to 2147483647
        "#]],
    );
}

#[test]
fn the_stand_in_and_an_agent_exclude_each_other() {
    let ran = place().run("build --profile tdx --agent in/kata-agent --builtin-guest");
    assert_eq!(ran.code, 2);
    assert!(ran.words.contains("'--agent <PATH>' cannot be used with '--builtin-guest'"), "{}", ran.words);
}

#[test]
fn an_image_that_fills_the_guests_memory_is_refused() {
    let place = place();
    place.shell("mkdir -p base && truncate -s 20M base/large");
    place.file("small.toml", "extends = \"tdx\"\nmemory-mib = 32\n");
    refused(
        &place,
        &format!("{FULL} --profile ./small.toml --base base"),
        2,
        &expect![[r#"
            error: the unpacked image takes 21020672 bytes, over half of the guest's 32 MiB
            hint: make the image smaller, or raise memory-mib in the profile (and default_memory on the host)
        "#]],
    );
}

#[test]
fn a_program_whose_library_is_missing_is_refused() {
    let place = place();
    // Any dynamically linked program of the machine will do: only its headers are read.
    place.shell("cp /bin/true in/components/api-server-rest");
    let ran = place.run(&format!("{FULL} --profile tdx"));
    assert_eq!(ran.code, 2);
    assert!(ran.words.starts_with("error: /usr/local/bin/api-server-rest needs /lib64/ld-linux-x86-64.so.2, which is not in the image\n"), "{}", ran.words);
}

#[test]
fn a_directory_in_the_place_of_a_file_is_told() {
    let place = place();
    place.shell("rm in/components/ocicrypt_config.json && mkdir in/components/ocicrypt_config.json");
    refused(
        &place,
        "build --profile tdx --agent in/kata-agent --guest-components in/components --pause-image in/pause",
        2,
        &expect![[r#"
            error: guest-components has no `ocicrypt_config.json` (nor `/etc/ocicrypt_config.json`)
            hint: the input must be a root file system with the component in it, or only the component's own files; `coco-initrd profile show` lists them under [component]
        "#]],
    );
}

#[test]
fn a_policy_that_is_a_dangling_link_is_refused() {
    let place = place();
    place.shell("ln -s nowhere dangling.rego");
    refused(
        &place,
        &format!("{FULL} --profile tdx --policy dangling.rego"),
        2,
        &expect![[r#"
        error: the policy can't be read
          caused by: failed to open file `./dangling.rego`: No such file or directory (os error 2)
        hint: check the path
    "#]],
    );
}

#[test]
fn a_full_disk_leaves_the_earlier_build_whole() {
    let place = place();
    assert_eq!(place.run(&format!("{FULL} --profile tdx --output-dir out")).code, 0);
    let before = place.read("out/coco-initrd-tdx.img");
    // A limit on the size of files stops the writer as a full disk would.
    let ran = place.shell(&format!(
        "trap '' XFSZ; ulimit -f 1; exec $COCO {FULL} --profile tdx --compression none --no-cache --output-dir out"
    ));
    assert_eq!(ran.code, 2);
    expect![[r#"
        error: the image can't be written
          caused by: failed to write to file `DIR/.coco-initrd-RANDOM/build/coco-initrd-tdx.img`: File too large (os error 27)
    "#]].assert_eq(&without_random_name(&ran.words));
    assert_eq!(place.read("out/coco-initrd-tdx.img"), before);
    assert_eq!(place.names(), ["in", "out"]);
}

#[test]
fn a_place_that_can_not_be_written_is_named() {
    let place = place();
    place.file("file", "x");
    refused(
        &place,
        &format!("{FULL} --profile tdx --output-dir file/out"),
        2,
        &expect![[r#"
            error: the output directory can't be used
              caused by: failed to query raw metadata `file/out`: Not a directory (os error 20)
        "#]],
    );
}

#[test]
fn an_allow_list_can_not_open_what_the_guard_is_there_for() {
    let place = place();
    place.file("open.toml", "extends = \"tdx\"\n[init]\nallow-words = [\"agent.config_file=*\"]\n");
    refused(
        &place,
        &format!("{FULL} --profile ./open.toml"),
        2,
        &expect![[r#"
        error: profile open: the guard's allow-list
          caused by: `agent.config_file=*` may not be allowed: `agent.config_file` replaces the agent's configuration, its policy included
    "#]],
    );
}

#[test]
fn a_pinned_input_that_is_not_given_is_an_error() {
    let place = place();
    place.file("pinned.toml", format!("extends = \"tdx\"\n[inputs.base]\nsha256 = \"{}\"\n", "0".repeat(64)));
    refused(
        &place,
        &format!("{FULL} --profile ./pinned.toml"),
        2,
        &expect![[r#"
        error: the profile pins input base, and none was given
        hint: give the input, or take the pin out of the profile
    "#]],
    );
}

#[test]
fn a_kernel_module_that_is_not_there_is_an_error() {
    let place = place();
    place.file("module.toml", "extends = \"tdx\"\n[init]\nmodules = [\"/lib/modules/x.ko\"]\n");
    refused(
        &place,
        &format!("{FULL} --profile ./module.toml"),
        2,
        &expect![[r#"
        error: kernel module /lib/modules/x.ko of the profile is not in the image
        hint: give a --base that has the module, or take it out of init.modules
    "#]],
    );
}

#[test]
fn a_second_policy_of_the_profile_is_an_error() {
    let place = place();
    let extra = "[[file]]\npath = \"/etc/kata-opa/allow-all.rego\"\nmode = \"0644\"\ntext = \"\"\n";
    place.file("two.toml", format!("extends = \"tdx\"\n{extra}"));
    refused(
        &place,
        &format!("{FULL} --profile ./two.toml"),
        2,
        &expect![[r#"
        error: /etc/kata-opa/allow-all.rego of the profile is in /etc/kata-opa, where only the policy may be
        hint: name the policy under [policy] or with --policy
    "#]],
    );
}

#[test]
fn a_base_whose_systemd_starts_no_agent_is_an_error() {
    let place = place();
    place.program("base/lib/systemd/systemd");
    place.file("systemd.toml", "extends = \"tdx\"\n[init]\nrun = \"systemd\"\n");
    refused(
        &place,
        &format!("{FULL} --profile ./systemd.toml --base base"),
        2,
        &expect![[r#"
        error: systemd would not start the agent: /usr/lib/systemd/system/kata-agent.service is missing
        hint: give an agent tarball that has its units, and link kata-containers.target into /etc/systemd/system/basic.target.wants with a [[symlink]] of the profile
    "#]],
    );
}

#[test]
fn a_name_with_a_line_break_stays_on_one_line() {
    let place = place();
    place.shell("mkdir base && touch \"base/a\nb\"");
    refused(
        &place,
        "build --profile tdx --base base --builtin-guest",
        2,
        &expect![[r#"
        error: input base can't be used
          caused by: base/a\nb: `a\nb` has a NUL or control character in it
    "#]],
    );
}

#[test]
fn an_unreadable_file_is_named() {
    let place = place();
    // Root may read everything: the program runs as somebody else then.
    let ran = place.shell(&format!(
        "chmod 777 . && chmod 000 in/components/api-server-rest && cp $COCO program && r= && \
         if [ $(id -u) = 0 ]; then r='setpriv --reuid 65534 --regid 65534 --clear-groups'; fi; \
         $r ./program {FULL} --profile tdx --no-cache"
    ));
    expect![[r#"
        error: /usr/local/bin/api-server-rest: failed to open file `in/components/api-server-rest`: Permission denied (os error 13)
        hint: give yourself the permission; no build needs root
    "#]].assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data.as_str()), (2, ""));
    assert_eq!(place.names(), ["in", "program"]);
}

#[test]
fn a_result_that_can_not_be_printed_is_told_from_a_build_that_failed() {
    let place = place();
    let ran = place.shell(&format!("$COCO {FULL} --profile tdx --output-dir out >/dev/full"));
    expect![[r#"
        error: all is done, but the result can't be printed
          caused by: No space left on device (os error 28)
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(ran.code, 2);
    assert_eq!(place.shell("cd out && sha256sum --check --quiet SHA256SUMS").code, 0);
}
