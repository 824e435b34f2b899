//! The objects of CycloneDX 1.6 JSON that are written here, in the order of its schema.

use std::fmt::Display;

use serde::Serialize;

/// The whole.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    pub(super) bom_format: &'static str,
    pub(super) spec_version: &'static str,
    pub(super) serial_number: String,
    pub(super) version: u32,
    pub(super) metadata: Metadata<'a>,
    pub(super) components: Vec<Component<'a>>,
    pub(super) dependencies: [Dependency; 1],
    pub(super) compositions: [Composition; 2],
}

/// `metadata`
#[derive(Serialize)]
pub(super) struct Metadata<'a> {
    pub(super) timestamp: String,
    pub(super) lifecycles: [Lifecycle; 1],
    pub(super) tools: Tools<'a>,
    pub(super) component: Component<'a>,
}

/// `metadata.lifecycles`
#[derive(Serialize)]
pub(super) struct Lifecycle {
    pub(super) phase: &'static str,
}

/// `metadata.tools`
#[derive(Serialize)]
pub(super) struct Tools<'a> {
    pub(super) components: [Component<'a>; 1],
}

/// `component`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(rename = "bom-ref")]
    pub(super) bom_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) supplier: Option<Organization<'a>>,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<LicenseChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_references: Vec<ExternalReference<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
}

/// `organizationalEntity`
#[derive(Serialize)]
pub(super) struct Organization<'a> {
    pub(super) name: &'a str,
}

/// `hash`
#[derive(Serialize)]
pub(super) struct Hash {
    pub(super) alg: &'static str,
    pub(super) content: String,
}

/// `licenseChoice`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum LicenseChoice<'a> {
    License(License<'a>),
    #[serde(untagged)]
    Expression {
        expression: &'a str,
        acknowledgement: &'static str,
    },
}

/// `license`
#[derive(Serialize)]
pub(super) struct License<'a> {
    pub(super) name: String,
    pub(super) acknowledgement: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Attachment<'a>>,
}

/// `attachment`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attachment<'a> {
    pub(super) content_type: &'static str,
    pub(super) content: &'a str,
}

/// `externalReference`
#[derive(Serialize)]
pub(super) struct ExternalReference<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) url: &'a str,
}

/// `property`
#[derive(Serialize)]
pub(super) struct Property {
    name: String,
    value: String,
}

/// `dependency`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    #[serde(rename = "ref")]
    pub(super) of: &'static str,
    pub(super) depends_on: Vec<String>,
}

/// `compositions`
#[derive(Serialize)]
pub(super) struct Composition {
    pub(super) aggregate: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) assemblies: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dependencies: Vec<String>,
}

impl<'a> Component<'a> {
    /// A component of which no more than the name is known.
    pub(super) fn new(kind: &'static str, id: &str, name: &'a str) -> Self {
        Self {
            kind,
            bom_ref: id.to_owned(),
            supplier: None,
            name,
            version: None,
            hashes: Vec::new(),
            licenses: Vec::new(),
            purl: None,
            external_references: Vec::new(),
            properties: Vec::new(),
        }
    }
}

impl Property {
    /// A property in this project's name space.
    pub(super) fn new(name: &str, value: impl Display) -> Self {
        Self { name: format!("coco-initrd:{name}"), value: value.to_string() }
    }
}
