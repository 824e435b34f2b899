//! What a guest must do and what it must refuse, as scenarios. Boots nothing and calls nobody.
//!
//! [`scenarios`] is the table. A [`Scenario`] says how the guest is booted and what is expected of it; a
//! [`Step`] is something to do to a guest that came up, with the answer it must get. Whoever runs them
//! brings the replies, and [`Step::judge`] says whether they are right. Requests and answers are those of
//! kata-agent 4.1; nothing here knows of another guest.

mod call;
mod container;
mod pod;
mod scenario;
mod step;
mod table;

pub use call::Call;
pub use scenario::{Change, Disk, End, Expect, Opened, Scenario};
pub use step::{Action, Answer, Reply, Step, Verdict};
pub use table::scenarios;
