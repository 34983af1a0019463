//! Durations in Go's form, as resources of Kubernetes write them: `1h30m`, `90s`, `1.5h`.

use std::{fmt::Write as _, time::Duration};

use thiserror::Error;

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoDuration {
    /// It is not written as one.
    #[error("is no duration; write it as 90s, 45m or 1h30m")]
    Form,
    /// It is below zero.
    #[error("is negative; a duration here is longer than nothing")]
    Negative,
    /// It is longer than Go can say (292 years).
    #[error("is longer than any duration may be (292 years)")]
    TooLong,
}

/// Go's units, the longer name first where one begins with another.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
];

/// Reads a duration as Go's `time.ParseDuration` does, but for negative ones.
pub fn parse(text: &str) -> Result<Duration, NoDuration> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(NoDuration::Form);
    }
    let mut nanoseconds: u128 = 0;
    while !rest.is_empty() {
        let (amount, after) = part(rest)?;
        nanoseconds = nanoseconds.checked_add(amount).ok_or(NoDuration::TooLong)?;
        rest = after;
    }
    let nanoseconds = i64::try_from(nanoseconds).map_err(|_| NoDuration::TooLong)?;
    if negative && nanoseconds != 0 {
        return Err(NoDuration::Negative);
    }
    Ok(Duration::from_nanos(nanoseconds.unsigned_abs()))
}

/// One number with its unit, in nanoseconds, and what comes after it.
fn part(text: &str) -> Result<(u128, &str), NoDuration> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return Err(NoDuration::Form);
    }
    let unit = UNITS.iter().find(|(name, _)| {
        let after = rest.strip_prefix(name);
        after.is_some_and(|after| {
            after.is_empty() || after.starts_with(|c: char| c == '.' || c.is_ascii_digit())
        })
    });
    let (name, unit) = unit.ok_or(NoDuration::Form)?;
    let whole: u128 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| NoDuration::TooLong)?,
    };
    let mut amount = whole.checked_mul(*unit).ok_or(NoDuration::TooLong)?;
    let mut scale = *unit;
    for digit in fraction.bytes() {
        scale /= 10;
        amount += u128::from(digit - b'0') * scale;
    }
    Ok((amount, &rest[name.len()..]))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Writes a duration as people do, in Go's form: `1h30m`, `45m`, `1.5s`, `0s`.
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    for (amount, unit) in [(hours, "h"), (minutes, "m")] {
        if amount > 0 {
            let _ = write!(text, "{amount}{unit}");
        }
    }
    let nanoseconds = duration.subsec_nanos();
    if nanoseconds > 0 {
        let fraction = format!("{nanoseconds:09}");
        let _ = write!(text, "{seconds}.{}s", fraction.trim_end_matches('0'));
    } else if seconds > 0 || text.is_empty() {
        let _ = write!(text, "{seconds}s");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7_durations_are_read_as_go_reads_them() {
        for (text, milliseconds) in [
            ("30m", 1_800_000),
            ("1h30m", 5_400_000),
            ("90s", 90_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1.s", 1_000),
            ("250ms", 250),
            ("2us1s", 1_000),
            ("+3s", 3_000),
            ("0", 0),
            ("-0s", 0),
            ("0.0005s", 0),
            ("1h1h", 7_200_000),
        ] {
            let read = parse(text).map(|duration| duration.as_millis());
            assert_eq!(read, Ok(milliseconds), "{text}");
        }
    }

    #[test]
    fn s7_what_is_no_duration_is_said_to_be_none() {
        for text in [
            "", "soon", "15", "1d", "1 h", "m", "1hm", ".s", "1h-30m", "+", "1e3s", "1H",
        ] {
            assert_eq!(parse(text), Err(NoDuration::Form), "{text}");
        }
        assert_eq!(parse("-5m"), Err(NoDuration::Negative));
        for text in [
            "9999999999h",
            "99999999999999999999999999999999999999999h",
            "2562048h",
        ] {
            assert_eq!(parse(text), Err(NoDuration::TooLong), "{text}");
        }
    }

    #[test]
    fn s7_a_duration_is_written_as_it_is_read() {
        for text in [
            "45m",
            "1h30m",
            "90h",
            "1.5s",
            "0s",
            "0.25s",
            "1h0.000000001s",
            "2m5s",
        ] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }
}
