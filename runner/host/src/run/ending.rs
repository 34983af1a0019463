//! The end of a run: its process goes, in good order where that can be, and what is left undone is told.

use std::time::{Duration, Instant};

use nbvet_protocol::{FromAgent, LateFact, ToAgent};
use nbvet_report::{AfterCellOrigin, CellError, CellOutcome, CellRun, Fact, RunEnd};

use super::{Run, RunOutcome, Stop, entry};
use crate::{event::RunEvent, job::Limits, session::Next};

/// Facts that one cell has at most, with what came up late.
const MAX_FACTS: usize = 100_000;
/// What the end of the process has at least, however little is left of the notebook's time.
const LEAST: Duration = Duration::from_secs(1);
/// What a process may say of its end: twice is usual.
const MAX_WORDS: u32 = 8;
/// Threads that are named.
const MAX_THREADS: usize = 3;

impl Run<'_> {
    /// Ends the process, and gives what came of it all.
    pub(super) fn finish(mut self, stop: Stop) -> RunOutcome {
        self.end_process(&stop);
        for cell in &self.job.cells[self.cells.len()..] {
            self.record(entry(cell, CellOutcome::NotRun));
        }
        self.count_late_output();
        let (end, failure) = match stop {
            Stop::End(end) => (Some(end), None),
            Stop::Failure(failure) => (None, Some(failure)),
        };
        (self.events)(RunEvent::Ended {
            end: end.as_ref(),
            failure: failure.as_ref(),
        });
        RunOutcome {
            cells: self.cells,
            asked: self.asked,
            end,
            failure,
            interpreter: self.interpreter,
            outputs: self.outputs,
            parameters_count: self.parameters_count,
            peak_memory: self.peak_memory,
            cpu_seconds: self.cpu_seconds,
        }
    }

    /// Waits until the process is gone: in good order where the notebook was not stopped, else at once.
    fn end_process(&mut self, stop: &Stop) {
        if self.session.is_over() {
            return;
        }
        let Limits {
            end,
            silence,
            notebook,
            ..
        } = self.job.limits;
        // The notebook's own limit holds for its end too.
        let left = notebook.map_or(end, |limit| limit.saturating_sub(self.begun.elapsed()).max(LEAST));
        let end = end.min(left);
        let gently = matches!(
            stop,
            Stop::End(
                RunEnd::Completed | RunEnd::Exited { .. } | RunEnd::ExitedWith { .. } | RunEnd::Raised { .. }
            )
        );
        let mut killed = !gently;
        let (mut waits_for, mut words) = (Vec::new(), 0);
        // What was to be awaited further down is not missed where the notebook stopped before.
        let is_whole = matches!(stop, Stop::End(RunEnd::Completed));
        let mut until = Instant::now() + if gently { end } else { silence };
        if gently {
            self.outputs.end();
            self.session.send(&ToAgent::Finish {
                session: self.session.number(),
            });
        } else {
            self.session.kill();
        }
        while !self.session.is_over() {
            match self.session.next(Some(until)) {
                next @ (Next::Deadline | Next::Cancelled) if !killed => {
                    self.session.kill();
                    killed = true;
                    until = Instant::now() + silence;
                    if matches!(next, Next::Deadline) {
                        self.note_exit(never_ended(end, &waits_for));
                    }
                }
                Next::Deadline => self.session.abandon(),
                Next::Said(FromAgent::Exited {
                    status,
                    signal,
                    peak_memory,
                    cpu_seconds,
                    ..
                }) => {
                    self.note_use(peak_memory, cpu_seconds);
                    if !killed {
                        self.note_bad_exit(status, signal);
                    }
                }
                Next::Said(FromAgent::Leaving { facts, threads, .. }) => {
                    words += 1;
                    if words <= MAX_WORDS {
                        self.note_late(facts, is_whole);
                    }
                    if !threads.is_empty() {
                        waits_for = threads;
                    }
                }
                // The verdict stands: what comes after it is output, or nothing.
                Next::Said(message) => _ = self.put_out(message),
                Next::Cancelled | Next::Lost(_) => {}
            }
        }
    }

    /// The process was to end and did, but not well: the last cell that ran is told so.
    fn note_bad_exit(&mut self, status: Option<i32>, signal: Option<i32>) {
        match (status, signal) {
            (_, Some(signal)) => self.note_exit(format!("the process was ended by signal {signal}")),
            (Some(status), None) if status != 0 => {
                self.note_exit(format!("the process ended with status {status}"));
            }
            _ => {}
        }
    }

    /// What came up after the last cell belongs to the cell that it comes from, else to the last that ran.
    fn note_late(&mut self, facts: Vec<LateFact>, is_whole: bool) {
        for LateFact { cell, fact } in facts {
            let waits = matches!(
                fact,
                Fact::Warning { .. }
                    | Fact::AfterCell {
                        origin: AfterCellOrigin::Task,
                        ..
                    }
            );
            if waits && !is_whole {
                continue;
            }
            let of = cell.filter(|of| self.cells.iter().any(|run| run.cell == *of && has_run(run)));
            if let Some(run) = self.last_run(of)
                && run.facts.len() < MAX_FACTS
            {
                run.facts.push(fact);
            }
        }
    }

    /// The record of a cell, or of the last that ran.
    fn last_run(&mut self, cell: Option<u32>) -> Option<&mut CellRun> {
        let mut runs = self.cells.iter_mut().rev();
        runs.find(|run| has_run(run) && cell.is_none_or(|cell| run.cell == cell))
    }

    fn note_exit(&mut self, value: String) {
        if let Some(run) = self.last_run(None) {
            let error = CellError {
                name: "Exit".to_owned(),
                value,
                traceback: Vec::new(),
                line: None,
            };
            let origin = AfterCellOrigin::Exit;
            run.facts.push(Fact::AfterCell { origin, error });
        }
    }

    /// What threads printed after their cell was recorded counts for it too.
    fn count_late_output(&mut self) {
        for run in &mut self.cells {
            run.output_bytes_cut = self.outputs.cut(run.cell);
        }
    }
}

fn has_run(run: &CellRun) -> bool {
    !matches!(run.outcome, CellOutcome::Skipped | CellOutcome::NotRun)
}

fn never_ended(limit: Duration, threads: &[String]) -> String {
    let seconds = limit.as_secs_f64();
    let killed = format!("the process still ran {seconds} s after the last cell, and was killed");
    let names: Vec<String> = threads
        .iter()
        .take(MAX_THREADS)
        .map(|name| format!("`{name}`"))
        .collect();
    match threads.len() {
        0 => killed,
        1 => format!("{killed}: the thread {} never ended", names.join(", ")),
        _ => format!("{killed}: threads never ended, such as {}", names.join(", ")),
    }
}
