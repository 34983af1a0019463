//! The room that a status has: under 32 KiB, whatever a notebook put out and whatever stood there before. The same
//! status is always cut the same way.

use serde_json::Value;

use crate::{condition::ConditionType, status::NotebookValidationJobStatus, text};

/// Most bytes of a status as JSON: under 32 KiB, with room for what the API server adds.
pub const MOST: usize = 31 * 1024;
/// Most conditions, our own among them.
const MOST_CONDITIONS: usize = 32;
/// Most times of suspension.
const MOST_PAUSES: usize = 64;
/// Fields that are of no use when they are cut, and the most bytes of them.
const WHOLE: [&str; 9] = [
    "buildName",
    "commit",
    "configMap",
    "digest",
    "identity",
    "imageReference",
    "notebookDigest",
    "previousDigest",
    "wish",
];
const MOST_WHOLE: usize = 512;
/// Most bytes of each other text, tried one after another until the status has room.
const TEXTS: [usize; 5] = [1024, 512, 256, 128, 64];

/// A status that has room: every text without terminal escapes and control characters, and all of it under [`MOST`]
/// bytes. What stands at the end of lists goes first, then what other controllers left here, then long texts are cut.
pub fn bounded(status: &NotebookValidationJobStatus) -> NotebookValidationJobStatus {
    let mut status = status.clone();
    keep_newest(&mut status);
    for most in TEXTS {
        status = with_texts(&status, most);
        if fits(&status) {
            return status;
        }
        if most == TEXTS[0] {
            drop_foreign(&mut status);
        }
        while !fits(&status) && drop_last(&mut status) {}
        if fits(&status) {
            return status;
        }
    }
    status
}

fn fits(status: &NotebookValidationJobStatus) -> bool {
    serde_json::to_vec(status).is_ok_and(|json| json.len() <= MOST)
}

/// Our own conditions before those of others, and the last times of suspension.
fn keep_newest(status: &mut NotebookValidationJobStatus) {
    if status.conditions.len() > MOST_CONDITIONS {
        let ours = |name: &str| ConditionType::ALL.iter().any(|kind| kind.as_str() == name);
        status.conditions.sort_by_key(|condition| !ours(&condition.type_));
        status.conditions.truncate(MOST_CONDITIONS);
    }
    if let Some(run) = &mut status.run {
        run.pauses.drain(..run.pauses.len().saturating_sub(MOST_PAUSES));
    }
}

/// What other controllers wrote and we only keep.
fn drop_foreign(status: &mut NotebookValidationJobStatus) {
    if !fits(status) {
        status.model_validation_result = None;
        if let Some(build) = &mut status.build_status {
            build.available_images.clear();
        }
    }
}

/// Takes one thing away, what helps least first: the last cell (those that failed stand first), the last difference,
/// the last piece of feedback; at the end where it was looked for dependencies, and the checks.
fn drop_last(status: &mut NotebookValidationJobStatus) -> bool {
    let diffs = status.comparison_result.as_mut().map(|found| &mut found.diffs);
    let looked_at = status
        .build_status
        .as_mut()
        .and_then(|build| build.requirements.as_mut())
        .map(|found| &mut found.looked_at);
    let keep = |length: usize, at_least: usize| length > at_least;
    if keep(status.results.len(), 3) {
        return status.results.pop().is_some();
    }
    if let Some(diffs) = diffs.filter(|diffs| keep(diffs.len(), 1)) {
        return diffs.pop().is_some();
    }
    if keep(status.educational_feedback.len(), 1) {
        return status.educational_feedback.pop().is_some();
    }
    if let Some(looked_at) = looked_at.filter(|places| keep(places.len(), 4)) {
        return looked_at.pop().is_some();
    }
    if keep(status.validation_checks.len(), 8) {
        return status.validation_checks.pop().is_some();
    }
    false
}

/// The status with every text clean and no longer than this.
fn with_texts(status: &NotebookValidationJobStatus, most: usize) -> NotebookValidationJobStatus {
    let Ok(mut json) = serde_json::to_value(status) else {
        return status.clone();
    };
    shorten(&mut json, most);
    serde_json::from_value(json).unwrap_or_else(|_| status.clone())
}

fn shorten(json: &mut Value, most: usize) {
    match json {
        Value::String(text) => *text = text::cut(&text::clean(text), most),
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, most)),
        Value::Object(members) => {
            for (name, value) in members {
                let most = if WHOLE.contains(&name.as_str()) {
                    MOST_WHOLE
                } else {
                    most
                };
                shorten(value, most);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        apimachinery::pkg::apis::meta::v1::{Condition, Time},
        jiff::Timestamp,
    };
    use proptest::{collection::vec, prelude::*};
    use serde_json::json;

    use super::*;
    use crate::status::{
        BuildStatus, CellResult, CellStatus, Check, CheckStatus, CheckType, ComparisonSummary, Difference,
        Feedback, Pause, RequirementsFound, Run, Step,
    };

    /// Any text: escapes, control characters, characters of many bytes, and long.
    fn text() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            any::<String>(),
            "\\PC{0,80}",
            Just("\u{1b}[31m\u{1b}]8;;x\u{7}\"\\\n\u{0}\u{202e}".to_owned()),
            Just("✓ünïcode🦀".repeat(60)),
            Just("\"".repeat(3_000)),
        ];
        vec(part, 0..4).prop_map(|parts| parts.concat())
    }

    fn maybe() -> impl Strategy<Value = Option<String>> {
        proptest::option::of(text())
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let kind = prop_oneof![text(), Just("Ready".to_owned()), Just("Validated".to_owned())];
        (kind, text(), text()).prop_map(|(kind, reason, message)| Condition {
            type_: kind,
            status: "True".to_owned(),
            reason,
            message,
            observed_generation: Some(i64::MAX),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        })
    }

    fn result() -> impl Strategy<Value = CellResult> {
        (any::<bool>(), maybe(), maybe(), maybe(), maybe()).prop_map(|(failed, id, time, output, error)| {
            CellResult {
                cell_index: i64::MAX,
                cell_id: id,
                status: if failed {
                    CellStatus::Failure
                } else {
                    CellStatus::Success
                },
                execution_time: time,
                output,
                error_message: error,
            }
        })
    }

    fn feedback() -> impl Strategy<Value = Feedback> {
        (text(), text(), maybe(), maybe()).prop_map(|(rule, issue, one, other)| Feedback {
            rule,
            severity: nbvet_report::Severity::Error,
            cell: Some(1),
            issue,
            explanation: one.clone(),
            suggestion: other.clone(),
            example: one,
            documentation: other,
        })
    }

    fn difference() -> impl Strategy<Value = Difference> {
        (text(), maybe(), maybe()).prop_map(|(kind, one, other)| Difference {
            cell_index: 1,
            cell_type: kind.clone(),
            diff_type: kind,
            expected: one.clone(),
            actual: other.clone(),
            diff: one,
            severity: other,
        })
    }

    prop_compose! {
        fn status()(
            conditions in vec(condition(), 0..60),
            results in vec(result(), 0..80),
            feedback in vec(feedback(), 0..40),
            diffs in vec(difference(), 0..40),
            looked_at in vec(text(), 0..80),
            messages in vec(text(), 0..20),
            texts in vec(text(), 8),
            pauses in 0_usize..200,
        ) -> NotebookValidationJobStatus {
            let check = |message: String| Check {
                kind: CheckType::Lint,
                status: CheckStatus::Failed,
                message: Some(message),
            };
            let pause = Pause { from: Time(Timestamp::UNIX_EPOCH), until: Some(Time(Timestamp::UNIX_EPOCH)) };
            NotebookValidationJobStatus {
                message: Some(texts[0].clone()),
                run: Some(Run {
                    id: texts[1].clone(),
                    number: i64::MAX,
                    wish: texts[2].clone(),
                    pauses: vec![pause; pauses],
                }),
                step: Some(Step { name: texts[3].clone(), waiting_for: Some(texts[4].clone()), ..Step::default() }),
                conditions,
                build_status: Some(BuildStatus {
                    message: Some(texts[5].clone()),
                    image_reference: Some(texts[6].clone()),
                    requirements: Some(RequirementsFound { looked_at: looked_at.clone(), ..RequirementsFound::default() }),
                    available_images: looked_at.iter().map(|text| json!({"name": text})).collect(),
                    ..BuildStatus::default()
                }),
                validation_checks: messages.into_iter().map(check).collect(),
                results,
                educational_feedback: feedback,
                comparison_result: Some(ComparisonSummary { diffs, ..ComparisonSummary::default() }),
                model_validation_result: Some(json!({"message": texts[7].repeat(20)})),
                ..NotebookValidationJobStatus::default()
            }
        }
    }

    fn texts_of(json: &Value, found: &mut Vec<String>) {
        match json {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| texts_of(item, found)),
            Value::Object(members) => members.values().for_each(|value| texts_of(value, found)),
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_status_always_has_room_and_harms_no_terminal(status in status()) {
            let bounded = bounded(&status);
            let json = serde_json::to_value(&bounded).unwrap();
            prop_assert!(serde_json::to_vec(&json).unwrap().len() <= MOST);
            let mut texts = Vec::new();
            texts_of(&json, &mut texts);
            for text in texts {
                prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
            }
        }

        #[test]
        fn the_same_status_is_always_cut_the_same_way_and_only_once(status in status()) {
            let once = bounded(&status);
            prop_assert_eq!(&bounded(&status), &once);
            prop_assert_eq!(&bounded(&once), &once);
        }

        #[test]
        fn cells_that_failed_are_the_last_to_go(mut status in status()) {
            status.results.sort_by_key(|result| result.status != CellStatus::Failure);
            let bounded = bounded(&status);
            let failed = |results: &[CellResult]| results.iter().filter(|result| result.status == CellStatus::Failure).count();
            let kept = failed(&bounded.results);
            prop_assert_eq!(kept, failed(&status.results).min(bounded.results.len()));
        }

        #[test]
        fn any_text_becomes_clean_and_short(text in text(), most in 0_usize..200) {
            let clean = text::clean(&text);
            prop_assert_eq!(&text::clean(&clean), &clean);
            for cut in [text::cut(&clean, most), text::cut_front(&clean, most), text::one_line(&text, most)] {
                prop_assert!(cut.len() <= most);
            }
        }
    }

    #[test]
    fn a_small_status_stays_as_it_is() {
        let status: NotebookValidationJobStatus = serde_json::from_value(json!({
            "phase": "Succeeded",
            "message": "two lines\nand a tab\t✓",
            "modelValidationResult": {"phase": "both", "deep": [{"a": null}]},
            "results": [{"cellIndex": 0, "status": "Success", "output": "1"}]
        }))
        .unwrap();
        assert_eq!(bounded(&status), status);
    }

    #[test]
    fn names_that_are_of_no_use_when_cut_are_kept_whole() {
        let image = format!(
            "registry.example.com/{}@sha256:{}",
            "a".repeat(300),
            "0".repeat(64)
        );
        let crowded = NotebookValidationJobStatus {
            build_status: Some(BuildStatus {
                image_reference: Some(image.clone()),
                ..BuildStatus::default()
            }),
            conditions: vec![
                Condition {
                    type_: "Ready".to_owned(),
                    status: "True".to_owned(),
                    reason: "Done".to_owned(),
                    message: "m".repeat(2_000),
                    observed_generation: None,
                    last_transition_time: Time(Timestamp::UNIX_EPOCH),
                };
                60
            ],
            ..NotebookValidationJobStatus::default()
        };
        let bounded = bounded(&crowded);
        assert_eq!(bounded.build_status.unwrap().image_reference, Some(image));
        assert_eq!(bounded.conditions.len(), MOST_CONDITIONS);
    }
}
