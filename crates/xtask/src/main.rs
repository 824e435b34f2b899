//! Chores: what is written by a program and kept in the repository.
//!
//! `cargo run -p xtask -- reference` writes `docs/cli.md`; `-- bless` takes the digests and texts
//! that the tests see as the expected ones. House rules are tests, in `tests/tidy.rs`.

use anyhow::{Context as _, bail};
use xshell::{Shell, cmd};

fn main() -> anyhow::Result<()> {
    let mut sh = Shell::new()?;
    sh.set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let chore = std::env::args().nth(1).context("which chore? reference, bless")?;
    match chore.as_str() {
        "reference" => {
            let text =
                cmd!(sh, "cargo run --quiet --locked -p coco-initrd -- generate reference").output()?;
            fs_err::write(sh.current_dir().join("docs/cli.md"), text.stdout)?;
        }
        "bless" => cmd!(sh, "cargo test --workspace --locked").env("UPDATE_EXPECT", "1").run()?,
        other => bail!("no chore `{other}`: reference, bless"),
    }
    Ok(())
}
