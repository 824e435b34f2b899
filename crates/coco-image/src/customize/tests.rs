//! Edits to a small tree: what they give, and what is refused.

use super::*;
use crate::decompress::Format;

fn path(text: &str) -> GuestPath {
    text.parse().unwrap()
}

fn file(text: &str) -> Node {
    Node::File(Mode::FILE, Body::bytes(text.as_bytes()))
}

fn base() -> Tree {
    let mut tree = Tree::default();
    for (name, node) in [
        ("/bin", Node::Symlink("usr/bin".to_owned())),
        ("/etc/kata-opa/allow-all.rego", file("open")),
        ("/etc/kata-opa/default-policy.rego", Node::Symlink("allow-all.rego".to_owned())),
        ("/etc/motd", file("hello")),
        ("/init", Node::Symlink("usr/bin/kata-agent".to_owned())),
        ("/usr/bin/kata-agent", file("agent")),
        ("/usr/share/doc/a", file("a")),
    ] {
        tree.insert(&path(name), node, Layer::Base, Parents::Implied).unwrap();
    }
    tree
}

fn addition(name: &str) -> Addition {
    Addition { path: path(name), mode: Mode::FILE, body: Body::bytes(b"new") }
}

fn names(tree: &Tree) -> Vec<&str> {
    tree.iter().map(|(path, _)| path.as_str()).collect()
}

#[test]
fn another_policy_takes_the_place_of_all() {
    let policy = PolicyFile { name: "mine.rego".to_owned(), body: Body::bytes(b"closed") };
    let done = apply(&base(), &Edits { policy: Some(policy), ..Edits::default() }).unwrap();
    let real = done.tree.follow(&path("/etc/kata-opa/default-policy.rego")).unwrap();
    assert_eq!(real.as_str(), "/etc/kata-opa/mine.rego");
    assert_eq!(
        done.removed_policies,
        [path("/etc/kata-opa/allow-all.rego"), path("/etc/kata-opa/default-policy.rego")]
    );
}

#[test]
fn files_are_added_and_removed_and_directories_told() {
    let edits = Edits {
        add: vec![addition("/etc/motd"), addition("/opt/x/y"), addition("/bin/z")],
        remove: vec![path("/usr/share")],
        ..Edits::default()
    };
    let done = apply(&base(), &edits).unwrap();
    assert_eq!(done.made, [path("/opt"), path("/opt/x")]);
    assert_eq!(
        done.replaced,
        [(path("/etc/motd"), true), (path("/opt/x/y"), false), (path("/bin/z"), false)].into()
    );
    let names = names(&done.tree);
    assert!(names.contains(&"/usr/bin/z") && !names.iter().any(|name| name.starts_with("/usr/share")));
}

#[test]
fn what_would_break_the_guest_or_itself_is_refused() {
    let remove = |name: &str| Edits { remove: vec![path(name)], ..Edits::default() };
    let add = |name: &str| Edits { add: vec![addition(name)], ..Edits::default() };
    let both = Edits { add: vec![addition("/usr/bin/x")], remove: vec![path("/bin/x")], ..Edits::default() };
    let bundle = Some((path("/etc/motd"), Body::bytes(b"pem")));
    let bundle = Edits { bundle, ..remove("/etc/motd") };
    for (edits, told) in [
        (bundle, "--remove /etc/motd: certificates are to be added to /etc/motd"),
        (remove("/nothing"), "--remove /nothing: it is not in the image"),
        (remove("/usr"), "--remove /usr: /usr/bin/kata-agent is needed, as init"),
        (remove("/bin/kata-agent"), "--remove /bin/kata-agent: /usr/bin/kata-agent is needed, as init"),
        (remove("/etc"), "--remove /etc: /etc/kata-opa/default-policy.rego is needed, as policy"),
        (remove("/"), "--remove /: /init is needed, as init"),
        (add("/etc"), "--add /etc: a directory is there"),
        (add("/init"), "--add /init: this file is not added by hand"),
        (add("/etc/kata-opa/b.rego"), "--add /etc/kata-opa/b.rego: this file is not added by hand"),
        (add("/etc/motd/x"), "--add /etc/motd/x: /etc/motd/x can't be below /etc/motd, which is a file"),
        (both, "/usr/bin/x is given more than once with --add and --remove"),
    ] {
        assert_eq!(apply(&base(), &edits).unwrap_err().to_string(), told);
    }
}

#[test]
fn what_is_started_has_its_usual_name() {
    let mut tree = base();
    assert_eq!(started(&tree, None).unwrap(), (Some(Init::Agent), "/usr/bin/kata-agent".to_owned()));
    assert_eq!(started(&tree, Some(&path("/etc/motd"))).unwrap(), (None, "/etc/motd".to_owned()));
    tree.remove_all(&path("/init"));
    assert!(started(&tree, None).is_err());
}

/// The base with links and further names, as an appendix meets them.
fn linked() -> Tree {
    let mut tree = base();
    for (name, node) in [
        ("/dangling", Node::Symlink("nowhere".to_owned())),
        ("/etc/issue", Node::HardLink(path("/etc/motd"))),
        ("/etc/kata-opa/empty", Node::Directory(Mode::DIRECTORY)),
        ("/loop", Node::Symlink("loop".to_owned())),
    ] {
        tree.insert(&path(name), node, Layer::Base, Parents::Implied).unwrap();
    }
    tree
}

fn appended(edits: &Edits) -> Vec<String> {
    let done = append(&linked(), edits).unwrap();
    let new = done.tree.iter().filter(|(_, entry)| entry.layer == Layer::Appendix);
    new.map(|(path, entry)| format!("{} {path}", entry.node.kind())).collect()
}

#[test]
fn an_appendix_has_what_is_new_by_its_real_name() {
    let add = ["/bin/z", "/bin/kata-agent", "/bin/new/x", "/bin"].map(addition).to_vec();
    let policy = Some(PolicyFile { name: "mine.rego".to_owned(), body: Body::bytes(b"closed") });
    assert_eq!(
        appended(&Edits { add, policy, ..Edits::default() }),
        [
            "file /bin",
            "symlink /etc/kata-opa/default-policy.rego",
            "file /etc/kata-opa/mine.rego",
            "file /usr/bin/kata-agent",
            "directory /usr/bin/new",
            "file /usr/bin/new/x",
            "file /usr/bin/z",
        ]
    );
}

#[test]
fn policies_that_an_appendix_leaves_are_told() {
    for (name, kept) in [("mine.rego", &["/etc/kata-opa/allow-all.rego"][..]), ("allow-all.rego", &[])] {
        let policy = Some(PolicyFile { name: name.to_owned(), body: Body::bytes(b"closed") });
        let done = append(&linked(), &Edits { policy, ..Edits::default() }).unwrap();
        let names: Vec<&str> = done.kept_policies.iter().map(GuestPath::as_str).collect();
        assert_eq!((names.as_slice(), done.removed_policies), (kept, vec![]));
    }
}

#[test]
fn what_an_appendix_can_not_do_is_refused() {
    let add = |name: &str| Edits { add: vec![addition(name)], ..Edits::default() };
    let remove = Edits { remove: vec![path("/etc/motd")], ..Edits::default() };
    let bundle = Edits { bundle: Some((path("/etc/issue"), Body::bytes(b"pem"))), ..Edits::default() };
    for (edits, told) in [
        (remove, "--remove /etc/motd: an appendix can't remove a file"),
        (
            add("/etc/motd"),
            "/etc/motd and /etc/issue are one file of the image: an appendix would change both",
        ),
        (
            add("/etc/issue"),
            "/etc/issue and /etc/motd are one file of the image: an appendix would change both",
        ),
        (bundle, "/etc/issue and /etc/motd are one file of the image: an appendix would change both"),
        (add("/etc"), "--add /etc: a directory is there"),
        (add("/etc/motd/x"), "--add /etc/motd/x: /etc/motd/x can't be below /etc/motd, which is a file"),
        (add("/dangling/x"), "--add /dangling/x: /dangling leads to /nowhere, which is not in the image"),
        (add("/loop/x"), "--add /loop/x: /loop goes through more than 40 symbolic links"),
    ] {
        assert_eq!(append(&linked(), &edits).unwrap_err().to_string(), told);
    }
}

#[test]
fn an_appendix_starts_where_the_kernel_looks_for_one() {
    for (size, last, offset) in [
        (8, Format::Gzip, 8),
        (9, Format::Plain, 12),
        (11, Format::Xz, 12),
        (8, Format::Lz4, 12),
        (9, Format::Lz4, 16),
    ] {
        assert_eq!(appendix_offset(size, last), offset, "{size} {last}");
    }
}
