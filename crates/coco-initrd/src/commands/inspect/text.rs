//! What `inspect` prints for people: sections of aligned lines, control characters escaped.

use coco_image::inspect::{Agent, Init, InitKind};

use super::{Told, role, sizes};
use crate::commands::parity::way;
use crate::report::one_line;

/// Width of a line's first word.
const NAME: usize = 11;

/// The whole answer.
pub(super) fn print(told: &Told<'_>) -> String {
    let mut lines = vec![
        format!("{:NAME$}{}", "image", told.path.display()),
        format!("{:NAME$}{}", "sha256", told.image.sha256),
        format!("{:NAME$}{} bytes", "size", told.image.size),
    ];
    let mut sections = vec![
        ("segments", segments(told)),
        ("files", files(told)),
        ("policy", policy(told)),
        ("init", init(&told.found.init)),
        ("agent", agent(told.found.agent.as_ref())),
        ("faults", faults(told)),
        ("needs", needs(told)),
    ];
    if let Some(found) = &told.sizes {
        sections.push(("sizes", sizes::tree(told, found)));
        sections.push(("packages", sizes::packages(found)));
    }
    for (name, section) in sections {
        lines.push(name.to_owned());
        lines.extend(section.into_iter().map(|line| format!("  {line}")));
    }
    lines.iter().flat_map(|line| [one_line(line).trim_end().to_owned(), "\n".to_owned()]).collect()
}

/// A name and what there is to say.
fn line(name: &str, value: impl std::fmt::Display) -> String {
    format!("{name:NAME$}{value}")
}

fn segments(told: &Told<'_>) -> Vec<String> {
    let head = format!(
        "{:>3} {:>11} {:>11} {:>11} {:>8} {:>8}  {}",
        "no.", "offset", "size", "unpacked", "members", "trailers", "compression"
    );
    let rows = told.found.segments.iter().enumerate().map(|(number, (segment, of))| {
        format!(
            "{number:>3} {:>11} {:>11} {:>11} {:>8} {:>8}  {} {}",
            segment.offset,
            segment.size,
            segment.unpacked,
            segment.members,
            segment.trailers,
            segment.format,
            role(*of)
        )
    });
    std::iter::once(head).chain(rows).collect()
}

fn files(told: &Told<'_>) -> Vec<String> {
    let files = &told.found.files;
    let kinds = files.kinds.iter().map(|(kind, count)| format!("{kind:17}{count:>11}"));
    kinds.chain([format!("{:17}{:>11}", "bytes", files.bytes)]).collect()
}

fn policy(told: &Told<'_>) -> Vec<String> {
    let policy = &told.found.policy;
    let mut lines: Vec<String> =
        policy.links.iter().map(|link| line("link", format!("{} -> {}", link.path, link.target))).collect();
    match &policy.effective {
        Err(problem) => lines.push(line("effective", format!("none: {problem}"))),
        Ok(effective) => lines.extend([
            line("effective", &effective.located.file),
            line("sha256", effective.sha256),
            line("sha384", effective.sha384),
            line("override", way(&effective.located.replacement)),
        ]),
    }
    lines.extend(policy.others.iter().map(|path| line("no effect", path)));
    lines.extend(policy.overridden.iter().map(|overridden| {
        let at = format!("segment {} by segment {}", overridden.segment, overridden.by);
        line("overridden", format!("{} of {at}", overridden.path))
    }));
    match &told.decisions {
        None => {}
        Some(Err(problem)) => lines.push(line("decisions", format!("none, an agent stops on it: {problem}"))),
        Some(Ok(decisions)) => {
            lines.push("decisions".to_owned());
            lines.extend(decisions.iter().map(|(request, verdict)| format!("  {request:38}{verdict}")));
        }
    }
    lines
}

fn init(init: &Init) -> Vec<String> {
    let (path, kind, is_executable) = match init {
        Init::None(error) => return vec![line("kind", format!("none: {error}"))],
        Init::Found { path, kind, is_executable } => (path, kind, *is_executable),
    };
    let detail = match kind {
        InitKind::Guard { has_plan: true } => " with its plan".to_owned(),
        InitKind::Guard { has_plan: false } => " without its plan: it powers off".to_owned(),
        InitKind::Script(first) => format!(" for {first}"),
        _ => String::new(),
    };
    let mut lines = vec![line("path", path), line("kind", format!("{}{detail}", kind.word()))];
    if !is_executable {
        lines.push(line("mode", "not executable: the kernel can't start it"));
    }
    lines
}

fn agent(agent: Option<&Agent>) -> Vec<String> {
    let Some(agent) = agent else { return vec![line("path", "none")] };
    let features = agent.features.iter().map(|(name, has)| {
        let word = match has {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        };
        format!("{name} {word}")
    });
    vec![
        line("path", &agent.path),
        line("kind", agent.kind.word().unwrap_or("not known")),
        line("version", agent.version.as_deref().unwrap_or("not known")),
        line("features", features.collect::<Vec<_>>().join(", ")),
    ]
}

fn faults(told: &Told<'_>) -> Vec<String> {
    if told.found.faults.is_empty() {
        return vec!["none found".to_owned()];
    }
    let row = |fault: &coco_image::inspect::Fault| {
        format!("{:13}{:>7}  {}", fault.kind.word(), fault.count, fault.example)
    };
    told.found.faults.iter().map(row).collect()
}

fn needs(told: &Told<'_>) -> Vec<String> {
    let needs = &told.found.needs;
    let options: Vec<&str> = needs.options.iter().copied().collect();
    let options = if options.is_empty() { "no decompressor".to_owned() } else { options.join(", ") };
    let mut lines = vec![line("kernel", options)];
    lines.extend(told.zstd_window.map(|window| line("zstd", format!("a window of {window} bytes"))));
    let mib = needs.memory_mib;
    lines.push(line("memory", format!("{} bytes unpacked, a guest of {mib} MiB at least", needs.unpacked)));
    lines
}
