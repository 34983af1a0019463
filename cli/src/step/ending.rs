//! How a step ends: with a result in the log and an end in the termination message.

use std::{fs, path::Path};

use nbvet_blob::{encode, write_end};
use nbvet_report::{
    ExitCode, Outcome, Reason,
    step::{STEP_VERSION, Step, StepBlob, StepBody, StepEnd},
};
use nbvet_source::SourceError;

use crate::{output, usage::UsageError};

/// A step that is over.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) end: Box<StepEnd>,
    pub(crate) body: Option<StepBody>,
}

impl Ending {
    /// It did what it is for.
    pub(crate) fn done(step: Step, message: &str, body: Option<StepBody>) -> Self {
        Self {
            end: Box::new(StepEnd::new(step, Outcome::Passed, Reason::Done, message)),
            body,
        }
    }

    pub(crate) fn of(end: StepEnd, body: Option<StepBody>) -> Self {
        Self {
            end: Box::new(end),
            body,
        }
    }

    /// With the image that it is about.
    pub(crate) fn with_image(self, image: &str) -> Self {
        Self::of(self.end.with_image(image), self.body)
    }

    /// Something else than the notebook is at fault.
    pub(crate) fn error(step: Step, reason: Reason, transient: bool, message: &str) -> Self {
        let mut end = StepEnd::new(step, Outcome::Error, reason, message);
        end.transient = transient;
        Self::of(end, None)
    }

    /// nbvet is at fault.
    pub(crate) fn internal(step: Step, message: &str) -> Self {
        let message = format!("this is a fault of nbvet: {message}");
        Self::error(step, Reason::InternalError, false, &message)
    }

    /// There is no tree.
    pub(crate) fn no_source(step: Step, error: &SourceError) -> Self {
        Self::error(step, error.reason(), error.is_transient(), &error.to_string())
    }

    /// The input, or what it names, is at fault, or what surrounds it.
    pub(crate) fn usage(step: Step, error: &UsageError) -> Self {
        let (reason, transient) = match error {
            UsageError::Tool {
                reason, transient, ..
            } => (*reason, *transient),
            UsageError::NoSuchPath { .. } | UsageError::NoNotebooks(_) => (Reason::NotebookNotFound, false),
            _ => (Reason::InvalidField, false),
        };
        // The repository is at fault, and nothing that surrounds it.
        let outcome = match reason {
            Reason::NotebookFailed
            | Reason::UnpinnedDependencies
            | Reason::HashMissing
            | Reason::DependencyConflict
            | Reason::PolicyRefused => Outcome::Failed,
            _ => Outcome::Error,
        };
        let hint = error.hint().map_or_else(String::new, |hint| format!("; {hint}"));
        let mut end = StepEnd::new(step, outcome, reason, &format!("{error}{hint}"));
        end.transient = transient;
        Self::of(end, None)
    }

    /// Writes the result to the log and the end to its file.
    pub(crate) fn leave(mut self, termination_log: &Path) -> ExitCode {
        if let Some(body) = self.body.take() {
            self.write_body(body);
        }
        let stops =
            self.end.outcome != Outcome::Passed && matches!(self.end.step, Step::Fetch | Step::Install);
        if fs::write(termination_log, write_end(&self.end)).is_err() {
            return ExitCode::Error;
        }
        if stops { ExitCode::Failed } else { ExitCode::Passed }
    }

    fn write_body(&mut self, body: StepBody) {
        let blob = StepBlob {
            version: STEP_VERSION,
            body,
        };
        let encoded = match encode(&blob) {
            Ok(encoded) => encoded,
            Err(error) => {
                let (step, image) = (self.end.step, self.end.image.take());
                self.end = Self::internal(step, &error.to_string()).end;
                self.end.image = image;
                return;
            }
        };
        output::print(&encoded.text);
        if output::is_lost() {
            let message = "the result could not be written to the log";
            self.end = Self::error(self.end.step, Reason::ReportLost, true, message).end;
            return;
        }
        self.end.blob = Some(encoded.blob);
    }
}
