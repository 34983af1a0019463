//! Dates and times as they are printed, and whether they are the run's own.

/// Seconds of a day, and what clocks of other zones may be ahead or behind.
const DAY: i64 = 24 * 3600;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// What finds them: ISO 8601 dates with or without a time, and the form of `date` and `ctime`.
pub(crate) const PATTERN: &str = r"(?x)
    \b \d{4}-\d{2}-\d{2} (?: [T\ ] \d{2}:\d{2} (?: :\d{2} (?: [.,]\d{1,9} )? )? (?: Z | [+-]\d{2}:?\d{2} )? )? \b
  | \b (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ,? \ +
    (?: (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \ + \d{1,2}
      | \d{1,2} \ (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \ \d{4} )
    ,? \ + \d{2}:\d{2}:\d{2} (?: \ [A-Z]{3,4} )? (?: \ \d{4} )? \b";

/// Whether the text is a moment within a day of `now`, give or take a time zone.
pub(crate) fn is_about(text: &str, now: i64) -> bool {
    day_of(text).is_some_and(|day| (day * DAY + DAY / 2 - now).abs() <= DAY + DAY / 2)
}

/// The day, counted from 1970.
fn day_of(text: &str) -> Option<i64> {
    let number = |part: &str| part.parse::<i64>().ok();
    if text.as_bytes().first()?.is_ascii_digit() {
        return days(
            number(text.get(..4)?)?,
            number(text.get(5..7)?)?,
            number(text.get(8..10)?)?,
        );
    }
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let month = words
        .iter()
        .find_map(|word| MONTHS.iter().position(|month| month == word))?;
    let numbers = || {
        words
            .iter()
            .filter(|word| word.bytes().all(|b| b.is_ascii_digit()))
    };
    let year = numbers().find(|word| word.len() == 4)?;
    let day = numbers().find(|word| word.len() < 3)?;
    days(number(year)?, i64::try_from(month).ok()? + 1, number(day)?)
}

/// Days from 1970 to a day of the Gregorian calendar (Howard Hinnant's algorithm).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    /// 2026-11-27 10:35:09 UTC.
    const NOW: i64 = 1_795_775_709;

    fn check(text: &str, about: bool) {
        let found = Regex::new(PATTERN)
            .unwrap()
            .find(text)
            .map(|found| found.as_str());
        assert_eq!(found, Some(text), "it is found whole");
        assert_eq!(is_about(text, NOW), about, "{text}");
    }

    #[test]
    fn moments_of_the_run_are_known_in_any_zone() {
        check("2026-11-27 10:35:09.123456", true);
        check("2026-11-28T00:10:00+14:00", true);
        check("2026-11-26T22:35:09Z", true);
        check("2026-11-27", true);
        check("Fri Nov 27 10:35:09 2026", true);
        check("Fri, 27 Nov 2026 10:35:09 GMT", true);
        check("2026-11-27 10:35:09,123", true);
    }

    #[test]
    fn dates_that_are_data_are_not_the_runs() {
        check("2024-01-01", false);
        check("2026-11-24 10:35:09", false);
        check("2026-13-27", false);
        check("Mon Jan  1 00:00:00 2024", false);
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        assert_eq!(days(1970, 1, 1), Some(0));
        assert_eq!(days(2000, 3, 1), Some(11_017));
        assert_eq!(days(1969, 12, 31), Some(-1));
    }
}
