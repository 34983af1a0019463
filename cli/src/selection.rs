//! `select`, `ignore` and `extend-select`: which rules one place, a file or the command line, asks for. Every place
//! only says what it has to say; `settings` puts them over each other.

use std::collections::BTreeMap;

use nbvet_report::{Row, RuleMeta, Severity};

use crate::{catalogue, usage::nearest};

/// What stands for all rules.
const ALL: &str = "ALL";

/// One word for one rule or many: an id or a name, the beginning of ids (`NB2`), a group (`leakage`) or `ALL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selector {
    /// How closely it names its rules; the closer word wins.
    rank: usize,
    ids: Vec<&'static str>,
}

/// Why a word cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It names no rule; these names resemble it.
    Unknown(Vec<String>),
    /// It names only rules that can never be switched off.
    NeverOff,
}

impl Selector {
    /// The rules that a word stands for.
    pub(crate) fn new(word: &str) -> Result<Self, Refused> {
        let of = |rank, is: &dyn Fn(&RuleMeta) -> bool| {
            let rules = catalogue::all().into_iter().filter(|rule| is(rule));
            let ids: Vec<_> = rules.map(|rule| rule.id).collect();
            (!ids.is_empty()).then_some(Self { rank, ids })
        };
        let word = word.trim();
        let upper = word.to_ascii_uppercase();
        if upper == ALL || upper == "NB" {
            return of(0, &|_| true).ok_or(Refused::Unknown(Vec::new()));
        }
        let whole = |rule: &RuleMeta| rule.id == upper || rule.name == word;
        let begins = |rule: &RuleMeta| upper.starts_with("NB") && rule.id.starts_with(&upper);
        of(usize::MAX, &whole)
            .or_else(|| of(upper.len(), &begins))
            .or_else(|| of(1, &|rule| rule.group.as_str() == word))
            .ok_or_else(|| Refused::Unknown(resembling(word)))
    }

    /// As [`Selector::new`], for a word that switches off.
    pub(crate) fn to_ignore(word: &str) -> Result<Self, Refused> {
        let selector = Self::new(word)?;
        let only_faults = selector
            .ids
            .iter()
            .all(|id| catalogue::find(id).is_ok_and(is_fault));
        if only_faults {
            Err(Refused::NeverOff)
        } else {
            Ok(selector)
        }
    }
}

fn resembling(word: &str) -> Vec<String> {
    let rules = catalogue::all();
    let names = rules
        .iter()
        .flat_map(|rule| [rule.id, rule.name, rule.group.as_str()]);
    nearest(word, names)
}

/// A notebook that does not run has nothing to pass: nobody can say otherwise.
pub(crate) fn is_fault(rule: &RuleMeta) -> bool {
    rule.row == Row::Fault
}

impl Refused {
    /// In words, with the names that resemble it.
    pub(crate) fn told(self, word: &str) -> (String, Vec<String>) {
        match self {
            Self::Unknown(nearest) => (format!("there is no rule or group `{word}`"), nearest),
            Self::NeverOff => {
                let message =
                    format!("`{word}` is an error at every level: a notebook that does not run cannot pass");
                (message, Vec::new())
            }
        }
    }
}

/// Everything that one place says about rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Only these.
    pub(crate) select: Option<Vec<Selector>>,
    /// These too.
    pub(crate) extend_select: Vec<Selector>,
    /// Not these.
    pub(crate) ignore: Vec<Selector>,
    /// The severities of single rules, by id; a rule that is named here is on, unless its severity is off.
    pub(crate) rules: BTreeMap<String, Severity>,
}

/// What one place says about one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// It is on, with this severity where one was named.
    On(Option<Severity>),
    /// It was ignored, or its severity is off.
    Off,
    /// Others were selected.
    NotSelected,
    /// Nothing.
    Nothing,
}

impl Selection {
    /// The closest word about a rule decides; of two equally close ones, the one that switches it off.
    pub(crate) fn says(&self, id: &str) -> Said {
        match self.rules.get(id) {
            Some(Severity::Off) => return Said::Off,
            Some(severity) => return Said::On(Some(*severity)),
            None => {}
        }
        let rank = |selectors: &[Selector]| {
            let about = selectors.iter().filter(|selector| selector.ids.contains(&id));
            about.map(|selector| selector.rank).max()
        };
        let on = rank(&self.extend_select).max(self.select.as_deref().and_then(rank));
        let off = rank(&self.ignore);
        match (on, off) {
            (None, None) if self.select.is_some() => Said::NotSelected,
            (None, None) => Said::Nothing,
            _ if on > off => Said::On(None),
            _ => Said::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(select: &[&str], ignore: &[&str]) -> Selection {
        let all = |words: &[&str]| -> Vec<Selector> {
            words.iter().map(|word| Selector::new(word).unwrap()).collect()
        };
        Selection {
            select: (!select.is_empty()).then(|| all(select)),
            ignore: all(ignore),
            ..Selection::default()
        }
    }

    #[test]
    fn the_closest_word_decides_and_of_two_the_one_that_switches_off() {
        for (select, ignore, expected) in [
            (&[][..], &[][..], Said::Nothing),
            (&["NB4"], &[], Said::NotSelected),
            (&["NB2"], &[], Said::On(None)),
            (&["nb201"], &["NB2"], Said::On(None)),
            (&["NB2"], &["bare-except"], Said::Off),
            (&["silent-failure"], &["ALL"], Said::On(None)),
            (&["silent-failure"], &["NB20"], Said::Off),
            (&["NB201"], &["bare-except"], Said::Off),
            (&["ALL"], &[], Said::On(None)),
        ] {
            assert_eq!(
                selection(select, ignore).says("NB201"),
                expected,
                "{select:?} {ignore:?}"
            );
        }
    }

    #[test]
    fn a_named_severity_is_closer_than_any_word() {
        let mut selection = selection(&["NB4"], &["NB201"]);
        selection.rules.insert("NB201".to_owned(), Severity::Note);
        assert_eq!(selection.says("NB201"), Said::On(Some(Severity::Note)));
    }

    #[test]
    fn an_unknown_word_is_refused_with_its_neighbours_and_a_fault_cannot_be_ignored() {
        assert_eq!(
            Selector::new("silent-failures"),
            Err(Refused::Unknown(vec!["silent-failure".to_owned()]))
        );
        for word in ["NB001", "process-died", "NB0", "execution"] {
            assert_eq!(Selector::to_ignore(word), Err(Refused::NeverOff), "{word}");
        }
        for word in ["NB9", "ALL"] {
            assert!(Selector::to_ignore(word).is_ok(), "{word}");
        }
    }
}
