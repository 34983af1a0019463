//! How far a `PipelineRun` is, by its own status and its `TaskRun`'s: the run counts its tasks, and only the task knows why
//! its pod does not start or what became of it. States and reasons are those of Tekton Pipelines 0.53 and newer.

use k8s_openapi::jiff::Timestamp;
use nbvet_blob::read_end;
use nbvet_report::{
    Outcome, Reason,
    step::{MAX_MESSAGE, StepEnd, plain},
};
use serde_json::Value;

use super::{END, IMAGE_DIGEST, IMAGE_URL};
use crate::observed::{BuildState, Fault, Held};

/// Reasons by which somebody ended a run.
const CANCELLED: [&str; 6] = [
    "Cancelled",
    "CancelledRunningFinally",
    "StoppedRunningFinally",
    "PipelineRunCancelled",
    "PipelineRunCouldntCancel",
    "TaskRunCancelled",
];

/// Reasons by which time ended it.
const TIMED_OUT: [&str; 3] = [
    "PipelineRunTimeout",
    "PipelineRunCouldntTimeOut",
    "TaskRunTimeout",
];

/// Reasons that another try changes nothing about: what was asked for is at fault.
const LASTING: [&str; 23] = [
    "CELEvaluationFailed",
    "CouldntGetPipeline",
    "CouldntGetTask",
    "InvalidMatrixParameterTypes",
    "InvalidParamValue",
    "InvalidPipelineResourceBindings",
    "InvalidPipelineResultReference",
    "InvalidTaskResultReference",
    "InvalidTaskRunSpecs",
    "InvalidWorkspaceBindings",
    "ObjectParameterMissKeys",
    "ParamArrayIndexingInvalid",
    "ParameterMissing",
    "ParameterTypeMismatch",
    "PipelineInvalidGraph",
    "PipelineValidationFailed",
    "PodCreationFailed",
    "RequiredWorkspaceMarkedOptional",
    "ResourceVerificationFailed",
    "TaskRunResolutionFailed",
    "TaskRunResultLargerThanAllowedLimit",
    "TaskRunValidationFailed",
    "TaskValidationFailed",
];

/// What a status says of its one question.
struct Succeeded<'a> {
    /// `True`, `False`, `Unknown`, or nothing yet.
    holds: &'a str,
    reason: &'a str,
    message: &'a str,
}

impl<'a> Succeeded<'a> {
    fn of(object: &'a Value) -> Self {
        let conditions = object["status"]["conditions"].as_array();
        let mut all = conditions.into_iter().flatten();
        let found = all.find(|one| one["type"] == "Succeeded");
        let text = |field: &str| found.and_then(|one| one[field].as_str()).unwrap_or_default();
        Self {
            holds: text("status"),
            reason: text("reason"),
            message: text("message"),
        }
    }

    /// In Tekton's words.
    fn words(&self) -> String {
        let words = if self.message.is_empty() {
            self.reason.to_owned()
        } else {
            format!("{}: {}", self.reason, self.message)
        };
        plain(&words, MAX_MESSAGE)
    }
}

fn time(object: &Value, field: &str) -> Option<Timestamp> {
    object["status"][field].as_str()?.parse().ok()
}

/// How far a run is. `Cancelled` is said while it still stops, and after; only what has ended counts.
pub(super) fn read(run: &Value, tasks: &[Value]) -> BuildState {
    let said = Succeeded::of(run);
    // Of several, which retries leave behind, the last one counts.
    let task = tasks
        .iter()
        .max_by_key(|task| task["metadata"]["creationTimestamp"].as_str());
    let has_ended = matches!(said.holds, "True" | "False");
    match time(run, "completionTime").filter(|_| has_ended) {
        Some(at) => ended(run, task, &said, at),
        None => under_way(run, task, &said),
    }
}

fn under_way(run: &Value, task: Option<&Value>, said: &Succeeded) -> BuildState {
    if let Some(held) = task.and_then(held_back) {
        return BuildState::Starting { held: Some(held) };
    }
    match time(run, "startTime") {
        Some(since) if said.reason != "PipelineRunPending" => BuildState::Running { since },
        _ => BuildState::Starting {
            held: (!said.message.is_empty()).then(|| Held::by_cluster(Reason::Waiting, said.words())),
        },
    }
}

/// Why the pod of a task does not start.
fn held_back(task: &Value) -> Option<Held> {
    let said = Succeeded::of(task);
    if said.holds != "Unknown" {
        return None;
    }
    let reason = match said.reason {
        "ExceededNodeResources" => Reason::Unschedulable,
        "PullImageFailed" => Reason::ImagePullFailed,
        "ExceededResourceQuota" => Reason::Waiting,
        "Pending" if said.message.contains("PodScheduled") => Reason::Unschedulable,
        // A pod that is being set up says so too; that is no trouble yet.
        "Pending" if said.message.contains("is pending with reason") => Reason::Waiting,
        _ => return None,
    };
    Some(Held::by_cluster(reason, said.words()))
}

fn ended(run: &Value, task: Option<&Value>, said: &Succeeded, at: Timestamp) -> BuildState {
    let is_stopped = CANCELLED.contains(&said.reason) || TIMED_OUT.contains(&said.reason);
    let word = end_of(run).or_else(|| task.and_then(end_of));
    match word.filter(|_| said.holds == "True" || !is_stopped) {
        Some(end) => of_word(end, task, at),
        None if said.holds == "True" => failed(
            at,
            Reason::ReportLost,
            true,
            "the build ended and said nothing that can be read",
        ),
        None => of_silence(task, said, at),
    }
}

/// The step's own word: a run ends well whenever its step could say how it ended.
fn of_word(end: StepEnd, task: Option<&Value>, at: Timestamp) -> BuildState {
    if end.outcome != Outcome::Passed {
        return BuildState::Failed {
            at,
            fault: Fault {
                reason: end.reason,
                transient: end.transient,
                message: plain(&end.message, MAX_MESSAGE),
            },
        };
    }
    let hinted = task.and_then(hinted);
    let agree = hinted.is_none_or(|hinted| Some(&hinted) == end.image.as_ref());
    BuildState::Complete {
        at,
        // Two words for one image that differ are no word: the registry is asked.
        image: end.image.filter(|_| agree),
        size: end.image_size,
    }
}

/// A run that failed and whose step said nothing: what became of its pod, as the task tells it.
fn of_silence(task: Option<&Value>, said: &Succeeded, at: Timestamp) -> BuildState {
    let task = task.map(Succeeded::of).filter(|task| task.holds == "False");
    let stopped = |reason: &str| {
        if CANCELLED.contains(&reason) {
            Some(Reason::BuildCancelled)
        } else {
            TIMED_OUT.contains(&reason).then_some(Reason::BuildTimedOut)
        }
    };
    if let Some(reason) = stopped(said.reason) {
        return failed(at, reason, false, &said.words());
    }
    let Some(task) = task else {
        let (reason, transient) = match said.reason {
            reason if LASTING.contains(&reason) => (Reason::BuildFailed, false),
            "CreateRunFailed" => (Reason::BuildFailed, true),
            // The task is not seen, and might know better; or it lost its result. Another try is bounded.
            _ => (Reason::ReportLost, true),
        };
        return failed(at, reason, transient, &said.words());
    };
    let (reason, transient) = stopped(task.reason).map_or_else(|| of_pod(&task), |reason| (reason, false));
    failed(at, reason, transient, &task.words())
}

/// What became of the pod of a task that failed.
fn of_pod(task: &Succeeded) -> (Reason, bool) {
    let says = |words: &[&str]| words.iter().any(|words| task.message.contains(words));
    match task.reason {
        "PodEvicted" => (Reason::Evicted, true),
        "PodAdmissionFailed" => (Reason::AdmissionRefused, false),
        "PodCreationFailed" if says(&["admission webhook", "is forbidden"]) => {
            (Reason::AdmissionRefused, false)
        }
        "CreateContainerConfigError" => (Reason::InvalidField, false),
        "TaskRunImagePullFailed" => {
            let lasting = says(&[
                "not found",
                "unauthorized",
                "denied",
                "forbidden",
                "InvalidImageName",
            ]);
            (Reason::ImagePullFailed, !lasting)
        }
        reason if LASTING.contains(&reason) => (Reason::BuildFailed, false),
        _ if says(&["low on resource", "Preempt", "evict", "Evict"]) => (Reason::Evicted, true),
        _ if says(&["node shutdown", "NodeLost", "not responding"]) => (Reason::NodeLost, true),
        // The step writes its word before it exits, whatever with: one that wrote none was killed.
        _ => (Reason::ReportLost, true),
    }
}

fn failed(at: Timestamp, reason: Reason, transient: bool, message: &str) -> BuildState {
    BuildState::Failed {
        at,
        fault: Fault {
            reason,
            transient,
            message: message.to_owned(),
        },
    }
}

fn result<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let results = object["status"]["results"].as_array();
    let mut all = results.into_iter().flatten();
    let found = all.find(|result| result["name"] == name)?;
    let value = found["value"].as_str()?.trim();
    (!value.is_empty()).then_some(value)
}

fn end_of(object: &Value) -> Option<StepEnd> {
    read_end(result(object, END)?).ok()
}

/// The image that Chains would sign.
fn hinted(task: &Value) -> Option<String> {
    let (url, digest) = (result(task, IMAGE_URL)?, result(task, IMAGE_DIGEST)?);
    Some(format!("{url}@{digest}"))
}

#[cfg(test)]
mod tests {
    use nbvet_blob::write_end;
    use nbvet_report::step::Step;
    use serde_json::json;

    use super::*;

    const IMAGE: &str = "r.example/team/nbvet@sha256:aa";

    /// A run or a task: `status reason`, whether it has an end, and its results.
    fn object(said: &str, ended: bool, results: &[(&str, &str)]) -> Value {
        let (holds, reason) = said.split_once(' ').unwrap();
        let results: Vec<Value> = results
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "status": {
            "conditions": [{"type": "Ready"}, {"type": "Succeeded", "status": holds, "reason": reason}],
            "startTime": "2026-01-01T00:00:01Z",
            "completionTime": ended.then_some("2026-01-01T00:00:09Z"),
            "results": results,
        }})
    }

    fn passed() -> String {
        write_end(&StepEnd::new(Step::Build, Outcome::Passed, Reason::Done, "").with_image(IMAGE))
    }

    fn check(run: &Value, tasks: &[Value], expected: &str) {
        let found = match read(run, tasks) {
            BuildState::Starting { held } => format!("starting {held:?}"),
            BuildState::Running { since } => format!("running since {since}"),
            BuildState::Complete { image, .. } => format!("complete {}", image.unwrap_or_default()),
            BuildState::Failed { fault, .. } => format!("failed {} {}", fault.reason, fault.transient),
        };
        assert_eq!(found, expected, "{run} {tasks:?}");
    }

    #[test]
    fn a_run_without_a_status_starts() {
        check(&json!({}), &[], "starting None");
        check(
            &json!({"status": {"conditions": "x", "startTime": 7}}),
            &[],
            "starting None",
        );
    }

    #[test]
    fn a_run_has_ended_when_it_says_how_and_when() {
        let running = "running since 2026-01-01T00:00:01Z";
        check(&object("Unknown Running", false, &[]), &[], running);
        // It still stops; and a time alone, or an answer alone, is half of an end.
        check(&object("Unknown Cancelled", false, &[]), &[], running);
        check(&object("Unknown Running", true, &[]), &[], running);
        check(&object("False Failed", false, &[]), &[], running);
        check(
            &object("True Succeeded", false, &[("END", &passed())]),
            &[],
            running,
        );
        check(
            &object("False Cancelled", true, &[]),
            &[],
            "failed BuildCancelled false",
        );
    }

    #[test]
    fn who_ended_a_run_has_the_last_word_over_its_step() {
        let end = passed();
        for (said, expected) in [
            ("False Cancelled", "failed BuildCancelled false"),
            ("False PipelineRunTimeout", "failed BuildTimedOut false"),
            (
                "False CouldntGetPipelineResult",
                "complete r.example/team/nbvet@sha256:aa",
            ),
        ] {
            let task = object("True Succeeded", true, &[("END", &end)]);
            check(&object(said, true, &[]), &[task], expected);
        }
    }

    #[test]
    fn an_image_of_two_words_that_differ_is_asked_for() {
        let end = passed();
        let run = object("True Succeeded", true, &[("END", &end)]);
        let task = |digest| {
            let url = ("IMAGE_URL", "r.example/team/nbvet");
            object("True Succeeded", true, &[url, ("IMAGE_DIGEST", digest)])
        };
        check(
            &run,
            &[task("sha256:aa\n")],
            "complete r.example/team/nbvet@sha256:aa",
        );
        check(&run, &[task("sha256:bb")], "complete ");
        check(&run, &[task("")], "complete r.example/team/nbvet@sha256:aa");
    }

    #[test]
    fn of_several_tasks_the_last_one_counts() {
        let run = object("False Failed", true, &[]);
        let mut later = object("False PodEvicted", true, &[]);
        later["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:05Z");
        let first = object("False PodAdmissionFailed", true, &[]);
        check(&run, &[later, first], "failed Evicted true");
    }

    #[test]
    fn s8_what_became_of_a_pod_is_the_tasks_to_tell() {
        for (reason, message, expected) in [
            ("PodEvicted", "", "Evicted true"),
            ("Failed", "The node was low on resource: memory.", "Evicted true"),
            (
                "Failed",
                "Pod was terminated in response to imminent node shutdown.",
                "NodeLost true",
            ),
            ("Failed", "\"step-nbvet\" exited with code 137", "ReportLost true"),
            (
                "PodAdmissionFailed",
                "violates PodSecurity",
                "AdmissionRefused false",
            ),
            (
                "PodCreationFailed",
                "admission webhook \"x\" denied",
                "AdmissionRefused false",
            ),
            ("PodCreationFailed", "Maybe invalid TaskSpec", "BuildFailed false"),
            ("CreateContainerConfigError", "", "InvalidField false"),
            ("TaskRunImagePullFailed", "i/o timeout", "ImagePullFailed true"),
            ("TaskRunImagePullFailed", "not found", "ImagePullFailed false"),
            ("TaskRunTimeout", "", "BuildTimedOut false"),
            ("TaskRunCancelled", "", "BuildCancelled false"),
            ("TaskRunResultLargerThanAllowedLimit", "", "BuildFailed false"),
        ] {
            let mut task = object(&format!("False {reason}"), true, &[]);
            task["status"]["conditions"][1]["message"] = json!(message);
            let run = object("False Failed", true, &[]);
            check(&run, &[task], &format!("failed {expected}"));
        }
    }

    #[test]
    fn a_pod_that_does_not_start_says_why_through_its_task() {
        for (reason, message, expected) in [
            ("ExceededNodeResources", "", Reason::Unschedulable),
            ("PullImageFailed", "Back-off", Reason::ImagePullFailed),
            ("ExceededResourceQuota", "exceeded quota", Reason::Waiting),
            (
                "Pending",
                "pod status \"PodScheduled\":\"False\"",
                Reason::Unschedulable,
            ),
        ] {
            let mut task = object(&format!("Unknown {reason}"), false, &[]);
            task["status"]["conditions"][1]["message"] = json!(message);
            let found = read(&object("Unknown Running", false, &[]), &[task]);
            let BuildState::Starting { held: Some(held) } = found else {
                panic!("{reason}: {found:?}");
            };
            assert_eq!(held.reason, expected, "{reason}");
            assert!(held.message.contains(message), "{held:?}");
        }
    }
}
