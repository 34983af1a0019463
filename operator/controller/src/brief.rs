//! What of objects the stores keep: most of what is in them nobody here reads, and it would stay as long as they do.

use std::mem;

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{
            Container, ContainerStatus, Event, ObjectReference, Pod, PodSpec, PodStatus, PodTemplateSpec,
            ResourceRequirements, Volume,
        },
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use nbvet_blob::read_end;
use nbvet_operator_decide::{names, read::pod::TRUSTED};

/// Bytes that are kept of the message of an event.
const MESSAGE: usize = 1024;
/// Bytes of a uid, a name or a type in an event; one that is longer is of nothing that there is.
const NAME: usize = 253;

/// Of a Job its pod's description is most, and nobody reads it again, nor how its pods are found.
pub(crate) fn job(job: &mut Job) {
    if let Some(spec) = &mut job.spec {
        spec.template = PodTemplateSpec::default();
        spec.selector = None;
    }
    if let Some(status) = &mut job.status {
        status.uncounted_terminated_pods = None;
    }
}

/// Of a pod what may be told of it: whose it is, where it runs, what it mounts of others, its containers' images and limits,
/// and what became of it. Many run at once, and those that went well stay as long as their job does.
pub(crate) fn pod(pod: &mut Pod) {
    let meta = mem::take(&mut pod.metadata);
    let ours = |(name, _): &(String, String)| name == names::MANAGED_BY.0;
    pod.metadata = ObjectMeta {
        labels: meta
            .labels
            .map(|labels| labels.into_iter().filter(ours).collect()),
        name: meta.name,
        namespace: meta.namespace,
        uid: meta.uid,
        resource_version: meta.resource_version,
        owner_references: meta.owner_references,
        creation_timestamp: meta.creation_timestamp,
        deletion_timestamp: meta.deletion_timestamp,
        ..ObjectMeta::default()
    };
    let is_done = pod.status.as_ref().is_some_and(has_done_its_step);
    pod.spec = pod.spec.take().map(|spec| PodSpec {
        node_name: spec.node_name,
        runtime_class_name: spec.runtime_class_name,
        // Of containers that ended well nothing is told but what they said.
        volumes: spec.volumes.filter(|_| !is_done).map(claims),
        containers: if is_done {
            Vec::new()
        } else {
            limited(spec.containers)
        },
        init_containers: spec.init_containers.filter(|_| !is_done).map(limited),
        ..PodSpec::default()
    });
    pod.status = pod.status.take().map(|status| PodStatus {
        conditions: status.conditions.map(|mut all| {
            if status.phase.as_deref() == Some("Succeeded") {
                all.retain(|one| one.type_ == "DisruptionTarget");
            }
            all
        }),
        phase: status.phase,
        reason: status.reason,
        message: status.message,
        container_statuses: status.container_statuses.map(states),
        init_container_statuses: status.init_container_statuses.map(states),
        ..PodStatus::default()
    });
}

/// Whether all containers of a pod ended by themselves, and the trusted one said how.
fn has_done_its_step(status: &PodStatus) -> bool {
    let has_ended = |one: &ContainerStatus| {
        let end = one.state.as_ref().and_then(|state| state.terminated.as_ref());
        let is_whole = end.is_some_and(|end| end.reason.as_deref() == Some("Completed"));
        let said = end.and_then(|end| end.message.as_deref());
        is_whole && (one.name != TRUSTED || said.is_some_and(|said| read_end(said).is_ok()))
    };
    let all = || status.container_statuses.iter().flatten();
    status.phase.as_deref() == Some("Succeeded")
        && all().any(|one| one.name == TRUSTED)
        && all().all(has_ended)
}

/// Of volumes the claims.
fn claims(mut volumes: Vec<Volume>) -> Vec<Volume> {
    volumes.retain(|volume| volume.persistent_volume_claim.is_some());
    volumes
}

/// Of containers their names, images and limits.
fn limited(containers: Vec<Container>) -> Vec<Container> {
    let brief = |container: Container| Container {
        name: container.name,
        image: container.image,
        resources: container.resources.map(|resources| ResourceRequirements {
            limits: resources.limits,
            ..ResourceRequirements::default()
        }),
        ..Container::default()
    };
    containers.into_iter().map(brief).collect()
}

/// Of containers' statuses their states, and those before.
fn states(statuses: Vec<ContainerStatus>) -> Vec<ContainerStatus> {
    let brief = |status: ContainerStatus| ContainerStatus {
        name: status.name,
        state: status.state,
        last_state: status.last_state,
        ..ContainerStatus::default()
    };
    statuses.into_iter().map(brief).collect()
}

/// Of an event what is said, of what, and when: everybody may write them, and as long as they like.
pub(crate) fn event(event: &mut Event) {
    let all = mem::take(event);
    let name = |text: Option<String>| text.filter(|text| text.len() <= NAME);
    let message = all.message.map(|mut text| {
        text.truncate(text.floor_char_boundary(MESSAGE));
        text.shrink_to_fit();
        text
    });
    *event = Event {
        metadata: ObjectMeta {
            name: all.metadata.name,
            namespace: all.metadata.namespace,
            uid: all.metadata.uid,
            resource_version: all.metadata.resource_version,
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            kind: name(all.involved_object.kind),
            name: name(all.involved_object.name),
            namespace: name(all.involved_object.namespace),
            uid: name(all.involved_object.uid),
            ..ObjectReference::default()
        },
        reason: name(all.reason),
        message,
        type_: name(all.type_),
        event_time: all.event_time,
        last_timestamp: all.last_timestamp,
        ..Event::default()
    };
}

#[cfg(test)]
mod tests {
    use std::slice;

    use nbvet_operator_decide::{observed::ChildState, read};
    use nbvet_report::{
        Outcome, Reason,
        step::{Step, StepEnd},
    };
    use serde_json::json;

    use super::*;
    use crate::index::{keys_of_event, keys_of_pod};

    #[test]
    fn of_an_event_only_what_is_read_of_it_is_kept() {
        let long = "é".repeat(100_000);
        let about = json!({"kind": "Pod", "name": "a", "namespace": "team", "uid": "1"});
        let event = json!({
            "metadata": {"name": "e", "namespace": "team", "annotations": {"a": long}, "labels": {"b": "c"}},
            "involvedObject": {"kind": "Pod", "name": "a", "namespace": "team", "uid": "1", "fieldPath": long},
            "reason": "Evicted", "message": long, "type": "Warning", "action": long,
            "lastTimestamp": "2026-01-01T00:00:00Z", "source": {"component": long},
        });
        let mut event: Event = serde_json::from_value(event).unwrap();
        super::event(&mut event);
        let message = event.message.as_ref().unwrap();
        assert!(message.len() == MESSAGE && message.capacity() < 2 * MESSAGE);
        event.message = None;
        let kept = serde_json::to_value(&event).unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": "e", "namespace": "team"}, "involvedObject": about,
            "reason": "Evicted", "type": "Warning", "lastTimestamp": "2026-01-01T00:00:00Z",
        });
        assert_eq!(kept, expected);
        event.involved_object.uid = Some(long);
        super::event(&mut event);
        assert_eq!(keys_of_event(&event), Vec::<String>::new());
    }

    /// A pod that went well, as a kubelet leaves it: its notebook had little memory, or its node was drained.
    fn gone_well(out_of_memory: bool, drained: bool) -> Pod {
        let (outcome, why) = if drained {
            (Outcome::Error, Reason::Evicted)
        } else {
            (Outcome::Passed, Reason::Done)
        };
        let end = StepEnd::new(Step::Validate, outcome, why, "told");
        let said = &serde_json::to_string(&end).unwrap();
        let ended = |name: &str, message: &str, reason: &str| {
            let end = json!({
                "exitCode": 0, "reason": reason, "message": message,
                "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z",
            });
            json!({
                "name": name, "image": "i", "imageID": "i@sha256:1", "containerID": "1", "ready": false,
                "restartCount": 0, "state": {"terminated": end},
            })
        };
        let limits = json!({"limits": {"memory": "64Mi"}, "requests": {"memory": "64Mi"}});
        let reason = if out_of_memory { "OOMKilled" } else { "Completed" };
        let conditions = json!([
            {"type": "DisruptionTarget", "status": drained.to_string().replace('t', "T").replace('f', "F"),
                "reason": "EvictionByEvictionAPI", "message": "drained"},
            {"type": "Ready", "status": "False"},
        ]);
        serde_json::from_value(json!({
            "metadata": {
                "name": "p", "namespace": "team", "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {names::MANAGED_BY.0: names::MANAGED_BY.1, "other": "x"}, "annotations": {"a": "b"},
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "2"}],
            },
            "spec": {
                "nodeName": "node-1", "volumes": [{"name": "v", "emptyDir": {}}],
                "initContainers": [{"name": "fetch", "image": "i"}],
                "containers": [
                    {"name": "notebook", "image": "i", "resources": limits, "env": [{"name": "A", "value": "b"}]},
                    {"name": "nbvet", "image": "i", "command": ["nbvet"]},
                ],
            },
            "status": {
                "phase": "Succeeded", "podIP": "10.0.0.1", "conditions": conditions,
                "initContainerStatuses": [ended("fetch", "", "Completed")],
                "containerStatuses": [ended("notebook", "", reason), ended("nbvet", said, "Completed")],
            },
        }))
        .unwrap()
    }

    #[test]
    fn of_a_pod_that_went_well_the_same_is_told_and_less_kept() {
        for (out_of_memory, drained, said) in [
            (false, false, true),
            (true, false, true),
            (false, true, true),
            (false, false, false),
        ] {
            let mut whole = gone_well(out_of_memory, drained);
            if !said {
                let containers = whole.status.as_mut().unwrap().container_statuses.as_mut();
                let end = containers.unwrap()[1].state.as_mut().unwrap().terminated.as_mut();
                end.unwrap().message = None;
            }
            let mut kept = whole.clone();
            pod(&mut kept);
            let state = |pod: &Pod| read::pod::state(&Job::default(), slice::from_ref(pod), &[]);
            assert_eq!(state(&kept), state(&whole));
            let was_put_out = matches!(state(&whole), ChildState::Broken { .. });
            assert_eq!(was_put_out, drained || !said, "{:?}", state(&whole));
            let spec = kept.spec.as_ref().unwrap();
            assert_eq!(spec.containers.is_empty(), said && !out_of_memory);
            assert_ne!(kept, whole);
            assert_eq!(keys_of_pod(&kept), ["2"]);
            let size = |pod: &Pod| serde_json::to_string(pod).unwrap().len();
            assert!(size(&kept) < size(&whole), "{kept:#?}");
        }
    }

    #[test]
    fn of_a_pod_that_runs_what_is_told_of_it_stays() {
        let mut pod = gone_well(false, false);
        pod.status.as_mut().unwrap().phase = Some("Running".to_owned());
        let claim = json!([{"name": "c", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "e", "emptyDir": {}}]);
        pod.spec.as_mut().unwrap().volumes = serde_json::from_value(claim).unwrap();
        super::pod(&mut pod);
        let (spec, status) = (pod.spec.unwrap(), pod.status.unwrap());
        let names: Vec<_> = spec
            .volumes
            .iter()
            .flatten()
            .map(|volume| volume.name.as_str())
            .collect();
        assert_eq!(names, ["c"]);
        assert_eq!(spec.init_containers.unwrap()[0].image.as_deref(), Some("i"));
        let limits = spec.containers[0].resources.as_ref().unwrap().limits.as_ref();
        assert_eq!(limits.unwrap()["memory"].0, "64Mi");
        assert_eq!(status.conditions.unwrap().len(), 2);
    }
}
