//! How an author switches a diagnostic off: `# nbvet: ignore[NB201] reason` on the line or on its own above it, or
//! a cell tag `nbvet-ignore-NB201`. At production a comment needs its reason, and a tag does not count. The line of
//! a `%%magic` takes no comment: one on the line below it counts for it, or on a line that the diagnostic points at.

use std::ops::Range;

use nbvet_notebook::Cell;
use nbvet_report::{Diagnostic, Label, Level, Location, Suppression, SuppressionKind};

use crate::secrets;

const MARKER: &str = "nbvet:";
const TAG: &str = "nbvet-ignore-";

/// One rule that a cell's comment or tag names.
pub(crate) struct Named<'a> {
    /// Its id or name, as it was written.
    pub(crate) word: &'a str,
    /// Where in the cell's source; `None`: it is a tag, and covers the whole cell.
    pub(crate) place: Option<Range<usize>>,
    /// Lines of the cell (1-based) that it covers: a comment's own, and the next one where it stands alone.
    first: u32,
    last: u32,
    /// The cell begins with a `%%magic`.
    of_magic: bool,
    reason: &'a str,
}

impl Named<'_> {
    /// Whether it speaks of a rule with these names, at this place of the cell.
    pub(crate) fn covers(&self, id: &str, name: &str, at: &Location, labels: &[Label]) -> bool {
        let is_labelled = || {
            let labels = labels.iter().map(|label| &label.location);
            labels
                .filter(|label| label.cell == at.cell)
                .any(|label| self.reaches(label))
        };
        (self.word == id || self.word == name) && (self.reaches(at) || self.of_magic && is_labelled())
    }

    fn reaches(&self, at: &Location) -> bool {
        self.first <= at.end_line && at.line <= self.last
    }
}

/// Every rule that a cell's comments and tags name, the comments first.
pub(crate) fn named(cell: &Cell) -> Vec<Named<'_>> {
    let mut named = Vec::new();
    let of_magic = cell.source.starts_with("%%");
    for (number, start, line) in lines_with(&cell.source, MARKER) {
        let found = comment(number, start, line).into_iter().flatten();
        named.extend(found.map(|found| {
            let below_magic = of_magic && number == 2 && found.last > number;
            Named {
                first: if below_magic { 1 } else { found.first },
                of_magic,
                ..found
            }
        }));
    }
    named.extend(
        cell.tags
            .iter()
            .filter_map(|tag| tag.strip_prefix(TAG))
            .map(|word| Named {
                word,
                place: None,
                first: 0,
                last: u32::MAX,
                of_magic,
                reason: "",
            }),
    );
    named
}

/// Comments that look as if they switched something off, and are not written so that they do.
pub(crate) fn misspelt(source: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (number, start, line) in lines_with(source, "nbvet") {
        let Some((hash, text)) = line.match_indices('#').find_map(|(hash, _)| {
            let text = line[hash + 1..].trim_start().strip_prefix("nbvet")?;
            Some((hash, text))
        }) else {
            continue;
        };
        let meant = text.trim_start_matches([':', '-', ' ', '=']);
        let is_told = ["ignore", "noqa", "disable", "off"]
            .iter()
            .any(|word| meant.starts_with(word));
        if is_told && comment(number, start, line).is_none() {
            found.push(start + hash..start + line.trim_end().len());
        }
    }
    found
}

/// Which of a cell's suppressions switches a diagnostic of that cell off, if one does.
pub(crate) fn find(named: &[Named<'_>], diagnostic: &Diagnostic, level: Level) -> Option<Suppression> {
    let strict = level == Level::Production;
    let (id, name) = (&diagnostic.rule.id, &diagnostic.rule.name);
    let found = named
        .iter()
        .filter(|named| named.covers(id, name, &diagnostic.location, &diagnostic.labels))
        .find(|named| !strict || !named.reason.is_empty())?;
    let kind = match found.place {
        Some(_) => SuppressionKind::Comment,
        None => SuppressionKind::Tag,
    };
    let reason = (!found.reason.is_empty()).then(|| secrets::masked(found.reason).into_owned());
    Some(Suppression { kind, reason })
}

/// Why something that names the diagnostic's rule there does not count at production, if it does not.
pub(crate) fn discounted(named: &[Named<'_>], diagnostic: &Diagnostic) -> Option<&'static str> {
    let (id, name) = (&diagnostic.rule.id, &diagnostic.rule.name);
    let found = named
        .iter()
        .find(|named| named.covers(id, name, &diagnostic.location, &diagnostic.labels))?;
    Some(match found.place {
        Some(_) => "at production its comment counts only with a reason behind the `]`",
        None => "at production a cell tag does not count: use a comment with a reason",
    })
}

/// The lines of a text that hold a word, with their numbers (1-based) and offsets.
fn lines_with<'a>(source: &'a str, word: &'a str) -> impl Iterator<Item = (u32, usize, &'a str)> {
    let all = if source.contains(word) { source } else { "" };
    let mut start = 0;
    (1..)
        .zip(all.split_inclusive('\n'))
        .map(move |(number, line)| {
            let at = start;
            start += line.len();
            (number, at, line.trim_end_matches(['\n', '\r']))
        })
        .filter(move |(_, _, line)| line.contains(word))
}

/// What stands before and behind `nbvet: ignore[`; blanks in it do not matter.
fn marked(line: &str) -> Option<(&str, &str)> {
    let (before, after) = line.split_once(MARKER)?;
    let after = after.trim_start().strip_prefix("ignore")?;
    Some((before, after.trim_start().strip_prefix('[')?))
}

/// The rules that a comment names. `start`: offset of the line.
fn comment(number: u32, start: usize, line: &str) -> Option<Vec<Named<'_>>> {
    let (before, after) = marked(line)?;
    let hash = before.trim_end().strip_suffix('#')?;
    let (rules, reason) = after.split_once(']')?;
    let alone = hash.trim().is_empty();
    let mut offset = start + line.len() - after.len();
    let named = rules.split(',').map(|part| {
        let word = part.trim();
        let at = offset + (part.len() - part.trim_start().len());
        offset += part.len() + 1;
        Named {
            word,
            place: Some(at..at + word.len()),
            first: number,
            last: number + u32::from(alone),
            of_magic: false,
            reason: reason.trim(),
        }
    });
    Some(named.collect())
}
