//! The page with a vCPU's first state, as KVM and QEMU make it. It is measured, so every bit counts.
//!
//! "AMD64 Architecture Programmer's Manual", volume 2, appendix B, tables B-2 and B-4: where the fields are.
//! The values are those after a reset (volume 2, table 14-1), as QEMU sets them and KVM adds to them.

use super::{GuestFeatures, VcpuType};

/// The page, in bytes.
const PAGE_BYTES: usize = 4096;

/// The first instruction of the first vCPU.
pub(super) const FIRST_EIP: u32 = 0xffff_fff0;

/// The page of a vCPU that begins at `eip`.
pub(super) fn page(eip: u32, vcpu_type: VcpuType, features: GuestFeatures) -> [u8; PAGE_BYTES] {
    /// Of a segment: selector, attributes, limit, base.
    type Segment = (usize, u16, u16, u32, u32);
    // The base takes the upper half of the address, the instruction pointer the lower.
    let segments: [Segment; 10] = [
        (0x000, 0, 0x0093, 0xffff, 0),                      // ES
        (0x010, 0xf000, 0x009b, 0xffff, eip & 0xffff_0000), // CS
        (0x020, 0, 0x0093, 0xffff, 0),                      // SS
        (0x030, 0, 0x0093, 0xffff, 0),                      // DS
        (0x040, 0, 0x0093, 0xffff, 0),                      // FS
        (0x050, 0, 0x0093, 0xffff, 0),                      // GS
        (0x060, 0, 0x0000, 0xffff, 0),                      // GDTR
        (0x070, 0, 0x0082, 0xffff, 0),                      // LDTR
        (0x080, 0, 0x0000, 0xffff, 0),                      // IDTR
        (0x090, 0, 0x008b, 0xffff, 0),                      // TR
    ];
    let registers: [(usize, u64); 13] = [
        (0x0d0, 0x1000),                       // EFER: SVME, which KVM sets
        (0x148, 0x40),                         // CR4: MCE, likewise
        (0x158, 0x10),                         // CR0: ET
        (0x160, 0x400),                        // DR7
        (0x168, 0xffff_0ff0),                  // DR6
        (0x170, 0x2),                          // RFLAGS
        (0x178, u64::from(eip & 0xffff)),      // RIP
        (0x268, 0x0007_0406_0007_0406),        // PAT
        (0x310, vcpu_type.signature().into()), // RDX: the model
        (0x3b0, features.bits()),              // SEV_FEATURES
        (0x3e8, 0x1),                          // XCR0: x87
        (0x408, 0x1f80),                       // MXCSR
        (0x410, 0x037f),                       // FCW of x87
    ];
    let mut page = [0; PAGE_BYTES];
    for (at, selector, attributes, limit, base) in segments {
        put(&mut page, at, &selector.to_le_bytes());
        put(&mut page, at + 2, &attributes.to_le_bytes());
        put(&mut page, at + 4, &limit.to_le_bytes());
        put(&mut page, at + 8, &u64::from(base).to_le_bytes());
    }
    for (at, value) in registers {
        put(&mut page, at, &value.to_le_bytes());
    }
    page
}

fn put(page: &mut [u8; PAGE_BYTES], at: usize, bytes: &[u8]) {
    for (to, from) in page.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha384;

    #[test]
    fn the_pages_are_those_of_others() {
        let digest = |eip| {
            let page = page(eip, "EPYC-v4".parse().unwrap(), GuestFeatures::SNP);
            Sha384::of(&page).to_string()
        };
        assert_eq!(
            digest(FIRST_EIP),
            "77920c4c629ff47e90c0e174fc1ad0eb6fa664f88cd4739488058a8c6cb1a77b3856f55378e9518d0da99452d51c553a"
        );
        assert_eq!(
            digest(0x80_b004),
            "8413b852790765a310d95867a8b00bfca3a802b5a80830044b45e253fe96222657e11e53fcf63eb0e0afd722385bf7b4"
        );
    }
}
