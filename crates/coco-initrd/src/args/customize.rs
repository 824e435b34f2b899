//! `coco-initrd customize`, as clap sees it: the words of its options become types here.

use std::path::PathBuf;

use clap::Args;
use coco_image::path::GuestPath;
use coco_image::units::Mode;

/// `coco-initrd customize`.
#[derive(Debug, Args)]
pub(crate) struct CustomizeArgs {
    /// The initrd: of a build, or of anybody's
    pub(crate) image: PathBuf,

    /// The default policy, instead of the image's: a path, or the name of a built-in one
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) policy: Option<String>,

    /// A file that comes into the image, or replaces one there; MODE is octal [default: 0644, or 0755 if SRC is
    /// executable]
    #[arg(long, value_name = "SRC:DST[:MODE]", value_parser = added)]
    pub(crate) add: Vec<Added>,

    /// What goes from the image, directories with everything below them
    #[arg(long, value_name = "PATH")]
    pub(crate) remove: Vec<GuestPath>,

    /// Certificates (PEM) that the guest trusts besides those it has
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,

    /// Keeps the image's bytes as they are and puts what is new behind them, instead of packing all anew; the
    /// image's own policy may then allow nothing that the new one denies
    #[arg(long)]
    pub(crate) append: bool,

    /// Where the image and its files go, all or nothing
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output_dir: PathBuf,

    /// Built-in profile, or path to a profile's .toml: what TEE, runtimes, compression, time, memory and name
    /// are; its inputs and files are not used
    #[arg(long, value_name = "NAME|PATH", default_value = "base")]
    pub(crate) profile: String,

    /// Packs a policy that is too open or too closed for a default; the manifest says so
    #[arg(long)]
    pub(crate) allow_permissive_policy: bool,

    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A file that is to be added.
#[derive(Debug, Clone)]
pub(crate) struct Added {
    /// Where it is.
    pub(crate) source: PathBuf,
    /// Its place in the image.
    pub(crate) path: GuestPath,
    /// Its permissions, if they were given.
    pub(crate) mode: Option<Mode>,
}

/// Reads `SRC:DST[:MODE]`. SRC may hold colons if DST starts behind the last `:/`.
fn added(words: &str) -> Result<Added, String> {
    let (source, rest) = words.rsplit_once(":/").ok_or("expected SRC:DST[:MODE] with an absolute DST")?;
    let (path, mode) = match rest.rsplit_once(':') {
        Some((path, mode)) => {
            // 644 is what people write, 0644 what is meant.
            let mode: Mode = format!("{mode:0>4}").parse().map_err(|_| {
                format!("`{mode}` is not a mode: three or four octal digits such as 644 or 0755")
            })?;
            (path, Some(mode))
        }
        None => (rest, None),
    };
    if source.is_empty() {
        return Err("SRC is empty".to_owned());
    }
    let path: GuestPath = format!("/{path}").parse().map_err(|error| format!("{error}"))?;
    if path.is_root() {
        return Err("DST is `/`, expected a file".to_owned());
    }
    Ok(Added { source: source.into(), path, mode })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_source_a_place_and_perhaps_a_mode() {
        for (words, told) in [
            ("a:/b", "a /b None"),
            ("dir/a:b:/etc/c:0600", "dir/a:b /etc/c Some(Mode(384))"),
            ("/x/a:/b:755", "/x/a /b Some(Mode(493))"),
        ] {
            let Added { source, path, mode } = added(words).unwrap();
            assert_eq!(format!("{} {path} {mode:?}", source.display()), told);
        }
    }

    #[test]
    fn what_is_no_file_to_add_is_told() {
        for (words, told) in [
            ("a", "expected SRC:DST[:MODE] with an absolute DST"),
            ("a:b", "expected SRC:DST[:MODE] with an absolute DST"),
            (":/b", "SRC is empty"),
            ("a:/", "DST is `/`, expected a file"),
            ("a:/b:rw", "`rw` is not a mode: three or four octal digits such as 644 or 0755"),
            ("a:/b/../c", "`/b/../c` climbs out with `..`"),
        ] {
            assert_eq!(added(words).unwrap_err(), told);
        }
    }
}
