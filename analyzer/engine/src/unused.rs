//! Comments and tags that switch nothing off: nothing was found there, or what they name is no rule. One is judged
//! only where its rule could have spoken.

use nbvet_notebook::{Cell, CellKind};
use nbvet_report::{CellOutcome, Label, Location, Row};

use crate::{
    check::Run,
    names::nearest,
    parse::{ParsedCell, ParsedNotebook},
    rule::{Check, Finding, Rule},
    severity::Settings,
    suppression::{self, Named},
};

/// What was there to be switched off: the rule, the place, and the places that it points at.
pub(crate) type Spoken = Vec<(&'static str, Location, Vec<Label>)>;

/// Everything that decides whether a comment or a tag has its use.
pub(crate) struct Unused<'a> {
    pub(crate) parsed: &'a ParsedNotebook<'a>,
    pub(crate) run: Option<Run<'a>>,
    pub(crate) rules: &'a [Rule],
    pub(crate) settings: &'a Settings,
    /// All that rules found, also where a run has disproved it or its twin tells it better.
    pub(crate) spoken: &'a Spoken,
}

impl Unused<'_> {
    /// What the rule on suppressions finds.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for cell in self.parsed.cells() {
            found.extend(self.cell_findings(cell));
        }
        found
    }

    fn cell_findings(&self, parsed: &ParsedCell<'_>) -> Vec<Finding> {
        let cell = parsed.cell;
        debug_assert_eq!(cell.kind, CellKind::Code);
        let mut found: Vec<Finding> = suppression::misspelt(&cell.source)
            .into_iter()
            .map(|range| {
                let location = self.parsed.notebook().location(cell.index, range);
                Finding::new(location, "this comment switches nothing off")
                    .help("name the rule: `# nbvet: ignore[NB202] reason`")
            })
            .collect();
        found.extend(
            suppression::named(cell)
                .iter()
                .filter_map(|named| self.judge(parsed, named)),
        );
        found
    }

    fn judge(&self, parsed: &ParsedCell<'_>, named: &Named<'_>) -> Option<Finding> {
        let word = named.word;
        let here = match named.place {
            Some(_) => "this comment",
            None => "this cell's tag",
        };
        let at = || self.place(parsed.cell, named);
        let Some(rule) = self
            .rules
            .iter()
            .find(|rule| rule.meta.id == word || rule.meta.name == word)
        else {
            let known = self.rules.iter().flat_map(|rule| [rule.meta.id, rule.meta.name]);
            let alike: Vec<String> = nearest(word, known)
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            let help = if alike.is_empty() {
                "`nbvet rules` lists them".to_owned()
            } else {
                format!("did you mean {}?", alike.join(" or "))
            };
            let message = format!("there is no rule `{word}`: {here} switches nothing off");
            return Some(Finding::new(at(), message).help(help));
        };
        if rule.meta.row == Row::Fault {
            let message = format!("`{word}` cannot be switched off: {here} does nothing");
            let why = "A notebook that does not run has nothing to pass, at every level.";
            return Some(Finding::new(at(), message).because(why));
        }
        if !self.could_speak(rule, parsed) || self.has_spoken(rule, parsed.cell, named) {
            return None;
        }
        let message = format!("there is nothing of `{word}` to switch off: {here} has no use");
        Some(Finding::new(at(), message).help("take it away, so that it cannot hide a later fault"))
    }

    fn could_speak(&self, rule: &Rule, parsed: &ParsedCell<'_>) -> bool {
        let looked_at = match rule.check {
            Check::Static(_) => {
                let language = parsed.cell.language.as_ref();
                parsed.error.is_none()
                    && self.parsed.notebook().language().is_python()
                    && language.is_none_or(nbvet_notebook::Language::is_python)
            }
            Check::Run(_) => self.run.is_some_and(|run| {
                run.cells.iter().any(|cell| {
                    cell.cell == parsed.cell.index
                        && matches!(cell.outcome, CellOutcome::Ok | CellOutcome::Error)
                })
            }),
            Check::Problem(_) => true,
            Check::Suppression => false,
        };
        looked_at && self.settings.is_on(&rule.meta)
    }

    fn has_spoken(&self, rule: &Rule, cell: &Cell, named: &Named<'_>) -> bool {
        self.spoken.iter().any(|(id, location, labels)| {
            *id == rule.meta.id
                && location.cell == Some(cell.index)
                && named.covers(id, rule.meta.name, location, labels)
        })
    }

    /// A comment's word; of a tag the cell's first line.
    fn place(&self, cell: &Cell, named: &Named<'_>) -> Location {
        let first_line = || 0..cell.source.lines().next().map_or(0, str::len);
        let range = named.place.clone().unwrap_or_else(first_line);
        self.parsed.notebook().location(cell.index, range)
    }
}
