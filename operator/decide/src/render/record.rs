//! The end of a step as a `ConfigMap`: the word of its trusted container and its result, compressed.

use nbvet_blob::{Encoded, encode, write_end};
use nbvet_report::step::{STEP_VERSION, StepBlob, StepBody};
use serde_json::{Value, json};

use super::{Setting, child_metadata};
use crate::{names, plan::RecordWork};

/// The key of the step's end.
pub const RECORD_END: &str = "end.json";
/// The key of its result: the lines of the log that held it.
pub const RECORD_BLOB: &str = "result";

pub(super) fn object(name: &str, work: &RecordWork, setting: &Setting) -> Value {
    let mut metadata = child_metadata(
        name,
        setting,
        &work.run,
        work.step.as_str(),
        work.attempt,
        &work.inputs,
    );
    let annotations = &mut metadata["annotations"];
    annotations[names::CHILD] = json!(work.child);
    annotations[names::STARTED] = json!(work.started.to_string());
    annotations[names::ENDED] = json!(work.at.to_string());
    if let Some(limit) = work.limit {
        annotations[names::LIMIT] = json!(names::limit_value(limit));
    }
    if let Some(pod) = &work.pod {
        annotations[names::POD] = json!(pod);
    }
    let mut end = work.end.clone();
    end.blob = None;
    let encoded = work.body.as_deref().and_then(written);
    let mut data = json!({});
    if let Some(encoded) = encoded {
        data[RECORD_BLOB] = json!(encoded.text);
        end.blob = Some(encoded.blob);
    }
    data[RECORD_END] = json!(write_end(&end));
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": true,
        "data": data,
    })
}

/// A result as a record has it: compressed anew, to other bytes than in the log where the pod's program was built otherwise.
pub(crate) fn written(body: &StepBody) -> Option<Encoded> {
    let result = StepBlob {
        version: STEP_VERSION,
        body: body.clone(),
    };
    encode(&result).ok()
}
