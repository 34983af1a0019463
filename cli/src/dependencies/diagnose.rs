//! What the rules of dependencies found, as diagnostics: with severities, places as the user knows them, and the lines
//! that they stand in.

use std::{borrow::Cow, collections::BTreeMap};

use nbvet_deps::{Tree, masked, policy::Finding, requirements};
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
    let mut told: Vec<Diagnostic> = findings
        .iter()
        .filter_map(|finding| diagnostic(finding, grading, names, &mut lines))
        .collect();
    told.sort_by(|left, right| order(left).cmp(&order(right)));
    let by_name = lines.shown(names, &told);
    assign_beside(&mut told, |at| line_of(&by_name, at));
    texts.extend(by_name);
    told
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
    let mut location = |place: &requirements::Place| lines.location(place, names);
    let labels = finding
        .labels
        .iter()
        .map(|label| (&label.place, label.text.clone()));
    let chain = finding
        .included_by()
        .map(|place| (place, "included here".to_owned()));
    let labels = labels.chain(chain).map(|(place, text)| Label {
        location: location(place),
        message: hidden(&text),
    });
    let labels = labels.collect();
    (severity != Severity::Off).then(|| Diagnostic {
        rule: RuleRef {
            id: Cow::Borrowed(rule.id),
            name: Cow::Borrowed(rule.name),
        },
        severity,
        fault: severity == Severity::Error && grading.is_refusal(rule),
        message: hidden(&finding.message),
        explanation: Some(hidden(&finding.explanation)).filter(|text| !text.is_empty()),
        help: Some(hidden(&finding.help)).filter(|text| !text.is_empty()),
        location: finding.place.as_ref().map_or_else(Location::file_start, location),
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
    fn shown(self, names: &Names, told: &[Diagnostic]) -> BTreeMap<String, String> {
        let places = || {
            told.iter().flat_map(|found| {
                let labels = found.labels.iter().map(|label| &label.location);
                std::iter::once(&found.location).chain(labels)
            })
        };
        let pointed_at = |name: &str, number: usize| {
            places().any(|at| at.file.as_deref() == Some(name) && at.line as usize == number)
        };
        let kept = |name: &str, lines: &[String]| -> String {
            let line = |(index, line): (usize, &String)| {
                if pointed_at(name, index + 1) {
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
