//! What an appended image must be: no more open without its appendix, and as wanted when it is read back.

use std::path::Path;

use coco_image::manifest::Manifest;
use coco_image::path::GuestPath;
use coco_image::policy_location::{self, Located};
use coco_image::tree::Tree;
use coco_policy::check::Agents;
use coco_policy::{Decision, Engine, PolicyError, Request};

use crate::commands::verify;
use crate::produce::Policy;
use crate::store::Store;

/// Why nothing can be appended to an image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendFault {
    /// A kernel that gives up on the appendix would boot with whatever that is.
    #[error("what the image allows without the appendix is not known: {0}")]
    Unknown(String),
    /// A kernel that gives up on the appendix would boot with more than is wanted.
    #[error("{policy} of the image allows {request}, which the new policy denies: {case}")]
    Open {
        /// The image's own policy.
        policy: GuestPath,
        /// The first request, in the order of their names.
        request: Request,
        /// The sample that shows it.
        case: String,
    },
    /// The image changed while it was read, or a reader and a writer here disagree.
    #[error("the image that was written is not what was wanted: {0}")]
    ReadBack(String),
}

/// The policy of an image without its appendix.
pub(super) struct Own {
    file: GuestPath,
    bytes: Vec<u8>,
}

impl Own {
    /// Finds it, if it is sure, and an agent can load it.
    pub(super) fn find(tree: &Tree, store: &Store) -> Result<Self, AppendFault> {
        let unknown = |error: &dyn std::error::Error| AppendFault::Unknown(error.to_string());
        let Located { file, policy: bytes, .. } =
            policy_location::locate(tree, store).map_err(|error| unknown(&error))?;
        let own = Self { file, bytes };
        own.load(Engine::Regorus09).map_err(|error| unknown(&error))?;
        Ok(own)
    }

    /// Refuses it if it allows what `policy` denies, under any engine that loads both: an agent does not start
    /// with one that it can't load.
    pub(super) fn refuse_more_than(self, policy: &Policy) -> Result<(), AppendFault> {
        for engine in Agents::All.engines() {
            let new = coco_policy::Policy::parse_for(engine, &policy.name, &policy.bytes);
            let (Ok(own), Ok(new)) = (self.load(engine), new) else { continue };
            let closed = coco_policy::diff(&own, &new).into_iter().find_map(|change| {
                let shift = change.cases.into_iter().find(|shift| shift.from == Decision::Allow)?;
                Some((change.request, shift.case))
            });
            if let Some((request, case)) = closed {
                return Err(AppendFault::Open { policy: self.file, request, case });
            }
        }
        Ok(())
    }

    fn load(&self, engine: Engine) -> Result<coco_policy::Policy, PolicyError> {
        coco_policy::Policy::parse_for(engine, self.file.as_str(), &self.bytes)
    }
}

/// Reads the image in `directory` as the kernel will, and compares it with its manifest.
pub(super) fn read_back(manifest: &Manifest, directory: &Path) -> anyhow::Result<()> {
    let differences = verify::image_differences(manifest, &directory.join(&manifest.image.file))?;
    match differences.first() {
        Some(first) => Err(AppendFault::ReadBack(first.to_string()).into()),
        None => Ok(()),
    }
}
