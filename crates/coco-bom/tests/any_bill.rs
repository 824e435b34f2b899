//! Whatever a bill says, its documents are JSON that refers to itself rightly, and always the same.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::collections::BTreeSet;

use coco_bom::{
    Artifact, Bill, Content, Distribution, Image, Input, Item, Kind, Licence, Package, Provenance, Source,
    Tool, Unpacked, Url, cyclonedx, provenance, spdx,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

/// Few letters, so that names clash; and any text at all.
fn word() -> impl Strategy<Value = String> {
    let clashing = vec(select(vec!['a', 'A', '+', '_', '.', ':', '/', '@', ' ', '-']), 0..3);
    prop_oneof![clashing.prop_map(String::from_iter), vec(any::<char>(), 0..8).prop_map(String::from_iter)]
}

fn package() -> impl Strategy<Value = Package> {
    let distribution = (word(), option::of(word())).prop_map(|(id, version)| Distribution { id, version });
    let source = (word(), word()).prop_map(|(name, version)| Source { name, version });
    (distribution, word(), option::of(source)).prop_map(|(distribution, arch, source)| Package {
        distribution,
        arch,
        source,
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        package().prop_map(Kind::Deb),
        package().prop_map(Kind::Rpm),
        (word(), option::of(word())).prop_map(|(repository, tag)| Kind::Oci { repository, tag }),
        prop_oneof![
            Just(Content::Program),
            Just(Content::Archive),
            Just(Content::Modules),
            Just(Content::Data)
        ]
        .prop_map(Kind::File),
    ]
}

fn licence() -> impl Strategy<Value = Licence> {
    prop_oneof![
        Just(Licence::unknown()),
        Just(Licence::declared("MIT OR Apache-2.0")),
        word().prop_map(|words| Licence::declared(&words)),
        word().prop_map(|text| Licence::text(&text)),
    ]
}

fn url() -> impl Strategy<Value = Option<Url>> {
    let path = vec(select(vec!["a", "/", "%20", "?", "=", "&", "+", "~"]), 0..8);
    option::of(path)
        .prop_map(|path| Some(Url::parse(&format!("https://example.org/{}", path?.concat())).unwrap()))
}

fn item() -> impl Strategy<Value = Item> {
    let known = (word(), option::of(word()), kind(), licence(), option::of(word()));
    let unpacked = option::of((any::<u64>(), any::<u64>()));
    (known, url(), url(), any::<u64>(), unpacked).prop_map(|(known, download, homepage, size, unpacked)| {
        let (name, version, kind, licence, supplier) = known;
        let unpacked = unpacked.map(|(files, bytes)| Unpacked { files, bytes });
        Item { name, version, kind, sha256: [7; 32], size, download, licence, supplier, homepage, unpacked }
    })
}

fn bill(items: impl IntoIterator<Item = Item>) -> Bill {
    Bill {
        image: Image { name: "a.img".to_owned(), sha256: [1; 32], sha384: None, size: 1 },
        tool: Tool { name: "coco-initrd".to_owned(), version: "0.1.0".to_owned() },
        created: 0,
        items: items.into_iter().collect(),
    }
}

fn strings<'a>(array: &'a Value, key: &str) -> Vec<&'a str> {
    array.as_array().unwrap().iter().map(|it| it[key].as_str().unwrap()).collect()
}

fn all_differ(identifiers: &[&str]) -> bool {
    identifiers.iter().collect::<BTreeSet<_>>().len() == identifiers.len()
}

proptest! {
    #[test]
    fn spdx_identifiers_are_legal_and_unique_and_all_references_lead_to_one(items in vec(item(), 0..12)) {
        let document: Value = serde_json::from_str(&spdx(&bill(items.clone()))).unwrap();
        let mut ids = strings(&document["packages"], "SPDXID");
        ids.push(document["SPDXID"].as_str().unwrap());
        prop_assert!(all_differ(&ids), "{:?}", ids);
        for id in &ids {
            let rest = id.strip_prefix("SPDXRef-").unwrap();
            prop_assert!(!rest.is_empty() && rest.bytes().all(|it| it.is_ascii_alphanumeric() || b".-".contains(&it)));
        }
        let relationships = &document["relationships"];
        for key in ["spdxElementId", "relatedSpdxElement"] {
            prop_assert!(strings(relationships, key).iter().all(|id| ids.contains(id)));
        }
        let extracted = document.get("hasExtractedLicensingInfos").cloned().unwrap_or_else(|| Value::Array(vec![]));
        let licences = strings(&extracted, "licenseId");
        prop_assert!(all_differ(&licences));
        for declared in strings(&document["packages"], "licenseDeclared") {
            prop_assert!(!declared.starts_with("LicenseRef-") || licences.contains(&declared));
        }
    }

    #[test]
    fn cyclonedx_references_are_unique_and_all_lead_to_one(items in vec(item(), 0..12)) {
        let document: Value = serde_json::from_str(&cyclonedx(&bill(items))).unwrap();
        let mut references = strings(&document["components"], "bom-ref");
        references.extend(strings(&document["metadata"]["tools"]["components"], "bom-ref"));
        references.push(document["metadata"]["component"]["bom-ref"].as_str().unwrap());
        prop_assert!(all_differ(&references), "{:?}", references);
        let on = document["dependencies"][0]["dependsOn"].as_array().unwrap();
        prop_assert!(on.iter().all(|it| references.contains(&it.as_str().unwrap())));
        prop_assert_eq!(on.len(), references.len() - 2);
    }

    #[test]
    fn package_urls_are_of_the_characters_that_they_may_have(items in vec(item(), 1..12)) {
        let document: Value = serde_json::from_str(&cyclonedx(&bill(items))).unwrap();
        for component in document["components"].as_array().unwrap() {
            if let Some(purl) = component.get("purl").and_then(Value::as_str) {
                prop_assert!(purl.starts_with("pkg:"));
                prop_assert!(purl.bytes().all(|it| it.is_ascii_alphanumeric() || b".-_~%:/@?=&".contains(&it)), "{}", purl);
                prop_assert!(purl.matches('@').count() <= 1 && purl.matches('?').count() <= 1);
            }
        }
    }

    #[test]
    fn no_document_depends_on_the_order_of_items(
        (items, shuffled) in vec(item(), 0..12).prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle())),
    ) {
        let (one, other) = (bill(items), bill(shuffled));
        prop_assert_eq!(spdx(&one), spdx(&other));
        prop_assert_eq!(cyclonedx(&one), cyclonedx(&other));
    }

    #[test]
    fn a_statement_has_a_dependency_for_each_item_and_input(
        items in vec(item(), 0..12),
        inputs in vec((word(), url(), option::of(word())), 0..6),
        options in proptest::collection::btree_map(word(), word(), 0..4),
    ) {
        let artifact = |name: &str| Artifact { name: name.to_owned(), sha256: [1; 32] };
        let statement = Provenance {
            image: artifact("a.img"),
            manifest: artifact("manifest.json"),
            tool: Tool { name: "coco-initrd".to_owned(), version: "0.1.0".to_owned() },
            profile: "a".to_owned(),
            profile_sha256: [2; 32],
            options,
            items: items.into_iter().collect(),
            inputs: inputs
                .into_iter()
                .map(|(name, download, media_type)| Input { name, sha256: [3; 32], download, media_type })
                .collect(),
        };
        let document: Value = serde_json::from_str(&provenance(&statement)).unwrap();
        let dependencies = document["predicate"]["buildDefinition"]["resolvedDependencies"].as_array().unwrap();
        prop_assert_eq!(dependencies.len(), statement.items.len() + statement.inputs.len());
    }
}
