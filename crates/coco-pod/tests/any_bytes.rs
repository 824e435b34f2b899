//! Promises that hold for any file: generated trees in all styles, and bytes that are no file.

use coco_pod::{INITDATA, PodFile, exercise};
use proptest::prelude::*;

/// A value of YAML.
#[derive(Debug, Clone)]
enum Tree {
    Scalar(String),
    List(Vec<Tree>),
    Mapping(Vec<(String, Tree)>),
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
struct Look {
    step: usize,
    comments: bool,
    /// From which level on everything is in braces.
    flow_from: usize,
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("plain".to_owned()),
        Just("'it''s # no comment'".to_owned()),
        Just("\"a \\\" b: é😀\"".to_owned()),
        Just("12".to_owned()),
        Just("~".to_owned()),
        Just("-".to_owned() + "x"),
        "[a-z]{1,8}( [a-z]{1,8}){0,2}",
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    scalar().prop_map(Tree::Scalar).prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Tree::List),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 1..4)
                .prop_map(|entries| Tree::Mapping(entries.into_iter().collect())),
        ]
    })
}

fn flow(tree: &Tree) -> String {
    match tree {
        Tree::Scalar(text) => text.clone(),
        Tree::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Tree::Mapping(entries) => {
            let entry = |(key, value): &(String, Tree)| format!("{key}: {}", flow(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A value behind `key:` or `-`, with its line break.
fn block(tree: &Tree, level: usize, look: Look) -> String {
    let indent = " ".repeat(level * look.step);
    let comment = if look.comments { " # é: {" } else { "" };
    let line = if look.comments { format!("{indent}# '\n") } else { String::new() };
    match tree {
        Tree::Scalar(text) if text.contains(' ') && !text.contains(['"', '\'']) => {
            format!(" |-{comment}\n{indent}{text}\n")
        }
        _ if level >= look.flow_from || matches!(tree, Tree::Scalar(_)) => {
            format!(" {}{comment}\n", flow(tree))
        }
        Tree::Scalar(_) => unreachable!("the arm above has all of them"),
        Tree::List(items) => {
            let item = |item: &Tree| format!("{line}{indent}-{}", block(item, level + 1, look));
            format!("{comment}\n{}", items.iter().map(item).collect::<String>())
        }
        Tree::Mapping(entries) => {
            let entry = |(key, value): &(String, Tree)| {
                format!("{line}{indent}{key}:{}", block(value, level + 1, look))
            };
            format!("{comment}\n{}", entries.iter().map(entry).collect::<String>())
        }
    }
}

fn leaf(text: &str) -> Tree {
    Tree::Scalar(text.to_owned())
}

fn entry(key: &str, value: Tree) -> (String, Tree) {
    (key.to_owned(), value)
}

/// A deployment with annotations on its pod, if there are any, and anything else in its other places.
fn deployment(annotations: &[(String, String)], labels: Tree, spec: Tree, look: Look) -> String {
    let mut metadata = vec![entry("labels", labels.clone())];
    if !annotations.is_empty() {
        let all = annotations.iter().map(|(key, value)| entry(key, leaf(value))).collect();
        metadata.push(entry("annotations", Tree::Mapping(all)));
    }
    metadata.push(entry("other", labels));
    let template = Tree::Mapping(vec![entry("metadata", Tree::Mapping(metadata)), entry("spec", spec)]);
    let root = Tree::Mapping(vec![
        entry("apiVersion", leaf("apps/v1")),
        entry("kind", leaf("Deployment")),
        entry("metadata", Tree::Mapping(vec![entry("name", leaf("a"))])),
        entry("spec", Tree::Mapping(vec![entry("template", template)])),
    ]);
    let text = block(&root, 0, look);
    text.trim_start_matches(" # é: {").trim_start().to_owned()
}

fn look() -> impl Strategy<Value = Look> {
    (1..5_usize, any::<bool>(), 0..7_usize).prop_map(|(step, comments, flow_from)| Look {
        step,
        comments,
        flow_from,
    })
}

/// Some annotations; a key is there once.
fn annotations() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::btree_map("[a-z]{1,6}/[a-z]{1,6}", scalar(), 0..4)
        .prop_map(|entries| entries.into_iter().collect())
}

fn file() -> impl Strategy<Value = (String, bool)> {
    (annotations(), tree(), tree(), look(), any::<bool>()).prop_map(
        |(annotations, labels, spec, look, crlf)| {
            let text = deployment(&annotations, labels, spec, look);
            let text = if crlf { text.replace('\n', "\r\n") } else { text };
            (text, !annotations.is_empty())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_set_is_there_and_nothing_else_has_changed((text, had_annotations) in file(), value in ".{0,40}") {
        let file = PodFile::parse("generated", text.as_bytes()).unwrap();
        let pod = &file.workloads()[0];
        let edited = file.set_annotation(pod, INITDATA, &value).unwrap();
        let set = PodFile::parse("edited", edited.as_bytes()).unwrap();
        prop_assert_eq!(set.annotation(pod, INITDATA), Ok(Some(value)));
        // One run of characters was put in, and nothing was taken out.
        let common = text.bytes().zip(edited.bytes()).take_while(|(a, b)| a == b).count();
        let left = text.len() - common;
        prop_assert!(text.as_bytes()[common..] == edited.as_bytes()[edited.len() - left..]);
        let again = set.remove_annotation(pod, INITDATA).unwrap();
        if had_annotations || !text.contains("annotations") {
            prop_assert_eq!(again, text);
        }
    }

    #[test]
    fn a_value_is_replaced_in_its_place((text, _) in file(), first in ".{0,20}", second in ".{0,20}") {
        let file = PodFile::parse("generated", text.as_bytes()).unwrap();
        let pod = &file.workloads()[0];
        let once = file.set_annotation(pod, INITDATA, &first).unwrap();
        let twice = PodFile::parse("once", once.as_bytes()).unwrap().set_annotation(pod, INITDATA, &second);
        prop_assert_eq!(twice, file.set_annotation(pod, INITDATA, &second));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
    }

    #[test]
    fn no_text_of_yamls_characters_makes_it_panic(
        text in r#"[\[\]{}:,?!&*|>'"%@`#\-\n \tab0~<=.é]{0,60}"#,
    ) {
        exercise(text.as_bytes());
        exercise(format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n    {text}\n").as_bytes());
        exercise(format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a, annotations: {{{text}}}}}}}").as_bytes());
    }

    #[test]
    fn no_changed_byte_of_a_good_file_makes_it_panic(
        (text, _) in file(), at in any::<prop::sample::Index>(), byte in any::<u8>(), length in 0..3_usize,
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, [byte]);
        exercise(&bytes);
    }
}
