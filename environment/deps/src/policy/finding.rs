//! What a rule of dependencies found: data, without a severity, which the settings of a validation decide.

use nbvet_report::{Hint, RuleMeta, Severity, hidden::is_hidden};

use super::Review;
use crate::{inference::At, masked, requirements::Place};

/// A rule of dependencies.
#[derive(Clone, Copy)]
pub struct PolicyRule {
    /// What it is called, its row and its page.
    pub meta: RuleMeta,
    /// What it does.
    pub(crate) check: fn(&Review<'_>) -> Vec<Finding>,
}

impl std::fmt::Debug for PolicyRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.meta.id, self.meta.name)
    }
}

/// Something that a rule found. Its texts hold no credentials.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: &'static PolicyRule,
    /// Where; `None`: no file says it, such as a base image named on the command line.
    pub place: Option<Place>,
    /// The import that it is about, where it is about one.
    pub import: Option<At>,
    /// Further imports that it is about, with what there is to say of each.
    pub other_imports: Vec<(At, String)>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Why it matters.
    pub explanation: String,
    /// What mends it, with the command.
    pub help: Hint,
    /// Other places that have to do with it.
    pub labels: Vec<Label>,
    /// It counts at most so much, whatever the rule's row and the switches say; a severity that is configured for the
    /// rule by name goes before.
    pub at_most: Option<Severity>,
    /// The lines that it is about, where its own says too little of it: with another among them it is another finding.
    pub lines: Option<String>,
}

/// Another place that has to do with a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What is there.
    pub text: String,
}

impl Finding {
    pub(crate) fn new(rule: &'static PolicyRule, place: &Place, message: impl Into<String>) -> Self {
        Self {
            place: Some(place.clone()),
            ..Self::of_none(rule, message)
        }
    }

    /// A finding that no line of a file is about.
    pub(crate) fn of_none(rule: &'static PolicyRule, message: impl Into<String>) -> Self {
        Self {
            rule,
            place: None,
            import: None,
            other_imports: Vec::new(),
            message: message.into(),
            explanation: String::new(),
            help: Hint::default(),
            labels: Vec::new(),
            at_most: None,
            lines: None,
        }
    }

    pub(crate) fn because(mut self, explanation: impl Into<String>) -> Self {
        self.explanation = explanation.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<Hint>) -> Self {
        self.help = help.into();
        self
    }

    pub(crate) fn label(mut self, place: &Place, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            place: place.clone(),
            text: text.into(),
        });
        self
    }

    /// Has it count at most so much.
    #[must_use]
    pub fn at_most(mut self, severity: Severity) -> Self {
        self.at_most = Some(severity);
        self
    }

    pub(crate) fn about<'t>(mut self, lines: impl Iterator<Item = &'t str>) -> Self {
        self.lines = Some(lines.collect::<Vec<_>>().join("\n"));
        self
    }

    /// The lines that led to its file, nearest first: `-r` and `-c` lines.
    pub fn included_by(&self) -> impl Iterator<Item = &Place> {
        let first = self.place.as_ref().and_then(|place| place.included_by.as_deref());
        std::iter::successors(first, |place| place.included_by.as_deref())
    }
}

/// Findings of one rule that are told line by line, at most: the rest are told together.
const MOST_ALONE: usize = 20;
/// Labels of one finding, at most.
const MOST_LABELS: usize = 10;

/// A finding for each hit; from the 20th on, one for all the rest.
pub(crate) fn each<T>(
    hits: &[T],
    one: impl Fn(&T) -> Finding,
    place: impl Fn(&T) -> (&Place, String),
    rest: impl Fn(usize) -> String,
) -> Vec<Finding> {
    if hits.len() <= MOST_ALONE {
        return hits.iter().map(one).collect();
    }
    let (alone, together) = hits.split_at(MOST_ALONE - 1);
    let mut found: Vec<Finding> = alone.iter().map(&one).collect();
    if let Some((first, others)) = together.split_first() {
        let mut last = one(first);
        last.message = rest(together.len());
        found.push(labelled(last, others.iter().map(place)));
    }
    found
}

/// The finding with a label for each place: the first ten, then how many more there are.
pub(crate) fn labelled<'a>(
    mut finding: Finding,
    places: impl ExactSizeIterator<Item = (&'a Place, String)>,
) -> Finding {
    let more = places.len().saturating_sub(MOST_LABELS);
    for (place, text) in places.take(MOST_LABELS) {
        finding = finding.label(place, text);
    }
    if more > 0
        && let Some(last) = finding.labels.last_mut()
    {
        last.text = format!("{}; and {more} more", last.text);
    }
    finding
}

/// Text of a file as it may stand in a message: in backticks, without credentials and control characters, and not
/// long.
pub(crate) fn code(text: &str) -> String {
    const MOST: usize = 120;
    let text = masked(text.trim());
    let mut shown = String::with_capacity(text.len().min(MOST) + 2);
    shown.push('`');
    for (at, character) in text.chars().enumerate() {
        if at == MOST {
            shown.push('…');
            break;
        }
        match character {
            '`' => shown.push('\''),
            c if is_hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown.push('`');
    shown
}

/// `file:line`.
pub(crate) fn at(place: &Place) -> String {
    code(&format!("{}:{}", place.file, place.line))
}

/// "1 line", "3 lines".
pub(crate) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_file_is_shown_short_without_credentials_and_without_what_moves_the_cursor() {
        for (text, expected) in [
            ("six==1", "`six==1`"),
            ("https://u:p@h/x", "`https://****@h/x`"),
            ("a\u{1b}[2Jb`c", "`a\\u{1b}[2Jb'c`"),
            ("a\u{202e}b", "`a\\u{202e}b`"),
        ] {
            assert_eq!(code(text), expected);
        }
        assert_eq!(code(&"a".repeat(1000)).chars().count(), 123);
    }
}
