//! The process of a container: says, echoes, floods, waits and exits as it is told. Reads no file.

use std::io::{self, BufRead as _, Write};
use std::process::ExitCode;
use std::time::Duration;

/// How much `flood` writes at once: more than a pipe holds, so it must be read to go on.
const BLOCK: usize = 1 << 17;

/// Between two lines: a pipe that nobody reads takes them for some minutes.
const PAUSE: Duration = Duration::from_millis(200);

/// Why the process can't do what it was told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Misled {
    /// No such word.
    #[error("`{0}` is no task: one of say, tell, echo, flood, wait, exit")]
    Task(String),
    /// Not a number where one belongs.
    #[error("`{0}` is not a number")]
    Number(String),
    /// A stream is gone.
    #[error(transparent)]
    Stream(#[from] io::Error),
}

/// Does what the words say:
///
/// - `say OUT ERR` writes one line to each stream, again and again, so that whoever reads gets one;
/// - `tell OUT` writes one line to standard output and ends;
/// - `echo` writes every line of standard input to standard output, until it ends;
/// - `flood BYTES` writes that many bytes to standard output;
/// - `exit CODE` ends with it;
/// - `wait` waits for a signal.
pub(crate) fn run(words: &[String]) -> Result<ExitCode, Misled> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut out = io::stdout().lock();
    match words.as_slice() {
        ["say", text, error] => loop {
            line(&mut out, text)?;
            line(&mut io::stderr().lock(), error)?;
            std::thread::sleep(PAUSE);
        },
        ["tell", text] => {
            line(&mut out, text)?;
            Ok(ExitCode::SUCCESS)
        }
        ["echo"] => {
            for text in io::stdin().lock().lines() {
                line(&mut out, &text?)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        ["flood", bytes] => {
            flood(&mut out, number(bytes)?)?;
            Ok(ExitCode::SUCCESS)
        }
        ["exit", code] => Ok(ExitCode::from(number::<u8>(code)?)),
        ["wait"] => wait(),
        other => Err(Misled::Task(other.join(" "))),
    }
}

fn line(stream: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(stream, "{text}")?;
    stream.flush()
}

fn flood(out: &mut impl Write, bytes: usize) -> io::Result<()> {
    let block = vec![b'x'; BLOCK];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(BLOCK);
        out.write_all(block.get(..now).unwrap_or_default())?;
        left -= now;
    }
    out.flush()
}

fn wait() -> ! {
    loop {
        std::thread::sleep(Duration::from_hours(1));
    }
}

fn number<N: std::str::FromStr>(word: &str) -> Result<N, Misled> {
    word.parse().map_err(|_| Misled::Number(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_has_the_size_it_was_told() {
        for bytes in [0, 1, BLOCK, BLOCK + 1, 1 << 20] {
            let mut out = Vec::new();
            flood(&mut out, bytes).unwrap();
            assert_eq!(out.len(), bytes);
        }
    }

    #[test]
    fn what_is_no_task_is_said() {
        let told = |words: &[&str]| {
            run(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>()).unwrap_err().to_string()
        };
        assert_eq!(
            told(&["sing", "loud"]),
            "`sing loud` is no task: one of say, tell, echo, flood, wait, exit"
        );
        assert_eq!(told(&["exit", "256"]), "`256` is not a number");
    }
}
