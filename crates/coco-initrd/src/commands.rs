//! The commands, one file each: what `coco-initrd` does when it is called.

pub(crate) mod boot;
pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod cat;
pub(crate) mod customize;
pub(crate) mod diff;
pub(crate) mod e2e;
pub(crate) mod extract;
pub(crate) mod fetch;
pub(crate) mod generate;
pub(crate) mod host;
pub(crate) mod initdata;
pub(crate) mod inspect;
pub(crate) mod lock;
pub(crate) mod ls;
pub(crate) mod measure;
pub(crate) mod parity;
pub(crate) mod pod_override;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod verify;
