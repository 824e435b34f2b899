//! The files of several packages as one root file system: what unpacking them one over the other gives,
//! without their scripts. Which packages these are, and that they fit together, is decided elsewhere.

use std::collections::BTreeMap;

use crate::archive::Member;
use crate::path::GuestPath;
use crate::tree::Node;
use crate::units::Mode;

/// A package that has been unpacked.
#[derive(Debug)]
pub struct Unpacked {
    /// Its name, for messages.
    pub name: String,
    /// Its files.
    pub members: Vec<Member>,
}

/// Packages that can't be in one root file system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UniteError {
    /// One would take a file from the other.
    #[error("{path} is in package {first} and in package {second}")]
    Both {
        /// The file.
        path: GuestPath,
        /// The package that is first by its name.
        first: String,
        /// The other.
        second: String,
    },
    /// Each wants other permissions, and neither are the usual ones.
    #[error("directory {path} has mode {one} in package {first}, and {other} in package {second}")]
    Modes {
        /// The directory.
        path: GuestPath,
        /// The package that is first by its name.
        first: String,
        /// Its mode.
        one: Mode,
        /// The other package.
        second: String,
        /// Its mode.
        other: Mode,
    },
}

/// All members of `packages`, each path once, sorted; the order of the packages makes no difference.
///
/// A directory may be in several of them; mode 0755 gives way to another one, which is on purpose. Where one has
/// a directory and another a symbolic link, as in a distribution with `/lib -> usr/lib`, the link stays and the
/// directory's files go where it leads (as dpkg does it; Debian Policy 10.1).
pub fn unite(mut packages: Vec<Unpacked>) -> Result<Vec<Member>, UniteError> {
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let mut united: BTreeMap<GuestPath, (Node, String)> = BTreeMap::new();
    for Unpacked { name, members } in packages {
        for Member { path, node } in members {
            let node = match united.remove(&path) {
                None => (node, name.clone()),
                Some(before) => one_of(&path, before, (node, name.clone()))?,
            };
            united.insert(path, node);
        }
    }
    Ok(united.into_iter().map(|(path, (node, _))| Member { path, node }).collect())
}

/// Which of two packages' nodes stays.
fn one_of(
    path: &GuestPath,
    first: (Node, String),
    second: (Node, String),
) -> Result<(Node, String), UniteError> {
    match (&first.0, &second.0) {
        (Node::Directory(one), Node::Directory(other)) => {
            if one == other || *other == Mode::DIRECTORY {
                Ok(first)
            } else if *one == Mode::DIRECTORY {
                Ok(second)
            } else {
                let (one, other) = (*one, *other);
                let (first, second) = (first.1, second.1);
                Err(UniteError::Modes { path: path.clone(), first, one, second, other })
            }
        }
        (Node::Symlink(_), Node::Directory(_)) => Ok(first),
        (Node::Directory(_), Node::Symlink(_)) => Ok(second),
        (Node::Symlink(one), Node::Symlink(other)) if one == other => Ok(first),
        _ => Err(UniteError::Both { path: path.clone(), first: first.1, second: second.1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Body;

    /// A package's name and the lines of its members.
    type Package<'a> = (&'a str, &'a [&'a str]);

    /// A member: `/path/ 0755` is a directory, `/path -> target` a link, anything else a file.
    fn member(line: &str) -> Member {
        let (path, node) = if let Some((path, target)) = line.split_once(" -> ") {
            (path, Node::Symlink(target.to_owned()))
        } else if let Some((path, mode)) = line.split_once("/ ") {
            (path, Node::Directory(mode.parse().unwrap()))
        } else {
            (line, Node::File(Mode::FILE, Body::bytes(b"")))
        };
        Member { path: path.parse().unwrap(), node }
    }

    fn united(packages: &[Package<'_>]) -> Result<Vec<String>, String> {
        let unpacked = |(name, lines): &Package<'_>| Unpacked {
            name: (*name).to_owned(),
            members: lines.iter().map(|line| member(line)).collect(),
        };
        let line = |member: &Member| match &member.node {
            Node::Directory(mode) => format!("{}/ {mode}", member.path),
            Node::Symlink(target) => format!("{} -> {target}", member.path),
            _ => member.path.to_string(),
        };
        let members = unite(packages.iter().map(unpacked).collect()).map_err(|error| error.to_string())?;
        Ok(members.iter().map(line).collect())
    }

    #[test]
    fn files_of_all_packages_are_there_whatever_their_order() {
        let a: Package<'_> = ("a", &["/usr/ 0755", "/usr/a"]);
        let b: Package<'_> = ("b", &["/usr/ 0755", "/b"]);
        let all = vec!["/b".to_owned(), "/usr/ 0755".to_owned(), "/usr/a".to_owned()];
        assert_eq!(united(&[a, b]), Ok(all.clone()));
        assert_eq!(united(&[b, a]), Ok(all));
    }

    #[test]
    fn a_mode_that_is_on_purpose_wins_over_the_usual_one() {
        for order in [["0755", "1777"], ["1777", "0755"]] {
            let lines = order.map(|mode| format!("/tmp/ {mode}"));
            let packages: [Package<'_>; 2] = [("a", &[&lines[0]]), ("b", &[&lines[1]])];
            assert_eq!(united(&packages), Ok(vec!["/tmp/ 1777".to_owned()]));
        }
    }

    #[test]
    fn two_modes_on_purpose_are_an_error() {
        let packages: [Package<'_>; 2] = [("a", &["/x/ 0700"]), ("b", &["/x/ 1777"])];
        assert_eq!(
            united(&packages),
            Err("directory /x has mode 0700 in package a, and 1777 in package b".to_owned())
        );
    }

    #[test]
    fn a_link_stays_where_another_package_has_a_directory() {
        for packages in
            [[("a", "/lib -> usr/lib"), ("b", "/lib/ 0755")], [("a", "/lib/ 0755"), ("b", "/lib -> usr/lib")]]
        {
            let lists = packages.map(|(name, line)| (name, [line]));
            let packages: Vec<Package<'_>> = lists.iter().map(|(name, list)| (*name, &list[..])).collect();
            assert_eq!(united(&packages), Ok(vec!["/lib -> usr/lib".to_owned()]));
        }
    }

    #[test]
    fn a_file_of_two_packages_is_an_error() {
        let packages: [Package<'_>; 2] = [("b", &["/etc/x"]), ("a", &["/etc/x"])];
        assert_eq!(united(&packages), Err("/etc/x is in package a and in package b".to_owned()));
    }
}
