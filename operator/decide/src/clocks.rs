//! The clocks of section 7: when a limit is reached, the time that the job was suspended left out.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// A time in which a job was suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    /// Since when.
    pub(crate) from: Timestamp,
    /// Until when; `None`: it still is.
    pub(crate) until: Option<Timestamp>,
}

/// A limit that runs from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// From when.
    pub(crate) from: Timestamp,
    /// How long.
    pub(crate) length: SignedDuration,
}

/// How much of a limit is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// So much, and the clock runs.
    Runs(SignedDuration),
    /// The clock stands.
    Stands,
    /// Nothing: it was reached at this time.
    Over(Timestamp),
}

impl Limit {
    /// How much is left at a time.
    pub(crate) fn left(&self, now: Timestamp, pauses: &[Pause]) -> Left {
        let mut end = later(self.from, self.length);
        for pause in pauses {
            if pause.from >= end {
                break;
            }
            let begun = pause.from.max(self.from);
            match pause.until {
                Some(until) if until > begun => end = later(end, until.duration_since(begun)),
                Some(_) => {}
                None => return Left::Stands,
            }
        }
        if now < end {
            Left::Runs(end.duration_since(now))
        } else {
            Left::Over(end)
        }
    }
}

/// A time so much later, at most the last one there is.
pub(crate) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn check(now: i64, pauses: &[(i64, Option<i64>)], expected: Left) {
        let limit = Limit {
            from: at(100),
            length: SignedDuration::from_secs(50),
        };
        let pauses: Vec<_> = pauses
            .iter()
            .map(|(from, until)| Pause {
                from: at(*from),
                until: until.map(at),
            })
            .collect();
        assert_eq!(limit.left(at(now), &pauses), expected, "{now} {pauses:?}");
    }

    #[test]
    fn s7_a_limit_is_reached_its_length_after_it_began() {
        check(100, &[], Left::Runs(SignedDuration::from_secs(50)));
        check(149, &[], Left::Runs(SignedDuration::from_secs(1)));
        check(150, &[], Left::Over(at(150)));
        check(900, &[], Left::Over(at(150)));
    }

    #[test]
    fn s7_the_clock_stands_while_the_job_is_suspended() {
        check(140, &[(120, None)], Left::Stands);
        check(900, &[(120, None)], Left::Stands);
        check(
            150,
            &[(120, Some(130))],
            Left::Runs(SignedDuration::from_secs(10)),
        );
        check(160, &[(120, Some(130))], Left::Over(at(160)));
        check(
            165,
            &[(120, Some(130)), (155, Some(165))],
            Left::Runs(SignedDuration::from_secs(5)),
        );
    }

    #[test]
    fn s7_a_pause_before_the_clock_began_or_after_it_ended_counts_for_nothing() {
        check(150, &[(10, Some(90))], Left::Over(at(150)));
        check(150, &[(90, Some(110))], Left::Runs(SignedDuration::from_secs(10)));
        check(900, &[(200, Some(300))], Left::Over(at(150)));
        check(900, &[(200, None)], Left::Over(at(150)));
    }

    #[test]
    fn s7_a_limit_beyond_the_end_of_time_is_never_reached() {
        let limit = Limit {
            from: at(100),
            length: SignedDuration::MAX,
        };
        assert!(matches!(limit.left(at(1_000_000), &[]), Left::Runs(_)));
    }
}
