//! A notebook, perhaps its run, and a list of rules, to diagnostics: severities, twins and suppressions included.

use std::{borrow::Cow, collections::HashMap};

use nbvet_notebook::{Notebook, Problem, Reading};
use nbvet_report::{
    CellOutcome, CellRun, Comparison, Diagnostic, ExpectationResult, Fix, Hint, Label, Location, Row,
    RuleRef, RunEnd, Severity,
};

use crate::{
    ast::with_stack_for,
    beside::Beside,
    fingerprint,
    model::Model,
    parse::ParsedNotebook,
    rule::{Check, Finding, Rule, RunContext, StaticRule},
    secrets,
    severity::Settings,
    suppression::{self, Named},
    unused::{Spoken, Unused},
    walk,
};

/// What happened when a notebook ran.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Its code cells, in order.
    pub cells: &'a [CellRun],
    /// How it ended.
    pub end: Option<&'a RunEnd>,
    /// The folder that it ran in, where known.
    pub folder: Option<&'a str>,
    /// What authors expected of its values, and what came of it.
    pub expectations: &'a [ExpectationResult],
    /// Its outputs held against a golden notebook's, where there is one.
    pub comparison: Option<&'a Comparison>,
}

/// Applies the rules to a notebook as it was read and, where it was run, to its run. `beside`: what files bind that
/// the notebook runs.
pub fn check(
    reading: &Reading,
    beside: &Beside,
    run: Option<Run<'_>>,
    rules: &[Rule],
    settings: &Settings,
) -> Vec<Diagnostic> {
    let cells = reading.notebook.iter().flat_map(Notebook::cells);
    with_stack_for(cells.map(|cell| cell.source.as_str()), || {
        check_here(reading, beside, run, rules, settings)
    })
}

/// Asks the model of a notebook, as [`check`] makes it; `None` where the file is no notebook.
pub fn with_model<R>(reading: &Reading, beside: &Beside, ask: impl FnOnce(&Model<'_>) -> R) -> Option<R> {
    let notebook = reading.notebook.as_ref()?;
    let sources = notebook.cells().iter().map(|cell| cell.source.as_str());
    let answer = with_stack_for(sources, || {
        let parsed = ParsedNotebook::with_others(notebook, beside);
        ask(&Model::new(&parsed))
    });
    Some(answer)
}

fn check_here(
    reading: &Reading,
    beside: &Beside,
    run: Option<Run<'_>>,
    rules: &[Rule],
    settings: &Settings,
) -> Vec<Diagnostic> {
    let mut found = problems(&reading.problems, rules);
    if let Some(notebook) = &reading.notebook {
        let parsed = ParsedNotebook::with_others(notebook, beside);
        let model = Model::new(&parsed);
        found.extend(static_findings(&model, rules));
        let mut spoken = places(&found, rules);
        if let Some(run) = run {
            let (seen, calm) = run_findings(&model, run, rules);
            spoken.extend(places(&seen, rules));
            for (rule, finding) in &mut found {
                finding.calmed = finding.subjects.iter().any(|subject| {
                    calm.iter()
                        .any(|calm| calm.applies(rules[*rule].meta.id, &finding.location, subject))
                });
            }
            found.retain(|(rule, finding)| !is_disproved(&rules[*rule], finding, run));
            found.extend(seen);
            merge_twins(&mut found, rules, settings);
        }
        let unused = Unused {
            parsed: &parsed,
            run,
            rules,
            settings,
            spoken: &spoken,
        };
        found.extend(unused_suppressions(&unused));
    }
    let mut diagnostics: Vec<Diagnostic> = found
        .into_iter()
        .map(|(rule, finding)| diagnostic(&rules[rule], finding, settings))
        .collect();
    diagnostics.retain(|diagnostic| diagnostic.severity != Severity::Off);
    suppress(&mut diagnostics, reading, settings);
    diagnostics.sort_by(|left, right| order(left).cmp(&order(right)));
    fingerprint::assign(&mut diagnostics, reading.notebook.as_ref());
    diagnostics
}

/// A finding with the index of its rule.
type Found = (usize, Finding);

fn order(diagnostic: &Diagnostic) -> (Option<u32>, u32, u32, &str) {
    let Location {
        cell, line, column, ..
    } = &diagnostic.location;
    (*cell, *line, *column, &diagnostic.rule.id)
}

fn places(found: &[Found], rules: &[Rule]) -> Spoken {
    let place = |(rule, finding): &Found| {
        let id = rules[*rule].meta.id;
        (id, finding.location.clone(), finding.labels.clone())
    };
    found.iter().map(place).collect()
}

fn unused_suppressions(unused: &Unused<'_>) -> Vec<Found> {
    let own = unused
        .rules
        .iter()
        .position(|rule| matches!(rule.check, Check::Suppression));
    own.map_or_else(Vec::new, |own| {
        unused
            .findings()
            .into_iter()
            .map(|finding| (own, finding))
            .collect()
    })
}

fn problems(problems: &[Problem], rules: &[Rule]) -> Vec<Found> {
    let rule_of = |problem: &Problem| {
        rules
            .iter()
            .position(|rule| matches!(&rule.check, Check::Problem(kind) if *kind == problem.kind))
    };
    problems
        .iter()
        .filter_map(|problem| {
            let mut finding = Finding::new(problem.location.clone(), problem.message.clone());
            finding.help = problem.help.clone().map(Hint::from);
            finding.fix = problem.fix.as_deref().cloned();
            Some((rule_of(problem)?, finding))
        })
        .collect()
}

fn static_findings(model: &Model<'_>, rules: &[Rule]) -> Vec<Found> {
    let (indices, statics): (Vec<usize>, Vec<&dyn StaticRule>) = rules
        .iter()
        .enumerate()
        .filter_map(|(index, rule)| match rule.check {
            Check::Static(check) => Some((index, check)),
            Check::Run(_) | Check::Problem(_) | Check::Suppression => None,
        })
        .unzip();
    let findings = walk::walk(model, &statics);
    indices
        .into_iter()
        .zip(findings)
        .flat_map(|(index, findings)| findings.into_iter().map(move |finding| (index, finding)))
        .collect()
}

/// The rule foresaw that the cell surely raises, and the cell ran to its end.
fn is_disproved(rule: &Rule, finding: &Finding, run: Run<'_>) -> bool {
    let foresees = rule.meta.foresees_exception && !finding.lowered;
    foresees
        && run.cells.iter().any(|cell| {
            Some(cell.cell) == finding.location.cell
                && cell.outcome == CellOutcome::Ok
                && cell.error.is_none()
        })
}

/// What a run has shown to be well: static findings of these rules about this subject.
struct Calm {
    rules: &'static [&'static str],
    cell: u32,
    subject: String,
}

impl Calm {
    fn applies(&self, rule: &str, location: &Location, subject: &str) -> bool {
        self.rules.contains(&rule) && location.cell == Some(self.cell) && self.subject == subject
    }
}

fn run_findings<'a>(model: &Model<'a>, run: Run<'a>, rules: &[Rule]) -> (Vec<Found>, Vec<Calm>) {
    let (mut found, mut calm) = (Vec::new(), Vec::new());
    for (index, rule) in rules.iter().enumerate() {
        if let Check::Run(check) = rule.check {
            let mut cx = RunContext {
                model,
                findings: Vec::new(),
                calm: Vec::new(),
            };
            check.check(&run, &mut cx);
            found.extend(cx.findings.into_iter().map(|finding| (index, finding)));
            let rules = rule.meta.twins;
            calm.extend(
                cx.calm
                    .into_iter()
                    .map(|(cell, subject)| Calm { rules, cell, subject }),
            );
        }
    }
    (found, calm)
}

/// A static and a run finding of one fault become the run finding, which takes the static one's help and labels
/// where it has none.
fn merge_twins(found: &mut Vec<Found>, rules: &[Rule], settings: &Settings) {
    let seen: Vec<(&'static [&'static str], Option<u32>, String)> = found
        .iter()
        .filter(|(rule, _)| !rules[*rule].meta.twins.is_empty())
        .flat_map(|(rule, finding)| {
            let own = finding
                .subjects
                .iter()
                .map(|subject| (finding.location.cell, subject.clone()));
            let twins = rules[*rule].meta.twins;
            own.chain(finding.covers.iter().cloned())
                .map(move |(cell, subject)| (twins, cell, subject))
        })
        .collect();
    if seen.is_empty() {
        return;
    }
    let is_twin = |(rule, finding): &Found| {
        finding.subjects.iter().any(|subject| {
            let id = rules[*rule].meta.id;
            seen.iter().any(|(twins, cell, about)| {
                twins.contains(&id) && *cell == finding.location.cell && about == subject
            }) && settings.severity(&rules[*rule].meta, finding.lowered, finding.calmed) != Severity::Off
        })
    };
    let (dropped, kept): (Vec<Found>, Vec<Found>) = std::mem::take(found).into_iter().partition(is_twin);
    *found = kept;
    for (rule, finding) in found {
        let twins = rules[*rule].meta.twins;
        if finding.help.is_none()
            && let Some((_, twin)) = dropped
                .iter()
                .find(|(rule, twin)| twins.contains(&rules[*rule].meta.id) && is_one(twin, finding))
        {
            finding.help.clone_from(&twin.help);
            if finding.fix.is_none() {
                finding.fix.clone_from(&twin.fix);
            }
            finding.labels.extend(twin.labels.iter().cloned());
            // Only the parser knows the column.
            if twin.subjects.iter().any(|subject| subject == "syntax") {
                finding.location = twin.location.clone();
            }
        }
    }
}

/// Both are about the same thing, or about nothing that was named.
fn is_one(left: &Finding, right: &Finding) -> bool {
    left.subjects == right.subjects
        || left
            .subjects
            .iter()
            .any(|subject| right.subjects.contains(subject))
}

fn diagnostic(rule: &Rule, finding: Finding, settings: &Settings) -> Diagnostic {
    let severity = if finding.only_asked && !settings.flags.raise(&rule.meta) {
        Severity::Off
    } else {
        settings.severity(&rule.meta, finding.lowered, finding.calmed)
    };
    Diagnostic {
        rule: RuleRef {
            id: Cow::Borrowed(rule.meta.id),
            name: Cow::Borrowed(rule.meta.name),
        },
        severity: finding.cap.map_or(severity, |cap| severity.min(cap)),
        fault: rule.meta.row == Row::Fault,
        message: hidden(finding.message),
        explanation: finding.explanation.map(hidden),
        help: finding
            .help
            .map(|help| hidden(help.to(settings.readers).to_owned())),
        location: placed(finding.location),
        labels: finding
            .labels
            .into_iter()
            .map(|label| Label {
                message: hidden(label.message),
                location: placed(label.location),
            })
            .collect(),
        fix: finding.fix.map(|fix| Fix {
            title: hidden(fix.title),
            ..fix
        }),
        example: None,
        suppression: None,
        fingerprint: String::new(),
    }
}

/// An id may be any word, and so a secret.
fn placed(location: Location) -> Location {
    Location {
        cell_id: location.cell_id.map(hidden),
        ..location
    }
}

/// Rules quote the notebook, and a secret in it is nobody's to see.
fn hidden(text: String) -> String {
    match secrets::masked(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => masked,
    }
}

fn suppress(diagnostics: &mut [Diagnostic], reading: &Reading, settings: &Settings) {
    let Some(notebook) = &reading.notebook else { return };
    // A cell is read once for all its diagnostics.
    let mut named: HashMap<u32, Vec<Named<'_>>> = HashMap::new();
    for diagnostic in diagnostics.iter_mut().filter(|diagnostic| !diagnostic.fault) {
        let index = diagnostic.location.cell;
        let cell = index.and_then(|index| Some((index, notebook.cells().get(index as usize)?)));
        if let Some((index, cell)) = cell {
            let named = named.entry(index).or_insert_with(|| suppression::named(cell));
            diagnostic.suppression = suppression::find(named, diagnostic, settings.level);
            if diagnostic.suppression.is_none()
                && let Some(why) = suppression::discounted(named, diagnostic)
            {
                let help = diagnostic.help.take();
                diagnostic.help = Some(help.map_or_else(|| why.to_owned(), |help| format!("{help}; {why}")));
            }
        }
    }
}
