//! Everything this crate does, done to any bytes: the entry for fuzzing. Finds no fault by itself.

use crate::workload::PodFile;
use crate::{INITDATA, lint};

/// Parses, lints and edits what may be a file. Panics where the crate breaks a promise: an edit it has
/// made must be there when the text is read again, and gone after it is removed.
pub fn exercise(bytes: &[u8]) {
    let Ok(file) = PodFile::parse("input", bytes) else { return };
    for workload in file.workloads() {
        let _ = lint::lint(&file, workload); // an error is an answer
        let Ok(text) = file.set_annotation(workload, INITDATA, "a \"value\"\n") else { continue };
        let set = PodFile::parse("set", text.as_bytes()).expect("an edited text was read before");
        assert_eq!(set.annotation(workload, INITDATA), Ok(Some("a \"value\"\n".to_owned())));
        let Ok(text) = set.remove_annotation(workload, INITDATA) else { continue };
        let removed = PodFile::parse("removed", text.as_bytes()).expect("an edited text was read before");
        assert_eq!(removed.annotation(workload, INITDATA), Ok(None));
    }
}
