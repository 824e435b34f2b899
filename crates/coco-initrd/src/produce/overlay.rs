//! One overlay into one directory: the tar, the policy by itself, patches for a cluster, the manifest.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use coco_image::config_map;
use coco_image::digest::{Sha256, Sha384};
use coco_image::manifest::{
    self, InitdataRecord, OverlayFileRecord, OverlayManifest, OverlayProfileRecord, OverlayRecord,
};
use coco_image::overlay::{self, Overlay};
use coco_image::profile::OverlayProfile;
use coco_image::units::Tee;
use fs_err as fs;

use super::{Policy, record};

/// All that an overlay is made of.
#[derive(Debug)]
pub(crate) struct OverlayPlan {
    /// The profile, options applied.
    pub(crate) profile: OverlayProfile,
    /// The policy, evaluated.
    pub(crate) policy: Policy,
    /// Initdata for all peer pods, as an annotation has it, if it was asked for.
    pub(crate) initdata: Option<String>,
}

/// Builds `plan` into `directory`.
pub(crate) fn produce_overlay(plan: &OverlayPlan, directory: &Path) -> anyhow::Result<OverlayManifest> {
    let overlay = Overlay::new(&plan.policy.name, &plan.policy.bytes)?;
    let tar = overlay.to_tar(plan.profile.epoch);
    let cluster_files = cluster_files(plan);
    let manifest = manifest(plan, &overlay, &tar, &cluster_files)?;
    let mut files = vec![
        (overlay::FILE_NAME.to_owned(), tar),
        ("manifest.json".to_owned(), manifest.to_json().into_bytes()),
        (format!("policy/{}", plan.policy.name), plan.policy.bytes.clone()),
    ];
    files.extend(cluster_files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())));
    files.sort();
    let mut sums = String::new();
    for (name, bytes) in &files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        fs::write(&path, bytes)?;
        // A String takes any write.
        let _ = writeln!(sums, "{}  {name}", Sha256::of(bytes));
    }
    fs::write(directory.join("SHA256SUMS"), sums)?;
    Ok(manifest)
}

/// The patches, by their path beside the manifest.
fn cluster_files(plan: &OverlayPlan) -> BTreeMap<&'static str, String> {
    let mut files = BTreeMap::from([(config_map::PODVM_IMAGE, config_map::podvm_image(&plan.policy.bytes))]);
    if let Some(annotation) = &plan.initdata {
        files.insert(config_map::PEER_PODS, config_map::peer_pods(annotation));
    }
    files
}

fn manifest(
    plan: &OverlayPlan,
    overlay: &Overlay,
    tar: &[u8],
    cluster_files: &BTreeMap<&'static str, String>,
) -> anyhow::Result<OverlayManifest> {
    let OverlayPlan { profile, policy, initdata } = plan;
    let faults = record::policy_faults(policy);
    Ok(OverlayManifest {
        schema: manifest::SCHEMA,
        tool: record::tool(),
        production: faults.is_empty(),
        production_faults: faults,
        profile: OverlayProfileRecord {
            name: profile.name.clone(),
            sha256: profile.sha256(),
            tee: Tee::PodVm,
        },
        epoch: profile.epoch.seconds(),
        overlay: OverlayRecord {
            file: overlay::FILE_NAME.to_owned(),
            size: u64::try_from(tar.len())?,
            sha256: Sha256::of(tar),
            sha384: Sha384::of(tar),
        },
        inputs: vec![record::policy_input(policy, profile.policy_sha256)?],
        policy: record::policy(policy),
        initdata: initdata
            .as_ref()
            .map(|annotation| InitdataRecord { annotation_sha256: Sha256::of(annotation.as_bytes()) }),
        cluster_files: cluster_files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Sha256::of(text.as_bytes())))
            .collect(),
        files: OverlayFileRecord::all(overlay),
    })
}
