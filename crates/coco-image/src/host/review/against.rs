//! Where a configuration leaves a manifest. The files it names are compared by the program.

use crate::host::configuration::{Configuration, keys};
use crate::host::line;
use crate::manifest::Manifest;
use crate::units::Tee;
use crate::verify::Difference;

/// Where the configuration leaves `manifest`: command line, memory, TEE.
pub fn against(configuration: &Configuration, manifest: &Manifest) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |path: String, what, got: String, expected: String| {
        if got != expected {
            differences.push(Difference { path, what, got, expected });
        }
    };
    let memory = configuration.memory_mib().to_string();
    differ(configuration.name(keys::DEFAULT_MEMORY), "value", memory, manifest.image.memory_mib.to_string());
    let is_tee = matches!(manifest.profile.tee, Tee::Tdx | Tee::Snp);
    let confidential = configuration.is_confidential().to_string();
    differ(configuration.name(keys::CONFIDENTIAL_GUEST), "value", confidential, is_tee.to_string());
    if manifest.profile.tee == Tee::Snp {
        let snp = configuration.is_snp().to_string();
        differ(configuration.name(keys::SEV_SNP_GUEST), "value", snp, "true".to_owned());
    }
    if !configuration.initrd().is_empty() && configuration.image().is_empty() {
        differences.extend(command_line(configuration, manifest));
    }
    differences
}

/// The first word in which the command line differs from the manifest's.
fn command_line(configuration: &Configuration, manifest: &Manifest) -> Option<Difference> {
    let runtime = configuration.runtime();
    let path = format!("command_lines.{runtime}");
    let got = line(&configuration.command_line());
    let Some(record) = manifest.command_lines.get(&runtime) else {
        return Some(Difference { path, what: "line", got, expected: "none".to_owned() });
    };
    let (mut got, mut expected) = (got.split(' '), record.line.split(' '));
    for number in 1.. {
        let pair = (got.next(), expected.next());
        if pair == (None, None) {
            return None;
        }
        if pair.0 != pair.1 {
            let word =
                |word: Option<&str>| word.map_or_else(|| "the end".to_owned(), |word| format!("`{word}`"));
            return Some(Difference {
                path: format!("{path}, word {number}"),
                what: "word",
                got: word(pair.0),
                expected: word(pair.1),
            });
        }
    }
    None
}
