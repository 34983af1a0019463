//! One diagnostic beside its cell: what was seen, where else to look, why it matters and how to mend it.

use nbvet_report::{Applicability, Diagnostic, Edit, Fix, Location, NotebookReport, OutputDiff};

use super::{
    Anchors,
    code::{self, beginning},
    markup::{Markup, link, paragraphs, prose, tag, text},
};
use crate::{
    NotebookSource,
    place::{beside, diffs_of},
};

/// Bytes of a message, an explanation or a help that are shown: they may quote the notebook.
const LONGEST: usize = 4_000;
/// Lines of code that a fix may change and still be shown.
const MOST_MENDED: u32 = 40;
/// Outputs of one cell whose differences are shown.
const MOST_DIFFS: usize = 5;
/// Other places of a diagnostic.
const MOST_LABELS: usize = 20;

/// The card of a diagnostic.
pub(super) fn card(
    notebook: &NotebookReport,
    found: &Diagnostic,
    position: usize,
    source: &NotebookSource,
    anchors: &Anchors,
) -> Markup {
    let class = format!("finding {}", found.severity);
    let head = Markup::from([
        badge(found),
        place(&found.location, anchors),
        tag(
            "a",
            &[("class", "rule"), ("href", &format!("#rule-{}", found.rule.id))],
            rule(found),
        ),
    ]);
    let mut card = Markup::from([
        tag("p", &[("class", "finding-head")], head),
        tag(
            "p",
            &[("class", "message")],
            prose(beginning(&found.message, LONGEST)),
        ),
    ]);
    card.push(labels(found, anchors));
    card.push(diffs(&diffs_of(notebook, found)));
    if let Some(why) = &found.explanation {
        card.push(part("Why it matters", paragraphs(beginning(why, LONGEST))));
    }
    if let Some(help) = &found.help {
        card.push(part("How to mend it", paragraphs(beginning(help, LONGEST))));
    }
    if let Some(fix) = &found.fix {
        card.push(part("Mended", mended(fix, source)));
    }
    tag(
        "article",
        &[("class", &class), ("id", &anchors.finding(position))],
        card,
    )
}

/// `error`.
pub(super) fn badge(found: &Diagnostic) -> Markup {
    let word = if found.fault {
        "fault"
    } else {
        found.severity.as_str()
    };
    let class = format!("badge {}", found.severity);
    tag("span", &[("class", &class)], text(word))
}

fn rule(found: &Diagnostic) -> Markup {
    text(&format!("{} {}", found.rule.id, found.rule.name))
}

/// `line 6`, as a link to it.
fn place(at: &Location, anchors: &Anchors) -> Markup {
    let Some(cell) = at.cell else {
        let place = beside(at).unwrap_or_else(|| "the whole notebook".to_owned());
        return tag("span", &[("class", "place")], text(&place));
    };
    let inner = text(&format!("line {}", at.line));
    let anchor = format!("{}-l{}", anchors.cell(cell), at.line);
    tag("span", &[("class", "place")], link(&anchor, inner))
}

fn labels(found: &Diagnostic, anchors: &Anchors) -> Markup {
    if found.labels.is_empty() {
        return Markup::default();
    }
    let items = found.labels.iter().take(MOST_LABELS).map(|label| {
        let at = &label.location;
        let place = match at.cell {
            Some(cell) => link(
                &anchors.cell(cell),
                text(&format!("{}, line {}", anchors.name(cell), at.line)),
            ),
            None => text(&beside(at).unwrap_or_else(|| "the file".to_owned())),
        };
        let said = prose(beginning(&label.message, LONGEST));
        tag("li", &[], Markup::from([place, text(": "), said]))
    });
    tag("ul", &[("class", "labels")], items.collect())
}

/// Lines of outputs that differ from the golden notebook's.
fn diffs(diffs: &[&OutputDiff]) -> Markup {
    let shown = diffs.iter().filter(|diff| !diff.diff.is_empty()).take(MOST_DIFFS);
    let mut out: Markup = shown
        .map(|diff| {
            let output = if diff.output.is_empty() {
                "execution count"
            } else {
                beginning(&diff.output, 100)
            };
            let lines = beginning(&diff.diff, LONGEST).lines().map(|line| {
                let class = match line.as_bytes().first() {
                    Some(b'-') => "removed",
                    Some(b'+') => "added",
                    _ => "same",
                };
                tag("span", &[("class", class)], text(&format!("{line}\n")))
            });
            let lines = tag("pre", &[("class", "diff")], lines.collect());
            part(&format!("{output}: − golden, + this run"), lines)
        })
        .collect();
    if diffs.len() > MOST_DIFFS {
        let left = diffs.len() - MOST_DIFFS;
        out.push(code::remark(&format!("{left} more outputs of this cell differ.")));
    }
    out
}

fn part(name: &str, inner: Markup) -> Markup {
    let head = tag("p", &[("class", "part-name")], text(name));
    tag("div", &[("class", "part")], Markup::from([head, inner]))
}

/// The user's own lines before and after, and how the fix is had.
fn mended(fix: &Fix, source: &NotebookSource) -> Markup {
    let how = match fix.applicability {
        Applicability::Safe => " (`nbvet lint --fix` does it)",
        Applicability::Unsafe => " (`nbvet lint --fix --unsafe-fixes` does it)",
        Applicability::DisplayOnly => "",
    };
    let title = format!("{}{how}", beginning(&fix.title, LONGEST));
    let mut out = tag("p", &[], prose(&title));
    let mut cells: Vec<u32> = fix.edits.iter().filter_map(|edit| edit.location.cell).collect();
    cells.dedup();
    for cell in cells {
        let edits: Vec<&Edit> = fix
            .edits
            .iter()
            .filter(|edit| edit.location.cell == Some(cell))
            .collect();
        let text = usize::try_from(cell)
            .ok()
            .and_then(|index| source.cells.get(index));
        if let Some((before, after)) = text.and_then(|cell| change(&cell.source, &edits)) {
            let lines = Markup::from([code::plain(&before, "removed"), code::plain(&after, "added")]);
            out.push(tag("div", &[("class", "change")], lines));
        }
    }
    out
}

/// The lines that edits touch, and what stands there afterwards.
fn change(source: &str, edits: &[&Edit]) -> Option<(String, String)> {
    let first = edits.iter().map(|edit| edit.location.line).min()?;
    let last = edits.iter().map(|edit| edit.location.end_line).max()?;
    if first == 0 || last.checked_sub(first)? >= MOST_MENDED {
        return None;
    }
    let lines: Vec<&str> = source.split('\n').collect();
    let start = usize::try_from(first - 1).ok()?;
    let lines = lines.get(start..lines.len().min(usize::try_from(last).ok()?))?;
    let before = lines.join("\n");
    let offset = |line: u32, column: u32| -> Option<usize> {
        let index = usize::try_from(line.checked_sub(first)?).ok()?;
        // A place after the last line is its end: where whole lines are taken out.
        let Some(text) = lines.get(index) else {
            return Some(before.len());
        };
        let start: usize = lines[..index].iter().map(|line| line.len() + 1).sum();
        let column = usize::try_from(column.checked_sub(1)?).ok()?;
        let within = text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
        Some(start + within)
    };
    let mut after = before.clone();
    for edit in edits.iter().rev() {
        let at = &edit.location;
        let range = offset(at.line, at.column)?..offset(at.end_line, at.end_column)?;
        after.get(range.clone())?;
        after.replace_range(range, &edit.replacement);
    }
    Some((before, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, edits: &[(u32, u32, u32, u32, &str)], expected: Option<(&str, &str)>) {
        let edits: Vec<Edit> = edits
            .iter()
            .map(|&(line, column, end_line, end_column, replacement)| Edit {
                location: Location {
                    file: None,
                    cell: Some(0),
                    line,
                    column,
                    end_line,
                    end_column,
                    ..Location::default()
                },
                replacement: replacement.to_owned(),
            })
            .collect();
        let found = change(source, &edits.iter().collect::<Vec<_>>());
        let found = found
            .as_ref()
            .map(|(before, after)| (before.as_str(), after.as_str()));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_users_own_line_is_shown_as_it_is_and_mended() {
        check(
            "a = 1\né = a.sort()\nb",
            &[(2, 1, 2, 13, "a.sort()")],
            Some(("é = a.sort()", "a.sort()")),
        );
    }

    #[test]
    fn edits_of_one_line_are_made_together() {
        check(
            "f(x, y)",
            &[(1, 3, 1, 4, "y"), (1, 6, 1, 7, "x")],
            Some(("f(x, y)", "f(y, x)")),
        );
    }

    #[test]
    fn a_place_that_is_not_there_shows_nothing() {
        check("a", &[(9, 1, 9, 2, "")], None);
        check("a", &[(0, 0, 0, 0, "")], None);
    }
}
