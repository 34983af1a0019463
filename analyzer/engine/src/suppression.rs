//! How an author switches a diagnostic off: `# nbvet: ignore[NB201] reason` on the line or on its own above it, or
//! a cell tag `nbvet-ignore-NB201`. At production a comment needs its reason, and a tag does not count.

use nbvet_notebook::Cell;
use nbvet_report::{Diagnostic, Level, Suppression, SuppressionKind};

const MARKER: &str = "nbvet: ignore[";
const TAG: &str = "nbvet-ignore-";

/// The suppressions of one cell.
pub(crate) struct CellSuppressions<'a> {
    comments: Vec<Comment<'a>>,
    tags: &'a [String],
}

struct Comment<'a> {
    /// Lines of the cell (1-based) that it covers: its own, and the next one where it stands alone.
    first: u32,
    last: u32,
    rules: Vec<&'a str>,
    reason: &'a str,
}

impl<'a> CellSuppressions<'a> {
    /// Reads a cell's comments and tags.
    pub(crate) fn new(cell: &'a Cell) -> Self {
        let comments = if cell.source.contains(MARKER) {
            (1..)
                .zip(cell.source.lines())
                .filter_map(|(number, line)| comment(number, line))
                .collect()
        } else {
            Vec::new()
        };
        Self {
            comments,
            tags: &cell.tags,
        }
    }

    /// What switches a diagnostic of this cell off, if anything does.
    pub(crate) fn find(&self, diagnostic: &Diagnostic, level: Level) -> Option<Suppression> {
        let names = |word: &str| word == diagnostic.rule.id || word == diagnostic.rule.name;
        let (first, last) = (diagnostic.location.line, diagnostic.location.end_line);
        let covers = |comment: &&Comment<'_>| {
            comment.first <= last && first <= comment.last && comment.rules.iter().any(|rule| names(rule))
        };
        let strict = level == Level::Production;
        if let Some(comment) = self
            .comments
            .iter()
            .filter(covers)
            .find(|comment| !strict || !comment.reason.is_empty())
        {
            let reason = (!comment.reason.is_empty()).then(|| comment.reason.to_owned());
            return Some(Suppression {
                kind: SuppressionKind::Comment,
                reason,
            });
        }
        let tagged = self
            .tags
            .iter()
            .filter_map(|tag| tag.strip_prefix(TAG))
            .any(names);
        (tagged && !strict).then_some(Suppression {
            kind: SuppressionKind::Tag,
            reason: None,
        })
    }
}

fn comment(number: u32, line: &str) -> Option<Comment<'_>> {
    let (before, after) = line.split_once(MARKER)?;
    let hash = before.trim_end().strip_suffix('#')?;
    let (rules, reason) = after.split_once(']')?;
    let alone = hash.trim().is_empty();
    Some(Comment {
        first: number,
        last: number + u32::from(alone),
        rules: rules.split(',').map(str::trim).collect(),
        reason: reason.trim(),
    })
}
