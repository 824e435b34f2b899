//! What an image leaves out of its base: documents, units nobody starts, what only other machines need.
//!
//! Only the base is trimmed. Whether something that stays needs what went is asked by [`check`](crate::check).

use std::collections::{BTreeMap, BTreeSet};

use crate::path::GuestPath;
use crate::path::pattern::PathPattern;
use crate::tree::{Node, Tree};

/// The rules of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trim {
    /// What goes, directories with everything in them.
    pub remove: Vec<PathPattern>,
    /// What stays though a rule would remove it, directories with everything in them.
    pub keep: Vec<PathPattern>,
}

/// What one rule has removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trimmed {
    /// The rule.
    pub pattern: PathPattern,
    /// How many names, directories included; of several rules for one name the first has removed it.
    pub members: usize,
    /// Bytes of the regular files among them.
    pub bytes: u64,
}

/// A rule that does nothing: it was meant for another base, or misspelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrimError {
    /// There is nothing to remove.
    #[error("`{0}` of trim.remove matches nothing of the base")]
    Remove(PathPattern),
    /// There is nothing to keep.
    #[error("`{0}` of trim.keep matches nothing that trim.remove would remove")]
    Keep(PathPattern),
}

/// Takes out of `tree` what `trim` says; one record for each rule, in their order.
pub(crate) fn trim(tree: &mut Tree, trim: &Trim) -> Result<Vec<Trimmed>, TrimError> {
    let covered = |patterns: &[PathPattern], path: &GuestPath| patterns.iter().any(|it| it.covers(path));
    let paths: Vec<&GuestPath> = tree.iter().map(|(path, _)| path).collect();
    let removable: Vec<&GuestPath> =
        paths.iter().copied().filter(|path| covered(&trim.remove, path)).collect();
    let is_idle = |paths: &[&GuestPath], it: &PathPattern| !paths.iter().any(|path| it.covers(path));
    if let Some(idle) = trim.remove.iter().find(|it| is_idle(&removable, it)) {
        return Err(TrimError::Remove(idle.clone()));
    }
    if let Some(idle) = trim.keep.iter().find(|it| is_idle(&removable, it)) {
        return Err(TrimError::Keep(idle.clone()));
    }
    let mut gone: BTreeSet<GuestPath> =
        removable.into_iter().filter(|path| !covered(&trim.keep, path)).cloned().collect();
    // A directory stays for what stays in it.
    let staying: Vec<&GuestPath> = paths.into_iter().filter(|path| !gone.contains(*path)).collect();
    for path in staying {
        let mut above = path.parent();
        while let Some(directory) = above.filter(|directory| gone.remove(directory)) {
            above = directory.parent();
        }
    }
    let trimmed = records(tree, &trim.remove, &gone);
    tree.remove_each(&gone);
    Ok(trimmed)
}

fn records(tree: &Tree, rules: &[PathPattern], gone: &BTreeSet<GuestPath>) -> Vec<Trimmed> {
    let mut counts: BTreeMap<usize, (usize, u64)> = BTreeMap::new();
    for path in gone {
        let Some(rule) = rules.iter().position(|it| it.covers(path)) else { continue };
        let (members, bytes) = counts.entry(rule).or_default();
        *members += 1;
        if let Some(Node::File(_, body)) = tree.get(path).map(|entry| &entry.node) {
            *bytes += body.len();
        }
    }
    let record = |(rule, pattern): (usize, &PathPattern)| {
        let (members, bytes) = counts.get(&rule).copied().unwrap_or_default();
        Trimmed { pattern: pattern.clone(), members, bytes }
    };
    rules.iter().enumerate().map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Body, Layer, Parents};
    use crate::units::Mode;

    /// A tree of these files; each has one byte, and `/name = /first` is a hard link.
    fn tree(files: &[&str]) -> Tree {
        let mut tree = Tree::default();
        for file in files {
            let (path, node) = match file.split_once(" = ") {
                Some((path, first)) => (path, Node::HardLink(first.parse().unwrap())),
                None => (*file, Node::File(Mode::FILE, Body::bytes(b"x"))),
            };
            tree.insert(&path.parse().unwrap(), node, Layer::Base, Parents::Implied).unwrap();
        }
        tree
    }

    fn rules(remove: &[&str], keep: &[&str]) -> Trim {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Trim { remove: patterns(remove), keep: patterns(keep) }
    }

    /// What is left, or why not.
    fn left(files: &[&str], remove: &[&str], keep: &[&str]) -> Result<Vec<String>, String> {
        let mut tree = tree(files);
        trim(&mut tree, &rules(remove, keep)).map_err(|error| error.to_string())?;
        Ok(tree.iter().map(|(path, _)| path.to_string()).skip(1).collect())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_directory_goes_with_everything_in_it() {
        let left = left(&["/doc/a/b", "/doc-base/c", "/e"], &["/doc"], &[]);
        assert_eq!(left, Ok(names(&["/doc-base", "/doc-base/c", "/e"])));
    }

    #[test]
    fn what_is_kept_stays_with_the_directories_it_is_in() {
        let files = ["/doc/a/copyright", "/doc/a/changes", "/doc/b/changes"];
        let one = left(&files, &["/doc"], &["/doc/*/copyright"]);
        assert_eq!(one, Ok(names(&["/doc", "/doc/a", "/doc/a/copyright"])));
        let all = left(&files, &["/doc/*"], &["/doc/a"]);
        assert_eq!(all, Ok(names(&["/doc", "/doc/a", "/doc/a/changes", "/doc/a/copyright"])));
    }

    #[test]
    fn a_directory_that_loses_its_files_stays() {
        assert_eq!(left(&["/a/x.py", "/a/y.py"], &["/a/*.py"], &[]), Ok(names(&["/a"])));
    }

    #[test]
    fn a_file_is_handed_to_the_name_that_stays() {
        let mut tree = tree(&["/a", "/b = /a", "/c = /a", "/d = /a"]);
        trim(&mut tree, &rules(&["/a", "/b"], &[])).unwrap();
        let kind = |path: &str| tree.get(&path.parse().unwrap()).map(|entry| entry.node.clone());
        assert_eq!(kind("/b"), None);
        assert_eq!(kind("/c"), Some(Node::File(Mode::FILE, Body::bytes(b"x"))));
        assert_eq!(kind("/d"), Some(Node::HardLink("/c".parse().unwrap())));
    }

    #[test]
    fn a_rule_that_does_nothing_is_an_error() {
        for (remove, keep, error) in [
            (&["/a", "/c*"][..], &[][..], "`/c*` of trim.remove matches nothing of the base"),
            (&["/a"], &["/b"], "`/b` of trim.keep matches nothing that trim.remove would remove"),
            (&[], &["/b"], "`/b` of trim.keep matches nothing that trim.remove would remove"),
        ] {
            assert_eq!(left(&["/a", "/b"], remove, keep), Err(error.to_owned()));
        }
    }

    #[test]
    fn what_each_rule_removed_is_counted_once() {
        let mut tree = tree(&["/doc/a", "/doc/b", "/doc/c = /doc/b"]);
        let trimmed = trim(&mut tree, &rules(&["/doc/a", "/doc", "/doc/b"], &[])).unwrap();
        let counts: Vec<(String, usize, u64)> =
            trimmed.iter().map(|it| (it.pattern.to_string(), it.members, it.bytes)).collect();
        let count = |pattern: &str, members, bytes| (pattern.to_owned(), members, bytes);
        assert_eq!(counts, [count("/doc/a", 1, 1), count("/doc", 3, 1), count("/doc/b", 0, 0)]);
    }
}
