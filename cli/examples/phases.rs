//! Where the time of a lint goes: each phase over all notebooks of a folder, on one thread, in CPU seconds.
//!
//! `cargo run --release --example phases -- FOLDER`. Linux only. `make bench` prints it beside the comparison.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement, for the people who make nbvet"
)]

use std::{fs, path::PathBuf, time::Duration};

use nbvet_engine::{Beside, Model, ParsedNotebook, Settings, check};
use nbvet_notebook::Notebook;
use nbvet_render::{CellSource, NotebookSource, Notes, TextOptions, notebook_text};
use nbvet_report::{Level, NotebookReport, judge};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PHASES: [&str; 6] = [
    "reading files",
    "JSON",
    "parsing",
    "flow and types",
    "rules",
    "rendering",
];
const OPTIONS: TextOptions = TextOptions {
    width: 100,
    notes: Notes::Folded,
    seconds: None,
    dependencies: false,
};
const REPEATS: usize = 3;

/// What this thread has spent on a processor.
fn cpu() -> Duration {
    let spent = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    let nanoseconds = spent.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("it is a number"))
}

fn notebooks(folder: &str) -> Vec<PathBuf> {
    ignore::WalkBuilder::new(folder)
        .build()
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"))
        .collect()
}

/// The time of each phase for one notebook. `check` parses and models by itself: what these take is taken off.
fn phases(path: &PathBuf) -> [Duration; 6] {
    let settings = Settings::default();
    let mut marks = vec![cpu()];
    let bytes = fs::read(path).unwrap_or_default();
    marks.push(cpu());
    let reading = nbvet_notebook::read(&bytes);
    marks.push(cpu());
    if let Some(notebook) = &reading.notebook {
        let parsed = ParsedNotebook::new(notebook);
        marks.push(cpu());
        drop(Model::new(&parsed));
    } else {
        marks.push(cpu());
    }
    marks.push(cpu());
    let diagnostics = check(&reading, &Beside::default(), None, nbvet_rules::ALL, &settings);
    marks.push(cpu());
    let cells = reading.notebook.iter().flat_map(Notebook::cells);
    let source = NotebookSource {
        cells: cells
            .map(|cell| CellSource::new(cell.source.clone(), cell.execution_count))
            .collect(),
        file: None,
        ..NotebookSource::default()
    };
    let report = NotebookReport {
        path: path.display().to_string(),
        verdict: judge(Level::Development, &diagnostics, &[], None, None),
        diagnostics,
        strengths: Vec::new(),
        expectations: Vec::new(),
        interpreter: None,
        cells: Vec::new(),
        end: None,
        failure: None,
        comparison: None,
        dependencies: None,
    };
    let text = notebook_text(&report, Some(&source), &OPTIONS);
    std::hint::black_box(text);
    marks.push(cpu());
    let mut spent: Vec<Duration> = marks
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    spent[4] = spent[4].saturating_sub(spent[2] + spent[3]);
    spent.try_into().expect("as many as there are phases")
}

fn main() {
    let folder = std::env::args().nth(1).expect("usage: phases FOLDER");
    let paths = notebooks(&folder);
    let mut best = [Duration::MAX; 6];
    for _ in 0..REPEATS {
        let mut total = [Duration::ZERO; 6];
        for path in &paths {
            for (sum, spent) in total.iter_mut().zip(phases(path)) {
                *sum += spent;
            }
        }
        for (least, sum) in best.iter_mut().zip(total) {
            *least = (*least).min(sum);
        }
    }
    let all: Duration = best.iter().sum();
    println!("| phase | CPU s | share |\n|---|---|---|");
    for (phase, spent) in PHASES.iter().zip(best) {
        let share = 100.0 * spent.as_secs_f64() / all.as_secs_f64();
        println!("| {phase} | {:.3} | {share:.0} % |", spent.as_secs_f64());
    }
    println!("\n{} notebooks, the least of {REPEATS} repeats.", paths.len());
}
