//! Builds the three guest programs with another call of cargo, so that they are static and reproducible.
//!
//! Their bytes must not depend on how this crate is built: debug or release, by whom, in which folder,
//! through clippy or a compiler cache. So the nested call has its own profile, flags and target
//! directory, and none of cargo's environment.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const PROGRAMS: [&str; 3] = ["coco-guard", "coco-guest", "coco-probe"];

/// What the programs are made of, from the workspace's root. `policies` is compiled in by coco-policy.
const SOURCES: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "crates/coco-agent-api",
    "crates/coco-guard",
    "crates/coco-guest",
    "crates/coco-initdata",
    "crates/coco-policy",
    "crates/coco-probe",
    "policies",
    "rust-toolchain.toml",
];

/// Environment of cargo which says where things are, not how to build.
const KEPT: [&str; 5] = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_"];

/// Environment without `CARGO_` which changes what is built.
const DROPPED: [&str; 9] = [
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "DEBUG",
    "OPT_LEVEL",
    "PROFILE",
    "RUSTC_LINKER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

fn main() -> ExitCode {
    match Place::find().and_then(|place| place.build()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.lines() {
                directive(&format!("error={line}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// Where the nested call works.
struct Place {
    root: PathBuf,
    out: PathBuf,
    target_dir: PathBuf,
    triple: String,
    cargo: String,
    rustc: String,
}

impl Place {
    fn find() -> Result<Place, String> {
        let out = PathBuf::from(variable("OUT_DIR")?);
        let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
        let root = manifest.ancestors().nth(2).ok_or("coco-guest-programs is not in a workspace")?.to_owned();
        // OUT_DIR is <target>/<profile>/build/<package>/out: one folder for debug and release.
        let target = out.ancestors().nth(4).ok_or("OUT_DIR is not below a target directory")?;
        Ok(Place {
            target_dir: target.join("guest-programs"),
            triple: variable("TARGET")?,
            cargo: variable("CARGO")?,
            rustc: variable("RUSTC")?,
            root,
            out,
        })
    }

    fn build(&self) -> Result<(), String> {
        for source in SOURCES {
            directive(&format!("rerun-if-changed={}", self.root.join(source).display()));
        }
        let output = self.cargo()?.output().map_err(|error| format!("{}: {error}", self.cargo))?;
        if !output.status.success() {
            return Err(explain(&String::from_utf8_lossy(&output.stderr)));
        }
        for program in PROGRAMS {
            let from = self.target_dir.join(&self.triple).join("guest").join(program);
            let to = self.out.join(program);
            std::fs::copy(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
        }
        Ok(())
    }

    fn cargo(&self) -> Result<Command, String> {
        let mut cargo = Command::new(&self.cargo);
        for (name, _) in env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            let cargos = name.starts_with("CARGO") && !KEPT.iter().any(|kept| name.starts_with(kept));
            if cargos || DROPPED.contains(&name) {
                cargo.env_remove(name);
            }
        }
        cargo
            .current_dir(&self.root)
            .args(["build", "--quiet", "--profile", "guest", "--locked", "--target", &self.triple])
            .args(PROGRAMS.iter().flat_map(|program| ["-p", program, "--bin", program]))
            .arg("--target-dir")
            .arg(&self.target_dir)
            // Set and empty, these also override a wrapper of the user's cargo configuration.
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            .env("RUSTC", &self.rustc)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags()?.join("\x1f"));
        Ok(cargo)
    }

    /// The compiler's flags: static, at a fixed address, and without the names of our folders.
    fn flags(&self) -> Result<Vec<String>, String> {
        let sysroot = self.ask_rustc(&["--print", "sysroot"])?;
        let version = self.ask_rustc(&["-vV"])?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
        let mut flags = vec![
            "-Ctarget-feature=+crt-static".to_owned(),
            "-Crelocation-model=static".to_owned(),
            "-Clink-arg=-Wl,--build-id=none".to_owned(),
        ];
        // The last that fits counts, so the target directory comes after the root it may be in.
        let standard_library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
        let renamed = [
            (self.root.clone(), "/coco-initrd".to_owned()),
            (self.target_dir.clone(), "/target".to_owned()),
            (cargo_home()?, "/cargo".to_owned()),
            (standard_library, format!("/rustc/{commit}")),
        ];
        flags.extend(renamed.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())));
        Ok(flags)
    }

    fn ask_rustc(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.rustc).current_dir(&self.root).args(words).output();
        let output = output.map_err(|error| format!("{}: {error}", self.rustc))?;
        String::from_utf8(output.stdout).map_err(|error| format!("{}: {error}", self.rustc))
    }
}

/// What went wrong, with what to install if the linker lacks the static C library.
fn explain(stderr: &str) -> String {
    let linking = ["cannot find -lc", "unable to find library -lc", "linking with", "linker `"];
    let hint = if linking.iter().any(|sign| stderr.contains(sign)) {
        "\nhint: the guest programs need a linker and the static C library: \
         `apt install gcc libc6-dev`, or `dnf install gcc glibc-static`"
    } else {
        ""
    };
    format!("the guest programs could not be built\n{stderr}{hint}")
}

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
fn cargo_home() -> Result<PathBuf, String> {
    match env::var_os("CARGO_HOME") {
        Some(home) => Ok(PathBuf::from(home)),
        None => Ok(env::home_dir().ok_or("neither CARGO_HOME nor HOME is set")?.join(".cargo")),
    }
}

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}

/// Speaks to the outer cargo.
fn directive(words: &str) {
    println!("cargo::{words}");
}
