//! Package URLs: what a scanner looks an item up by. Written, never read.
//!
//! ECMA-427, and the definitions of its types `deb`, `rpm`, `oci` and `generic`. `upstream` is in none of these; it is
//! how scanners say which source package a package was built from.

use std::fmt::Write as _;

use crate::bill::{Distribution, Item, Kind, Package, Source};
use crate::json::hex;

/// The URL of an item; `None` if it has none: a file that nobody can fetch, or a blank name, or no distribution.
pub(crate) fn of(item: &Item) -> Option<String> {
    let version = item.version.as_deref().unwrap_or_default();
    match &item.kind {
        Kind::Deb(package) => deb(package, &item.name, version),
        Kind::Rpm(package) => rpm(package, &item.name, version),
        Kind::Oci { repository, tag } => {
            let name = repository.rsplit('/').next().unwrap_or_default().to_lowercase();
            let qualifiers =
                [("repository_url", repository.clone()), ("tag", tag.clone().unwrap_or_default())];
            url("pkg:oci", &name, &format!("sha256:{}", hex(&item.sha256)), &qualifiers)
        }
        Kind::File(_) => {
            let download = item.download.as_ref()?;
            let checksum = format!("sha256:{}", hex(&item.sha256));
            let qualifiers = [("checksum", checksum), ("download_url", download.to_string())];
            url("pkg:generic", &item.name, version, &qualifiers)
        }
    }
}

/// The URL of the source package that a package of `kind` was built from.
pub(crate) fn of_source(kind: &Kind, source: &Source) -> Option<String> {
    let of_sources = |package: &Package, arch: &str| Package {
        arch: arch.to_owned(),
        source: None,
        distribution: package.distribution.clone(),
    };
    match kind {
        Kind::Deb(package) => deb(&of_sources(package, "source"), &source.name, &source.version),
        Kind::Rpm(package) => rpm(&of_sources(package, "src"), &source.name, &source.version),
        Kind::Oci { .. } | Kind::File(_) => None,
    }
}

fn deb(package: &Package, name: &str, version: &str) -> Option<String> {
    let upstream = package.source.as_ref().map(|source| {
        if source.version == version {
            source.name.clone()
        } else {
            format!("{}@{}", source.name, source.version)
        }
    });
    let qualifiers = [
        ("arch", package.arch.clone()),
        ("distro", distro(&package.distribution)),
        ("upstream", upstream.unwrap_or_default()),
    ];
    url(&format!("pkg:deb/{}", namespace(&package.distribution)?), &name.to_lowercase(), version, &qualifiers)
}

fn rpm(package: &Package, name: &str, version: &str) -> Option<String> {
    let (epoch, version) = without_epoch(version);
    // The name of the source's file, which has no epoch.
    let upstream = package.source.as_ref().map(|source| {
        let (_, version) = without_epoch(&source.version);
        format!("{}-{version}.src.rpm", source.name)
    });
    let qualifiers = [
        ("arch", package.arch.clone()),
        ("distro", distro(&package.distribution)),
        ("epoch", epoch.to_owned()),
        ("upstream", upstream.unwrap_or_default()),
    ];
    url(&format!("pkg:rpm/{}", namespace(&package.distribution)?), name, version, &qualifiers)
}

/// Epoch, if there is one, and the rest.
fn without_epoch(version: &str) -> (&str, &str) {
    let parts = version.split_once(':');
    parts.filter(|(epoch, _)| epoch.bytes().all(|it| it.is_ascii_digit())).unwrap_or(("", version))
}

/// The vendor, which both types of packages need.
fn namespace(distribution: &Distribution) -> Option<String> {
    (!distribution.id.trim().is_empty()).then(|| encode(&distribution.id.to_lowercase()))
}

/// `debian-13`; a rolling distribution has no version, and the vendor says it all.
fn distro(distribution: &Distribution) -> String {
    distribution.version.as_ref().map_or(String::new(), |version| format!("{}-{version}", distribution.id))
}

/// Puts a URL together; `qualifiers` are sorted, and empty ones do not count (ECMA-427, rules for each component).
fn url(start: &str, name: &str, version: &str, qualifiers: &[(&str, String)]) -> Option<String> {
    if name.trim().is_empty() {
        return None;
    }
    let mut url = format!("{start}/{}", encode(name));
    let qualifiers: Vec<_> = qualifiers
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{key}={}", encode(value)))
        .collect();
    for (separator, text) in [('@', encode(version)), ('?', qualifiers.join("&"))] {
        if !text.is_empty() {
            url.push(separator);
            url.push_str(&text);
        }
    }
    Some(url)
}

/// Letters, digits, `.-_~` and `:` stay (ECMA-427, character encoding).
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes all that is written");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bill::Content;
    use crate::sample;
    use crate::url::Url;

    fn item(name: &str, version: &str, kind: Kind) -> Item {
        Item { version: (!version.is_empty()).then(|| version.to_owned()), ..sample::item(name, kind) }
    }

    fn package(id: &str, version: &str, arch: &str, source: Option<(&str, &str)>) -> Package {
        Package {
            distribution: Distribution {
                id: id.to_owned(),
                version: (!version.is_empty()).then(|| version.to_owned()),
            },
            arch: arch.to_owned(),
            source: source
                .map(|(name, version)| Source { name: name.to_owned(), version: version.to_owned() }),
        }
    }

    #[test]
    fn packages_of_debian_are_named_by_vendor_name_version_arch_and_release() {
        for (name, version, package, expected) in [
            (
                "bash",
                "5.2.37-2",
                package("debian", "13", "amd64", None),
                "bash@5.2.37-2?arch=amd64&distro=debian-13",
            ),
            (
                "attr",
                "1:2.4.47-2+b1",
                package("debian", "", "amd64", None),
                "attr@1:2.4.47-2%2Bb1?arch=amd64",
            ),
            (
                "libstdc++6",
                "14.2.0-19",
                package("debian", "13", "amd64", Some(("gcc-14", "14.2.0-19"))),
                "libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=debian-13&upstream=gcc-14",
            ),
            (
                "libselinux1",
                "3.8.1-1+b1",
                package("debian", "13", "amd64", Some(("libselinux", "3.8.1-1"))),
                "libselinux1@3.8.1-1%2Bb1?arch=amd64&distro=debian-13&upstream=libselinux%403.8.1-1",
            ),
        ] {
            let expected = format!("pkg:deb/debian/{expected}");
            assert_eq!(of(&item(name, version, Kind::Deb(package))), Some(expected));
        }
    }

    #[test]
    fn epochs_of_rpms_are_qualifiers() {
        let package = package("fedora", "42", "x86_64", Some(("NetworkManager", "1:1.52.0-1.fc42")));
        let kind = Kind::Rpm(package.clone());
        assert_eq!(
            of(&item("NetworkManager-libnm", "1:1.52.0-1.fc42", kind.clone())).as_deref(),
            Some(
                "pkg:rpm/fedora/NetworkManager-libnm@1.52.0-1.fc42\
                 ?arch=x86_64&distro=fedora-42&epoch=1&upstream=NetworkManager-1.52.0-1.fc42.src.rpm"
            )
        );
        assert_eq!(
            of_source(&kind, &package.source.unwrap()).as_deref(),
            Some("pkg:rpm/fedora/NetworkManager@1.52.0-1.fc42?arch=src&distro=fedora-42&epoch=1")
        );
    }

    #[test]
    fn images_are_named_by_digest_and_say_where_they_were() {
        let kind = Kind::Oci {
            repository: "registry.example.org/guest/Pause".to_owned(),
            tag: Some("3.10".to_owned()),
        };
        let digest = "ab".repeat(32);
        assert_eq!(
            of(&item("pause-image", "", kind)),
            Some(format!(
                "pkg:oci/pause@sha256:{digest}?repository_url=registry.example.org%2Fguest%2FPause&tag=3.10"
            ))
        );
    }

    #[test]
    fn a_file_that_nobody_can_fetch_has_no_url() {
        let mut file = item("kata-agent", "3.29", Kind::File(Content::Program));
        assert_eq!(of(&file), None);
        file.download = Some(Url::parse("https://example.org/agent?a=b").unwrap());
        let digest = "ab".repeat(32);
        assert_eq!(
            of(&file),
            Some(format!(
                "pkg:generic/kata-agent@3.29?checksum=sha256:{digest}\
                 &download_url=https:%2F%2Fexample.org%2Fagent%3Fa%3Db"
            ))
        );
    }

    #[test]
    fn nothing_without_a_name_has_a_url() {
        assert_eq!(of(&item("", "1", Kind::Deb(package("debian", "13", "amd64", None)))), None);
        assert_eq!(of(&item("a", "1", Kind::Rpm(package("", "13", "amd64", None)))), None);
        let kind = Kind::Oci { repository: "registry.example.org/".to_owned(), tag: None };
        assert_eq!(of(&item("a", "", kind)), None);
    }
}
