//! What a layer does to the files of the layers below it (image specification, `layer.md`, "Whiteouts").
//!
//! An empty file `.wh.NAME` takes away `NAME` beside it, and what is below that; `.wh..wh..opq` takes away all that
//! the layers below have in its directory. A whiteout never touches its own layer. And a file that is there again
//! takes the place of the earlier one; where one of both is no directory, what was below it goes with it.
//!
//! Only paths are looked at: who has bodies and modes, drops what [`effect`] names and adds the rest of the layer.

use std::collections::BTreeMap;

/// What names of whiteouts begin with.
const PREFIX: &str = ".wh.";

/// The whiteout of a whole directory's contents.
const OPAQUE: &str = ".wh..wh..opq";

/// A file of a layer, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'p> {
    /// Its path, names with slashes between them; with or without a slash in front, but all alike.
    pub path: &'p str,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// What a layer does; positions are in the lists that were given, and rise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effect {
    /// Files of the layers below that are gone or replaced.
    pub gone: Vec<usize>,
    /// Entries of the layer that are whiteouts, and no files.
    pub whiteouts: Vec<usize>,
}

/// A whiteout that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is a whiteout of no known kind")]
pub struct WhiteoutError(String);

/// What applying `layer` over `below` does. No path is twice in `below`; of a path that is twice in `layer`, the
/// last one counts, as for tar.
pub fn effect(below: &[Entry<'_>], layer: &[Entry<'_>]) -> Result<Effect, WhiteoutError> {
    let below: BTreeMap<&str, (usize, bool)> =
        below.iter().enumerate().map(|(at, entry)| (entry.path, (at, entry.is_directory))).collect();
    let mut effect = Effect::default();
    for (at, entry) in layer.iter().enumerate() {
        match Meaning::of(entry.path)? {
            Meaning::File => {
                let Some((replaced, was_directory)) = below.get(entry.path) else { continue };
                effect.gone.push(*replaced);
                if *was_directory && !entry.is_directory {
                    effect.gone.extend(inside(&below, &format!("{}/", entry.path)));
                }
            }
            Meaning::Whiteout(path) => {
                effect.whiteouts.push(at);
                effect.gone.extend(below.get(path.as_str()).map(|(at, _)| *at));
                effect.gone.extend(inside(&below, &format!("{path}/")));
            }
            Meaning::Opaque(prefix) => {
                effect.whiteouts.push(at);
                effect.gone.extend(inside(&below, prefix));
            }
        }
    }
    effect.gone.sort_unstable();
    effect.gone.dedup();
    Ok(effect)
}

/// Positions of what begins with `prefix`, which ends in a slash or is empty.
fn inside<'m>(
    below: &'m BTreeMap<&str, (usize, bool)>,
    prefix: &'m str,
) -> impl Iterator<Item = usize> + use<'m> {
    below.range(prefix..).take_while(move |(path, _)| path.starts_with(prefix)).map(|(_, (at, _))| *at)
}

/// What an entry of a layer is there for.
enum Meaning<'p> {
    /// A file.
    File,
    /// This path goes.
    Whiteout(String),
    /// All that begins with this goes.
    Opaque(&'p str),
}

impl<'p> Meaning<'p> {
    fn of(path: &'p str) -> Result<Self, WhiteoutError> {
        let wrong = || WhiteoutError(path.to_owned());
        let (directory, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        if directory.split('/').any(|name| name.starts_with(PREFIX)) {
            return Err(wrong());
        }
        match name.strip_prefix(PREFIX) {
            None => Ok(Self::File),
            Some(_) if name == OPAQUE => Ok(Self::Opaque(directory)),
            // AUFS's own files, which docker skips; and names that can't be.
            Some(hidden) if matches!(hidden, "" | "." | "..") || hidden.starts_with(PREFIX) => Err(wrong()),
            Some(hidden) => Ok(Self::Whiteout(format!("{directory}{hidden}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths; a trailing `/` makes a directory.
    fn entries<'p>(paths: &[&'p str]) -> Vec<Entry<'p>> {
        let entry = |path: &&'p str| match path.strip_suffix('/') {
            Some(path) => Entry { path, is_directory: true },
            None => Entry { path, is_directory: false },
        };
        paths.iter().map(entry).collect()
    }

    /// What is left of `below`, then what `layer` adds.
    fn applied<'p>(below: &[&'p str], layer: &[&'p str]) -> Vec<&'p str> {
        let effect = effect(&entries(below), &entries(layer)).unwrap();
        let keep = |gone: &[usize], paths: &[&'p str]| {
            let kept = paths.iter().enumerate().filter(|(at, _)| !gone.contains(at));
            kept.map(|(_, path)| *path).collect::<Vec<_>>()
        };
        [keep(&effect.gone, below), keep(&effect.whiteouts, layer)].concat()
    }

    #[test]
    fn a_layer_adds_and_replaces_files() {
        assert_eq!(applied(&["/a/", "/a/b", "/c"], &["/a/", "/a/d", "/c"]), ["/a/b", "/a/", "/a/d", "/c"]);
    }

    #[test]
    fn a_whiteout_takes_a_file_or_a_whole_directory_away() {
        assert_eq!(applied(&["/a/", "/a/b", "/a/c"], &["/a/.wh.b"]), ["/a/", "/a/c"]);
        assert_eq!(applied(&["/a/", "/a/b", "/a/b/c", "/ab"], &["/.wh.a"]), ["/ab"]);
        assert_eq!(applied(&["a/", "a/b", "a-c"], &[".wh.a"]), ["a-c"]);
    }

    #[test]
    fn an_opaque_whiteout_empties_its_directory() {
        assert_eq!(
            applied(&["/a/", "/a/b/", "/a/b/c", "/ab"], &["/a/.wh..wh..opq", "/a/d"]),
            ["/a/", "/ab", "/a/d"]
        );
        assert_eq!(applied(&["/a", "/b"], &["/.wh..wh..opq"]), Vec::<&str>::new());
        assert_eq!(applied(&["a", "b/"], &[".wh..wh..opq", "c"]), ["c"]);
    }

    #[test]
    fn a_whiteout_does_not_touch_its_own_layer_in_whatever_order() {
        for layer in [["/a/.wh.b", "/a/b"], ["/a/b", "/a/.wh.b"]] {
            assert_eq!(applied(&["/a/", "/a/b"], &layer), ["/a/", "/a/b"]);
        }
        for layer in [["/a/.wh..wh..opq", "/a/c"], ["/a/c", "/a/.wh..wh..opq"]] {
            assert_eq!(applied(&["/a/", "/a/b"], &layer), ["/a/", "/a/c"]);
        }
    }

    #[test]
    fn a_whiteout_of_what_is_not_there_does_nothing() {
        assert_eq!(applied(&["/a"], &["/.wh.b", "/c/.wh..wh..opq"]), ["/a"]);
    }

    #[test]
    fn a_file_in_the_place_of_a_directory_takes_what_was_in_it() {
        assert_eq!(applied(&["/a/", "/a/b", "/a.c"], &["/a"]), ["/a.c", "/a"]);
        assert_eq!(applied(&["/a"], &["/a/", "/a/b"]), ["/a/", "/a/b"]);
    }

    #[test]
    fn whiteouts_of_other_kinds_are_errors() {
        for path in ["/.wh.", "/a/.wh..", "/.wh...", "/.wh..wh.plnk", "/.wh..wh.aufs", "/.wh.a/b"] {
            let error = effect(&[], &entries(&[path])).unwrap_err();
            assert_eq!(error.to_string(), format!("{path} is a whiteout of no known kind"));
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_left_never_lies_below_what_a_whiteout_hid(
            below in proptest::collection::btree_set("(/[ab]){1,4}", 0..12),
            hidden in "(/[ab]){1,3}",
        ) {
            let below: Vec<&str> = below.iter().map(String::as_str).collect();
            let (directory, name) = hidden.rsplit_once('/').unwrap();
            let whiteout = format!("{directory}/.wh.{name}");
            for path in applied(&below, &[&whiteout]) {
                let inside = path.strip_prefix(hidden.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                proptest::prop_assert!(!inside);
            }
        }
    }
}
