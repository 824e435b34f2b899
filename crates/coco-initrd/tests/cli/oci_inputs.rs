//! Inputs out of a registry, locked, fetched and built from: images, and files as ORAS has them.

use crate::fixture::{Place, program};
use crate::registry::Registry;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Runs `words` with a store of its own, and gives what it prints.
fn done(place: &Place, words: &str) -> String {
    let ran = place.run(words);
    assert_eq!(ran.code, 0, "{words}: {}{}", ran.data, ran.words);
    ran.data
}

/// A tar of these files; a name that ends in `/` is a directory's.
fn tarball(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, body) in files {
        let mut header = tar::Header::new_gnu();
        let is_directory = name.ends_with('/');
        header.set_entry_type(if is_directory { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header.set_mode(0o755);
        header.set_size(u64::try_from(body.len()).unwrap());
        tar.append_data(&mut header, name, *body).unwrap();
    }
    tar.into_inner().unwrap()
}

/// Puts a manifest with these layers, each a media type, a title and bytes, and gives its text.
fn pushed(registry: &Registry, tag: &str, config: &str, layers: &[(&str, &str, &[u8])]) -> String {
    let descriptor = |media_type: &str, title: &str, bytes: &[u8]| {
        let digest = registry.put_blob("team/parts", bytes);
        let title = format!(",\"annotations\":{{\"org.opencontainers.image.title\":\"{title}\"}}");
        format!("{{\"mediaType\":\"{media_type}\",\"digest\":\"{digest}\",\"size\":{}{title}}}", bytes.len())
    };
    let layers: Vec<String> = layers.iter().map(|(a, b, c)| descriptor(a, b, c)).collect();
    let text = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"config\":{},\"layers\":[{}]}}",
        descriptor(config, "", b"{}"),
        layers.join(",")
    );
    assert_eq!(registry.put_manifest("team/parts", tag, MANIFEST, &text), "HTTP/1.1 201 Created");
    text
}

#[test]
fn a_file_of_an_artefact_is_the_agent() {
    let (place, registry) = (Place::new(), Registry::open());
    place.inputs();
    let agent = program("kata-agent");
    // As ORAS does it: the media type says tar, and the file is none.
    let layer = ("application/vnd.oci.image.layer.v1.tar", "kata-agent", &agent[..]);
    pushed(&registry, "agent", "application/vnd.unknown.config.v1+json", &[layer]);
    let reference = format!("{}/team/parts:agent", registry.host());
    place.file("my.toml", format!("extends = \"coco-dev\"\n[inputs.agent]\noci = \"{reference}\"\n"));
    done(&place, "lock --profile ./my.toml --store store");
    let lock = place.text("my.lock");
    assert!(lock.contains(&format!("{reference}@sha256:")) && lock.contains("artefact"), "{lock}");
    done(&place, "fetch --profile ./my.toml --store store");
    drop(registry);
    let parts = "--guest-components in/components --pause-image in/pause --guard in/guard";
    done(&place, &format!("build --profile ./my.toml {parts} --store store --no-cache --output-dir out"));
    assert!(done(&place, "cat out/coco-initrd-my.img /usr/bin/kata-agent").contains("kata-agent"));
}

#[test]
fn an_image_is_its_layers_over_each_other_for_the_profiles_processor() {
    let (place, registry) = (Place::new(), Registry::open());
    let below = tarball(&[("usr/", b""), ("usr/old", b"1"), ("usr/kept", b"2"), ("usr/changed", b"3")]);
    let above = tarball(&[("usr/", b""), ("usr/.wh.old", b""), ("usr/changed", b"4")]);
    let tar = "application/vnd.oci.image.layer.v1.tar";
    let config = "application/vnd.oci.image.config.v1+json";
    let manifest = pushed(&registry, "amd64", config, &[(tar, "", &below), (tar, "", &above)]);
    let digest = registry.put_blob("team/parts", manifest.as_bytes());
    let index = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[{{\"mediaType\":\"{MANIFEST}\",\
         \"digest\":\"{digest}\",\"size\":{},\"platform\":{{\"os\":\"linux\",\"architecture\":\"amd64\"}}}}]}}",
        manifest.len()
    );
    assert_eq!(registry.put_manifest("team/parts", "base", INDEX, &index), "HTTP/1.1 201 Created");
    let profile =
        format!("extends = \"coco-dev\"\n[inputs.base]\noci = \"{}/team/parts:base\"\n", registry.host());
    place.file("my.toml", profile);
    done(&place, "lock --profile ./my.toml --store store");
    assert!(place.text("my.lock").contains(&digest), "the manifest, not the index");
    done(&place, "fetch --profile ./my.toml --store store");
    done(&place, "build --profile ./my.toml --builtin-guest --store store --no-cache --output-dir out");
    let files = done(&place, "ls out/coco-initrd-my.img");
    assert!(files.contains("/usr/kept") && !files.contains("/usr/old") && !files.contains(".wh."), "{files}");
    assert_eq!(done(&place, "cat out/coco-initrd-my.img /usr/changed"), "4");
}

#[test]
fn what_was_changed_since_it_was_locked_is_not_fetched() {
    let (place, registry) = (Place::new(), Registry::open());
    let agent = program("kata-agent");
    let layer = ("application/octet-stream", "kata-agent", &agent[..]);
    pushed(&registry, "agent", "application/vnd.unknown.config.v1+json", &[layer]);
    let reference = format!("{}/team/parts:agent", registry.host());
    place.file("my.toml", format!("extends = \"coco-dev\"\n[inputs.agent]\noci = \"{reference}\"\n"));
    done(&place, "lock --profile ./my.toml --store store");
    let digest = registry.put_blob("team/parts", &agent);
    let mut changed = agent.clone();
    changed[60] ^= 1;
    fs_err::write(registry.blob(&digest["sha256:".len()..]), changed).unwrap();
    let ran = place.run("fetch --profile ./my.toml --store store");
    assert_eq!(ran.code, 2, "{}", ran.words);
    assert!(
        ran.words.contains("SHA-256 got ") && ran.words.contains("/v2/team/parts/blobs/sha256:"),
        "{}",
        ran.words
    );
}
