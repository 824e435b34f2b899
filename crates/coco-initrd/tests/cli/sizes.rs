//! `coco-initrd inspect --sizes`: directories, packages, and the picture of them.

use std::fmt::Write as _;

use expect_test::expect;
use serde_json::{Value, json};

use crate::fixture::Place;

/// An image with a small database of dpkg's, as `a.img`.
fn place() -> Place {
    let place = Place::new();
    place.file("root/usr/bin/tool", [1; 5000]);
    place.file("root/usr/lib/libtool.so", vec![2; 90_000]);
    place.file("root/usr/share/doc/tool/copyright", [3; 100]);
    place.file("root/usr/share/doc/tool/changelog", [3; 100]);
    place.file("root/etc/both", [4; 2000]);
    place.file("root/opt/own", [5; 3000]);
    place.file(
        "root/var/lib/dpkg/status",
        "Package: tool\nStatus: install ok installed\nArchitecture: all\nVersion: 1.2-3\n\n\
         Package: libtool\nMulti-Arch: same\nArchitecture: amd64\nVersion: 1:4\n\nPackage: gone\n",
    );
    place.file(
        "root/var/lib/dpkg/info/tool.list",
        "/.\n/usr/bin/tool\n/usr/share/doc/tool/copyright\n/usr/share/doc/tool/changelog\n/etc/both\n/usr/share/man/tool.1\n",
    );
    place
        .file("root/var/lib/dpkg/info/libtool:amd64.list", "/lib/libtool.so\n/etc/both\n/../../etc/shadow\n");
    let made = place.shell(
        "cd root && ln -s usr/lib lib && ln usr/bin/tool usr/bin/other \
         && find . | sort | cpio -o -H newc -R 0:0 --reproducible --quiet > ../a.img",
    );
    assert_eq!((made.code, made.words.as_str()), (0, ""));
    place
}

fn sizes(place: &Place, words: &str) -> String {
    let ran = place.run(words);
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
    ran.data.split_inclusive('\n').skip_while(|line| *line != "sizes\n").collect()
}

#[test]
fn directories_and_packages_are_told_largest_first() {
    expect![[r#"
        sizes
                 bytes       memory   share    files  name
                100512       126976  100.0%        9  /
                 95200       106496   94.7%        4    usr/
                 90000        90112   89.5%        1      lib/
                 90000        90112   89.5%        1        libtool.so
                  5000         8192    5.0%        1      bin/
                  5000         8192    5.0%        1        other
                   200         8192    0.2%        2      share/
                   200         8192    0.2%        2        doc/
                  3000         4096    3.0%        1    opt/
                  3000         4096    3.0%        1      own
                  2000         4096    2.0%        1    etc/
                  2000         4096    2.0%        1      both
                   312        12288    0.3%        3    var/
                   312        12288    0.3%        3      lib/
                   312        12288    0.3%        3        dpkg/
          103936 bytes of initrd unpack to 103648; which file takes what of them is not known
        packages
                 bytes       memory   share    files  name
                 90000        90112   89.5%        1  libtool:amd64 1:4
                  5200        16384    5.2%        3  tool 1.2-3
                     0            0    0.0%        0  gone
                  2000         4096    2.0%        1  (listed by several packages)
                  3312        16384    3.3%        4  (listed by no package)
          packages without a list of files: 1, the first: gone
          names in lists that are not in the image: 1, the first: /usr/share/man/tool.1
          lines of lists that are no names of files: 1, the first: /../../etc/shadow
    "#]]
    .assert_eq(&sizes(&place(), "inspect a.img --sizes"));
}

#[test]
fn how_deep_directories_are_told_is_an_option() {
    expect![[r#"
        sizes
                 bytes       memory   share    files  name
                100512       126976  100.0%        9  /
                 95200       106496   94.7%        4    usr/
                  3000         4096    3.0%        1    opt/
                  2000         4096    2.0%        1    etc/
                   312        12288    0.3%        3    var/
          103936 bytes of initrd unpack to 103648; which file takes what of them is not known
        packages
                 bytes       memory   share    files  name
                 90000        90112   89.5%        1  libtool:amd64 1:4
                  5200        16384    5.2%        3  tool 1.2-3
                     0            0    0.0%        0  gone
                  2000         4096    2.0%        1  (listed by several packages)
                  3312        16384    3.3%        4  (listed by no package)
          packages without a list of files: 1, the first: gone
          names in lists that are not in the image: 1, the first: /usr/share/man/tool.1
          lines of lists that are no names of files: 1, the first: /../../etc/shadow
    "#]]
    .assert_eq(&sizes(&place(), "inspect a.img --sizes --sizes-depth 1"));
}

#[test]
fn without_the_option_nothing_is_told_and_json_has_null() {
    let place = place();
    assert!(!place.run("inspect a.img").data.contains("sizes"));
    let report: Value = serde_json::from_str(&place.run("inspect a.img --json").data).unwrap();
    assert_eq!(report["sizes"], Value::Null);
}

#[test]
fn json_has_every_file_with_its_packages() {
    let place = place();
    let report: Value = serde_json::from_str(&place.run("inspect a.img --sizes --json").data).unwrap();
    let sizes = &report["sizes"];
    assert_eq!(sizes["all"]["bytes"], report["files"]["bytes"]);
    assert_eq!(sizes["all"]["memory"], report["needs"]["unpacked"]);
    let files = sizes["files"].as_array().unwrap();
    let of = |path: &str| files.iter().find(|file| file["path"] == path).unwrap();
    assert_eq!(
        of("/usr/lib/libtool.so"),
        &json!({"bytes": 90_000, "memory": 90_112, "packages": ["libtool:amd64"],
            "path": "/usr/lib/libtool.so"})
    );
    assert_eq!(of("/etc/both")["packages"], json!(["tool", "libtool:amd64"]));
    assert_eq!(of("/opt/own")["packages"], json!([]));
    assert_eq!(sizes["dpkg"]["several"], json!({"bytes": 2000, "files": 1, "memory": 4096}));
    assert_eq!(sizes["dpkg"]["refused"], json!({"count": 1, "example": "/../../etc/shadow"}));
    assert_eq!((&sizes["problem"], &sizes["not_read"]), (&Value::Null, &json!([])));
}

#[test]
fn a_database_that_is_not_read_is_told_and_is_no_failure() {
    let place = place();
    place.file("root/var/lib/dpkg/status", "Package: \u{1b}[31m\n");
    place.file("root/var/lib/rpm/rpmdb.sqlite", "SQLite format 3");
    let made =
        place.shell("cd root && find . | sort | cpio -o -H newc -R 0:0 --reproducible --quiet > ../b.img");
    assert_eq!((made.code, made.words.as_str()), (0, ""));
    let told = sizes(&place, "inspect b.img --sizes");
    let packages: String = told.split_inclusive('\n').skip_while(|line| *line != "packages\n").collect();
    expect![[r#"
        packages
          not known, dpkg's database is not read: /var/lib/dpkg/status line 1: `\u{1b}[31m` is no value of the field package
          not read: rpm's database /var/lib/rpm/rpmdb.sqlite
    "#]].assert_eq(&packages);
    let report: Value = serde_json::from_str(&place.run("inspect b.img --sizes --json").data).unwrap();
    assert_eq!(report["sizes"]["dpkg"], Value::Null);
    assert_eq!(report["sizes"]["not_read"], json!([{"kind": "rpm", "path": "/var/lib/rpm/rpmdb.sqlite"}]));
}

#[test]
fn the_picture_is_the_same_every_time_and_replaces_the_old_one() {
    let place = place();
    place.file("a.svg", "old");
    let ran = place.run("inspect a.img --sizes --sizes-svg a.svg");
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
    let picture = place.text("a.svg");
    assert!(picture.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "), "{picture}");
    assert!(picture.contains("<title>/usr/lib/libtool.so, 90000 bytes</title>"), "{picture}");
    place.shell("mkdir sub && cp a.img sub/other.img");
    assert_eq!(place.run("inspect sub/other.img --sizes --sizes-svg b.svg").code, 0);
    assert_eq!(place.text("b.svg"), picture);
    assert_eq!(place.names(), ["a.img", "a.svg", "b.svg", "root", "sub"]);
}

#[test]
fn a_picture_that_can_t_be_written_leaves_what_is_there() {
    let place = place();
    let image = place.read("a.img");
    place.file("old.svg", "old");
    place.file("bad.img", "no initrd");
    place.shell("ln a.img same.img && mkdir dir");
    let mut said = String::new();
    for words in [
        "inspect a.img --sizes --sizes-svg a.img",
        "inspect a.img --sizes --sizes-svg same.img",
        "inspect a.img --sizes --sizes-svg dir",
        "inspect a.img --sizes --sizes-svg no/such/a.svg",
        "inspect a.img --sizes --sizes-svg -",
        "inspect a.img --sizes-svg a.svg",
        "inspect bad.img --sizes --sizes-svg old.svg",
    ] {
        let ran = place.run(words);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{words}");
        write!(said, "$ {words}\n{}", ran.words).unwrap();
    }
    expect![[r#"
        $ inspect a.img --sizes --sizes-svg a.img
        error: a.img is the initrd itself, expected another file for the picture
        hint: give --sizes-svg the name of a file, new or old
        $ inspect a.img --sizes --sizes-svg same.img
        error: same.img is the initrd itself, expected another file for the picture
        hint: give --sizes-svg the name of a file, new or old
        $ inspect a.img --sizes --sizes-svg dir
        error: dir is not a regular file
        hint: give --sizes-svg the name of a file, new or old
        $ inspect a.img --sizes --sizes-svg no/such/a.svg
        error: no/such/a.svg can't be written
          caused by: failed to query resolved metadata `no/such`: No such file or directory (os error 2)
        hint: check the path
        $ inspect a.img --sizes --sizes-svg -
        error: got - for the file to write, expected a file's name
        hint: give --sizes-svg the name of a file, new or old
        $ inspect a.img --sizes-svg a.svg
        error: the following required arguments were not provided:
          --sizes

        Usage: coco-initrd inspect --sizes --sizes-svg <FILE> <IMAGE>

        For more information, try '--help'.
        $ inspect bad.img --sizes --sizes-svg old.svg
        error: bad.img is no initrd that a kernel unpacks whole: at byte 0 of the initrd: neither a cpio archive nor a compressed one: `no ini`
        hint: the kernel boots on with the files it has by then; get the image again and compare its digest, or build it anew
    "#]].assert_eq(&said);
    assert_eq!(place.read("a.img"), image);
    assert_eq!(place.text("old.svg"), "old");
    assert_eq!(place.names(), ["a.img", "bad.img", "dir", "old.svg", "root", "same.img"]);
}
