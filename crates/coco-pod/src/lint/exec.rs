//! Findings where a container has the host run a command in it: probes and lifecycle hooks.

use super::{Code, Level, Lint, Words};
use crate::error::PodError;
use crate::node::Content;
use crate::text::quote;
use crate::view::View;

impl Lint {
    pub(super) fn probes(&mut self, container: &View<'_>) -> Result<(), PodError> {
        // The kubelet takes the answer of a probe that could not be run for none at all
        // (`pkg/kubelet/prober/worker.go`, `doProbe`): the first state stays.
        let probes = [
            ("startupProbe", Level::Error, "the container never counts as started"),
            ("readinessProbe", Level::Error, "the container never becomes ready"),
            ("livenessProbe", Level::Warning, "the container is never checked and never restarted by it"),
        ];
        for (key, level, outcome) in probes {
            let Some(probe) = container.get(key)? else { continue };
            let Some(exec) = probe.get("exec")? else { continue };
            let words = Words {
                what: format!(
                    "the kubelet runs its command with ExecProcessRequest, which is denied: {outcome}"
                ),
                advice: format!("in place of exec write {}", probe_instead(container)?),
                allow: self.command(&exec)?.map(|command| allow(&command)),
            };
            self.add(Code::L001, level, &probe, words);
        }
        Ok(())
    }

    pub(super) fn hooks(&mut self, container: &View<'_>) -> Result<(), PodError> {
        let hooks = [
            ("postStart", "the container is killed and started again, over and over"),
            ("preStop", "the hook fails, and the container is stopped without it"),
        ];
        let Some(lifecycle) = container.get("lifecycle")? else { return Ok(()) };
        for (key, outcome) in hooks {
            let Some(hook) = lifecycle.get(key)? else { continue };
            let Some(exec) = hook.get("exec")? else { continue };
            let command = self.command(&exec)?;
            let words = Words {
                what: format!(
                    "the kubelet runs its command with ExecProcessRequest, which is denied: {outcome}"
                ),
                advice: hook_instead(container, key, command.as_deref().unwrap_or_default())?,
                allow: command.map(|command| allow(&command)),
            };
            self.add(Code::L002, Level::Error, &hook, words);
        }
        Ok(())
    }

    /// The command, or a finding why Kubernetes refuses it.
    fn command(&mut self, exec: &View<'_>) -> Result<Option<Vec<String>>, PodError> {
        let Some(command) = exec.get("command")? else {
            self.refused(exec, "nothing");
            return Ok(None);
        };
        if !matches!(&command.node.content, Content::Sequence(items) if !items.is_empty()) {
            let got = if command.node.word() == "a list" { "an empty list" } else { command.node.word() };
            self.refused(&command, got);
            return Ok(None);
        }
        let items = command.items()?;
        let mut words = Vec::new();
        for item in &items {
            if let Ok(word) = item.string() {
                words.push(word.to_owned());
            } else {
                self.refused(item, item.node.word());
            }
        }
        Ok((words.len() == items.len()).then_some(words))
    }

    fn refused(&mut self, at: &View<'_>, got: &str) {
        let what =
            format!("Kubernetes refuses the pod: got {got}, expected a list of strings for the command");
        let advice = match at.node.text() {
            Some(text) if got != "a string" => format!("write it in quotes: {}", quote(text)),
            _ => "write the command as a list of strings".to_owned(),
        };
        self.add(Code::L011, Level::Error, at, Words { what, advice, allow: None });
    }
}

/// The probe to write in place of one that runs a command.
fn probe_instead(container: &View<'_>) -> Result<String, PodError> {
    Ok(match first_port(container)? {
        Some((port, Protocol::Grpc)) => format!("grpc: {{port: {port}}}"),
        Some((port, Protocol::Unknown)) => {
            format!("httpGet: {{path: /healthz, port: {port}}} or tcpSocket: {{port: {port}}}")
        }
        None => "httpGet: {path: /healthz, port: PORT} or tcpSocket: {port: PORT}, with a port the program \
                 listens on"
            .to_owned(),
    })
}

/// What to write in place of a hook that runs a command.
fn hook_instead(container: &View<'_>, hook: &str, command: &[String]) -> Result<String, PodError> {
    if let Some(seconds) = slept(command) {
        return Ok(format!("in place of exec write sleep: {{seconds: {seconds}}}"));
    }
    let itself = if hook == "preStop" { "when it gets SIGTERM" } else { "when it starts" };
    Ok(match first_port(container)? {
        Some((port, _)) => format!(
            "have the program do it {itself}, or in place of exec write httpGet: {{path: /{hook}, port: {port}}}"
        ),
        None => format!("have the program do it {itself}"),
    })
}

/// What a port's name says about who listens.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    Grpc,
    Unknown,
}

fn first_port<'a>(container: &View<'a>) -> Result<Option<(&'a str, Protocol)>, PodError> {
    let ports = container.items_of("ports")?;
    let Some(port) = ports.first() else { return Ok(None) };
    let is_grpc = port.string_of("name")?.is_some_and(|name| name == "grpc" || name.starts_with("grpc-"));
    let protocol = if is_grpc { Protocol::Grpc } else { Protocol::Unknown };
    Ok(port.get("containerPort")?.and_then(|number| number.node.text()).map(|number| (number, protocol)))
}

/// The seconds of a command that does nothing but sleep.
fn slept(command: &[String]) -> Option<u64> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    match words.as_slice() {
        [program, seconds] if program.rsplit('/').next() == Some("sleep") => seconds.parse().ok(),
        [shell, "-c", line] if matches!(shell.rsplit('/').next(), Some("sh" | "bash")) => {
            line.trim().strip_prefix("sleep ")?.trim().parse().ok()
        }
        _ => None,
    }
}

/// The option that allows exactly this command, quoted for a shell.
fn allow(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| quote(word)).collect();
    format!("--allow-exec-command '[{}]'", words.join(",").replace('\'', r"'\''"))
}
