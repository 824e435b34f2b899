//! Writes the corpora of firmware and kernels again: `cargo run -p fuzz --example corpus`, in the top folder.
#![expect(clippy::unwrap_used, reason = "whoever runs it sees what failed")]

use std::path::Path;

use coco_measure::command_line::InitrdArgument;
use coco_measure::synthetic::{self, Parts, TdvfPart};

fn main() {
    firmware("snp", &synthetic::snp_firmware().build());
    firmware("tdx", &synthetic::tdx_firmware().build());
    firmware("both_tees", &synthetic::firmware(0x1_0000, InitrdArgument::Suffix).build());
    // A fuzzer makes inputs of 4 KiB, so there must be some whose tables are in as many.
    let page =
        |contents: &[u8]| Parts { size: 0x1000, contents: contents.to_vec(), ..synthetic::snp_firmware() };
    firmware("prefix", &page(&synthetic::volume(b"\0initrd=initrd \0etc/boot/kernel\0")).build());
    firmware("suffix", &page(&synthetic::volume(b"\0 initrd=initrd\0")).build());
    firmware("both_arguments", &page(&synthetic::volume(b" initrd=initrd\0initrd=initrd \0")).build());
    firmware("two_volumes", &page(&[synthetic::volume(b"a"), synthetic::volume(b"b")].concat()).build());
    firmware("grows_when_unpacked", &page(&synthetic::volume(&vec![0; 1 << 20])).build());
    firmware("no_room_for_hashes", &Parts { sev: Some(vec![[0x81_0000, 0, 0x10]]), ..page(b"") }.build());
    firmware("no_tables", &Parts { size: 0x1000, ..Parts::default() }.build());
    let section = TdvfPart { data: [0, 0x800], memory: [0xffff_f000, 0x1000], kind: [0, 1] };
    let later = TdvfPart { data: [0; 2], memory: [0x10_0000, 1 << 40], kind: [4, 2] };
    firmware("tdx_in_one_page", &Parts { tdvf: Some(vec![section, later]), ..page(b"code") }.build());

    kernel("three_pages", &synthetic::kernel());
    // The same headers, and sections of 256 bytes behind them.
    let mut small = synthetic::kernel();
    put(&mut small, 0x58 + 60, &[0x00, 0x04]);
    put(&mut small, 0xf8 + 16, &[0x00, 0x01, 0, 0, 0x00, 0x04]);
    put(&mut small, 0x120 + 16, &[0x00, 0x01, 0, 0, 0x00, 0x05]);
    small.truncate(0x600);
    kernel("small", &small);
    kernel("bytes_behind_the_sections", &[small.as_slice(), &[1; 64]].concat());
    put(&mut small, 0x58 + 144, &[0x00, 0x06, 0, 0, 0x10]);
    kernel("signed", &[small.as_slice(), &[2; 16]].concat());
    put(&mut small, 0x236, &[0]);
    put(&mut small, 0x22c, &[0xff, 0xff, 0xff, 0x37]);
    kernel("initrd_below_1_gib", &[small.as_slice(), &[2; 16]].concat());
    kernel("cut_off", small.get(..0x500).unwrap());
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file.get_mut(at..at + bytes.len()).unwrap().copy_from_slice(bytes);
}

fn firmware(name: &str, bytes: &[u8]) {
    fs_err::write(Path::new("fuzz/corpus/firmware").join(name), bytes).unwrap();
}

fn kernel(name: &str, bytes: &[u8]) {
    fs_err::write(Path::new("fuzz/corpus/kernel").join(name), bytes).unwrap();
}
