//! How often rules were right: what readers said of their hits in real notebooks. `rules/labels` says how it was
//! measured; `tools/precision.py page` writes the figures.

use nbvet_report::Severity;

/// Tab-separated, one line a rule and severity, below a line of names.
const FIGURES: &str = include_str!("../labels/measured.tsv");

/// What readers said of one rule's hits at one severity: at level development, or, of a rule that stands lower than its
/// row there, at staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The severity of the hits.
    pub severity: Severity,
    /// Hits in the notebooks that are set apart for measuring.
    pub hits: u32,
    /// How many of them a reader judged.
    pub labelled: u32,
    /// How many of these were right: harm that the notebook's author would want to know of.
    pub right: u32,
}

/// The figures of the rule with this name, without those that nobody labelled.
pub fn measured(name: &str) -> impl Iterator<Item = Measured> {
    let of_rule = FIGURES
        .lines()
        .filter_map(move |line| line.strip_prefix(name)?.strip_prefix('\t'));
    of_rule.filter_map(parsed).filter(|figures| figures.labelled > 0)
}

/// A line without the rule's name.
fn parsed(line: &str) -> Option<Measured> {
    let mut fields = line.split('\t');
    let word = fields.next()?;
    let severities = [Severity::Error, Severity::Warning, Severity::Note];
    let severity = severities
        .into_iter()
        .find(|severity| severity.as_str() == word)?;
    let mut number = || fields.next()?.parse().ok();
    Some(Measured {
        severity,
        hits: number()?,
        labelled: number()?,
        right: number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_of_a_rule_and_has_figures_that_can_be() {
        let lines: Vec<&str> = FIGURES.lines().skip(1).collect();
        assert!(!lines.is_empty());
        for line in lines {
            let (name, rest) = line.split_once('\t').unwrap();
            assert!(crate::find(name).is_some(), "{name}");
            let figures = parsed(rest).unwrap();
            assert!(
                figures.right <= figures.labelled && figures.labelled <= figures.hits,
                "{line}"
            );
        }
    }

    #[test]
    fn a_name_that_begins_another_is_not_taken_for_it() {
        assert_eq!(measured("bare").count(), 0);
    }
}
