//! How a step ends: with a result in the log and an end in the termination message.

use std::{fmt, fs, io};

use nbvet_blob::{encode, write_end};
use nbvet_image::reason::Cause;
use nbvet_report::{
    ExitCode, Hint, Outcome, Readers, Reason,
    step::{STEP_VERSION, Step, StepBlob, StepBody, StepEnd},
};
use nbvet_source::SourceError;

use crate::{args::EndArgs, output, usage::UsageError};

/// Bytes that an end may have where Tekton carries it: quoted, and with other results in a message of 4,096.
const MAX_QUOTED: usize = 3000;

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

    /// A registry, an index or a tool does not do what is needed. `hint` says what to do.
    pub(crate) fn failed(step: Step, cause: Cause, error: &impl fmt::Display, hint: &Hint) -> Self {
        let (reason, transient) = cause;
        let message = match hint.to(Readers::Cluster) {
            "" => error.to_string(),
            words => format!("{error}; {words}"),
        };
        Self::error(step, reason, transient, &message)
    }

    /// nbvet is at fault.
    pub(crate) fn internal(step: Step, message: &str) -> Self {
        let message = format!("this is a fault of nbvet: {message}");
        Self::error(step, Reason::InternalError, false, &message)
    }

    /// There is no tree.
    pub(crate) fn no_source(step: Step, error: &SourceError) -> Self {
        let message = format!("{error}{}", whose_credentials("spec.notebook", error));
        Self::error(step, error.reason(), error.is_transient(), &message)
    }

    /// There is no tree of the golden notebook.
    pub(crate) fn no_golden(step: Step, error: &SourceError) -> Self {
        let field = "spec.goldenNotebook";
        let message = format!("{field}: {error}{}", whose_credentials(field, error));
        Self::error(step, error.reason(), error.is_transient(), &message)
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
        let mut end = StepEnd::new(step, outcome, reason, &error.told(Readers::Cluster));
        end.transient = transient;
        Self::of(end, None)
    }

    /// Writes the result to the log and the end to its file; for Tekton the image as well.
    pub(crate) fn leave(mut self, to: &EndArgs) -> ExitCode {
        if let Some(body) = self.body.take() {
            self.write_body(body);
        }
        if to.image_url.is_some() {
            self.keep_short();
        }
        let stops =
            self.end.outcome != Outcome::Passed && matches!(self.end.step, Step::Fetch | Step::Install);
        let written = fs::write(&to.termination_log, write_end(&self.end));
        if written.and_then(|()| self.write_image(to)).is_err() {
            return ExitCode::Error;
        }
        if stops { ExitCode::Failed } else { ExitCode::Passed }
    }

    /// Cuts the message until the end, quoted once more, has room beside the results that Tekton carries with it.
    fn keep_short(&mut self) {
        let quoted = |end: &StepEnd| serde_json::Value::from(write_end(end)).to_string().len();
        while quoted(&self.end) > MAX_QUOTED && !self.end.message.is_empty() {
            let most = self.end.message.len() * 3 / 4;
            self.end
                .message
                .truncate(self.end.message.floor_char_boundary(most));
        }
    }

    /// The image in two files, from which Tekton Chains signs; nothing where there is none.
    fn write_image(&self, to: &EndArgs) -> io::Result<()> {
        let image = self
            .end
            .image
            .as_deref()
            .filter(|_| self.end.outcome == Outcome::Passed);
        let Some((url, digest)) = image.and_then(|image| image.split_once('@')) else {
            return Ok(());
        };
        for (file, text) in [(&to.image_url, url), (&to.image_digest, digest)] {
            if let Some(file) = file {
                fs::write(file, text)?;
            }
        }
        Ok(())
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

/// Where a job names credentials that do not do, or that are lacking.
fn whose_credentials(field: &str, error: &SourceError) -> String {
    match error {
        SourceError::Authentication { .. } | SourceError::Credentials { .. } => {
            format!("; see the Secret of `{field}.git.credentialsSecret`")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use nbvet_blob::read_end;

    use super::*;

    fn end_args(folder: &Path) -> EndArgs {
        EndArgs {
            termination_log: folder.join("END"),
            image_url: Some(folder.join("IMAGE_URL")),
            image_digest: Some(folder.join("IMAGE_DIGEST")),
        }
    }

    #[test]
    fn tekton_gets_the_image_in_two_parts_and_an_end_that_it_can_carry() {
        let folder = tempfile::tempdir().unwrap();
        let digest = format!("sha256:{}", "a".repeat(64));
        let image = format!("registry.example/team/{}@{digest}", "n".repeat(200));
        let ending = Ending::done(Step::Build, &"\\\"".repeat(600), None).with_image(&image);
        let to = end_args(folder.path());
        assert!(matches!(ending.leave(&to), ExitCode::Passed));
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(format!("{}@{}", read("IMAGE_URL"), read("IMAGE_DIGEST")), image);
        // As Tekton's entry point puts it into the termination message.
        let carried = serde_json::json!([
            {"key": "END", "value": read("END"), "type": 1},
            {"key": "IMAGE_DIGEST", "value": read("IMAGE_DIGEST"), "type": 1},
            {"key": "IMAGE_URL", "value": read("IMAGE_URL"), "type": 1},
            {"key": "StartedAt", "value": "2026-01-01T00:00:00.000Z", "type": 3},
        ]);
        assert!(carried.to_string().len() <= 4096, "{}", carried.to_string().len());
        assert_eq!(read_end(&read("END")).unwrap().image, Some(image));
    }

    #[test]
    fn who_is_not_let_in_is_told_which_field_names_the_credentials() {
        let error = SourceError::Authentication {
            address: "https://git.example/a".to_owned(),
            why: "no".to_owned(),
        };
        let told = |ending: Ending| ending.end.message;
        assert_eq!(
            told(Ending::no_golden(Step::Fetch, &error)),
            "spec.goldenNotebook: https://git.example/a: no; see the Secret of `spec.goldenNotebook.git.credentialsSecret`"
        );
        assert!(
            told(Ending::no_source(Step::Fetch, &error)).ends_with("`spec.notebook.git.credentialsSecret`")
        );
    }

    #[test]
    fn a_build_that_failed_names_no_image() {
        let folder = tempfile::tempdir().unwrap();
        let ending = Ending::error(Step::Build, Reason::PushDenied, false, "no").with_image("a@sha256:b");
        ending.leave(&end_args(folder.path()));
        assert!(folder.path().join("END").is_file());
        assert!(!folder.path().join("IMAGE_URL").exists());
    }
}
