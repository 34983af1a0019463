//! Questions about live values on their way to the shim, and its answers on their way back. What the shim gives is
//! looked at as anything of the notebook's process: an answer that is none becomes one that says so.

use nbvet_report::{Answer, Failure, Question};
use pyo3::prelude::*;
use pyo3::types::PyList;
use serde_json::Value;

use crate::convert;

/// The questions as the shim reads them.
pub(crate) fn asked(questions: &[Question]) -> String {
    // Questions are plain data with string keys.
    serde_json::to_string(questions).unwrap_or_else(|_| "[]".to_owned())
}

/// As many answers as the shim gave, at most as many as there were questions.
pub(crate) fn given(answers: &Bound<'_, PyList>, asked: usize) -> Vec<Answer> {
    answers.iter().take(asked).map(|answer| read(&answer)).collect()
}

fn read(answer: &Bound<'_, PyAny>) -> Answer {
    serde_json::from_value(Value::Object(convert::bundle(answer))).unwrap_or_else(|error| Answer {
        failures: vec![Failure {
            of: "answer".to_owned(),
            reason: error.to_string(),
        }],
        ..Answer::default()
    })
}
