//! When two numbers are equal enough.

/// How far numbers may be apart. Numbers without a point or an exponent are counts and names: they are never rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// As a share of the expected number.
    pub relative: f64,
    /// For numbers near zero, where a share means nothing.
    pub absolute: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            relative: 1e-4,
            absolute: 1e-12,
        }
    }
}

impl Tolerance {
    /// Whether the number may stand for the expected one. What is not finite is equal to its like alone.
    pub fn accepts(self, expected: f64, actual: f64) -> bool {
        if expected.is_nan() || actual.is_nan() {
            return expected.is_nan() && actual.is_nan();
        }
        if !expected.is_finite() || !actual.is_finite() {
            return expected.is_infinite() && actual.is_infinite() && expected.signum() == actual.signum();
        }
        let apart = (actual - expected).abs();
        apart <= self.absolute.max(self.relative * expected.abs())
    }

    /// How far two numbers are apart, for people.
    pub(crate) fn told(self, expected: f64, actual: f64) -> String {
        let apart = (actual - expected).abs();
        if expected == 0.0 || !apart.is_finite() {
            return format!("{apart:.3e} apart, {:e} allowed", self.absolute);
        }
        let share = apart / expected.abs();
        format!("{} apart, {} allowed", percent(share), percent(self.relative))
    }
}

/// A share in percent, with two digits that say something.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let text = if (0.01..1000.0).contains(&percent) || percent == 0.0 {
        let rounded = format!("{percent:.2}");
        rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{percent:.1e}")
    };
    text + " %"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: f64, actual: f64, equal: bool) {
        assert_eq!(
            Tolerance::default().accepts(expected, actual),
            equal,
            "{expected} and {actual}"
        );
    }

    #[test]
    fn numbers_are_equal_within_a_share_of_themselves() {
        check(1.00005, 1.00004, true);
        check(123_456.7, 123_460.1, true);
        check(0.5, 0.51, false);
    }

    #[test]
    fn small_numbers_are_not_all_the_same() {
        check(1.0e-6, 9.0e-6, false);
        check(0.0, 1.0e-6, false);
        check(0.0, 1.1e-16, true);
    }

    #[test]
    fn what_is_not_finite_equals_its_like_alone() {
        check(f64::NAN, f64::NAN, true);
        check(f64::INFINITY, f64::INFINITY, true);
        check(f64::INFINITY, f64::NEG_INFINITY, false);
        check(f64::NAN, 1.0, false);
        check(1.0, f64::INFINITY, false);
    }

    #[test]
    fn a_difference_is_told_with_what_is_allowed() {
        let tolerance = Tolerance::default();
        assert_eq!(tolerance.told(0.5, 0.57), "14 % apart, 0.01 % allowed");
        assert_eq!(tolerance.told(1.0, 1.0003), "0.03 % apart, 0.01 % allowed");
        assert_eq!(tolerance.told(0.0, 0.5), "5.000e-1 apart, 1e-12 allowed");
    }
}
