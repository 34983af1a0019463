//! The end of a step as the text of a termination message.

use nbvet_report::step::{MAX_END, STEP_VERSION, StepEnd};

/// Why a termination message is no step's end.
#[derive(Debug, thiserror::Error)]
pub enum BadEnd {
    /// There is none.
    #[error("the container left no termination message")]
    Empty,
    /// It is longer than a termination message can be.
    #[error("a termination message of {0} bytes is longer than the {MAX_END} that there can be")]
    TooLong(usize),
    /// It is something else.
    #[error("the termination message is not what nbvet writes: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It is of another version.
    #[error(
        "the termination message is of version {0}, and this reads {STEP_VERSION}: controller and pods are of different versions"
    )]
    OtherVersion(u32),
}

/// The end of a step as it is written.
///
/// # Panics
/// Where it is longer than a termination message can be, which its constructors do not allow.
pub fn write_end(end: &StepEnd) -> String {
    #[expect(clippy::expect_used, reason = "plain data with string keys")]
    let text = serde_json::to_string(end).expect("an end serializes");
    assert!(text.len() <= MAX_END, "an end of {} bytes", text.len());
    text
}

/// Reads the end of a step.
pub fn read_end(text: &str) -> Result<StepEnd, BadEnd> {
    let text = text.trim();
    if text.is_empty() {
        return Err(BadEnd::Empty);
    }
    if text.len() > MAX_END {
        return Err(BadEnd::TooLong(text.len()));
    }
    let end: StepEnd = serde_json::from_str(text)?;
    if end.version != STEP_VERSION {
        return Err(BadEnd::OtherVersion(end.version));
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use nbvet_report::{Outcome, Reason, step::Step};

    use super::*;

    #[test]
    fn an_end_that_was_written_is_read() {
        let end = StepEnd::new(
            Step::Build,
            Outcome::Error,
            Reason::PushDenied,
            "no \"push\" here",
        );
        assert_eq!(read_end(&(write_end(&end) + "\n")).unwrap(), end);
    }

    #[test]
    fn whatever_else_is_there_is_refused() {
        let check = |text: &str, expected: &str| {
            let error = read_end(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        };
        check("", "the container left no");
        check("\n", "the container left no");
        check(
            "Error: something",
            "the termination message is not what nbvet writes",
        );
        check("[]", "the termination message is not what nbvet writes");
        check(
            &"{".repeat(4000),
            "the termination message is not what nbvet writes",
        );
        check(&" x".repeat(4000), "a termination message of");
        let end = StepEnd::new(Step::Build, Outcome::Passed, Reason::Done, "");
        let text = write_end(&end);
        check(
            &text.replace("\"version\":1", "\"version\":2"),
            "the termination message is of version 2",
        );
        check(
            &text.replace("Done", "Fine"),
            "the termination message is not what nbvet writes",
        );
        check(
            &text.replace("build", "bake"),
            "the termination message is not what nbvet writes",
        );
    }
}
