//! What renderers need beside the report: the text of the cells, and what rules say about themselves.

use std::{collections::BTreeMap, sync::OnceLock};

use nbvet_notebook::{CellKind, Output};
use nbvet_report::RuleMeta;

/// The parts of one notebook that are shown beside its diagnostics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NotebookSource {
    /// All cells, markdown too, in the order of the file. Empty where the file is no notebook.
    pub cells: Vec<CellSource>,
    /// The file's own text, for diagnostics that point at the file and not at a cell.
    pub file: Option<String>,
    /// Files beside the notebook that diagnostics point into, by the names that the diagnostics give.
    pub beside: BTreeMap<String, String>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSource {
    /// The source as stored.
    pub source: String,
    /// The execution count stored in the file: the `n` of `In [n]` that its author last saw.
    pub execution_count: Option<u32>,
    /// Its kind; code, where nobody said.
    pub kind: CellKind,
    /// What it put out when it was run, where somebody wants to show it.
    pub outputs: Vec<Output>,
    /// Where its lines begin, found when the first is asked for.
    starts: OnceLock<Vec<usize>>,
}

impl CellSource {
    /// A cell's source and the execution count stored in the file.
    pub fn new(source: String, execution_count: Option<u32>) -> Self {
        Self {
            source,
            execution_count,
            kind: CellKind::Code,
            outputs: Vec::new(),
            starts: OnceLock::new(),
        }
    }

    /// A line (1-based) without its end; a cell may have as many findings as lines.
    pub(crate) fn line(&self, number: u32) -> Option<&str> {
        let starts = self.starts.get_or_init(|| {
            let lines = self.source.split_inclusive('\n');
            let starts = lines.scan(0, |end, line| {
                let start = *end;
                *end += line.len();
                Some(start)
            });
            starts.collect()
        });
        let start = *starts.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
        self.source.get(start..)?.lines().next()
    }
}

/// What a rule says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo<'a> {
    /// `NB204`.
    pub id: &'a str,
    /// `none-method-assigned`.
    pub name: &'a str,
    /// One sentence.
    pub summary: &'a str,
    /// The rule's page, Markdown.
    pub page: String,
}

impl RuleInfo<'static> {
    /// What a rule says of itself. Pages are written as doc comments, whose lines begin with a space.
    pub fn of(rule: &'static RuleMeta) -> Self {
        Self {
            id: rule.id,
            name: rule.name,
            summary: rule.summary(),
            page: rule
                .doc
                .lines()
                .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n")
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn lines_are_those_of_the_text_and_each_is_found_at_once() {
        for text in ["", "a", "a\n", "a\r\nb", "\n\nä\r\n\r", "a\rb\nc"] {
            let cell = CellSource::new(text.to_owned(), None);
            for number in 0..6 {
                let wanted = (number as usize)
                    .checked_sub(1)
                    .and_then(|at| text.lines().nth(at));
                assert_eq!(cell.line(number), wanted, "{text:?} {number}");
            }
        }
        let cell = CellSource::new("except:\n".repeat(200_000), None);
        let since = Instant::now();
        assert!((1..=200_000).all(|number| cell.line(number) == Some("except:")));
        assert!(since.elapsed() < Duration::from_secs(10));
    }
}
