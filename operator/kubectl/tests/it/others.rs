//! Statuses of other controllers, as the public operator leaves them: none of ours writes them, so they are told here.

use serde_json::{Value, json};

/// Names and statuses; null: no controller has seen the job yet.
pub(crate) fn all() -> [(&'static str, Value); 3] {
    [
        ("fresh", Value::Null),
        ("pending", json!({"phase": "Pending", "message": "Waiting"})),
        ("foreign", foreign()),
    ]
}

fn foreign() -> Value {
    json!({
        "phase": "Failed",
        "message": "Error: ModuleNotFoundError: No module named 'pandas'",
        "startTime": "2026-03-01T08:00:00Z",
        "completionTime": "2026-03-01T08:04:30Z",
        "retryCount": 3,
        "validationPodName": "foreign-validation",
        "conditions": [{
            "type": "ValidationComplete", "status": "False", "reason": "PodFailed", "message": "Error",
            "lastTransitionTime": "2026-03-01T08:00:00Z",
        }],
        "results": [{"cellIndex": 0, "status": "Failure", "errorMessage": "ModuleNotFoundError", "output": "Traceback"}],
        "comparisonResult": {
            "strategy": "fuzzy", "result": "failed", "totalCells": 4, "matchedCells": 3, "mismatchedCells": 1,
            "diffs": [{"cellIndex": 2, "cellType": "code", "diffType": "output_mismatch", "expected": "1.0", "actual": "2.0"}],
        },
    })
}
