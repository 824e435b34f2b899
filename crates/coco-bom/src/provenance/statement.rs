//! The objects of in-toto's statement and of SLSA's provenance that are written here.

use std::collections::BTreeMap;

use serde::Serialize;

/// in-toto attestation framework, `spec/v1/statement.md`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statement<'a> {
    #[serde(rename = "_type")]
    pub(super) kind: &'static str,
    pub(super) subject: [Descriptor<'a>; 2],
    pub(super) predicate_type: &'static str,
    pub(super) predicate: Predicate<'a>,
}

/// in-toto attestation framework, `spec/v1/resource_descriptor.md`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<String>,
    pub(super) digest: DigestSet,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) download_location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<&'a str>,
}

/// in-toto attestation framework, `spec/v1/digest_set.md`.
#[derive(Serialize)]
pub(super) struct DigestSet {
    pub(super) sha256: String,
}

/// SLSA provenance v1: `Provenance`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Predicate<'a> {
    pub(super) build_definition: BuildDefinition<'a>,
    pub(super) run_details: RunDetails<'a>,
}

/// SLSA provenance v1: `BuildDefinition`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BuildDefinition<'a> {
    pub(super) build_type: &'static str,
    pub(super) external_parameters: ExternalParameters<'a>,
    pub(super) internal_parameters: InternalParameters<'a>,
    pub(super) resolved_dependencies: Vec<Descriptor<'a>>,
}

/// What the user asked for; ours, `docs/sbom.md`.
#[derive(Serialize)]
pub(super) struct ExternalParameters<'a> {
    pub(super) profile: ProfileParameter<'a>,
    pub(super) options: &'a BTreeMap<String, String>,
}

/// The profile among them.
#[derive(Serialize)]
pub(super) struct ProfileParameter<'a> {
    pub(super) name: &'a str,
    pub(super) digest: DigestSet,
}

/// What the user could not ask for; ours, `docs/sbom.md`.
#[derive(Serialize)]
pub(super) struct InternalParameters<'a> {
    pub(super) tool: BTreeMap<&'a str, &'a str>,
}

/// SLSA provenance v1: `RunDetails`.
#[derive(Serialize)]
pub(super) struct RunDetails<'a> {
    pub(super) builder: Builder<'a>,
}

/// SLSA provenance v1: `Builder`.
#[derive(Serialize)]
pub(super) struct Builder<'a> {
    pub(super) id: &'static str,
    pub(super) version: BTreeMap<&'a str, &'a str>,
}

impl<'a> Descriptor<'a> {
    /// A file of which no more than name and digest are known.
    pub(super) fn new(name: &'a str, digest: DigestSet) -> Self {
        Self { name, uri: None, digest, download_location: None, media_type: None }
    }
}
