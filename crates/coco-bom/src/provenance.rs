//! How an image was made: an in-toto statement (v1) with SLSA's provenance (v1). Not signed here.
//!
//! It has no times and no number of the run: whoever builds again gets the same bytes, and can compare them.

mod statement;

use std::collections::{BTreeMap, BTreeSet};

use crate::bill::{Item, Tool};
use crate::json::{hex, text};
use crate::purl;
use crate::url::Url;
use statement::{
    BuildDefinition, Builder, Descriptor, DigestSet, ExternalParameters, InternalParameters, Predicate,
    ProfileParameter, RunDetails, Statement,
};

/// How such builds are described: `docs/sbom.md`, "The build type".
pub const BUILD_TYPE: &str = "tag:coco-initrd,2026:build/v1";

/// Who built: this program, wherever it ran. Where and by whom is for the signature to say.
pub const BUILDER: &str = "tag:coco-initrd,2026:builder/v1";

/// How one image was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The image.
    pub image: Artifact,
    /// The manifest that was written with it.
    pub manifest: Artifact,
    /// The program.
    pub tool: Tool,
    /// Name of the profile, or of its file.
    pub profile: String,
    /// Digest of the resolved profile with the options applied.
    pub profile_sha256: [u8; 32],
    /// Options of the command line that the bytes depend on, by name.
    pub options: BTreeMap<String, String>,
    /// What is in the image: those of its [`Bill`](crate::Bill).
    pub items: BTreeSet<Item>,
    /// What else was read: the lock, layers of images, releases of archives.
    pub inputs: BTreeSet<Input>,
}

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its file name.
    pub name: String,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

/// A file that was read and is no item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Where it was fetched from.
    pub download: Option<Url>,
    /// Its media type.
    pub media_type: Option<String>,
}

/// The statement as JSON, with a line end.
///
/// Dependencies are the items, then the other inputs, each sorted as their sets are.
pub fn provenance(provenance: &Provenance) -> String {
    let tool = BTreeMap::from([(provenance.tool.name.as_str(), provenance.tool.version.as_str())]);
    let items = provenance.items.iter().map(of_item);
    let inputs = provenance.inputs.iter().map(of_input);
    text(&Statement {
        kind: "https://in-toto.io/Statement/v1",
        subject: [of_artifact(&provenance.image), of_artifact(&provenance.manifest)],
        predicate_type: "https://slsa.dev/provenance/v1",
        predicate: Predicate {
            build_definition: BuildDefinition {
                build_type: BUILD_TYPE,
                external_parameters: ExternalParameters {
                    profile: ProfileParameter {
                        name: &provenance.profile,
                        digest: digest(&provenance.profile_sha256),
                    },
                    options: &provenance.options,
                },
                internal_parameters: InternalParameters { tool: tool.clone() },
                resolved_dependencies: items.chain(inputs).collect(),
            },
            run_details: RunDetails { builder: Builder { id: BUILDER, version: tool } },
        },
    })
}

fn of_artifact(artifact: &Artifact) -> Descriptor<'_> {
    Descriptor::new(&artifact.name, digest(&artifact.sha256))
}

fn of_item(item: &Item) -> Descriptor<'_> {
    Descriptor {
        uri: purl::of(item),
        download_location: item.download.as_ref().map(Url::as_str),
        ..Descriptor::new(&item.name, digest(&item.sha256))
    }
}

fn of_input(input: &Input) -> Descriptor<'_> {
    Descriptor {
        download_location: input.download.as_ref().map(Url::as_str),
        media_type: input.media_type.as_deref(),
        ..Descriptor::new(&input.name, digest(&input.sha256))
    }
}

fn digest(sha256: &[u8; 32]) -> DigestSet {
    DigestSet { sha256: hex(sha256) }
}

#[cfg(test)]
mod tests;
