//! Fixes applied to a notebook's file, again and again until nothing is left to mend. What is written is decided
//! here; writing it is the caller's business.

use std::collections::BTreeSet;

use nbvet_notebook::{Notebook, Reading, read};
use nbvet_report::{Applicability, Diagnostic, Fix, RuleRef};

use crate::{
    ast::with_stack_for, beside::Beside, check::check, parse::ParsedNotebook, rule::Rule, severity::Settings,
};

/// Fixes that overlap wait for the next pass, and one may make room for another. No notebook known needs more than
/// three.
const MOST_PASSES: usize = 20;

/// What fixes have made of a notebook's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// The file.
    pub bytes: Vec<u8>,
    /// The rule of each fix that was applied.
    pub applied: Vec<RuleRef>,
    /// Something outside of the cells' sources was changed, such as an id.
    pub outside_sources: bool,
}

/// Applies every fix that is at least this applicable, of diagnostics that are neither off nor suppressed. Applying
/// it to what it gives changes nothing.
///
/// # Panics
///
/// If a fix makes a cell that Python would compile into one that it would not, or if fixes undo each other.
pub fn mend(
    bytes: &[u8],
    beside: &Beside,
    rules: &[Rule],
    settings: &Settings,
    least: Applicability,
) -> Mended {
    let mut mended = Mended {
        bytes: bytes.to_vec(),
        applied: Vec::new(),
        outside_sources: false,
    };
    for _ in 0..MOST_PASSES {
        let reading = read(&mended.bytes);
        let Some(notebook) = &reading.notebook else {
            return mended;
        };
        let diagnostics = check(&reading, beside, None, rules, settings);
        let chosen = choose(notebook, &diagnostics, least);
        if chosen.is_empty() {
            return mended;
        }
        let mut editor = notebook.edit();
        for edit in chosen.iter().flat_map(|(_, fix)| &fix.edits) {
            editor.apply(edit);
            mended.outside_sources |= edit.location.cell.is_none();
        }
        mended.bytes = editor.finish();
        mended
            .applied
            .extend(chosen.iter().map(|(rule, _)| (*rule).clone()));
        assert_still_valid(notebook, &read(&mended.bytes), &chosen);
    }
    unreachable!("fixes come to an end: {:?}", mended.applied)
}

/// Most that is shown of what a fix makes of a cell.
const MOST_LINES: usize = 5;

/// The lines of a cell that a fix changes, as it leaves them; `None` where it changes more than a few, or no cell.
pub fn mended_lines(notebook: &Notebook, fix: &Fix) -> Option<String> {
    let cell = fix.edits.first()?.location.cell?;
    let source = &notebook.cells().get(cell as usize)?.source;
    let mut edits = Vec::new();
    for edit in &fix.edits {
        let range = notebook.range_of(&edit.location)?;
        if edit.location.cell != Some(cell) {
            return None;
        }
        edits.push((range, &edit.replacement));
    }
    edits.sort_by_key(|(range, _)| range.start);
    let (first, last) = (edits.first()?.0.start, edits.last()?.0.end);
    let start = source[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let end = source[last..]
        .find('\n')
        .map_or(source.len(), |newline| last + newline);
    let (mut mended, mut at) = (String::new(), start);
    for (range, replacement) in edits {
        mended.push_str(source.get(at..range.start)?);
        mended.push_str(replacement);
        at = range.end;
    }
    mended.push_str(source.get(at..end)?);
    let mended = mended.trim_end().to_owned();
    let lines = mended.lines().count();
    (1..=MOST_LINES).contains(&lines).then_some(mended)
}

/// The fixes of one pass: in the order of the notebook, none that touches what another one changes.
fn choose<'d>(
    notebook: &Notebook,
    diagnostics: &'d [Diagnostic],
    least: Applicability,
) -> Vec<(&'d RuleRef, &'d Fix)> {
    let mut taken = BTreeSet::new();
    let mut chosen = Vec::new();
    for diagnostic in diagnostics.iter().filter(|found| found.suppression.is_none()) {
        let fix = diagnostic.fix.as_ref().filter(|fix| fix.applicability >= least);
        let Some(fix) = fix else { continue };
        let spans = spans(notebook, fix);
        if !spans.iter().any(|span| meets(&taken, *span)) {
            taken.extend(spans);
            chosen.push((&diagnostic.rule, fix));
        }
    }
    chosen
}

/// A cell, or the file; where the bytes of its text begin that are changed, and where they end.
type Span = (Option<u32>, usize, usize);

fn spans(notebook: &Notebook, fix: &Fix) -> Vec<Span> {
    fix.edits
        .iter()
        .map(|edit| {
            let range = notebook.range_of(&edit.location);
            let range = range.expect("the edits of a rule are places of the notebook that it was shown");
            (edit.location.cell, range.start, range.end)
        })
        .collect()
}

/// Whether a span changes what one of those taken changes; of those, no two meet.
fn meets(taken: &BTreeSet<Span>, span: Span) -> bool {
    let (cell, start, end) = span;
    let before = taken.range(..(cell, start, 0)).next_back();
    let within = taken.range((cell, start, 0)..=(cell, end, usize::MAX));
    before
        .into_iter()
        .chain(within)
        .any(|other| overlap(span, *other))
}

/// Two insertions at one place overlap too: neither is first.
fn overlap((cell, start, end): Span, (other_cell, other_start, other_end): Span) -> bool {
    let crossing = start < other_end && other_start < end;
    let same_place = start == end && other_start == other_end && start == other_start;
    cell == other_cell && (crossing || same_place)
}

fn assert_still_valid(before: &Notebook, after: &Reading, chosen: &[(&RuleRef, &Fix)]) {
    let after = after.notebook.as_ref();
    let after = after.expect("a notebook with a fix applied is a notebook");
    let sources = before.cells().iter().chain(after.cells());
    with_stack_for(sources.map(|cell| cell.source.as_str()), || {
        let (before, after) = (ParsedNotebook::new(before), ParsedNotebook::new(after));
        for (old, new) in before.cells().iter().zip(after.cells()) {
            assert!(
                new.is_valid() || !old.is_valid(),
                "a fix keeps cell {} valid; one of {chosen:?} did not",
                old.cell.index
            );
        }
    });
}
