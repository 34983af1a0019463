//! What was really seen in a namespace, whatever the controller says: which pods ran, in which order, and which statuses
//! were written. Writes down each thing that must not happen.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use nbvet_blob::{encode, write_end};
use nbvet_operator_api::{NotebookValidationJob, NotebookValidationJobStatus, Phase};
use nbvet_operator_testkit::{End, Exit, Fate};
use nbvet_report::{
    Outcome, Reason,
    step::{Published, STEP_VERSION, Step, StepBlob, StepBody, StepEnd},
};

use crate::{
    ground::{prepared, validated},
    trouble::FOREIGN,
};

/// How long the pods of steps run that end by themselves: long enough to be seen running.
const RUNS: Duration = Duration::from_millis(300);

/// What a namespace has seen.
#[derive(Default)]
pub(crate) struct Place {
    logs: HashMap<String, String>,
    /// Pods that came, as `validate of one`, in their order.
    pub(crate) ran: Vec<String>,
    /// The build has ended well, and the registry has its image.
    pub(crate) built: bool,
    /// What must not happen and did.
    pub(crate) wrongs: Vec<String>,
    /// Phases that each job went through, by its name.
    pub(crate) phases: HashMap<String, Vec<Phase>>,
    statuses: HashMap<String, NotebookValidationJobStatus>,
}

impl Place {
    pub(crate) fn count(&self, what: &str) -> usize {
        self.ran.iter().filter(|ran| *ran == what).count()
    }
}

/// The witness of all namespaces.
#[derive(Default)]
pub(crate) struct Witness(Mutex<HashMap<String, Place>>);

impl Witness {
    fn places(&self) -> MutexGuard<'_, HashMap<String, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a namespace has seen, to read or to write.
    pub(crate) fn of<T>(&self, namespace: &str, look: impl FnOnce(&mut Place) -> T) -> T {
        look(self.places().entry(namespace.to_owned()).or_default())
    }

    /// The log of a pod.
    pub(crate) fn log(&self, pod: &str) -> String {
        let places = self.places();
        let mut logs = places.values().filter_map(|place| place.logs.get(pod));
        logs.next().cloned().unwrap_or_default()
    }

    /// A pod has come: what becomes of it.
    pub(crate) fn fate(&self, pod: &Pod) -> Fate {
        let namespace = pod.namespace().unwrap_or_default();
        self.of(&namespace, |place| place.fate(pod, &namespace))
    }

    /// A status was written: within a run the phase never goes back, and an end stays.
    pub(crate) fn status(&self, job: &NotebookValidationJob) {
        let Some(new) = job.status.clone().filter(|new| new.run.is_some()) else {
            return;
        };
        let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
        let key = job.uid().unwrap_or_default();
        self.of(&namespace, |place| {
            if let Some(old) = place.statuses.get(&key) {
                place.wrongs.extend(goes_back(&name, old, &new));
            }
            let phases = place.phases.entry(name).or_default();
            phases.extend(new.phase.filter(|phase| phases.last() != Some(phase)));
            place.statuses.insert(key, new);
        });
    }
}

fn goes_back(
    name: &str,
    old: &NotebookValidationJobStatus,
    new: &NotebookValidationJobStatus,
) -> Option<String> {
    let (old_run, new_run) = (old.run.as_ref()?, new.run.as_ref()?);
    if new_run.number < old_run.number {
        return Some(format!(
            "{name} goes back from run {} to run {}",
            old_run.number, new_run.number
        ));
    }
    if old_run.id != new_run.id {
        return None;
    }
    let is_over = old.phase.is_some_and(Phase::is_terminal);
    if is_over
        && (old.phase, &old.verdict, &old.completion_time) != (new.phase, &new.verdict, &new.completion_time)
    {
        return Some(format!("{name} changed after its end"));
    }
    let (from, to) = (old.phase?, new.phase?);
    (to < from).then(|| format!("{name} goes back from {from:?} to {to:?}"))
}

/// Which pod it is: `the build`, `validate of one`.
fn role(pod: &Pod) -> String {
    let name = pod.name_any();
    // The Job's controller puts five characters behind the name of the Job.
    crate::requests::step(name.rsplit_once('-').map_or(&*name, |(job, _)| job))
}

impl Place {
    fn fate(&mut self, pod: &Pod, namespace: &str) -> Fate {
        if pod.name_any().starts_with(FOREIGN) {
            return Fate::ends(build_ends_with(image(namespace, 'f')));
        }
        let role = role(pod);
        self.ran.push(role.clone());
        let Some((step, job)) = role.split_once(" of ") else {
            if self.built {
                self.wrongs
                    .push("built again though the registry has it".to_owned());
            }
            // The story says when it ends.
            return Fate::ends(End::Never);
        };
        match step {
            "prepare" => self.prepare(&pod.name_any(), job, namespace),
            "validate" => self.validate(pod, job, namespace),
            _ => self.publish(&pod.name_any(), job),
        }
    }

    fn prepare(&mut self, pod: &str, job: &str, namespace: &str) -> Fate {
        let mut found = prepared(!job.starts_with("plain"));
        found.image = (self.built && found.identity.is_some()).then(|| image(namespace, '1'));
        self.passes(pod, Step::Prepare, StepBody::Prepared(Box::new(found)))
    }

    fn validate(&mut self, pod: &Pod, job: &str, namespace: &str) -> Fate {
        let of = pod.spec.iter().flat_map(|spec| &spec.containers);
        let mut notebooks = of.filter(|one| one.name == "notebook");
        let run_in = notebooks
            .next()
            .and_then(|one| one.image.clone())
            .unwrap_or_default();
        let is_plain = job.starts_with("plain");
        if !is_plain && !self.built {
            self.wrongs.push(format!("{job} is validated before its build"));
        }
        if !is_plain && run_in != image(namespace, '1') {
            self.wrongs.push(format!("{job} is validated in {run_in}"));
        }
        self.passes(
            &pod.name_any(),
            Step::Validate,
            StepBody::Validated(Box::new(validated())),
        )
    }

    /// Jobs say by their names how publishing goes: `denied…`, `down…`, `shaky…` (well at the third try), else well.
    fn publish(&mut self, pod: &str, job: &str) -> Fate {
        if job.starts_with("denied") {
            return fails(Step::Publish, Reason::PushDenied, false, "the registry refuses");
        }
        let tries = self.count(&format!("publish of {job}"));
        if job.starts_with("down") || (job.starts_with("shaky") && tries < 3) {
            return fails(Step::Publish, Reason::PublishFailed, true, "the registry is down");
        }
        let tag = "c".repeat(12);
        let published = Published {
            reference: format!("registry.test/a:{tag}"),
            tag,
            digest: format!("sha256:{}", "1".repeat(64)),
            previous_digest: None,
        };
        self.passes(pod, Step::Publish, StepBody::Published(published))
    }

    fn passes(&mut self, pod: &str, step: Step, body: StepBody) -> Fate {
        let blob = StepBlob {
            version: STEP_VERSION,
            body,
        };
        let encoded = encode(&blob).unwrap();
        self.logs.insert(pod.to_owned(), encoded.text);
        let mut end = StepEnd::new(step, Outcome::Passed, Reason::Done, "it went well");
        end.blob = Some(encoded.blob);
        ends(&end, 0)
    }
}

/// An image where builds of a namespace go.
/// An image of a namespace's jobs that is known by one letter.
pub(crate) fn image(namespace: &str, letter: char) -> String {
    let digest = letter.to_string().repeat(64);
    format!("registry.test/{namespace}/nbvet@sha256:{digest}")
}

/// The end of the build.
pub(crate) fn build_ends(namespace: &str) -> End {
    build_ends_with(image(namespace, '1'))
}

fn build_ends_with(image: String) -> End {
    let mut end = StepEnd::new(Step::Build, Outcome::Passed, Reason::Done, "it went well");
    end.image = Some(image);
    exits(&end, 0)
}

fn fails(step: Step, reason: Reason, transient: bool, message: &str) -> Fate {
    let mut end = StepEnd::new(step, Outcome::Error, reason, message);
    end.transient = transient;
    ends(&end, 1)
}

fn ends(end: &StepEnd, code: i32) -> Fate {
    Fate::ends(exits(end, code)).after(RUNS)
}

fn exits(end: &StepEnd, code: i32) -> End {
    let exit = Exit {
        code,
        message: write_end(end),
        ..Exit::default()
    };
    End::Exits([("nbvet".to_owned(), exit)].into())
}
