//! Firmware, kernels and initrds made by code, for tests: every byte is ours. None of them would boot.

mod cases;

use std::io::Write as _;

use liblzma::stream::{LzmaOptions, Stream};
use liblzma::write::XzEncoder;

use crate::command_line::InitrdArgument;
use crate::firmware::canonical;

pub use cases::{Case, Numbers, cases};

/// Bytes behind the last table of a firmware.
const BEHIND: usize = 32;

const FOOTER: u128 = 0x96b5_82de_1fb2_45f7_baea_a366_c55a_082d;
const HASH_TABLE: u128 = 0x7255_371f_3a3b_4b04_927b_1da6_efa8_d454;
const RESET_BLOCK: u128 = 0x00f7_71de_1a7e_4fcb_890e_68c7_7e2f_b44e;
const SEV: u128 = 0xdc88_6566_984a_4798_a75e_5585_a7bf_67cc;
const TDX: u128 = 0xe47a_6535_984a_4798_865e_4685_a7bf_8ec2;
const TDVF: u128 = 0xe9ea_f9f3_168e_44d5_a8eb_7f4d_8738_f6ae;
const LZMA: u128 = 0xee4e_5898_3914_4259_9d6e_dc7b_d794_03cf;

/// A firmware, by what is in it.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// The size of the file, in bytes.
    pub size: usize,
    /// What it begins with. The tables follow; what is left is 0xff.
    pub contents: Vec<u8>,
    /// SEV metadata: address, size and kind of each section.
    pub sev: Option<Vec<[u32; 3]>>,
    /// Address and size of the table of kernel hashes.
    pub hash_table: Option<[u32; 2]>,
    /// Where all vCPUs but the first begin.
    pub reset_eip: Option<u32>,
    /// TDX metadata.
    pub tdvf: Option<Vec<TdvfPart>>,
}

/// A section of the TDX metadata, as it is written.
#[derive(Debug, Clone, Copy)]
pub struct TdvfPart {
    /// Offset and size in the file.
    pub data: [u32; 2],
    /// Address and size in the guest.
    pub memory: [u64; 2],
    /// Kind and attributes.
    pub kind: [u32; 2],
}

impl Parts {
    /// The file.
    pub fn build(&self) -> Vec<u8> {
        let mut file = self.contents.clone();
        let mut entries = Vec::new();
        if let Some(sections) = &self.tdvf {
            file.extend(guid(TDVF));
            entries.extend(entry(TDX, &[self.distance(&file)]));
            let numbers = sections.iter().flat_map(|part| {
                let [[start, size], [kind, attributes]] = [part.data, part.kind];
                let memory = part.memory.map(u64::to_le_bytes).concat();
                [words(&[start, size]), memory, words(&[kind, attributes])].concat()
            });
            table(&mut file, *b"TDVF", sections.len(), &numbers.collect::<Vec<u8>>());
        }
        if let Some(sections) = &self.sev {
            entries.extend(entry(SEV, &[self.distance(&file)]));
            table(&mut file, *b"ASEV", sections.len(), &words(&sections.concat()));
        }
        entries.extend(self.hash_table.iter().flat_map(|place| entry(HASH_TABLE, place)));
        entries.extend(self.reset_eip.iter().flat_map(|eip| entry(RESET_BLOCK, &[*eip])));
        let length = u16::try_from(entries.len() + 18).expect("entries of 30 bytes");
        entries.extend(length.to_le_bytes().into_iter().chain(guid(FOOTER)));
        let begin = self.size.saturating_sub(BEHIND + entries.len());
        assert!(file.len() <= begin, "the firmware has {} bytes before its table, at {begin}", file.len());
        file.resize(begin, 0xff);
        file.extend(entries);
        file.resize(self.size, 0);
        file
    }

    fn distance(&self, file: &[u8]) -> u32 {
        u32::try_from(self.size.saturating_sub(file.len())).expect("a firmware of less than 4 GiB")
    }
}

/// 8 KiB with the tables of SEV-SNP.
pub fn snp_firmware() -> Parts {
    Parts {
        size: 0x2000,
        contents: (0..=255).cycle().take(0x1000).collect(),
        sev: Some(vec![
            [0x80_0000, 0x2000, 1],
            [0x80_d000, 0x1000, 2],
            [0x80_e000, 0x1000, 3],
            [0x80_f000, 0x1000, 4],
            [0x81_1000, 0x1000, 1],
            [0x81_0000, 0x1000, 0x10],
        ]),
        hash_table: Some([0x81_0c00, 0x400]),
        reset_eip: Some(0x80_b004),
        tdvf: None,
    }
}

/// 16 KiB with the tables of TDX.
pub fn tdx_firmware() -> Parts {
    let up = (0..=255).cycle().take(0x1000);
    let down = (0..=255).rev().cycle().take(0x1000);
    let memory = |address, size, kind| TdvfPart { data: [0; 2], memory: [address, size], kind: [kind, 0] };
    Parts {
        size: 0x4000,
        contents: up.chain(down).collect(),
        tdvf: Some(vec![
            TdvfPart { data: [0x1000, 0x3000], memory: [0xffff_d000, 0x3000], kind: [0, 1] },
            TdvfPart { data: [0, 0x1000], memory: [0xffff_c000, 0x1000], kind: [1, 0] },
            memory(0x81_0000, 0x2000, 3),
            memory(0x80_9000, 0x1000, 2),
        ]),
        ..Parts::default()
    }
}

/// `size` bytes, whole pages and at least 64 KiB, for both TEEs: variables, a compressed volume with the texts that a
/// firmware of this kind has, padding and code. Those with a prefix take kernels that QEMU did not patch.
pub fn firmware(size: usize, argument: InitrdArgument) -> Parts {
    let texts: &[u8] = match argument {
        InitrdArgument::Prefix => b"\0initrd=initrd \0etc/boot/kernel\0",
        InitrdArgument::Suffix => b"\0 initrd=initrd\0etc/table-loader\0",
    };
    // Half as large as the file when packed, and thrice as large when not, as real ones are.
    let code: Vec<u8> = Numbers::seeded(1).take(size / 16).flat_map(u64::to_le_bytes).collect();
    let code: Vec<u8> = code.chunks(0x1000).flat_map(|page| [page; 6].concat()).collect();
    let variables = size / 8;
    let mut contents = vec![0xff; variables];
    contents.extend(volume(&[&code, texts].concat()));
    let [whole, variables] =
        [size, variables / 0x1000 * 0x1000].map(|bytes| u32::try_from(bytes).expect("some MiB"));
    let [start, middle] = [whole, whole - variables].map(|bytes| (1_u64 << 32) - u64::from(bytes));
    let code =
        TdvfPart { data: [variables, whole - variables], memory: [middle, (1 << 32) - middle], kind: [0, 1] };
    let saved = TdvfPart { data: [0, variables], memory: [start, middle - start], kind: [1, 0] };
    let memory = |address, size, kind| TdvfPart { data: [0; 2], memory: [address, size], kind: [kind, 0] };
    let tdvf = vec![code, saved, memory(0x81_0000, 0x1_0000, 3), memory(0x80_9000, 0x2000, 2)];
    Parts { size, contents, tdvf: Some(tdvf), ..snp_firmware() }
}

/// A section with `contents`, packed as edk2 packs its volumes.
pub fn volume(contents: &[u8]) -> Vec<u8> {
    const WHY: &str = "memory is all it takes";
    let options = LzmaOptions::new_preset(0).expect(WHY);
    let stream = Stream::new_lzma_encoder(&options).expect(WHY);
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(contents).expect(WHY);
    let packed = encoder.finish().expect(WHY);
    // Size (none that fits in 24 bits) and kind, the size, the GUID, offset of the data, attributes.
    let size = u32::try_from(packed.len() + 28).expect("some MiB").to_le_bytes();
    let head = [&[0xff, 0xff, 0xff, 2], &size[..], &guid(LZMA), &28_u16.to_le_bytes(), &1_u16.to_le_bytes()];
    [head.concat(), packed].concat()
}

/// 12 KiB with the headers of a kernel with an EFI stub: boot protocol 2.15, two sections.
pub fn kernel() -> Vec<u8> {
    let mut kernel: Vec<u8> = vec![0; 0x1000];
    // The low byte of i * 7 + 3.
    kernel.extend((0..=255_u8).cycle().map(|byte| byte.wrapping_mul(7).wrapping_add(3)).take(0x2000));
    let coff =
        [&0x8664_u16.to_le_bytes()[..], &2_u16.to_le_bytes(), &[0; 12], &0xa0_u16.to_le_bytes()].concat();
    let section = |name: &[u8; 8], at| [name.to_vec(), words(&[0x1000, at, 0x1000, at])].concat();
    let fields: [(usize, Vec<u8>); 17] = [
        (0x000, b"MZ".to_vec()),
        (0x03c, words(&[0x40])),
        (0x040, b"PE\0\0".to_vec()),
        (0x044, coff),
        (0x056, 0x20e_u16.to_le_bytes().to_vec()), // characteristics
        (0x058, 0x20b_u16.to_le_bytes().to_vec()), // PE32+
        (0x058 + 60, words(&[0x1000])),            // size of the headers
        (0x058 + 64, words(&[0xdead_beef])),       // checksum
        (0x058 + 108, words(&[6])),                // directories
        (0x0f8, section(b".setup\0\0", 0x1000)),
        (0x120, section(b".text\0\0\0", 0x2000)),
        (0x1f1, vec![7]),
        (0x1fe, vec![0x55, 0xaa]),
        (0x202, b"HdrS".to_vec()),
        (0x206, 0x20f_u16.to_le_bytes().to_vec()),
        (0x211, vec![1]),
        (0x236, 0x7f_u16.to_le_bytes().to_vec()),
    ];
    for (at, bytes) in fields {
        for (to, from) in kernel.iter_mut().skip(at).zip(bytes) {
            *to = from;
        }
    }
    kernel
}

/// An initrd.
pub fn initrd() -> Vec<u8> {
    b"coco-initrd test initrd\n".to_vec()
}

/// Signature, length, version 1, number of sections, and the sections.
fn table(file: &mut Vec<u8>, signature: [u8; 4], count: usize, sections: &[u8]) {
    let number = |number: usize| u32::try_from(number).expect("a few sections");
    file.extend(signature);
    file.extend(words(&[number(16 + sections.len()), 1, number(count)]));
    file.extend(sections);
}

/// An entry of the last table: numbers, size, GUID.
fn entry(name: u128, numbers: &[u32]) -> Vec<u8> {
    let data = words(numbers);
    let size = u16::try_from(data.len() + 18).expect("one or two numbers");
    [&data, &size.to_le_bytes()[..], &guid(name)].concat()
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn guid(name: u128) -> [u8; 16] {
    canonical(name.to_be_bytes())
}
