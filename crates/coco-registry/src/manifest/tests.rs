//! Manifests as registries have them, in short.

use super::*;

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// A descriptor of `{}`.
fn descriptor(media_type: &str, title: &str) -> String {
    let annotations = if title.is_empty() {
        String::new()
    } else {
        format!(r#","annotations":{{"org.opencontainers.image.title":"{title}"}}"#)
    };
    format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{HEX}","size":2{annotations}}}"#)
}

/// A manifest with these parts.
fn text(artifact_type: &str, config: &str, layers: &[(&str, &str)]) -> String {
    let artifact_type = if artifact_type.is_empty() {
        String::new()
    } else {
        format!(r#""artifactType":"{artifact_type}","#)
    };
    let layers: Vec<String> =
        layers.iter().map(|(media_type, title)| descriptor(media_type, title)).collect();
    let config = descriptor(config, "");
    format!(r#"{{"schemaVersion":2,{artifact_type}"config":{config},"layers":[{}]}}"#, layers.join(","))
}

fn read(text: &str, media_type: &str) -> Result<Manifest, String> {
    match Document::parse(text.as_bytes(), Some(media_type)) {
        Ok(Document::Manifest(manifest)) => Ok(manifest),
        Ok(Document::Index(_)) => Err("an index".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_TAR: &str = "application/vnd.oci.image.layer.v1.tar";

#[test]
fn images_are_ocis_and_dockers() {
    for (media_type, config, layer, kind) in [
        (OCI, OCI_CONFIG, OCI_TAR, LayerKind::Tar),
        (OCI, OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip", LayerKind::TarGzip),
        (OCI, OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+zstd", LayerKind::TarZstd),
        (
            DOCKER,
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            LayerKind::TarGzip,
        ),
    ] {
        let manifest = read(&text("", config, &[(layer, "")]), media_type).unwrap();
        assert_eq!(manifest.shape, Shape::Image);
        assert_eq!(
            manifest.layers,
            [Layer { content: Content::of(b"{}"), media_type: layer.to_owned(), kind, title: None }]
        );
    }
}

#[test]
fn what_has_another_configuration_is_an_artefact() {
    for (artifact_type, config, shape) in [
        ("application/x", EMPTY, "application/x"),
        ("application/x", OCI_CONFIG, "application/x"),
        ("", "application/vnd.unknown.config.v1+json", "application/vnd.unknown.config.v1+json"),
    ] {
        let manifest =
            read(&text(artifact_type, config, &[(OCI_TAR, "agent.tar.zst"), ("a/b", "c/d")]), OCI).unwrap();
        assert_eq!(manifest.shape, Shape::Artefact(shape.to_owned()));
        let files = manifest.layers.iter().map(|it| (it.kind, it.title.as_ref().map(Title::as_str)));
        let expected = [(LayerKind::File, Some("agent.tar.zst")), (LayerKind::File, Some("c/d"))];
        assert_eq!(files.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_is_unknown_or_incomplete_is_an_error() {
    for (text, problem) in [
        (text("", EMPTY, &[("a/b", "c")]), "the manifest has no field `artifactType`"),
        (text("", OCI_CONFIG, &[]), "the manifest has no layers"),
        (
            text("a/b", EMPTY, &[("a/b", "")]),
            "layer 1: has no annotation org.opencontainers.image.title, which is the file's name",
        ),
        (text("a/b", EMPTY, &[("a/b", "c"), ("a/b", "c")]), "layer 2: is a second file `c`"),
        (
            text("a/b", EMPTY, &[("a/b", "../c")]),
            "layer 1: title \"../c\" is not a relative path of plain names",
        ),
        (
            text("", OCI_CONFIG, &[("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "")]),
            "layer 1: media type `application/vnd.oci.image.layer.nondistributable.v1.tar+gzip` is no layer of an image that is known here",
        ),
        (
            text("", OCI_CONFIG, &[(OCI_TAR, "")]).replace("\"size\":2", "\"size\":17179869185"),
            "layer 1: size got 17179869185, expected 17179869184 at most",
        ),
        (
            text("", OCI_CONFIG, &[(OCI_TAR, "")]).replace("sha256", "sha512"),
            &format!(
                "layer 1: digest `sha512:{HEX}` is not a SHA-256, the only algorithm that is taken here"
            ),
        ),
        ("{\"schemaVersion\":1}".to_owned(), "schemaVersion got 1, expected 2"),
        ("{\"schemaVersion\":2}".to_owned(), "the manifest has no field `config`"),
        (
            "[]".to_owned(),
            "the manifest is not one: invalid length 0, expected struct Raw with 6 elements at line 1 column 2",
        ),
        (
            text("", OCI_CONFIG, &[(OCI_TAR, "")]).replace("\"size\":2", "\"size\":-1"),
            "the manifest is not one: invalid value: integer `-1`, expected u64 at line 1 column 176",
        ),
    ] {
        assert_eq!(read(&text, OCI).unwrap_err(), problem);
    }
}

#[test]
fn a_document_is_what_answer_and_body_say_alike() {
    let plain = text("", OCI_CONFIG, &[(OCI_TAR, "")]);
    let with =
        |media_type: &str| plain.replace("{\"schema", &format!("{{\"mediaType\":\"{media_type}\",\"schema"));
    assert!(read(&with(OCI), OCI).is_ok());
    assert!(read(&with(OCI), "application/json; charset=utf-8").is_ok());
    for (text, answer, problem) in [
        (
            plain.clone(),
            "application/json",
            "neither the answer nor the manifest names a media type".to_owned(),
        ),
        (with(INDEX), OCI, format!("the answer's media type is `{OCI}`, the manifest's is `{INDEX}`")),
        (with("a/b"), "", "media type `a/b` is no manifest or index that is known here".to_owned()),
        (
            plain.clone(),
            "text/html",
            "media type `text/html` is no manifest or index that is known here".to_owned(),
        ),
        (plain.clone(), INDEX, format!("media type `{INDEX}` has no field `layers`")),
        (
            plain.replace("\"config\"", "\"manifests\":[],\"config\""),
            OCI,
            format!("media type `{OCI}` has no field `manifests`"),
        ),
    ] {
        assert_eq!(read(&text, answer).unwrap_err(), problem);
    }
}

#[test]
fn a_manifest_of_more_than_four_mebibytes_is_not_read() {
    let long = vec![b' '; (4 << 20) + 1];
    assert_eq!(Document::parse(&long, Some(OCI)), Err(ManifestError::TooLong));
}

#[test]
fn a_field_that_is_there_twice_is_an_error() {
    let twice = text("", OCI_CONFIG, &[(OCI_TAR, "")]).replace("\"config\"", "\"layers\":[],\"config\"");
    assert!(read(&twice, OCI).unwrap_err().starts_with("the manifest is not one: duplicate field `layers`"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "[\\[\\]{}:,\"a-z0-9]{0,200}") {
        let _ = Document::parse(&bytes, None);
        let _ = Document::parse(text.as_bytes(), Some(OCI));
    }
}
