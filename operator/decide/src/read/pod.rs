//! How far a child is, read from the statuses of its Job and pod and from events. What decides is the termination
//! message of a trusted container, and the kubelet's reasons; the user's container's exit code and log decide nothing.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Event, Pod, PodStatus},
    },
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use nbvet_blob::read_end;
use nbvet_report::{
    Outcome, Reason,
    step::{MAX_MESSAGE, StepEnd, plain},
};

use super::{admission, words};
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
        Some(pod) => {
            let state = of_pod(pod, &about(events, pod.metadata.uid.as_deref()));
            match state {
                ChildState::Said { ref end, .. } if !was_interrupted(end) => state,
                _ if is_past_its_own_deadline(job) => past_the_jobs_deadline(job, state),
                _ => state,
            }
        }
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

/// How long a kubelet waits at most before it tries a volume again, and some seconds to tell of it: of one that it told of
/// longer before another, nothing is amiss any more.
const TRIED_AGAIN: SignedDuration = SignedDuration::from_secs(150);

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
        held: Some(Held::by_cluster(reason, plain(message, MAX_MESSAGE))),
    }
}

/// A Job without a pod: not yet, refused, or its pod is gone.
fn without_pod(job: &Job, events: &[&Event]) -> ChildState {
    if let Some((_, at)) = job_ended(job) {
        if is_past_its_own_deadline(job) {
            return broken(Some(at), Reason::ReportLost, true, JOB_DEADLINE);
        }
        let message = "the pod is gone, and its result with it";
        return broken(Some(at), Reason::ReportLost, true, message);
    }
    if job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true) {
        return ChildState::Starting {
            held: Some(Held::by_queue()),
        };
    }
    let mut refusals = events
        .iter()
        .filter(|event| event.reason.as_deref() == Some("FailedCreate"));
    let Some(refusal) = refusals.next_back() else {
        return ChildState::Starting { held: None };
    };
    let refused = admission(refusal.message.as_deref().unwrap_or("the pod was refused"));
    if refused.passes {
        return held(Reason::Waiting, &refused.message);
    }
    broken(
        event_time(refusal),
        Reason::AdmissionRefused,
        false,
        &refused.message,
    )
}

/// What is said where a Job was given a deadline.
const JOB_DEADLINE: &str = "the Job's `activeDeadlineSeconds` took the pod away, and its result with it; nbvet sets none: \
                            an administrator has to see which admission webhook or policy does";

/// A pod that its Job's deadline takes away, or has taken.
fn past_the_jobs_deadline(job: &Job, state: ChildState) -> ChildState {
    match (job_ended(job), state) {
        (Some((_, at)), _) => broken(Some(at), Reason::ReportLost, true, JOB_DEADLINE),
        // The Job says how it ended once its pods have.
        (None, ChildState::Said { at, .. } | ChildState::Broken { at, .. }) => {
            ChildState::Running { since: at }
        }
        (None, state) => state,
    }
}

/// Whether a host was told to end before its notebook did, or its agent was: by whom is for others to say.
fn was_interrupted(end: &StepEnd) -> bool {
    end.outcome == Outcome::Error && [Reason::Evicted, Reason::AgentLost].contains(&end.reason)
}

/// A deadline of the Job, which nbvet does not give it, has passed.
fn is_past_its_own_deadline(job: &Job) -> bool {
    let conditions = job
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut reasons = conditions
        .filter(|one| one.status == "True")
        .map(|one| one.reason.as_deref());
    reasons.any(|reason| reason == Some("DeadlineExceeded"))
}

fn of_pod(pod: &Pod, events: &[&Event]) -> ChildState {
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let Some(status) = &pod.status else {
        return ChildState::Starting { held: None };
    };
    let at = ended_at(status).or(created);
    if let Some(state) = not_started(pod, status, at) {
        return state;
    }
    let out_of_memory = container(status, NOTEBOOK).is_some_and(was_out_of_memory);
    if let Some((at, end)) = said(status) {
        let has_ended = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
        if let Some(since) = started_at(status, NOTEBOOK).filter(|_| !has_ended) {
            // Only when it has ended does the kubelet tell whether memory ran out.
            return ChildState::Running { since };
        }
        if was_interrupted(&end) && !out_of_memory {
            return interrupted(pod, status, events, at, end);
        }
        return told(pod, at, end, out_of_memory);
    }
    if out_of_memory {
        return broken(at, Reason::OutOfMemory, false, &words::out_of_memory(pod));
    }
    let later = || {
        put_out(pod, status, at)
            .or_else(|| put_away(pod, status))
            .or_else(|| ended_in_silence(pod, status, at))
            .or_else(|| waits(pod, status, at))
    };
    if let Some(state) = later() {
        return state;
    }
    if let Some(since) = started_at(status, TRUSTED) {
        return ChildState::Running { since };
    }
    starting(pod, status, events)
}

/// A host that was told to end, or whose agent went away. Why the pod was to go is the node's or the cluster's to say, where they do.
fn interrupted(
    pod: &Pod,
    status: &PodStatus,
    events: &[&Event],
    at: Timestamp,
    mut end: StepEnd,
) -> ChildState {
    let was_told = end.reason == Reason::Evicted;
    if was_told && !matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")) {
        return ChildState::Running { since: at };
    }
    if let Some(state) = put_out(pod, status, Some(at)) {
        return state;
    }
    if let Some((reason, said)) = disruption(status) {
        let (reason, message) = by_disruption(pod, reason, said);
        return broken(Some(at), reason, true, &message);
    }
    // A kubelet that evicts may write down only that all containers have ended.
    let evicted = |event: &&&Event| event.reason.as_deref() == Some("Evicted");
    if let Some(event) = events.iter().rev().find(evicted) {
        let said = event.message.as_deref().unwrap_or_default();
        return by_kubelet(pod, Reason::Evicted, said, Some(at));
    }
    if was_told {
        end.message = format!("{} ({})", words::put_out(pod, "it was deleted"), end.message);
    }
    told(pod, at, end, false)
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

fn told(pod: &Pod, at: Timestamp, mut end: StepEnd, out_of_memory: bool) -> ChildState {
    if out_of_memory {
        end.message = format!("{} ({})", words::out_of_memory(pod), end.message);
        end.outcome = Outcome::Failed;
        end.reason = Reason::OutOfMemory;
        end.transient = false;
    }
    end.message = plain(&end.message, MAX_MESSAGE);
    let body = if end.blob.is_some() {
        Body::Unread
    } else {
        Body::None
    };
    ChildState::Said { at, end, body }
}

/// The containers of a pod, those that come first before the others.
fn of_all(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let before = status.init_container_statuses.iter().flatten();
    before.chain(status.container_statuses.iter().flatten())
}

fn container<'a>(status: &'a PodStatus, name: &str) -> Option<&'a ContainerStatus> {
    of_all(status).find(|one| one.name == name)
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
    let ends =
        of_all(status).filter_map(|one| terminated(one)?.finished_at.as_ref().map(|time: &Time| time.0));
    ends.max()
}

/// Why the cluster wants a pod away.
fn disruption(status: &PodStatus) -> Option<(&str, &str)> {
    let mut conditions = status.conditions.iter().flatten();
    let found = conditions.find(|one| one.type_ == "DisruptionTarget" && one.status == "True")?;
    let (reason, message) = (found.reason.as_deref(), found.message.as_deref());
    Some((reason.unwrap_or_default(), message.unwrap_or_default()))
}

/// A pod that the node or the cluster ended.
fn put_out(pod: &Pod, status: &PodStatus, at: Option<Timestamp>) -> Option<ChildState> {
    let message = status.message.as_deref().unwrap_or_default();
    let disruption = disruption(status);
    let has_failed = status.phase.as_deref() == Some("Failed");
    let reason = match status.reason.as_deref() {
        Some("DeadlineExceeded") => return Some(past_its_deadline(status, at)),
        Some("Evicted" | "Preempting" | "UnexpectedAdmissionError" | "NodeAffinity") => Reason::Evicted,
        Some(reason) if reason.starts_with("OutOf") => Reason::Evicted,
        Some("NodeLost" | "NodeShutdown" | "Shutdown" | "Terminated") => Reason::NodeLost,
        _ if !has_failed => return None,
        _ => {
            let (reason, said) = disruption?;
            let (reason, message) = by_disruption(pod, reason, said);
            return Some(broken(at, reason, true, &message));
        }
    };
    let said = match message {
        "" => disruption.map_or("", |(_, said)| said),
        said => said,
    };
    Some(by_kubelet(pod, reason, said, at))
}

/// A pod that its node ended, in the kubelet's words.
fn by_kubelet(pod: &Pod, reason: Reason, said: &str, at: Option<Timestamp>) -> ChildState {
    if let Some(message) = words::own_limit(said) {
        // It would write as much again.
        return broken(at, reason, false, &message);
    }
    let message = if reason == Reason::NodeLost {
        words::node_lost(pod, said)
    } else {
        words::put_out(pod, said)
    };
    broken(at, reason, true, &message)
}

/// A pod that the cluster wants away and that has not ended yet. Over when it has had the time that pods have to end in:
/// where its node does not answer nobody will ever tell.
fn put_away(pod: &Pod, status: &PodStatus) -> Option<ChildState> {
    let due = pod.metadata.deletion_timestamp.as_ref()?.0;
    let (reason, said) = disruption(status)?;
    let (reason, message) = by_disruption(pod, reason, said);
    Some(broken(Some(due), reason, true, &message))
}

/// What the cluster's reason to want a pod away comes to.
fn by_disruption(pod: &Pod, reason: &str, said: &str) -> (Reason, String) {
    match reason {
        "DeletionByTaintManager" | "DeletionByPodGC" => (Reason::NodeLost, words::node_lost(pod, said)),
        _ => (Reason::Evicted, words::put_out(pod, said)),
    }
}

/// A container that ended before its program began.
fn not_started(pod: &Pod, status: &PodStatus, at: Option<Timestamp>) -> Option<ChildState> {
    let (name, end) = of_all(status).find_map(|one| {
        let end = terminated(one)?;
        let is_so = matches!(end.reason.as_deref(), Some("StartError" | "ContainerCannotRun"));
        is_so.then_some((one.name.as_str(), end))
    })?;
    Some(no_start(
        pod,
        name,
        end.message.as_deref().unwrap_or_default(),
        at,
    ))
}

fn no_start(pod: &Pod, name: &str, said: &str, at: Option<Timestamp>) -> ChildState {
    if name == NOTEBOOK && words::has_no_room(said) {
        return broken(at, Reason::OutOfMemory, false, &words::no_memory_to_start(pod));
    }
    let words = words::start(pod, name, said);
    let reason = match (words.passes, words::is_trusted(name)) {
        (true, _) => Reason::ReportLost,
        (false, true) => Reason::InternalError,
        (false, false) => Reason::InvalidField,
    };
    broken(at, reason, words.passes, &words.message)
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
fn ended_in_silence(pod: &Pod, status: &PodStatus, at: Option<Timestamp>) -> Option<ChildState> {
    let of = |name: &'static str| Some((name, terminated(container(status, name)?)?));
    let before = || {
        let mut ends = BEFORE.iter().filter_map(|name| of(name));
        ends.find(|(_, end)| end.exit_code != 0)
    };
    let end = of(TRUSTED).or_else(before);
    let pod_ended = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    match end.and_then(|(_, end)| end.reason.as_deref()) {
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
        _ => {
            let message = match end {
                Some((name, end)) => words::silence(pod, name, end.exit_code),
                None if pod_ended => "the step ended and said nothing that can be read".to_owned(),
                None => return None,
            };
            Some(broken(at, Reason::ReportLost, true, &message))
        }
    }
}

/// Since when a container runs; `None`: it does not.
fn started_at(status: &PodStatus, name: &str) -> Option<Timestamp> {
    let state = container(status, name)?.state.as_ref()?;
    Some(state.running.as_ref()?.started_at.as_ref()?.0)
}

/// A container that the kubelet cannot start, whether others run or not.
fn waits(pod: &Pod, status: &PodStatus, at: Option<Timestamp>) -> Option<ChildState> {
    of_all(status).find_map(|one| {
        let wait = one.state.as_ref()?.waiting.as_ref()?;
        let said = wait.message.as_deref().unwrap_or_default();
        let (name, reason) = (one.name.as_str(), wait.reason.as_deref()?);
        match reason {
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
                let words = words::pull(pod, name, reason, said);
                Some(if words.passes {
                    held(Reason::ImagePullFailed, &words.message)
                } else {
                    broken(at, Reason::ImagePullFailed, false, &words.message)
                })
            }
            "CreateContainerConfigError" => {
                Some(held(Reason::InvalidField, &words::configuration(name, said)))
            }
            "CreateContainerError" | "RunContainerError" => {
                Some(held(Reason::InvalidField, &words::start(pod, name, said).message))
            }
            _ => None,
        }
    })
}

/// Why volumes are not mounted: of each that a kubelet has tried lately, in the order of their names.
fn unmounted(events: &[&Event]) -> Option<String> {
    let is_of_mount = |event: &&&Event| {
        let reason = event.reason.as_deref();
        reason.is_some_and(|reason| ["FailedMount", "FailedAttachVolume"].contains(&reason))
    };
    let of_mounts: Vec<_> = events.iter().filter(is_of_mount).collect();
    let newest = of_mounts.last()?;
    let is_recent = |event: &Event| match (event_time(event), event_time(newest)) {
        (Some(at), Some(newest)) => newest.duration_since(at) <= TRIED_AGAIN,
        _ => true,
    };
    let said = |event: &Event| event.message.clone().unwrap_or_default();
    // The kubelet itself is behind, as it often is at first: it tries again, and nobody need do anything.
    let is_late = |said: &str| said.contains("failed to sync ") && said.contains(" cache: ");
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    for event in of_mounts.iter().filter(|event| is_recent(event)) {
        let said = said(event);
        // One that says of several volumes that they are not there yet says less.
        if let Some(volume) = words::volume_of(&said).filter(|_| !is_late(&said)) {
            named.insert(volume.to_owned(), words::mount(&said));
        }
    }
    if named.is_empty() {
        return Some(words::mount(&said(newest)));
    }
    Some(named.into_values().collect::<Vec<_>>().join("; "))
}

/// Why a pod does not run yet.
fn starting(pod: &Pod, status: &PodStatus, events: &[&Event]) -> ChildState {
    let condition = |name: &str| {
        let mut all = status.conditions.iter().flatten();
        all.find(|one| one.type_ == name)
    };
    if let Some(refused) = condition("PodScheduled").filter(|one| one.status == "False") {
        let said = refused.message.as_deref().unwrap_or_default();
        return held(Reason::Unschedulable, &words::unschedulable(pod, said));
    }
    // The kubelet says so once the volumes are mounted and the sandbox stands: what kept them back is over, however long the
    // images take.
    if condition("PodReadyToStartContainers").is_some_and(|one| one.status == "True") {
        return ChildState::Starting { held: None };
    }
    let said = |event: &Event| event.message.clone().unwrap_or_default();
    let newest = |reasons: &[&str]| {
        let mut found = events.iter().rev().filter(|event| {
            event
                .reason
                .as_deref()
                .is_some_and(|reason| reasons.contains(&reason))
        });
        found.next()
    };
    if let Some(message) = unmounted(events) {
        return held(Reason::InvalidField, &message);
    }
    if let Some(event) = newest(&["FailedCreatePodSandBox"]) {
        let words = words::sandbox(pod, &said(event));
        let reason = if words.passes {
            Reason::NodeLost
        } else {
            Reason::InvalidField
        };
        return held(reason, &words.message);
    }
    ChildState::Starting { held: None }
}
