//! Many notebooks through one kind of work, several at a time: results are printed in the order of the command
//! line, each as soon as those before it are done.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use nbvet_render::{
    HtmlPage, NotebookSource, Notes, TextOptions, github, json, junit, markdown, notebook_text, sarif,
    summary,
};
use nbvet_report::{ExitCode, FailureKind, Level, NotebookReport, Report, RunFailure, Tool, judge};

use crate::{
    args::{Format, JudgeArgs, PrintArgs, RunArgs},
    baseline::{self, Baselines, Known},
    catalogue, clock, executed,
    fixing::{self, Fixes},
    guard,
    output::{self, Reader},
    paths,
    progress::Progress,
    settings::{Further, NotebookSettings, Resolver},
    statistics,
    usage::{UsageError, shown},
};

/// Bytes of stack for the thread that works alone; deep syntax trees get more where they need it.
const STACK: usize = 8 << 20;

/// One notebook to work on.
pub(crate) struct Item {
    pub(crate) path: PathBuf,
    pub(crate) settings: NotebookSettings,
    pub(crate) known: Known,
    /// Modules that may be imported for it before it is run.
    pub(crate) preload: Vec<String>,
    /// All of it is shown, its outputs too, and not only the lines of its diagnostics.
    pub(crate) is_shown_whole: bool,
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) report: NotebookReport,
    pub(crate) source: NotebookSource,
    /// Notes are shown.
    pub(crate) advice: bool,
    pub(crate) fixes: Fixes,
    /// Its diagnostics say why they matter wherever they are shown; else only on a page.
    pub(crate) educational: bool,
}

/// What of the results is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Printed {
    /// The reports, in the format that was asked for.
    Reports,
    /// What fixes would change.
    Diffs,
    /// How often each rule was found.
    Statistics,
}

/// Everything that is known before the first notebook is opened.
pub(crate) struct Batch {
    pub(crate) items: Vec<Item>,
    format: Format,
    verbose: bool,
    pub(crate) jobs: Option<u16>,
    /// Where a page about all of them goes.
    page: Option<PathBuf>,
    pub(crate) printed: Printed,
    /// What notebooks need is shown whole.
    shows_dependencies: bool,
    /// Those that are to be written.
    baselines: Option<Baselines>,
    started: Instant,
}

impl Batch {
    /// Finds the notebooks and their settings. Whatever is wrong with the call is found here, before any work.
    /// Without `judge` only execution faults will count: then no baseline has a say.
    pub(crate) fn new(
        searched: &[PathBuf],
        print: PrintArgs,
        judge: Option<&JudgeArgs>,
        run: &RunArgs,
        further: Further,
    ) -> Result<Self, UsageError> {
        let is_judged = judge.is_some();
        let judge = judge.cloned().unwrap_or_default();
        let started = Instant::now();
        let found = paths::collect(searched)?;
        for folder in &found.empty {
            output::warning(&format!("there is no notebook in {folder}"));
        }
        if let Some(level) = judge
            .level
            .filter(|level| judge.strict && *level != Level::Production)
        {
            output::warning(&format!(
                "`--strict` is level production and wins over `--level {level}`"
            ));
        }
        let mut resolver = Resolver::new(&judge, run, further)?;
        let mut baselines = Baselines::default();
        let items = found
            .notebooks
            .into_iter()
            .map(|path| {
                let settings = resolver.for_notebook(&path)?;
                let known = match &settings.baseline {
                    Some(file) if is_judged => {
                        let known = baselines.known(file, &path, judge.write_baseline)?;
                        known.without(&settings.firm)
                    }
                    None if judge.write_baseline => return Err(UsageError::NowhereForBaseline),
                    Some(_) | None => Known::Nothing,
                };
                Ok(Item {
                    path,
                    settings,
                    known,
                    preload: Vec::new(),
                    is_shown_whole: print.format == Format::Html,
                })
            })
            .collect::<Result<_, UsageError>>()?;
        for unmatched in resolver.unmatched(searched) {
            output::warning(&unmatched);
        }
        Ok(Self {
            items,
            format: print.format,
            verbose: print.verbose,
            jobs: print.jobs,
            page: None,
            printed: Printed::Reports,
            shows_dependencies: false,
            baselines: judge.write_baseline.then_some(baselines),
            started,
        })
    }

    /// Has a page written about all notebooks.
    pub(crate) fn write_page(&mut self, page: &Path) {
        self.page = Some(page.to_owned());
        for item in &mut self.items {
            item.is_shown_whole = true;
        }
    }

    /// Has what notebooks need shown whole.
    pub(crate) fn show_dependencies(&mut self) {
        self.shows_dependencies = true;
    }

    /// Does the work on each notebook with `jobs` threads, prints, and gives the highest exit code.
    pub(crate) fn run(&self, jobs: usize, work: impl Fn(&Item, &Progress) -> Done + Sync) -> ExitCode {
        let progress = Progress::new(self.items.len());
        let mut done = Vec::with_capacity(self.items.len());
        let mut page = (self.page.is_some() || self.format == Format::Html).then(HtmlPage::new);
        let mut take = |mut one: Done| {
            if let Some(page) = &mut page {
                page.add(&one.report, &one.source);
            }
            if !one.educational {
                leave_out_explanations(&mut one.report);
            }
            let mut reader = self.print_one(&progress, &one);
            if self.page.is_some() {
                // The page is to be whole, whoever stopped reading what is printed.
                reader = Reader::There;
            }
            if matches!(
                self.format,
                Format::Text | Format::Json | Format::Github | Format::Html
            ) {
                // Shown already or not at all: thousands of notebooks need not stay in memory.
                one.source = NotebookSource::default();
            }
            done.push(one);
            reader
        };
        if jobs == 1 {
            self.run_alone(&work, &progress, &mut take);
        } else {
            self.run_with_threads(jobs, &work, &progress, &mut take);
        }
        progress.finish();
        self.print_all(done, page)
    }

    /// One notebook after the other, in one thread: handing each to another and back takes a tenth of the time of a
    /// lint.
    fn run_alone(
        &self,
        work: &(impl Fn(&Item, &Progress) -> Done + Sync),
        progress: &Progress,
        take: &mut (dyn FnMut(Done) -> Reader + Send),
    ) {
        with_stack(|| {
            for item in &self.items {
                progress.begin(&shown(&item.path));
                let one = guarded(item, progress, work);
                progress.done();
                if take(one) == Reader::Gone {
                    break;
                }
            }
        });
    }

    /// Does the work on each notebook and hands on what came of it in the order of the notebooks.
    fn run_with_threads(
        &self,
        jobs: usize,
        work: &(impl Fn(&Item, &Progress) -> Done + Sync),
        progress: &Progress,
        take: &mut dyn FnMut(Done) -> Reader,
    ) {
        let stop = AtomicBool::new(false);
        let (sender, results) = mpsc::channel();
        #[expect(
            clippy::expect_used,
            reason = "fails only where the system gives no threads at all"
        )]
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(jobs)
            .build()
            .expect("threads can be started");
        pool.in_place_scope_fifo(|scope| {
            for (index, item) in self.items.iter().enumerate() {
                let (sender, stop) = (sender.clone(), &stop);
                scope.spawn_fifo(move |_| {
                    if !stop.load(Ordering::Relaxed) {
                        progress.begin(&shown(&item.path));
                        // The receiver is there until all senders are gone.
                        let _ = sender.send((index, guarded(item, progress, work)));
                        progress.done();
                    }
                });
            }
            drop(sender);
            in_order(results, |one| {
                if take(one) == Reader::Gone {
                    stop.store(true, Ordering::Relaxed);
                }
            });
        });
    }

    /// Text is printed notebook by notebook; the other formats are one document.
    fn print_one(&self, progress: &Progress, one: &Done) -> Reader {
        if let Some(warning) = &one.fixes.warning {
            progress.suspend(|| output::warning(warning));
        }
        if self.printed == Printed::Diffs {
            return progress.suspend(|| fixing::print_diff(one));
        }
        if self.printed == Printed::Statistics || self.format != Format::Text {
            return Reader::There;
        }
        let text = notebook_text(&one.report, Some(&one.source), &self.text_options(one.advice));
        progress.suspend(|| output::print(&text))
    }

    fn print_all(&self, done: Vec<Done>, page: Option<HtmlPage>) -> ExitCode {
        let level = done
            .iter()
            .map(|one| one.report.verdict.level)
            .max()
            .unwrap_or_default();
        let advice = done.iter().any(|one| one.advice);
        let count = fixing::Count::of(&done);
        let (notebooks, sources): (Vec<_>, Vec<_>) =
            done.into_iter().map(|one| (one.report, one.source)).unzip();
        let report = Report::new(tool(), level, notebooks);
        if self.printed == Printed::Diffs {
            return count.print_diffs_end(report.exit_code);
        }
        if self.printed == Printed::Statistics {
            output::print(&statistics::table(&report));
        }
        let page = page.map(|page| page.finish(&report, &catalogue::infos(), Some(&clock::now())));
        let page = page.unwrap_or_default();
        output::print(&match self.format {
            Format::Html => page.clone(),
            Format::Text => summary(&report, &self.text_options(advice)),
            Format::Json => json(&report),
            Format::Github => github(&report),
            Format::Sarif => sarif(&report, &sources, &catalogue::infos()),
            Format::Junit => junit(&report, &sources),
            Format::Markdown => markdown(&report, &sources),
        });
        count.print_mended();
        let written = self.page.as_deref().map(|path| save_page(path, &page));
        let written = written.unwrap_or(ExitCode::Passed);
        report.exit_code.max(written).max(self.settle_baselines(&report))
    }

    /// Where the baseline was to be written: what the reports have put into it. Elsewhere it is said what it holds in
    /// vain.
    fn settle_baselines(&self, report: &Report) -> ExitCode {
        let by_path: BTreeMap<String, &Item> =
            self.items.iter().map(|item| (shown(&item.path), item)).collect();
        let judged = report.notebooks.iter();
        let judged = judged.filter_map(|notebook| Some((*by_path.get(&notebook.path)?, notebook)));
        let Some(baselines) = &self.baselines else {
            let gone = judged.map(|(item, notebook)| item.known.gone(notebook, &item.settings.engine));
            let gone: usize = gone.sum();
            if gone > 0 {
                let gone = baseline::count(gone, "finding");
                output::note(
                    "baseline",
                    &format!("{gone} in it no more; `--write-baseline` takes that out"),
                );
            }
            return ExitCode::Passed;
        };
        let judged = judged.filter_map(|(item, notebook)| {
            Some((item.settings.baseline.as_deref()?, item.path.as_path(), notebook))
        });
        match baselines.write(judged) {
            Ok(written) => {
                for sentence in written {
                    output::note("baseline", &sentence);
                }
                ExitCode::Passed
            }
            Err(error) => {
                output::usage_error(&error);
                ExitCode::Error
            }
        }
    }

    fn text_options(&self, advice: bool) -> TextOptions {
        let shown = self.verbose || advice;
        TextOptions {
            width: output::width(),
            notes: if shown { Notes::Shown } else { Notes::Folded },
            seconds: Some(self.started.elapsed().as_secs_f64()),
            dependencies: self.shows_dependencies,
        }
    }
}

/// Who writes reports.
pub(crate) fn tool() -> Tool {
    Tool {
        name: "nbvet".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Writes the page, and says where it is.
pub(crate) fn save_page(path: &Path, page: &str) -> ExitCode {
    match executed::write(path, page.as_bytes()) {
        Ok(()) => {
            output::note("page", &shown(path));
            ExitCode::Passed
        }
        Err(source) => {
            let path = shown(path);
            output::usage_error(&UsageError::Unwritable { path, source });
            ExitCode::Error
        }
    }
}

/// What only a page or an educational mode shows.
pub(crate) fn leave_out_explanations(report: &mut NotebookReport) {
    for diagnostic in &mut report.diagnostics {
        diagnostic.explanation = None;
    }
}

/// Hands results on in the order of their index.
fn in_order(results: mpsc::Receiver<(usize, Done)>, mut take: impl FnMut(Done)) {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for (index, done) in results {
        waiting.insert(index, done);
        while let Some(done) = waiting.remove(&next) {
            take(done);
            next += 1;
        }
    }
    // Where the work was stopped, notebooks may be missing in between.
    waiting.into_values().for_each(take);
}

/// Does the work in a thread of its own, where notebooks are parsed: musl does not know how large the stack of the
/// program's first thread may grow, and every step down a syntax tree would get a new one.
pub(crate) fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    #[expect(
        clippy::expect_used,
        reason = "fails only where the system gives no threads at all"
    )]
    thread::scope(|scope| {
        let started = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let ended = started.expect("threads can be started").join();
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The work on one notebook; a panic in it is this notebook's result and no other's.
pub(crate) fn guarded(item: &Item, progress: &Progress, work: impl Fn(&Item, &Progress) -> Done) -> Done {
    guard::catch(|| work(item, progress)).unwrap_or_else(|message| {
        let failure = RunFailure {
            kind: FailureKind::Internal,
            message: format!("this is a fault of nbvet, not of the notebook: {message}"),
            hint: Some("please report it, with the notebook if you can share it".to_owned()),
        };
        without_verdict(&item.path, item.settings.engine.level, failure)
    })
}

/// The report of a notebook that could not be judged.
pub(crate) fn without_verdict(path: &Path, level: Level, failure: RunFailure) -> Done {
    let report = NotebookReport {
        path: shown(path),
        verdict: judge(level, &[], &[], None, Some(&failure)),
        diagnostics: Vec::new(),
        strengths: Vec::new(),
        expectations: Vec::new(),
        interpreter: None,
        cells: Vec::new(),
        end: None,
        failure: Some(failure),
        comparison: None,
        dependencies: None,
    };
    Done {
        report,
        source: NotebookSource::default(),
        advice: level == Level::Learning,
        fixes: Fixes::default(),
        educational: false,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn a_panic_over_one_notebook_is_its_own_result_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.ipynb", "b.ipynb"] {
            std::fs::write(folder.path().join(name), "{}").unwrap();
        }
        let command = ["nbvet", "validate", folder.path().to_str().unwrap()];
        let Command::Validate(args) = Cli::try_parse_from(command).unwrap().command else {
            unreachable!("it was asked for")
        };
        guard::install();
        let batch = Batch::new(
            &args.input.paths,
            args.input.print,
            Some(&args.judge),
            &args.run,
            Further::default(),
        )
        .unwrap();
        let progress = Progress::new(2);
        let work = |item: &Item, _: &Progress| {
            assert!(item.path.ends_with("b.ipynb"), "the table has no rows");
            without_verdict(
                &item.path,
                Level::Development,
                RunFailure {
                    kind: FailureKind::Cancelled,
                    message: String::new(),
                    hint: None,
                },
            )
        };
        let codes = batch.items.iter().map(|item| {
            let report = guarded(item, &progress, work).report;
            (report.path.ends_with("a.ipynb"), report.verdict.exit_code)
        });
        assert_eq!(
            codes.collect::<Vec<_>>(),
            [(true, ExitCode::Internal), (false, ExitCode::Error)]
        );
    }
}
