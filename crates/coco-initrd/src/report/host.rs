//! Advice about the configuration of a kata runtime.

use coco_image::host::configuration::ConfigurationError;

use super::cause;
use crate::kata_config::KataConfigError;

/// What to do about a configuration that can't be found or read.
pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    cause(error).map(found_hint).or_else(|| cause(error).map(read_hint)).map(ToOwned::to_owned)
}

fn found_hint(error: &KataConfigError) -> &'static str {
    match error {
        KataConfigError::None(_) => "give --config the file that the RuntimeClass names, or --root",
        KataConfigError::Two(..) => "give --config the one that the runtime was built with",
        KataConfigError::NoRuntime(_) => "give --runtime go or --runtime rs",
        KataConfigError::NotFile(_) => {
            "give a file; in config.d, take it out: neither runtime starts a pod beside it"
        }
        KataConfigError::Links(_) => "mend the link: it leads back to itself",
        KataConfigError::TooLarge(_) => "give a configuration of kata",
    }
}

fn read_hint(error: &ConfigurationError) -> &'static str {
    match error {
        ConfigurationError::NotText { .. } | ConfigurationError::Syntax { .. } => {
            "mend the file: no pod starts with it"
        }
        ConfigurationError::Unknown { .. } => "take the key out, or mend its name; the runtimes' keys differ",
        ConfigurationError::Case { .. } => "write the key in lower case",
        ConfigurationError::Type { .. } => "mend the value: no pod starts with it",
        ConfigurationError::NoSection(_) => "give the configuration of a runtime that boots with QEMU",
        ConfigurationError::Sections(..) => "leave one of the sections",
        ConfigurationError::Hypervisor(_) => "give the configuration of a qemu RuntimeClass",
        ConfigurationError::KernelParam { .. } => "take the word out: no pod starts with it",
        ConfigurationError::Extension { .. } => "mend the name: no pod starts with it",
    }
}
