//! Code that is run between the notebook's cells and has no entry of its own: parameters, and what nbmake runs after a
//! cell. What stops there is told of the cell that it belongs to.

use nbvet_report::{CellOutcome, RunEnd};

use super::{CellEnd, Run, Stop};
use crate::job::JobCell;

/// What such code is called on the way; no notebook has so many cells.
pub(super) const INDEX: u32 = u32::MAX;

impl Run<'_> {
    /// Gives the notebook its parameters, if they come after this cell.
    pub(super) fn parameters(&mut self, after: Option<u32>) -> Result<(), Stop> {
        let job = self.job;
        let Some(parameters) = job.parameters.as_ref().filter(|wanted| wanted.after == after) else {
            return Ok(());
        };
        let end = self.hidden(&parameters.code);
        self.parameters_count = end.result.and_then(|result| result.execution_count);
        let place = after.or_else(|| job.cells.first().map(|cell| cell.index));
        end.stop
            .map_or(Ok(()), |stop| Err(at(place.unwrap_or_default(), stop)))
    }

    /// Runs what follows a cell that ended well; what fails there fails the cell.
    pub(super) fn after_cell(&mut self, cell: &JobCell, end: &mut CellEnd) {
        let Some(code) = cell
            .after
            .as_ref()
            .filter(|_| end.stop.is_none() && end.error.is_none())
        else {
            return;
        };
        let after = self.hidden(code);
        if let Some(stop) = after.stop {
            end.outcome = match after.outcome {
                CellOutcome::Timeout => CellOutcome::Timeout,
                _ => CellOutcome::Error,
            };
            end.error = after.error;
            end.stop = Some(at(cell.index, stop));
        }
    }

    fn hidden(&mut self, code: &str) -> CellEnd {
        self.execute(&JobCell {
            index: INDEX,
            code: code.to_owned(),
            ..JobCell::default()
        })
    }
}

/// The same, told of this cell.
fn at(cell: u32, stop: Stop) -> Stop {
    let Stop::End(end) = stop else { return stop };
    Stop::End(match end {
        RunEnd::Raised { .. } => RunEnd::Raised { cell },
        RunEnd::Exited { .. } => RunEnd::Exited { cell },
        RunEnd::ExitedWith { code, .. } => RunEnd::ExitedWith { cell, code },
        RunEnd::CellTimedOut { limit, .. } => RunEnd::CellTimedOut { cell, limit },
        RunEnd::NotebookTimedOut { limit, .. } => RunEnd::NotebookTimedOut {
            cell: Some(cell),
            limit,
        },
        RunEnd::Died { status, signal, .. } => RunEnd::Died {
            cell: Some(cell),
            status,
            signal,
        },
        RunEnd::OutOfMemory { limit, peak, .. } => RunEnd::OutOfMemory {
            cell: Some(cell),
            limit,
            peak,
        },
        end => end,
    })
}
