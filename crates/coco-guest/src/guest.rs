//! What a served request works on: the policy in force, the containers, the places in the file system.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::Sender;

use coco_agent_api::agent::SetPolicyRequest;
use coco_policy::{Enforcer, Outcome, Request};
use serde::Serialize;

use crate::children::lock;
use crate::containers::Containers;
use crate::faults::Fault;

/// What the agent keeps of its sandbox and containers (`CONTAINER_BASE` of `src/agent/src/rpc.rs`).
pub(crate) const BASE: &str = "/run/kata-containers";

/// The guest, as all requests share it.
#[derive(Debug)]
pub(crate) struct Guest {
    enforcer: Mutex<Enforcer>,
    /// The containers.
    pub(crate) containers: Containers,
    base: PathBuf,
    destroyed: Mutex<Sender<()>>,
}

impl Guest {
    /// A guest with this policy in force and its files below `base`. `destroyed` is told when the
    /// sandbox is.
    pub(crate) fn new(enforcer: Enforcer, base: &Path, destroyed: Sender<()>) -> Guest {
        Guest {
            enforcer: Mutex::new(enforcer),
            containers: Containers::default(),
            base: base.to_owned(),
            destroyed: Mutex::new(destroyed),
        }
    }

    /// Asks the policy about a request, by what it carries.
    pub(crate) fn ask(&self, request: Request, message: &impl Serialize) -> Result<(), Fault> {
        self.ask_about(request, &json(request, message)?)
    }

    /// Asks the policy about a request, by the JSON it is to see of it.
    pub(crate) fn ask_about(&self, request: Request, input: &str) -> Result<(), Fault> {
        refused(request, lock(&self.enforcer).ask(request, input))
    }

    /// Asks the policy whether it may be replaced, and replaces it. Nobody is answered in between.
    pub(crate) fn set_policy(&self, message: &SetPolicyRequest) -> Result<(), Fault> {
        let input = json(Request::SetPolicy, message)?;
        let mut enforcer = lock(&self.enforcer);
        refused(Request::SetPolicy, enforcer.ask(Request::SetPolicy, &input))?;
        Ok(enforcer.replace(message.policy.as_bytes())?)
    }

    /// What is wiped when a sandbox is made.
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// The one folder the host may copy files into (`KATA_GUEST_SHARE_DIR`, same file).
    pub(crate) fn share(&self) -> PathBuf {
        self.base.join("shared/containers")
    }

    /// Ends all containers, and the guest with them.
    pub(crate) fn destroy(&self) {
        self.containers.remove_all();
        // Nobody listens any more when it was said before.
        let _ = lock(&self.destroyed).send(());
    }
}

fn json(request: Request, message: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(message).map_err(|error| Fault::Unanswered { request, words: error.to_string() })
}

fn refused(request: Request, outcome: Outcome) -> Result<(), Fault> {
    match outcome {
        Outcome::Allowed => Ok(()),
        Outcome::Denied { prints } => Err(Fault::Blocked { request, prints }),
        Outcome::Failed(words) => Err(Fault::Unanswered { request, words }),
    }
}
