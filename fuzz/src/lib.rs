//! One function for each parser of untrusted text: it takes any bytes, and panics over a broken promise.
//!
//! The fuzzers of `src/bin` and the replay of `corpus/` call the same functions. An error is an answer;
//! what is not one is a panic, a hang, memory without bound, or a word on standard output.

mod archive;
mod evidence;
mod image;
mod kata_config;
mod measure;
mod packages;
mod registry;
mod signatures;

use std::sync::LazyLock;
use std::time::Duration;

use coco_boot::{Ending, Line, Lines, Timeline};
use coco_image::lock::Lock;
use coco_initdata::{Form, Initdata};
use coco_policy::check::{Agents, Role, check_text};
use coco_policy::{AgentVersion, Command, DEFAULT_RESTRICTIVE, Engine, Policy, Request, Toggle};

pub use archive::{initrd, tarball};
pub use evidence::{event_log, evidence};
pub use image::{location, modules};
pub use kata_config::kata_config;
pub use measure::{firmware, kernel};
pub use packages::{copyright, deb_file, packages_index, release};
pub use registry::registry;
pub use signatures::{openpgp, rpm_header};

/// A target: its name, which is that of its program and its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 25] = [
    ("annotation", annotation),
    ("cases", cases),
    ("console", console),
    ("copyright", copyright),
    ("deb_file", deb_file),
    ("event_log", event_log),
    ("evidence", evidence),
    ("explain", explain),
    ("firmware", firmware),
    ("initdata", initdata),
    ("initrd", initrd),
    ("kata_config", kata_config),
    ("kernel", kernel),
    ("location", location),
    ("lock", lock),
    ("modules", modules),
    ("openpgp", openpgp),
    ("packages_index", packages_index),
    ("pod", pod),
    ("registry", registry),
    ("rego", rego),
    ("release", release),
    ("rpm_header", rpm_header),
    ("tarball", tarball),
    ("words", words),
];

/// The value of a pod's annotation. What was read must be read again from what is written.
pub fn annotation(bytes: &[u8]) {
    if let Ok(initdata) = Initdata::from_annotation("input", bytes) {
        read_again(&initdata);
    }
}

/// The lock of a profile. What was read must be read again from what is written, which is then the same.
pub fn lock(bytes: &[u8]) {
    let Ok(lock) = Lock::parse(&String::from_utf8_lossy(bytes)) else { return };
    let text = lock.to_toml();
    assert_eq!(Lock::parse(&text).as_ref(), Ok(&lock));
    assert_eq!(Lock::parse(&text).map(|lock| lock.to_toml()), Ok(text));
}

/// A case file, and the answers of the default policy to its inputs under both engines.
///
/// The inputs are what a hostile host would send.
pub fn cases(bytes: &[u8]) {
    static DEFAULTS: LazyLock<[Policy; 2]> = LazyLock::new(|| {
        Engine::ALL.map(|engine| {
            let text = DEFAULT_RESTRICTIVE.as_bytes();
            Policy::parse_for(engine, "default", text).expect("a test loads the default in both engines")
        })
    });
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(cases) = coco_policy::cases::parse("input", text) else { return };
    for policy in &*DEFAULTS {
        let _ = policy.test(&cases); // a finding is an answer
    }
}

/// The console of a guest. Its first byte says after how many others a part of it came.
pub fn console(bytes: &[u8]) {
    let Some((&part, bytes)) = bytes.split_first() else { return };
    let (mut lines, mut all, mut timeline) = (Lines::default(), Vec::<Line>::new(), Timeline::default());
    for (number, part) in bytes.chunks(usize::from(part).max(1)).enumerate() {
        let at = Duration::from_millis(u64::try_from(number).unwrap_or(u64::MAX));
        all.extend(lines.feed(at, part));
    }
    all.extend(lines.end(Duration::ZERO));
    for line in &all {
        timeline.note(line);
    }
    assert!(!all.iter().any(|line| line.text.contains('\n')), "a line is one line");
    let _ = (Ending::of(&all).to_string(), timeline.kernel(), timeline.initrd());
}

/// Lines of a journal, by a policy that is soon evaluated.
pub fn explain(bytes: &[u8]) {
    const SHORT: &str = "package agent_policy\n\ndefault ExecProcessRequest := false\n";
    static POLICY: LazyLock<Policy> =
        LazyLock::new(|| Policy::parse("short", SHORT.as_bytes()).expect("a test loads it"));
    let text = String::from_utf8_lossy(bytes);
    let found = coco_policy::explain(&text, &POLICY, SHORT);
    assert!(found.iter().all(|denial| text.contains(denial.request.name())), "a denial names its request");
}

/// Initdata in whatever form it comes.
pub fn initdata(bytes: &[u8]) {
    let Ok((form, initdata)) = coco_initdata::read("input", bytes) else { return };
    if form == Form::Toml {
        assert_eq!(initdata.text().as_bytes(), bytes, "what is measured is the text as it stands");
    }
    read_again(&initdata);
    let _ = (initdata.faults(), initdata.registers(), initdata.foreign_keys().count());
    if let Ok(other) = Initdata::new(initdata.algorithm(), initdata.data().clone()) {
        let read = Initdata::parse("written", other.text().as_bytes());
        assert_eq!(read.as_ref().map(Initdata::data), Ok(initdata.data()), "what is written is read back");
    }
}

/// Kubernetes YAML with pods.
pub fn pod(bytes: &[u8]) {
    coco_pod::exercise(bytes);
}

/// A policy: both engines load it and its text is checked. It is asked nothing. The role, which changes
/// no more than levels, goes by the length.
///
/// Rego is a language in which a short text may ask for endless work (`numbers.range(0, 1000000000)`),
/// and no engine has a limit that holds for all of it. So a policy is only evaluated for whoever wrote
/// it, and hangs at worst that command.
pub fn rego(bytes: &[u8]) {
    let roles = [Role::Default, Role::Override];
    let role = roles.get(bytes.len() % roles.len()).copied().unwrap_or(Role::Default);
    let _ = check_text("input", bytes, role, Agents::All); // a diagnostic is an answer
}

/// The words of the command line that are more than a path or a number.
pub fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(version) = text.parse::<AgentVersion>() {
        assert_eq!(version.to_string().parse(), Ok(version));
    }
    if let Ok(command) = text.parse::<Command>() {
        assert_eq!(command.to_string().parse(), Ok(command));
    }
    let _ = (text.parse::<Toggle>(), text.parse::<Request>());
}

/// Wraps a document in both ways and takes it out again.
fn read_again(initdata: &Initdata) {
    if let Ok(value) = initdata.annotation() {
        let read = Initdata::from_annotation("again", value.as_bytes());
        assert_eq!(read.as_ref(), Ok(initdata), "an annotation holds the document");
    }
    let read = Initdata::from_image("again", &initdata.image());
    assert_eq!(read.as_ref(), Ok(initdata), "an image holds the document");
}
