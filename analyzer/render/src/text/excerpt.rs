//! A cell's source as it is drawn: every character harmless, overlong lines cut to a window around what is
//! pointed at, and locations turned into character offsets of that drawing.

use std::ops::Range;

use nbvet_report::{Location, harmless::visible};

/// Longer lines are cut to this many characters.
const LINE: usize = 120;
/// What stays of a cut line before the place that is pointed at.
const BEFORE: usize = 40;
/// A span of more lines is shown by its first line.
const SPAN_LINES: u32 = 4;

/// A drawable text, and where its lines are.
pub(super) struct Excerpt {
    pub(super) text: String,
    lines: Vec<Line>,
}

/// One line of the drawing.
struct Line {
    /// Offset in the drawing, in characters.
    start: usize,
    /// Characters cut away before it.
    cut: usize,
    /// Characters drawn.
    length: usize,
}

impl Excerpt {
    /// `places` are what will be pointed at; the first on a line decides which part of a long line is drawn.
    pub(super) fn new(source: &str, places: &[&Location]) -> Self {
        let mut excerpt = Self {
            text: String::with_capacity(source.len() + 1),
            lines: Vec::new(),
        };
        let mut start = 0;
        // Lines that are not drawn are empty here: they only count.
        let first = places.iter().map(|place| offset(place.line)).min();
        let last = places
            .iter()
            .map(|place| offset(place.end_line.max(place.line)))
            .max();
        let drawn = first.unwrap_or(0)..=last.unwrap_or(0);
        for (index, line) in source.split('\n').enumerate() {
            let line = if drawn.contains(&index) { line } else { "" };
            let column = places
                .iter()
                .find(|place| offset(place.line) == index)
                .map(|place| place.column);
            let (drawn, cut) = window(line.strip_suffix('\r').unwrap_or(line), column.map_or(0, offset));
            excerpt.text.extend(drawn.iter());
            excerpt.text.push('\n');
            excerpt.lines.push(Line {
                start,
                cut,
                length: drawn.len(),
            });
            start += drawn.len() + 1;
        }
        excerpt
    }

    /// The location's characters in the drawing: at least one, so that there is something to underline. Whatever
    /// lies outside the source is drawn at its nearest end.
    pub(super) fn span(&self, at: &Location) -> Range<usize> {
        let start = self.position(at.line, at.column);
        let long = at.end_line.saturating_sub(at.line) >= SPAN_LINES;
        let end = if long {
            self.line_end(at.line)
        } else {
            self.position(at.end_line, at.end_column)
        };
        start..end.max(start + 1)
    }

    fn position(&self, line: u32, column: u32) -> usize {
        let line = self.line(line);
        line.start + offset(column).saturating_sub(line.cut).min(line.length)
    }

    fn line_end(&self, line: u32) -> usize {
        let line = self.line(line);
        line.start + line.length
    }

    fn line(&self, line: u32) -> &Line {
        // `split` gives at least one line, so there is a last one.
        &self.lines[offset(line).min(self.lines.len() - 1)]
    }
}

/// From counting by 1 to counting by 0.
fn offset(number: u32) -> usize {
    number.saturating_sub(1) as usize
}

/// The part of a line that is drawn, and how many characters were cut before it.
fn window(line: &str, column: usize) -> (Vec<char>, usize) {
    let length = line.chars().count();
    let cut = if length <= LINE {
        0
    } else {
        column.saturating_sub(BEFORE).min(length - LINE)
    };
    let draw = |c| if c == '\t' { c } else { visible(c) };
    let mut drawn: Vec<char> = line.chars().skip(cut).take(LINE).map(draw).collect();
    if cut > 0 {
        drawn[0] = '…';
    }
    if cut + drawn.len() < length {
        drawn[LINE - 1] = '…';
    }
    (drawn, cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32, end_line: u32, end_column: u32) -> Location {
        Location {
            line,
            column,
            end_line,
            end_column,
            ..Location::in_file(1, 1)
        }
    }

    fn drawn(source: &str, place: &Location) -> (String, String) {
        let excerpt = Excerpt::new(source, &[place]);
        let span = excerpt.span(place);
        (
            excerpt.text.clone(),
            excerpt.text.chars().skip(span.start).take(span.len()).collect(),
        )
    }

    #[test]
    fn a_span_covers_what_the_location_names() {
        assert_eq!(drawn("é = 1\nxy = ü.sort()\r\n", &at(2, 6, 2, 14)).1, "ü.sort()");
        assert_eq!(drawn("a\nb\nc", &at(1, 1, 3, 2)).1, "a\nb\nc");
    }

    #[test]
    fn control_characters_are_drawn_as_signs_and_columns_hold() {
        let (text, span) = drawn("a\u{c}\u{1b}[31m = bad", &at(1, 11, 1, 14));
        assert_eq!((text.as_str(), span.as_str()), ("a␌␛[31m = bad\n", "bad"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let source = format!("{}BAD{}", "x".repeat(5000), "y".repeat(5000));
        let (text, span) = drawn(&source, &at(1, 5001, 1, 5004));
        assert_eq!((text.chars().count(), span.as_str()), (LINE + 1, "BAD"));
        assert!(text.starts_with("…x") && text.ends_with("y…\n"));
    }

    #[test]
    fn a_place_outside_the_source_is_drawn_at_its_end() {
        assert_eq!(drawn("ab", &at(9, 9, 1, 1)).1, "\n");
        assert_eq!(drawn("", &at(0, 0, 0, 0)).1, "\n");
    }
}
