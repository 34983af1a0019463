//! A cell's source as numbered lines, its words coloured and the places of its diagnostics underlined.

use std::ops::Range;

use nbvet_report::{Location, Severity};

use super::{
    markup::{Markup, tag, text},
    python::{self, Kind},
};

/// Lines of one cell that are shown.
const MOST_LINES: usize = 2_000;
/// Bytes of one line that are shown.
const LONGEST_LINE: usize = 2_000;
/// Bytes of one cell that are shown.
const MOST_BYTES: usize = 200_000;

/// Where a diagnostic is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark<'a> {
    pub(super) at: &'a Location,
    pub(super) severity: Severity,
}

/// Numbered lines. `anchor`: what the lines that are marked are reached by, with `-l` and their number.
pub(super) fn numbered(source: &str, is_python: bool, marks: &[Mark<'_>], anchor: &str) -> Markup {
    let shown = first_lines(beginning(source, MOST_BYTES), MOST_LINES);
    let words = if is_python {
        python::words(shown)
    } else {
        Vec::new()
    };
    let mut words = words.as_slice();
    let mut lines = Markup::default();
    let mut start = 0;
    for (number, line) in (1..).zip(shown.split('\n')) {
        let from = start;
        start += line.len() + 1;
        while words.first().is_some_and(|(word, _)| word.end <= from) {
            words = &words[1..];
        }
        let here: Vec<Mark<'_>> = marks
            .iter()
            .filter(|mark| mark.at.line <= number && number <= mark.at.end_line)
            .copied()
            .collect();
        let seen = beginning(line, LONGEST_LINE);
        let inner = pieces(seen, from, words, &underlined(line, number, &here));
        lines.push(line_tag(
            number,
            &here,
            anchor,
            with_rest(inner, line.len() - seen.len()),
        ));
    }
    let mut block = tag("pre", &[("class", "code")], tag("code", &[], lines));
    if shown.len() < source.len() {
        let left = bytes(source.len() - shown.len());
        block.push(remark(&format!("The cell goes on: {left} more are not shown.")));
    }
    block
}

/// The text before the end of its last line that is shown.
fn first_lines(any: &str, most: usize) -> &str {
    any.match_indices('\n')
        .nth(most - 1)
        .map_or(any, |(end, _)| &any[..end])
}

fn with_rest(inner: Markup, cut: usize) -> Markup {
    if cut == 0 {
        return inner;
    }
    let said = format!("… {} more", bytes(cut));
    Markup::from([inner, tag("i", &[("class", "cut")], text(&said))])
}

/// Lines without numbers: an example, a line that was mended.
pub(super) fn plain(source: &str, class: &'static str) -> Markup {
    let shown = beginning(source, MOST_BYTES);
    let inner = pieces(shown, 0, &python::words(shown), &[]);
    tag("pre", &[("class", class)], tag("code", &[], inner))
}

/// A sentence of the page itself about what it shows.
pub(super) fn remark(sentence: &str) -> Markup {
    tag("p", &[("class", "remark")], text(sentence))
}

/// `3.4 MB`.
pub(super) fn bytes(number: usize) -> String {
    crate::bytes(u64::try_from(number).unwrap_or(u64::MAX))
}

/// At most so many bytes, and whole characters.
pub(super) fn beginning(any: &str, most: usize) -> &str {
    &any[..any.floor_char_boundary(most)]
}

fn line_tag(number: u32, here: &[Mark<'_>], anchor: &str, inner: Markup) -> Markup {
    let inner = Markup::from([inner, Markup::trusted("\n")]);
    let Some(worst) = here.iter().map(|mark| mark.severity).max() else {
        return tag("span", &[("class", "l")], inner);
    };
    let (class, id) = (format!("l {worst}"), format!("{anchor}-l{number}"));
    // The anchor stands where a diagnostic begins, once however many begin there.
    if here.iter().any(|mark| mark.at.line == number) {
        tag("span", &[("class", &class), ("id", &id)], inner)
    } else {
        tag("span", &[("class", &class)], inner)
    }
}

/// Ranges of a line's bytes that are underlined, in order and apart from each other.
fn underlined(line: &str, number: u32, marks: &[Mark<'_>]) -> Vec<Range<usize>> {
    let offset = |column: u32| {
        let column = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
        line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
    };
    let indent = line.len() - line.trim_start().len();
    let mut found: Vec<Range<usize>> = marks
        .iter()
        .map(|mark| {
            let begins = mark.at.line == number;
            let ends = mark.at.end_line == number;
            let start = if begins { offset(mark.at.column) } else { indent };
            let end = if ends {
                offset(mark.at.end_column)
            } else {
                line.trim_end().len()
            };
            start..end
        })
        .filter(|range| range.start < range.end)
        .collect();
    found.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in found {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// A text that begins at `start`, cut where a word or an underlined range begins or ends.
fn pieces(shown: &str, start: usize, words: &[(Range<usize>, Kind)], marked: &[Range<usize>]) -> Markup {
    let end = start + shown.len();
    let here: Vec<(Range<usize>, Kind)> = words
        .iter()
        .take_while(|(word, _)| word.start < end)
        .map(|(word, kind)| (word.start.max(start) - start..word.end.min(end) - start, *kind))
        .collect();
    let marks = marked.iter().flat_map(|range| [range.start, range.end]);
    let mut cuts: Vec<usize> = marks.filter(|at| shown.is_char_boundary(*at)).collect();
    cuts.extend(here.iter().flat_map(|(word, _)| [word.start, word.end]));
    cuts.extend([0, shown.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    let mut out = Markup::default();
    let (mut next_word, mut next_mark) = (here.iter().peekable(), marked.iter().peekable());
    for pair in cuts.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        while next_word.next_if(|(word, _)| word.end <= from).is_some() {}
        while next_mark.next_if(|range| range.end <= from).is_some() {}
        let kind = next_word
            .peek()
            .filter(|(word, _)| word.start <= from)
            .map(|(_, kind)| kind.class());
        let is_marked = next_mark.peek().is_some_and(|range| range.start <= from);
        out.push(piece(&shown[from..to], kind, is_marked));
    }
    out
}

fn piece(any: &str, kind: Option<&'static str>, is_marked: bool) -> Markup {
    let inner = match kind {
        Some(class) => tag("span", &[("class", class)], text(any)),
        None => text(any),
    };
    if is_marked { tag("u", &[], inner) } else { inner }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32, end_line: u32, end_column: u32) -> Location {
        Location {
            file: None,
            cell: Some(0),
            line,
            column,
            end_line,
            end_column,
            ..Location::default()
        }
    }

    fn made(source: &str, places: &[Location]) -> String {
        let marks: Vec<_> = places
            .iter()
            .map(|at| Mark {
                at,
                severity: Severity::Error,
            })
            .collect();
        numbered(source, true, &marks, "n0-c1").into_string()
    }

    #[test]
    fn a_place_is_underlined_and_its_line_can_be_reached() {
        assert_eq!(
            made("é = None\ny", &[at(1, 5, 1, 9)]),
            "<pre class=\"code\"><code><span class=\"l error\" id=\"n0-c1-l1\">é = <u><span class=\"to\">None</span></u>\n\
             </span><span class=\"l\">y\n</span></code></pre>",
        );
    }

    #[test]
    fn a_string_over_two_lines_has_its_colour_in_both() {
        assert_eq!(
            made("\"\"\"a\n<b\"\"\"", &[]),
            "<pre class=\"code\"><code><span class=\"l\"><span class=\"ts\">&quot;&quot;&quot;a</span>\n</span>\
             <span class=\"l\"><span class=\"ts\">&lt;b&quot;&quot;&quot;</span>\n</span></code></pre>",
        );
    }

    #[test]
    fn places_that_overlap_or_lie_outside_break_nothing() {
        let places = [
            at(1, 1, 1, 3),
            at(1, 2, 7, 99),
            at(9, 1, 9, 2),
            at(1, 3, 1, 3),
            at(0, 0, 0, 0),
        ];
        let made = made("abc\n  déf", &places);
        assert!(
            made.contains("<u>abc</u>") && made.contains("  <u>déf</u>"),
            "{made}"
        );
    }

    #[test]
    fn what_is_too_long_is_cut_and_said() {
        let many = made(&"x = 1\n".repeat(100_000), &[]);
        assert!(
            many.contains("588.0 kB more are not shown"),
            "{}",
            &many[many.len() - 200..]
        );
        let long = made(&"é".repeat(5_000), &[]);
        assert!(long.contains("… 8.0 kB more") && long.len() < 5_000);
    }
}
