//! Whether the diagnostics of a notebook are those that its pair says.

use nbvet_engine::{Beside, Run, Settings, check};
use nbvet_report::{Diagnostic, Level, Severity};
use serde_json::Value;

use crate::file::{Mutant, Pair, PairFile, source};

/// What is expected of a notebook with a fault.
pub(crate) struct Expected<'a> {
    rule: &'a str,
    name: &'a str,
    at: &'a str,
    count: usize,
    severities: [Severity; 4],
}

impl<'a> Expected<'a> {
    pub(crate) fn of_pair(file: &'a PairFile, pair: &'a Pair) -> Self {
        Self {
            rule: &file.rule,
            name: &pair.name,
            at: &pair.at,
            count: pair.count,
            severities: pair.expect.unwrap_or(file.expect),
        }
    }

    pub(crate) fn of_mutant(file: &'a PairFile, mutant: &'a Mutant) -> Self {
        Self {
            rule: &file.rule,
            name: &mutant.name,
            at: &mutant.at,
            count: mutant.count,
            severities: mutant.expect.unwrap_or(file.expect),
        }
    }

    /// The rule and the name of the pair.
    pub(crate) fn title(&self) -> String {
        format!("{} “{}”", self.rule, self.name)
    }

    /// The fault ends the run.
    pub(crate) fn is_execution_fault(&self) -> bool {
        self.severities == [Severity::Error; 4]
    }

    /// Where the command's own report, at production, says otherwise.
    pub(crate) fn differs_from(&self, reported: &[Diagnostic], is_fault: bool) -> Option<String> {
        let found = of_rule(reported, self.rule);
        let same = if is_fault {
            found.len() == self.count && found[0].severity == self.severities[3]
        } else {
            found.is_empty()
        };
        (!same).then(|| format!("{}: the command reports {}", self.title(), shown(reported)))
    }

    /// What is wrong with the diagnostics of the fault, at every level.
    pub(crate) fn faults_of(&self, bytes: &[u8], run: Option<Run<'_>>) -> Vec<String> {
        let mut wrong: Vec<String> = Vec::new();
        for (level, severity) in Level::ALL.into_iter().zip(self.severities) {
            let all = diagnostics(bytes, run, level);
            let found = of_rule(&all, self.rule);
            wrong.extend(
                self.mismatch(&found, severity, bytes)
                    .map(|text| format!("{} at {level}: {text}; all: {}", self.title(), shown(&all))),
            );
        }
        wrong
    }

    fn mismatch(&self, found: &[&Diagnostic], severity: Severity, bytes: &[u8]) -> Option<String> {
        let Some(first) = found.first() else {
            return Some("nothing was reported".to_owned());
        };
        if found.len() != self.count {
            return Some(format!("{} diagnostics instead of {}", found.len(), self.count));
        }
        if first.severity != severity {
            return Some(format!("{} instead of {severity}", first.severity));
        }
        let line = line(bytes, first);
        (!line.contains(self.at)).then(|| format!("at the line {line:?} instead of {:?}", self.at))
    }

    /// What is wrong with the diagnostics of the twin, at the strictest level.
    pub(crate) fn faults_of_twin(&self, bytes: &[u8], run: Option<Run<'_>>) -> Vec<String> {
        let all = diagnostics(bytes, run, Level::Production);
        of_rule(&all, self.rule)
            .into_iter()
            .map(|found| {
                format!(
                    "{}: the twin has a {}: {} at {:?}",
                    self.title(),
                    found.severity,
                    found.message,
                    line(bytes, found)
                )
            })
            .collect()
    }
}

fn diagnostics(bytes: &[u8], run: Option<Run<'_>>, level: Level) -> Vec<Diagnostic> {
    let settings = Settings {
        level,
        ..Settings::default()
    };
    check(
        &nbvet_notebook::read(bytes),
        &Beside::default(),
        run,
        nbvet_rules::ALL,
        &settings,
    )
}

fn of_rule<'d>(all: &'d [Diagnostic], rule: &str) -> Vec<&'d Diagnostic> {
    all.iter().filter(|found| found.rule.id == rule).collect()
}

fn shown(all: &[Diagnostic]) -> String {
    let shown: Vec<String> = all
        .iter()
        .map(|found| format!("{} {} {}", found.rule.id, found.severity, found.message))
        .collect();
    shown.join(" | ")
}

/// The source line that a diagnostic stands at.
fn line(bytes: &[u8], found: &Diagnostic) -> String {
    let Some(cell) = found.location.cell else {
        let text = String::from_utf8_lossy(bytes);
        let line = text.lines().nth(found.location.line.saturating_sub(1) as usize);
        return line.unwrap_or_default().to_owned();
    };
    let notebook: Value = serde_json::from_slice(bytes).unwrap();
    source(&notebook["cells"][cell as usize])
        .lines()
        .nth(found.location.line.saturating_sub(1) as usize)
        .unwrap_or_default()
        .to_owned()
}
