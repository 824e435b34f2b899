//! What a confidential guest's evidence will say: from bytes and digests to registers. It opens no files.
//!
//! SEV-SNP has one launch digest for each number of vCPUs; TDX has MRTD, and registers that are extended
//! by events one after the other. Formulas and layouts are those of the sources each module names.

mod bytes;
pub mod command_line;
pub mod comparison;
pub mod digest;
pub mod event;
pub mod event_log;
pub mod evidence;
pub mod firmware;
pub mod input;
pub mod kernel;
pub mod snp;
#[cfg(any(test, feature = "synthetic"))]
pub mod synthetic;
pub mod tdx;
pub mod trustee;
