//! One notebook from its file to its report: read, run, check, judge. The only place where the analyser and the
//! runner meet.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, absolute},
};

use nbvet_engine::{Beside, Model, Run, check, mended_lines, secrets, with_model};
use nbvet_expect::{Plan, Reply, Written};
use nbvet_host::{Job, JobCell, Limits, Questions, RunEvent, RunOutcome};
use nbvet_notebook::{Execution, Language, Notebook, Output, Reading};
use nbvet_protocol::{Isolation, PythonRequest, StartSpec};
use nbvet_render::{CellSource, NotebookSource};
use nbvet_report::{
    CellOutcome, CellRun, Comparison, Diagnostic, ExpectationResult, FailureKind, Interpreter, Level,
    NotebookReport, RunEnd, RunFailure, judge,
};

use regex::RegexSet;

use crate::{
    agents::Agents,
    batch::{Done, Item, without_verdict},
    beside,
    dependencies::{self, Gathered},
    executed::{self, Destination},
    fixing::Fixes,
    golden::Goldens,
    isolated::Copy,
    output,
    parameters::{self, Parameters, Place},
    progress::Progress,
    secrecy::{mask_expectations, mask_outputs, mask_run},
    usage::shown,
};

/// What a command that runs notebooks does with each.
pub(crate) struct Running<'a> {
    pub(crate) agents: &'a Agents,
    pub(crate) destination: Option<Destination>,
    pub(crate) parameters: Parameters,
    pub(crate) working_directory: Option<&'a Path>,
    /// The notebook's folder as an agent in another container sees it, where files beside the notebook are read here.
    pub(crate) agent_directory: Option<String>,
    pub(crate) isolation: Isolation,
    /// Each notebook runs in a copy of its folder.
    pub(crate) isolated_copy: bool,
    pub(crate) judged: Judged,
    pub(crate) goldens: Goldens,
}

impl Running<'_> {
    /// A copy of the folder that a notebook would run in, if it is to run in one.
    fn copy_for(&self, notebook: &Path) -> Result<Option<Copy>, RunFailure> {
        let folder = self.working_directory.unwrap_or(beside::folder_of(notebook));
        let folder = Some(folder)
            .filter(|folder| *folder != Path::new(""))
            .unwrap_or(Path::new("."));
        self.isolated_copy.then(|| Copy::of(folder)).transpose()
    }
}

/// What counts for the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// All diagnostics.
    Everything,
    /// Whether the notebook gets to its end.
    Faults,
}

/// Judges a notebook by reading it.
pub(crate) fn lint(item: &Item) -> Done {
    match Opened::new(&item.path, None) {
        Ok(opened) => opened.report(item, Ran::default(), Judged::Everything),
        Err(failure) => without_verdict(&item.path, item.settings.engine.level, failure),
    }
}

/// Runs a notebook and judges it. A file that is no notebook is judged by reading alone.
pub(crate) fn validate(item: &Item, running: &Running<'_>, progress: &Progress) -> Done {
    if running.agents.is_cancelled() {
        let failure = interrupted("interrupted before this notebook was run".to_owned());
        return without_verdict(&item.path, item.settings.engine.level, failure);
    }
    let mut opened = match Opened::new(&item.path, running.working_directory) {
        Ok(opened) => opened,
        Err(failure) => return without_verdict(&item.path, item.settings.engine.level, failure),
    };
    if let Some(notebook) = &opened.reading.notebook {
        running.parameters.give(notebook, &mut opened.beside);
    }
    let mut outcome = match &opened.reading.notebook {
        Some(notebook) => {
            let plan = opened.plan(item, notebook, running.judged);
            run(item, notebook, &plan, running, progress).unwrap_or_else(Ran::failed)
        }
        None => Ran::default(),
    };
    if running.judged == Judged::Everything && opened.reading.notebook.is_some() {
        let place = dependencies::Place {
            // Of an agent elsewhere the paths are not ours.
            ran_with: outcome.interpreter.as_ref().filter(|_| running.agents.is_local()),
            ..dependencies::Place::default()
        };
        let found = dependencies::gather(&item.path, &opened.reading, &item.settings, place);
        // Where the folder cannot be looked into, the run will have said so.
        outcome.dependencies = found.ok();
    }
    opened.report(item, outcome, running.judged)
}

/// The part of a run that its report tells; empty for a notebook that was only read.
#[derive(Default)]
pub(crate) struct Ran {
    cells: Vec<CellRun>,
    outputs: BTreeMap<u32, Vec<Output>>,
    expectations: Vec<ExpectationResult>,
    end: Option<RunEnd>,
    failure: Option<RunFailure>,
    interpreter: Option<Interpreter>,
    /// Where relative paths began.
    folder: Option<String>,
    comparison: Option<Comparison>,
    /// What files say about what it needs.
    dependencies: Option<Gathered>,
}

impl Ran {
    pub(crate) fn failed(failure: RunFailure) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }
}

/// A file's bytes and what they hold.
pub(crate) struct Opened {
    pub(crate) bytes: Vec<u8>,
    pub(crate) reading: Reading,
    /// What files bind that the notebook runs.
    pub(crate) beside: Beside,
}

impl Opened {
    /// Fails where nobody could have judged the file. `folder`: where relative paths begin, if not beside it.
    pub(crate) fn new(path: &Path, folder: Option<&Path>) -> Result<Self, RunFailure> {
        // A pipe or a device may never end.
        let special = fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
        if special {
            return Err(RunFailure {
                kind: FailureKind::Unreadable,
                message: format!("{} is no ordinary file", shown(path)),
                hint: None,
            });
        }
        let bytes = fs::read(path).map_err(|error| RunFailure {
            kind: FailureKind::Unreadable,
            message: format!("failed to read {}: {error}", shown(path)),
            hint: (error.kind() == io::ErrorKind::PermissionDenied)
                .then(|| "the file's permissions do not let you read it".to_owned()),
        })?;
        Ok(Self::of(bytes, folder.unwrap_or(beside::folder_of(path))))
    }

    /// A file with these bytes.
    pub(crate) fn of(bytes: Vec<u8>, folder: &Path) -> Self {
        let reading = nbvet_notebook::read(&bytes);
        let beside = beside::find(&reading, folder);
        Self {
            bytes,
            reading,
            beside,
        }
    }

    pub(crate) fn report(&self, item: &Item, ran: Ran, judged: Judged) -> Done {
        let Ran {
            mut cells,
            outputs,
            mut expectations,
            end,
            failure,
            interpreter,
            folder,
            comparison,
            dependencies,
        } = ran;
        let run = end.as_ref().map(|end| Run {
            cells: &cells,
            end: Some(end),
            folder: folder.as_deref(),
            expectations: &expectations,
            comparison: comparison.as_ref(),
        });
        let settings = &item.settings;
        let mut diagnostics = check(
            &self.reading,
            &self.beside,
            run,
            nbvet_rules::ALL,
            &settings.engine,
        );
        mask_run(&mut cells);
        mask_expectations(&mut expectations);
        if judged == Judged::Faults {
            diagnostics.retain(|found| found.fault);
        }
        let (dependencies, texts) = dependencies.map_or_else(Default::default, |found| {
            diagnostics.extend(found.diagnostics);
            (Some(found.told), found.texts)
        });
        item.known.mark(&mut diagnostics);
        if settings.examples {
            give_examples(&mut diagnostics, &self.reading);
        }
        let mut source = if item.is_shown_whole {
            self.whole_source(outputs)
        } else if diagnostics.is_empty() {
            NotebookSource::default()
        } else {
            self.shown_source()
        };
        source.beside = texts;
        let strengths = if settings.engine.level == Level::Learning && judged == Judged::Everything {
            nbvet_rules::strengths(&self.reading, &self.beside)
        } else {
            Vec::new()
        };
        let report = NotebookReport {
            path: shown(&item.path),
            verdict: judge(
                settings.engine.level,
                &diagnostics,
                &cells,
                end.as_ref(),
                failure.as_ref(),
            ),
            diagnostics,
            strengths,
            interpreter,
            cells,
            expectations,
            end,
            failure,
            comparison,
            dependencies,
        };
        Done {
            report,
            source,
            advice: settings.advice,
            fixes: Fixes::default(),
            educational: settings.educational,
        }
    }

    /// What is expected of the notebook's values, wherever it is written.
    fn plan(&self, item: &Item, notebook: &Notebook, judged: Judged) -> Plan {
        if judged == Judged::Faults {
            return Plan::default();
        }
        let mut written = self.written(notebook);
        written.extend(item.settings.expectations.iter().cloned());
        Plan::new(notebook, written)
    }

    /// What the notebook itself says; where no cell speaks of expectations, it is not parsed for it.
    fn written(&self, notebook: &Notebook) -> Vec<Written> {
        let mut cells = notebook.cells().iter();
        let speaks = cells.any(|cell| {
            cell.source.contains("expect:") || notebook.cell_metadata_text(cell.index).contains("\"expect\"")
        });
        if !speaks {
            return Vec::new();
        }
        let of = |model: &Model<'_>| nbvet_rules::expectations_of(model).0;
        with_model(&self.reading, &self.beside, of).unwrap_or_default()
    }

    /// What the report shows beside its diagnostics.
    pub(crate) fn shown_source(&self) -> NotebookSource {
        let cells = self.reading.notebook.iter().flat_map(Notebook::cells);
        let cells = cells
            .map(|cell| CellSource::new(secrets::masked(&cell.source).into_owned(), cell.execution_count))
            .collect();
        // Only a problem of the file itself points into its text.
        let file = (!self.reading.problems.is_empty())
            .then(|| secrets::masked(&String::from_utf8_lossy(&self.bytes)).into_owned());
        NotebookSource {
            cells,
            file,
            ..NotebookSource::default()
        }
    }

    /// As [`Self::shown_source`], with what cells are and what they put out.
    pub(crate) fn whole_source(&self, mut outputs: BTreeMap<u32, Vec<Output>>) -> NotebookSource {
        let mut source = self.shown_source();
        let cells = self.reading.notebook.iter().flat_map(Notebook::cells);
        for (shown, cell) in source.cells.iter_mut().zip(cells) {
            shown.kind = cell.kind;
            shown.outputs = outputs.remove(&cell.index).unwrap_or_default();
            mask_outputs(&mut shown.outputs);
        }
        source
    }
}

/// The notebook's own lines as a fix would leave them, where one is known.
fn give_examples(diagnostics: &mut [Diagnostic], reading: &Reading) {
    let Some(notebook) = &reading.notebook else { return };
    for diagnostic in diagnostics {
        let mended = diagnostic
            .fix
            .as_ref()
            .and_then(|fix| mended_lines(notebook, fix));
        diagnostic.example = mended.map(|lines| secrets::masked(&lines).into_owned());
    }
}

/// Runs a notebook and writes the executed one where it was asked for.
fn run(
    item: &Item,
    notebook: &Notebook,
    plan: &Plan,
    running: &Running<'_>,
    progress: &Progress,
) -> Result<Ran, RunFailure> {
    if let Language::Other(language) = notebook.language() {
        return Err(RunFailure {
            kind: FailureKind::UnsupportedLanguage,
            message: format!("this notebook is written in {language}; nbvet runs Python"),
            hint: None,
        });
    }
    // What there is to compare with is known before anything runs.
    let runs = JobCell::all_of(notebook).iter().any(|cell| !cell.skip);
    let golden = running.goldens.open(&item.path, runs)?;
    let agent = running.agents.get()?;
    let name = shown(&item.path);
    let place = (!running.parameters.is_empty()).then(|| parameters::place(notebook));
    let copy = running.copy_for(&item.path)?;
    let job = job(item, notebook, running, place);
    let mut job = Job {
        keep_outputs: job.keep_outputs || golden.is_some(),
        questions: Questions::Given(plan.questions()),
        ..job
    };
    if let Some(copy) = &copy {
        job.spec.working_directory = Some(shown(copy.path()));
    }
    if place.is_some() {
        for odd in running.parameters.oddities(notebook) {
            progress.suspend(|| output::warning(&format!("{name}: {odd}")));
        }
    }
    let mut outcome = nbvet_host::run(&job, &agent, &mut |event| {
        if let RunEvent::CellStarted { cell } = event {
            progress.cell(&name, cell);
        }
    });
    if outcome
        .failure
        .as_ref()
        .is_some_and(|failure| failure.kind == FailureKind::AgentLost)
    {
        running.agents.discard(&agent);
    }
    if outcome.end == Some(RunEnd::Cancelled) {
        let at = outcome
            .cells
            .iter()
            .find(|cell| cell.outcome == CellOutcome::NotRun);
        let message = at.map_or_else(
            || "interrupted".to_owned(),
            |cell| format!("interrupted at cell {}", cell.cell),
        );
        outcome.failure.get_or_insert(interrupted(message));
    }
    // Where no cell ran though there are some, as when there is no Python, there is nothing to write.
    let is_done = !outcome.cells.is_empty() || (job.cells.is_empty() && outcome.failure.is_none());
    if let Some(destination) = running.destination.as_ref().filter(|_| is_done) {
        let file = destination.file(&item.path);
        let executed = with_outputs(notebook, &outcome, &running.parameters, place);
        if let Err(error) = executed::write(&file, &executed) {
            outcome.failure.get_or_insert(unwritable(&file, &error));
        }
    }
    let outputs = if item.is_shown_whole {
        let ran = outcome.cells.iter().map(|run| run.cell);
        ran.map(|cell| (cell, outcome.outputs.of(cell).to_vec()))
            .collect()
    } else {
        BTreeMap::new()
    };
    let comparison = golden
        .filter(|_| outcome.end.is_some())
        .map(|golden| golden.compare(notebook, &outcome))
        .transpose()?;
    let RunOutcome {
        cells,
        asked,
        end,
        failure,
        interpreter,
        ..
    } = outcome;
    let replies = asked.into_iter().map(|asked| Reply {
        cell: asked.cell,
        answer: asked.answer,
    });
    let expectations = plan.results(&cells, replies, item.settings.exactness);
    Ok(Ran {
        cells,
        outputs,
        expectations,
        end,
        failure,
        interpreter,
        folder: job.spec.working_directory.or(job.spec.notebook_directory),
        comparison,
        dependencies: None,
    })
}

/// The folder of a notebook cannot be looked into.
pub(crate) fn unreadable_folder(message: &str) -> RunFailure {
    RunFailure {
        kind: FailureKind::Unreadable,
        message: message.to_owned(),
        hint: None,
    }
}

fn interrupted(message: String) -> RunFailure {
    RunFailure {
        kind: FailureKind::Cancelled,
        message,
        hint: None,
    }
}

/// How a notebook is run by these settings.
pub(crate) fn job(item: &Item, notebook: &Notebook, running: &Running<'_>, place: Option<Place>) -> Job {
    let settings = &item.settings;
    let local = running.agents.is_local();
    // Another container's paths are not ours: its agent starts in the folder that it is in.
    let folder = item
        .path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let here = |path: &Path| shown(&absolute(path).unwrap_or_else(|_| path.to_owned()));
    let execution = Execution::of(notebook);
    let mut cells = JobCell::all_of(notebook);
    if let Some(Place::Into(index)) = place {
        for cell in cells.iter_mut().filter(|cell| cell.index == index) {
            (cell.code, cell.skip) = (running.parameters.source(), false);
        }
    }
    Job {
        cells,
        parameters: place.and_then(|place| running.parameters.for_host(notebook, place)),
        run_on: execution.allow_errors,
        spec: StartSpec {
            python: PythonRequest {
                explicit: settings.python.clone().map(|python| {
                    let is_path = local && python.contains('/');
                    if is_path { here(Path::new(&python)) } else { python }
                }),
                kernelspec: notebook.kernelspec_name().map(ToOwned::to_owned),
            },
            notebook_directory: local.then(|| here(folder)),
            working_directory: running.agent_directory.clone().or_else(|| {
                running
                    .working_directory
                    .map(|folder| if local { here(folder) } else { shown(folder) })
            }),
            installs: settings.installs,
            isolation: running.isolation,
            preload: item.preload.clone(),
            memory_limit: settings.memory_limit,
            ..StartSpec::default()
        },
        limits: Limits {
            notebook: settings.timeout,
            cell: match execution.cell_timeout {
                Some(limit) if !settings.cell_timeout_is_named => {
                    Some(limit).filter(|limit| !limit.is_zero())
                }
                _ => settings.cell_timeout,
            },
            ..Limits::default()
        },
        keep_outputs: running.destination.is_some() || item.is_shown_whole,
        questions: Questions::None,
        stderr_allow: RegexSet::new(&settings.stderr_allow).unwrap_or_default(),
    }
}

/// The notebook's file with the outputs of this run in the place of the old ones.
fn with_outputs(
    notebook: &Notebook,
    outcome: &RunOutcome,
    parameters: &Parameters,
    place: Option<Place>,
) -> Vec<u8> {
    let mut editor = notebook.edit();
    match place {
        Some(Place::Into(cell)) => _ = editor.set_source(cell, &parameters.source()),
        Some(Place::Before(cell)) => _ = editor.insert(cell, parameters.cell(outcome.parameters_count)),
        None => {}
    }
    for run in outcome
        .cells
        .iter()
        .filter(|run| run.outcome != CellOutcome::Skipped)
    {
        editor.set_outputs(run.cell, &executed::outputs_of(outcome, run), run.execution_count);
    }
    if let Some(states) = outcome.outputs.widgets() {
        editor.set_widgets(states);
    }
    if let Some(interpreter) = outcome.interpreter.as_ref().filter(|_| !outcome.cells.is_empty()) {
        editor.set_language_info(language_info(&interpreter.version));
    }
    editor.finish()
}

/// What IPython's kernel says of itself, which is what Jupyter writes after a run.
fn language_info(version: &str) -> serde_json::Value {
    let major: u32 = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or(3);
    serde_json::json!({
        "codemirror_mode": {"name": "ipython", "version": major},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": format!("ipython{major}"),
        "version": version,
    })
}

fn unwritable(file: &Path, error: &io::Error) -> RunFailure {
    RunFailure {
        kind: FailureKind::Unwritable,
        message: format!(
            "failed to write the executed notebook to {}: {error}",
            shown(file)
        ),
        hint: None,
    }
}
