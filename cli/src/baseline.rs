//! The baseline: a file of findings that were there when somebody began to use nbvet. They are told apart by their
//! fingerprints, notebook by notebook, and count for nothing until their lines change. Execution faults are never
//! among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use nbvet_engine::{Check, Settings};
use nbvet_report::{Diagnostic, NotebookReport, RunEnd, Suppression, SuppressionKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    catalogue, executed, ordinary,
    usage::{UsageError, shown},
};

/// Of the file's form. Another form gets another number.
const VERSION: u64 = 1;

/// The file's own form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    /// By path from the file's folder.
    notebooks: BTreeMap<String, Findings>,
}

/// Rules by fingerprint: the rule is there for people who read the file.
type Findings = BTreeMap<String, String>;

/// Every baseline of one command.
#[derive(Debug, Default)]
pub(crate) struct Baselines {
    by_path: BTreeMap<PathBuf, Baseline>,
}

#[derive(Debug)]
struct Baseline {
    folder: PathBuf,
    notebooks: BTreeMap<String, Findings>,
}

/// What a notebook's baseline takes in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Known {
    /// There is none.
    #[default]
    Nothing,
    /// These.
    Findings(Findings),
    /// Everything: the baseline is being written.
    Everything,
}

impl Known {
    /// Without the findings of rules that no baseline takes in, by id.
    pub(crate) fn without(mut self, firm: &BTreeSet<String>) -> Self {
        if let Self::Findings(known) = &mut self {
            known.retain(|_, label| !firm.contains(label.split(' ').next().unwrap_or_default()));
        }
        self
    }

    /// Marks what is in the baseline.
    pub(crate) fn mark(&self, diagnostics: &mut [Diagnostic]) {
        for found in diagnostics
            .iter_mut()
            .filter(|found| found.counts() && !found.fault)
        {
            let known = match self {
                Self::Nothing => false,
                Self::Findings(known) => known.contains_key(&found.fingerprint),
                Self::Everything => true,
            };
            found.suppression = known.then_some(Suppression {
                kind: SuppressionKind::Baseline,
                reason: None,
            });
        }
    }

    /// How many of the baseline's findings a notebook no longer has, of rules that could have told them.
    pub(crate) fn gone(&self, report: &NotebookReport, settings: &Settings) -> usize {
        let Self::Findings(known) = self else { return 0 };
        if report.failure.is_some() {
            return 0;
        }
        let there = findings(report);
        let could_tell = |label: &str| {
            let id = label.split(' ').next().unwrap_or_default();
            // Who does not look at dependencies misses none of their findings.
            let looked = report.dependencies.is_some() || nbvet_deps::rules::find(id).is_none();
            looked
                && catalogue::find(id).is_ok_and(|rule| {
                    // A run that ended early has not seen everything.
                    let ran = report.end == Some(RunEnd::Completed);
                    let is_of_runs =
                        nbvet_rules::find(id).is_some_and(|rule| matches!(rule.check, Check::Run(_)));
                    (ran || !is_of_runs) && settings.is_on(rule)
                })
        };
        known
            .iter()
            .filter(|(fingerprint, label)| !there.contains_key(*fingerprint) && could_tell(label))
            .count()
    }
}

impl Baselines {
    /// What the baseline at a path says about a notebook. It is read once; one that is to be written may be missing.
    pub(crate) fn known(&mut self, path: &Path, notebook: &Path, written: bool) -> Result<Known, UsageError> {
        if !self.by_path.contains_key(path) {
            self.by_path
                .insert(path.to_owned(), Baseline::read(path, written)?);
        }
        if written {
            return Ok(Known::Everything);
        }
        let baseline = &self.by_path[path];
        let found = baseline.notebooks.get(&baseline.key(notebook));
        Ok(Known::Findings(found.cloned().unwrap_or_default()))
    }

    /// Writes the baselines anew from what was found. What they say about notebooks that were not looked at stays, as
    /// long as those are there. Gives one sentence for each file.
    pub(crate) fn write<'a>(
        &self,
        judged: impl Iterator<Item = (&'a Path, &'a Path, &'a NotebookReport)>,
    ) -> Result<Vec<String>, UsageError> {
        let mut found: BTreeMap<&Path, BTreeMap<String, Findings>> = BTreeMap::new();
        for (path, notebook, report) in judged.filter(|(.., report)| report.failure.is_none()) {
            if let Some(baseline) = self.by_path.get(path) {
                let notebooks = found.entry(path).or_default();
                notebooks.insert(baseline.key(notebook), findings(report));
            }
        }
        let mut told = Vec::new();
        for (path, found) in found {
            let all = found.values().map(BTreeMap::len).sum();
            let written = self.by_path[path].write(path, found);
            written.map_err(|source| UsageError::Unwritable {
                path: shown(path),
                source,
            })?;
            told.push(format!("{} now in {}", count(all, "finding"), shown(path)));
        }
        Ok(told)
    }
}

pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn findings(report: &NotebookReport) -> Findings {
    let in_baseline = |found: &&Diagnostic| {
        let kind = found.suppression.as_ref().map(|suppression| suppression.kind);
        kind == Some(SuppressionKind::Baseline)
    };
    let found = report.diagnostics.iter().filter(in_baseline);
    found
        .map(|found| {
            (
                found.fingerprint.clone(),
                format!("{} {}", found.rule.id, found.rule.name),
            )
        })
        .collect()
}

impl Baseline {
    fn read(path: &Path, written: bool) -> Result<Self, UsageError> {
        let folder = folder_of(path);
        let is_new = |error: &io::Error| written && error.kind() == io::ErrorKind::NotFound;
        let notebooks = match ordinary::read_to_string(path) {
            Ok(text) => notebooks(path, &text, written)?,
            Err(error) if is_new(&error) && path.is_symlink() => {
                return Err(UsageError::Unwritable {
                    path: shown(path),
                    source: io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "it is a link to a file that is not there",
                    ),
                });
            }
            Err(error) if is_new(&error) => BTreeMap::new(),
            Err(source) => {
                return Err(UsageError::UnreadableBaseline {
                    path: shown(path),
                    source,
                });
            }
        };
        Ok(Self { folder, notebooks })
    }

    /// A notebook's path from the baseline's folder, the same on every system.
    fn key(&self, notebook: &Path) -> String {
        let name = notebook.file_name().unwrap_or_default();
        let path = folder_of(notebook).join(name);
        let common = self
            .folder
            .components()
            .zip(path.components())
            .take_while(|(ours, its)| ours == its)
            .count();
        let up = self.folder.components().skip(common).map(|_| "..".into());
        let down = path.components().skip(common);
        let down = down.map(|part| part.as_os_str().to_string_lossy());
        up.chain(down).collect::<Vec<_>>().join("/")
    }

    fn write(&self, path: &Path, found: BTreeMap<String, Findings>) -> io::Result<()> {
        let mut notebooks = self.notebooks.clone();
        notebooks.extend(found);
        notebooks.retain(|key, findings| !findings.is_empty() && self.folder.join(key).exists());
        let file = File {
            version: VERSION,
            notebooks,
        };
        executed::write(path, (serde_json::to_string_pretty(&file)? + "\n").as_bytes())
    }
}

/// What a baseline holds. One of another version can be written anew; what is none is never overwritten.
fn notebooks(path: &Path, text: &str, written: bool) -> Result<BTreeMap<String, Findings>, UsageError> {
    let refused = |error: serde_json::Error| UsageError::NoBaseline {
        path: shown(path),
        line: error.line(),
        message: error.to_string(),
    };
    let file: Value = serde_json::from_str(text).map_err(refused)?;
    let version = version(&file).map_err(|message| UsageError::NoBaseline {
        path: shown(path),
        line: 1,
        message,
    })?;
    if version == VERSION {
        let file: File = serde_json::from_str(text).map_err(refused)?;
        return Ok(file.notebooks);
    }
    if written {
        return Ok(BTreeMap::new());
    }
    Err(UsageError::BaselineVersion {
        path: shown(path),
        version,
        known: VERSION,
    })
}

/// The version of a baseline, as long as the file looks like one of any version.
fn version(file: &Value) -> Result<u64, String> {
    let file = file.as_object().ok_or("it is no object")?;
    let version = file.get("version").ok_or("`version` is missing")?;
    let version = (version.as_u64())
        .ok_or_else(|| format!("`version` is {version}, and it has to be a whole number"))?;
    let notebooks = file.get("notebooks").and_then(Value::as_object);
    let is_ours = notebooks.is_some_and(|notebooks| notebooks.values().all(Value::is_object));
    if is_ours || version == VERSION {
        Ok(version)
    } else {
        Err("`notebooks` is missing or does not hold findings".to_owned())
    }
}

/// The real folder of a file that may not be there yet.
fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}
