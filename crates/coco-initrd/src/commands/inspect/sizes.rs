//! What `inspect --sizes` prints: directories, then packages. They are weighed in `coco_image`.

use coco_image::inspect::sizes::{Dpkg, Held, Item, Oddity, Package, Packages, Share, Sizes, Weight};
use serde_json::{Value, json};

use super::Told;

/// What is less than this part of all is told together with what else is, in tenths of a percent.
const TOLD_MIN: u64 = 10;

/// A line of the tables.
struct Row<'a> {
    depth: usize,
    weight: Weight,
    what: What<'a>,
}

/// What a line is of.
enum What<'a> {
    Item(&'a Item),
    /// This many files and directories.
    More(usize),
}

impl<'a> Row<'a> {
    fn of(item: &'a Item, depth: usize) -> Self {
        Self { depth, weight: item.weight, what: What::Item(item) }
    }
}

/// Directories and large files, indented.
pub(super) fn tree(told: &Told<'_>, sizes: &Sizes) -> Vec<String> {
    let whole = sizes.root.weight;
    let mut lines = vec![head()];
    let mut stack = vec![Row::of(&sizes.root, 0)];
    while let Some(Row { depth, weight, what }) = stack.pop() {
        let name = match what {
            What::Item(item) => name(item),
            What::More(count) => format!("{count} more"),
        };
        lines.push(row(weight, whole, &format!("{:depth$}{name}", "", depth = 2 * depth)));
        if let What::Item(item) = what
            && depth < told.depth
        {
            let (listed, folded) = fold(item.children(), whole, |child| child.weight);
            let rest: Weight = folded.iter().map(|child| child.weight).sum();
            // Nothing but a sum would say the directory's own numbers again.
            if !listed.is_empty() && !folded.is_empty() {
                stack.push(Row { depth: depth + 1, weight: rest, what: What::More(folded.len()) });
            }
            stack.extend(listed.iter().rev().map(|child| Row::of(child, depth + 1)));
        }
    }
    let unpacked: u64 = told.found.segments.iter().map(|(segment, _)| segment.unpacked).sum();
    lines.push(format!(
        "{} bytes of initrd unpack to {unpacked}; which file takes what of them is not known",
        told.image.size
    ));
    lines
}

/// Packages, largest first, and what is no package's.
pub(super) fn packages(sizes: &Sizes) -> Vec<String> {
    let Packages { dpkg, unread } = &sizes.packages;
    let mut lines = match dpkg {
        None if unread.is_empty() => vec!["none: no database of packages is there".to_owned()],
        None => Vec::new(),
        Some(Err(error)) => vec![format!("not known, dpkg's database is not read: {error}")],
        Some(Ok(dpkg)) => dpkg_lines(dpkg, sizes.root.weight),
    };
    lines.extend(unread.iter().map(|(kind, path)| format!("not read: {kind}'s database {path}")));
    lines
}

/// All of it, nothing folded.
pub(super) fn json(sizes: &Sizes) -> Value {
    let dpkg = sizes.packages.dpkg.as_ref().and_then(|dpkg| dpkg.as_ref().ok());
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    for item in sizes.items() {
        let Weight { bytes, memory, files: count } = item.weight;
        let path = item.path.as_str();
        match item.held {
            Held::Directory(_) => {
                directories.push(json!({"bytes": bytes, "files": count, "memory": memory, "path": path}));
            }
            Held::File => {
                let packages = dpkg.map(|dpkg| dpkg.owners(&item.path).collect::<Vec<_>>());
                files.push(json!({"bytes": bytes, "memory": memory, "packages": packages, "path": path}));
            }
        }
    }
    let unread =
        sizes.packages.unread.iter().map(|(kind, path)| json!({"kind": kind, "path": path.as_str()}));
    json!({
        "all": weight(sizes.root.weight),
        "directories": directories,
        "dpkg": dpkg.map(dpkg_json),
        "files": files,
        "not_read": unread.collect::<Vec<Value>>(),
        "problem": sizes.packages.dpkg.as_ref().and_then(|dpkg| dpkg.as_ref().err()).map(ToString::to_string),
    })
}

fn head() -> String {
    format!("{:>12} {:>12} {:>7} {:>8}  name", "bytes", "memory", "share", "files")
}

fn row(weight: Weight, whole: Weight, name: &str) -> String {
    let Weight { files, bytes, memory } = weight;
    format!("{bytes:>12} {memory:>12} {:>7} {files:>8}  {name}", Share::new(bytes, whole.bytes))
}

/// The last part of its name; with a `/` if it is a directory.
fn name(item: &Item) -> String {
    match item.held {
        Held::File => item.path.file_name().to_owned(),
        Held::Directory(_) => format!("{}/", item.path.file_name()),
    }
}

/// What is told one by one, and what is told together; `all` is sorted, largest first. A single one is not hidden.
fn fold<T>(all: &[T], whole: Weight, weight: impl Fn(&T) -> Weight) -> (&[T], &[T]) {
    let is_told = |one: &T| Share::new(weight(one).bytes, whole.bytes).tenths() >= TOLD_MIN;
    let told = all.partition_point(is_told);
    let told = if told + 1 == all.len() { all.len() } else { told };
    all.split_at_checked(told).unwrap_or((all, &[]))
}

fn dpkg_lines(dpkg: &Dpkg, whole: Weight) -> Vec<String> {
    let (told, folded) = fold(&dpkg.packages, whole, |package| package.weight);
    let name = |package: &Package| match &package.version {
        None => package.name.clone(),
        Some(version) => format!("{} {version}", package.name),
    };
    let mut lines = vec![head()];
    lines.extend(told.iter().map(|package| row(package.weight, whole, &name(package))));
    if !folded.is_empty() {
        let rest = folded.iter().map(|package| package.weight).sum();
        lines.push(row(rest, whole, &format!("{} more packages", folded.len())));
    }
    if dpkg.several != Weight::default() {
        lines.push(row(dpkg.several, whole, "(listed by several packages)"));
    }
    lines.push(row(dpkg.unowned, whole, "(listed by no package)"));
    let oddities = [
        ("packages without a list of files", &dpkg.without_list),
        ("names in lists that are not in the image", &dpkg.missing),
        ("lines of lists that are no names of files", &dpkg.refused),
    ];
    let oddities = oddities.iter().filter_map(|(what, Oddity { count, example })| {
        Some(format!("{what}: {count}, the first: {}", example.as_ref()?))
    });
    lines.extend(oddities);
    lines
}

fn weight(weight: Weight) -> Value {
    json!({"bytes": weight.bytes, "files": weight.files, "memory": weight.memory})
}

fn dpkg_json(dpkg: &Dpkg) -> Value {
    let package = |Package { name, version, weight: Weight { bytes, memory, files } }: &Package| json!({"bytes": bytes, "files": files, "memory": memory, "name": name, "version": version});
    let oddity = |oddity: &Oddity| json!({"count": oddity.count, "example": oddity.example});
    json!({
        "missing": oddity(&dpkg.missing),
        "packages": dpkg.packages.iter().map(package).collect::<Vec<Value>>(),
        "refused": oddity(&dpkg.refused),
        "several": weight(dpkg.several),
        "unowned": weight(dpkg.unowned),
        "without_list": oddity(&dpkg.without_list),
    })
}
