//! `coco-initrd initdata digest`: what evidence of a guest shows for its initdata.

use coco_initdata::{Algorithm, Digest, Fit, Register, Registers};
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::initdata::DigestArgs;
use crate::output::Output;

const STAND_IN: &str =
    "note: a peer pod that is given no initdata makes a stand-in and measures it into PCR8";

/// Prints the digest and the registers.
pub(super) fn digest(args: &DigestArgs, out: &mut Output) -> anyhow::Result<Outcome> {
    let initdata = args.file.as_deref().map(crate::initdata::read).transpose()?;
    let measured = initdata.map(|(_, initdata)| (initdata.algorithm(), initdata.digest()));
    let registers = match &measured {
        Some((_, digest)) => Registers::of(digest),
        None => Registers::without_initdata(),
    };
    out.data(&if args.json {
        as_json(measured.as_ref(), &registers)
    } else {
        table(measured.as_ref(), &registers)
    })?;
    match measured {
        None => out.note(STAND_IN),
        Some((algorithm, _)) => platforms(algorithm).iter().for_each(|note| out.note(note)),
    }
    Ok(Outcome::Done)
}

/// The platforms an algorithm is not for, in words; none if it is for all.
pub(crate) fn platforms(algorithm: Algorithm) -> Option<String> {
    match algorithm {
        Algorithm::Sha256 => None,
        Algorithm::Sha384 | Algorithm::Sha512 => Some(format!(
            "note: {algorithm} is not for peer pods on Azure: Trustee's verifier takes 32 bytes there, as sha256 has"
        )),
    }
}

fn table(measured: Option<&(Algorithm, Digest)>, registers: &Registers) -> String {
    let (algorithm, digest) = match measured {
        Some((algorithm, digest)) => (algorithm.name(), digest.to_string()),
        None => ("none", "none".to_owned()),
    };
    let Registers { mrconfigid, hostdata, pcr8 } = registers;
    let row = |name: &str, value: &str, fit: Fit| format!("{name:<12}{value}  {fit}\n");
    [
        format!("algorithm   {algorithm}\ndigest      {digest}\n"),
        row("MRCONFIGID", &mrconfigid.to_string(), mrconfigid.fit),
        row("HOSTDATA", &hostdata.to_string(), hostdata.fit),
        row("PCR8", &pcr8.to_string(), pcr8.fit),
    ]
    .concat()
}

fn as_json(measured: Option<&(Algorithm, Digest)>, registers: &Registers) -> String {
    let Registers { mrconfigid, hostdata, pcr8 } = registers;
    let mut value = json!({
        "algorithm": measured.map(|(algorithm, _)| algorithm.name()),
        "digest": measured.map(|(_, digest)| digest.to_string()),
        "hostdata": register(hostdata),
        "mrconfigid": register(mrconfigid),
        "pcr8": register(pcr8),
    });
    value.sort_all_objects();
    format!("{value:#}\n")
}

fn register<const N: usize>(register: &Register<N>) -> Value {
    json!({"fit": register.fit.to_string(), "value": register.to_string()})
}
