//! Dates of releases: `Sat, 28 Nov 2026 02:53:00 UTC` (RFC 5322, section 3.3, always in universal time).

use std::fmt;
use std::str::FromStr;

use crate::deb::stanza::shown;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]; // 1970-01-01 was a Thursday
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_SECONDS: u64 = 86_400;
const YEAR_MAX: u64 = 9999;

/// A date from 1970 to 9999.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Date {
    text: String,
    seconds: u64,
}

/// A text that is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got `{0}`, expected a date such as Sat, 28 Nov 2026 02:53:00 UTC")]
pub struct NotADate(String);

impl Date {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Seconds since 1970, without leap seconds.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// The date of seconds since 1970, the last second of 9999 at most.
    pub fn from_seconds(seconds: u64) -> Self {
        let seconds = seconds.min(days_before(YEAR_MAX + 1, 0) * DAY_SECONDS - 1);
        let (days, time) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
        let year = (1970..=YEAR_MAX).rev().find(|year| days_before(*year, 0) <= days).unwrap_or(1970);
        let month = (0..12).rev().find(|month| days_before(year, *month) <= days).unwrap_or(0);
        let day = days - days_before(year, month) + 1;
        let name = |names: &[&'static str], index: usize| names.get(index).copied().unwrap_or_default();
        let weekday = name(&DAYS, usize::try_from(days % 7).unwrap_or_default());
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        let month = name(&MONTHS, month);
        let text = format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} UTC");
        Self { text, seconds }
    }
}

impl FromStr for Date {
    type Err = NotADate;

    /// The day of the week has to be right; the day of the month may have one digit, as some tools write it.
    fn from_str(text: &str) -> Result<Self, NotADate> {
        let wrong = || NotADate(shown(text));
        let words: Vec<&str> = text.split(' ').collect();
        let [weekday, day, month, year, time, "UTC" | "GMT" | "+0000" | "Z"] = words.as_slice() else {
            return Err(wrong());
        };
        let time: Vec<&str> = time.split(':').collect();
        let [hour, minute, second] = time.as_slice() else { return Err(wrong()) };
        let month = MONTHS.iter().position(|name| name == month).ok_or_else(wrong)?;
        let year = number(year, 4..=4, 1970..=YEAR_MAX).ok_or_else(wrong)?;
        let day = number(day, 1..=2, 1..=month_length(year, month)).ok_or_else(wrong)?;
        let hour = number(hour, 2..=2, 0..=23).ok_or_else(wrong)?;
        let minute = number(minute, 2..=2, 0..=59).ok_or_else(wrong)?;
        let second = number(second, 2..=2, 0..=59).ok_or_else(wrong)?;
        let days = days_before(year, month) + day - 1;
        let expected = usize::try_from(days % 7).ok().and_then(|index| DAYS.get(index));
        if weekday.strip_suffix(',') != expected.copied() {
            return Err(wrong());
        }
        Ok(Self { text: text.to_owned(), seconds: days * DAY_SECONDS + hour * 3600 + minute * 60 + second })
    }
}

fn number(
    text: &str,
    digits: std::ops::RangeInclusive<usize>,
    range: std::ops::RangeInclusive<u64>,
) -> Option<u64> {
    let is_number = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && range.contains(number))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

/// Days of a month, which is counted from 0.
fn month_length(year: u64, month: usize) -> u64 {
    match month {
        1 => 28 + u64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of the month, which is counted from 0.
fn days_before(year: u64, month: usize) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    years + (0..month).map(|month| month_length(year, month)).sum::<u64>()
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_seconds() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 UTC", 0),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799), // date -u -d '2000-02-29 23:59:59' +%s
            ("Sat, 5 Dec 2026 02:53:00 +0000", 1_796_439_180),
            ("Fri, 31 Dec 9999 23:59:59 Z", 253_402_300_799),
        ] {
            assert_eq!(text.parse().map(|date: Date| date.seconds()), Ok(seconds), "{text}");
        }
        assert_eq!(Date::from_seconds(u64::MAX).as_str(), "Fri, 31 Dec 9999 23:59:59 UTC");
    }

    #[test]
    fn what_is_no_date_is_told() {
        for text in [
            "",
            "Sun, 28 Nov 2026 02:53:00 UTC",
            "Sat, 28 Nov 2026 02:53:00 CET",
            "Sat, 28 Nov 2026 02:53:00",
            "Sat, 28 Nov 2026 02:53 UTC",
            "Sat, 28 nov 2026 02:53:00 UTC",
            "Sat, 28 Nov 2026 24:00:00 UTC",
            "Sun, 30 Feb 2026 02:53:00 UTC",
            "Sat, +8 Nov 2026 02:53:00 UTC",
            "Sat,  8 Nov 2026 02:53:00 UTC",
            "Wed, 31 Dec 1969 23:59:59 UTC",
            "28 Nov 2026 02:53:00 UTC",
        ] {
            let expected = format!("got `{text}`, expected a date such as Sat, 28 Nov 2026 02:53:00 UTC");
            assert_eq!(text.parse::<Date>().unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..253_402_300_800_u64) {
            let date = Date::from_seconds(seconds);
            prop_assert_eq!(date.as_str().parse(), Ok(date));
        }
    }
}
