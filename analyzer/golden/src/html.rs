//! HTML and SVG: read into pieces as a browser reads them, and compared piece by piece; tables by cell. Runs nothing,
//! follows no link.

mod pieces;

use std::fmt::Write as _;

use self::pieces::{Document, Piece, Table};
use crate::{
    difference::{Difference, excerpt},
    masks::{Counts, Flavour, Mask, count},
    options::Options,
    text,
};

/// Bytes beyond which markup is compared as text.
const MOST: usize = 4 << 20;
/// Cells that are named one by one.
const MOST_CELLS: usize = 12;

/// Compares two texts of markup; `None` where they are equal.
pub(crate) fn compare(
    expected: &str,
    actual: &str,
    options: &Options,
    counts: &mut Counts,
) -> Option<Difference> {
    if expected == actual {
        return None;
    }
    if options.is_exact() || expected.len().max(actual.len()) > MOST {
        return text::compare(expected, actual, Flavour::Markup, options, counts);
    }
    let (left, right) = (Document::read(expected), Document::read(actual));
    let mut accepted = Counts::new();
    count(&mut accepted, Mask::RandomIds, left.renamed_differently(&right));
    let found = by_pieces(&left, &right, options, &mut accepted);
    if found.is_none() {
        for (mask, times) in accepted {
            count(counts, mask, times);
        }
    }
    found
}

fn by_pieces(
    left: &Document,
    right: &Document,
    options: &Options,
    counts: &mut Counts,
) -> Option<Difference> {
    let mut differing = Vec::new();
    for (wanted, given) in left.pieces.iter().zip(&right.pieces) {
        if wanted.kind != given.kind {
            return Some(structure(left, right, Some(wanted), Some(given), options));
        }
        let found = text::compare(&wanted.text, &given.text, Flavour::Markup, options, counts);
        if let Some(found) = found {
            differing.push((wanted, found));
        }
    }
    let common = left.pieces.len().min(right.pieces.len());
    if left.pieces.len() != right.pieces.len() {
        let next = |document: &'_ Document| document.pieces.get(common).cloned();
        let (wanted, given) = (next(left), next(right));
        return Some(structure(left, right, wanted.as_ref(), given.as_ref(), options));
    }
    cells(left, differing)
}

/// Pieces with other texts, by the names of their table's rows and columns.
fn cells(document: &Document, differing: Vec<(&Piece, Difference)>) -> Option<Difference> {
    let mut diff = String::new();
    let total = differing.len();
    for (piece, found) in differing.iter().take(MOST_CELLS) {
        let place = document
            .place(piece)
            .map_or_else(String::new, |place| format!("{place}: "));
        for (sign, text) in [('-', &found.expected), ('+', &found.actual)] {
            let _ = writeln!(diff, "{sign} {place}{}", text.as_deref().unwrap_or_default());
        }
    }
    if total > MOST_CELLS {
        let _ = writeln!(diff, "… {} more differences", total - MOST_CELLS);
    }
    let (piece, found) = differing.into_iter().next()?;
    Some(Difference {
        place: document.place(piece).or(found.place),
        diff,
        ..found
    })
}

/// Other elements, or more or fewer of them.
fn structure(
    left: &Document,
    right: &Document,
    wanted: Option<&Piece>,
    given: Option<&Piece>,
    options: &Options,
) -> Difference {
    let place = wanted.and_then(|piece| left.place(piece));
    let (left, right) = (left.tables(), right.tables());
    let unequal = left
        .iter()
        .zip(&right)
        .find(|(left, right)| left.size() != right.size());
    let (expected, actual) = match unequal {
        Some((left, right)) => (Some(sized(left)), Some(sized(right))),
        None if left.len() != right.len() => (
            Some(format!("{} tables", left.len())),
            Some(format!("{} tables", right.len())),
        ),
        None => {
            let told = |piece: Option<&Piece>| piece.map(|piece| excerpt(&piece.told(), options));
            (told(wanted), told(given))
        }
    };
    let line = |sign: char, text: &Option<String>| {
        text.as_ref()
            .map(|text| format!("{sign} {text}\n"))
            .unwrap_or_default()
    };
    Difference {
        place: if unequal.is_some() { None } else { place },
        diff: line('-', &expected) + &line('+', &actual),
        expected,
        actual,
        detail: None,
    }
}

fn sized(table: &Table) -> String {
    let (rows, columns) = table.size();
    format!("a table of {rows} rows and {columns} columns")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(expected: &str, actual: &str, told: &Expect) {
        let mut counts = Counts::new();
        let text = match compare(expected, actual, &Options::default(), &mut counts) {
            None => {
                let counts = counts
                    .iter()
                    .map(|(mask, times)| format!("{} {times}\n", mask.as_str()));
                format!("equal\n{}", counts.collect::<String>())
            }
            Some(found) => format!("{}\n{}", found.place.as_deref().unwrap_or("-"), found.diff),
        };
        told.assert_eq(&text);
    }

    /// As pandas writes a frame.
    fn table(rows: &[[&str; 2]]) -> String {
        let mut body = String::new();
        for (index, [day, price]) in rows.iter().enumerate() {
            let _ = writeln!(
                body,
                "<tr>\n<th>{index}</th>\n<td>{day}</td>\n<td>{price}</td>\n</tr>"
            );
        }
        format!(
            "<div>\n<style scoped>\n.dataframe tbody tr th {{ vertical-align: top; }}\n</style>\n<table border=\"1\" \
             class=\"dataframe\">\n<thead>\n<tr style=\"text-align: right;\">\n<th></th>\n<th>day</th>\n<th>price</th>\n\
             </tr>\n</thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>"
        )
    }

    #[test]
    fn a_table_is_compared_by_cell_with_tolerance() {
        check(
            &table(&[["mon", "0.5"], ["tue", "1.25"]]),
            &table(&[["mon", "0.50001"], ["tue", "1.25"]]),
            &expect![[r#"
                equal
                numbers within the tolerance 1
            "#]],
        );
        check(
            &table(&[["mon", "0.5"], ["tue", "1.25"]]),
            &table(&[["mon", "0.5"], ["wed", "1.75"]]),
            &expect![[r#"
                row "1", column "day"
                - row "1", column "day": tue
                + row "1", column "day": wed
                - row "1", column "price": 1.25
                + row "1", column "price": 1.75
            "#]],
        );
    }

    #[test]
    fn a_table_with_more_rows_is_told_by_its_size() {
        check(
            &table(&[["mon", "0.5"]]),
            &table(&[["mon", "0.5"], ["tue", "1.25"]]),
            &expect![[r#"
                -
                - a table of 2 rows and 3 columns
                + a table of 3 rows and 3 columns
            "#]],
        );
    }

    #[test]
    fn ids_that_a_styler_makes_up_are_accepted_and_its_styles_are_not() {
        let styled = |id: &str, colour: &str| {
            format!(
                "<style>#T_{id}_row0_col0 {{ color: {colour}; }}</style><table id=\"T_{id}\"><tr>\
                 <td id=\"T_{id}_row0_col0\">1</td></tr></table>"
            )
        };
        check(
            &styled("ab12c", "red"),
            &styled("0f9e8", "red"),
            &expect![[r#"
                equal
                random ids 2
            "#]],
        );
        check(
            &styled("ab12c", "red"),
            &styled("0f9e8", "blue"),
            &expect![[r##"
                -
                - #id-2 { color: red; }
                + #id-2 { color: blue; }
            "##]],
        );
    }

    #[test]
    fn layout_of_the_source_means_nothing_and_entities_are_their_characters() {
        check(
            "<p>a&nbsp;&lt; b</p>",
            "<p>\n  a\u{a0}&#60;  b\n</p>",
            &expect![[r#"
            equal
        "#]],
        );
        check(
            "<p>a</p>",
            "<b>a</b>",
            &expect![[r#"
            -
            - <p>
            + <b>
        "#]],
        );
    }

    #[test]
    fn a_picture_of_lines_is_compared_by_its_points() {
        let svg = |clip: &str, x: &str| {
            format!("<svg><clipPath id=\"{clip}\"/><path clip-path=\"url(#{clip})\" d=\"M {x} 2.5\"/></svg>")
        };
        check(
            &svg("p1a2b", "1.50001"),
            &svg("p9f8e", "1.5"),
            &expect![[r#"
            equal
            random ids 1
            numbers within the tolerance 1
        "#]],
        );
        check(
            &svg("p1a2b", "1.5"),
            &svg("p1a2b", "2.5"),
            &expect![[r#"
            -
            - M 1.5 2.5
            + M 2.5 2.5
        "#]],
        );
    }

    #[test]
    fn markup_that_is_broken_or_hostile_is_read_all_the_same() {
        let open = "<table><tr><td>".repeat(20_000);
        assert_eq!(
            compare(
                &open,
                &(open.clone() + " "),
                &Options::default(),
                &mut Counts::new()
            ),
            None
        );
        let broken = [
            "<",
            "<!--",
            "<td",
            "</td></tr></table>",
            "<script>1",
            "<textarea>&#0;",
            "<a href=\"",
            "\u{0}<b>",
        ];
        for text in broken {
            let more = format!("{text}<p>more</p>");
            let _ = compare(text, &more, &Options::default(), &mut Counts::new());
            assert_eq!(compare(text, text, &Options::default(), &mut Counts::new()), None);
        }
    }
}
