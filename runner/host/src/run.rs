//! Runs a notebook cell by cell and says how each ended. Keeps the time: an interrupt at the limit, a kill after the
//! grace, and a time-out it is, whatever the notebook does afterwards. Judges no fact.

mod asking;
mod ending;
mod hidden;

use std::time::{Duration, Instant};

use nbvet_protocol::{CellResult, CellStatus, FromAgent, StartFailureKind, ToAgent, try_encode};
use nbvet_report::{CellError, CellOutcome, CellRun, FailureKind, Interpreter, RunEnd, RunFailure};

pub use self::asking::Asked;
use crate::{
    agent::{Agent, unreadable},
    event::RunEvent,
    job::{Job, JobCell},
    outputs::Outputs,
    session::{Next, Session},
};

/// What came of a run. Exactly one of `end` and `failure` is there.
#[derive(Debug)]
pub struct RunOutcome {
    /// One entry a code cell, in order.
    pub cells: Vec<CellRun>,
    /// How the run ended.
    pub end: Option<RunEnd>,
    /// What was asked about values, with the answers.
    pub asked: Vec<Asked>,
    /// What kept the notebook from being judged.
    pub failure: Option<RunFailure>,
    /// The Python that ran it.
    pub interpreter: Option<Interpreter>,
    /// What the cells put out, where the job asked for it.
    pub outputs: Outputs,
    /// The `n` of `In [n]` of the parameters, where there were some and they were run.
    pub parameters_count: Option<u32>,
    /// Highest resident size of its processes together, in bytes.
    pub peak_memory: Option<u64>,
    /// User and system seconds of its processes.
    pub cpu_seconds: Option<f64>,
}

/// Runs a notebook to its end, on the caller's thread. Any number may run over one agent.
pub fn run(job: &Job, agent: &Agent, events: &mut dyn FnMut(RunEvent<'_>)) -> RunOutcome {
    let mut run = Run::new(job, agent, events);
    let ended = run.start().and_then(|()| run.cells());
    run.finish(ended.err().unwrap_or(Stop::End(RunEnd::Completed)))
}

/// Why no further cell runs.
#[derive(Debug)]
enum Stop {
    End(RunEnd),
    Failure(RunFailure),
}

/// How one cell's part ended: its entry, and whether the run goes on.
struct CellEnd {
    outcome: CellOutcome,
    result: Option<CellResult>,
    error: Option<CellError>,
    stop: Option<Stop>,
}

struct Run<'a> {
    job: &'a Job,
    session: Session<'a>,
    events: &'a mut dyn FnMut(RunEvent<'_>),
    begun: Instant,
    cells: Vec<CellRun>,
    asked: Vec<Asked>,
    interpreter: Option<Interpreter>,
    outputs: Outputs,
    parameters_count: Option<u32>,
    peak_memory: Option<u64>,
    cpu_seconds: Option<f64>,
}

/// A limit, and when it is reached.
#[derive(Debug, Clone)]
struct Deadline {
    at: Instant,
    then: RunEnd,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job, agent: &'a Agent, events: &'a mut dyn FnMut(RunEvent<'_>)) -> Self {
        Self {
            job,
            session: Session::open(agent),
            events,
            begun: Instant::now(),
            cells: Vec::with_capacity(job.cells.len()),
            asked: Vec::new(),
            interpreter: None,
            outputs: Outputs::new(job.keep_outputs).allowing(job.stderr_allow.clone()),
            parameters_count: None,
            peak_memory: None,
            cpu_seconds: None,
        }
    }

    /// The end that the notebook's limit brings, if it has one.
    fn notebook_deadline(&self, cell: u32) -> Option<Deadline> {
        let limit = self.job.limits.notebook?;
        let then = RunEnd::NotebookTimedOut {
            cell: Some(cell),
            limit: limit.as_secs_f64(),
        };
        Some(Deadline {
            at: self.begun.checked_add(limit)?,
            then,
        })
    }

    /// The first limit that a cell sent now would reach.
    fn cell_deadline(&self, cell: u32) -> Option<Deadline> {
        let own = self.job.limits.cell.and_then(|limit| {
            let then = RunEnd::CellTimedOut {
                cell,
                limit: limit.as_secs_f64(),
            };
            Some(Deadline {
                at: Instant::now().checked_add(limit)?,
                then,
            })
        });
        [own, self.notebook_deadline(cell)]
            .into_iter()
            .flatten()
            .min_by_key(|deadline| deadline.at)
    }
}

/// Its beginning.
impl Run<'_> {
    fn start(&mut self) -> Result<(), Stop> {
        self.session.send(&ToAgent::Start {
            session: self.session.number(),
            spec: self.job.spec.clone(),
        });
        let limits = &self.job.limits;
        // The user's own limit is over where it is the shorter one: that says nothing of their Python.
        let own = limits.notebook.filter(|limit| *limit < limits.start);
        match self.session.next(Some(self.begun + own.unwrap_or(limits.start))) {
            Next::Said(FromAgent::Started { interpreter, .. }) => {
                (self.events)(RunEvent::Started {
                    interpreter: &interpreter,
                });
                self.interpreter = Some(interpreter);
                Ok(())
            }
            Next::Said(FromAgent::StartFailed {
                kind, message, hint, ..
            }) => Err(Stop::Failure(RunFailure {
                kind: failure_kind(kind),
                message,
                hint,
            })),
            Next::Said(FromAgent::Exited {
                out_of_memory,
                peak_memory,
                unreadable: reason,
                ..
            }) => Err(self.ended_at_start(out_of_memory, peak_memory, reason)),
            Next::Said(_) => Err(Stop::Failure(unreadable(
                "a message before the session had started",
            ))),
            Next::Lost(failure) => Err(Stop::Failure(failure)),
            Next::Cancelled => Err(Stop::End(RunEnd::Cancelled)),
            Next::Deadline => Err(own.map_or_else(
                || Stop::Failure(never_ready(limits.start)),
                |limit| {
                    Stop::End(RunEnd::NotebookTimedOut {
                        cell: None,
                        limit: limit.as_secs_f64(),
                    })
                },
            )),
        }
    }

    fn ended_at_start(&self, out_of_memory: bool, peak: u64, reason: Option<String>) -> Stop {
        if out_of_memory {
            return Stop::End(RunEnd::OutOfMemory {
                cell: None,
                limit: self.job.spec.memory_limit,
                peak: Some(peak),
            });
        }
        Stop::Failure(report_lost(
            None,
            &reason.unwrap_or_else(|| "its process was killed".to_owned()),
        ))
    }
}

/// Its cells.
impl Run<'_> {
    fn cells(&mut self) -> Result<(), Stop> {
        let job = self.job;
        let mut timed_out = None;
        self.parameters(None)?;
        for cell in &job.cells {
            if cell.skip {
                self.record(entry(cell, CellOutcome::Skipped));
            } else if let Some(stop) = self.cell(cell) {
                if !(job.run_on
                    && matches!(stop, Stop::End(RunEnd::CellTimedOut { .. }))
                    && !self.session.is_over())
                {
                    return Err(timed_out.unwrap_or(stop));
                }
                timed_out.get_or_insert(stop);
            }
            self.parameters(Some(cell.index))?;
        }
        timed_out.map_or(Ok(()), Err)
    }

    fn cell(&mut self, cell: &JobCell) -> Option<Stop> {
        (self.events)(RunEvent::CellStarted { cell: cell.index });
        let begun = Instant::now();
        let mut end = self.execute(cell);
        self.after_cell(cell, &mut end);
        let run = self.entry_of(cell, &end, begun.elapsed());
        let mut facts = end.result.map_or_else(Vec::new, |result| result.facts);
        facts.extend(self.outputs.stderr(cell.index));
        let asked = if run.outcome == CellOutcome::Ok {
            self.ask(cell, &facts)
        } else {
            None
        };
        self.record(self.after_questions(CellRun { facts, ..run }, asked.as_ref()));
        asked.or(end.stop)
    }

    /// A cell of which something was asked that ended its process did not end well.
    fn after_questions(&self, run: CellRun, stop: Option<&Stop>) -> CellRun {
        let outcome = match stop {
            Some(Stop::End(RunEnd::CellTimedOut { .. } | RunEnd::NotebookTimedOut { .. })) => {
                CellOutcome::Timeout
            }
            Some(Stop::End(RunEnd::Died { .. } | RunEnd::OutOfMemory { .. })) => CellOutcome::Error,
            _ => return run,
        };
        let last_output = self.outputs.last_lines(run.cell);
        CellRun {
            outcome,
            last_output,
            ..run
        }
    }

    /// Sends a cell and follows it to its end.
    fn execute(&mut self, cell: &JobCell) -> CellEnd {
        let message = ToAgent::Execute {
            session: self.session.number(),
            cell: cell.index,
            code: cell.code.clone(),
            widgets: self.outputs.begin_cell(),
        };
        if let Err(error) = try_encode(&message) {
            return CellEnd::stopped(Stop::Failure(too_long(cell.index, &error.to_string())));
        }
        let deadline = self.cell_deadline(cell.index);
        self.session.send(&message);
        self.watch(cell, deadline.as_ref())
    }

    fn entry_of(&self, cell: &JobCell, end: &CellEnd, took: Duration) -> CellRun {
        let ended_well = end.outcome == CellOutcome::Ok;
        CellRun {
            seconds: took.as_secs_f64(),
            execution_count: end.result.as_ref().and_then(|result| result.execution_count),
            error: end.error.clone(),
            output_bytes_cut: self.outputs.cut(cell.index),
            last_output: self.outputs.last_lines(cell.index).filter(|_| !ended_well),
            ..entry(cell, end.outcome)
        }
    }

    /// Follows a cell that runs. Once its time is over nothing that it does makes it anything else.
    fn watch(&mut self, cell: &JobCell, deadline: Option<&Deadline>) -> CellEnd {
        let limits = &self.job.limits;
        let mut until = deadline.map(|deadline| deadline.at);
        let mut late: Option<RunEnd> = None;
        let mut killed = false;
        loop {
            match self.session.next(until) {
                Next::Deadline if late.is_none() => {
                    self.session.interrupt();
                    late = deadline.map(|deadline| deadline.then.clone());
                    until = Some(Instant::now() + limits.grace);
                }
                Next::Deadline if !killed => {
                    self.session.kill();
                    killed = true;
                    until = Some(Instant::now() + limits.silence);
                }
                Next::Deadline => {
                    self.session.abandon();
                    return CellEnd::stopped(Stop::Failure(not_answered()));
                }
                Next::Cancelled => return CellEnd::stopped(Stop::End(RunEnd::Cancelled)),
                Next::Lost(_) if late.is_some() => return CellEnd::timeout(None, late),
                Next::Lost(failure) => return CellEnd::stopped(Stop::Failure(failure)),
                Next::Said(message) => {
                    if let Some(end) = self.hear(cell, message, late.as_ref()) {
                        return end;
                    }
                }
            }
        }
    }

    /// Takes in one message while a cell runs; the cell's end, if it was that.
    fn hear(&mut self, cell: &JobCell, message: FromAgent, late: Option<&RunEnd>) -> Option<CellEnd> {
        match message {
            FromAgent::CellDone { cell: of, result, .. } if of == cell.index => Some(if late.is_some() {
                CellEnd::timeout(Some(result), late.cloned())
            } else {
                done(cell, result)
            }),
            FromAgent::Exited {
                status,
                signal,
                out_of_memory,
                peak_memory,
                cpu_seconds,
                unreadable,
                ..
            } => {
                self.note_use(peak_memory, cpu_seconds);
                Some(self.exited(cell, late, status, signal, out_of_memory, unreadable))
            }
            message => {
                let failure = self.put_out(message).err()?;
                Some(CellEnd::stopped(Stop::Failure(failure)))
            }
        }
    }

    /// The process ended while the cell ran.
    fn exited(
        &self,
        cell: &JobCell,
        late: Option<&RunEnd>,
        status: Option<i32>,
        signal: Option<i32>,
        out_of_memory: bool,
        unreadable: Option<String>,
    ) -> CellEnd {
        let cell = cell.index;
        if late.is_some() {
            CellEnd::timeout(None, late.cloned())
        } else if out_of_memory {
            let limit = self.job.spec.memory_limit;
            let end = RunEnd::OutOfMemory {
                cell: Some(cell),
                limit,
                peak: self.peak_memory,
            };
            CellEnd::died(Stop::End(end))
        } else if let Some(reason) = unreadable {
            CellEnd::died(Stop::Failure(report_lost(Some(cell), &reason)))
        } else {
            CellEnd::died(Stop::End(RunEnd::Died {
                cell: Some(cell),
                status,
                signal,
            }))
        }
    }

    /// Puts out what a cell prints and shows; anything else has no place here.
    fn put_out(&mut self, message: FromAgent) -> Result<(), RunFailure> {
        match message {
            FromAgent::Stream {
                cell: Some(cell),
                name,
                text,
                ..
            } => {
                self.known(cell)?;
                self.outputs.stream(cell, name, &text);
            }
            FromAgent::OutputCut {
                cell: Some(cell),
                bytes,
                tail,
                ..
            } => {
                self.known(cell)?;
                self.outputs.left_out(cell, bytes, &tail);
            }
            FromAgent::Display { cell, display, .. } => {
                self.known(cell)?;
                self.outputs.display(cell, display);
            }
            // Before the first cell there is nothing to put it to.
            FromAgent::Stream { cell: None, .. } | FromAgent::OutputCut { cell: None, .. } => {}
            _ => return Err(unreadable("a message that has no place while a cell runs")),
        }
        Ok(())
    }

    fn known(&self, cell: u32) -> Result<(), RunFailure> {
        if cell == hidden::INDEX || self.job.cells.iter().any(|known| known.index == cell) {
            Ok(())
        } else {
            Err(unreadable(&format!("output of a cell {cell} that was not sent")))
        }
    }

    fn record(&mut self, run: CellRun) {
        (self.events)(RunEvent::CellFinished { run: &run });
        self.cells.push(run);
    }

    fn note_use(&mut self, peak_memory: u64, cpu_seconds: f64) {
        self.peak_memory = Some(peak_memory);
        self.cpu_seconds = Some(cpu_seconds);
    }
}

impl CellEnd {
    /// Its time was over, whatever came of it then.
    fn timeout(result: Option<CellResult>, late: Option<RunEnd>) -> Self {
        let error = result.as_ref().and_then(|result| match &result.status {
            CellStatus::Raised { error, .. } | CellStatus::Exit { error, .. } => Some(error.clone()),
            CellStatus::Ok => None,
        });
        Self {
            outcome: CellOutcome::Timeout,
            result,
            error,
            stop: late.map(Stop::End),
        }
    }

    fn died(stop: Stop) -> Self {
        Self {
            outcome: CellOutcome::Error,
            result: None,
            error: None,
            stop: Some(stop),
        }
    }

    /// Something outside the notebook stopped it: nothing is known of the cell.
    fn stopped(stop: Stop) -> Self {
        Self {
            outcome: CellOutcome::NotRun,
            result: None,
            error: None,
            stop: Some(stop),
        }
    }
}

/// A cell that came to its end in time. The rules of exits: a clean stop ends the run well, unless the cell says
/// that it raises, where anything but a clean stop is what was announced.
fn done(cell: &JobCell, result: CellResult) -> CellEnd {
    let index = cell.index;
    let (outcome, error, stop) = match &result.status {
        CellStatus::Ok => (CellOutcome::Ok, None, None),
        CellStatus::Exit { code, error } if is_clean(code.as_deref()) => (
            CellOutcome::Ok,
            Some(error.clone()),
            Some(RunEnd::Exited { cell: index }),
        ),
        CellStatus::Raised { error, .. } | CellStatus::Exit { error, .. } if cell.may_raise => {
            (CellOutcome::Ok, Some(error.clone()), None)
        }
        CellStatus::Raised { error, .. } => (
            CellOutcome::Error,
            Some(error.clone()),
            Some(RunEnd::Raised { cell: index }),
        ),
        CellStatus::Exit { code, error } => {
            let code = code.clone().unwrap_or_default();
            (
                CellOutcome::Error,
                Some(error.clone()),
                Some(RunEnd::ExitedWith { cell: index, code }),
            )
        }
    };
    CellEnd {
        outcome,
        error,
        stop: stop.map(Stop::End),
        result: Some(result),
    }
}

/// A kill is answered within seconds, whatever the notebook does.
fn not_answered() -> RunFailure {
    RunFailure {
        kind: FailureKind::AgentLost,
        message: "the agent that runs the notebook does not answer any more".to_owned(),
        hint: Some("it was stopped, or its machine is out of reach; run the notebook again".to_owned()),
    }
}

fn is_clean(code: Option<&str>) -> bool {
    matches!(code, None | Some("0"))
}

fn entry(cell: &JobCell, outcome: CellOutcome) -> CellRun {
    CellRun {
        cell: cell.index,
        cell_id: cell.id.clone(),
        outcome,
        seconds: 0.0,
        execution_count: None,
        error: None,
        output_bytes_cut: 0,
        last_output: None,
        facts: Vec::new(),
    }
}

fn failure_kind(kind: StartFailureKind) -> FailureKind {
    match kind {
        StartFailureKind::NoInterpreter => FailureKind::NoInterpreter,
        StartFailureKind::UnsupportedInterpreter
        | StartFailureKind::NoWorker
        | StartFailureKind::WorkerFailed => FailureKind::UnsupportedInterpreter,
        StartFailureKind::NoDirectory => FailureKind::Unreadable,
    }
}

fn never_ready(limit: Duration) -> RunFailure {
    RunFailure {
        kind: FailureKind::UnsupportedInterpreter,
        message: format!(
            "Python did not become ready to run a cell within {} s",
            limit.as_secs_f64()
        ),
        hint: Some("see whether that Python and its IPython start by themselves".to_owned()),
    }
}

fn report_lost(cell: Option<u32>, reason: &str) -> RunFailure {
    let when = cell.map_or_else(
        || "before its first cell".to_owned(),
        |cell| format!("while cell {cell} ran"),
    );
    RunFailure {
        kind: FailureKind::ReportLost,
        message: format!("the report on the notebook was lost {when}: {reason}"),
        hint: Some("code that closes or writes to descriptors that it did not open does this".to_owned()),
    }
}

fn too_long(cell: u32, error: &str) -> RunFailure {
    RunFailure {
        kind: FailureKind::Unreadable,
        message: format!("cell {cell} is too long to be run: {error}"),
        hint: Some("keep data in files of its own".to_owned()),
    }
}
