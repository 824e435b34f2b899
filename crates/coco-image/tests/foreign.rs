//! Our images as other programs see them: GNU cpio, bsdtar and the `cpio` crate.
//!
//! The kernel is not the only reader of an initrd; people list and unpack it with these. Listings are
//! of the whole image, in every compression; unpacking leaves out device nodes, for which one must be
//! root.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]

use std::io::{Read, Seek as _, Write as _};
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use coco_image::layer::{GROUP_BYTES, groups};
use coco_image::pack::{Options, pack};
use coco_image::tree::{Bodies, Body, DeviceKind, Extent, Layer, Node, Parents, Tree};
use coco_image::units::{Epoch, Method, Mode};
use expect_test::expect;

/// No body of these images is anywhere but in memory.
struct NoBodies;

impl Bodies for NoBodies {
    fn open(&self, _: Extent) -> std::io::Result<Box<dyn Read + '_>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

fn file(mode: u32, text: &str) -> Node {
    Node::File(Mode::of_stat(mode), Body::bytes(text.as_bytes()))
}

/// A tree with a file of every type in every layer's way: names of one file in two groups too.
fn tree() -> Tree {
    let large = "x".repeat(usize::try_from(GROUP_BYTES).unwrap());
    let device = |kind, major, minor| Node::Device(kind, Mode::of_stat(0o600), major, minor);
    let mut tree = Tree::default();
    for (layer, path, node) in [
        (Layer::Base, "/usr/bin/tool", file(0o755, "a tool\n")),
        (Layer::Base, "/usr/bin/alias", Node::HardLink("/usr/bin/tool".parse().unwrap())),
        (Layer::Base, "/usr/bin/zzz", Node::HardLink("/usr/bin/tool".parse().unwrap())),
        (Layer::Base, "/usr/bin/large", file(0o644, &large)),
        (Layer::Base, "/usr/empty", file(0o600, "")),
        (Layer::Base, "/usr/set-id", file(0o4755, "set-id")),
        (Layer::Base, "/usr/\u{fc}ber a b", file(0o644, "name")),
        (Layer::Base, "/bin", Node::Symlink("usr/bin".to_owned())),
        (Layer::Components, "/usr/bin/kata-agent", file(0o755, "agent")),
        (Layer::Components, "/usr/pipe", Node::Fifo(Mode::of_stat(0o640))),
        (Layer::Configuration, "/tmp", Node::Directory(Mode::of_stat(0o1777))),
        (Layer::Configuration, "/init", Node::Symlink("/usr/bin/kata-agent".to_owned())),
        (Layer::Configuration, "/dev/console", device(DeviceKind::Character, 5, 1)),
        (Layer::Configuration, "/dev/disk", device(DeviceKind::Block, 8, 17)),
    ] {
        tree.insert(&path.parse().unwrap(), node, layer, Parents::Implied).unwrap();
    }
    tree
}

fn image(method: Method) -> Vec<u8> {
    let threads = NonZeroUsize::new(2).unwrap();
    let mut image = Vec::new();
    let groups = groups(&tree(), Epoch::try_from(86_400).unwrap());
    pack(&groups, Options { method, threads }, &NoBodies, &mut image, &|_| ()).unwrap();
    image
}

/// What a program says of `input`.
fn run(program: &str, arguments: &[&str], directory: &Path, input: &[u8]) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input).unwrap();
    file.rewind().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .stdin(Stdio::from(file))
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => panic!("{program} can't be started ({error}): run scripts/install-test-tools"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{said}", output.status);
    output.stdout
}

/// The plain archive, unpacked by the command-line tool of its compression.
fn plain(method: Method) -> Vec<u8> {
    match method {
        Method::None => image(method),
        Method::Gzip => run("gzip", &["-dc"], Path::new("/"), &image(method)),
        Method::Zstd => run("zstd", &["-dc"], Path::new("/"), &image(method)),
    }
}

/// What is said of the image, whatever its compression.
fn same(listing: impl Fn(Method) -> Vec<u8>) -> String {
    let none = listing(Method::None);
    for method in Method::ALL {
        assert!(listing(*method) == none, "{method}");
    }
    String::from_utf8(none).unwrap()
}

/// Everything below `root`, in words.
fn found(root: &Path, below: &Path, lines: &mut Vec<String>) {
    let mut names: Vec<_> =
        fs_err::read_dir(root.join(below)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let path = below.join(name);
        let real = root.join(&path);
        let metadata = fs_err::symlink_metadata(&real).unwrap();
        // Who is not root may lose the set-id bit.
        let mode = metadata.permissions().mode() & 0o1777;
        let name = path.display();
        if metadata.is_symlink() {
            lines.push(format!("{name} -> {}", fs_err::read_link(&real).unwrap().display()));
        } else if metadata.is_dir() {
            lines.push(format!("{name}/ {mode:04o}"));
            found(root, &path, lines);
        } else if metadata.is_file() {
            let text = fs_err::read_to_string(&real).unwrap();
            let text = if text.len() > 20 { format!("{} bytes", text.len()) } else { format!("{text:?}") };
            lines.push(format!("{name} {mode:04o} {} {text}", metadata.nlink()));
        } else {
            lines.push(format!("{name} {mode:04o} of another type"));
        }
    }
}

/// What the tools should leave on the disk.
fn unpacked(directory: &Path) -> String {
    let mut lines = Vec::new();
    found(directory, Path::new(""), &mut lines);
    lines.retain(|line| !line.starts_with("dev/ "));
    lines.join("\n")
}

const UNPACKED: &str = r#"bin -> usr/bin
init -> /usr/bin/kata-agent
tmp/ 1777
usr/ 0755
usr/bin/ 0755
usr/bin/alias 0755 3 "a tool\n"
usr/bin/kata-agent 0755 1 "agent"
usr/bin/large 0644 1 4194304 bytes
usr/bin/tool 0755 3 "a tool\n"
usr/bin/zzz 0755 3 "a tool\n"
usr/empty 0600 1 ""
usr/pipe 0640 of another type
usr/set-id 0755 1 "set-id"
usr/über a b 0644 1 "name""#;

#[test]
fn gnu_cpio_lists_the_image() {
    let arguments = ["-tv", "--numeric-uid-gid", "--quiet"];
    let listing = same(|method| run("cpio", &arguments, Path::new("/"), &plain(method)));
    expect![[r#"
        drwxr-xr-x   2 0        0               0 Jan  2  1970 .
        lrwxrwxrwx   1 0        0               7 Jan  2  1970 bin -> usr/bin
        drwxr-xr-x   2 0        0               0 Jan  2  1970 usr
        drwxr-xr-x   2 0        0               0 Jan  2  1970 usr/bin
        -rwxr-xr-x   3 0        0               0 Jan  2  1970 usr/bin/alias
        -rw-r--r--   1 0        0         4194304 Jan  2  1970 usr/bin/large
        -rwxr-xr-x   3 0        0               0 Jan  2  1970 usr/bin/tool
        -rwxr-xr-x   3 0        0               7 Jan  2  1970 usr/bin/zzz
        -rw-------   1 0        0               0 Jan  2  1970 usr/empty
        -rwsr-xr-x   1 0        0               6 Jan  2  1970 usr/set-id
        -rw-r--r--   1 0        0               4 Jan  2  1970 usr/über a b
        -rwxr-xr-x   1 0        0               5 Jan  2  1970 usr/bin/kata-agent
        prw-r-----   1 0        0               0 Jan  2  1970 usr/pipe
        drwxr-xr-x   2 0        0               0 Jan  2  1970 dev
        crw-------   1 0        0          5,   1 Jan  2  1970 dev/console
        brw-------   1 0        0          8,  17 Jan  2  1970 dev/disk
        lrwxrwxrwx   1 0        0              19 Jan  2  1970 init -> /usr/bin/kata-agent
        drwxrwxrwt   2 0        0               0 Jan  2  1970 tmp
    "#]]
    .assert_eq(&listing);
}

#[test]
fn gnu_cpio_unpacks_the_image() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["-idm", "--quiet", "--no-preserve-owner", "--nonmatching", "dev/*"];
    run("cpio", &arguments, directory.path(), &plain(Method::Gzip));
    assert_eq!(unpacked(directory.path()), UNPACKED);
}

#[test]
fn bsdtar_lists_the_image() {
    // libarchive knows the compressions itself.
    let arguments = ["--numeric-owner", "-tvf", "-"];
    let listing = same(|method| run("bsdtar", &arguments, Path::new("/"), &image(method)));
    expect![[r#"
        drwxr-xr-x  2 0      0           0 Jan  2  1970 .
        lrwxrwxrwx  1 0      0           7 Jan  2  1970 bin -> usr/bin
        drwxr-xr-x  2 0      0           0 Jan  2  1970 usr
        drwxr-xr-x  2 0      0           0 Jan  2  1970 usr/bin
        -rwxr-xr-x  3 0      0           0 Jan  2  1970 usr/bin/alias
        -rw-r--r--  1 0      0     4194304 Jan  2  1970 usr/bin/large
        -rwxr-xr-x  3 0      0           0 Jan  2  1970 usr/bin/tool link to usr/bin/alias
        -rwxr-xr-x  3 0      0           7 Jan  2  1970 usr/bin/zzz link to usr/bin/alias
        -rw-------  1 0      0           0 Jan  2  1970 usr/empty
        -rwsr-xr-x  1 0      0           6 Jan  2  1970 usr/set-id
        -rw-r--r--  1 0      0           4 Jan  2  1970 usr/über a b
        -rwxr-xr-x  1 0      0           5 Jan  2  1970 usr/bin/kata-agent
        prw-r-----  1 0      0           0 Jan  2  1970 usr/pipe
        drwxr-xr-x  2 0      0           0 Jan  2  1970 dev
        crw-------  1 0      0         5,1 Jan  2  1970 dev/console
        brw-------  1 0      0        8,17 Jan  2  1970 dev/disk
        lrwxrwxrwx  1 0      0          19 Jan  2  1970 init -> /usr/bin/kata-agent
        drwxrwxrwt  2 0      0           0 Jan  2  1970 tmp
    "#]]
    .assert_eq(&listing);
}

#[test]
fn bsdtar_unpacks_the_image() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["-xpf", "-", "--no-same-owner", "--exclude", "dev/*"];
    run("bsdtar", &arguments, directory.path(), &image(Method::Zstd));
    assert_eq!(unpacked(directory.path()), UNPACKED);
}

#[test]
fn the_cpio_crate_lists_the_image() {
    let mut lines = Vec::new();
    let image = plain(Method::Gzip);
    let mut rest = image.as_slice();
    loop {
        let mut reader = cpio::NewcReader::new(rest).unwrap();
        let entry = reader.entry().clone();
        if entry.is_trailer() {
            break;
        }
        let mut body = Vec::new();
        reader.read_to_end(&mut body).unwrap();
        let body =
            if body.len() > 20 { format!("{} bytes", body.len()) } else { String::from_utf8(body).unwrap() };
        lines.push(format!(
            "{:06o} {}:{} {} {} {}:{} {}:{} {} {body:?}",
            entry.mode(),
            entry.uid(),
            entry.gid(),
            entry.nlink(),
            entry.mtime(),
            entry.dev_minor(),
            entry.ino(),
            entry.rdev_major(),
            entry.rdev_minor(),
            entry.name(),
        ));
        rest = reader.finish().unwrap();
    }
    lines.push(String::new());
    expect![[r#"
        040755 0:0 2 86400 1:1 0:0 . ""
        120777 0:0 1 86400 1:2 0:0 bin "usr/bin"
        040755 0:0 2 86400 1:3 0:0 usr ""
        040755 0:0 2 86400 1:4 0:0 usr/bin ""
        100755 0:0 3 86400 1:5 0:0 usr/bin/alias ""
        100644 0:0 1 86400 1:6 0:0 usr/bin/large "4194304 bytes"
        100755 0:0 3 86400 1:5 0:0 usr/bin/tool ""
        100755 0:0 3 86400 1:5 0:0 usr/bin/zzz "a tool\n"
        100600 0:0 1 86400 1:9 0:0 usr/empty ""
        104755 0:0 1 86400 1:10 0:0 usr/set-id "set-id"
        100644 0:0 1 86400 1:11 0:0 usr/über a b "name"
        100755 0:0 1 86400 2:1 0:0 usr/bin/kata-agent "agent"
        010640 0:0 1 86400 2:2 0:0 usr/pipe ""
        040755 0:0 2 86400 3:1 0:0 dev ""
        020600 0:0 1 86400 3:2 5:1 dev/console ""
        060600 0:0 1 86400 3:3 8:17 dev/disk ""
        120777 0:0 1 86400 3:4 0:0 init "/usr/bin/kata-agent"
        041777 0:0 2 86400 3:5 0:0 tmp ""
    "#]]
    .assert_eq(&lines.join("\n"));
}
