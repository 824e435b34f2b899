//! The manifest: its schema, and that it says what is in the image.

use serde_json::Value;

use crate::fixture::{FULL, Place};

fn built(profile: &str) -> (Place, Value) {
    let place = Place::new();
    place.inputs();
    let ran = place.run(&format!("{FULL} --profile {profile} --output-dir out"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let manifest = serde_json::from_slice(&place.read("out/manifest.json")).unwrap();
    (place, manifest)
}

/// The manifest of an overlay.
fn overlay(words: &str) -> Value {
    let place = Place::new();
    place.file("initdata", "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n");
    let ran = place.run(&format!("build --profile peer-pods --output-dir out {words}"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    serde_json::from_slice(&place.read("out/manifest.json")).unwrap()
}

#[test]
fn the_schema_tells_an_overlay_from_an_image() {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/manifest.schema.json")).unwrap();
    let mut manifest = overlay("--initdata initdata");
    assert!(jsonschema::is_valid(&schema, &manifest));
    manifest["layers"] = serde_json::json!([]);
    assert!(!jsonschema::is_valid(&schema, &manifest));
}

#[test]
fn every_shipped_profile_gives_a_manifest_of_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/manifest.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for profile in ["base", "tdx", "snp", "coco-dev", "peer-pods"] {
        let manifest = if profile == "peer-pods" { overlay("") } else { built(profile).1 };
        let errors: Vec<String> =
            validator.iter_errors(&manifest).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{profile}: {errors:?}");
    }
}

#[test]
fn what_was_left_out_of_the_base_is_in_the_manifest() {
    let place = Place::new();
    place.inputs();
    place.file("base/usr/share/doc/a/copyright", "12");
    place.file("base/usr/share/doc/a/changelog", "345");
    place.file("base/usr/share/certs/a.crt", CERTIFICATE);
    place.file("mine.toml", TRIMMING);
    let ran = place.run(&format!("{FULL} --profile ./mine.toml --base base --output-dir out"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let manifest: Value = serde_json::from_slice(&place.read("out/manifest.json")).unwrap();
    assert_eq!(
        manifest["trimmed"],
        serde_json::json!([
            { "pattern": "/usr/share/doc/*/change*", "members": 1, "bytes": 3 },
            { "pattern": "/usr/share/certs", "members": 2, "bytes": CERTIFICATE.len() },
        ])
    );
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/manifest.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &manifest));
    let bundle = place.shell("gzip -dc out/*.img | cpio -i --to-stdout --quiet etc/ssl/all.crt");
    assert_eq!(bundle.data, format!("{CERTIFICATE}\n"));
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----";

const TRIMMING: &str = r#"extends = "tdx"
[inputs.base.deb]
packages = ["base-files"]
archives = [{ url = "http://example.org/debian", suite = "trixie", components = ["main"], signed-by = "debian" }]
[trim]
remove = ["/usr/share/doc/*/change*", "/usr/share/certs"]
[[file]]
path = "/etc/ssl/all.crt"
mode = "0644"
certificates = "/usr/share/certs/*.crt"
"#;

#[test]
fn the_schema_refuses_a_key_it_does_not_know() {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/manifest.schema.json")).unwrap();
    let (_, mut manifest) = built("tdx");
    manifest["surprise"] = Value::Bool(true);
    assert!(!jsonschema::is_valid(&schema, &manifest));
}

#[test]
fn keys_are_sorted() {
    let (place, _) = built("tdx");
    let text = place.text("out/manifest.json");
    let top: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next()).collect();
    let mut sorted = top.clone();
    sorted.sort_unstable();
    assert_eq!(top, sorted);
}

/// The names that `reader` finds in the image, as the manifest writes them.
fn listed(place: &Place, reader: &str) -> Vec<String> {
    let ran = place.shell(&format!("gzip -dc out/*.img | {reader}"));
    assert_eq!((ran.code, ran.words.as_str()), (0, ""), "{reader}");
    let absolute = |name: &str| {
        if name == "." { "/".to_owned() } else { format!("/{name}") }
    };
    let mut names: Vec<String> = ran.data.lines().map(absolute).collect();
    names.sort();
    names
}

#[test]
fn two_foreign_readers_list_the_files_of_the_manifest() {
    let (place, manifest) = built("tdx");
    let files = manifest["files"].as_array().unwrap();
    let named: Vec<String> = files.iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect();
    for reader in ["cpio -t --quiet", "bsdtar -tf -"] {
        assert_eq!(listed(&place, reader), named, "{reader}");
    }
}

#[test]
fn digests_of_files_are_those_of_their_contents() {
    let (place, manifest) = built("tdx");
    place
        .shell("mkdir x && cd x && gzip -dc ../out/*.img | cpio -id --quiet --no-preserve-owner 2>/dev/null");
    let mut compared = 0;
    for file in manifest["files"].as_array().unwrap().iter().filter(|file| file["type"] == "file") {
        let path = file["path"].as_str().unwrap();
        let sum = place.shell(&format!("sha256sum x{path}")).data;
        assert_eq!(file["sha256"].as_str().unwrap(), &sum[..64], "{path}");
        compared += 1;
    }
    assert_eq!(compared, 11);
}

#[test]
fn layers_are_slices_of_the_image() {
    let (place, manifest) = built("tdx");
    let image = place.read("out/coco-initrd-tdx.img");
    let mut end = 0;
    for layer in manifest["layers"].as_array().unwrap() {
        let (offset, size) = (layer["offset"].as_u64().unwrap(), layer["size"].as_u64().unwrap());
        assert_eq!(offset, end);
        end = offset + size;
        let bytes = &image[usize::try_from(offset).unwrap()..usize::try_from(end).unwrap()];
        let file = place.file("layer", bytes);
        let sum = place.shell(&format!("sha256sum {}", file.display())).data;
        assert_eq!(layer["sha256"].as_str().unwrap(), &sum[..64]);
    }
    assert_eq!(end, u64::try_from(image.len()).unwrap());
}

#[test]
fn tdx_and_snp_say_that_they_are_the_same_bytes_and_are() {
    let mut images = Vec::new();
    for profile in ["tdx", "snp"] {
        let (place, manifest) = built(profile);
        assert_eq!(manifest["image"]["same_bytes_as"], serde_json::json!(["tdx", "snp"]));
        images.push(place.read(&format!("out/coco-initrd-{profile}.img")));
    }
    images.dedup();
    assert_eq!(images.len(), 1);
}

#[test]
fn a_profile_without_the_guard_is_not_for_production() {
    let place = Place::new();
    place.inputs();
    place.file("bare.toml", "extends = \"tdx\"\n[init]\nguard = false\n");
    let ran = place.run(&format!("{FULL} --profile ./bare.toml --output-dir out"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    let manifest: Value = serde_json::from_slice(&place.read("out/manifest.json")).unwrap();
    assert_eq!(
        manifest["production_faults"],
        serde_json::json!(["the guard is off: the host's command line can replace the policy"])
    );
    assert_eq!(manifest["init"]["guard"], false);
}

#[test]
fn every_request_has_its_decision_on_record() {
    let (_, manifest) = built("tdx");
    let decisions = manifest["policy"]["decisions"].as_object().unwrap();
    assert_eq!(decisions.len(), coco_policy::Request::all().count());
    for (request, verdict) in [
        ("ExecProcessRequest", "deny"),
        ("ReadStreamRequest", "deny"),
        ("SetPolicyRequest", "deny"),
        ("WriteStreamRequest", "deny"),
        ("GetDiagnosticDataRequest", "deny"),
        ("CopyFileRequest", "conditional"),
        ("CreateContainerRequest", "allow"),
    ] {
        assert_eq!(decisions[request], verdict, "{request}");
    }
}
