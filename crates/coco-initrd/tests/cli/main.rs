//! The program as its users meet it: run as a process, seen by its files, words and exit code.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]
#![expect(clippy::indexing_slicing, reason = "a failing test should panic where it fails")]

mod append;
mod archive;
mod boot;
mod build;
mod cache;
mod customize;
mod diff;
mod errors;
mod evidence;
mod fetch;
mod fixture;
mod generate;
mod host;
mod initdata;
mod inspect;
mod interrupted;
mod lint_pod;
mod lock;
mod locked_build;
mod manifest;
mod measure;
mod modules;
mod oci_inputs;
mod parity;
mod peer_pods;
mod pinned;
mod pod_override;
mod policy;
mod profile;
mod push_pull;
mod registry;
mod reproducible;
mod rpm_inputs;
mod server;
mod sizes;
mod transport;
mod verify;
