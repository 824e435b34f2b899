//! Completions, man pages and the reference, all made from the one command line.

use crate::fixture::Place;

#[test]
fn completions_know_the_options_of_build() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = Place::new().run(&format!("generate completions {shell}"));
        assert!(ran.data.contains("guest-components"), "{shell}");
    }
}

#[test]
fn every_command_has_a_man_page() {
    let place = Place::new();
    assert_eq!(place.run("generate man .").code, 0);
    let names = place.names();
    for page in ["coco-initrd.1", "coco-initrd-build.1", "coco-initrd-profile-show.1"] {
        assert!(names.contains(&page.to_owned()), "{page} is not in {names:?}");
    }
}

#[test]
fn the_reference_in_the_documentation_is_current() {
    let ran = Place::new().run("generate reference");
    let written = include_str!("../../../../docs/cli.md");
    assert!(ran.data == written, "run: cargo run -- generate reference > docs/cli.md");
}
