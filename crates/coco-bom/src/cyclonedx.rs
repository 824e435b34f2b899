//! A bill as CycloneDX 1.6 JSON: the image, its components, and how complete that is.
//!
//! Dependencies between components are not known, and `compositions` says so.

mod document;

use crate::bill::{Bill, Content, Item, Kind};
use crate::json::{hex, text};
use crate::licence::{Known, Licence};
use crate::part::{IMAGE, Part, Parts};
use crate::{timestamp, uuid};
use document::{
    Attachment, Component, Composition, Dependency, Document, ExternalReference, Hash, License,
    LicenseChoice, Lifecycle, Metadata, Organization, Property, Tools,
};

/// CycloneDX 1.6 JSON, with a line end. Its `serialNumber` is a UUID of all the rest.
pub fn cyclonedx(bill: &Bill) -> String {
    let draft = text(&document(bill, uuid::NIL));
    text(&document(bill, &uuid::of(&draft)))
}

fn document<'a>(bill: &'a Bill, uuid: &str) -> Document<'a> {
    let parts = Parts::of(bill);
    let mut components: Vec<_> = parts
        .distributions
        .iter()
        .map(|(it, id)| Component {
            version: it.version.clone(),
            ..Component::new("operating-system", id, &it.id)
        })
        .collect();
    components.extend(parts.items.iter().map(component));
    let ids: Vec<String> =
        parts.distributions.values().chain(parts.items.iter().map(|part| &part.id)).cloned().collect();
    Document {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: format!("urn:uuid:{uuid}"),
        version: 1,
        metadata: Metadata {
            timestamp: timestamp::rfc3339(bill.created),
            lifecycles: [Lifecycle { phase: "build" }],
            tools: Tools { components: [tool(bill)] },
            component: image(bill),
        },
        components,
        compositions: compositions(&ids),
        dependencies: [Dependency { of: IMAGE, depends_on: ids }],
    }
}

fn tool(bill: &Bill) -> Component<'_> {
    Component {
        version: Some(bill.tool.version.clone()),
        ..Component::new("application", "tool", &bill.tool.name)
    }
}

fn image(bill: &Bill) -> Component<'_> {
    let image = &bill.image;
    let sha384 = image.sha384.as_ref().map(|it| Hash { alg: "SHA-384", content: hex(it) });
    Component {
        version: Some(format!("sha256:{}", hex(&image.sha256))),
        hashes: std::iter::once(sha256(&image.sha256)).chain(sha384).collect(),
        properties: vec![Property::new("size", image.size)],
        ..Component::new("file", IMAGE, &image.name)
    }
}

fn component<'a>(part: &Part<'a>) -> Component<'a> {
    let item = part.item;
    Component {
        version: item.version.clone(),
        supplier: item.supplier.as_deref().map(|name| Organization { name }),
        hashes: vec![sha256(&item.sha256)],
        licenses: licenses(&item.licence),
        purl: part.purl.clone(),
        external_references: external_references(item),
        properties: properties(item),
        ..Component::new(kind(&item.kind), &part.id, &item.name)
    }
}

/// A package that may be a library or a program is a library (the specification's advice for `type`).
fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Deb(_) | Kind::Rpm(_) => "library",
        Kind::Oci { .. } => "container",
        Kind::File(Content::Program) => "application",
        Kind::File(Content::Archive | Content::Modules | Content::Data) => "file",
    }
}

fn licenses(licence: &Licence) -> Vec<LicenseChoice<'_>> {
    let named =
        |name, text| vec![LicenseChoice::License(License { name, acknowledgement: "declared", text })];
    match licence.known() {
        Known::Nothing => Vec::new(),
        Known::Expression(expression) | Known::Referring(expression, _) => {
            vec![LicenseChoice::Expression { expression, acknowledgement: "declared" }]
        }
        Known::Words(words) => named(words.clone(), None),
        Known::Text(text) => {
            named(Licence::reference(text), Some(Attachment { content_type: "text/plain", content: text }))
        }
    }
}

fn external_references(item: &Item) -> Vec<ExternalReference<'_>> {
    let download =
        item.download.as_ref().map(|url| ExternalReference { kind: "distribution", url: url.as_str() });
    let homepage = item.homepage.as_ref().map(|url| ExternalReference { kind: "website", url: url.as_str() });
    download.into_iter().chain(homepage).collect()
}

fn properties(item: &Item) -> Vec<Property> {
    let mut properties = vec![Property::new("size", item.size)];
    if let Some(unpacked) = item.unpacked {
        properties.push(Property::new("image:files", unpacked.files));
        properties.push(Property::new("image:bytes", unpacked.bytes));
    }
    if let Some(source) = item.kind.package().and_then(|package| package.source.as_ref()) {
        properties.push(Property::new("source:name", &source.name));
        properties.push(Property::new("source:version", &source.version));
    }
    properties
}

/// All that went into the image is listed. What parts are made of, and what they need of each other, is not known.
fn compositions(ids: &[String]) -> [Composition; 2] {
    [
        Composition { aggregate: "complete", assemblies: vec![IMAGE.to_owned()], dependencies: Vec::new() },
        Composition { aggregate: "unknown", assemblies: ids.to_vec(), dependencies: ids.to_vec() },
    ]
}

fn sha256(digest: &[u8; 32]) -> Hash {
    Hash { alg: "SHA-256", content: hex(digest) }
}

#[cfg(test)]
mod tests;
