//! Whether a path of tmpfiles.d may lead to one of a few places: links, globs and specifiers are
//! considered, what they stand for is not worked out. In doubt it does.

use crate::path::GuestPath;
use crate::tree::{LINKS_MAX, Node, Tree};

/// What systemd-tmpfiles reads as more than a letter of a path: quotes, escapes, specifiers, globs
/// (with braces).
const SPECIAL: [char; 8] = ['"', '\'', '\\', '%', '*', '?', '[', '{'];

/// Where systemd-tmpfiles says `/run` itself, whatever is there.
const VAR_RUN: &str = "/var/run";

/// Places that no one else may change, and the links of the image that lead to or over them.
pub(super) struct Guarded<'a> {
    tree: &'a Tree,
    places: Vec<GuestPath>,
    links: Vec<&'a GuestPath>,
}

impl<'a> Guarded<'a> {
    /// Guards `places` as written, and where they are once the links are followed.
    pub(super) fn new(tree: &'a Tree, mut places: Vec<GuestPath>) -> Self {
        let end = |path: &GuestPath| follow(tree, GuestPath::root(), path.as_str());
        let real: Vec<GuestPath> = places.iter().filter_map(end).collect();
        places.extend(real);
        let symlinks = tree.iter().filter(|(_, entry)| matches!(entry.node, Node::Symlink(_)));
        let mut others: Vec<(&GuestPath, Option<GuestPath>)> =
            symlinks.map(|(path, _)| (path, end(path))).collect();
        let mut links: Vec<&GuestPath> = Vec::new();
        // A link may lead to a directory with another in it; no way goes through more of them.
        for _ in 0..LINKS_MAX {
            let leads = |(_, end): &(&GuestPath, Option<GuestPath>)| {
                let near = |place: &GuestPath| end.as_ref().is_none_or(|end| are_nested(end, place));
                places.iter().any(near) || links.iter().any(|link| near(link))
            };
            let (found, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(leads);
            others = rest;
            if found.is_empty() {
                break;
            }
            links.extend(found.into_iter().map(|(path, _)| path));
        }
        Self { tree, places, links }
    }

    /// Whether a line of this type may change a guarded place, by its path or, if it makes a link,
    /// by what it leads to later.
    pub(super) fn is_changed(&self, kind: &str, path: &str, argument: &str) -> bool {
        // Every path below it is read as one below /run, wherever the link leads.
        if kind.starts_with('L') && path == VAR_RUN {
            return false;
        }
        if kind.contains(SPECIAL) || self.is_reached(path) {
            return true;
        }
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        kind.starts_with('L')
            && !argument.is_empty()
            && (argument.contains(SPECIAL) || self.is_reached_from(directory, argument))
    }

    /// Whether `path` may be a guarded place, or above or below one.
    fn is_reached(&self, path: &str) -> bool {
        self.is_reached_from("/", path)
    }

    fn is_reached_from(&self, directory: &str, path: &str) -> bool {
        let directory = follow(self.tree, GuestPath::root(), directory);
        let Some((head, _)) = path.split_once(SPECIAL) else {
            let place = directory.and_then(|directory| follow(self.tree, directory, path));
            return place.is_none_or(|place| self.places.iter().any(|guarded| are_nested(guarded, &place)));
        };
        let Some((above, start)) = head.rsplit_once('/') else { return true };
        let Some(above) = directory.and_then(|directory| follow(self.tree, directory, above)) else {
            return true;
        };
        let start = format!("{}/{start}", above.as_str().trim_end_matches('/'));
        self.places.iter().any(|guarded| above.is_below(guarded) || guarded.as_str().starts_with(&start))
            || self.links.iter().any(|link| link.as_str().starts_with(&start))
    }
}

/// Whether the two are the same, or one is below the other.
fn are_nested(a: &GuestPath, b: &GuestPath) -> bool {
    a.is_below(b) || b.is_below(a)
}

/// Where `path` leads from `here`; what is not in the image, such as all below `/run`, is taken as
/// written. `None` if links go round or it is no path.
fn follow(tree: &Tree, mut here: GuestPath, path: &str) -> Option<GuestPath> {
    let parts = |path: &str| -> Vec<String> { path.split('/').rev().map(str::to_owned).collect() };
    let from = |here: GuestPath, path: &str| if path.starts_with('/') { GuestPath::root() } else { here };
    let mut budget = LINKS_MAX;
    here = from(here, path);
    let mut rest = parts(path);
    while let Some(part) = rest.pop() {
        let next = match part.as_str() {
            "" | "." => continue,
            ".." => {
                here = here.parent().unwrap_or(here);
                continue;
            }
            part => here.join(part).ok()?,
        };
        here = match tree.get(&next).map(|entry| &entry.node) {
            _ if next.as_str() == VAR_RUN => GuestPath::fixed("/run"),
            Some(Node::Symlink(target)) => {
                budget = budget.checked_sub(1)?;
                rest.extend(parts(target));
                from(here, target)
            }
            _ => next,
        };
    }
    Some(here)
}
