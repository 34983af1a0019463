//! What becomes of a pod that nothing runs, and the status that tells it, as a kubelet would write it.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use serde_json::{Value, json};

/// How a pod goes on, from its start to its end. Times are those of the wall clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// From being bound to running.
    pub starts_after: Duration,
    /// From running to its end.
    pub runs_for: Duration,
    /// How it ends.
    pub end: End,
}

/// How a pod ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Every container ends: those that are named as told, all others with status 0 and without a message.
    Exits(BTreeMap<String, Exit>),
    /// The node took it away, with what it says: phase Failed, reason Evicted.
    Evicted(String),
    /// Its node is gone: it fails, and its object is deleted as the collector of such pods does.
    NodeLost,
    /// It never starts: its image cannot be had.
    ImagePullBackOff,
    /// It is never bound to a node.
    Unschedulable,
    /// It runs until it is deleted.
    Never,
}

/// How one container ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exit {
    /// Of the main process.
    pub code: i32,
    /// The kernel killed a process for memory; the code may be any.
    pub out_of_memory: bool,
    /// What it wrote to `/dev/termination-log`; a kubelet keeps 4,096 bytes.
    pub message: String,
}

impl Fate {
    /// At once, all containers with 0.
    pub fn succeeds() -> Self {
        Self::ends(End::Exits(BTreeMap::new()))
    }

    /// At once.
    pub fn ends(end: End) -> Self {
        Self {
            starts_after: Duration::ZERO,
            runs_for: Duration::ZERO,
            end,
        }
    }

    /// One container ends so, all others with 0.
    pub fn exits(container: &str, code: i32, message: &str) -> Self {
        Self::succeeds().with(
            container,
            Exit {
                code,
                message: message.to_owned(),
                ..Exit::default()
            },
        )
    }

    /// One more container ends so.
    #[must_use]
    pub fn with(mut self, container: &str, exit: Exit) -> Self {
        match &mut self.end {
            End::Exits(exits) => {
                exits.insert(container.to_owned(), exit);
            }
            _ => self.end = End::Exits(BTreeMap::from([(container.to_owned(), exit)])),
        }
        self
    }

    /// It takes that long.
    #[must_use]
    pub fn after(mut self, runs_for: Duration) -> Self {
        self.runs_for = runs_for;
        self
    }
}

impl Exit {
    fn state(&self, now: &str) -> Value {
        let reason = match (self.out_of_memory, self.code) {
            (true, _) => "OOMKilled",
            (false, 0) => "Completed",
            (false, _) => "Error",
        };
        let mut ended = json!({"exitCode": self.code, "reason": reason, "startedAt": now, "finishedAt": now});
        if !self.message.is_empty() {
            let end = self.message.floor_char_boundary(4096);
            ended["message"] = json!(self.message[..end]);
        }
        json!({"terminated": ended})
    }
}

/// A status for `status` of a pod that runs.
pub(crate) fn running(pod: &Pod) -> Value {
    let now = now();
    let running = json!({"running": {"startedAt": now}});
    let done = Exit::default().state(&now);
    json!({
        "phase": "Running",
        "startTime": now,
        "conditions": [condition("Initialized", "True", ""), condition("Ready", "True", "")],
        "initContainerStatuses": containers(pod, true, |_| done.clone()),
        "containerStatuses": containers(pod, false, |_| running.clone()),
    })
}

/// A status of a pod that has ended, or will never start; nothing for one that goes on.
pub(crate) fn ended(pod: &Pod, end: &End) -> Option<Value> {
    let now = now();
    match end {
        End::Exits(exits) => Some(exited(pod, exits, &now)),
        End::Evicted(message) => Some(json!({"phase": "Failed", "reason": "Evicted", "message": message})),
        End::NodeLost => Some(json!({
            "phase": "Failed",
            "conditions": [condition("DisruptionTarget", "True", "DeletionByPodGC")],
        })),
        End::ImagePullBackOff => {
            let image =
                json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}});
            Some(json!({
                "phase": "Pending",
                "startTime": now,
                "conditions": [condition("Ready", "False", "ContainersNotReady")],
                "containerStatuses": containers(pod, false, |_| image.clone()),
            }))
        }
        End::Unschedulable => {
            let mut condition = condition("PodScheduled", "False", "Unschedulable");
            condition["message"] = json!("0/1 nodes are available: 1 Insufficient memory.");
            Some(json!({"phase": "Pending", "conditions": [condition]}))
        }
        End::Never => None,
    }
}

/// An init container that fails keeps all others from starting.
fn exited(pod: &Pod, exits: &BTreeMap<String, Exit>, now: &str) -> Value {
    let exit = |name: &str| exits.get(name).cloned().unwrap_or_default();
    let failed = |name: &str| exit(name).code != 0 || exit(name).out_of_memory;
    let init_failed = names(pod, true).iter().any(|name| failed(name));
    let waiting = json!({"waiting": {"reason": "PodInitializing"}});
    let all_ended = !init_failed && !names(pod, false).iter().any(|name| failed(name));
    let state = |name: &str| {
        if init_failed {
            waiting.clone()
        } else {
            exit(name).state(now)
        }
    };
    json!({
        "phase": if all_ended { "Succeeded" } else { "Failed" },
        "conditions": [condition("Ready", "False", "PodCompleted")],
        "initContainerStatuses": containers(pod, true, |name| exit(name).state(now)),
        "containerStatuses": containers(pod, false, state),
    })
}

fn names(pod: &Pod, init: bool) -> Vec<String> {
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    let first = spec.init_containers.as_deref().unwrap_or_default();
    let which = if init { first } else { &spec.containers };
    which.iter().map(|container| container.name.clone()).collect()
}

fn containers(pod: &Pod, init: bool, state: impl Fn(&str) -> Value) -> Vec<Value> {
    let status = |name: String| {
        let state = state(&name);
        let ready = state.get("running").is_some();
        json!({"name": name, "image": "fake", "imageID": "", "ready": ready, "restartCount": 0, "state": state})
    };
    names(pod, init).into_iter().map(status).collect()
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "lastTransitionTime": now()})
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Pod {
        let spec = json!({"initContainers": [{"name": "fetch"}], "containers": [{"name": "user"}, {"name": "host"}]});
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).unwrap()
    }

    /// The phase, then `name=code reason message` or the reason of waiting for each container.
    fn check(fate: &Fate, expected: &str) {
        let status = ended(&pod(), &fate.end).unwrap();
        let mut words = vec![status["phase"].as_str().unwrap().to_owned()];
        for list in ["initContainerStatuses", "containerStatuses"] {
            for one in status[list].as_array().into_iter().flatten() {
                let (name, state) = (one["name"].as_str().unwrap(), &one["state"]);
                let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                words.push(match state.get("terminated") {
                    Some(end) => {
                        format!(
                            "{name}={} {} {}",
                            end["exitCode"],
                            word(&end["reason"]),
                            word(&end["message"])
                        )
                    }
                    None => format!("{name}={}", word(&state["waiting"]["reason"])),
                });
            }
        }
        assert_eq!(words.join("; "), expected);
    }

    #[test]
    fn containers_that_are_not_named_end_well() {
        check(
            &Fate::exits("host", 0, "{}"),
            "Succeeded; fetch=0 Completed ; user=0 Completed ; host=0 Completed {}",
        );
    }

    #[test]
    fn memory_fails_a_pod_whatever_the_code_of_its_main_process() {
        let killed = Exit {
            out_of_memory: true,
            ..Exit::default()
        };
        check(
            &Fate::succeeds().with("user", killed),
            "Failed; fetch=0 Completed ; user=0 OOMKilled ; host=0 Completed ",
        );
    }

    #[test]
    fn a_failed_init_container_keeps_all_others_from_starting() {
        check(
            &Fate::exits("fetch", 3, "no such commit"),
            "Failed; fetch=3 Error no such commit; user=PodInitializing; host=PodInitializing",
        );
    }
}
