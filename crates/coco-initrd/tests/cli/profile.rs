//! `coco-initrd profile`.

use expect_test::expect;

use crate::fixture::Place;

#[test]
fn the_built_in_profiles_are_listed() {
    let ran = Place::new().run("profile list");
    expect![[r#"
        base             What all profiles share; a starting point, not an image of its own
        tdx              Intel TDX on bare metal
        snp              AMD SEV-SNP on bare metal
        coco-dev         No TEE: development and tests on any machine
        debian           Debian 13 with systemd, for the profiles below; a starting point
        tdx-debian       Intel TDX on bare metal, with systemd of Debian 13
        snp-debian       AMD SEV-SNP on bare metal, with systemd of Debian 13
        coco-dev-debian  No TEE, with systemd of Debian 13: development and tests on any machine
        peer-pods        Peer pods: the same policy, as an overlay for a podvm image
    "#]]
    .assert_eq(&ran.data);
    assert_eq!((ran.code, ran.words.as_str()), (0, ""));
}

#[test]
fn what_is_shown_can_be_built_from() {
    let place = Place::new();
    for name in ["base", "tdx", "snp", "coco-dev", "debian", "snp-debian", "peer-pods"] {
        let shown = place.run(&format!("profile show {name}"));
        assert_eq!((shown.code, shown.words.as_str()), (0, ""));
        place.file("shown.toml", &shown.data);
        let again = place.run("profile show ./shown.toml");
        let body = |text: &str| text.split_once('\n').unwrap().1.to_owned();
        assert_eq!(body(&again.data), body(&shown.data), "{name}");
    }
}

#[test]
fn a_profile_is_also_shown_as_json() {
    let ran = Place::new().run("profile show tdx --json");
    let value: serde_json::Value = serde_json::from_str(&ran.data).unwrap();
    assert_eq!((&value["tee"], &value["init"]["guard"]), (&"tdx".into(), &true.into()));
}
