//! Where each file of each input lands, what is left out, and what is refused.

use std::io::{self, Read};
use std::path::Path;

use super::*;
use crate::profile::raw::Raw;
use crate::profile::tests::COMPLETE;
use crate::tree::{DeviceKind, Extent, FollowError};

const COMPONENTS: &str = r#"[component.agent]
files = [{ name = "kata-agent", path = "/usr/bin/kata-agent", mode = "0755" }]
[component.guest-components]
files = [
  { name = "bin/attestation-agent", path = "/usr/local/bin/attestation-agent", mode = "0755" },
  { name = "config.json", path = "/etc/config.json", mode = "0640" },
]
"#;

/// The profile with these tables at its end.
fn profile_with(tables: &str) -> Profile {
    let text = format!("{COMPLETE}{COMPONENTS}{tables}");
    Profile::new("p", &Raw::parse("p", &text, Path::new("")).unwrap()).unwrap()
}

/// All bodies of these tests are in memory.
struct NoBodies;

impl Bodies for NoBodies {
    fn open(&self, _: Extent) -> io::Result<Box<dyn Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn path(text: &str) -> GuestPath {
    text.parse().unwrap()
}

/// A line is `/dir/`, `/link -> target`, `/name = /first name`, or `/file: contents`; any may end with
/// ` 0700`, its mode.
fn member(line: &str) -> Member {
    let (line, mode) = match line.rsplit_once(' ') {
        Some((line, digits)) if digits.len() == 4 && digits.parse::<Mode>().is_ok() => {
            (line, digits.parse().ok())
        }
        _ => (line, None),
    };
    let (name, node) = if let Some((name, target)) = line.split_once(" -> ") {
        (name, Node::Symlink(target.to_owned()))
    } else if let Some((name, first)) = line.split_once(" = ") {
        (name, Node::HardLink(path(first)))
    } else if let Some((name, text)) = line.split_once(": ") {
        (name, Node::File(mode.unwrap_or(Mode::FILE), Body::bytes(text.as_bytes())))
    } else {
        (line, Node::Directory(mode.unwrap_or(Mode::DIRECTORY)))
    };
    Member { path: path(name), node }
}

fn members(lines: &[&str]) -> Vec<Member> {
    lines.iter().map(|line| member(line)).collect()
}

fn inputs(base: &[&str], components: &[(Role, Loaded)]) -> Inputs {
    Inputs {
        base: Some(members(base)),
        guest: GuestSoftware::Components(components.iter().cloned().collect()),
        policy: PolicyFile { name: "strict.rego".to_owned(), body: Body::bytes(b"package agent_policy") },
        guard: (Body::bytes(b"guard"), Body::bytes(b"plan")),
        modules: Modules::default(),
        sources: BTreeMap::new(),
    }
}

fn flat(role: Role, lines: &[&str]) -> (Role, Loaded) {
    (role, Loaded::Members(members(lines)))
}

/// What is at `name`, in words.
fn node(tree: &Tree, name: &str) -> String {
    let Some(entry) = tree.get(&path(name)) else {
        return "nothing".to_owned();
    };
    let what = match &entry.node {
        Node::File(mode, Body::Bytes(bytes)) => format!("{mode} {}", String::from_utf8_lossy(bytes)),
        Node::File(mode, Body::Extent(extent)) => format!("{mode} {} bytes", extent.len),
        Node::Directory(mode) => format!("{mode} directory"),
        Node::Symlink(target) => format!("-> {target}"),
        Node::HardLink(first) => format!("= {first}"),
        other => format!("{other:?}"),
    };
    format!("{}: {what}", entry.layer.name())
}

fn tree(base: &[&str], components: &[(Role, Loaded)]) -> Tree {
    assemble(&profile_with(""), &inputs(base, components), &NoBodies).unwrap().tree
}

fn refused(base: &[&str], components: &[(Role, Loaded)]) -> String {
    assemble(&profile_with(""), &inputs(base, components), &NoBodies).unwrap_err().to_string()
}

#[test]
fn without_a_base_the_configuration_is_all_there_is() {
    let inputs = Inputs { base: None, ..inputs(&[], &[]) };
    let assembled = assemble(&profile_with(""), &inputs, &NoBodies).unwrap();
    let names: Vec<&str> = assembled.tree.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        names,
        [
            "/",
            "/etc",
            "/etc/coco-initrd",
            "/etc/coco-initrd/guard.toml",
            "/etc/kata-opa",
            "/etc/kata-opa/default-policy.rego",
            "/etc/kata-opa/strict.rego",
            "/init",
        ]
    );
}

#[test]
fn an_agent_may_be_one_file() {
    let agent = Loaded::File(Body::bytes(b"elf"));
    let tree = tree(&[], &[(Role::Agent, agent)]);
    assert_eq!(node(&tree, AGENT), "components: 0755 elf");
}

#[test]
fn a_component_by_itself_is_put_where_the_profile_says() {
    for lines in [
        ["/bin", "/bin/attestation-agent: elf 0600", "/config.json: {}"],
        ["/config.json: {}", "/bin/attestation-agent: elf 0600", "/bin"],
    ] {
        let tree = tree(&[], &[flat(Role::GuestComponents, &lines)]);
        assert_eq!(node(&tree, "/usr/local/bin/attestation-agent"), "components: 0755 elf");
        assert_eq!(node(&tree, "/etc/config.json"), "components: 0640 {}");
        assert_eq!(node(&tree, "/bin"), "nothing");
    }
}

#[test]
fn a_component_as_a_root_file_system_stays_as_it_is() {
    let lines = [
        "/usr/local/bin/attestation-agent: elf 0600",
        "/etc/config.json: {} 0600",
        "/etc/more: 1 0600",
        "/usr/local/bin/more -> attestation-agent",
    ];
    let tree = tree(&[], &[flat(Role::GuestComponents, &lines)]);
    // The modes of the profile's files are the profile's.
    assert_eq!(node(&tree, "/usr/local/bin/attestation-agent"), "components: 0755 elf");
    assert_eq!(node(&tree, "/etc/config.json"), "components: 0640 {}");
    assert_eq!(node(&tree, "/etc/more"), "components: 0600 1");
    assert_eq!(node(&tree, "/usr/local/bin/more"), "components: -> attestation-agent");
}

#[test]
fn an_input_that_does_not_fit_is_told() {
    let file = Loaded::File(Body::bytes(b"x"));
    for (components, error) in [
        (
            (Role::GuestComponents, file.clone()),
            "guest-components is a single file, expected bin/attestation-agent, config.json",
        ),
        ((Role::PauseImage, file), "the profile has no [component.pause-image]"),
        (
            flat(Role::GuestComponents, &["/config.json: {}"]),
            "guest-components has no `bin/attestation-agent` (nor `/usr/local/bin/attestation-agent`)",
        ),
        (
            flat(Role::GuestComponents, &["/config.json: {}", "/bin/attestation-agent -> x"]),
            "guest-components has no `bin/attestation-agent` (nor `/usr/local/bin/attestation-agent`)",
        ),
        (
            flat(Role::GuestComponents, &["/config.json: {}", "/bin/attestation-agent: x", "/bin/sh: x"]),
            "guest-components has `/bin/sh`, which the profile knows no place for",
        ),
        (
            flat(Role::Agent, &["/usr/bin/kata-agent: x", "/usr/bin/kata-agent: y"]),
            "agent: /usr/bin/kata-agent is there twice in the components layer",
        ),
    ] {
        assert_eq!(refused(&[], &[components]), error);
    }
}

#[test]
fn two_components_cannot_bring_one_file() {
    let agent = flat(Role::Agent, &["/usr/bin/kata-agent: x", "/etc/shared: x"]);
    let rest = flat(Role::GuestComponents, &["/etc/config.json: x", "/etc/shared: x"]);
    assert_eq!(
        refused(&[], &[agent, rest]),
        "guest-components: /etc/shared is there twice in the components layer"
    );
}

#[test]
fn a_base_that_does_not_fit_is_told() {
    for (base, error) in [
        (&["/a: 1", "/a: 2"][..], "base: /a is there twice in the base layer"),
        (&["/a: 1", "/a/b: 2"], "base: /a/b can't be below /a, which is a file"),
        (&["/l -> gone", "/l/b: 2"], "base: /l leads to /gone, which is not in the image"),
        (&["/a -> b", "/b -> a", "/a/x: 1"], "base: /a goes through more than 40 symbolic links"),
        (&["/a = /b"], "base: /a is a hard link to /b, which is not a regular file of the same layer"),
        (
            &["/b -> c", "/a = /b"],
            "base: /a is a hard link to /b, which is not a regular file of the same layer",
        ),
        (&["/b/", "/b 0700"], "base: /b is there twice in the base layer"),
    ] {
        assert_eq!(refused(base, &[]), error);
    }
}

#[test]
fn policies_of_the_inputs_are_left_out_and_reported() {
    let base = [
        "/etc/kata-opa",
        "/etc/kata-opa/allow-all.rego: package agent_policy",
        "/etc/kata-opa/default-policy.rego -> allow-all.rego",
        "/etc/kata-opa/more/x.rego: x",
        "/etc/kata-opa-not/x.rego: x",
    ];
    let agent = flat(Role::Agent, &["/usr/bin/kata-agent: elf", "/etc/kata-opa/agent.rego: x"]);
    let assembled = assemble(&profile_with(""), &inputs(&base, &[agent]), &NoBodies).unwrap();
    let removed: Vec<&str> = assembled.removed.iter().map(GuestPath::as_str).collect();
    assert_eq!(
        removed,
        [
            "/etc/kata-opa/agent.rego",
            "/etc/kata-opa/allow-all.rego",
            "/etc/kata-opa/default-policy.rego",
            "/etc/kata-opa/more/x.rego",
        ]
    );
    let left: Vec<&str> = assembled
        .tree
        .iter()
        .map(|(path, _)| path.as_str())
        .filter(|path| path.starts_with("/etc/kata-opa"))
        .collect();
    assert_eq!(
        left,
        [
            "/etc/kata-opa",
            "/etc/kata-opa-not",
            "/etc/kata-opa-not/x.rego",
            "/etc/kata-opa/default-policy.rego",
            "/etc/kata-opa/strict.rego",
        ]
    );
}

#[test]
fn a_directory_of_policies_that_is_a_link_is_replaced() {
    let base = [
        "/usr/share/opa",
        "/usr/share/opa/allow.rego: x",
        "/usr/share/opa/readme: kept",
        "/etc/kata-opa -> ../usr/share/opa",
    ];
    let assembled = assemble(&profile_with(""), &inputs(&base, &[]), &NoBodies).unwrap();
    assert_eq!(node(&assembled.tree, "/etc/kata-opa"), "configuration: 0755 directory");
    assert_eq!(node(&assembled.tree, "/usr/share/opa/strict.rego"), "nothing");
    assert_eq!(assembled.removed, [path("/etc/kata-opa"), path("/usr/share/opa/allow.rego")]);
    assert_eq!(node(&assembled.tree, "/usr/share/opa/allow.rego"), "nothing");
    assert_eq!(node(&assembled.tree, "/usr/share/opa/readme"), "base: 0644 kept");
}

#[test]
fn another_name_of_a_removed_policy_keeps_its_file() {
    let tree = tree(&["/etc/kata-opa/allow.rego: open", "/usr/allow.rego = /etc/kata-opa/allow.rego"], &[]);
    assert_eq!(node(&tree, "/usr/allow.rego"), "base: 0644 open");
}

#[test]
fn the_default_policy_is_a_relative_link_to_the_packed_one() {
    let tree = tree(&[], &[]);
    assert_eq!(node(&tree, DEFAULT_POLICY), "configuration: -> strict.rego");
    assert_eq!(node(&tree, "/etc/kata-opa/strict.rego"), "configuration: 0644 package agent_policy");
    assert_eq!(tree.follow(&path(DEFAULT_POLICY)), Ok(path("/etc/kata-opa/strict.rego")));
}

#[test]
fn a_policys_file_name_must_be_usable() {
    let with_name = |name: &str| {
        let mut inputs = inputs(&[], &[]);
        inputs.policy.name = name.to_owned();
        assemble(&profile_with(""), &inputs, &NoBodies).map(|assembled| assembled.tree)
    };
    for name in [
        "default-policy.rego",
        "policy",
        "",
        "sub/policy.rego",
        "./default-policy.rego",
        "a\nb.rego",
        "..",
        "../x.rego",
        "policy.REGO",
    ] {
        assert_eq!(
            with_name(name).unwrap_err().to_string(),
            format!(
                "the policy's file name `{name}` can't be used: it must end in .rego and not be default-policy.rego"
            )
        );
    }
    assert_eq!(
        node(&with_name("my policy.rego").unwrap(), DEFAULT_POLICY),
        "configuration: -> my policy.rego"
    );
}

#[test]
fn the_guard_is_init_or_the_program_is() {
    let init = |run: &str, guard: &str| {
        let text = [COMPLETE, COMPONENTS]
            .concat()
            .replace("run = \"agent\"", &format!("run = \"{run}\""))
            .replace("guard = true", &format!("guard = {guard}"));
        let profile = Profile::new("p", &Raw::parse("p", &text, Path::new("")).unwrap()).unwrap();
        let tree = assemble(&profile, &inputs(&["/init: of the base"], &[]), &NoBodies).unwrap().tree;
        (node(&tree, INIT), node(&tree, GUARD_PLAN))
    };
    let plan = "configuration: 0644 plan".to_owned();
    let nothing = "nothing".to_owned();
    for (run, guard, expected) in [
        ("agent", "true", ("configuration: 0755 guard", &plan)),
        ("systemd", "true", ("configuration: 0755 guard", &plan)),
        ("agent", "false", ("configuration: -> /usr/bin/kata-agent", &nothing)),
        ("systemd", "false", ("configuration: -> /lib/systemd/systemd", &nothing)),
    ] {
        assert_eq!(init(run, guard), (expected.0.to_owned(), expected.1.clone()), "{run} {guard}");
    }
}

#[test]
fn the_built_in_guest_is_the_agent() {
    let inputs = Inputs { guest: GuestSoftware::BuiltIn(Body::bytes(b"guest")), ..inputs(&[], &[]) };
    let tree = assemble(&profile_with(""), &inputs, &NoBodies).unwrap().tree;
    assert_eq!(node(&tree, AGENT), "components: 0755 guest");
}

#[test]
fn extras_of_every_kind_are_added() {
    let profile = profile_with(
        r#"
        [[directory]]
        path = "/tmp"
        mode = "1777"
        [[file]]
        path = "/etc/resolv.conf"
        mode = "0644"
        text = ""
        [[file]]
        path = "/etc/beside"
        mode = "0600"
        source = "beside"
        [[symlink]]
        path = "/etc/mtab"
        target = "../proc/mounts"
        [[device]]
        path = "/dev/console"
        mode = "0600"
        kind = "character"
        major = 5
        minor = 1
        "#,
    );
    let mut inputs = inputs(&["/etc/resolv.conf -> ../run/resolv.conf", "/tmp"], &[]);
    let error = assemble(&profile, &inputs, &NoBodies).unwrap_err();
    assert_eq!(error.to_string(), "beside was not read");
    inputs.sources.insert("beside".into(), Body::bytes(b"text"));
    let tree = assemble(&profile, &inputs, &NoBodies).unwrap().tree;
    assert_eq!(node(&tree, "/tmp"), "base: 1777 directory");
    assert_eq!(node(&tree, "/etc/resolv.conf"), "configuration: 0644 ");
    assert_eq!(node(&tree, "/etc/beside"), "configuration: 0600 text");
    assert_eq!(node(&tree, "/etc/mtab"), "configuration: -> ../proc/mounts");
    let console = Node::Device(DeviceKind::Character, "0600".parse().unwrap(), 5, 1);
    assert_eq!(tree.get(&path("/dev/console")).unwrap().node, console);
}

#[test]
fn an_extra_cannot_take_the_place_of_the_policy_or_the_guard() {
    let twice = |place| format!("profile: {place} is there twice in the configuration layer");
    let among = |place| format!("{place} of the profile is in /etc/kata-opa, where only the policy may be");
    for (place, error) in [
        (INIT, twice(INIT)),
        (GUARD_PLAN, twice(GUARD_PLAN)),
        (DEFAULT_POLICY, among(DEFAULT_POLICY)),
        ("/etc/kata-opa/strict.rego", among("/etc/kata-opa/strict.rego")),
        ("/etc/kata-opa/other", among("/etc/kata-opa/other")),
        (POLICY_DIRECTORY, among(POLICY_DIRECTORY)),
    ] {
        for table in [
            format!("[[file]]\npath = \"{place}\"\nmode = \"0755\"\ntext = \"x\""),
            format!("[[symlink]]\npath = \"{place}\"\ntarget = \"x\""),
        ] {
            let got = assemble(&profile_with(&table), &inputs(&[], &[]), &NoBodies).unwrap_err();
            assert_eq!(got.to_string(), error);
        }
    }
}

#[test]
fn a_later_layer_replaces_files_and_keeps_directories() {
    let agent = flat(Role::Agent, &["/usr 0700", "/usr/bin/kata-agent: new", "/etc/conf -> new"]);
    let tree = tree(&["/usr", "/usr/bin/kata-agent: old", "/usr/bin/sh: x", "/etc/conf: old"], &[agent]);
    assert_eq!(node(&tree, "/usr"), "base: 0755 directory");
    assert_eq!(node(&tree, "/usr/bin/kata-agent"), "components: 0755 new");
    assert_eq!(node(&tree, "/usr/bin/sh"), "base: 0644 x");
    assert_eq!(node(&tree, "/etc/conf"), "components: -> new");
}

#[test]
fn usr_merge_of_the_base_is_kept() {
    let base = [
        "/usr/bin",
        "/usr/lib",
        "/bin -> usr/bin",
        "/lib -> usr/lib",
        "/lib/libc.so: elf",
        "/usr/bin/sh: elf",
    ];
    let agent = flat(Role::Agent, &["/usr/bin/kata-agent: x", "/lib/", "/lib/helper: x", "/bin/tool: x"]);
    let tree = tree(&base, &[agent]);
    for (name, expected) in [
        ("/bin", "base: -> usr/bin"),
        ("/lib", "base: -> usr/lib"),
        ("/usr/lib/libc.so", "base: 0644 elf"),
        ("/usr/lib/helper", "components: 0644 x"),
        ("/usr/bin/tool", "components: 0644 x"),
    ] {
        assert_eq!(node(&tree, name), expected, "{name}");
    }
}

#[test]
fn hard_links_of_a_base_are_kept() {
    let tree =
        tree(&["/usr/bin/git: elf 0755", "/usr/bin/git-add = /usr/bin/git", "/a = /usr/bin/git-add"], &[]);
    assert_eq!(node(&tree, "/usr/bin/git"), "base: 0755 elf");
    assert_eq!(node(&tree, "/usr/bin/git-add"), "base: = /usr/bin/git");
    assert_eq!(node(&tree, "/a"), "base: = /usr/bin/git");
}

#[test]
fn a_dangling_directory_is_told_with_its_reason() {
    let error = assemble(&profile_with(""), &inputs(&["/l -> gone", "/l/x: 1"], &[]), &NoBodies).unwrap_err();
    let follow = FollowError::Dangling { path: path("/l"), missing: path("/gone") };
    assert_eq!(error, AssembleError::Tree { input: "base", error: TreeError::Follow(follow) });
}

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[test]
fn the_order_of_members_does_not_matter() {
    let base = [
        "/usr",
        "/usr/bin 0711",
        "/usr/bin/tool: elf 0755",
        "/usr/bin/alias = /usr/bin/tool",
        "/usr/bin/second = /usr/bin/alias",
        "/bin -> usr/bin",
        "/sbin -> bin",
        "/bin/behind: one link",
        "/sbin/behind-two: links",
        "/sbin/link -> behind",
        "/lib/deep/er: x",
        "/lib64 -> lib/deep",
        "/lib64/more: x",
        "/tmp 1777",
        "/etc/kata-opa/allow.rego: x",
        "/var/tmp -> /tmp",
    ];
    let agent = ["/usr/bin/kata-agent: elf", "/usr/bin/tool -> kata-agent", "/bin/helper: x", "/lib/deep"];
    let expected =
        assemble(&profile_with(""), &inputs(&base, &[flat(Role::Agent, &agent)]), &NoBodies).unwrap();
    let mut dice = Dice(0x5eed);
    for round in 0..200 {
        let (mut base, mut agent) = (base, agent);
        dice.shuffle(&mut base);
        dice.shuffle(&mut agent);
        let got =
            assemble(&profile_with(""), &inputs(&base, &[flat(Role::Agent, &agent)]), &NoBodies).unwrap();
        assert_eq!(
            (got.tree, got.removed),
            (expected.tree.clone(), expected.removed.clone()),
            "{round}: {base:?}"
        );
    }
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----";

/// An image whose certificates are those of `base`, which is trimmed of the files they were in.
fn with_certificates(base: &[&str]) -> Result<Tree, String> {
    let profile = profile_with(
        r#"
        [trim]
        remove = ["/usr/share/certs"]
        [[file]]
        path = "/etc/ssl/all.crt"
        mode = "0644"
        certificates = "/usr/share/certs/*.crt"
        "#,
    );
    assemble(&profile, &inputs(base, &[]), &NoBodies).map(|it| it.tree).map_err(|error| error.to_string())
}

#[test]
fn certificates_of_the_base_become_one_file_in_the_order_of_their_names() {
    let second = format!("/usr/share/certs/b.crt: # b\n{CERTIFICATE}");
    let first = format!("/usr/share/certs/a.crt: # a\n{CERTIFICATE}\n");
    let tree = with_certificates(&[&second, &first, "/usr/share/certs/README: x"]).unwrap();
    let bundle = format!("configuration: 0644 # a\n{CERTIFICATE}\n# b\n{CERTIFICATE}\n");
    assert_eq!(node(&tree, "/etc/ssl/all.crt"), bundle);
    assert_eq!(node(&tree, "/usr/share/certs"), "nothing");
}

#[test]
fn what_is_no_certificate_is_not_put_among_them() {
    for (base, error) in [
        (
            "/usr/share/certs/README: x",
            "/etc/ssl/all.crt of the profile: no file of the base matches `/usr/share/certs/*.crt`",
        ),
        (
            "/usr/share/certs/a.crt: x",
            "/usr/share/certs/a.crt of the base: no `-----BEGIN CERTIFICATE-----` in it",
        ),
        (
            "/usr/share/certs/a.crt",
            "/usr/share/certs/a.crt of the base is a directory, expected a file of certificates",
        ),
        (
            "/usr/share/certs/a.crt -> gone",
            "base: /usr/share/certs/a.crt leads to /usr/share/certs/gone, which is not in the image",
        ),
    ] {
        assert_eq!(with_certificates(&[base]).unwrap_err(), error);
    }
}

#[test]
fn only_the_base_is_trimmed() {
    let profile = profile_with(
        r#"
        [trim]
        remove = ["/etc/*.d", "/usr/share"]
        keep = ["/usr/share/dbus-1"]
        [[file]]
        path = "/usr/share/own"
        mode = "0644"
        text = "own"
        "#,
    );
    let base = ["/etc/a.d/x: 12", "/etc/b.d/y: 345", "/usr/share/doc/z: 6", "/usr/share/dbus-1/s: 7"];
    let agent = flat(Role::Agent, &["/usr/bin/kata-agent: x", "/etc/a.d/agent: of the agent"]);
    let assembled = assemble(&profile, &inputs(&base, &[agent]), &NoBodies).unwrap();
    for (name, expected) in [
        ("/etc/a.d/x", "nothing"),
        ("/etc/b.d", "nothing"),
        ("/etc/a.d/agent", "components: 0644 of the agent"),
        ("/usr/share/doc", "nothing"),
        ("/usr/share/dbus-1/s", "base: 0644 7"),
        ("/usr/share/own", "configuration: 0644 own"),
    ] {
        assert_eq!(node(&assembled.tree, name), expected, "{name}");
    }
    let counts: Vec<(usize, u64)> = assembled.trimmed.iter().map(|it| (it.members, it.bytes)).collect();
    assert_eq!(counts, [(4, 5), (2, 1)]);
}

#[test]
fn a_rule_about_a_base_needs_a_base() {
    let profile = profile_with("[trim]\nremove = [\"/usr/share/doc\"]");
    let inputs = Inputs { base: None, ..inputs(&[], &[]) };
    let error = assemble(&profile, &inputs, &NoBodies).unwrap_err().to_string();
    assert_eq!(error, "`/usr/share/doc` of trim.remove matches nothing of the base");
}
