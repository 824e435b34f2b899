//! Locks as text: what is written, what is read, and what is refused.

use expect_test::expect;

use super::*;

fn sha256(byte: u8) -> Sha256 {
    Sha256::of(&[byte])
}

fn url(text: &str) -> Url {
    Url::parse(text, &["https", "http"]).unwrap()
}

fn package(name: &str, version: &str) -> LockedPackage {
    let file = LockedFile {
        url: url(&format!("http://a.org/debian/pool/{name}.deb")),
        size: 1000,
        sha256: sha256(1),
    };
    LockedPackage { name: name.to_owned(), version: version.to_owned(), arch: "amd64".to_owned(), file }
}

fn lock() -> Lock {
    let release = LockedRelease {
        url: url("http://a.org/debian"),
        suite: "trixie".to_owned(),
        date: "Sat, 14 Nov 2026 09:30:00 UTC".to_owned(),
        key: "AB12".to_owned(),
        sha256: sha256(2),
    };
    let content = |byte| Content { size: 20, sha256: sha256(byte) };
    let layer = |title: Option<&str>, byte| LockedLayer {
        content: content(byte),
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
        title: title.map(str::to_owned),
    };
    let inputs = [
        (
            Role::Base,
            Locked::Deb(LockedDeb {
                releases: vec![release],
                packages: vec![package("chrony", "4.6.1-3"), package("libc6", "2.41-12")],
            }),
        ),
        (
            Role::Agent,
            Locked::Url(LockedFile { url: url("https://a.org/agent"), size: 7, sha256: sha256(3) }),
        ),
        (
            Role::GuestComponents,
            Locked::Oci(LockedOci {
                reference: "ghcr.io/a/b@sha256:00".to_owned(),
                manifest: content(4),
                shape: Shape::Image,
                layers: vec![layer(None, 5), layer(Some("a \"b\".tar"), 6)],
            }),
        ),
        (Role::PauseImage, Locked::Rpm(vec![package("pause", "3.10-1")])),
    ];
    let inputs = inputs.map(|(role, locked)| (role, LockedInput { source: sha256(9), locked }));
    Lock { profile: sha256(0), inputs: inputs.into() }
}

#[test]
fn a_lock_has_one_line_for_each_package_file_and_layer() {
    expect![[r##"
        # What the sources of a profile were, made by `coco-initrd lock`. A build takes only this.
        # Review a change of it, and make another with `lock`; it is not for editing.
        schema = 1
        profile-sha256 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"

        [inputs.base]
        source-sha256 = "2b4c342f5433ebe591a1da77e013d1b72475562d48578dca8b84bac6651c3cb9"

        [inputs.base.deb]
        releases = [
          { suite = "trixie", date = "Sat, 14 Nov 2026 09:30:00 UTC", sha256 = "dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986", key = "AB12", url = "http://a.org/debian" },
        ]
        packages = [
          { name = "chrony", version = "4.6.1-3", arch = "amd64", size = 1000, sha256 = "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a", url = "http://a.org/debian/pool/chrony.deb" },
          { name = "libc6", version = "2.41-12", arch = "amd64", size = 1000, sha256 = "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a", url = "http://a.org/debian/pool/libc6.deb" },
        ]

        [inputs.agent]
        source-sha256 = "2b4c342f5433ebe591a1da77e013d1b72475562d48578dca8b84bac6651c3cb9"
        url = { size = 7, sha256 = "084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5", url = "https://a.org/agent" }

        [inputs.guest-components]
        source-sha256 = "2b4c342f5433ebe591a1da77e013d1b72475562d48578dca8b84bac6651c3cb9"

        [inputs.guest-components.oci]
        reference = "ghcr.io/a/b@sha256:00"
        shape = "image"
        size = 20
        sha256 = "e52d9c508c502347344d8c07ad91cbd6068afc75ff6292f062a09ca381c89e71"
        layers = [
          { media-type = "application/vnd.oci.image.layer.v1.tar+gzip", size = 20, sha256 = "e77b9a9ae9e30b0dbdb6f510a264ef9de781501d7b6b92ae89eb059c5ab743db" },
          { title = 'a "b".tar', media-type = "application/vnd.oci.image.layer.v1.tar+gzip", size = 20, sha256 = "67586e98fad27da0b9968bc039a1ef34c939b9b8e523a8bef89d478608c5ecf6" },
        ]

        [inputs.pause-image]
        source-sha256 = "2b4c342f5433ebe591a1da77e013d1b72475562d48578dca8b84bac6651c3cb9"

        [inputs.pause-image.rpm]
        packages = [
          { name = "pause", version = "3.10-1", arch = "amd64", size = 1000, sha256 = "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a", url = "http://a.org/debian/pool/pause.deb" },
        ]
    "##]].assert_eq(&lock().to_toml());
}

#[test]
fn what_is_written_is_read_again() {
    assert_eq!(Lock::parse(&lock().to_toml()), Ok(lock()));
}

/// What reading says of the lock above with `old` replaced by `new`.
fn changed(old: &str, new: &str) -> String {
    let text = lock().to_toml();
    assert!(text.contains(old), "{old}");
    Lock::parse(&text.replacen(old, new, 1)).unwrap_err().to_string()
}

#[test]
fn another_version_of_the_format_is_refused() {
    assert_eq!(changed("schema = 1", "schema = 2"), "schema got 2, expected 1");
}

#[test]
fn unknown_keys_and_roles_are_refused() {
    assert_eq!(
        changed("arch = \"amd64\"", "architecture = \"amd64\""),
        "line 14, column 43: unknown field `architecture`, expected one of `name`, `version`, `arch`, `size`, `sha256`, `url`"
    );
    assert_eq!(
        changed("[inputs.agent]", "[inputs.agents]"),
        "agents: `agents` is none of: base, agent, guest-components, pause-image, guard, kernel-modules"
    );
}

#[test]
fn packages_out_of_order_or_twice_are_refused() {
    let message = "base: chrony: is not in its place: packages are sorted, each once";
    assert_eq!(changed("name = \"libc6\"", "name = \"chrony\""), message);
    let message = "base: bash: is not in its place: packages are sorted, each once";
    assert_eq!(changed("name = \"libc6\"", "name = \"bash\""), message);
}

#[test]
fn an_absurd_size_is_refused() {
    let message = "base: chrony: size got 99999999999, expected 17179869184 at most";
    assert_eq!(changed("size = 1000", "size = 99999999999"), message);
}

#[test]
fn an_input_has_one_source() {
    let message = "agent: needs exactly one of url, oci, deb and rpm";
    let text = lock().to_toml();
    let line = text.lines().find(|line| line.starts_with("url =")).unwrap();
    assert_eq!(changed(line, ""), message);
}

#[test]
fn a_place_must_be_a_url() {
    assert_eq!(
        changed("url = \"https://a.org/agent\"", "url = \"/etc/passwd\""),
        "agent: `/etc/passwd` is not an absolute URL"
    );
}

/// The lines of what changed from the lock above when `edit` was made.
fn after(edit: impl Fn(&mut LockedDeb)) -> Vec<String> {
    let (old, mut new) = (lock(), lock());
    let Some(Locked::Deb(deb)) = new.inputs.get_mut(&Role::Base).map(|it| &mut it.locked) else { panic!() };
    edit(deb);
    let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "-".to_owned());
    let line =
        |it: &Change| format!("{} {}: {} -> {}", it.role.name(), it.name, word(&it.old), word(&it.new));
    changes(Some(&old), &new).iter().map(line).collect()
}

#[test]
fn a_change_names_what_is_new_gone_or_another() {
    assert_eq!(after(|_| ()), Vec::<String>::new());
    assert_eq!(after(|deb| deb.packages.push(package("zlib1g", "1.3"))), ["base zlib1g: - -> 1.3"]);
    assert_eq!(after(|deb| drop(deb.packages.remove(0))), ["base chrony: 4.6.1-3 -> -"]);
    assert_eq!(after(|deb| deb.packages[1].version = "2.42-1".to_owned()), ["base libc6: 2.41-12 -> 2.42-1"]);
}

#[test]
fn the_same_version_with_other_bytes_is_a_change() {
    let (old, new) = (sha256(1), sha256(8));
    assert_eq!(
        after(|deb| deb.packages[0].file.sha256 = sha256(8)),
        [format!("base chrony: 4.6.1-3 ({old}) -> 4.6.1-3 ({new})")]
    );
}
