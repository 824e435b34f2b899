//! The engines agents ship, set up as the agents do it. Not what an answer means to an agent.
//!
//! The releases of kata-agent from 3.13 to 3.29 have regorus 0.2.8, and so have the agents of `OpenShift`. From
//! 3.30 on it is a revision of 0.9.1 with limits of length that can be set; of the released versions,
//! 0.10.0 is nearest to it (`src/agent/policy/Cargo.toml` of the tags).

use std::fmt;

use serde_json::Value;

use crate::PolicyError;

/// An engine that agents ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// regorus 0.2.8: Rego v0, unless the policy imports the keywords of v1.
    Regorus028,
    /// regorus 0.9.1 at the agent's revision: Rego v1, longer lines, another limit of depth.
    Regorus09,
}

impl Engine {
    /// Both, the older one first.
    pub const ALL: [Engine; 2] = [Engine::Regorus028, Engine::Regorus09];
}

impl fmt::Display for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Engine::Regorus028 => "regorus 0.2.8",
            Engine::Regorus09 => "regorus 0.9",
        })
    }
}

/// An engine that holds a policy.
#[derive(Debug, Clone)]
pub(crate) enum Loaded {
    /// See [`Engine::Regorus028`].
    Older(Box<regorus_028::Engine>),
    /// See [`Engine::Regorus09`].
    Newer(Box<regorus::Engine>),
}

/// What an engine answers to a query.
#[derive(Debug)]
pub(crate) struct Answer {
    /// A list of values for each result; an undefined value is absent.
    pub(crate) results: Vec<Vec<Value>>,
    /// What the policy printed meanwhile.
    pub(crate) prints: Vec<String>,
}

/// The two engines have the same functions with other types: asks one of them.
macro_rules! ask {
    ($engine:expr, $query:expr, $input:expr) => {{
        let engine = $engine;
        engine.set_input_json(&$input.to_string()).map_err(|error| error.to_string())?;
        let found = engine.eval_query($query.to_owned(), false).map_err(|error| error.to_string())?;
        let results = found.result.iter().map(|result| {
            let values = result.expressions.iter().map(|expression| &expression.value);
            values.filter_map(|value| serde_json::to_value(value).ok()).collect()
        });
        Ok(Answer { results: results.collect(), prints: engine.take_prints().unwrap_or_default() })
    }};
}

/// Sets one of them up as `AgentPolicy::new_engine` does (`src/agent/policy/src/policy.rs`), and loads a
/// policy. Some mistakes show only when the rules are put in order, at the first query.
macro_rules! load {
    ($engine:expr, $name:expr, $text:expr) => {{
        let mut engine = $engine;
        engine.set_strict_builtin_errors(false);
        engine.set_gather_prints(true);
        engine.add_data_json(STATE).map_err(|error| error.to_string())?;
        let package =
            engine.add_policy($name.to_owned(), $text.to_owned()).map_err(|error| error.to_string())?;
        engine.eval_query("true".to_owned(), false).map_err(|error| error.to_string())?;
        (engine, package.to_string())
    }};
}

/// Where the agent keeps what a policy wants to remember.
const STATE: &str = r#"{ "pstate": {} }"#;

impl Loaded {
    /// Loads a policy; gives its package too. The error is the engine's own text.
    pub(crate) fn load(engine: Engine, name: &str, text: &str) -> Result<(Loaded, String), String> {
        match engine {
            Engine::Regorus028 => {
                let (engine, package) = load!(regorus_028::Engine::new(), name, text);
                Ok((Loaded::Older(Box::new(engine)), package))
            }
            Engine::Regorus09 => {
                let (engine, package) = load!(newer(), name, text);
                Ok((Loaded::Newer(Box::new(engine)), package))
            }
        }
    }

    /// Asks a query with an input. No answer leaves a trace in the next; that is the engines' promise, and
    /// agents rely on it.
    pub(crate) fn ask(&mut self, query: &str, input: &Value) -> Result<Answer, String> {
        match self {
            Loaded::Older(engine) => ask!(engine, query, input),
            Loaded::Newer(engine) => ask!(engine, query, input),
        }
    }
}

/// The newer engine as an agent has it before it loads a policy.
pub(crate) fn fresh() -> Result<regorus::Engine, PolicyError> {
    let mut engine = newer();
    engine.set_strict_builtin_errors(false);
    engine.set_gather_prints(true);
    engine
        .add_data_json(STATE)
        .map_err(|error| PolicyError::Refused { name: "data".to_owned(), message: error.to_string() })?;
    Ok(engine)
}

/// The newer engine with the agent's limits of length.
fn newer() -> regorus::Engine {
    let mut engine = regorus::Engine::new();
    engine.set_policy_length_config(regorus::PolicyLengthConfig {
        max_col: crate::policy::MAX_COLUMNS,
        max_file_bytes: crate::policy::MAX_BYTES,
        max_lines: crate::policy::MAX_LINES,
    });
    engine
}
