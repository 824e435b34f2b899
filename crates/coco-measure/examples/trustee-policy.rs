//! Evaluates an attestation policy of Trustee with the cases of this crate's tests: `ci/trustee-policy FILE`.

use std::io::{self, Write};
use std::process::ExitCode;

#[path = "../tests/trustee/cases.rs"]
mod cases;

fn main() -> io::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(file), None) = (arguments.next(), arguments.next()) else {
        writeln!(io::stderr(), "usage: trustee-policy FILE, an attestation policy for CPUs")?;
        return Ok(ExitCode::from(2));
    };
    let outcomes = match cases::outcomes(&fs_err::read_to_string(file)?) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            writeln!(io::stderr(), "{error}")?;
            return Ok(ExitCode::from(2));
        }
    };
    let (mut good, mut wrong) = (0, 0);
    for cases::Outcome { name, got, expected } in outcomes {
        if got == expected {
            good += 1;
        } else {
            wrong += 1;
            writeln!(io::stdout(), "{name}: got {got}, expected {expected}")?;
        }
    }
    writeln!(io::stdout(), "{good} cases are as expected, {wrong} are not")?;
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
