//! Finds what starts pods in a file. Other objects are left alone.

use std::fmt;
use std::str::FromStr;

use crate::error::PodError;
use crate::node::Node;
use crate::parse;
use crate::view::{Step, View};

/// A file of Kubernetes objects, with the text it was read from.
#[derive(Debug, Clone)]
pub struct PodFile {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) documents: Vec<Node>,
    workloads: Vec<Workload>,
}

/// An object that starts pods. It names its place by keys, so it also finds its object in the text an
/// edit has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Such as `Deployment`.
    pub kind: String,
    /// Its `metadata.name`, or `metadata.generateName`.
    pub name: String,
    /// Its `metadata.namespace`.
    pub namespace: Option<String>,
    /// Where it begins, counted from 1.
    pub line: usize,
    /// The document it is in, counted from 0.
    pub(crate) document: usize,
    /// From the document to the object.
    pub(crate) object: Vec<Step>,
    /// From the object to what has the pod's `metadata` and `spec`.
    pub(crate) template: &'static [Step],
}

/// Which workloads of a file are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// All of them.
    All,
    /// The one of this kind and name.
    One {
        /// Such as `Deployment`.
        kind: String,
        /// Its name.
        name: String,
    },
}

/// A kind that starts pods, its API groups, and where in it the pod is.
struct KnownKind(&'static str, &'static [&'static str], &'static [Step]);

const TEMPLATE: &[Step] = &[Step::Key("spec"), Step::Key("template")];
const JOB_TEMPLATE: &[Step] =
    &[Step::Key("spec"), Step::Key("jobTemplate"), Step::Key("spec"), Step::Key("template")];

/// `extensions` and the group-less `DeploymentConfig` are of clusters before Kubernetes 1.16.
const KINDS: &[KnownKind] = &[
    KnownKind("Pod", &[""], &[]),
    KnownKind("Deployment", &["apps", "extensions"], TEMPLATE),
    KnownKind("ReplicaSet", &["apps", "extensions"], TEMPLATE),
    KnownKind("StatefulSet", &["apps"], TEMPLATE),
    KnownKind("DaemonSet", &["apps", "extensions"], TEMPLATE),
    KnownKind("ReplicationController", &[""], TEMPLATE),
    KnownKind("Job", &["batch"], TEMPLATE),
    KnownKind("CronJob", &["batch"], JOB_TEMPLATE),
    KnownKind("DeploymentConfig", &["apps.openshift.io", ""], TEMPLATE),
];

impl PodFile {
    /// Reads a file of YAML or JSON; `name` is the caller's word for it, usually its path. Nothing is
    /// expanded, and the limits of this crate hold before anything large is built. At least one workload
    /// is in it.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, PodError> {
        let text = parse::text(name, bytes)?;
        let documents = parse::documents(name, text)?;
        let mut found = Found { workloads: Vec::new(), kinds: Vec::new() };
        for (at, document) in documents.iter().enumerate() {
            if !document.is_null() {
                found.object(&View::document(name, document), at, &mut Vec::new())?;
            }
        }
        let Found { workloads, kinds } = found;
        if workloads.is_empty() {
            let known: Vec<String> = KINDS.iter().map(ToString::to_string).collect();
            let (name, expected) = (name.to_owned(), known.join(", "));
            return Err(PodError::NoWorkload { name, got: kinds, expected });
        }
        Ok(Self { name: name.to_owned(), text: text.to_owned(), documents, workloads })
    }

    /// The text as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All that start pods, in the order of the file; at least one.
    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    /// The workloads that are meant. A name that is not of exactly one workload is an error.
    pub fn select(&self, target: &Target) -> Result<Vec<&Workload>, PodError> {
        let Target::One { kind, name } = target else { return Ok(self.workloads.iter().collect()) };
        let selected: Vec<&Workload> =
            self.workloads.iter().filter(|w| w.kind == *kind && w.name == *name).collect();
        if selected.len() == 1 {
            return Ok(selected);
        }
        Err(PodError::UnknownWorkload {
            name: self.name.clone(),
            got: target.clone(),
            matches: selected.len(),
            known: self.workloads.iter().map(Workload::to_string).collect(),
        })
    }

    /// The object of a workload.
    pub(crate) fn object(&self, workload: &Workload) -> Result<View<'_>, PodError> {
        self.document(workload)?.follow(&workload.object)
    }

    /// The document a workload is in.
    pub(crate) fn document(&self, workload: &Workload) -> Result<View<'_>, PodError> {
        let document = self.documents.get(workload.document).ok_or_else(|| PodError::Missing {
            name: self.name.clone(),
            line: workload.line,
            place: workload.to_string(),
        })?;
        Ok(View::document(&self.name, document))
    }
}

impl Workload {
    /// From its document to what has the pod's `metadata` and `spec`.
    pub(crate) fn steps(&self) -> Vec<Step> {
        [&self.object, self.template].concat()
    }
}

impl fmt::Display for KnownKind {
    /// With the group it is of today; the group without a name has only `v1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.1.first().copied().filter(|group| !group.is_empty());
        write!(f, "{} of {}", self.0, group.unwrap_or("v1"))
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::One { kind, name } => write!(f, "{kind}/{name}"),
        }
    }
}

impl FromStr for Target {
    type Err = PodError;

    /// `all` or `Kind/name`.
    fn from_str(text: &str) -> Result<Self, PodError> {
        match text.split_once('/') {
            None if text == "all" => Ok(Self::All),
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
                Ok(Self::One { kind: kind.to_owned(), name: name.to_owned() })
            }
            _ => Err(PodError::Selection { got: text.to_owned() }),
        }
    }
}

struct Found {
    workloads: Vec<Workload>,
    /// Of objects that start no pods.
    kinds: Vec<String>,
}

impl Found {
    /// Looks at one object; at the items of a list, which may be lists.
    fn object(&mut self, view: &View<'_>, document: usize, steps: &mut Vec<Step>) -> Result<(), PodError> {
        let kind = view.need("kind")?.string()?;
        let version = view.need("apiVersion")?.string()?;
        let group = version.split_once('/').map_or("", |(group, _)| group);
        if kind == "List" && group.is_empty() {
            for (at, item) in view.items_of("items")?.iter().enumerate() {
                steps.extend([Step::Key("items"), Step::Item(at)]);
                self.object(item, document, steps)?;
                steps.truncate(steps.len().saturating_sub(2));
            }
            return Ok(());
        }
        let known = KINDS.iter().find(|known| known.0 == kind && known.1.contains(&group));
        let Some(KnownKind(_, _, template)) = known else {
            let kind = format!("{kind} of {version}");
            if !self.kinds.contains(&kind) {
                self.kinds.push(kind);
            }
            return Ok(());
        };
        let metadata = view.need("metadata")?;
        let name = match metadata.string_of("name")? {
            Some(name) => name,
            None => match metadata.string_of("generateName")? {
                Some(name) => name,
                None => metadata.need("name")?.string()?,
            },
        };
        self.workloads.push(Workload {
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: metadata.string_of("namespace")?.map(str::to_owned),
            line: view.node.place.line,
            document,
            object: steps.clone(),
            template,
        });
        Ok(())
    }
}
