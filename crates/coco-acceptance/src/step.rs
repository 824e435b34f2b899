//! Something done to a guest that is up, the answer it must get, and whether a reply is that answer.

use std::fmt;

use coco_agent_api::Message;
use coco_agent_api::agent::{ReadStreamResponse, WaitProcessResponse};
use coco_agent_api::health::{HealthCheckResponse, health_check_response::ServingStatus};

use crate::Call;

/// A step of a scenario.
#[derive(Debug, Clone)]
pub struct Step {
    /// What must be so, in one sentence.
    pub says: String,
    /// What is done.
    pub action: Action,
    /// What must come of it.
    pub expect: Answer,
}

/// Something done to a guest.
#[derive(Debug, Clone)]
pub enum Action {
    /// Calls, one after the other; the last reply counts, or the first that is a refusal.
    Calls(Vec<Call>),
    /// Reads a stream until the text came, or the stream is at its end. All that came is the reply.
    ReadUntil(Call, &'static str),
    /// Reads a stream, again and again, until a process has ended; its status is the reply.
    Drain {
        /// Reads.
        read: Call,
        /// Waits for the process.
        wait: Call,
    },
    /// Connects to a port of the guest; what is said there first is the reply.
    Listen(u32),
    /// Waits until the guest is gone.
    WaitForEnd,
}

/// What must come of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Fine,
    /// The agent says that it serves.
    Serving,
    /// A stream brings nothing, and no error.
    Nothing,
    /// A stream brings this.
    Text(&'static str),
    /// A process ended with this status.
    Status(i32),
    /// The policy refuses the request of this name, in the agent's words.
    Blocked(&'static str),
    /// Whatever comes is right; it is told all the same.
    Observed {
        /// What an answer means.
        answered: &'static str,
        /// What it means that none came in time.
        silent: &'static str,
    },
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer, encoded; empty where there is nothing to tell.
    Answer(Vec<u8>),
    /// A refusal.
    Refusal {
        /// The name of the status.
        code: String,
        /// The agent's words.
        message: String,
    },
    /// No answer in time, or no connection; why.
    None(String),
}

/// Whether a reply is the answer that was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Held,
    /// It is not; what came instead.
    Failed(String),
    /// There was none to expect; what came.
    Observed(&'static str),
}

impl Step {
    /// Whether the reply is right.
    pub fn judge(&self, reply: &Reply) -> Verdict {
        if let Answer::Observed { answered, silent } = self.expect {
            return match reply {
                Reply::Answer(_) => Verdict::Observed(answered),
                Reply::None(_) => Verdict::Observed(silent),
                Reply::Refusal { .. } => Verdict::Failed(got(self.expect, reply)),
            };
        }
        if self.expect.is(reply) { Verdict::Held } else { Verdict::Failed(got(self.expect, reply)) }
    }
}

impl Answer {
    fn is(self, reply: &Reply) -> bool {
        match (self, reply) {
            (Self::Fine, Reply::Answer(_)) => true,
            (Self::Serving, Reply::Answer(bytes)) => HealthCheckResponse::parse_from_bytes(bytes)
                .is_ok_and(|answer| answer.status == ServingStatus::SERVING.into()),
            (Self::Nothing, Reply::Answer(bytes)) => data(bytes).is_some_and(|data| data.is_empty()),
            (Self::Text(text), Reply::Answer(bytes)) => {
                data(bytes).is_some_and(|data| String::from_utf8_lossy(&data).contains(text))
            }
            (Self::Status(expected), Reply::Answer(bytes)) => status(bytes) == Some(expected),
            (Self::Blocked(name), Reply::Refusal { code, message }) => {
                code == "PERMISSION_DENIED" && message.contains(&format!("{name} is blocked by policy"))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fine => out.write_str("that it is done"),
            Self::Serving => out.write_str("SERVING"),
            Self::Nothing => out.write_str("no data and no error"),
            Self::Text(text) => write!(out, "data with `{}`", text.trim_end()),
            Self::Status(status) => write!(out, "status {status}"),
            Self::Blocked(name) => write!(out, "PERMISSION_DENIED: {name} is blocked by policy"),
            Self::Observed { answered, silent } => write!(out, "one of: {answered}; {silent}"),
        }
    }
}

/// The reply in words, as far as the expectation looks at it.
fn got(expected: Answer, reply: &Reply) -> String {
    match (expected, reply) {
        (Answer::Nothing | Answer::Text(_), Reply::Answer(bytes)) => match data(bytes) {
            None => "an answer that can't be read".to_owned(),
            Some(data) if data.is_empty() => "no data".to_owned(),
            Some(data) => format!("{} bytes: `{}`", data.len(), String::from_utf8_lossy(&data).trim_end()),
        },
        (Answer::Status(_), Reply::Answer(bytes)) => match status(bytes) {
            None => "an answer that can't be read".to_owned(),
            Some(status) => format!("status {status}"),
        },
        (_, Reply::Answer(_)) => "that it is done".to_owned(),
        (_, Reply::Refusal { code, message }) => format!("{code}: {message}"),
        (_, Reply::None(reason)) => format!("no answer: {reason}"),
    }
}

fn data(bytes: &[u8]) -> Option<Vec<u8>> {
    ReadStreamResponse::parse_from_bytes(bytes).ok().map(|answer| answer.data)
}

fn status(bytes: &[u8]) -> Option<i32> {
    WaitProcessResponse::parse_from_bytes(bytes).ok().map(|answer| answer.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(expect: Answer, reply: &Reply) -> Verdict {
        Step { says: String::new(), action: Action::WaitForEnd, expect }.judge(reply)
    }

    fn stream(text: &str) -> Reply {
        let answer = ReadStreamResponse { data: text.into(), ..Default::default() };
        Reply::Answer(answer.write_to_bytes().unwrap())
    }

    fn refusal(code: &str, message: &str) -> Reply {
        Reply::Refusal { code: code.to_owned(), message: message.to_owned() }
    }

    const BLOCKED: Answer = Answer::Blocked("ExecProcessRequest");

    #[test]
    fn the_agents_own_words_are_a_refusal() {
        let reply = refusal("PERMISSION_DENIED", "\"ExecProcessRequest is blocked by policy: \"");
        assert_eq!(judge(BLOCKED, &reply), Verdict::Held);
    }

    #[test]
    fn another_refusal_is_none() {
        for (code, message) in [
            ("INTERNAL", "ExecProcessRequest: internal error policy check: unexpected eval_query result"),
            ("INVALID_ARGUMENT", "ExecProcessRequest is blocked by policy: "),
            ("PERMISSION_DENIED", "ReadStreamRequest is blocked by policy: "),
        ] {
            let expected = Verdict::Failed(format!("{code}: {message}"));
            assert_eq!(judge(BLOCKED, &refusal(code, message)), expected);
        }
    }

    #[test]
    fn what_is_done_was_not_refused() {
        assert_eq!(judge(BLOCKED, &Reply::Answer(vec![])), Verdict::Failed("that it is done".to_owned()));
    }

    #[test]
    fn an_empty_stream_brings_nothing_and_a_refusal_is_not_nothing() {
        assert_eq!(judge(Answer::Nothing, &stream("")), Verdict::Held);
        assert_eq!(judge(Answer::Nothing, &stream("x\n")), Verdict::Failed("2 bytes: `x`".to_owned()));
        assert!(matches!(judge(Answer::Nothing, &refusal("PERMISSION_DENIED", "x")), Verdict::Failed(_)));
    }

    #[test]
    fn a_text_is_found_in_what_came() {
        assert_eq!(judge(Answer::Text("b"), &stream("abc")), Verdict::Held);
        assert_eq!(judge(Answer::Text("d"), &stream("")), Verdict::Failed("no data".to_owned()));
    }

    #[test]
    fn a_status_is_compared() {
        let answer = WaitProcessResponse { status: 137, ..Default::default() };
        let reply = Reply::Answer(answer.write_to_bytes().unwrap());
        assert_eq!(judge(Answer::Status(137), &reply), Verdict::Held);
        assert_eq!(judge(Answer::Status(0), &reply), Verdict::Failed("status 137".to_owned()));
    }

    #[test]
    fn what_is_only_observed_holds_unless_it_could_not_be() {
        let answer = Answer::Observed { answered: "it ends", silent: "it blocks" };
        assert_eq!(judge(answer, &Reply::Answer(vec![])), Verdict::Observed("it ends"));
        assert_eq!(judge(answer, &Reply::None("timeout".to_owned())), Verdict::Observed("it blocks"));
        assert!(matches!(judge(answer, &refusal("INTERNAL", "x")), Verdict::Failed(_)));
    }
}
