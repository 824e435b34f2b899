//! A bill as SPDX 2.3 JSON: the image, what it contains, the source packages these were built from.
//!
//! Nothing is concluded about licences: `licenseConcluded` is always `NOASSERTION`. No file is listed, and no
//! dependency between packages.

mod document;

use std::collections::BTreeMap;

use crate::bill::{Bill, Content, Kind};
use crate::json::{hex, text};
use crate::licence::{Known, Licence};
use crate::part::{IMAGE, Part, Parts, SourcePackage};
use crate::url::Url;
use crate::{timestamp, uuid};
use document::{
    Checksum, CreationInfo, Document, ExternalRef, ExtractedLicensingInfo, NO_ASSERTION, Package,
    Relationship,
};

/// The document's own identifier (clause 6.3).
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// SPDX 2.3 JSON, with a line end. Its `documentNamespace` is a UUID of all the rest.
pub fn spdx(bill: &Bill) -> String {
    let draft = text(&document(bill, uuid::NIL));
    text(&document(bill, &uuid::of(&draft)))
}

fn document<'a>(bill: &'a Bill, uuid: &str) -> Document<'a> {
    let parts = Parts::of(bill);
    let mut packages = vec![image(bill)];
    packages.extend(parts.distributions.iter().map(|(it, id)| Package {
        version_info: it.version.clone(),
        primary_package_purpose: Some("OPERATING_SYSTEM"),
        ..Package::new(id, &it.id)
    }));
    packages.extend(parts.items.iter().map(item));
    packages.extend(parts.sources.iter().map(|(it, id)| source(it, id)));
    Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        spdx_id: DOCUMENT,
        name: &bill.image.name,
        document_namespace: format!("urn:uuid:{uuid}"),
        creation_info: CreationInfo {
            created: timestamp::rfc3339(bill.created),
            creators: [format!("Tool: {}-{}", bill.tool.name, bill.tool.version)],
            license_list_version: Licence::list_version(),
        },
        packages,
        has_extracted_licensing_infos: extracted(bill),
        relationships: relationships(&parts),
    }
}

fn image(bill: &Bill) -> Package<'_> {
    let image = &bill.image;
    let sha384 = image.sha384.as_ref().map(|it| Checksum { algorithm: "SHA384", checksum_value: hex(it) });
    Package {
        version_info: Some(format!("sha256:{}", hex(&image.sha256))),
        package_file_name: Some(&image.name),
        checksums: std::iter::once(sha256(&image.sha256)).chain(sha384).collect(),
        primary_package_purpose: Some("ARCHIVE"),
        comment: Some(format!("{} bytes", image.size)),
        ..Package::new(IMAGE, &image.name)
    }
}

fn item<'a>(part: &Part<'a>) -> Package<'a> {
    let item = part.item;
    Package {
        version_info: item.version.clone(),
        supplier: item.supplier.as_deref().map(|name| format!("Organization: {}", one_line(name))),
        download_location: item.download.as_ref().map_or(NO_ASSERTION, Url::as_str),
        checksums: vec![sha256(&item.sha256)],
        homepage: item.homepage.as_ref().map(Url::as_str),
        license_declared: declared(&item.licence),
        external_refs: part.purl.iter().map(|it| ExternalRef::purl(it)).collect(),
        primary_package_purpose: purpose(&item.kind),
        comment: Some(match item.unpacked {
            None => format!("{} bytes", item.size),
            Some(it) => format!("{} bytes; in the image {} files of {} bytes", item.size, it.files, it.bytes),
        }),
        ..Package::new(&part.id, &item.name)
    }
}

fn source<'a>(package: &SourcePackage<'a>, id: &str) -> Package<'a> {
    Package {
        version_info: Some(package.source.version.clone()),
        external_refs: package.purl.iter().map(|it| ExternalRef::purl(it)).collect(),
        primary_package_purpose: Some("SOURCE"),
        ..Package::new(id, &package.source.name)
    }
}

/// What is certain (clause 7.24): a package may be a library, a program, or both.
fn purpose(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Deb(_) | Kind::Rpm(_) => None,
        Kind::Oci { .. } => Some("CONTAINER"),
        Kind::File(Content::Program) => Some("APPLICATION"),
        Kind::File(Content::Archive) => Some("ARCHIVE"),
        Kind::File(Content::Modules | Content::Data) => Some("FILE"),
    }
}

fn declared(licence: &Licence) -> String {
    match licence.known() {
        Known::Nothing => NO_ASSERTION.to_owned(),
        Known::Expression(expression) | Known::Referring(expression, _) => expression.clone(),
        Known::Words(text) | Known::Text(text) => Licence::reference(text),
    }
}

/// All words and texts, each once, sorted by their references.
fn extracted(bill: &Bill) -> Vec<ExtractedLicensingInfo<'_>> {
    let texts: BTreeMap<_, _> = bill
        .items
        .iter()
        .flat_map(|item| item.licence.texts())
        .map(|text| (Licence::reference(text), text))
        .collect();
    texts
        .into_iter()
        .map(|(license_id, text)| ExtractedLicensingInfo { license_id, extracted_text: text })
        .collect()
}

fn relationships(parts: &Parts) -> Vec<Relationship> {
    let image = document::reference(IMAGE);
    let mut all = vec![Relationship::new(DOCUMENT, "DESCRIBES", &image)];
    let contained = parts.distributions.values().chain(parts.items.iter().map(|part| &part.id));
    all.extend(contained.map(|id| Relationship::new(&image, "CONTAINS", &document::reference(id))));
    for part in &parts.items {
        let source = SourcePackage::of(part.item).and_then(|source| parts.sources.get(&source));
        all.extend(source.map(|source| {
            let (of, from) = (document::reference(&part.id), document::reference(source));
            Relationship::new(&of, "GENERATED_FROM", &from)
        }));
    }
    all
}

fn sha256(digest: &[u8; 32]) -> Checksum {
    Checksum { algorithm: "SHA256", checksum_value: hex(digest) }
}

/// Names of organizations are single lines (clause 7.5).
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
