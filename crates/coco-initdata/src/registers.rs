//! Where the digest of a pod's initdata shows up in evidence, and how it was made to fit there.
//!
//! Registers that a launch measurement fills (MRTD, RTMRs, SNP's measurement) never hold it.

use std::fmt;

use sha2::Digest as _;

use crate::digest::{Algorithm, Digest};

/// What a peer pod's VM takes for initdata when it was given none (`generateDummyInitdata` of
/// cloud-api-adaptor, `pkg/userdata/provision.go`). No line end follows the last quote.
pub const PEER_PODS_STAND_IN: &str =
    "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"aa.toml\" = '''\n'''";

/// How a digest came into a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// As it is.
    Exact,
    /// With zeros after it.
    Padded,
    /// Only its first bytes.
    Truncated,
    /// There is no digest: nothing but zeros.
    Zeros,
    /// The digest is of [`PEER_PODS_STAND_IN`], for want of another.
    StandIn,
}

/// A register of `N` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register<const N: usize> {
    /// What evidence shows.
    pub value: [u8; N],
    /// How the digest came into it.
    pub fit: Fit,
}

/// The registers that tell a verifier which initdata a guest was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// Intel TDX: MRCONFIGID (Kata's runtimes, `mrconfigid` of QEMU's `tdx-guest`).
    pub mrconfigid: Register<48>,
    /// AMD SEV-SNP: `HOST_DATA` (Kata's runtimes, `host-data` of QEMU's `sev-snp-guest`).
    pub hostdata: Register<32>,
    /// Peer pods: PCR 8 of the vTPM's SHA-256 bank, extended once, from zeros, with the digest's first
    /// 32 bytes (`tpm2_pcrextend` in cloud-api-adaptor's `process-user-data.service.d`).
    pub pcr8: Register<32>,
}

impl Registers {
    /// What a guest shows that was given a document with this digest.
    pub fn of(digest: &Digest) -> Registers {
        let measured = fit(digest.bytes());
        Registers { mrconfigid: fit(digest.bytes()), hostdata: measured, pcr8: extended(measured) }
    }

    /// What a guest shows that was given no initdata.
    pub fn without_initdata() -> Registers {
        let stand_in = Algorithm::Sha256.digest(PEER_PODS_STAND_IN.as_bytes());
        Registers {
            mrconfigid: Register { value: [0; 48], fit: Fit::Zeros },
            hostdata: Register { value: [0; 32], fit: Fit::Zeros },
            pcr8: Register { fit: Fit::StandIn, ..extended(fit(stand_in.bytes())) },
        }
    }
}

/// Kata's `adjust_digest`, Trustee's `regularize_data`: the front of the digest, zeros behind it.
fn fit<const N: usize>(digest: &[u8]) -> Register<N> {
    let mut value = [0; N];
    for (to, from) in value.iter_mut().zip(digest) {
        *to = *from;
    }
    let fit = match digest.len().cmp(&N) {
        std::cmp::Ordering::Less => Fit::Padded,
        std::cmp::Ordering::Equal => Fit::Exact,
        std::cmp::Ordering::Greater => Fit::Truncated,
    };
    Register { value, fit }
}

/// A PCR of zeros, extended with these 32 bytes (TPM 2.0 Library, part 1, "PCR Extend").
fn extended(measured: Register<32>) -> Register<32> {
    let mut input = [0; 64];
    for (to, from) in input.iter_mut().skip(32).zip(measured.value) {
        *to = from;
    }
    Register { value: sha2::Sha256::digest(input).into(), ..measured }
}

impl fmt::Display for Fit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Fit::Exact => "exact",
            Fit::Padded => "padded",
            Fit::Truncated => "truncated",
            Fit::Zeros => "zeros",
            Fit::StandIn => "stand-in",
        })
    }
}

/// The value, in lower-case hex digits.
impl<const N: usize> fmt::Display for Register<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// The document of the vectors; their values were computed by other means than this crate.
    const VECTOR: &str = "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"policy.rego\" = '''\npackage agent_policy\ndefault ExecProcessRequest := true\n'''\n";

    fn shows(registers: &Registers, expected: &Expect) {
        let Registers { mrconfigid, hostdata, pcr8 } = registers;
        expected.assert_eq(&format!(
            "MRCONFIGID {mrconfigid} {}\nHOSTDATA {hostdata} {}\nPCR8 {pcr8} {}\n",
            mrconfigid.fit, hostdata.fit, pcr8.fit
        ));
    }

    fn of(algorithm: Algorithm, expected: &Expect) {
        shows(&Registers::of(&algorithm.digest(VECTOR.as_bytes())), expected);
    }

    #[test]
    fn sha256_fills_hostdata_and_pads_mrconfigid() {
        of(
            Algorithm::Sha256,
            &expect![[r#"
            MRCONFIGID 79b0528714f7dfa170a12f9db2a1aec53bfb269c1e4f50e015fe7843ea83475100000000000000000000000000000000 padded
            HOSTDATA 79b0528714f7dfa170a12f9db2a1aec53bfb269c1e4f50e015fe7843ea834751 exact
            PCR8 135b518209745fce5c1ee5027513ae1ad3b0863485779d190d3dfaaa7d7a12fe exact
        "#]],
        );
    }

    #[test]
    fn sha384_fills_mrconfigid_and_is_cut_elsewhere() {
        of(
            Algorithm::Sha384,
            &expect![[r#"
            MRCONFIGID 2d31c0e5a472f901816b578799b4cb0eda46f47f3164c923dde3d028e792d35a7869bc65d902ed0d993954ab00d87bb8 exact
            HOSTDATA 2d31c0e5a472f901816b578799b4cb0eda46f47f3164c923dde3d028e792d35a truncated
            PCR8 ecc73df0d8e30544f087d2c5abb3e64dba18462a39babdb20a6cb5659f3b0e8b truncated
        "#]],
        );
    }

    #[test]
    fn sha512_is_cut_everywhere() {
        of(
            Algorithm::Sha512,
            &expect![[r#"
            MRCONFIGID 91ec3cf108cff4eceadec4db525f90d1e8993000bb448fd87892b53eaad7a045025815d4dfa464fa8b9a4932f2640ecd truncated
            HOSTDATA 91ec3cf108cff4eceadec4db525f90d1e8993000bb448fd87892b53eaad7a045 truncated
            PCR8 491cb422a191796e29d271ce3578d09f1bda9c4e443d8733a91ca9a5f2c6e84d truncated
        "#]],
        );
    }

    #[test]
    fn without_initdata_only_the_vtpm_shows_something() {
        shows(
            &Registers::without_initdata(),
            &expect![[r#"
            MRCONFIGID 000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 zeros
            HOSTDATA 0000000000000000000000000000000000000000000000000000000000000000 zeros
            PCR8 4b58b30becd30d16f7f60d56b32661d921ae0d3310c6a89f5d552f9bfee921a9 stand-in
        "#]],
        );
    }

    #[test]
    fn the_stand_in_is_a_document_like_others() {
        assert!(crate::Initdata::parse("stand-in", PEER_PODS_STAND_IN.as_bytes()).is_ok());
    }
}
