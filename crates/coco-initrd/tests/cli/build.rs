//! Builds that succeed: what is written, and what the inputs may be.

use std::io::Write as _;

use crate::fixture::{FULL, Place, program};

fn listing(place: &Place, image: &str) -> Vec<String> {
    let ran = place.shell(&format!("gzip -dc {image} | cpio -t --quiet"));
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
    ran.data.lines().map(str::to_owned).collect()
}

fn tar(entries: &[(&str, u32, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, mode, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap());
        header.set_mode(*mode);
        tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn the_built_in_guest_needs_no_input_and_is_not_for_production() {
    let place = Place::new();
    let ran = place.run("build --profile tdx --builtin-guest");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(ran.words.contains("not for production: the built-in guest"), "{}", ran.words);
    assert!(ran.data.ends_with("  dist/tdx/coco-initrd-tdx.img\n"), "{}", ran.data);
    for runtime in ["go", "runtime-rs"] {
        let drop_in = place.text(&format!("dist/tdx/host/{runtime}/60-coco-initrd.toml"));
        assert!(drop_in.starts_with("# NOT FOR PRODUCTION: "), "{drop_in}");
    }
}

#[test]
fn an_image_of_real_inputs_is_for_production() {
    let place = Place::new();
    place.inputs();
    let ran = place.run(&format!("{FULL} --profile tdx --json"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let result: serde_json::Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!(result["production"], true);
    assert_eq!(result["image"], "dist/tdx/coco-initrd-tdx.img");
}

#[test]
fn the_sums_beside_the_image_are_right() {
    let place = Place::new();
    place.inputs();
    assert_eq!(place.run(&format!("{FULL} --profile snp --output-dir out")).code, 0);
    let ran = place.shell("cd out && sha256sum --check --strict SHA256SUMS");
    assert_eq!(
        ran.data,
        "coco-initrd-snp.img: OK\nhost/go/60-coco-initrd.toml: OK\nhost/runtime-rs/60-coco-initrd.toml: OK\nmanifest.json: OK\n\
         provenance.json: OK\nsbom.cdx.json: OK\nsbom.spdx.json: OK\n"
    );
}

#[test]
fn the_policy_in_the_image_is_the_file_under_policies() {
    let place = Place::new();
    place.inputs();
    assert_eq!(place.run(&format!("{FULL} --profile tdx --output-dir out")).code, 0);
    place.shell("mkdir x && cd x && gzip -dc ../out/*.img | cpio -id --quiet 'etc/*'");
    let policy = place.read("x/etc/kata-opa/default-policy.rego");
    assert_eq!(policy, include_bytes!("../../../../policies/default-restrictive.rego"));
    assert_eq!(
        fs_err::read_link(place.join("x/etc/kata-opa/default-policy.rego")).unwrap().to_str(),
        Some("default-restrictive.rego")
    );
}

#[test]
fn inputs_may_be_tars_in_any_compression() {
    let components = tar(&[
        ("usr/local/bin/attestation-agent", 0o755, program("aa")),
        ("usr/local/bin/confidential-data-hub", 0o755, program("cdh")),
        ("usr/local/bin/api-server-rest", 0o755, program("asr")),
        ("etc/ocicrypt_config.json", 0o644, b"{}".to_vec()),
        ("pause_bundle/config.json", 0o644, b"{}".to_vec()),
        ("pause_bundle/rootfs/pause", 0o755, program("pause")),
    ]);
    let place = Place::new();
    place.inputs();
    place.file("c.tar", &components);
    place.file("c.tar.gz", gzip(&components));
    place.file("c.tar.zst", zstd::encode_all(components.as_slice(), 3).unwrap());
    place.file("agent.tar.gz", gzip(&tar(&[("./usr/bin/kata-agent", 0o755, program("agent"))])));
    place.shell("xz -k c.tar");
    let mut images = Vec::new();
    for name in ["c.tar", "c.tar.gz", "c.tar.zst", "c.tar.xz"] {
        let words =
            format!("build --profile tdx --agent agent.tar.gz --guest-components {name} --guard in/guard");
        let ran = place.run(&words);
        assert_eq!(ran.code, 0, "{name}: {}", ran.words);
        images.push(place.read("dist/tdx/coco-initrd-tdx.img"));
    }
    images.dedup();
    assert_eq!(images.len(), 1, "one content, one image");
}

#[test]
fn an_existing_initrd_may_be_the_base_and_loses_its_policy() {
    let place = Place::new();
    place.inputs();
    place.program("root/usr/bin/kata-agent");
    place.file(
        "root/etc/kata-opa/allow-all.rego",
        "package agent_policy\ndefault ExecProcessRequest := true\n",
    );
    place.shell("ln -s allow-all.rego root/etc/kata-opa/default-policy.rego");
    place.shell("mkdir -p root/usr/lib && ln -s usr/lib root/lib && echo x > root/usr/lib/x && ln root/usr/lib/x root/usr/lib/y");
    place.shell("cd root && find . | sort | cpio --quiet -o -H newc | gzip -9 > ../vendor.img");
    let ran = place.run(
        "build --profile tdx --base vendor.img --guest-components in/components --pause-image in/pause --guard in/guard",
    );
    assert_eq!(ran.code, 0, "{}", ran.words);
    let names = listing(&place, "dist/tdx/coco-initrd-tdx.img");
    assert!(names.contains(&"usr/lib/y".to_owned()), "{names:?}");
    assert!(!names.contains(&"etc/kata-opa/allow-all.rego".to_owned()), "{names:?}");
    let manifest: serde_json::Value = serde_json::from_slice(&place.read("dist/tdx/manifest.json")).unwrap();
    assert_eq!(
        manifest["removed"],
        serde_json::json!(["/etc/kata-opa/allow-all.rego", "/etc/kata-opa/default-policy.rego"])
    );
}

#[test]
fn zstd_and_plain_images_hold_the_same_files() {
    let place = Place::new();
    place.inputs();
    place.file("zstd.toml", "extends = \"tdx\"\nkernel-reads = [\"gzip\", \"zstd\"]\n");
    let mut listings = Vec::new();
    for (method, tool) in [("gzip", "gzip -dc"), ("zstd", "zstd -dcq"), ("none", "cat")] {
        let ran = place.run(&format!("{FULL} --profile ./zstd.toml --compression {method} --output-dir out"));
        assert_eq!(ran.code, 0, "{}", ran.words);
        listings.push(place.shell(&format!("{tool} out/*.img | cpio -tv --quiet -n")).data);
    }
    listings.dedup();
    assert_eq!(listings.len(), 1);
}

#[test]
fn a_pinned_input_is_marked_as_such() {
    let place = Place::new();
    place.inputs();
    let sha256 = place.shell("sha256sum in/kata-agent").data[..64].to_owned();
    place.file("pinned.toml", format!("extends = \"tdx\"\n[inputs.agent]\nsha256 = \"{sha256}\"\n"));
    let ran = place.run(&format!("{FULL} --profile pinned.toml"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let manifest: serde_json::Value =
        serde_json::from_slice(&place.read("dist/pinned/manifest.json")).unwrap();
    let agent = &manifest["inputs"][0];
    assert_eq!((&agent["role"], &agent["pinned"]), (&"agent".into(), &true.into()));
}

#[test]
fn a_permissive_policy_is_packed_only_when_allowed_and_then_recorded() {
    let place = Place::new();
    place.inputs();
    let open = include_str!("../../../../policies/default-restrictive.rego")
        .replace("default ExecProcessRequest := false", "default ExecProcessRequest := true");
    place.file("open.rego", open);
    let words = format!("{FULL} --profile tdx --policy open.rego");
    let refused = place.run(&words);
    assert_eq!(refused.code, 1, "{}", refused.words);
    assert!(
        refused.words.starts_with("error: policy open.rego is not fit for a default\n"),
        "{}",
        refused.words
    );
    assert_eq!(place.names(), ["in", "open.rego"]);

    let ran = place.run(&format!("{words} --allow-permissive-policy"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let manifest: serde_json::Value = serde_json::from_slice(&place.read("dist/tdx/manifest.json")).unwrap();
    assert_eq!(manifest["policy"]["decisions"]["ExecProcessRequest"], "allow");
    assert_eq!(manifest["production"], false);
    assert!(manifest["policy"]["findings"][0].as_str().unwrap().contains("ExecProcessRequest"));
}

#[test]
fn the_current_directory_can_be_the_output() {
    let place = Place::new();
    let ran = place.shell("mkdir out && cd out && $COCO build --profile tdx --builtin-guest --output-dir .");
    assert_eq!(ran.code, 0, "{}", ran.words);
    let names = "SHA256SUMS\ncoco-initrd-tdx.img\nhost\nmanifest.json\nprovenance.json\nsbom.cdx.json\nsbom.spdx.json\n";
    assert_eq!(place.shell("cd out && ls -A").data, names);
}

#[test]
fn a_base_that_links_its_policies_elsewhere_loses_them_too() {
    let place = Place::new();
    place.inputs();
    place.file("base/usr/share/opa/allow-all.rego", "package agent_policy\n");
    place.shell("mkdir base/etc && ln -s ../usr/share/opa base/etc/kata-opa");
    let ran = place.run(&format!("{FULL} --profile tdx --base base"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let names = listing(&place, "dist/tdx/coco-initrd-tdx.img");
    assert!(!names.iter().any(|name| name.ends_with("allow-all.rego")), "{names:?}");
}
