//! The program's one way out: data to standard output, words to standard error, a progress bar on
//! terminals.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Standard output takes no more. A command prints last: what it had to do is done by then.
#[derive(Debug, thiserror::Error)]
#[error("all is done, but the result can't be printed")]
pub(crate) struct NotPrinted(#[source] io::Error);

/// How much is printed at once, in bytes.
const BUFFER: usize = 256 << 10;

/// Where a command says what it has to say.
#[derive(Debug)]
pub(crate) struct Output {
    data: io::Stdout,
    words: io::Stderr,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { data: io::stdout(), words: io::stderr() }
    }

    /// Data: what the command was asked for.
    pub(crate) fn data(&mut self, text: &str) -> Result<(), NotPrinted> {
        self.data.write_all(text.as_bytes()).and_then(|()| self.data.flush()).map_err(NotPrinted)
    }

    /// Data that is no text, and may be large: all that `from` has, which is called `name` if it can't be read.
    pub(crate) fn bytes(&mut self, from: &mut dyn Read, name: &dyn Display) -> anyhow::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let got = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(anyhow::Error::new(error).context(format!("{name} can't be read"))),
            };
            self.data.write_all(buffer.get(..got).unwrap_or_default()).map_err(NotPrinted)?;
        }
        Ok(self.data.flush().map_err(NotPrinted)?)
    }

    /// Words for the person at the terminal. That nobody can read them is no reason to fail.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = writeln!(self.words, "{text}");
    }

    /// An error with its causes, and what to do about it.
    pub(crate) fn error(&mut self, message: &str, hint: Option<String>) {
        self.note(&format!("error: {message}"));
        if let Some(hint) = hint {
            self.note(&format!("hint: {hint}"));
        }
    }

    /// A bar over `bytes`, on terminals.
    pub(crate) fn progress(&mut self, what: &'static str, bytes: u64) -> ProgressBar {
        if !self.words.is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(bytes).with_message(what);
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}
