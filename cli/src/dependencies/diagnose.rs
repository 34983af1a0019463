//! What the rules of dependencies found, as diagnostics: with severities, places as the user knows them, and the lines
//! that they stand in.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use nbvet_deps::{Tree, inference::At, masked, policy::Finding, requirements};
use nbvet_engine::{Settings, assign_beside, secrets};
use nbvet_report::{Diagnostic, Label, Location, Row, RuleMeta, RuleRef, Severity};

use super::Names;

/// The diagnostics of findings, by place. `texts` gets what they point at: each file with its other lines left empty, as
/// nothing else of it is anybody's to see.
pub(super) fn diagnostics(
    findings: &[Finding],
    grading: &Grading<'_>,
    names: &Names,
    tree: &mut Tree,
    texts: &mut BTreeMap<String, String>,
) -> Vec<Diagnostic> {
    let mut lines = Lines {
        tree,
        files: BTreeMap::new(),
    };
    let told = findings.iter().filter_map(|finding| {
        let told = diagnostic(finding, grading, names, &mut lines)?;
        Some((told, finding.lines.as_deref()))
    });
    let mut told: Vec<(Diagnostic, Option<&str>)> = told.collect();
    told.sort_by(|(left, _), (right, _)| order(left).cmp(&order(right)));
    let by_name = lines.shown(names, told.iter().map(|(told, _)| told));
    assign_beside(told.iter_mut().map(|(told, lines)| {
        let lines = lines.map_or_else(|| line_of(&by_name, &told.location), ToOwned::to_owned);
        (told, lines)
    }));
    texts.extend(by_name);
    told.into_iter().map(|(told, _)| told).collect()
}

fn order(found: &Diagnostic) -> (Option<&str>, u32, &str) {
    (
        found.location.file.as_deref(),
        found.location.line,
        found.rule.id.as_ref(),
    )
}

fn diagnostic(
    finding: &Finding,
    grading: &Grading<'_>,
    names: &Names,
    lines: &mut Lines<'_>,
) -> Option<Diagnostic> {
    let rule = &finding.rule.meta;
    let severity = grading.severity(finding);
    let labels = finding
        .labels
        .iter()
        .map(|label| (&label.place, label.text.clone()));
    let chain = finding
        .included_by()
        .map(|place| (place, "included here".to_owned()));
    let labels = labels.chain(chain).map(|(place, text)| Label {
        location: lines.location(place, names),
        message: hidden(&text),
    });
    let mut labels: Vec<Label> = labels.collect();
    labels.extend(finding.other_imports.iter().map(|(at, text)| Label {
        location: lines.import(at, names),
        message: hidden(text),
    }));
    let location = match (&finding.place, &finding.import) {
        (Some(place), _) => lines.location(place, names),
        (None, Some(at)) => lines.import(at, names),
        (None, None) => Location::file_start(),
    };
    (severity != Severity::Off).then(|| Diagnostic {
        rule: RuleRef {
            id: Cow::Borrowed(rule.id),
            name: Cow::Borrowed(rule.name),
        },
        severity,
        fault: severity == Severity::Error && grading.is_refusal(rule),
        message: hidden(&finding.message),
        explanation: Some(hidden(&finding.explanation)).filter(|text| !text.is_empty()),
        help: Some(hidden(finding.help.to(grading.settings.readers))).filter(|text| !text.is_empty()),
        location,
        labels,
        fix: None,
        example: None,
        suppression: None,
        fingerprint: String::new(),
    })
}

/// How much findings count.
pub(super) struct Grading<'s> {
    pub(super) settings: &'s Settings,
    /// Something is to be built; see [`super::Place`].
    pub(super) building: bool,
}

impl Grading<'_> {
    fn severity(&self, finding: &Finding) -> Severity {
        let (rule, settings) = (&finding.rule.meta, self.settings);
        let severity = settings.severity(rule, false, false);
        if settings.named.contains_key(rule.id) || settings.configured.contains_key(rule.id) {
            return severity;
        }
        let severity = if rule.row == Row::Refused && !self.is_refusal(rule) {
            Row::Unpinned.severities()[settings.level as usize]
        } else {
            severity
        };
        finding.at_most.map_or(severity, |most| severity.min(most))
    }

    /// It is refused at every level: the rule is one of those, or a switch that was set names it.
    fn is_refusal(&self, rule: &RuleMeta) -> bool {
        (rule.row == Row::Refused && self.building) || self.settings.flags.raise(rule)
    }
}

/// Rules mask credentials of URLs themselves; tokens may stand anywhere.
fn hidden(text: &str) -> String {
    secrets::masked(&masked(text)).into_owned()
}

/// The files that findings stand in, each read once.
struct Lines<'t> {
    tree: &'t mut Tree,
    files: BTreeMap<String, Vec<String>>,
}

impl Lines<'_> {
    /// A line of a file of the tree, whole, as it may be shown.
    fn location(&mut self, place: &requirements::Place, names: &Names) -> Location {
        let line = self.line(&place.file, place.line);
        let number = u32::try_from(place.line).unwrap_or(u32::MAX);
        let columns = line.map_or(0, |line| line.trim_end().chars().count());
        Location {
            end_column: u32::try_from(columns).unwrap_or(u32::MAX).saturating_add(1),
            ..Location::beside(names.of(&place.file), number)
        }
    }

    /// An import: of the notebook, in its cell; of a file of the tree, its line.
    fn import(&mut self, at: &At, names: &Names) -> Location {
        let Some(file) = &at.file else {
            return at.location.clone();
        };
        let place = requirements::Place {
            file: Arc::clone(file),
            line: at.location.file_line as usize,
            included_by: None,
        };
        self.location(&place, names)
    }

    fn line(&mut self, file: &str, number: usize) -> Option<&str> {
        if !self.files.contains_key(file) {
            let bytes = self.tree.read(file).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            let lines = text.lines().map(hidden).collect();
            self.files.insert(file.to_owned(), lines);
        }
        let lines = self.files.get(file)?;
        lines.get(number.checked_sub(1)?).map(String::as_str)
    }

    /// The files with the lines that diagnostics point at, by the names that the user knows.
    fn shown<'d>(
        self,
        names: &Names,
        told: impl Iterator<Item = &'d Diagnostic>,
    ) -> BTreeMap<String, String> {
        let mut pointed_at: HashSet<(&str, usize)> = HashSet::new();
        for found in told {
            let labels = found.labels.iter().map(|label| &label.location);
            for at in std::iter::once(&found.location).chain(labels) {
                pointed_at.extend(at.file.as_deref().map(|file| (file, at.line as usize)));
            }
        }
        let kept = |name: &str, lines: &[String]| -> String {
            let line = |(index, line): (usize, &String)| {
                if pointed_at.contains(&(name, index + 1)) {
                    line.clone() + "\n"
                } else {
                    "\n".to_owned()
                }
            };
            lines.iter().enumerate().map(line).collect()
        };
        self.files
            .iter()
            .map(|(file, lines)| {
                let name = names.of(file);
                let text = kept(&name, lines);
                (name, text)
            })
            .collect()
    }
}

fn line_of(texts: &BTreeMap<String, String>, at: &Location) -> String {
    let text = at.file.as_ref().and_then(|file| texts.get(file));
    let line = text.and_then(|text| text.lines().nth((at.line as usize).checked_sub(1)?));
    line.unwrap_or_default().to_owned()
}
