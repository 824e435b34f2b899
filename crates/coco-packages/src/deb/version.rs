//! Versions of Debian packages and their order (Debian Policy 5.6.12, `deb-version(7)`).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// `[EPOCH:]UPSTREAM[-REVISION]`.
///
/// Versions of which neither is newer are equal, although their texts may differ: `1.0`, `0:1.00` and `1.0-0`.
#[derive(Clone)]
pub struct Version(Box<str>);

/// Largest epoch (`INT_MAX`, which dpkg has).
const EPOCH_MAX: u32 = 0x7fff_ffff;

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a version: {problem}")]
pub struct NotAVersion {
    text: String,
    problem: &'static str,
}

impl Version {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Epoch, upstream version and revision.
    fn parts(&self) -> (u32, &str, &str) {
        let (epoch, rest) = self.0.split_once(':').unwrap_or(("0", &self.0));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch.parse().unwrap_or_default(), upstream, revision)
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    /// Takes what dpkg takes, but for an upstream version that does not start with a letter or digit.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let wrong = |problem| Err(NotAVersion { text: super::stanza::shown(text), problem });
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let is_epoch = epoch.bytes().all(|byte| byte.is_ascii_digit())
            && epoch.parse().is_ok_and(|number: u32| number <= EPOCH_MAX);
        if !is_epoch {
            return wrong("its epoch is no number");
        }
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        if !upstream.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return wrong("it does not start with a letter or digit");
        }
        if !upstream.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte)) {
            return wrong("it has other characters than letters, digits and `.+-~:`");
        }
        if revision.is_empty() {
            return wrong("its revision is empty");
        }
        if !revision.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+~".contains(&byte)) {
            return wrong("its revision has other characters than letters, digits and `.+~`");
        }
        Ok(Self(text.into()))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let (epoch, upstream, revision) = self.parts();
        let (other_epoch, other_upstream, other_revision) = other.parts();
        epoch
            .cmp(&other_epoch)
            .then_with(|| compare(upstream.as_bytes(), other_upstream.as_bytes()))
            .then_with(|| compare(revision.as_bytes(), other_revision.as_bytes()))
    }
}

/// Compares by turns what is no digit and what is a number, until there is a difference.
fn compare(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !(one.is_empty() && other.is_empty()) {
        let (text, rest) = split(one, |byte| !byte.is_ascii_digit());
        let (other_text, other_rest) = split(other, |byte| !byte.is_ascii_digit());
        let (number, rest) = split(rest, u8::is_ascii_digit);
        let (other_number, other_rest) = split(other_rest, u8::is_ascii_digit);
        let order =
            weights(text).cmp(weights(other_text)).then_with(|| compare_numbers(number, other_number));
        if order.is_ne() {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}

/// The longest start of which `is_part` holds, and the rest.
fn split(bytes: &[u8], is_part: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !is_part(byte)).unwrap_or(bytes.len()))
}

/// A tilde is before the end, letters are before everything else.
fn weights(text: &[u8]) -> impl Iterator<Item = i16> {
    let weight = |byte: &u8| match byte {
        b'~' => -1,
        byte if byte.is_ascii_alphabetic() => i16::from(*byte),
        byte => i16::from(*byte) + 256,
    };
    text.iter().map(weight).chain([0])
}

/// Numbers of any length.
fn compare_numbers(one: &[u8], other: &[u8]) -> Ordering {
    let [one, other] = [one, other].map(|digits| split(digits, |byte| *byte == b'0').1);
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn each_is_newer_than_the_one_before() {
        let ascending = [
            "0~",
            "0",
            "1.0~~",
            "1.0~~a",
            "1.0~beta1",
            "1.0",
            "1.0-1~bpo12+1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1+deb12u1",
            "1.0-1.1",
            "1.0-2",
            "1.0-10",
            "1.0a-1",
            "1.0+dfsg-1",
            "1.0.1",
            "1.2",
            "1.10",
            "99999999999999999999999",
            "1:0.1",
            "2:0",
            "10:0",
        ];
        for (index, one) in ascending.iter().enumerate() {
            for (other_index, other) in ascending.iter().enumerate() {
                assert_eq!(version(one).cmp(&version(other)), index.cmp(&other_index), "{one} {other}");
            }
        }
    }

    #[test]
    fn some_texts_are_the_same_version() {
        for (one, other) in
            [("1.0", "0:1.0"), ("1.00", "1.0"), ("1.0-0", "1.0"), ("1.a0", "1.a"), ("00", "0")]
        {
            assert_eq!(version(one), version(other));
        }
    }

    #[test]
    fn what_is_no_version_is_told() {
        for (text, problem) in [
            ("", "it does not start with a letter or digit"),
            (":1", "its epoch is no number"),
            ("a:1", "its epoch is no number"),
            ("2147483648:1", "its epoch is no number"),
            ("1:", "it does not start with a letter or digit"),
            ("~1", "it does not start with a letter or digit"),
            ("-1", "it does not start with a letter or digit"),
            ("1-", "its revision is empty"),
            ("1_2", "it has other characters than letters, digits and `.+-~:`"),
            ("1 ", "it has other characters than letters, digits and `.+-~:`"),
            ("1:1-2:3", "its revision has other characters than letters, digits and `.+~`"),
        ] {
            let error = text.parse::<Version>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a version: {problem}"));
        }
    }

    proptest! {
        #[test]
        fn the_order_is_one(mut versions in prop::collection::vec("([0-2]:)?[0-9a~][0-9a~+.-]{0,5}", 3)) {
            versions.retain(|text| text.parse::<Version>().is_ok());
            let mut versions: Vec<Version> = versions.iter().map(|text| version(text)).collect();
            versions.sort();
            for (index, one) in versions.iter().enumerate() {
                for other in &versions[index..] {
                    prop_assert!(one <= other);
                    prop_assert_eq!(one.cmp(other), other.cmp(one).reverse());
                }
            }
        }

        #[test]
        fn any_text_has_an_answer(text in ".{0,20}") {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.as_str(), text);
            }
        }
    }
}
