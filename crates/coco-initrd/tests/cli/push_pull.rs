//! Builds into a registry and out of it: the same bytes, or an error and nothing.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::fixture::{Place, Ran};
use crate::registry::{Front, Reaction, Registry};

const IMAGE: &str = "coco-initrd-coco-dev.img";

/// A place with a build in `out`.
fn built() -> Place {
    let place = Place::new();
    let ran = place.run("build --profile coco-dev --builtin-guest --no-cache --output-dir out");
    assert_eq!(ran.code, 0, "{}", ran.words);
    place
}

/// Runs `words`, in which `HOST` is the registry; it is `HOST` in what is said, too, and digests are `DIGEST`.
fn run(place: &Place, host: &str, words: &str) -> Ran {
    let Ran { code, data, words } = place.run(&words.replace("HOST", host));
    let clean = |text: String| masked(&text.replace(host, "HOST"));
    Ran { code, data: clean(data), words: clean(words) }
}

/// The text with digests made the same, and sizes: they change with every version.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let (body, end) = word.split_at(word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).len());
        let is_digest = body.len() == 64 && body.chars().all(|c| c.is_ascii_hexdigit());
        let is_size = body.len() > 2 && body.chars().all(|c| c.is_ascii_digit());
        out.push_str(if is_digest {
            "DIGEST"
        } else if is_size {
            "SIZE"
        } else {
            body
        });
        out.push_str(end);
    }
    out
}

/// Pushes the build in `out`, and gives the reference that is printed.
fn pushed(place: &Place, host: &str) -> String {
    let ran = place.run(&format!("push out {host}/team/guest:v1"));
    assert_eq!(ran.code, 0, "{}", ran.words);
    ran.data.trim().to_owned()
}

/// Runs `words`, which fail, and compares all that is said; nothing may be left behind.
fn refused(place: &Place, host: &str, words: &str, expected: &Expect) {
    let before = place.names();
    let Ran { code, data, words } = run(place, host, words);
    expected.assert_eq(&words);
    assert_eq!((code, data.as_str()), (2, ""));
    assert_eq!(place.names(), before, "nothing may be left behind");
}

/// All files below `directory` with their bytes.
fn files(place: &Place, directory: &str) -> Vec<(String, Vec<u8>)> {
    let root = place.join(directory);
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
        let path = entry.unwrap().into_path();
        if path.is_file() {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs_err::read(&path).unwrap()));
        }
    }
    files
}

/// The digest of the image in `out`, its hex digits.
fn image_hex(place: &Place) -> String {
    let sums = place.text("out/SHA256SUMS");
    sums.lines().find(|line| line.ends_with(IMAGE)).unwrap()[..64].to_owned()
}

#[test]
fn a_build_comes_back_as_it_went_by_tag_and_by_digest() {
    let (place, registry) = (built(), Registry::open());
    let host = registry.host();
    let ran = run(&place, &host, "push out HOST/team/guest:v1");
    expect![[r#"
        8 files, SIZE bytes; uploaded 8 files, SIZE bytes
    "#]]
    .assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data.as_str()), (0, "HOST/team/guest:v1@sha256:DIGEST\n"));
    let ran = run(&place, &host, "pull HOST/team/guest:v1 -o by-tag");
    expect![[r#"
        8 files, SIZE bytes, all as their digests say
        by a tag, which may mean another build tomorrow; this one is HOST/team/guest:v1@sha256:DIGEST
    "#]]
    .assert_eq(&ran.words);
    assert_eq!((ran.code, ran.data), (0, format!("DIGEST  by-tag/{IMAGE}\n")));
    let pinned = pushed(&place, &host);
    let ran = run(&place, &host, &format!("pull {pinned} --output-dir new/by-digest"));
    expect![[r#"
        8 files, SIZE bytes, all as their digests say
    "#]]
    .assert_eq(&ran.words);
    for copy in ["by-tag", "new/by-digest"] {
        assert!(files(&place, copy) == files(&place, "out"), "{copy} differs");
        assert_eq!(place.run(&format!("verify {copy}/manifest.json")).code, 0);
    }
}

#[test]
fn what_is_pushed_twice_is_uploaded_once() {
    let (place, registry) = (built(), Registry::open());
    let first = pushed(&place, &registry.host());
    let blobs = registry.blobs();
    let ran = run(&place, &registry.host(), "push out HOST/team/guest:v1");
    expect![[r#"
        8 files, SIZE bytes; uploaded 0 files, 0 bytes
    "#]]
    .assert_eq(&ran.words);
    assert_eq!(pushed(&place, &registry.host()), first);
    // Under another tag there is a manifest to put, and no file.
    let ran = place.run(&format!("push out {}/team/guest:v2 --json", registry.host()));
    let value: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!(
        (&value["uploaded"], &value["files"]),
        (&Value::from(0), &Value::from(files(&place, "out").len()))
    );
    assert_eq!(registry.blobs(), blobs);
}

#[test]
fn json_has_what_people_are_told() {
    let (place, registry) = (built(), Registry::open());
    let pinned = pushed(&place, &registry.host());
    let ran = place.run(&format!("pull {pinned} -o copy --json"));
    let value: Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!(value["reference"], pinned);
    assert_eq!(value["digest"], pinned.split_once('@').unwrap().1);
    assert_eq!(
        (&value["image"], &value["manifest"]),
        (&format!("copy/{IMAGE}").into(), &"copy/manifest.json".into())
    );
    assert_eq!(value["sha256"], image_hex(&place));
}

#[test]
fn only_a_whole_build_is_pushed() {
    // Nobody listens there, and nobody is asked.
    let host = "127.0.0.1:1";
    let push = "push out HOST/team/guest:v1";
    let place = built();
    place.file("out/notes.txt", "mine");
    refused(
        &place,
        host,
        push,
        &expect![[r#"
        error: out/notes.txt is not in SHA256SUMS
        hint: build again: only a whole build, and nothing else, is pushed or pulled
    "#]],
    );
    fs_err::remove_file(place.join("out/notes.txt")).unwrap();
    let image = place.read(&format!("out/{IMAGE}"));
    place.file(&format!("out/{IMAGE}"), &image[1..]);
    refused(
        &place,
        host,
        push,
        &expect![[r#"
            error: out/coco-initrd-coco-dev.img: SHA-SIZE got DIGEST, expected DIGEST
            hint: build again: only a whole build, and nothing else, is pushed or pulled
        "#]],
    );
    fs_err::remove_file(place.join("out").join(IMAGE)).unwrap();
    refused(
        &place,
        host,
        push,
        &expect![[r#"
        error: out/coco-initrd-coco-dev.img is in SHA256SUMS, and is not there
        hint: build again: only a whole build, and nothing else, is pushed or pulled
    "#]],
    );
    fs_err::remove_file(place.join("out/SHA256SUMS")).unwrap();
    refused(
        &place,
        host,
        push,
        &expect![[r#"
        error: out is no build's output directory: it has no SHA256SUMS
        hint: give what `coco-initrd build --output-dir DIR` wrote
    "#]],
    );
}

#[test]
fn references_are_written_in_full() {
    let place = built();
    let digest = format!("sha256:{}", "0".repeat(64));
    for (words, expected) in [
        (
            "push out guest:v1".to_owned(),
            expect![[r#"
            error: `guest:v1` does not begin with a registry
            hint: write the registry too, such as registry.example.org/team/image:tag; none is taken for granted
        "#]],
        ),
        (
            "push out registry.example.org/guest".to_owned(),
            expect![[r#"
            error: `registry.example.org/guest` has neither a tag nor a digest
            hint: add :TAG or @sha256:DIGEST; latest is not taken for granted
        "#]],
        ),
        (
            format!("push out registry.example.org/guest@{digest}"),
            expect![[r#"
            error: registry.example.org/guest@sha256:DIGEST has a digest, expected a tag alone
            hint: leave the digest out: push prints the one it has then
        "#]],
        ),
        (
            "pull docker.io/debian:13 -o copy".to_owned(),
            expect![[r#"
            error: docker.io/debian is docker's short form, expected docker.io/library/debian
            hint: write the reference in full
        "#]],
        ),
        (
            "pull https://registry.example.org/guest:v1 -o copy".to_owned(),
            expect![[r#"
            error: `https://registry.example.org/guest:v1` is a URL, expected REGISTRY/REPOSITORY:TAG
            hint: write the reference in full
        "#]],
        ),
        (
            "pull registry.example.org/Guest:v1 -o copy".to_owned(),
            expect![[r#"
            error: `Guest` is not a repository: lower-case names with slashes between them
        "#]],
        ),
        (
            format!("pull registry.example.org/guest@sha512:{} -o copy", "0".repeat(8)),
            expect![[r#"
                error: digest `sha512:SIZE` is not a SHA-SIZE, the only algorithm that is taken here
            "#]],
        ),
    ] {
        refused(&place, "HOST", &words, &expected);
    }
}

#[test]
fn a_directory_that_is_no_build_is_never_replaced() {
    let (place, registry) = (built(), Registry::open());
    pushed(&place, &registry.host());
    place.file("mine/letter.txt", "dear");
    refused(
        &place,
        &registry.host(),
        "pull HOST/team/guest:v1 -o mine",
        &expect![[r#"
        error: mine/letter.txt is not of an earlier build: the directory would be replaced whole
        hint: give --output-dir a directory that is new, empty, or of an earlier build
    "#]],
    );
    assert_eq!(place.text("mine/letter.txt"), "dear");
    // An older build is.
    let ran = place.run("build --profile tdx --builtin-guest --no-cache --output-dir older");
    assert_eq!(ran.code, 0, "{}", ran.words);
    let ran = run(&place, &registry.host(), "pull HOST/team/guest:v1 -o older");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(files(&place, "older") == files(&place, "out"));
}

#[test]
fn what_is_not_there_is_said() {
    let (place, registry) = (built(), Registry::open());
    let host = registry.host();
    pushed(&place, &host);
    refused(
        &place,
        &host,
        "pull HOST/team/guest:v9 -o copy",
        &expect![[r#"
        error: the registry has no HOST/team/guest:v9
        hint: look at the registry's list of tags: it may be a slip, or have been deleted
    "#]],
    );
    let absent = format!("pull HOST/team/guest@sha256:{} -o copy", "0".repeat(64));
    refused(
        &place,
        &host,
        &absent,
        &expect![[r#"
        error: the registry has no HOST/team/guest@sha256:DIGEST
        hint: look at the registry's list of tags: it may be a slip, or have been deleted
    "#]],
    );
    refused(
        &place,
        &host,
        "pull HOST/other/guest:v1 -o copy",
        &expect![[r#"
        error: the registry has no HOST/other/guest:v1
        hint: look at the registry's list of tags: it may be a slip, or have been deleted
    "#]],
    );
    drop(registry);
}

#[test]
fn a_blob_that_was_changed_in_the_registry_is_not_taken() {
    let (place, registry) = (built(), Registry::open());
    pushed(&place, &registry.host());
    let blob = registry.blob(&image_hex(&place));
    let mut bytes = fs_err::read(&blob).unwrap();
    bytes[1000] ^= 1;
    fs_err::write(&blob, &bytes).unwrap();
    refused(
        &place,
        &registry.host(),
        "pull HOST/team/guest:v1 -o copy",
        &expect![[r#"
        error: coco-initrd-coco-dev.img can't be pulled
          caused by: http://HOST/v2/team/guest/blobs/sha256:DIGEST is not what the registry says it is: got sha256:DIGEST, expected sha256:DIGEST
        hint: nothing was written; ask the registry's owner what has happened to it, and compare with another copy
    "#]],
    );
    fs_err::write(&blob, &bytes[1..]).unwrap();
    refused(
        &place,
        &registry.host(),
        "pull HOST/team/guest:v1 -o copy",
        &expect![[r#"
        error: coco-initrd-coco-dev.img can't be pulled
          caused by: http://HOST/v2/team/guest/blobs/sha256:DIGEST is not as long as the registry says: got SIZE bytes, expected SIZE
        hint: nothing was written; ask the registry's owner what has happened to it, and compare with another copy
    "#]],
    );
}

#[test]
fn a_manifest_that_was_changed_in_the_registry_is_not_taken() {
    let (place, registry) = (built(), Registry::open());
    let pinned = pushed(&place, &registry.host());
    let blob = registry.blob(&pinned[pinned.len() - 64..]);
    let text = fs_err::read_to_string(&blob).unwrap();
    fs_err::write(&blob, text.replace("SHA256SUMS", "SHA256SUMZ")).unwrap();
    for words in ["pull HOST/team/guest:v1 -o copy".to_owned(), format!("pull {pinned} -o copy")] {
        let ran = run(&place, &registry.host(), &words);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{}", ran.words);
        assert!(
            ran.words.contains("is not what the registry says it is: got sha256:DIGEST"),
            "{}",
            ran.words
        );
        assert!(!place.join("copy").exists());
    }
}

#[test]
fn signatures_in_the_same_repository_disturb_nothing() {
    let (place, registry) = (built(), Registry::open());
    let host = registry.host();
    let pinned = pushed(&place, &host);
    let hex = &pinned[pinned.len() - 64..];
    // As cosign stores a signature; its blobs are the empty configuration that is there.
    let empty =
        "\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2";
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let signature = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{media_type}\",\
         \"config\":{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",{empty}}},\
         \"layers\":[{{\"mediaType\":\"application/vnd.dev.cosign.simplesigning.v1+json\",{empty}}}]}}"
    );
    let answer = registry.put_manifest("team/guest", &format!("sha256-{hex}.sig"), media_type, &signature);
    assert_eq!(answer, "HTTP/1.1 201 Created");
    assert_eq!(pushed(&place, &host), pinned);
    assert_eq!(place.run(&format!("pull {pinned} -o copy")).code, 0);
    refused(
        &place,
        &host,
        &format!("pull HOST/team/guest:sha256-{hex}.sig -o other"),
        &expect![[r#"
            error: HOST/team/guest:sha256-DIGEST.sig is no build of coco-initrd
              caused by: the manifest is not of a build: missing field `artifactType` at line 1 column SIZE
            hint: give a reference that `coco-initrd push` printed
        "#]],
    );
}

#[test]
fn a_registry_with_logins_wants_the_right_one() {
    let (place, registry) = (built(), Registry::with_login());
    let host = registry.host();
    let push = "push out HOST/team/guest:v1";
    refused(
        &place,
        &host,
        push,
        &expect![[r#"
        error: team/guest of HOST can't be written without a login
        hint: log in with `docker login` or `podman login`, or give REGISTRY_AUTH_FILE
    "#]],
    );
    let login = |name: &str, auth: &str| {
        place.file(name, format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{auth}\"}}}}}}"));
    };
    login(".docker/config.json", "bWU6d3Jvbmc="); // me:wrong
    refused(
        &place,
        &host,
        push,
        &expect![[r#"
        error: HOST refuses the login
        hint: log in with `docker login` or `podman login`, or give REGISTRY_AUTH_FILE
    "#]],
    );
    login(".docker/config.json", "s3cret");
    refused(
        &place,
        &host,
        push,
        &expect![[r#"
        error: DIR/.docker/config.json: auth of HOST is not base64 of NAME:PASSWORD
        hint: mend the file, or log in again
    "#]],
    );
    login(".docker/config.json", "bWU6czNjcmV0"); // me:s3cret
    pushed(&place, &host);
    assert_eq!(run(&place, &host, "pull HOST/team/guest:v1 -o copy").code, 0);
    // podman's file is found as well, where docker has none
    fs_err::remove_dir_all(place.join(".docker")).unwrap();
    login("auth.json", "bWU6czNjcmV0");
    let mut pull = place.command();
    pull.args(["pull", &format!("{host}/team/guest:v1"), "-o", "copy"]);
    assert!(pull.env("REGISTRY_AUTH_FILE", place.join("auth.json")).status().unwrap().success());
}

#[test]
fn a_credential_helper_is_asked_for_the_registry() {
    let (place, registry) = (built(), Registry::with_login());
    let host = registry.host();
    place.file(".docker/config.json", format!("{{\"credHelpers\": {{\"{host}\": \"test\"}}}}"));
    refused(
        &place,
        &host,
        "push out HOST/team/guest:v1",
        &expect![[r#"
        error: docker-credential-test has no login for HOST: No such file or directory (os error 2)
        hint: install the helper, or take it out of the file of logins
    "#]],
    );
    let helper = place.program("bin/docker-credential-test");
    let script = format!(
        "#!/bin/sh\n[ \"$1 $(cat)\" = 'get {host}' ] && echo '{{\"Username\": \"me\", \"Secret\": \"s3cret\"}}'\n"
    );
    fs_err::write(&helper, script).unwrap();
    let mut push = place.command();
    push.args(["push", "out", &format!("{host}/team/guest:v1")]);
    let path = format!("{}:/usr/bin:/bin", place.join("bin").display());
    assert!(push.env("PATH", path).status().unwrap().success());
}

#[test]
fn a_token_is_fetched_for_the_repository_alone() {
    let (place, registry) = (built(), Registry::open());
    let front = Front::new(&registry, |asked, _| {
        let host = asked.header("host").unwrap();
        let login = asked.header("authorization");
        let answer = |status: &str, header: &str, body: &str| {
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n");
            Reaction::Say(head + body)
        };
        if asked.line.starts_with("GET /token") {
            return match login {
                Some("Basic bWU6czNjcmV0") => answer("200 OK", "", "{\"token\": \"good\"}"),
                _ => answer("401 Unauthorized", "", ""),
            };
        }
        if login == Some("Bearer good") {
            return Reaction::PassWithout("authorization");
        }
        let challenge =
            format!("www-authenticate: Bearer realm=\"http://{host}/token\",service=\"test\"\r\n");
        answer("401 Unauthorized", &challenge, "")
    });
    let host = front.host();
    let login = |auth: &str| {
        place.file(".docker/config.json", format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{auth}\"}}}}}}"));
    };
    refused(
        &place,
        &host,
        "push out HOST/team/guest:v1",
        &expect![[r#"
        error: team/guest of HOST can't be written without a login
        hint: log in with `docker login` or `podman login`, or give REGISTRY_AUTH_FILE
    "#]],
    );
    login("bWU6d3Jvbmc="); // me:wrong
    refused(
        &place,
        &host,
        "push out HOST/team/guest:v1",
        &expect![[r#"
        error: HOST refuses the login
        hint: log in with `docker login` or `podman login`, or give REGISTRY_AUTH_FILE
    "#]],
    );
    login("bWU6czNjcmV0"); // me:s3cret
    pushed(&place, &host);
    assert_eq!(run(&place, &host, "pull HOST/team/guest:v1 -o copy").code, 0);
    let mut tokens: Vec<String> = front.log().into_iter().filter(|line| line.contains("/token")).collect();
    tokens.dedup();
    assert_eq!(
        tokens,
        [
            "GET /token?service=test&scope=repository%3Ateam%2Fguest%3Apull%2Cpush",
            "GET /token?service=test&scope=repository%3Ateam%2Fguest%3Apull",
        ]
    );
}

#[test]
fn a_busy_registry_is_asked_again() {
    let (place, registry) = (built(), Registry::open());
    pushed(&place, &registry.host());
    let front = Front::new(&registry, |asked, blobs| {
        match (asked.is_blob(), blobs) {
        (true, 0) => Reaction::Say(
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        ),
        _ => Reaction::Pass,
    }
    });
    let started = std::time::Instant::now();
    let ran = run(&place, &front.host(), "pull HOST/team/guest:v1 -o copy");
    assert_eq!(ran.code, 0, "{}", ran.words);
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
}

/// An answer that ends in the middle of a long body.
fn cut(answer: &[u8]) -> Vec<u8> {
    let length = if answer.len() > 100_000 { answer.len() / 2 } else { answer.len() };
    answer[..length].to_vec()
}

#[test]
fn a_blob_whose_connection_breaks_off_goes_on_where_it_was() {
    let (place, registry) = (built(), Registry::open());
    pushed(&place, &registry.host());
    let hex = image_hex(&place);
    // With ranges, and with a server that knows none.
    for without in ["connection", "range"] {
        let name = format!("/blobs/sha256:{hex}");
        let front = Front::new(&registry, move |asked, _| match asked.header("range") {
            None if asked.line.ends_with(&name) => Reaction::Change(cut),
            _ => Reaction::PassWithout(without),
        });
        let ran = run(&place, &front.host(), "pull HOST/team/guest:v1 -o copy");
        assert_eq!(ran.code, 0, "{}", ran.words);
        assert!(files(&place, "copy") == files(&place, "out"));
        let log = front.log();
        let ranges: Vec<&String> = log.iter().filter(|line| line.contains(" bytes=")).collect();
        assert_eq!(ranges.len(), 1, "{log:?}");
    }
}

/// An answer whose header says one byte more.
fn longer(answer: &[u8]) -> Vec<u8> {
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let lines = head.split("\r\n").map(|line| match line.strip_prefix("Content-Length: ") {
        Some(length) => format!("Content-Length: {}", length.parse::<u64>().unwrap() + 1),
        None => line.to_owned(),
    });
    let head: Vec<String> = lines.collect();
    [head.join("\r\n").as_bytes(), &answer[end..]].concat()
}

#[test]
fn a_registry_that_lies_about_a_size_is_not_believed() {
    let (place, registry) = (built(), Registry::open());
    pushed(&place, &registry.host());
    let front =
        Front::new(
            &registry,
            |asked, _| {
                if asked.is_blob() { Reaction::Change(longer) } else { Reaction::Pass }
            },
        );
    refused(
        &place,
        &front.host(),
        "pull HOST/team/guest:v1 -o copy",
        &expect![[r#"
            error: SHA256SUMS can't be pulled
              caused by: http://HOST/v2/team/guest/blobs/sha256:DIGEST is not as long as the registry says: got SIZE bytes, expected SIZE
            hint: nothing was written; ask the registry's owner what has happened to it, and compare with another copy
        "#]],
    );
}

#[test]
fn an_upload_that_breaks_off_is_begun_again() {
    let (place, registry) = (built(), Registry::open());
    let first = std::sync::atomic::AtomicBool::new(true);
    let front = Front::new(&registry, move |asked, _| {
        let is_first =
            asked.line.starts_with("PUT ") && first.swap(false, std::sync::atomic::Ordering::Relaxed);
        if is_first { Reaction::Say(String::new()) } else { Reaction::Pass }
    });
    pushed(&place, &front.host());
    assert_eq!(run(&place, &registry.host(), "pull HOST/team/guest:v1 -o copy").code, 0);
}

#[test]
fn a_registry_that_is_not_there_is_said_after_some_tries() {
    let place = built();
    refused(
        &place,
        "127.0.0.1:1",
        "pull HOST/team/guest:v1 -o copy",
        &expect![[r#"
            error: http://HOST/v2/team/guest/manifests/v1: Connection refused (os error SIZE)
        "#]],
    );
}
