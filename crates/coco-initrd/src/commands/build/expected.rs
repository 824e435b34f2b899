//! The policy that a build must have: that of another build, so that two kinds of guest start alike.

use anyhow::Context as _;
use coco_image::digest::Sha256;
use coco_image::manifest::Summary;

use crate::args::build::BuildArgs;
use crate::output::Output;
use crate::produce::Policy;

/// A digest, and whose it is.
#[derive(Debug)]
pub(super) struct Expected {
    /// For the message.
    origin: String,
    sha256: Sha256,
}

/// The policy of the manifest that was given, if one was.
pub(super) fn given_policy(args: &BuildArgs) -> anyhow::Result<Option<Expected>> {
    let Some(path) = &args.same_policy_as else { return Ok(None) };
    let text = crate::named_file::text(path).context("the manifest of the other build can't be read")?;
    let summary = Summary::read(&text).with_context(|| path.display().to_string())?;
    Ok(Some(Expected { origin: path.display().to_string(), sha256: summary.policy }))
}

/// The policy of bare metal: of the manifest that was given, else the one that built-in profiles have.
pub(super) fn bare_metal_policy(args: &BuildArgs) -> anyhow::Result<Option<Expected>> {
    let built_in = || Expected {
        origin: "the built-in default-restrictive".to_owned(),
        sha256: Sha256::of(coco_policy::DEFAULT_RESTRICTIVE.as_bytes()),
    };
    Ok(Some(given_policy(args)?.unwrap_or_else(built_in)))
}

/// Whether `policy` is what was expected; what is wrong has been said.
pub(super) fn has_expected_policy(policy: &Policy, expected: Option<&Expected>, out: &mut Output) -> bool {
    let got = Sha256::of(&policy.bytes);
    let Some(expected) = expected.filter(|expected| expected.sha256 != got) else {
        return true;
    };
    let message = format!(
        "policy {} is not that of {}\n  SHA-256 got {got}, expected {}",
        policy.name, expected.origin, expected.sha256
    );
    let hint = "build both with the same policy; --same-policy-as takes the other build's manifest.json";
    out.error(&message, Some(hint.to_owned()));
    false
}
