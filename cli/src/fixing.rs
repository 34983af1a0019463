//! Fixes of one notebook: written into its file, or shown as a diff; and the count of them at the end.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use nbvet_engine::{Mended, mend, secrets};
use nbvet_notebook::{Notebook, Reading};
use nbvet_render::harmless_block;
use nbvet_report::{Applicability, Diagnostic, ExitCode, FailureKind, NotebookReport, RuleRef, RunFailure};
use similar::TextDiff;

use crate::{
    batch::{Done, Item, without_verdict},
    beside,
    output::{self, Reader},
    pipeline::{Judged, Opened, Ran},
    replace::{self, ReplaceError},
    usage::shown,
};

/// What fixes have done to one notebook, or would do.
#[derive(Debug, Default)]
pub(crate) struct Fixes {
    /// The rule of each.
    applied: Vec<RuleRef>,
    /// Findings that only unsafe fixes mend, where those were not asked for.
    unsafe_left: usize,
    /// The changes, for people.
    diff: String,
    /// What the user may not have expected.
    pub(crate) warning: Option<String>,
}

/// The files behind the notebooks. One that several paths lead to is mended under the first of them, while the others
/// wait.
pub(crate) struct Files<'a> {
    by_real_path: HashMap<PathBuf, File<'a>>,
}

struct File<'a> {
    first: &'a Path,
    is_done: OnceLock<()>,
}

impl<'a> Files<'a> {
    pub(crate) fn of(items: &'a [Item]) -> Self {
        let mut by_real_path = HashMap::new();
        for item in items {
            if let Ok(path) = fs::canonicalize(&item.path) {
                by_real_path.entry(path).or_insert_with(|| File {
                    first: &item.path,
                    is_done: OnceLock::new(),
                });
            }
        }
        Self { by_real_path }
    }

    /// Mends a notebook's file, unless it is mended already, and judges what it then holds.
    pub(crate) fn fix(&self, item: &Item, least: Applicability) -> Done {
        let path = fs::canonicalize(&item.path).ok();
        let file = path.and_then(|path| self.by_real_path.get(&path));
        let _turn = file.map(|file| {
            if file.first != item.path {
                // The first was begun before this one: notebooks are taken in their order.
                file.is_done.wait();
            }
            Turn(&file.is_done)
        });
        fix(item, least)
    }
}

/// Lets the others go on at its end, also where that is a panic.
struct Turn<'a>(&'a OnceLock<()>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Fails for all but the first.
        let _ = self.0.set(());
    }
}

/// Mends a notebook's file and judges what it then holds. A file that cannot be written stays as it is, and its
/// notebook has no verdict.
fn fix(item: &Item, least: Applicability) -> Done {
    let opened = match Opened::new(&item.path, None) {
        Ok(opened) => opened,
        Err(failure) => return without_verdict(&item.path, item.settings.engine.level, failure),
    };
    let mended = mended(item, &opened, least);
    if mended.applied.is_empty() {
        let mut done = opened.report(item, Ran::default(), Judged::Everything);
        done.fixes.unsafe_left = unsafe_left(&done.report, least);
        return done;
    }
    match replace::replace(&item.path, &opened.bytes, &mended.bytes) {
        Ok(replaced) => {
            let done = Opened::of(mended.bytes, beside::folder_of(&item.path)).report(
                item,
                Ran::default(),
                Judged::Everything,
            );
            let path = shown(&item.path);
            let warning = replaced.is_link.then(|| {
                let file = shown(&replaced.path);
                format!("{path} is a link; the file that it stands for was mended: {file}")
            });
            let fixes = Fixes {
                applied: mended.applied,
                unsafe_left: unsafe_left(&done.report, least),
                warning,
                diff: String::new(),
            };
            Done { fixes, ..done }
        }
        Err(error) => opened.report(item, Ran::failed(unwritten(item, &error)), Judged::Everything),
    }
}

fn unwritten(item: &Item, error: &ReplaceError) -> RunFailure {
    RunFailure {
        kind: FailureKind::Unwritable,
        message: format!("{} was not mended: {error}", shown(&item.path)),
        hint: error.hint().map(str::to_owned),
    }
}

/// What fixes would change in a notebook.
pub(crate) fn diff(item: &Item, least: Applicability) -> Done {
    let opened = match Opened::new(&item.path, None) {
        Ok(opened) => opened,
        Err(failure) => return without_verdict(&item.path, item.settings.engine.level, failure),
    };
    let done = opened.report(item, Ran::default(), Judged::Everything);
    let mended = mended(item, &opened, least);
    let diff = if mended.applied.is_empty() {
        String::new()
    } else {
        shown_diff(&shown(&item.path), &opened, &mended)
    };
    let fixes = Fixes {
        applied: mended.applied,
        unsafe_left: unsafe_left(&done.report, least),
        diff,
        warning: None,
    };
    Done { fixes, ..done }
}

/// How many findings `--unsafe-fixes` would mend besides.
fn unsafe_left(report: &NotebookReport, least: Applicability) -> usize {
    let is_unsafe = |found: &&Diagnostic| {
        found.counts() && (found.fix.as_ref()).is_some_and(|fix| fix.applicability == Applicability::Unsafe)
    };
    let asked = least == Applicability::Unsafe;
    if asked {
        0
    } else {
        report.diagnostics.iter().filter(is_unsafe).count()
    }
}

fn mended(item: &Item, opened: &Opened, least: Applicability) -> Mended {
    mend(
        &opened.bytes,
        &opened.beside,
        nbvet_rules::ALL,
        &item.settings.engine,
        least,
    )
}

/// The changes cell by cell; where something else than sources has changed, those of the file.
fn shown_diff(path: &str, opened: &Opened, mended: &Mended) -> String {
    if mended.outside_sources {
        let [old, new] = [&opened.bytes, &mended.bytes].map(|bytes| String::from_utf8_lossy(bytes));
        return unified(path, &old, &new);
    }
    let cells = |reading: &Reading| -> Vec<String> {
        let cells = reading.notebook.iter().flat_map(Notebook::cells);
        cells.map(|cell| cell.source.clone()).collect()
    };
    let old = cells(&opened.reading);
    let new = cells(&nbvet_notebook::read(&mended.bytes));
    let changed = (0..)
        .zip(old.iter().zip(&new))
        .filter(|(_, (old, new))| old != new);
    changed.fold(String::new(), |mut text, (index, (old, new))| {
        let index: usize = index;
        text += &unified(&format!("{path}:cell {index}"), old, new);
        text
    })
}

fn unified(name: &str, old: &str, new: &str) -> String {
    // Most sources end without a line end: to say so each time would help nobody.
    let [old, new] = [old, new].map(secrets::masked).map(|text| {
        if text.ends_with('\n') || text.is_empty() {
            text.into_owned()
        } else {
            format!("{text}\n")
        }
    });
    TextDiff::from_lines(&old, &new)
        .unified_diff()
        .header(name, name)
        .to_string()
}

/// Prints one notebook's changes.
pub(crate) fn print_diff(done: &Done) -> Reader {
    if let Some(failure) = &done.report.failure {
        output::warning(&failure.message);
    }
    output::print(&harmless_block(&done.fixes.diff))
}

/// How often each rule's fix was applied, in how many notebooks.
pub(crate) struct Count {
    by_rule: BTreeMap<String, usize>,
    notebooks: usize,
    unsafe_left: usize,
}

impl Count {
    pub(crate) fn of(done: &[Done]) -> Self {
        let mut by_rule = BTreeMap::new();
        for rule in done.iter().flat_map(|one| &one.fixes.applied) {
            *by_rule.entry(rule.id.to_string()).or_default() += 1;
        }
        let notebooks = done.iter().filter(|one| !one.fixes.applied.is_empty()).count();
        let unsafe_left = done.iter().map(|one| one.fixes.unsafe_left).sum();
        Self {
            by_rule,
            notebooks,
            unsafe_left,
        }
    }

    /// Says on stderr what was mended, if anything was: stdout is the report's.
    pub(crate) fn print_mended(&self) {
        if self.notebooks > 0 {
            output::note("mended", &self.told());
        }
        self.print_left();
    }

    /// Says what would be mended, and gives the exit code of a diff.
    pub(crate) fn print_diffs_end(&self, judged: ExitCode) -> ExitCode {
        if self.notebooks > 0 {
            output::note("would mend", &self.told());
        }
        self.print_left();
        let code = if self.notebooks > 0 {
            ExitCode::Failed
        } else {
            ExitCode::Passed
        };
        // What could not be read counts; what the rules say of the rest does not.
        if judged >= ExitCode::Error { judged } else { code }
    }

    fn print_left(&self) {
        if self.unsafe_left > 0 {
            let findings = plural(self.unsafe_left);
            output::note(
                "not mended",
                &format!(
                    "{} finding{findings} that `--unsafe-fixes` would mend",
                    self.unsafe_left
                ),
            );
        }
    }

    /// "3 findings in 2 notebooks (NB401 2, NB926 1)".
    fn told(&self) -> String {
        let total: usize = self.by_rule.values().sum();
        let mut text = format!(
            "{total} finding{} in {} notebook{} (",
            plural(total),
            self.notebooks,
            plural(self.notebooks)
        );
        for (index, (rule, count)) in self.by_rule.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let _ = write!(text, "{separator}{rule} {count}");
        }
        text + ")"
    }
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
