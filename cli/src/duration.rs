//! Time limits as people write them: `30s`, `5m`, `1h30m`, `0`.

use std::time::Duration;

/// Reads a duration. A bare number is refused (nobody knows its unit), but for `0`, which means no limit.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!(
            "`{text}` has no unit; write {text}s for seconds or {text}m for minutes"
        ));
    }
    let refuse = || format!("`{text}` is no duration; write 30s, 5m, 1h30m or 0");
    let mut rest = text;
    let mut total = Duration::ZERO;
    let mut largest = Duration::MAX;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
        let number: u32 = rest[..unit_at].parse().map_err(|_| refuse())?;
        let unit_end = rest[unit_at..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |at| unit_at + at);
        let unit = unit(&rest[unit_at..unit_end])
            .filter(|&unit| unit < largest)
            .ok_or_else(refuse)?;
        total = unit
            .checked_mul(number)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(refuse)?;
        largest = unit;
        rest = &rest[unit_end..];
    }
    if text.is_empty() { Err(refuse()) } else { Ok(total) }
}

fn unit(word: &str) -> Option<Duration> {
    match word {
        "ms" => Some(Duration::from_millis(1)),
        "s" => Some(Duration::from_secs(1)),
        "m" => Some(Duration::from_mins(1)),
        "h" => Some(Duration::from_hours(1)),
        "d" => Some(Duration::from_hours(24)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let read = ["0", "30s", "5m", "1h30m", "2d1ms", "0s"].map(|text| parse(text).unwrap().as_millis());
        assert_eq!(read, [0, 30_000, 300_000, 5_400_000, 172_800_001, 0]);
    }

    #[test]
    fn a_bare_number_is_told_to_take_a_unit() {
        assert_eq!(
            parse("5"),
            Err("`5` has no unit; write 5s for seconds or 5m for minutes".to_owned())
        );
    }

    #[test]
    fn what_is_no_duration_is_refused_with_examples() {
        for text in [
            "",
            "s",
            "5 m",
            "-5m",
            "5m5m",
            "30s1h",
            "1.5h",
            "99999999999s",
            "1y",
            "5ü",
        ] {
            assert_eq!(
                parse(text),
                Err(format!("`{text}` is no duration; write 30s, 5m, 1h30m or 0"))
            );
        }
    }
}
