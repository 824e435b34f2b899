//! What fits into a tree, and what does not.

use super::*;

fn path(text: &str) -> GuestPath {
    text.parse().unwrap()
}

fn file(text: &str) -> Node {
    Node::File(Mode::FILE, Body::bytes(text.as_bytes()))
}

/// A line is `/dir/`, `/link -> target`, `/name = /first name`, or `/file`.
fn add(tree: &mut Tree, line: &str, layer: Layer) -> Result<(), TreeError> {
    let (name, node) = if let Some((name, target)) = line.split_once(" -> ") {
        (name, Node::Symlink(target.to_owned()))
    } else if let Some((name, first)) = line.split_once(" = ") {
        (name, Node::HardLink(path(first)))
    } else if line.ends_with('/') {
        (line, Node::Directory(Mode::DIRECTORY))
    } else {
        (line, file(layer.name()))
    };
    tree.insert(&path(name), node, layer, Parents::Required)
}

fn tree(lines: &[&str]) -> Result<Tree, TreeError> {
    let mut tree = Tree::default();
    lines.iter().try_for_each(|line| add(&mut tree, line, Layer::Base))?;
    Ok(tree)
}

/// Why the last of these cannot be added.
fn refused(lines: &[&str]) -> String {
    tree(lines).unwrap_err().to_string()
}

#[test]
fn a_file_needs_its_directory_first() {
    assert_eq!(
        refused(&["/etc/kata-opa/policy.rego"]),
        "/etc/kata-opa/policy.rego needs directory /etc/kata-opa, which is not in the archive"
    );
}

#[test]
fn two_inputs_of_a_layer_cannot_claim_one_path() {
    assert_eq!(refused(&["/init", "/init"]), "/init is there twice in the base layer");
}

#[test]
fn nothing_can_be_below_a_file() {
    assert_eq!(refused(&["/etc", "/etc/passwd"]), "/etc/passwd can't be below /etc, which is a file");
}

#[test]
fn order_of_insertion_does_not_show() {
    assert_eq!(tree(&["/etc/", "/init", "/etc/fstab"]), tree(&["/init", "/etc/", "/etc/fstab"]));
}

#[test]
fn a_later_layer_replaces_a_file_and_a_link() {
    let mut tree = tree(&["/etc/", "/etc/policy -> allow-all", "/etc/allow-all"]).unwrap();
    add(&mut tree, "/etc/policy", Layer::Configuration).unwrap();
    let entry = tree.get(&path("/etc/policy")).unwrap();
    assert_eq!((entry.node.clone(), entry.layer), (file("configuration"), Layer::Configuration));
}

#[test]
fn a_file_below_a_linked_directory_lands_in_the_real_one() {
    let mut tree = tree(&["/usr/", "/usr/lib/", "/lib -> usr/lib"]).unwrap();
    add(&mut tree, "/lib/modules", Layer::Components).unwrap();
    assert!(tree.get(&path("/usr/lib/modules")).is_some());
}

#[test]
fn a_directory_of_a_later_layer_does_not_destroy_a_linked_one() {
    let mut tree = tree(&["/usr/", "/usr/lib/", "/lib -> usr/lib"]).unwrap();
    add(&mut tree, "/lib/", Layer::Components).unwrap();
    assert_eq!(tree.get(&path("/lib")).unwrap().node, Node::Symlink("usr/lib".to_owned()));
}

#[test]
fn a_directory_with_files_is_not_replaced_by_a_file() {
    let mut tree = tree(&["/etc/", "/etc/passwd"]).unwrap();
    assert_eq!(
        add(&mut tree, "/etc", Layer::Components).unwrap_err().to_string(),
        "/etc is a directory with files in it, a file can't replace it"
    );
}

#[test]
fn a_hard_link_to_nothing_is_refused() {
    assert_eq!(
        refused(&["/a", "/b = /c"]),
        "/b is a hard link to /c, which is not a regular file of the same layer"
    );
}

#[test]
fn replacing_the_first_name_hands_the_file_to_the_next() {
    let mut tree = tree(&["/a", "/b = /a", "/c = /b"]).unwrap();
    add(&mut tree, "/a", Layer::Components).unwrap();
    assert_eq!(tree.get(&path("/b")).unwrap().node, file("base"));
    assert_eq!(tree.get(&path("/c")).unwrap().node, Node::HardLink(path("/b")));
}

#[test]
fn a_dangling_link_says_where_it_ends() {
    let tree = tree(&["/etc/", "/etc/policy -> ../run/policy"]).unwrap();
    assert_eq!(
        tree.follow(&path("/etc/policy")).unwrap_err().to_string(),
        "/etc/policy leads to /run, which is not in the image"
    );
}

#[test]
fn links_that_go_round_are_found() {
    let tree = tree(&["/a -> b", "/b -> a"]).unwrap();
    assert_eq!(
        tree.follow(&path("/a")).unwrap_err().to_string(),
        "/a goes through more than 40 symbolic links"
    );
}

#[test]
fn a_parent_in_a_target_is_the_parent_of_where_the_links_have_led() {
    let lines = ["/a/", "/a/b/", "/a/x", "/x", "/l -> a/b", "/y -> l/../x", "/z -> ../../x"];
    let tree = tree(&lines).unwrap();
    assert_eq!(tree.follow(&path("/y")), Ok(path("/a/x")));
    assert_eq!(tree.follow(&path("/z")), Ok(path("/x")));
}

#[test]
fn a_file_over_four_gibibytes_is_refused() {
    let body = Body::Extent(Extent { store: 0, offset: 0, len: BODY_MAX + 1 });
    let node = Node::File(Mode::FILE, body);
    let error = Tree::default().insert(&path("/big"), node, Layer::Base, Parents::Required);
    assert_eq!(
        error.unwrap_err().to_string(),
        "/big is 4294967296 bytes, over the 4294967295 a cpio member can hold"
    );
}

#[test]
fn a_link_the_kernel_would_drop_is_refused() {
    for (target, len) in [("", 0), (&"a".repeat(4097), 4097), ("a\0b", 3)] {
        let node = Node::Symlink(target.to_owned());
        let error = Tree::default().insert(&path("/l"), node, Layer::Base, Parents::Required);
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("the target of symbolic link /l has {len} bytes, expected 1 to 4096 and no NUL")
        );
    }
}
