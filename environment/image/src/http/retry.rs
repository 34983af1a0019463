//! What is worth a second try, and how long to wait for it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::time::Duration;

use super::Response;

/// How often and when something is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Tries in all; 1 is no retry.
    pub attempts: u32,
    /// The wait after the first try; doubled after each.
    pub first: Duration,
    /// The longest wait, also where a server asks for a longer one.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 4,
            first: Duration::from_millis(300),
            longest: Duration::from_secs(30),
        }
    }
}

impl Retry {
    /// The wait after try number `attempt` (from 1): what the server asked for, or twice as long each time; between
    /// half of it and all of it, so that many clients do not come back at once.
    pub fn wait(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.longest);
        }
        let doubled = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let full = doubled.min(self.longest);
        full / 2 + (full / 2).mul_f64(random())
    }
}

/// Between 0 and 1. Keys of the standard library's hash maps are random, and that is random enough here.
fn random() -> f64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u8(0);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

/// Answers that may be different the next time.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// `Retry-After` in seconds; a date is left to the back-off.
pub(super) fn asked_wait(response: &Response) -> Option<Duration> {
    let seconds = response.header("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// How an attempt without an answer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing was sent: every request can be tried again.
    BeforeSending,
    /// Something may have arrived.
    Broken,
    /// It would fail again.
    Lasting,
}

pub(super) fn failure(error: &ureq::Error) -> Failure {
    use ureq::Timeout;
    match error {
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) | ureq::Error::ConnectionFailed => {
            Failure::BeforeSending
        }
        ureq::Error::Timeout(_) => Failure::Broken,
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Failure::BeforeSending
            }
            // A certificate that is not believed, or a server that does not speak TLS.
            ErrorKind::InvalidData | ErrorKind::InvalidInput => Failure::Lasting,
            _ => Failure::Broken,
        },
        _ => Failure::Lasting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_are_spread_and_never_exceed_the_longest() {
        let retry = Retry {
            attempts: 9,
            first: Duration::from_millis(100),
            longest: Duration::from_secs(1),
        };
        for (attempt, full) in [(1, 100), (2, 200), (3, 400), (5, 1000), (40, 1000)] {
            let wait = retry.wait(attempt, None).as_millis();
            assert!((full / 2..=full).contains(&wait), "{attempt}: {wait}");
        }
        let waits: std::collections::HashSet<_> = (0..20).map(|_| retry.wait(5, None)).collect();
        assert!(waits.len() > 10, "{waits:?}");
    }

    #[test]
    fn a_server_may_ask_for_a_wait_but_not_for_any() {
        let retry = Retry::default();
        assert_eq!(
            retry.wait(1, Some(Duration::from_secs(2))),
            Duration::from_secs(2)
        );
        assert_eq!(retry.wait(1, Some(Duration::from_secs(99_999))), retry.longest);
    }
}
