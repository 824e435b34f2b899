//! Findings in one container: streams, termination message, resizing. Commands are in `exec`.

use super::{Code, Level, Lint, Words};
use crate::error::PodError;
use crate::view::View;

/// What Kubernetes fills in where nothing is said; exported pods have it.
const MESSAGE_PATH: &str = "/dev/termination-log";
const MESSAGE_POLICY: &str = "File";

impl Lint {
    pub(super) fn container(&mut self, container: &View<'_>) -> Result<(), PodError> {
        self.streams(container)?;
        self.termination_message(container)?;
        if let Some(resize) = container.get("resizePolicy")? {
            let words = Words::new(
                "a resize in place is an UpdateContainerRequest, which is denied: the limits stay as they were",
                "remove it, and make a new pod with the new limits",
            );
            self.add(Code::L008, Level::Warning, &resize, words);
        }
        self.probes(container)?;
        self.hooks(container)
    }

    fn streams(&mut self, container: &View<'_>) -> Result<(), PodError> {
        for key in ["stdin", "stdinOnce"] {
            if let Some(stdin) = container.truth_of(key)? {
                let words = Words::new(
                    "WriteStreamRequest and CloseStdinRequest are denied: nothing typed reaches the program, and \
                     its input never ends",
                    "remove it, and give the input as a file: a config map, a secret or a volume",
                );
                self.add(Code::L003, Level::Warning, &stdin, words);
            }
        }
        if let Some(tty) = container.truth_of("tty")? {
            let words = Words::new(
                "what the terminal shows is read with ReadStreamRequest, which is emptied: it stays blank",
                "remove it",
            );
            self.add(Code::L004, Level::Warning, &tty, words);
        }
        Ok(())
    }

    fn termination_message(&mut self, container: &View<'_>) -> Result<(), PodError> {
        let keys = [("terminationMessagePath", MESSAGE_PATH), ("terminationMessagePolicy", MESSAGE_POLICY)];
        for (key, default) in keys {
            let Some(view) = container.get(key)? else { continue };
            let value = view.string()?;
            let level = if value == default { Level::Note } else { Level::Warning };
            let what = if value == "FallbackToLogsOnError" {
                "the message is read with GetDiagnosticDataRequest, which is denied, and the logs in its place \
                 are empty: the pod's status shows no message"
            } else {
                "the message is read with GetDiagnosticDataRequest, which is denied: the pod's status shows none"
            };
            let words = Words::new(what, "remove it, and tell the reason by the exit code");
            self.add(Code::L005, level, &view, words);
        }
        Ok(())
    }
}
