//! The page with the hashes of kernel, initrd and command line, as QEMU makes it. The firmware compares it.
//!
//! `SevHashTable` of QEMU's `target/i386/sev.c`, and of edk2's `OvmfPkg/AmdSev/BlobVerifierLibSevHashes`.

use super::{DirectBoot, PAGE, SnpError};
use crate::digest::Sha256;
use crate::firmware::canonical;

/// The whole page, in bytes.
const PAGE_BYTES: usize = 4096;
/// The table and its entries, in bytes, as they say it themselves.
const TABLE_BYTES: u16 = 168;
const ENTRY_BYTES: u16 = 50;
/// The table with the zeros behind it, in bytes.
const PADDED_BYTES: usize = 176;

const TABLE: u128 = 0x9438_d606_4f22_4cc9_b479_a793_d411_fd21;
const COMMAND_LINE: u128 = 0x97d0_2dd8_bd20_4c94_aa78_e771_4d36_ab2a;
const INITRD: u128 = 0x44ba_f731_3a2f_4bd7_9af1_41e2_9169_781d;
const KERNEL: u128 = 0x4de7_9437_abd2_427f_b835_d5b1_72d2_045b;

/// The page at `gpa`, with the table at `place`.
pub(super) fn page(place: u32, gpa: u32, boot: &DirectBoot) -> Result<[u8; PAGE_BYTES], SnpError> {
    let table = table(boot);
    let mut page = [0; PAGE_BYTES];
    let slot = place
        .checked_sub(gpa)
        .filter(|offset| u64::from(*offset) < PAGE)
        .and_then(|offset| usize::try_from(offset).ok())
        .and_then(|offset| page.get_mut(offset..)?.first_chunk_mut())
        .ok_or(SnpError::HashesElsewhere { place, section: gpa })?;
    *slot = table;
    Ok(page)
}

/// The table: GUID, size, and an entry each.
fn table(boot: &DirectBoot) -> [u8; PADDED_BYTES] {
    let line = [boot.command_line.as_str().as_bytes(), &[0]].concat();
    let entries = [
        (COMMAND_LINE, Sha256::of(&line)),
        // What is not there is empty.
        (INITRD, boot.initrd.unwrap_or_else(|| Sha256::of(&[]))),
        (KERNEL, boot.kernel),
    ];
    let head = |guid: u128, size: u16| canonical(guid.to_be_bytes()).into_iter().chain(size.to_le_bytes());
    let entries =
        entries.into_iter().flat_map(|(guid, digest)| head(guid, ENTRY_BYTES).chain(*digest.as_bytes()));
    let mut table = [0; PADDED_BYTES];
    for (to, from) in table.iter_mut().zip(head(TABLE, TABLE_BYTES).chain(entries)) {
        *to = from;
    }
    table
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::synthetic;

    fn boot() -> DirectBoot {
        DirectBoot {
            kernel: Sha256::of(&synthetic::kernel()),
            initrd: Some(Sha256::of(&synthetic::initrd())),
            command_line: "console=hvc0 panic=1".parse().unwrap(),
        }
    }

    #[test]
    fn the_table_is_that_of_others() {
        let digest = Sha256::of(&table(&boot()));
        let expected = "4bca9e72079023928cf1dce981da6a916b0987b4e51805dae71fe8513ad1bdd6";
        assert_eq!(digest.to_string(), expected);
    }

    #[test]
    fn the_table_is_where_the_firmware_looks() {
        let page = page(0x81_0c00, 0x81_0000, &boot()).unwrap();
        assert_eq!(page[0xc00..0xc00 + PADDED_BYTES], table(&boot()));
        assert!(page[..0xc00].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_table_that_is_not_in_the_page_is_an_error() {
        let refused = |place| page(place, 0x81_0000, &boot()).unwrap_err().to_string();
        expect!["got a place for kernel hashes at 0x80ff00 and their section at 0x810000, expected the place in that page"].assert_eq(&refused(0x80_ff00));
        assert_eq!(page(0x81_0f50, 0x81_0000, &boot()).map(drop), Ok(()));
        expect!["got a place for kernel hashes at 0x810f51 and their section at 0x810000, expected the place in that page"].assert_eq(&refused(0x81_0f51));
        expect!["got a place for kernel hashes at 0x811000 and their section at 0x810000, expected the place in that page"].assert_eq(&refused(0x81_1000));
    }
}
