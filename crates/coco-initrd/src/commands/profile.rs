//! `coco-initrd profile`: lists the built-in profiles, or shows one with everything it extends.

use coco_image::profile::Wanted;
use serde_json::json;

use crate::args::{ProfileArgs, ProfileCommand};
use crate::output::Output;
use crate::{Outcome, profiles};

/// Lists or shows profiles.
pub(crate) fn profile(args: &ProfileArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    match &args.command {
        ProfileCommand::List { json } => list(*json, out),
        ProfileCommand::Show { profile, json } => show(profile, *json, out),
    }
}

fn list(as_json: bool, out: &mut Output) -> anyhow::Result<Outcome> {
    let mut profiles = Vec::new();
    for (name, _) in profiles::BUILT_IN {
        let (name, raw) = profiles::open(name)?;
        profiles.push(Wanted::new(&name, &raw)?);
    }
    let text = if as_json {
        let entry =
            |p: &Wanted| json!({"name": p.name(), "description": p.description(), "tee": p.tee().word()});
        format!("{:#}\n", json!(profiles.iter().map(entry).collect::<Vec<_>>()))
    } else {
        let lines: Vec<String> =
            profiles.iter().map(|p| format!("{:<17}{}\n", p.name(), p.description())).collect();
        lines.concat()
    };
    out.data(&text)?;
    Ok(Outcome::Done)
}

fn show(profile: &str, as_json: bool, out: &mut Output) -> anyhow::Result<Outcome> {
    let (name, raw) = profiles::open(profile)?;
    let profile = Wanted::new(&name, &raw)?;
    let text = if as_json {
        let mut value = serde_json::to_value(&raw)?;
        value.sort_all_objects();
        format!("{value:#}\n")
    } else {
        format!("# profile {}, SHA-256 {}\n{}", profile.name(), profile.sha256(), raw.to_toml())
    };
    out.data(&text)?;
    Ok(Outcome::Done)
}
