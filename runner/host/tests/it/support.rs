//! Runs cells and shows what came of them as text.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use expect_test::Expect;
use nbvet_host::{Agent, Job, JobCell, Limits, Questions, RunOutcome, run};
use nbvet_notebook::Output;
use nbvet_protocol::{Isolation, PythonRequest, StartSpec};
use nbvet_report::{CellRun, RunEnd};
use regex::RegexSet;
use tempfile::TempDir;

/// The program of both ends, which `cargo test` builds beside the tests.
pub(crate) fn endpoint() -> PathBuf {
    let tests = env::current_exe().expect("this is a program");
    let path = tests
        .ancestors()
        .nth(2)
        .expect("it lies in deps")
        .join("examples/endpoint");
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build -p nbvet-host --examples`",
        path.display()
    );
    path
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate is two folders down")
}

pub(crate) fn python() -> String {
    env::var("NBVET_TEST_PYTHON").unwrap_or_else(|_| {
        let venv = root().join(".venv/bin/python");
        if venv.exists() {
            venv.to_string_lossy().into_owned()
        } else {
            "python3".to_owned()
        }
    })
}

/// All tests hold for both: `NBVET_TEST_ISOLATION=fork` runs them with fork servers.
pub(crate) fn isolation() -> Isolation {
    let way = env::var("NBVET_TEST_ISOLATION").unwrap_or_else(|_| "spawn".to_owned());
    assert!(
        matches!(&*way, "fork" | "spawn"),
        "NBVET_TEST_ISOLATION is {way}: fork or spawn"
    );
    if way == "fork" {
        Isolation::Fork
    } else {
        Isolation::Spawn
    }
}

pub(crate) fn agent() -> Agent {
    let mut command = Command::new(endpoint());
    command.arg("agent");
    Agent::spawn(command).expect("the agent starts")
}

/// A notebook to run, in a folder of its own.
pub(crate) struct Bench {
    pub(crate) job: Job,
    pub(crate) folder: TempDir,
    pub(crate) mark: String,
}

impl Bench {
    /// Cells, each with its tags before a `|` where it has any: `raises-exception|1/0`.
    pub(crate) fn new(cells: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mark = folder
            .path()
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        let spec = StartSpec {
            python: PythonRequest {
                explicit: Some(python()),
                kernelspec: None,
            },
            notebook_directory: Some(folder.path().to_string_lossy().into_owned()),
            isolation: isolation(),
            env: BTreeMap::from([("NBVET_TEST_MARK".to_owned(), mark.clone())]),
            ..StartSpec::default()
        };
        let limits = Limits {
            grace: Duration::from_millis(700),
            end: Duration::from_millis(700),
            ..Limits::default()
        };
        let cells = cells
            .iter()
            .zip(0..)
            .map(|(text, index)| cell(index, text))
            .collect();
        Self {
            job: Job {
                cells,
                parameters: None,
                run_on: false,
                spec,
                limits,
                keep_outputs: true,
                questions: Questions::None,
                stderr_allow: RegexSet::empty(),
            },
            folder,
            mark,
        }
    }

    pub(crate) fn cell_limit(mut self, milliseconds: u64) -> Self {
        self.job.limits.cell = Some(Duration::from_millis(milliseconds));
        self
    }

    pub(crate) fn run(&self) -> RunOutcome {
        self.run_over(&agent())
    }

    pub(crate) fn run_over(&self, agent: &Agent) -> RunOutcome {
        let outcome = run(&self.job, agent, &mut |_| {});
        assert_ne!(
            outcome.end.is_some(),
            outcome.failure.is_some(),
            "exactly one is there: {outcome:?}"
        );
        assert_eq!(
            outcome.cells.len(),
            self.job.cells.len(),
            "every cell has its entry"
        );
        outcome
    }

    /// Runs, and holds the result and all outputs against the expectation; nothing of the session may live on.
    pub(crate) fn check(&self, expected: &Expect) {
        let outcome = self.run();
        expected.assert_eq(&self.show(&outcome));
        assert_eq!(marked(&self.mark), [] as [String; 0], "nothing lives on");
    }

    pub(crate) fn show(&self, outcome: &RunOutcome) -> String {
        show(outcome)
            .replace(&*self.folder.path().to_string_lossy(), "@")
            .replace(&python(), "PYTHON")
    }
}

fn cell(index: u32, text: &str) -> JobCell {
    let (tags, code) = match text.split_once('|') {
        Some((tags @ ("raises-exception" | "skip-execution"), code)) => (tags, code),
        _ => ("", text),
    };
    JobCell {
        index,
        id: None,
        code: code.to_owned(),
        skip: tags == "skip-execution",
        may_raise: tags == "raises-exception",
        after: None,
    }
}

pub(crate) fn check(cells: &[&str], expected: &Expect) {
    Bench::new(cells).check(expected);
}

pub(crate) fn show(outcome: &RunOutcome) -> String {
    let mut text = String::new();
    for run in &outcome.cells {
        text.push_str(&show_cell(run));
        let outputs = outcome
            .outputs
            .of(run.cell)
            .iter()
            .filter(|output| !is_about_exits(output));
        text.extend(outputs.map(|output| format!("  {}\n", show_output(output))));
    }
    if let Some(end) = &outcome.end {
        text.push_str(&show_end(end));
    }
    if let Some(failure) = &outcome.failure {
        text.extend([format!("{:?}: {}\n", failure.kind, failure.message)]);
    }
    text
}

/// IPython's advice on how to leave it, which names its own file.
fn is_about_exits(output: &Output) -> bool {
    matches!(output, Output::Stream { text, .. } if text.contains("UserWarning: To exit: use"))
}

fn show_cell(run: &CellRun) -> String {
    let outcome = serde_json::to_value(run.outcome).expect("it serializes");
    let error = run
        .error
        .as_ref()
        .map_or_else(String::new, |error| format!(" {}: {}", error.name, error.value));
    let cut = if run.output_bytes_cut > 0 {
        format!(" (cut {})", run.output_bytes_cut)
    } else {
        String::new()
    };
    let last = run
        .last_output
        .as_ref()
        .filter(|last| !last.contains("To exit: use"));
    let last = last.map_or_else(String::new, |last| format!(" last {last:?}"));
    format!(
        "{} {}{error}{cut}{last}\n",
        run.cell,
        outcome.as_str().expect("it is a word")
    )
}

/// Without what differs from run to run.
fn show_end(end: &RunEnd) -> String {
    match end {
        RunEnd::OutOfMemory { cell, limit, peak } => {
            assert!(peak.is_some_and(|peak| peak > 0), "the peak is known");
            format!("OutOfMemory {{ cell: {cell:?}, limit: {limit:?} }}\n")
        }
        end => format!("{end:?}\n"),
    }
}

fn show_output(output: &Output) -> String {
    match output {
        Output::Stream { name, text } if text.len() > 400 => format!("{name} of {} bytes", text.len()),
        Output::Stream { name, text } => format!("{name} {text:?}"),
        Output::DisplayData { data, .. } => format!("display {}", data["text/plain"]),
        Output::ExecuteResult {
            data,
            execution_count,
            ..
        } => {
            format!("[{}] {}", execution_count.unwrap_or(0), data["text/plain"])
        }
        Output::Error { ename, .. } => format!("error {ename}"),
        Output::Unknown(value) => format!("unknown {value}"),
    }
}

/// Processes that live anywhere on the machine and were started with the mark.
pub(crate) fn marked(mark: &str) -> Vec<String> {
    let variable = format!("NBVET_TEST_MARK={mark}");
    let entries = fs::read_dir("/proc").expect("it is mounted").flatten();
    entries
        .filter_map(|entry| {
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let has = environment
                .split(|byte| *byte == 0)
                .any(|one| one == variable.as_bytes());
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            has.then(|| {
                format!(
                    "{} {}",
                    entry.path().display(),
                    String::from_utf8_lossy(&command).replace('\0', " ")
                )
            })
        })
        .collect()
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "{what}: not within 20 seconds"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
