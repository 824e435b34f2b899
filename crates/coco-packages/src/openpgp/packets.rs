//! OpenPGP packets (RFC 9580, section 4) by the crate `pgp`, and nothing passed over in silence.

use pgp::composed::{SignedPublicKey, SignedPublicKeyParser};
use pgp::packet::{Packet, PacketParser, PacketTrait, Signature};
use pgp::types::Tag;

use super::SIGNATURES_MAX;

/// Most packets of a keyring. Debian's has some 200.
const PACKETS_MAX: usize = 10_000;

/// Why bytes are not the packets that are wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// A packet is malformed, or of a kind or version that is not known.
    #[error("packet {number} cannot be read: {reason}")]
    Unreadable {
        /// Which, from 1.
        number: usize,
        /// What the crate `pgp` says.
        reason: String,
    },
    /// A packet is of another kind.
    #[error("packet {number} is a {got}, expected {expected}")]
    Kind {
        /// Which, from 1.
        number: usize,
        /// Its kind.
        got: String,
        /// The kinds that may be there.
        expected: &'static str,
    },
    /// There are too many.
    #[error("there are more than {max} packets")]
    TooMany {
        /// The most there may be.
        max: usize,
    },
    /// They are well-formed, but do not make a certificate.
    #[error("a certificate cannot be read: {0}")]
    Certificate(String),
}

/// Certificates, each whole.
pub(super) fn certificates(bytes: &[u8]) -> Result<Vec<SignedPublicKey>, PacketError> {
    let packets = packets(bytes, PACKETS_MAX)?;
    for (number, packet) in (1..).zip(&packets) {
        let expected = if number == 1 {
            packet.tag() == Tag::PublicKey
        } else {
            matches!(
                packet.tag(),
                Tag::PublicKey
                    | Tag::PublicSubkey
                    | Tag::UserId
                    | Tag::UserAttribute
                    | Tag::Signature
                    | Tag::Trust
                    | Tag::Marker
            )
        };
        if !expected {
            let got = format!("{:?}", packet.tag());
            return Err(PacketError::Kind { number, got, expected: "public keys and what belongs to them" });
        }
    }
    // Both say nothing: trust is of the ring's former owner, and markers are to be ignored (sections 5.10, 5.8).
    let meant = |packet: &Packet| !matches!(packet.tag(), Tag::Trust | Tag::Marker);
    let packets = packets.into_iter().filter(meant).map(Ok).peekable();
    SignedPublicKeyParser::from_packets(packets)
        .collect::<Result<_, pgp::errors::Error>>()
        .map_err(|error| PacketError::Certificate(error.to_string()))
}

/// Signatures, at least one.
pub(super) fn signatures(bytes: &[u8]) -> Result<Vec<Signature>, PacketError> {
    let signature = |(number, packet): (usize, Packet)| match packet {
        Packet::Signature(signature) => Ok(signature),
        other => {
            let got = format!("{:?}", other.tag());
            Err(PacketError::Kind { number, got, expected: "signatures" })
        }
    };
    (1..).zip(packets(bytes, SIGNATURES_MAX)?).map(signature).collect()
}

/// Every packet of `bytes`, to the last byte.
fn packets(mut bytes: &[u8], max: usize) -> Result<Vec<Packet>, PacketError> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        if packets.len() == max {
            return Err(PacketError::TooMany { max });
        }
        let unreadable = |reason| PacketError::Unreadable { number: packets.len() + 1, reason };
        // One at a time: a parser that goes on takes a header that is cut off for the end.
        let packet = PacketParser::new(&mut bytes)
            .next()
            .ok_or_else(|| unreadable("it is cut off".to_owned()))?
            .map_err(|error| unreadable(error.to_string()))?;
        packets.push(packet);
    }
    Ok(packets)
}
