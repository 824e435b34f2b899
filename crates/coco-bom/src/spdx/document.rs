//! The objects of SPDX 2.3 JSON that are written here, in the order of the specification's clauses.

#![expect(clippy::struct_field_names, reason = "the names are the specification's")]

use serde::Serialize;

/// What stands where nothing is known (clause 7.7).
pub(super) const NO_ASSERTION: &str = "NOASSERTION";

/// Clause 6.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    pub(super) spdx_version: &'static str,
    pub(super) data_license: &'static str,
    #[serde(rename = "SPDXID")]
    pub(super) spdx_id: &'static str,
    pub(super) name: &'a str,
    pub(super) document_namespace: String,
    pub(super) creation_info: CreationInfo,
    pub(super) packages: Vec<Package<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) has_extracted_licensing_infos: Vec<ExtractedLicensingInfo<'a>>,
    pub(super) relationships: Vec<Relationship>,
}

/// Clauses 6.7 to 6.9.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreationInfo {
    pub(super) created: String,
    pub(super) creators: [String; 1],
    pub(super) license_list_version: &'static str,
}

/// Clause 7.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Package<'a> {
    #[serde(rename = "SPDXID")]
    pub(super) spdx_id: String,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) package_file_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) supplier: Option<String>,
    pub(super) download_location: &'a str,
    pub(super) files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) homepage: Option<&'a str>,
    pub(super) license_concluded: &'static str,
    pub(super) license_declared: String,
    pub(super) copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_refs: Vec<ExternalRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) primary_package_purpose: Option<&'static str>,
}

/// Clause 7.10.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checksum {
    pub(super) algorithm: &'static str,
    pub(super) checksum_value: String,
}

/// Clause 7.21.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

/// Clause 10.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExtractedLicensingInfo<'a> {
    pub(super) license_id: String,
    pub(super) extracted_text: &'a str,
}

/// Clause 11.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

/// The `SPDXID` of the part with this identifier.
pub(super) fn reference(id: &str) -> String {
    format!("SPDXRef-{id}")
}

impl<'a> Package<'a> {
    /// A package of which no more than the name is known.
    pub(super) fn new(id: &str, name: &'a str) -> Self {
        Self {
            spdx_id: reference(id),
            name,
            version_info: None,
            package_file_name: None,
            supplier: None,
            download_location: NO_ASSERTION,
            files_analyzed: false,
            checksums: Vec::new(),
            homepage: None,
            license_concluded: NO_ASSERTION,
            license_declared: NO_ASSERTION.to_owned(),
            copyright_text: NO_ASSERTION,
            comment: None,
            external_refs: Vec::new(),
            primary_package_purpose: None,
        }
    }
}

impl ExternalRef {
    /// A package URL (annex F.3.5).
    pub(super) fn purl(url: &str) -> Self {
        Self {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: url.to_owned(),
        }
    }
}

impl Relationship {
    pub(super) fn new(of: &str, kind: &'static str, with: &str) -> Self {
        Self {
            spdx_element_id: of.to_owned(),
            relationship_type: kind,
            related_spdx_element: with.to_owned(),
        }
    }
}
