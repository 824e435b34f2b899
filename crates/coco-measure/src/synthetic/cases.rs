//! Launches of all kinds, drawn from a seed, to compare two implementations with.

use super::Parts;

/// Names of models that others' tools know as well.
const MODELS: [&str; 16] = [
    "EPYC",
    "EPYC-v1",
    "EPYC-v2",
    "EPYC-IBPB",
    "EPYC-v3",
    "EPYC-v4",
    "EPYC-Rome",
    "EPYC-Rome-v1",
    "EPYC-Rome-v2",
    "EPYC-Rome-v3",
    "EPYC-Milan",
    "EPYC-Milan-v1",
    "EPYC-Milan-v2",
    "EPYC-Genoa",
    "EPYC-Genoa-v1",
    "EPYC-Turin",
];

/// A launch with SEV-SNP.
#[derive(Debug, Clone)]
pub struct Case {
    /// The firmware.
    pub firmware: Vec<u8>,
    /// The kernel, which may be any bytes.
    pub kernel: Option<Vec<u8>>,
    /// The initrd; only with a kernel.
    pub initrd: Option<Vec<u8>>,
    /// The command line.
    pub command_line: String,
    /// How many vCPUs.
    pub vcpus: u16,
    /// Their model.
    pub vcpu_type: &'static str,
    /// Their features.
    pub guest_features: u64,
}

/// Numbers that look like chance and are the same for a seed (`SplitMix64` of Steele, Lea and Flood).
#[derive(Debug, Clone)]
pub struct Numbers(u64);

/// `count` launches; the same ones for the same seed.
pub fn cases(seed: u64, count: usize) -> Vec<Case> {
    let mut numbers = Numbers::seeded(seed);
    std::iter::repeat_with(|| case(&mut numbers)).take(count).collect()
}

impl Numbers {
    /// The numbers that follow from `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to `limit`, without it; 0 if it is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next().and_then(|number| number.checked_rem(limit)).unwrap_or_default()
    }

    /// Up to `limit` bytes, without it.
    pub fn bytes(&mut self, limit: u64) -> Vec<u8> {
        let length = usize::try_from(self.below(limit)).unwrap_or_default();
        self.by_ref().flat_map(u64::to_le_bytes).take(length).collect()
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    fn word(&mut self, limit: u32) -> u32 {
        u32::try_from(self.below(limit.into())).unwrap_or_default()
    }
}

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ mixed >> 31)
    }
}

fn case(numbers: &mut Numbers) -> Case {
    let pages = 1 + usize::try_from(numbers.below(12)).unwrap_or_default();
    let hashes = numbers.below(4) != 0;
    let mut contents = numbers.bytes(0x1000 * 12);
    contents.truncate((pages - 1) * 0x1000);
    let (sev, place) = sections(numbers, hashes);
    let firmware = Parts {
        size: pages * 0x1000,
        contents,
        sev: Some(sev),
        hash_table: Some([place, 0x400]),
        reset_eip: Some(numbers.word(u32::MAX)),
        tdvf: None,
    };
    let kernel = (hashes && numbers.below(5) != 0).then(|| numbers.bytes(20_000));
    let initrd = numbers.coin().then(|| numbers.bytes(20_000)).filter(|_| kernel.is_some());
    let length = if numbers.below(8) == 0 { 1 } else { 300 };
    let letters = numbers.bytes(length).into_iter().map(|byte| char::from(b' ' + byte % 95)).collect();
    let model = usize::try_from(numbers.below(16)).unwrap_or_default();
    Case {
        firmware: firmware.build(),
        command_line: if kernel.is_some() { letters } else { String::new() },
        kernel,
        initrd,
        vcpus: 1 + u16::try_from(numbers.below(40)).unwrap_or_default(),
        vcpu_type: MODELS.get(model).copied().unwrap_or_default(),
        guest_features: [1, 0x21, 5].into_iter().cycle().nth(model).unwrap_or(1) | numbers.below(0x40),
    }
}

/// Sections of all kinds in any order, apart from each other, some of them empty; and the place of the hashes.
fn sections(numbers: &mut Numbers, hashes: bool) -> (Vec<[u32; 3]>, u32) {
    let mut next = 0x80_0000 + 0x1000 * numbers.word(64);
    let mut place = 0;
    let mut sections = Vec::new();
    let mut kinds: Vec<u32> = (0..numbers.below(8)).map(|_| 1 + numbers.word(4)).collect();
    if hashes {
        kinds.push(0x10);
    }
    for kind in kinds {
        let pages = if matches!(kind, 1 | 4) { numbers.word(5) } else { 1 };
        if kind == 0x10 {
            place = next + 16 * numbers.word(245);
        }
        sections.push([next, 0x1000 * pages, kind]);
        next += 0x1000 * (pages + numbers.word(3));
    }
    for end in (1..sections.len()).rev() {
        let other = usize::try_from(numbers.word(u32::try_from(end + 1).unwrap_or(1))).unwrap_or_default();
        sections.swap(end, other);
    }
    (sections, place)
}
