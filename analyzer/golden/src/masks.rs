//! The named rules by which texts that differ from run to run are accepted, and where in a line they apply.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use crate::moments;

/// A rule that accepts a difference. Its name stands in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mask {
    /// `<a.B object at 0x7f3a…>`.
    Addresses,
    /// Names that Python and Jupyter make up for temporary files and cells.
    TemporaryNames,
    /// What `%time`, `%timeit`, tqdm, Keras, unittest and pytest say of their time.
    Timings,
    /// Dates and times.
    Timestamps,
    /// Ids made up for elements of HTML and JSON.
    RandomIds,
    /// Colours and other escape sequences of terminals.
    Ansi,
    /// A line that a carriage return wrote over.
    OverwrittenLines,
    /// How many blanks stand in a row, or at a line's end.
    Whitespace,
    /// Numbers within the tolerance.
    Numbers,
    /// Pictures with the same pixels in other bytes.
    EqualPixels,
    /// Ids of widgets' models, which are made up.
    WidgetModels,
    /// Patterns that the user gave.
    Patterns,
    /// Replacements of a sanitize file.
    Sanitized,
}

impl Mask {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::TemporaryNames => "temporary names",
            Self::Timings => "timings",
            Self::Timestamps => "timestamps",
            Self::RandomIds => "random ids",
            Self::Ansi => "terminal colours",
            Self::OverwrittenLines => "overwritten lines",
            Self::Whitespace => "whitespace",
            Self::Numbers => "numbers within the tolerance",
            Self::EqualPixels => "images with equal pixels",
            Self::WidgetModels => "widget models",
            Self::Patterns => "own patterns",
            Self::Sanitized => "sanitized",
        }
    }
}

/// How often each rule accepted a difference.
pub(crate) type Counts = BTreeMap<Mask, u64>;

pub(crate) fn count(counts: &mut Counts, mask: Mask, times: u64) {
    if times > 0 {
        *counts.entry(mask).or_default() += times;
    }
}

/// A part of a line that a rule speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) mask: Mask,
}

/// What a text is, which decides what may be made up in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// What people read.
    Plain,
    /// HTML, SVG, JSON and scripts, whose elements have ids.
    Markup,
}

/// Where a pattern has a group, the group alone is what may differ.
static PATTERNS: LazyLock<Vec<(Mask, Regex)>> = LazyLock::new(|| {
    let patterns = [
        (Mask::Addresses, r"\bat (0x[0-9a-fA-F]{5,16})\b"),
        (Mask::TemporaryNames, r"\btmp[a-z0-9_]{8}\b"),
        (Mask::TemporaryNames, r"\bipykernel_\d+(?:/\d+\.py)?"),
        (Mask::TemporaryNames, r"<ipython-input-\d+-[0-9a-f]{6,}>"),
        (Mask::TemporaryNames, r"/var/folders/\w+/\w+/T\b"),
        (Mask::Timings, r"^(?:CPU times|Wall time|Compiler *): .*$"),
        (
            Mask::Timings,
            r"\b([\d.]+ (?:ns|µs|μs|us|ms|s|min|h)\b.*) per loop \(mean ± std\. dev\. of",
        ),
        (
            Mask::Timings,
            r"per loop \(mean ± std\. dev\. of \d+ runs?, ([\d,]+) loops? each\)",
        ),
        (Mask::Timings, r"\b\d+ loops?, best of \d+: .* per loop"),
        (Mask::Timings, r"^The slowest run took .*$"),
        (
            Mask::Timings,
            r"\[(\d+:\d\d(?::\d\d)?(?:<[\d:?]+)?, +[\d.?]+[^\s,\]]*)",
        ),
        (
            Mask::Timings,
            r"(?:^|\s)(\d+m?s \d+(?:ns|us|µs|ms|s)/(?:step|epoch|sample))\b",
        ),
        (Mask::Timings, r"^Ran \d+ tests? in (\d+\.\d+s)$"),
        (Mask::Timings, r"^=+ .* in (\d+\.\d+s(?: \([\d:]+\))?) =+$"),
        (Mask::Timestamps, moments::PATTERN),
        (Mask::RandomIds, RANDOM_IDS),
    ];
    patterns
        .into_iter()
        .filter_map(|(mask, pattern)| Some((mask, Regex::new(pattern).ok()?)))
        .collect()
});

/// UUIDs of the versions that are made from chance or from the clock.
const RANDOM_IDS: &str =
    r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[14][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}\b";

/// The parts of a line that may differ, in order and apart; of two that overlap the first rule's stands.
pub(crate) fn spans(line: &str, flavour: Flavour) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (mask, pattern) in PATTERNS.iter() {
        if *mask == Mask::RandomIds && flavour == Flavour::Plain {
            continue;
        }
        for found in pattern.captures_iter(line) {
            let Some(part) = found.get(1).or_else(|| found.get(0)) else {
                continue;
            };
            let span = Span {
                start: part.start(),
                end: part.end(),
                mask: *mask,
            };
            let is_apart = |other: &Span| span.end <= other.start || other.end <= span.start;
            if span.start < span.end && spans.iter().all(is_apart) {
                spans.push(span);
            }
        }
    }
    spans.sort_unstable_by_key(|span| span.start);
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[&str]) {
        let found: Vec<String> = spans(line, Flavour::Plain)
            .iter()
            .map(|span| format!("{}: {}", span.mask.as_str(), &line[span.start..span.end]))
            .collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn every_pattern_can_be_compiled() {
        assert_eq!(PATTERNS.len(), 16);
    }

    #[test]
    fn what_python_and_jupyter_make_up_is_known() {
        check("<a.B object at 0x7f3a2c1d>", &["addresses: 0x7f3a2c1d"]);
        check("/tmp/tmpab12_x9z/out.csv", &["temporary names: tmpab12_x9z"]);
        check(
            "/tmp/ipykernel_123/456789.py:3: UserWarning: x",
            &["temporary names: ipykernel_123/456789.py"],
        );
    }

    #[test]
    fn what_magics_and_bars_say_of_their_time_is_known() {
        check("Wall time: 3.1 ms", &["timings: Wall time: 3.1 ms"]);
        check(
            "12.3 ms ± 401 µs per loop (mean ± std. dev. of 7 runs, 100 loops each)",
            &["timings: 12.3 ms ± 401 µs", "timings: 100"],
        );
        check(
            "epoch 1: 100%|████| 10/10 [00:03<00:00, 16.2it/s, loss=0.5]",
            &["timings: 00:03<00:00, 16.2it/s"],
        );
        check(
            "10/10 [====] - 2s 31ms/step - loss: 0.5",
            &["timings: 2s 31ms/step"],
        );
        check("Ran 3 tests in 0.002s", &["timings: 0.002s"]);
    }

    #[test]
    fn what_an_author_prints_of_time_is_data() {
        check("took 1.5s", &[]);
        check("elapsed: 900.5 s", &[]);
        check("key 0x7f3a2c1d", &[]);
        check("/tmp/report.csv", &[]);
    }
}
