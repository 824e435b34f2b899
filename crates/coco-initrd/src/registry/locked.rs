//! What a registry has, as a lock keeps it, and as something to fetch.

use coco_image::digest::Sha256;
use coco_image::lock::{self, LockedLayer, LockedOci};
use coco_registry::challenge::Access;
use coco_registry::{Content, Digest, Layer, Reference, Shape, Title};

use super::{Item, RegistryError, Repository, Resolved};
use crate::fetch::{Place, Wanted};
use crate::http::Client;

impl Resolved {
    /// What was found, to be locked.
    pub(crate) fn locked(&self) -> LockedOci {
        let layer = |layer: &Layer| LockedLayer {
            content: content(layer.content),
            media_type: layer.media_type.clone(),
            title: layer.title.as_ref().map(|title| Title::as_str(title).to_owned()),
        };
        LockedOci {
            reference: self.reference.to_string(),
            manifest: content(self.fetched.content),
            shape: match self.manifest.shape {
                Shape::Image => lock::Shape::Image,
                Shape::Artefact(_) => lock::Shape::Artefact,
            },
            layers: self.manifest.layers.iter().map(layer).collect(),
        }
    }
}

/// Manifest and layers of `oci`.
pub(crate) fn wanted(oci: &LockedOci) -> Result<Vec<Wanted>, RegistryError> {
    let reference: Reference = oci.reference.parse()?;
    let http = Client::default();
    let repository = Repository::new(&http, &reference, Access::Pull);
    let item = |item, name: String, content: lock::Content| {
        let url = repository.item_url(item, Digest::from(*content.sha256.as_bytes()))?;
        let place = Place::Registry { reference: reference.clone(), item, url };
        Ok(Wanted { name, content, place })
    };
    let manifest = item(Item::Manifest, oci.reference.clone(), oci.manifest);
    let layers = oci.layers.iter().map(|layer| {
        let name = layer.title.clone().unwrap_or_else(|| layer.content.sha256.to_string());
        item(Item::Blob, format!("{name} of {}", oci.reference), layer.content)
    });
    std::iter::once(manifest).chain(layers).collect()
}

fn content(content: Content) -> lock::Content {
    lock::Content { size: content.size, sha256: Sha256::from(*content.digest.as_bytes()) }
}
