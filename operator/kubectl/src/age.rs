//! Times for people: when, how long ago, how long.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

/// `45s`, `12m`, `5h`, `9d`, as kubectl's columns have it.
pub(crate) fn since(from: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(from).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `2026-03-01 08:00:00Z (12m ago)`.
pub(crate) fn at(time: &Time, now: Timestamp) -> String {
    let ago = if time.0 > now {
        "by this machine's clock in the future".to_owned()
    } else {
        format!("{} ago", since(time.0, now))
    };
    format!("{} ({ago})", time.0.strftime("%Y-%m-%d %H:%M:%SZ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let ages = [0, 119, 120, 7_199, 7_200, 172_799, 172_800, 86_400 * 400];
        let at = |second| Timestamp::from_second(second).unwrap();
        let ages = ages.map(|age| since(at(0), at(age)));
        assert_eq!(ages, ["0s", "119s", "2m", "119m", "2h", "47h", "2d", "400d"]);
        assert_eq!(since(at(5), at(0)), "0s");
    }
}
