//! lz4's legacy frames: blocks of up to 8 MiB behind their lengths, without checksums or an end mark.
//!
//! They end where the kernel stops to read (Linux `lib/decompress_unlz4.c`): at the end of the input or
//! at a length of 0, which `lz4_flex`'s own reader of frames takes for damage. It unpacks the blocks.

use std::io::{self, BufRead, Read};

/// The first bytes of a frame.
pub(super) const MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// Most that a block unpacks to, in bytes.
const BLOCK: usize = 8 << 20;

/// Unpacks frames that follow each other.
pub(super) struct Decoder<R> {
    input: R,
    packed: Vec<u8>,
    block: Vec<u8>,
    used: usize,
    filled: usize,
    at: At,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Block,
    End,
}

impl<R: BufRead> Decoder<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, packed: Vec::new(), block: Vec::new(), used: 0, filled: 0, at: At::Start }
    }

    /// The next four bytes, fewer at the end of the input.
    fn word(&mut self) -> io::Result<([u8; 4], usize)> {
        let (mut word, mut got) = ([0; 4], 0);
        while let Some(rest) = word.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest)? {
                0 => break,
                more => got += more,
            }
        }
        Ok((word, got))
    }

    /// Unpacks the next block; false behind the last.
    fn next(&mut self) -> io::Result<bool> {
        let damaged = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem);
        loop {
            match self.word()? {
                (MAGIC, 4) => self.at = At::Block,
                _ if self.at == At::Start => return Err(damaged("no lz4 frame")),
                // Less than a word at the end: the kernel leaves it to whoever looks for a segment next.
                (word, 0..4) if word == [0; 4] => return Ok(false),
                (_, 0..4) => return Err(damaged("an lz4 block's length is cut short")),
                ([0, 0, 0, 0], _) => return Ok(false),
                (word, _) => {
                    self.unpack(u32::from_le_bytes(word))?;
                    return Ok(true);
                }
            }
        }
    }

    fn unpack(&mut self, len: u32) -> io::Result<()> {
        let most = lz4_flex::block::get_maximum_output_size(BLOCK);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > most {
            let problem = format!("an lz4 block has {len} bytes, expected at most {most}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        self.packed.clear();
        let wanted = u64::try_from(len).unwrap_or(u64::MAX);
        self.input.by_ref().take(wanted).read_to_end(&mut self.packed)?;
        if self.packed.len() != len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.block.resize(BLOCK, 0);
        self.used = 0;
        self.filled = lz4_flex::block::decompress_into(&self.packed, &mut self.block)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(())
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.filled {
            if self.at == At::End || !self.next()? {
                self.at = At::End;
                return Ok(0);
            }
        }
        let got = self.block.get(self.used..self.filled).unwrap_or_default().read(buffer)?;
        self.used += got;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(blocks: &[&[u8]]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for block in blocks {
            let packed = lz4_flex::block::compress(block);
            out.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
            out.extend(packed);
        }
        out
    }

    fn unpacked(mut input: &[u8]) -> Result<(String, usize), String> {
        let mut text = String::new();
        Decoder::new(&mut input).read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok((text, input.len()))
    }

    #[test]
    fn a_frame_ends_where_the_kernel_stops() {
        let two = frame(&[b"first ", b"second"]);
        for (what, input, rest) in [
            ("the end", two.clone(), 0),
            ("another frame", [frame(&[b"first "]), frame(&[b"second"])].concat(), 0),
            ("a zero length", [two.clone(), vec![0; 4], b"070701".to_vec()].concat(), 6),
            ("fewer zeros than a length has", [two, vec![0; 3]].concat(), 0),
        ] {
            assert_eq!(unpacked(&input), Ok(("first second".to_owned(), rest)), "{what}");
        }
    }

    #[test]
    fn a_damaged_frame_is_an_error() {
        let good = frame(&[b"some text, some text, some text"]);
        for (what, input, error) in [
            ("no magic", b"none".to_vec(), "no lz4 frame"),
            ("cut in a length", [good.clone(), vec![1, 0]].concat(), "an lz4 block's length is cut short"),
            ("cut in a block", good[..good.len() - 1].to_vec(), "unexpected end of file"),
            (
                "a length that no block has",
                [MAGIC.to_vec(), vec![0xff; 4]].concat(),
                "an lz4 block has 4294967295 bytes, expected at most 9227488",
            ),
        ] {
            assert_eq!(unpacked(&input).unwrap_err(), error, "{what}");
        }
        let unaligned = [good, b"07070100".to_vec()].concat();
        assert!(unpacked(&unaligned).is_err(), "what follows at once is taken for a block");
    }
}
