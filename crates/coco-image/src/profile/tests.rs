//! Profiles, good and bad: what they say, what they inherit, and how each mistake is answered.

use std::path::Path;

use super::*;

/// A complete profile, also for the tests of other modules; most change one line of it.
pub(crate) const COMPLETE: &str = r#"schema = 1
description = "For tests"
arch = "x86_64"
tee = "tdx"
epoch = 0
compression = "gzip"
kernel-reads = ["gzip"]
memory-mib = 2048
unpack-limit-mib = 4096
[init]
run = "agent"
guard = true
[policy]
source = "default-restrictive"
[host]
runtimes = ["go"]
directory = "/opt/kata"
"#;

const SHIPPED: &[(&str, &str)] = &[
    ("base", include_str!("../../../../image-profiles/base.toml")),
    ("tdx", include_str!("../../../../image-profiles/tdx.toml")),
    ("snp", include_str!("../../../../image-profiles/snp.toml")),
    ("coco-dev", include_str!("../../../../image-profiles/coco-dev.toml")),
    ("debian", include_str!("../../../../image-profiles/debian.toml")),
    ("tdx-debian", include_str!("../../../../image-profiles/tdx-debian.toml")),
    ("snp-debian", include_str!("../../../../image-profiles/snp-debian.toml")),
    ("coco-dev-debian", include_str!("../../../../image-profiles/coco-dev-debian.toml")),
];

fn source(name: &str, text: &str) -> ProfileText {
    ProfileText {
        origin: format!("{name}.toml"),
        name: name.to_owned(),
        text: text.to_owned(),
        directory: PathBuf::from("/profiles"),
    }
}

/// The first of `profiles` over those it extends, which are found among the rest.
fn resolved(profiles: &[(&str, &str)]) -> Result<Profile, ProfileError> {
    let (name, text) = profiles[0];
    let open = |parent: &str, _: &ProfileText| {
        let (name, text) = profiles.iter().find(|(name, _)| *name == parent).unwrap();
        Ok::<_, ProfileError>(source(name, text))
    };
    Profile::new(name, &resolve(source(name, text), &open)?)
}

/// The complete profile with `old` replaced.
fn changed(old: &str, new: &str) -> Result<Profile, ProfileError> {
    assert!(COMPLETE.contains(old), "{old}");
    resolved(&[("p", &COMPLETE.replacen(old, new, 1))])
}

/// The complete profile with this at its end.
fn extended(tail: &str) -> Result<Profile, ProfileError> {
    resolved(&[("p", &format!("{COMPLETE}{tail}"))])
}

fn child(text: &str) -> Result<Profile, ProfileError> {
    resolved(&[("child", &format!("extends = \"p\"\n{text}")), ("p", COMPLETE)])
}

fn paths(profile: &Profile) -> Vec<&str> {
    profile.extras.iter().map(|extra| extra.path.as_str()).collect()
}

#[test]
fn every_shipped_profile_of_an_image_resolves() {
    for (name, tee, init) in [
        ("base", Tee::None, Init::Agent),
        ("tdx", Tee::Tdx, Init::Agent),
        ("snp", Tee::Snp, Init::Agent),
        ("coco-dev", Tee::None, Init::Agent),
        ("debian", Tee::None, Init::Systemd),
        ("tdx-debian", Tee::Tdx, Init::Systemd),
        ("snp-debian", Tee::Snp, Init::Systemd),
        ("coco-dev-debian", Tee::None, Init::Systemd),
    ] {
        let (own, rest): (Vec<_>, Vec<_>) = SHIPPED.iter().partition(|(shipped, _)| *shipped == name);
        let profile = resolved(&[own, rest].concat()).unwrap();
        assert_eq!((profile.name.as_str(), profile.tee), (name, tee));
        assert_eq!(profile.runtimes.as_slice(), Runtime::ALL, "{name}");
        assert_eq!((profile.guard, profile.init), (Guard::On, init), "{name}");
        assert_eq!(profile.policy, PolicySource::BuiltIn("default-restrictive".to_owned()), "{name}");
    }
}

/// What is made of one profile that extends nothing.
fn wanted(text: &str) -> Result<Wanted, ProfileError> {
    Wanted::new("p", &Raw::parse("p.toml", text, Path::new("/profiles")).unwrap())
}

const PEER_PODS: &str = include_str!("../../../../image-profiles/peer-pods.toml");

#[test]
fn the_shipped_podvm_profile_makes_an_overlay_with_the_policy_of_the_others() {
    let Wanted::Overlay(profile) = wanted(PEER_PODS).unwrap() else { panic!("an image") };
    assert_eq!(profile.policy, PolicySource::BuiltIn("default-restrictive".to_owned()));
    assert_eq!(profile.epoch.seconds(), 0);
}

#[test]
fn other_profiles_make_an_image() {
    assert!(matches!(wanted(COMPLETE).unwrap(), Wanted::Image(profile) if profile.tee != Tee::PodVm));
}

#[test]
fn a_key_about_images_is_refused_in_a_profile_for_a_podvm() {
    for (line, key) in [
        ("arch = \"x86_64\"", "arch"),
        ("compression = \"gzip\"", "compression"),
        ("kernel-reads = []", "kernel-reads"),
        ("memory-mib = 1", "memory-mib"),
        ("unpack-limit-mib = 1", "unpack-limit-mib"),
        ("[init]", "[init]"),
        ("[host]", "[host]"),
        ("[inputs.agent]", "[inputs]"),
        ("[trim]", "[trim]"),
        ("[component.agent]\nfiles = []", "[component]"),
        ("[[directory]]\npath = \"/x\"\nmode = \"0755\"", "[[directory]]"),
        ("[[file]]\npath = \"/x\"\nmode = \"0644\"\ntext = \"\"", "[[file]]"),
        ("[[symlink]]\npath = \"/x\"\ntarget = \"y\"", "[[symlink]]"),
        ("[[device]]\npath = \"/x\"\nmode = \"0600\"\nkind = \"block\"\nmajor = 1\nminor = 1", "[[device]]"),
    ] {
        let text = PEER_PODS.replace("[policy]", &format!("{line}\n\n[policy]"));
        let text = if line.starts_with('[') { format!("{PEER_PODS}{line}\n") } else { text };
        assert_eq!(
            wanted(&text).unwrap_err().to_string(),
            format!("profile p: {key} is about an image, and tee = \"podvm\" makes an overlay")
        );
    }
}

#[test]
fn an_image_for_a_podvm_is_refused() {
    let error = child("tee = \"podvm\"").unwrap_err().to_string();
    assert_eq!(error, "profile child: tee: a podvm boots no initrd");
}

#[test]
fn shipped_tee_profiles_differ_in_nothing_but_the_tee() {
    let canonical = |name: &str| {
        let (own, rest): (Vec<_>, Vec<_>) = SHIPPED.iter().partition(|(shipped, _)| *shipped == name);
        resolved(&[own, rest].concat()).unwrap().canonical
    };
    for (tdx, snp) in [("tdx", "snp"), ("tdx-debian", "snp-debian")] {
        let tdx = canonical(tdx).replace("Intel TDX", "AMD SEV-SNP");
        assert_eq!(tdx.replace("tee = \"tdx\"", "tee = \"snp\""), canonical(snp));
    }
}

#[test]
fn what_is_not_of_the_format_is_answered_with_its_place() {
    for (text, error) in [
        ("schema = 1\n\n  colour = 1\n", "p.toml:3:3: unknown field `colour`, expected one of "),
        ("schema = \"1\"\n", "p.toml:1:10: invalid type: string \"1\", expected u32"),
        ("schema = -1\n", "p.toml:1:10: invalid value: integer `-1`, expected u32"),
        ("arch = \"x86\"\n", "p.toml:1:8: unknown variant `x86`, expected `x86_64` or `aarch64`"),
        (
            "# ü\ntee = \"sgx\"",
            "p.toml:2:7: unknown variant `sgx`, expected one of `none`, `podvm`, `tdx`, `snp`",
        ),
        ("compression = \"xz\"", "p.toml:1:15: unknown variant `xz`, expected one of `gzip`, `zstd`, `none`"),
        ("[init]\nguard = \"yes\"\n", "p.toml:2:9: invalid type: string \"yes\", expected a boolean"),
        (
            "[init]\nguard = true\nshell = true\n",
            "p.toml:3:1: unknown field `shell`, expected one of `run`, `guard`, ",
        ),
        ("[[file]]\npath = \"/x\"\n", "p.toml:1:1: missing field `mode`"),
        (
            "[[device]]\npath = \"/x\"\nmode = \"0600\"\nkind = \"char\"",
            "p.toml:4:8: unknown variant `char`, expected `character` or `block`",
        ),
        ("schema = 1\nschema = 1\n", "p.toml:2:1: duplicate key"),
        ("\u{fc} = 1\n", "p.toml:1:1: "),
        ("schema =\n", "p.toml:1:9: "),
        ("text = \"no end\n", "p.toml:1:15: invalid basic string, expected `\"`"),
    ] {
        let got = resolved(&[("p", text)]).unwrap_err().to_string();
        assert!(got.starts_with(error), "{text:?}\n got {got}\nwant {error}");
        assert!(!got.contains('\n'), "{got}");
    }
}

#[test]
fn every_missing_key_is_named() {
    for (line, key) in [
        ("schema = 1\n", "schema"),
        ("description = \"For tests\"\n", "description"),
        ("arch = \"x86_64\"\n", "arch"),
        ("tee = \"tdx\"\n", "tee"),
        ("epoch = 0\n", "epoch"),
        ("compression = \"gzip\"\n", "compression"),
        ("kernel-reads = [\"gzip\"]\n", "kernel-reads"),
        ("memory-mib = 2048\n", "memory-mib"),
        ("unpack-limit-mib = 4096\n", "unpack-limit-mib"),
        ("run = \"agent\"\n", "init.run"),
        ("guard = true\n", "init.guard"),
        ("[init]\nrun = \"agent\"\nguard = true\n", "[init]"),
        ("source = \"default-restrictive\"\n", "policy.source"),
        ("[policy]\nsource = \"default-restrictive\"\n", "[policy]"),
        ("runtimes = [\"go\"]\n", "host.runtimes"),
        ("directory = \"/opt/kata\"\n", "host.directory"),
        ("[host]\nruntimes = [\"go\"]\ndirectory = \"/opt/kata\"\n", "[host]"),
    ] {
        assert_eq!(changed(line, "").unwrap_err().to_string(), format!("profile p: {key} is missing"));
    }
}

#[test]
fn a_value_out_of_range_is_told() {
    for (old, new, error) in [
        ("schema = 1", "schema = 2", "profile p: schema got 2, expected 1"),
        ("schema = 1", "schema = 0", "profile p: schema got 0, expected 1"),
        (
            "epoch = 0",
            "epoch = 2147483648",
            "profile p: epoch: epoch 2147483648 is out of range: seconds since 1970, 0 to 2147483647",
        ),
        ("memory-mib = 2048", "memory-mib = 0", "profile p: memory-mib: got 0, expected 1 to 16777216"),
        (
            "unpack-limit-mib = 4096",
            "unpack-limit-mib = 16777217",
            "profile p: unpack-limit-mib: got 16777217, expected 1 to 16777216",
        ),
        ("\"/opt/kata\"", "\"opt/kata\"", "profile p: host.directory: `opt/kata` is not absolute"),
        (
            "\"/opt/kata\"",
            "\"/opt/../kata\"",
            "profile p: host.directory: `/opt/../kata` climbs out with `..`",
        ),
        ("\"/opt/kata\"", "\"\"", "profile p: host.directory: a file name is empty"),
        (
            "guard = true",
            "guard = true\nmodules = [\"virtio.ko\"]",
            "profile p: init.modules: `virtio.ko` is not the name of a kernel module, nor an absolute path",
        ),
        (
            "source = \"default-restrictive\"",
            "source = \"default-restrictive\"\nsha256 = \"ABC\"",
            "profile p: policy.sha256: `ABC` is not a SHA-256: 64 lower-case hex digits",
        ),
    ] {
        assert_eq!(changed(old, new).unwrap_err().to_string(), error);
    }
}

#[test]
fn a_wrong_table_is_told() {
    for (tail, error) in [
        (
            "[inputs.kernel]\npath = \"x\"",
            "profile p: inputs.kernel: `kernel` is none of: base, agent, guest-components, pause-image, guard, kernel-modules",
        ),
        (
            "[inputs.agent]\nsha256 = \"00\"",
            "profile p: inputs.agent.sha256: `00` is not a SHA-256: 64 lower-case hex digits",
        ),
        (
            "[component.kernel]\nfiles = []",
            "profile p: component.kernel: `kernel` is none of: base, agent, guest-components, pause-image, guard, kernel-modules",
        ),
        ("[component.base]\nfiles = []", "profile p: component.base: `base` is not made of component files"),
        (
            "[component.guard]\nfiles = []",
            "profile p: component.guard: `guard` is not made of component files",
        ),
        (
            "[component.agent]\nfiles = [{ name = \"a\", path = \"a\", mode = \"0755\" }]",
            "profile p: component.agent: `a` is not absolute",
        ),
        (
            "[component.agent]\nfiles = [{ name = \"a\", path = \"/a\", mode = \"755\" }]",
            "profile p: component.agent: `755` is not a mode: four octal digits such as \"0755\"",
        ),
        (
            "[[file]]\npath = \"/x\"\nmode = \"0644\"\ncertificates = \"x/*\"",
            "profile p: file: `x/*` is not absolute",
        ),
        (
            "[trim]\nremove = [\"/a\", \"/b/**\"]",
            "profile p: trim.remove: `/b/**`: `**` has no meaning, `*` stays within a component",
        ),
        ("[trim]\nkeep = [\"/\"]", "profile p: trim.keep: `/` is all there is, expected a path in it"),
        ("[[directory]]\npath = \"x\"\nmode = \"0755\"", "profile p: directory: `x` is not absolute"),
        (
            "[[directory]]\npath = \"/x\"\nmode = \"rwx\"",
            "profile p: directory: `rwx` is not a mode: four octal digits such as \"0755\"",
        ),
        (
            "[[file]]\npath = \"/x\"\nmode = \"0644\"",
            "profile p: file: /x needs exactly one of text, source and certificates",
        ),
        (
            "[[file]]\npath = \"/x\"\nmode = \"0644\"\ntext = \"\"\nsource = \"y\"",
            "profile p: file: /x needs exactly one of text, source and certificates",
        ),
        (
            "[[file]]\npath = \"/TRAILER!!!\"\nmode = \"0644\"\ntext = \"\"",
            "profile p: file: `TRAILER!!!` is not a file name: it ends the archive",
        ),
        (
            "[[symlink]]\npath = \"/\\u0007\"\ntarget = \"x\"",
            "profile p: symlink: `/\\u{7}` has a NUL or control character in it",
        ),
        (
            "[[device]]\npath = \"/dev/x\"\nmode = \"9\"\nkind = \"block\"\nmajor = 1\nminor = 1",
            "profile p: device: `9` is not a mode: four octal digits such as \"0755\"",
        ),
    ] {
        assert_eq!(extended(tail).unwrap_err().to_string(), error);
    }
}

#[test]
fn a_kernel_parameter_is_one_word() {
    for (word, shown) in
        [("a b", "a b"), ("", ""), ("a\\tb", "a\tb"), ("x=\\\"y\\\"", "x=\"y\""), ("a\\nb", "a\nb")]
    {
        let tail = format!("kernel-params = [\"quiet\", \"{word}\"]");
        assert_eq!(
            extended(&tail).unwrap_err().to_string(),
            format!("profile p: host.kernel-params: `{shown}` is not one word of a command line")
        );
    }
    let profile = extended("kernel-params = [\"systemd.unified_cgroup_hierarchy=1\"]").unwrap();
    assert_eq!(profile.kernel_params, ["systemd.unified_cgroup_hierarchy=1"]);
}

#[test]
fn modules_need_the_guard() {
    assert_eq!(
        changed("guard = true", "guard = false\nmodules = [\"/lib/x.ko\"]").unwrap_err().to_string(),
        "profile p: init.modules: nobody loads them: the guard is off"
    );
    let profile = changed("guard = true", "guard = false\nmodules = []\nallow-words = [\"debug\"]");
    assert_eq!(profile.unwrap().guard, Guard::Off);
}

#[test]
fn allowed_words_add_to_the_parents() {
    let parent = COMPLETE.replace("guard = true", "guard = true\nallow-words = [\"a\", \"b=*\"]");
    let own = "extends = \"p\"\n[init]\nallow-words = [\"c\"]";
    let profile = resolved(&[("child", own), ("p", &parent)]).unwrap();
    assert_eq!(profile.allow_words, ["a", "b=*", "c"]);
}

#[test]
fn what_is_trimmed_adds_to_the_parents() {
    let parent = format!("{COMPLETE}[trim]\nremove = [\"/a\"]\nkeep = [\"/a/b\"]\n");
    let own = "extends = \"p\"\n[trim]\nremove = [\"/c*\"]";
    let trim = resolved(&[("child", own), ("p", &parent)]).unwrap().trim;
    let texts =
        |patterns: &[PathPattern]| -> Vec<String> { patterns.iter().map(ToString::to_string).collect() };
    assert_eq!((texts(&trim.remove), texts(&trim.keep)), {
        (vec!["/a".to_owned(), "/c*".to_owned()], vec!["/a/b".to_owned()])
    });
}

#[test]
fn a_pin_is_of_a_source_and_goes_with_it() {
    let [old, new] = ["0", "1"].map(|digit| digit.repeat(64));
    let parent = COMPLETE.replace("-restrictive\"", &format!("-restrictive\"\nsha256 = \"{old}\""));
    let parent = format!("{parent}[inputs.agent]\npath = \"old\"\nsha256 = \"{old}\"\n");
    let pins = |own: &str| {
        let profile = resolved(&[("child", &format!("extends = \"p\"\n{own}")), ("p", &parent)]).unwrap();
        let agent = profile.inputs[&Role::Agent].clone();
        let pin = |sha256: Option<Sha256>| sha256.map(|sha256| sha256.to_string());
        (agent.path().unwrap().to_owned(), pin(agent.sha256), pin(profile.policy_sha256))
    };
    let path = |name: &str| PathBuf::from(format!("/profiles/{name}"));
    for (own, expected) in [
        ("", (path("old"), Some(&old), Some(&old))),
        ("[inputs.agent]\npath = \"new\"", (path("new"), None, Some(&old))),
        (&format!("[inputs.agent]\nsha256 = \"{new}\""), (path("old"), Some(&new), Some(&old))),
        (&format!("[policy]\nsha256 = \"{new}\""), (path("old"), Some(&old), Some(&new))),
        ("[policy]\nsource = \"other\"", (path("old"), Some(&old), None)),
    ] {
        let (path, agent, policy) = expected;
        assert_eq!(pins(own), (path, agent.cloned(), policy.cloned()), "{own}");
    }
}

#[test]
fn a_key_of_the_child_replaces_the_parents() {
    let profile =
        child("epoch = 7\ncompression = \"zstd\"\nkernel-reads = [\"zstd\"]\n[init]\nrun = \"systemd\"")
            .unwrap();
    assert_eq!((profile.epoch.seconds(), profile.compression), (7, Method::Zstd));
    assert_eq!(profile.kernel_reads, [Method::Zstd]);
    // The rest of a table stays.
    assert_eq!((profile.init, profile.guard), (Init::Systemd, Guard::On));
    assert_eq!((profile.name.as_str(), profile.description.as_str()), ("child", "For tests"));
}

#[test]
fn another_policy_does_not_inherit_the_pin_of_the_first() {
    let pin = "0".repeat(64);
    let parent = COMPLETE.replace("-restrictive\"", &format!("-restrictive\"\nsha256 = \"{pin}\""));
    let own = "extends = \"p\"\n[policy]\nsource = \"own.rego\"";
    let profile = resolved(&[("child", own), ("p", &parent)]).unwrap();
    assert_eq!(profile.policy, PolicySource::File("/profiles/own.rego".into()));
    assert_eq!(profile.policy_sha256, None);
}

#[test]
fn files_add_to_the_parents_and_one_of_the_same_path_replaces() {
    let parent = format!(
        "{COMPLETE}[[directory]]\npath = \"/a\"\nmode = \"0755\"\n[[file]]\npath = \"/f\"\nmode = \"0644\"\ntext = \"old\"\n\
         [[symlink]]\npath = \"/l\"\ntarget = \"old\"\n[[device]]\npath = \"/d\"\nmode = \"0600\"\nkind = \"block\"\nmajor = 1\nminor = 2\n"
    );
    let own = "extends = \"p\"\n[[directory]]\npath = \"/b\"\nmode = \"0700\"\n[[file]]\npath = \"/f\"\nmode = \"0600\"\nsource = \"new\"\n\
         [[symlink]]\npath = \"/l\"\ntarget = \"new\"\n[[device]]\npath = \"/d\"\nmode = \"0600\"\nkind = \"character\"\nmajor = 3\nminor = 4\n";
    let profile = resolved(&[("child", own), ("p", &parent)]).unwrap();
    assert_eq!(paths(&profile), ["/a", "/b", "/f", "/l", "/d"]);
    let kinds: Vec<&ExtraKind> = profile.extras.iter().skip(2).map(|extra| &extra.kind).collect();
    let mode = Mode::of_stat(0o600);
    assert_eq!(
        kinds,
        [
            &ExtraKind::Source(mode, "/profiles/new".into()),
            &ExtraKind::Symlink("new".to_owned()),
            &ExtraKind::Device(DeviceKind::Character, mode, 3, 4),
        ]
    );
}

#[test]
fn inputs_and_components_merge_by_role() {
    let parent = format!(
        "{COMPLETE}[inputs.agent]\npath = \"old\"\n[inputs.base]\npath = \"base\"\n\
         [component.agent]\nfiles = [{{ name = \"a\", path = \"/a\", mode = \"0755\" }}]\n"
    );
    let own = "extends = \"p\"\n[inputs.agent]\npath = \"/new\"\n[component.pause-image]\nfiles = []\n";
    let profile = resolved(&[("child", own), ("p", &parent)]).unwrap();
    let paths: Vec<(Role, &Path)> =
        profile.inputs.iter().map(|(role, input)| (*role, input.path().unwrap())).collect();
    assert_eq!(paths, [(Role::Base, Path::new("/profiles/base")), (Role::Agent, Path::new("/new"))]);
    let roles: Vec<&Role> = profile.components.keys().collect();
    assert_eq!(roles, [&Role::Agent, &Role::PauseImage]);
}

#[test]
fn a_line_of_three_profiles_is_followed() {
    let profile = resolved(&[
        ("a", "extends = \"b\"\nepoch = 1"),
        ("b", "extends = \"c\"\nepoch = 2\nmemory-mib = 5"),
        ("c", COMPLETE),
    ])
    .unwrap();
    assert_eq!((profile.epoch.seconds(), profile.memory_mib), (1, 5));
}

#[test]
fn a_circle_is_found() {
    for (profiles, circle) in [
        (&[("a", "extends = \"a\"")][..], "a.toml -> a.toml"),
        (&[("a", "extends = \"b\""), ("b", "extends = \"a\"")], "a.toml -> b.toml -> a.toml"),
        (
            &[("a", "extends = \"b\""), ("b", "extends = \"c\""), ("c", "extends = \"b\"")],
            "a.toml -> b.toml -> c.toml -> b.toml",
        ),
    ] {
        assert_eq!(
            resolved(profiles).unwrap_err().to_string(),
            format!("profiles extend each other in a circle: {circle}")
        );
    }
}

#[test]
fn a_mistake_in_a_parent_names_the_parent() {
    let error = resolved(&[("a", "extends = \"b\""), ("b", "colour = 1")]).unwrap_err().to_string();
    assert!(error.starts_with("b.toml:1:1: unknown field `colour`"), "{error}");
}

#[test]
fn the_canonical_text_has_no_path_of_the_machine() {
    let text = format!(
        "{}[inputs.agent]\npath = \"agent\"\nsha256 = \"{}\"\n[[file]]\npath = \"/x\"\nmode = \"0644\"\nsource = \"sub/x\"\n",
        COMPLETE.replace("\"default-restrictive\"", "\"sub/own.rego\""),
        "0".repeat(64)
    );
    let canonical = |directory: &str| {
        let raw = Raw::parse("p", &text, Path::new(directory)).unwrap();
        Profile::new("p", &raw).unwrap()
    };
    let profile = canonical("/home/somebody/profiles");
    assert!(!profile.canonical.contains("somebody"), "{}", profile.canonical);
    assert!(profile.canonical.contains("source = \"own.rego\""), "{}", profile.canonical);
    assert_eq!(profile.sha256(), canonical("elsewhere").sha256());
    assert_eq!(profile.policy, PolicySource::File("/home/somebody/profiles/sub/own.rego".into()));
}

#[test]
fn the_canonical_text_is_itself_a_profile_that_says_the_same() {
    let (own, rest): (Vec<_>, Vec<_>) = SHIPPED.iter().partition(|(name, _)| *name == "tdx");
    let first = resolved(&[own, rest].concat()).unwrap();
    let second = resolved(&[("tdx", &first.canonical)]).unwrap();
    assert_eq!(first.canonical, second.canonical);
    assert_eq!((first.extras, first.components), (second.extras, second.components));
}

#[test]
fn the_digest_tells_profiles_apart() {
    let digests: Vec<_> =
        ["", "epoch = 1", "[policy]\nsource = \"other\"", "[inputs.agent]\nsha256 = \"00\""]
            .iter()
            .filter_map(|text| child(text).ok())
            .map(|profile| profile.sha256())
            .collect();
    assert_eq!(digests.len(), 3);
    assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
}

#[test]
fn the_place_of_an_input_does_not_change_the_digest() {
    let here = child("[inputs.agent]\npath = \"here\"").unwrap();
    let there = child("[inputs.agent]\npath = \"there\"").unwrap();
    assert_eq!(here.sha256(), there.sha256());
}

#[test]
fn a_policy_with_a_slash_or_of_rego_is_a_file() {
    for (source, is_path) in
        [("default-restrictive", false), ("own.rego", true), ("./own", true), ("rego", false)]
    {
        assert_eq!(PolicySource::is_path(source), is_path, "{source}");
    }
}

/// What a complete profile with `inputs` behind it is, or why it can't be.
fn with_inputs(inputs: &str) -> Result<BTreeMap<Role, Input>, String> {
    let text = format!("{COMPLETE}{inputs}");
    resolved(&[("p", &text)]).map(|profile| profile.inputs).map_err(|error| error.to_string())
}

const ARCHIVE: &str =
    r#"{ url = "http://a.org/debian", suite = "trixie", components = ["main"], signed-by = "debian-13" }"#;

#[test]
fn packages_of_an_archive_are_a_source() {
    let inputs = with_inputs(&format!(
        "[inputs.base.deb]\npackages = [\"chrony\"]\nomit = [\"ucf\"]\narchives = [{ARCHIVE}]\n"
    ));
    let inputs = inputs.unwrap();
    let Some(Remote::Deb(deb)) = inputs[&Role::Base].remote() else { panic!("{inputs:?}") };
    assert_eq!(deb.packages[0].as_str(), "chrony");
    assert_eq!(deb.omit[0].as_str(), "ucf");
    assert_eq!(deb.archives[0].url.as_str(), "http://a.org/debian");
    assert_eq!(deb.archives[0].signed_by, source::KeySource::BuiltIn("debian-13".to_owned()));
}

#[test]
fn a_child_may_take_its_parents_packages_from_other_archives() {
    let deb =
        format!("[inputs.base.deb]\npackages = [\"chrony\"]\nomit = [\"ucf\"]\narchives = [{ARCHIVE}]\n");
    let parent = format!("{COMPLETE}{deb}");
    let other = ARCHIVE.replace("a.org", "b.org");
    let child = format!("extends = \"p\"\n[inputs.base.deb]\narchives = [{other}]\n");
    let profile = resolved(&[("child", &child), ("p", &parent)]).unwrap();
    let Some(Remote::Deb(deb)) = profile.inputs[&Role::Base].remote() else { panic!("{profile:?}") };
    assert_eq!((deb.packages[0].as_str(), deb.omit[0].as_str()), ("chrony", "ucf"));
    assert_eq!(deb.archives[0].url.as_str(), "http://b.org/debian");
}

#[test]
fn a_snapshot_is_below_its_archive() {
    let archive = ARCHIVE.replace("suite", "snapshot = \"20261101T000000Z\", suite");
    let inputs =
        with_inputs(&format!("[inputs.base.deb]\npackages = [\"chrony\"]\narchives = [{archive}]\n"));
    let inputs = inputs.unwrap();
    let Some(Remote::Deb(deb)) = inputs[&Role::Base].remote() else { panic!("{inputs:?}") };
    assert_eq!(deb.archives[0].url.as_str(), "http://a.org/debian/20261101T000000Z");
}

#[test]
fn what_is_wrong_with_a_source_is_told_with_its_key() {
    let deb = |keys: &str| format!("[inputs.base.deb]\n{keys}\n");
    let sha256 = "0".repeat(64);
    for (inputs, problem) in [
        (
            "[inputs.agent]\nurl = \"https://a.org/agent\"".to_owned(),
            "inputs.agent: a url needs the sha256 of what is there",
        ),
        (
            format!("[inputs.agent]\nurl = \"http://a.org/a\"\nsha256 = \"{sha256}\""),
            "inputs.agent.url: `http://a.org/a` has a scheme that is not taken here: https is",
        ),
        (
            "[inputs.agent]\npath = \"a\"\noci = \"b.org/c:d\"".to_owned(),
            "inputs.agent: has both path and oci, expected one",
        ),
        (
            format!("[inputs.agent]\noci = \"b.org/c:d\"\nsha256 = \"{sha256}\""),
            "inputs.agent: sha256 is for path and url: write @sha256:... in the reference",
        ),
        (deb("packages = []\narchives = []"), "inputs.base.deb: needs a package and an archive at least"),
        (
            deb(&format!("packages = [\"Chrony\"]\narchives = [{ARCHIVE}]")),
            "inputs.base.deb.packages: `Chrony` is not the name of a package",
        ),
        (
            deb(&format!("packages = [\"chrony\"]\narchives = [{}]", ARCHIVE.replace("trixie", "../etc"))),
            "inputs.base.deb.archives: `../etc` is not the name of a suite",
        ),
        (
            deb(&format!("packages = [\"chrony\"]\narchives = [{}]", ARCHIVE.replace("\"main\"", ""))),
            "inputs.base.deb.archives: trixie has no components",
        ),
        (
            deb(&format!("packages = [\"chrony\"]\narchives = [{}]", ARCHIVE.replace("http:", "ftp:"))),
            "inputs.base.deb.archives: `ftp://a.org/debian` has a scheme that is not taken here: https is",
        ),
        (
            format!(
                "[inputs.guard.rpm]\nfiles = [{{ url = \"https://a.org/a.rpm\", sha256 = \"{sha256}\" }}]"
            ),
            "inputs.guard: a guard is one program, not packages",
        ),
    ] {
        assert_eq!(with_inputs(&inputs).unwrap_err(), format!("profile p: {problem}"));
    }
}

#[test]
fn a_child_that_names_another_source_inherits_neither_source_nor_pin() {
    let parent =
        format!("{COMPLETE}[inputs.agent]\nurl = \"https://a.org/a\"\nsha256 = \"{}\"\n", "0".repeat(64));
    let child = "extends = \"p\"\n[inputs.agent]\noci = \"b.org/c:d\"";
    let profile = resolved(&[("child", child), ("p", &parent)]).unwrap();
    assert_eq!(profile.inputs[&Role::Agent].remote(), Some(&Remote::Oci("b.org/c:d".to_owned())));
}
