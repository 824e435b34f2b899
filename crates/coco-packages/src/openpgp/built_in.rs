//! Keys of distributions that come with the program. `keys/README.md` says how they were made.

/// Their names.
pub const BUILT_IN: [&str; 1] = ["debian"];

/// The armoured keys of that name: `debian` are those by which Debian 12 and 13 sign.
pub fn built_in(name: &str) -> Option<&'static [u8]> {
    match name {
        "debian" => Some(include_bytes!("../../keys/debian.asc")),
        _ => None,
    }
}
