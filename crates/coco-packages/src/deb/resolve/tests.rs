//! Tests of the choice: archives of a few lines, and what is chosen of them.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// An index of lines `NAME VERSION; FIELD: value; ...`.
fn index(name: &str, lines: &[&str]) -> Index {
    let stanza = |(number, line): (usize, &&str)| {
        let mut parts = line.split("; ");
        let (package, version) = parts.next().unwrap().split_once(' ').unwrap();
        let fields: Vec<_> = parts.map(|it| format!("{it}\n")).collect();
        let architecture = if line.contains("Architecture") { "" } else { "Architecture: amd64\n" };
        let same = format!("{name} {number}");
        let digest: String =
            same.bytes().chain([0; 32]).take(32).map(|it| format!("{it:02x}")).collect::<Vec<_>>().concat();
        format!(
            "Package: {package}\nVersion: {version}\nFilename: {package}.deb\nSize: 1\nSHA256: {digest}\n\
             {architecture}{}",
            fields.concat()
        )
    };
    let stanzas: Vec<_> = lines.iter().enumerate().map(stanza).collect();
    Index::parse(name, &stanzas.join("\n")).unwrap()
}

/// `a b -omitted c=1`: wanted, omitted, and to be kept but not wanted.
fn request(words: &str) -> Request {
    let mut request = Request {
        wanted: BTreeSet::new(),
        omit: BTreeSet::new(),
        keep: BTreeMap::new(),
        architecture: "amd64".to_owned(),
    };
    for word in words.split_whitespace() {
        match (word.strip_prefix('-'), word.split_once('=')) {
            (Some(name), _) => {
                request.omit.insert(name.parse().unwrap());
            }
            (None, Some((name, version))) => {
                request.keep.insert(name.parse().unwrap(), version.parse().unwrap());
            }
            (None, None) => {
                request.wanted.insert(word.parse().unwrap());
            }
        }
    }
    request
}

fn shown(words: &str, indices: &[Index]) -> String {
    let resolution = match resolve(&request(words), indices) {
        Ok(resolution) => resolution,
        Err(error) => return format!("error: {error}\n"),
    };
    let line = |it: &Chosen<'_>| {
        let index = &indices[it.index].name;
        format!("{} {} of {index}: {}\n", it.package.name, it.package.version, it.because)
    };
    let released = resolution.released.iter().map(|name| format!("released {name}\n"));
    resolution.packages.iter().map(line).chain(released).collect::<Vec<_>>().concat()
}

fn check(words: &str, lines: &[&str], expected: &Expect) {
    expected.assert_eq(&shown(words, &[index("main", lines)]));
}

#[test]
fn what_is_wanted_brings_what_it_depends_on() {
    check(
        "chrony",
        &[
            "chrony 4; Depends: libc6 (>= 2), iproute2; Pre-Depends: init; Recommends: unwanted",
            "libc6 2.36; Depends: libgcc-s1",
            "libgcc-s1 12; Depends: libc6; Architecture: all",
            "init 1",
            "iproute2 6",
            "unwanted 1",
            "essential 1; Essential: yes",
        ],
        &expect![[r#"
            chrony 4 of main: wanted
            init 1 of main: chrony needs init
            iproute2 6 of main: chrony needs iproute2
            libc6 2.36 of main: chrony needs libc6 (>= 2)
            libgcc-s1 12 of main: libc6 needs libgcc-s1
        "#]],
    );
}

#[test]
fn the_newest_of_all_indices_is_taken() {
    let indices = [
        index("trixie", &["aa 1.0", "bb 2; Depends: aa"]),
        index("security", &["aa 1.0+deb13u1", "aa 0.9"]),
        index("ports", &["aa 3; Architecture: arm64"]),
    ];
    expect![[r#"
        aa 1.0+deb13u1 of security: bb needs aa
        bb 2 of trixie: wanted
    "#]]
    .assert_eq(&shown("bb", &indices));
}

#[test]
fn of_the_same_file_in_two_indices_the_first_counts() {
    let main = index("trixie", &["aa 1"]);
    let updates = Index { name: "updates".to_owned(), ..main.clone() };
    assert_eq!(shown("aa", &[updates, main]), "aa 1 of updates: wanted\n");
}

#[test]
fn two_files_of_one_version_are_an_error_if_they_are_asked_for() {
    let indices = [index("main", &["aa 1", "bb 1"]), index("other", &["aa 1-0"])];
    assert_eq!(
        shown("aa", &indices),
        "error: package aa 1 is in main and in other, with different digests\n"
    );
    assert_eq!(shown("bb", &indices), "bb 1 of main: wanted\n");
}

#[test]
fn of_alternatives_the_first_is_taken_unless_another_is_there() {
    let lines = ["aa 1; Depends: xx | yy", "bb 1; Depends: yy | xx", "cc 1; Depends: yy", "xx 1", "yy 1"];
    check("aa", &lines, &expect!["aa 1 of main: wanted\nxx 1 of main: aa needs xx | yy\n"]);
    // What is certain comes first.
    check(
        "aa cc",
        &lines,
        &expect!["aa 1 of main: wanted\ncc 1 of main: wanted\nyy 1 of main: cc needs yy\n"],
    );
    // Then the order of names decides.
    check(
        "bb aa",
        &lines,
        &expect!["aa 1 of main: wanted\nbb 1 of main: wanted\nxx 1 of main: aa needs xx | yy\n"],
    );
}

#[test]
fn an_alternative_that_is_not_to_be_had_is_none() {
    check(
        "aa",
        &["aa 1; Depends: gone | xx (>= 2) | yy", "xx 1", "yy 1"],
        &expect!["aa 1 of main: wanted\nyy 1 of main: aa needs gone | xx (>= 2) | yy\n"],
    );
}

#[test]
fn the_only_provider_is_taken() {
    check(
        "aa",
        &[
            "aa 1; Depends: libssl3 (>= 3)",
            "libssl3t64 3.1; Provides: libssl3 (= 3.1)",
            "old 1; Provides: libssl3",
        ],
        &expect!["aa 1 of main: wanted\nlibssl3t64 3.1 of main: aa needs libssl3 (>= 3)\n"],
    );
}

#[test]
fn a_chosen_provider_does_and_several_are_an_error() {
    let lines = [
        "aa 1; Depends: mta",
        "bb 1; Depends: mta | dd",
        "dd 1",
        "exim 1; Provides: mta",
        "postfix 1; Provides: mta",
    ];
    check("aa postfix", &lines, &expect!["aa 1 of main: wanted\npostfix 1 of main: wanted\n"]);
    check("aa", &lines, &expect!["error: aa needs mta, and nothing says which one: exim, postfix\n"]);
    check("bb", &lines, &expect!["bb 1 of main: wanted\ndd 1 of main: bb needs mta | dd\n"]);
}

#[test]
fn a_package_is_preferred_to_who_provides_its_name() {
    let lines = ["aa 1; Depends: awk", "awk 1", "mawk 1; Provides: awk", "bb 1; Depends: mawk"];
    check("aa", &lines, &expect!["aa 1 of main: wanted\nawk 1 of main: aa needs awk\n"]);
    check("aa mawk", &lines, &expect!["aa 1 of main: wanted\nmawk 1 of main: wanted\n"]);
    // One alternative is more certain than several, and what is certain is more so.
    check(
        "aa bb",
        &lines,
        &expect!["aa 1 of main: wanted\nbb 1 of main: wanted\nmawk 1 of main: bb needs mawk\n"],
    );
}

#[test]
fn omitted_names_are_not_chosen_and_do_for_what_they_provide() {
    let lines = [
        "aa 1; Depends: libpam (>= 9), ssl, xx | yy",
        "libpam 1; Depends: gone",
        "openssl 1; Provides: ssl",
        "xx 1",
        "yy 1",
    ];
    check("aa -libpam -openssl -yy", &lines, &expect!["aa 1 of main: wanted\n"]);
    check(
        "xx -libpam",
        &lines,
        &expect!["error: package libpam is omitted, and nothing that was chosen asks for it\n"],
    );
    check("xx -xx", &lines, &expect!["error: package xx is wanted and omitted\n"]);
}

#[test]
fn qualifiers_ask_for_an_architecture() {
    let lines = [
        "aa 1; Depends: python3:any, libc6:amd64",
        "bb 1; Depends: libc6:any",
        "cc 1; Depends: libc6:i386",
        "python3 3; Multi-Arch: allowed",
        "libc6 2; Multi-Arch: same",
    ];
    check(
        "aa",
        &lines,
        &expect![[r#"
            aa 1 of main: wanted
            libc6 2 of main: aa needs libc6:amd64
            python3 3 of main: aa needs python3:any
        "#]],
    );
    check("bb", &lines, &expect!["error: bb needs libc6:any: the libc6 to be had is 2 of main\n"]);
    check("cc", &lines, &expect!["error: cc needs libc6:i386: the libc6 to be had is 2 of main\n"]);
}

#[test]
fn what_is_not_to_be_had_is_told_with_who_wants_it() {
    let lines = [
        "systemd 1; Depends: libfoo",
        "libfoo 1; Depends: libbar (>= 2) | gone | virtual (= 1)",
        "libbar 1.9",
        "real 1; Provides: virtual",
    ];
    check(
        "systemd",
        &lines,
        &expect![[r#"
            error: systemd -> libfoo needs libbar (>= 2) | gone | virtual (= 1): the libbar to be had is 1.9 of main; there is no gone; virtual is provided in no such version, by real
        "#]],
    );
    check("absent", &lines, &expect!["error: package absent for amd64 is not in main\n"]);
    check("virtual", &lines, &expect!["error: virtual is no package: it is provided by real\n"]);
}

#[test]
fn packages_that_do_not_go_together_are_told() {
    let lines = [
        "aa 1; Depends: bb; Conflicts: mta; Provides: mta",
        "bb 1; Depends: exim",
        "exim 1; Provides: mta",
        "cc 1; Breaks: bb (<< 2)",
        "dd 1; Breaks: bb (<< 1)",
        "ee 1; Conflicts: mta (= 1)",
    ];
    check("aa", &lines, &expect!["error: aa conflicts with mta, and aa -> bb -> exim 1 is there\n"]);
    check("bb cc", &lines, &expect!["error: cc breaks bb (<< 2), and bb 1 is there\n"]);
    check(
        "bb dd ee",
        &lines,
        &expect![[r#"
            bb 1 of main: wanted
            dd 1 of main: wanted
            ee 1 of main: wanted
            exim 1 of main: bb needs exim
        "#]],
    );
}

#[test]
fn versions_are_kept_while_everything_allows_it() {
    let lines = [
        "aa 1; Depends: liba (>= 1)",
        "aa 2; Depends: liba (= 2)",
        "liba 1",
        "liba 2",
        "cc 1; Breaks: liba (<< 2)",
        "dd 2; Depends: liba (>= 1)",
        "dd 1; Depends: liba (= 1)",
    ];
    check("aa aa=1 liba=1", &lines, &expect!["aa 1 of main: wanted\nliba 1 of main: aa needs liba (>= 1)\n"]);
    check("aa aa=0 liba=3", &lines, &expect!["aa 2 of main: wanted\nliba 2 of main: aa needs liba (= 2)\n"]);
    let needed = expect!["aa 2 of main: wanted\nliba 2 of main: aa needs liba (= 2)\nreleased liba\n"];
    check("aa liba=1", &lines, &needed);
    let broken = expect!["cc 1 of main: wanted\nliba 2 of main: wanted\nreleased liba\n"];
    check("cc liba liba=1", &lines, &broken);
    // Who asks for what is no more gives way as well.
    check(
        "dd dd=1",
        &lines,
        &expect!["dd 2 of main: wanted\nliba 2 of main: dd needs liba (>= 1)\nreleased dd\n"],
    );
}

fn any_package() -> impl Strategy<Value = String> {
    let relation = "p[0-7]( \\((>=|<<) [12]\\))?( \\| p[0-7])?";
    (0..8_u8, 1..3_u8, prop::collection::vec(relation, 0..3), "(p[0-7]( \\(= 1\\))?)?", "(p[0-7])?").prop_map(
        |(name, version, depends, provides, conflicts)| {
            format!(
                "p{name} {version}; Depends: {}; Provides: {provides}; Conflicts: {conflicts}",
                depends.join(", ")
            )
        },
    )
}

proptest! {
    #[test]
    fn what_is_chosen_holds_together_and_no_order_shows(
        lines in prop::collection::vec(any_package(), 1..12),
        wanted in prop::collection::btree_set("p[0-7]", 1..4),
        kept in 0..8_u8,
    ) {
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.sort_by_key(|line| line.split("; ").next());
        lines.dedup_by_key(|line| line.split("; ").next());
        let words = format!("{} p{kept}=1", wanted.into_iter().collect::<Vec<_>>().join(" "));
        let forward = index("main", &lines);
        let mut backward = forward.clone();
        backward.packages.reverse();
        let text = shown(&words, std::slice::from_ref(&forward));
        prop_assert_eq!(shown(&words, &[backward]), text);
        let Ok(resolution) = resolve(&request(&words), std::slice::from_ref(&forward)) else { return Ok(()) };
        let catalogue = Catalogue::new(&request(""), &[]);
        let is_there = |relation: &Relation| {
            resolution.packages.iter().any(|it| catalogue.satisfies(it.package, relation))
        };
        for chosen in &resolution.packages {
            prop_assert!(chosen.package.depends.iter().all(|it| it.iter().any(is_there)));
        }
    }
}
