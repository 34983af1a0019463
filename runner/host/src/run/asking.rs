//! Questions about the values that a cell left, within its time: what is asked runs code of the values, which may
//! never end.

use std::time::Instant;

use nbvet_protocol::{FromAgent, ToAgent, try_encode};
use nbvet_report::{Answer, Aspect, Fact, Question, RunEnd};

use super::{Deadline, Run, Stop, not_answered};
use crate::{
    agent::unreadable,
    job::{JobCell, Questions},
    session::Next,
};

/// Names of one cell that are asked about where everything is.
const MAX_NAMES: usize = 200;

/// A question, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The cell after which it was asked.
    pub cell: u32,
    /// What was asked.
    pub question: Question,
    /// What was answered; `None` where the answers before it took too long, or the process ended.
    pub answer: Option<Answer>,
}

impl Questions {
    fn about(&self, cell: u32, facts: &[Fact]) -> Vec<Question> {
        match self {
            Self::None => Vec::new(),
            Self::Given(questions) => questions.get(&cell).cloned().unwrap_or_default(),
            Self::Everything => everything(facts),
        }
    }
}

/// The cell's value, and each name that it bound or changed.
fn everything(facts: &[Fact]) -> Vec<Question> {
    let about = |name: Option<String>| Question {
        name,
        aspects: vec![
            Aspect::Length,
            Aspect::Columns,
            Aspect::Range,
            Aspect::Missing,
            Aspect::Scalar,
        ],
        equals: None,
        contains: Vec::new(),
        tolerance: 0.0,
        expression: None,
    };
    let subjects = facts.iter().filter_map(|fact| match fact {
        Fact::Result { .. } => Some(about(None)),
        Fact::Bound { name, .. } => Some(about(Some(name.clone()))),
        _ => None,
    });
    subjects.take(MAX_NAMES).collect()
}

impl Run<'_> {
    /// Asks what is to be known after this cell; why the run goes no further, if the process did not live through it.
    pub(super) fn ask(&mut self, cell: &JobCell, facts: &[Fact]) -> Option<Stop> {
        let questions = self.job.questions.about(cell.index, facts);
        if questions.is_empty() {
            return None;
        }
        let message = ToAgent::Ask {
            session: self.session.number(),
            cell: cell.index,
            questions: questions.clone(),
        };
        let answers = match try_encode(&message) {
            Ok(_) => {
                self.session.send(&message);
                self.answers(cell)
            }
            // Texts of more than a frame: nobody wrote them by hand.
            Err(_) => Ok(Vec::new()),
        };
        let (answers, stop) = match answers {
            Ok(answers) => (answers, None),
            Err(stop) => (Vec::new(), Some(stop)),
        };
        let mut answers = answers.into_iter();
        self.asked.extend(questions.into_iter().map(|question| Asked {
            cell: cell.index,
            question,
            answer: answers.next(),
        }));
        stop
    }

    /// Waits for the answers. At the limit they are interrupted, and where that helps the run goes on; else the process
    /// is killed, and its cell ran out of time.
    fn answers(&mut self, cell: &JobCell) -> Result<Vec<Answer>, Stop> {
        let Deadline { at, then } = self.question_deadline(cell.index);
        let (mut until, mut interrupted, mut killed) = (at, false, false);
        loop {
            match self.session.next(Some(until)) {
                Next::Deadline if !interrupted => {
                    self.session.interrupt();
                    interrupted = true;
                    until = Instant::now() + self.job.limits.grace;
                }
                Next::Deadline if !killed => {
                    self.session.kill();
                    killed = true;
                    until = Instant::now() + self.job.limits.silence;
                }
                Next::Deadline => {
                    self.session.abandon();
                    return Err(Stop::Failure(not_answered()));
                }
                Next::Cancelled => return Err(Stop::End(RunEnd::Cancelled)),
                Next::Lost(_) if killed => return Err(Stop::End(then)),
                Next::Lost(failure) => return Err(Stop::Failure(failure)),
                Next::Said(FromAgent::Answers {
                    cell: of, answers, ..
                }) if of == cell.index && !killed => {
                    return Ok(answers);
                }
                Next::Said(FromAgent::Answers { .. }) if !killed => {
                    return Err(Stop::Failure(unreadable("answers about another cell")));
                }
                Next::Said(message) => {
                    let late = killed.then_some(&then);
                    if let Some(end) = self.hear(cell, message, late) {
                        return Err(end.stop.unwrap_or(Stop::End(then)));
                    }
                }
            }
        }
    }

    /// The cell's own limit, else that for questions, but never past the notebook's.
    fn question_deadline(&self, cell: u32) -> Deadline {
        let limits = &self.job.limits;
        let limit = limits
            .cell
            .map_or(limits.questions, |limit| limit.min(limits.questions));
        let own = Deadline {
            at: Instant::now() + limit,
            then: RunEnd::CellTimedOut {
                cell,
                limit: limit.as_secs_f64(),
            },
        };
        match self.notebook_deadline(cell) {
            Some(whole) if whole.at < own.at => whole,
            _ => own,
        }
    }
}
