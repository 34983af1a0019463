//! How far a child is, read from the statuses of its Job and pod and from events. What decides is the termination
//! message of a trusted container, and the kubelet's reasons; the user's container's exit code and log decide nothing.

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Event, Pod, PodStatus},
    },
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};
use nbvet_blob::read_end;
use nbvet_report::{
    Outcome, Reason,
    step::{MAX_MESSAGE, StepEnd, plain},
};

use crate::observed::{Body, ChildState, Fault, Held};

/// The container that does a pod's step.
pub const TRUSTED: &str = "nbvet";
/// The container that a notebook runs in.
pub const NOTEBOOK: &str = "notebook";
/// The init containers, trusted ones as well.
pub const BEFORE: [&str; 2] = ["fetch", "install"];

/// How far a child is.
pub fn state(job: &Job, pods: &[Pod], events: &[Event]) -> ChildState {
    let newest = pods
        .iter()
        .max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    match newest {
        Some(pod) => of_pod(pod, &about(events, pod.metadata.uid.as_deref())),
        None => without_pod(job, &about(events, job.metadata.uid.as_deref())),
    }
}

/// Whether a pod of a child may still run, or may still come. A Job that has ended has none: where pods look otherwise,
/// they are seen later than their Job.
pub fn is_alive(job: &Job, pods: &[Pod]) -> bool {
    let runs = |pod: &Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        !matches!(phase, Some("Succeeded" | "Failed"))
    };
    job_ended(job).is_none() && (pods.is_empty() || pods.iter().any(runs))
}

/// Events about one object, the newest last.
fn about<'a>(events: &'a [Event], uid: Option<&str>) -> Vec<&'a Event> {
    let mut found: Vec<_> = events
        .iter()
        .filter(|event| event.involved_object.uid.as_deref() == uid && uid.is_some())
        .collect();
    found.sort_by_key(|event| event_time(event));
    found
}

fn event_time(event: &Event) -> Option<Timestamp> {
    let exact = event.event_time.as_ref().map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.max(exact)
}

/// Whether a Job has ended, whatever its pods are.
pub fn has_ended(job: &Job) -> bool {
    job_ended(job).is_some()
}

fn job_ended(job: &Job) -> Option<(bool, Timestamp)> {
    let status = job.status.as_ref()?;
    let conditions = status.conditions.iter().flatten();
    let mut ended =
        conditions.filter(|one| one.status == "True" && ["Complete", "Failed"].contains(&&*one.type_));
    let end = ended.next()?;
    Some((end.type_ == "Complete", end.last_transition_time.as_ref()?.0))
}

fn broken(at: Option<Timestamp>, reason: Reason, transient: bool, message: &str) -> ChildState {
    ChildState::Broken {
        at: at.unwrap_or(Timestamp::UNIX_EPOCH),
        fault: Fault {
            reason,
            transient,
            message: plain(message, MAX_MESSAGE),
        },
    }
}

fn held(reason: Reason, message: &str) -> ChildState {
    ChildState::Starting {
        held: Some(Held {
            reason,
            message: plain(message, MAX_MESSAGE),
        }),
    }
}

/// A Job without a pod: not yet, refused, or its pod is gone.
fn without_pod(job: &Job, events: &[&Event]) -> ChildState {
    if let Some((_, at)) = job_ended(job) {
        return broken(
            Some(at),
            Reason::ReportLost,
            true,
            "the pod is gone, and its result with it",
        );
    }
    if job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true) {
        return held(Reason::Waiting, Held::BY_QUEUE);
    }
    let mut refusals = events
        .iter()
        .filter(|event| event.reason.as_deref() == Some("FailedCreate"));
    let Some(refusal) = refusals.next_back() else {
        return ChildState::Starting { held: None };
    };
    let message = refusal.message.as_deref().unwrap_or("the pod was refused");
    if is_passing_refusal(message) {
        return held(Reason::Waiting, message);
    }
    broken(event_time(refusal), Reason::AdmissionRefused, false, message)
}

/// A refusal that ends by itself: the Job's controller tries again.
fn is_passing_refusal(message: &str) -> bool {
    [
        "exceeded quota",
        "timeout",
        "connection refused",
        "failed calling webhook",
        "serviceaccount",
    ]
    .iter()
    .any(|words| message.contains(words))
}

fn of_pod(pod: &Pod, events: &[&Event]) -> ChildState {
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let Some(status) = &pod.status else {
        return ChildState::Starting { held: None };
    };
    let out_of_memory = container(status, NOTEBOOK).is_some_and(was_out_of_memory);
    if let Some((at, end)) = said(status) {
        return told(at, end, out_of_memory);
    }
    let at = ended_at(status).or(created);
    if out_of_memory {
        let message = "the notebook's container was killed: it used more memory than its limit";
        return broken(at, Reason::OutOfMemory, false, message);
    }
    if let Some(state) = put_out(status, at) {
        return state;
    }
    if let Some(state) = ended_in_silence(status, at) {
        return state;
    }
    if let Some(since) = running_since(status) {
        return ChildState::Running { since };
    }
    starting(status, events, at)
}

/// What a trusted container said at its end: the step's own, else the one that ended before it.
fn said(status: &PodStatus) -> Option<(Timestamp, StepEnd)> {
    let main = container(status, TRUSTED).and_then(|one| word_of(one, false));
    main.or_else(|| {
        BEFORE
            .iter()
            .find_map(|name| container(status, name).and_then(|one| word_of(one, true)))
    })
}

/// The word of a container; of an init container only that it failed, since else another comes after it.
fn word_of(container: &ContainerStatus, only_failed: bool) -> Option<(Timestamp, StepEnd)> {
    let end = terminated(container)?;
    if only_failed && end.exit_code == 0 {
        return None;
    }
    let word = read_end(end.message.as_deref()?).ok()?;
    Some((end.finished_at.as_ref()?.0, word))
}

fn told(at: Timestamp, mut end: StepEnd, out_of_memory: bool) -> ChildState {
    end.message = plain(&end.message, MAX_MESSAGE);
    if out_of_memory {
        end.outcome = Outcome::Failed;
        end.reason = Reason::OutOfMemory;
        end.transient = false;
    }
    let body = if end.blob.is_some() {
        Body::Unread
    } else {
        Body::None
    };
    ChildState::Said { at, end, body }
}

fn container<'a>(status: &'a PodStatus, name: &str) -> Option<&'a ContainerStatus> {
    let before = status.init_container_statuses.iter().flatten();
    let main = status.container_statuses.iter().flatten();
    main.chain(before).find(|one| one.name == name)
}

fn terminated(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    container.state.as_ref()?.terminated.as_ref()
}

fn was_out_of_memory(container: &ContainerStatus) -> bool {
    let killed = |state: &Option<ContainerState>| {
        let end = state.as_ref().and_then(|state| state.terminated.as_ref());
        end.is_some_and(|end| end.reason.as_deref() == Some("OOMKilled"))
    };
    killed(&container.state) || killed(&container.last_state)
}

fn ended_at(status: &PodStatus) -> Option<Timestamp> {
    let all = status
        .container_statuses
        .iter()
        .chain(&status.init_container_statuses)
        .flatten();
    let ends = all.filter_map(|one| terminated(one)?.finished_at.as_ref().map(|time: &Time| time.0));
    ends.max()
}

/// A pod that the node or the cluster ended.
fn put_out(status: &PodStatus, at: Option<Timestamp>) -> Option<ChildState> {
    let message = status.message.as_deref().unwrap_or_default();
    let disruption = status
        .conditions
        .iter()
        .flatten()
        .find(|one| one.type_ == "DisruptionTarget" && one.status == "True");
    let has_failed = status.phase.as_deref() == Some("Failed");
    let reason = match status.reason.as_deref() {
        Some("DeadlineExceeded") => return Some(past_its_deadline(status, at)),
        Some("Evicted" | "Preempting" | "UnexpectedAdmissionError" | "NodeAffinity") => Reason::Evicted,
        Some(reason) if reason.starts_with("OutOf") => Reason::Evicted,
        Some("NodeLost" | "NodeShutdown" | "Shutdown" | "Terminated") => Reason::NodeLost,
        _ if !has_failed => return None,
        _ => match disruption?.reason.as_deref() {
            Some("DeletionByTaintManager" | "DeletionByPodGC") => Reason::NodeLost,
            _ => Reason::Evicted,
        },
    };
    let words = match (message, disruption.and_then(|one| one.message.as_deref())) {
        ("", None) => "the pod was put out by its node",
        ("", Some(words)) | (words, _) => words,
    };
    Some(broken(at, reason, true, words))
}

/// The backstop of section 7: whether the agent ever said hello tells a slow notebook from an image that did not come.
fn past_its_deadline(status: &PodStatus, at: Option<Timestamp>) -> ChildState {
    let Some(notebook) = container(status, NOTEBOOK) else {
        return broken(at, Reason::ReportLost, true, "the pod ran past its deadline");
    };
    let state = notebook.state.as_ref();
    let has_run = state.is_some_and(|state| {
        let ended = state
            .terminated
            .as_ref()
            .is_some_and(|end| end.started_at.is_some());
        state.running.is_some() || ended
    });
    if has_run {
        let message = "the notebook ran past the pod's deadline, and its host did not end it before";
        broken(at, Reason::ValidationTimedOut, false, message)
    } else {
        let message = "the notebook's container did not start before the pod's deadline";
        broken(at, Reason::ImagePullFailed, true, message)
    }
}

/// A trusted container, or the whole pod, that ended and left no word.
fn ended_in_silence(status: &PodStatus, at: Option<Timestamp>) -> Option<ChildState> {
    let main = container(status, TRUSTED).and_then(terminated);
    let before = BEFORE
        .iter()
        .filter_map(|name| terminated(container(status, name)?))
        .find(|end| end.exit_code != 0);
    let end = main.or(before);
    let pod_ended = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    match end.and_then(|end| end.reason.as_deref()) {
        Some("ContainerStatusUnknown") => Some(broken(
            at,
            Reason::NodeLost,
            true,
            "the node does not know what became of the container",
        )),
        Some("OOMKilled") => {
            let message = "nbvet's own container was killed: it used more memory than its limit";
            Some(broken(at, Reason::ReportLost, true, message))
        }
        _ if end.is_some() || pod_ended => Some(broken(
            at,
            Reason::ReportLost,
            true,
            "the step ended and said nothing that can be read",
        )),
        _ => None,
    }
}

fn running_since(status: &PodStatus) -> Option<Timestamp> {
    let state = container(status, TRUSTED)?.state.as_ref()?;
    Some(state.running.as_ref()?.started_at.as_ref()?.0)
}

/// Why a pod does not run yet.
fn starting(status: &PodStatus, events: &[&Event], at: Option<Timestamp>) -> ChildState {
    let condition = |name: &str| {
        let mut all = status.conditions.iter().flatten();
        all.find(|one| one.type_ == name)
    };
    if let Some(refused) = condition("PodScheduled").filter(|one| one.status == "False") {
        let message = refused.message.as_deref().unwrap_or("no node takes the pod");
        return held(Reason::Unschedulable, message);
    }
    let all = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses)
        .flatten();
    let waiting = all.filter_map(|one| one.state.as_ref()?.waiting.as_ref());
    for wait in waiting {
        let message = wait.message.as_deref().unwrap_or_default();
        match wait.reason.as_deref() {
            Some("ErrImagePull" | "ImagePullBackOff") if is_passing_pull(message) => {
                return held(Reason::ImagePullFailed, message);
            }
            Some("ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull") => {
                return broken(at, Reason::ImagePullFailed, false, message);
            }
            Some("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => {
                return held(Reason::InvalidField, message);
            }
            _ => {}
        }
    }
    // The kubelet says so once the volumes are mounted and the sandbox stands: what kept them back is over, however long the
    // images take.
    if condition("PodReadyToStartContainers").is_some_and(|one| one.status == "True") {
        return ChildState::Starting { held: None };
    }
    let last = events
        .iter()
        .rev()
        .find_map(|event| match event.reason.as_deref() {
            Some("FailedMount" | "FailedAttachVolume") => Some((Reason::InvalidField, event)),
            Some("FailedCreatePodSandBox") => Some((Reason::NodeLost, event)),
            _ => None,
        });
    match last {
        Some((reason, event)) => held(reason, event.message.as_deref().unwrap_or_default()),
        None => ChildState::Starting { held: None },
    }
}

/// What a registry says when it is not there or refuses; everything else of a pull may pass.
const LASTING: [&str; 11] = [
    "not found",
    "manifest unknown",
    "name unknown",
    "unauthorized",
    "authentication required",
    "denied",
    "forbidden",
    "no match for platform",
    "invalid reference",
    "does not exist",
    "no such host",
];

/// Whether a pull may go well when it is tried again: a server's fault or a time-out.
fn is_passing_pull(message: &str) -> bool {
    let message = message.to_lowercase();
    // The kubelet repeats while it backs off, and says no more than that.
    !LASTING.iter().any(|words| message.contains(words))
}
