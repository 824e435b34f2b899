//! The program as its users meet it: run as a process, seen by its files, words and exit code.
#![expect(clippy::unwrap_used, reason = "a failing test should panic where it fails")]
#![expect(clippy::indexing_slicing, reason = "a failing test should panic where it fails")]

mod build;
mod errors;
mod fixture;
mod generate;
mod interrupted;
mod manifest;
mod profile;
mod reproducible;
