//! Where things are in a `.deb`: an `ar` archive of three members (`deb(5)`). What is in these is not read.

use std::io;

/// What an archive begins with.
const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Length of a member's header.
const HEADER_LEN: u64 = 60;

/// What a member's header ends with.
const HEADER_END: &[u8; 2] = b"`\n";

/// Most of the first member, which has a version in it.
const VERSION_MAX: u64 = 64;

/// How the archives in it may be packed, by their extension.
const PACKINGS: [&str; 5] = ["", ".gz", ".xz", ".zst", ".bz2"];

/// A package's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFile {
    /// What is said about the package, as a tar.
    pub control: Member,
    /// The package's files, as a tar.
    pub data: Member,
}

/// A part of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, such as `data.tar.xz`.
    pub name: String,
    /// Where it starts, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// A file that is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageFileError {
    /// It can't be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It does not begin as archives do.
    #[error("it does not begin with `!<arch>`")]
    Magic,
    /// It ends before it should.
    #[error("it ends at byte {size}, and {what} should end at {end}")]
    End {
        /// Size of the file.
        size: u64,
        /// What is cut.
        what: String,
        /// Where its end should be.
        end: u64,
    },
    /// A header that is none.
    #[error("at byte {offset}: no header of a member")]
    Header {
        /// Where it is.
        offset: u64,
    },
    /// Another member than there should be.
    #[error("at byte {offset}: got member `{got}`, expected {expected}")]
    Name {
        /// Where its header is.
        offset: u64,
        /// Its name.
        got: String,
        /// What there should be.
        expected: &'static str,
    },
    /// Another format than the one there is.
    #[error("got format `{got}`, expected 2.x")]
    Format {
        /// The start of `debian-binary`.
        got: String,
    },
    /// Something comes behind the last member.
    #[error("at byte {offset}: something follows the last member")]
    More {
        /// Where it starts.
        offset: u64,
    },
}

impl PackageFile {
    /// Finds the members of a file of `size` bytes. `read_at` fills a buffer with what is at an offset; it is asked
    /// for no more than 64 bytes, and for nothing behind the end.
    ///
    /// `deb(5)` lets further members be behind the data, and unknown ones with `_` before it. Here they are errors:
    /// no archive has them, and nothing that is in a package should go unseen.
    pub fn read(
        size: u64,
        mut read_at: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
    ) -> Result<Self, PackageFileError> {
        let mut magic = [0; MAGIC.len()];
        if size < HEADER_LEN {
            return Err(PackageFileError::Magic);
        }
        read_at(0, &mut magic)?;
        if magic != *MAGIC {
            return Err(PackageFileError::Magic);
        }
        let mut archive = Archive { size, at: 8, read_at };
        let version = archive.member("debian-binary", &[""])?;
        archive.check_version(&version)?;
        let control = archive.member("control.tar", &PACKINGS)?;
        let data = archive.member("data.tar", &PACKINGS)?;
        match archive.at {
            at if at < size => Err(PackageFileError::More { offset: at }),
            _ => Ok(Self { control, data }),
        }
    }

    /// Finds the members of a file that is in memory.
    pub fn parse(bytes: &[u8]) -> Result<Self, PackageFileError> {
        let size = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        Self::read(size, |offset, buffer| {
            let part =
                usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)?.get(..buffer.len()));
            buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }
}

struct Archive<R> {
    size: u64,
    /// Where the next header is.
    at: u64,
    read_at: R,
}

impl<R: FnMut(u64, &mut [u8]) -> io::Result<()>> Archive<R> {
    /// The next member, which must have this name and one of these extensions.
    fn member(&mut self, expected: &'static str, extensions: &[&str]) -> Result<Member, PackageFileError> {
        let header_at = self.at;
        let offset = self.end_of(header_at, HEADER_LEN, expected)?;
        let mut header = [0; 60];
        (self.read_at)(header_at, &mut header)?;
        let (name, size) = fields(&header).ok_or(PackageFileError::Header { offset: header_at })?;
        if !name.strip_prefix(expected).is_some_and(|extension| extensions.contains(&extension)) {
            let got = name.to_owned();
            return Err(PackageFileError::Name { offset: header_at, got, expected });
        }
        let end = self.end_of(offset, size, name)?;
        // Members start at even offsets; behind the last one the filler may be missing.
        self.at = end.saturating_add(size % 2);
        Ok(Member { name: name.to_owned(), offset, size })
    }

    fn end_of(&self, offset: u64, length: u64, what: &str) -> Result<u64, PackageFileError> {
        match offset.saturating_add(length) {
            end if end <= self.size => Ok(end),
            end => Err(PackageFileError::End { size: self.size, what: what.to_owned(), end }),
        }
    }

    /// The first line of `debian-binary` must be a version 2.x; further lines may come (`deb(5)`).
    fn check_version(&mut self, member: &Member) -> Result<(), PackageFileError> {
        let mut bytes = [0; 64];
        let length = usize::try_from(member.size.min(VERSION_MAX)).unwrap_or_default();
        let bytes = bytes.get_mut(..length).unwrap_or_default();
        (self.read_at)(member.offset, bytes)?;
        let text = String::from_utf8_lossy(bytes);
        let line = text.split_once('\n').map(|(line, _)| line);
        let minor = line.and_then(|line| line.strip_prefix("2."));
        let is_number = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        if member.size > VERSION_MAX || !minor.is_some_and(is_number) {
            return Err(PackageFileError::Format { got: super::stanza::shown(line.unwrap_or(&text)) });
        }
        Ok(())
    }
}

/// Name and size of a header: 16 bytes name, 32 bytes of times, owners and mode, which are not used, 10 bytes size.
fn fields(header: &[u8; 60]) -> Option<(&str, u64)> {
    let (name, rest) = header.split_at_checked(16)?;
    let (_, rest) = rest.split_at_checked(32)?;
    let (size, end) = rest.split_at_checked(10)?;
    let text = |bytes| str::from_utf8(bytes).ok().map(|text: &str| text.trim_end_matches(' '));
    let (name, size) = (text(name)?, text(size)?);
    let is_number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = name.bytes().all(|byte| byte.is_ascii_graphic());
    let name = name.strip_suffix('/').unwrap_or(name);
    (is_name && is_number && end == HEADER_END).then_some(())?;
    Some((name, size.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (name, body) in members {
            let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, body.len());
            bytes.extend([header.as_bytes(), body, if body.len() % 2 == 1 { b"\n" } else { b"" }].concat());
        }
        bytes
    }

    fn package() -> Vec<u8> {
        archive(&[("debian-binary", b"2.0\n"), ("control.tar.xz", b"abc"), ("data.tar.zst", b"defgh")])
    }

    fn error(bytes: &[u8]) -> String {
        PackageFile::parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_package_has_two_archives() {
        let bytes = package();
        for bytes in [bytes.as_slice(), &bytes[..bytes.len() - 1]] {
            let file = PackageFile::parse(bytes).unwrap();
            let part = |it: &Member| {
                let start = usize::try_from(it.offset).unwrap();
                (it.name.clone(), bytes[start..start + usize::try_from(it.size).unwrap()].to_vec())
            };
            assert_eq!(part(&file.control), ("control.tar.xz".to_owned(), b"abc".to_vec()));
            assert_eq!(part(&file.data), ("data.tar.zst".to_owned(), b"defgh".to_vec()));
        }
    }

    #[test]
    fn names_may_end_with_a_slash_and_the_format_may_have_more_lines() {
        let members: [(&str, &[u8]); 3] =
            [("debian-binary/", b"2.1\nmore\n"), ("control.tar/", b""), ("data.tar.gz/", b"")];
        assert_eq!(PackageFile::parse(&archive(&members)).unwrap().control.name, "control.tar");
    }

    #[test]
    fn other_members_are_errors() {
        let (version, control, data): ((&str, &[u8]), _, _) =
            (("debian-binary", b"2.0\n"), ("control.tar.gz", &b"ab"[..]), ("data.tar.xz", &b"cd"[..]));
        let extra = ("_gpgorigin", &b"ab"[..]);
        for (members, expected) in [
            (vec![control, data], "at byte 8: got member `control.tar.gz`, expected debian-binary"),
            (vec![version, data, control], "at byte 72: got member `data.tar.xz`, expected control.tar"),
            (
                vec![version, extra, control, data],
                "at byte 72: got member `_gpgorigin`, expected control.tar",
            ),
            (vec![version, control, extra, data], "at byte 134: got member `_gpgorigin`, expected data.tar"),
            (vec![version, control, data, extra], "at byte 196: something follows the last member"),
            (
                vec![version, ("control.tar.lz4", b"")],
                "at byte 72: got member `control.tar.lz4`, expected control.tar",
            ),
            (vec![version, control], "it ends at byte 134, and data.tar should end at 194"),
            (vec![("debian-binary", b"3.0\n")], "got format `3.0`, expected 2.x"),
            (vec![("debian-binary", b"2.0")], "got format `2.0`, expected 2.x"),
            (vec![("debian-binary", b"2.x\n")], "got format `2.x`, expected 2.x"),
        ] {
            assert_eq!(error(&archive(&members)), expected);
        }
    }

    #[test]
    fn what_is_cut_or_garbled_is_told() {
        let bytes = package();
        assert_eq!(error(b""), "it does not begin with `!<arch>`");
        assert_eq!(error(&[b'x'; 100]), "it does not begin with `!<arch>`");
        assert_eq!(
            error(&bytes[..bytes.len() - 2]),
            "it ends at byte 200, and data.tar.zst should end at 201"
        );
        for place in [56, 66, 67, 8] {
            let mut garbled = bytes.clone();
            garbled[place] = 0xff;
            assert_eq!(error(&garbled), "at byte 8: no header of a member", "{place}");
        }
        let mut signed = bytes;
        signed[56..58].copy_from_slice(b"-1");
        assert_eq!(error(&signed), "at byte 8: no header of a member");
    }

    proptest! {
        #[test]
        fn whatever_is_garbled_has_an_answer(place in 0..200_usize, byte: u8, length in 0..210_usize) {
            let mut bytes = package();
            bytes[place] = byte;
            bytes.truncate(length);
            if let Ok(file) = PackageFile::parse(&bytes) {
                let size = u64::try_from(bytes.len()).unwrap();
                prop_assert!(file.control.offset + file.control.size <= file.data.offset);
                prop_assert!(file.data.offset + file.data.size <= size);
            }
        }
    }
}
