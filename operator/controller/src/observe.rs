//! What is seen of a job: the stores of a scope and what is remembered, as values to decide on.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Event, Pod},
};
use kube::{
    Api, ResourceExt as _,
    api::{DynamicObject, ListParams},
    runtime::reflector::Store,
};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_decide::{
    Observed, names,
    observed::{Body, Build, Child, ChildState, Load, Record, Refused},
    read,
    strategy::{Around, StrategyName},
};
use serde_json::Value;

use crate::{
    Error,
    memory::Remembered,
    room::{Begun, Limited},
    scope::Scope,
};

/// Sees a job; in its turn, also what was begun in its namespace and is in no cache yet.
pub(crate) async fn observe(
    scope: &Scope,
    job: &NotebookValidationJob,
    remembered: &mut Remembered,
    turn: Option<&mut Begun>,
) -> Result<Observed, Error> {
    let namespace = job.namespace().unwrap_or_default();
    let uid = job.uid().unwrap_or_default();
    // Before the stores are looked at: what comes into them meanwhile is counted twice, and not never.
    let begun = turn.map(|begun| {
        begun.forget(|name| scope.view.has(&namespace, name));
        [Limited::Build, Limited::Validation].map(|kind| begun.of_others(kind, &uid))
    });
    let records = records(scope, job, &namespace, &uid, remembered).await?;
    let cluster = scope.cluster(&namespace).await?;
    let mut seen = Seen::of(scope, &namespace);
    seen.look_for_pods(scope, job, &records, remembered).await?;
    let mut children = seen.children(&uid);
    for child in &mut children {
        if let ChildState::Said { body, .. } = &mut child.state
            && *body == Body::Unread
            && let Some(read) = remembered.bodies.get(&child.name)
        {
            body.clone_from(read);
        }
    }
    remember_faults(&mut children, remembered);
    let written = |name: &String| records.iter().any(|record| record.child == *name);
    remembered.bodies.retain(|name, _| !written(name));
    let builds = seen.builds(scope, &namespace);
    let served: BTreeSet<&str> = children
        .iter()
        .map(|child| child.name.as_str())
        .chain(builds.iter().map(|build| build.name.as_str()))
        .collect();
    let unserved = remembered.unserved(&served);
    let mut load = seen.load(&builds, &uid);
    if let Some([builds, validations]) = begun {
        load.builds = load.builds.saturating_add(builds);
        load.validations = load.validations.saturating_add(validations);
    }
    Ok(Observed {
        now: scope.clock.now(),
        job: job.clone(),
        load,
        children,
        records,
        builds,
        unserved,
        taken: remembered.taken.iter().cloned().collect(),
        refused: refused(job, remembered),
        cluster,
        config: scope.config.clone(),
    })
}

/// Of a child whose pod is gone, what became of it was seen before.
fn remember_faults(children: &mut [Child], remembered: &mut Remembered) {
    remembered
        .faults
        .retain(|name, _| children.iter().any(|child| child.name == *name));
    for child in children {
        let ChildState::Broken { fault, .. } = &mut child.state else {
            continue;
        };
        if child.pod.is_some() {
            remembered.faults.insert(child.name.clone(), fault.clone());
        } else if let Some(known) = remembered.faults.get(&child.name) {
            fault.clone_from(known);
        }
    }
}

/// What was refused of the job as it is: an edit may have mended it.
fn refused(job: &NotebookValidationJob, remembered: &mut Remembered) -> Vec<Refused> {
    let generation = job.metadata.generation;
    remembered.refused.retain(|_, (of, _)| *of == generation);
    let refused = remembered.refused.values().map(|(_, refused)| refused.clone());
    let refused = refused.collect();
    remembered.refused.retain(|_, (_, refused)| !refused.passes);
    refused
}

/// The objects of a namespace.
struct Seen {
    jobs: Vec<std::sync::Arc<Job>>,
    /// By the uid of the Job that owns them.
    pods: HashMap<String, Vec<Pod>>,
    events: Vec<Event>,
}

impl Seen {
    fn of(scope: &Scope, namespace: &str) -> Self {
        let mut jobs = scope.view.children.state();
        jobs.retain(|job| job.metadata.namespace.as_deref() == Some(namespace));
        let mut pods: HashMap<String, Vec<Pod>> = HashMap::new();
        for pod in scope.view.pods.state() {
            if pod.metadata.namespace.as_deref() != Some(namespace) {
                continue;
            }
            for owner in pod.metadata.owner_references.iter().flatten() {
                if owner.kind == "Job" {
                    pods.entry(owner.uid.clone()).or_default().push((*pod).clone());
                }
            }
        }
        let events = scope.view.events.iter().flat_map(Store::state);
        let events = events.filter(|event| event.involved_object.namespace.as_deref() == Some(namespace));
        Self {
            jobs,
            pods,
            events: events.map(|event| (*event).clone()).collect(),
        }
    }

    /// Jobs of Kubernetes that have ended, and whose pods no watch has shown: the watch of pods may be behind that of Jobs,
    /// and what is taken for lost is done again. So each is asked for once.
    async fn look_for_pods(
        &mut self,
        scope: &Scope,
        of: &NotebookValidationJob,
        records: &[Record],
        remembered: &mut Remembered,
    ) -> Result<(), Error> {
        let (namespace, uid) = (of.namespace().unwrap_or_default(), of.uid().unwrap_or_default());
        let ended = ended_run(of);
        let unexplained = self.jobs.iter().filter(|job| {
            let is_mine = is_child(job, &uid) || job.annotations().contains_key(&names::joined(&uid));
            let is_over = ended.is_some() && job.labels().get(names::RUN).map(String::as_str) == ended;
            let is_written = records.iter().any(|record| record.child == job.name_any());
            is_mine && !is_over && !is_written && self.pods(job).is_empty() && read::pod::has_ended(job)
        });
        let unexplained: Vec<_> = unexplained.map(std::sync::Arc::clone).collect();
        for job in unexplained {
            let Some(owner) = job.uid() else { continue };
            if remembered.podless.contains(&owner) {
                continue;
            }
            let name = job.name_any();
            let api = Api::<Pod>::namespaced(scope.client.clone(), &namespace);
            let how = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={name}"));
            let found = api.list(&how).await;
            let mut found = found
                .map_err(Error::api(format!("look for the pods of Job {name}")))?
                .items;
            found.retain(|pod| pod.owner_references().iter().any(|one| one.uid == owner));
            if found.is_empty() {
                remembered.podless.insert(owner);
            } else {
                self.pods.insert(owner, found);
            }
        }
        Ok(())
    }

    fn pods(&self, job: &Job) -> &[Pod] {
        let uid = job.metadata.uid.as_deref().unwrap_or_default();
        self.pods.get(uid).map_or(&[], Vec::as_slice)
    }

    fn children(&self, uid: &str) -> Vec<Child> {
        let read = |job: &std::sync::Arc<Job>| read::child(job, self.pods(job), &self.events, uid);
        self.jobs.iter().filter_map(read).collect()
    }

    fn builds(&self, scope: &Scope, namespace: &str) -> Vec<Build> {
        let inputs = scope.view.maps.state();
        let inputs: BTreeSet<&str> = inputs
            .iter()
            .filter(|map| map.metadata.namespace.as_deref() == Some(namespace))
            .filter_map(|map| map.metadata.name.as_deref())
            .collect();
        let has_input = |name: &str| inputs.contains(name);
        let jobs = self.jobs.iter().filter(|job| is_build(job)).filter_map(|job| {
            let value = serde_json::to_value(&**job).ok()?;
            let has_input = has_input(&job.name_any());
            let around = Around {
                pods: self.pods(job),
                events: &self.events,
                tasks: &[],
            };
            read::build(&value, StrategyName::Job, has_input, &around)
        });
        let tekton = scope.view.tekton();
        let tekton = tekton.as_ref();
        let runs = tekton.map(|tekton| tekton.runs.state()).unwrap_or_default();
        let tasks = tekton.map(|tekton| tekton.tasks.state()).unwrap_or_default();
        let runs = runs
            .iter()
            .filter(|run| run.metadata.namespace.as_deref() == Some(namespace))
            .filter_map(|run| {
                let tasks: Vec<Value> = tasks
                    .iter()
                    .filter(|task| is_of_run(task, run))
                    .filter_map(|task| serde_json::to_value(&**task).ok())
                    .collect();
                let value = serde_json::to_value(&**run).ok()?;
                let around = Around {
                    tasks: &tasks,
                    ..Around::default()
                };
                read::build(&value, StrategyName::Tekton, has_input(&run.name_any()), &around)
            });
        jobs.chain(runs).collect()
    }

    /// What else runs here.
    fn load(&self, builds: &[Build], uid: &str) -> Load {
        let builds = builds
            .iter()
            .filter(|build| build.ours && !build.state.has_ended())
            .filter(|build| build.owners.iter().all(|owner| owner != uid));
        let validates = |job: &&std::sync::Arc<Job>| {
            let labels = job.labels();
            labels.get(names::STEP).is_some_and(|step| step == "validate")
                && labels.get(names::JOB_UID).is_some_and(|of| of != uid)
                && read::pod::is_alive(job, self.pods(job))
        };
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Load {
            builds: count(builds.count()),
            validations: count(self.jobs.iter().filter(validates).count()),
        }
    }
}

/// Whether a `TaskRun` is of a `PipelineRun`, by its owner: a label can be copied.
fn is_of_run(task: &DynamicObject, run: &DynamicObject) -> bool {
    let mut owners = task.metadata.owner_references.iter().flatten();
    run.metadata.uid.is_some() && owners.any(|owner| Some(&owner.uid) == run.metadata.uid.as_ref())
}

fn is_child(job: &Job, uid: &str) -> bool {
    job.labels().get(names::JOB_UID).is_some_and(|of| of == uid)
}

fn is_build(job: &Job) -> bool {
    job.annotations().contains_key(names::WHOLE_IDENTITY)
}

/// The records of a job. Each is read once: it never changes.
async fn records(
    scope: &Scope,
    job: &NotebookValidationJob,
    namespace: &str,
    uid: &str,
    remembered: &mut Remembered,
) -> Result<Vec<Record>, Error> {
    let maps = scope.view.maps.state();
    let is_record = |map: &&std::sync::Arc<_>| is_record(map, namespace, uid);
    let maps: Vec<_> = maps.iter().filter(is_record).collect();
    let there: BTreeSet<String> = maps.iter().filter_map(|map| map.uid()).collect();
    remembered.records.retain(|of, _| there.contains(of));
    let ended = ended_run(job);
    if let Some(run) = ended {
        remembered
            .records
            .retain(|_, record| record.as_ref().is_some_and(|record| record.run.id != run));
    }
    let api = Api::<ConfigMap>::namespaced(scope.client.clone(), namespace);
    for map in maps {
        let Some(of) = map.uid() else { continue };
        let is_needed = ended.is_none() || map.labels().get(names::RUN).map(String::as_str) != ended;
        if !is_needed || remembered.records.contains_key(&of) {
            continue;
        }
        let name = map.name_any();
        let found = api.get_opt(&name).await;
        let Some(found) = found.map_err(Error::api(format!("read ConfigMap {name}")))? else {
            continue;
        };
        let record = read::record(&found, uid);
        if record.is_none() {
            tracing::warn!(namespace, name, "a record that cannot be read is left alone");
        }
        remembered.records.insert(of, record);
    }
    Ok(remembered.records.values().flatten().cloned().collect())
}

fn is_record(map: &kube::api::PartialObjectMeta<ConfigMap>, namespace: &str, uid: &str) -> bool {
    map.metadata.namespace.as_deref() == Some(namespace)
        && map.labels().get(names::JOB_UID).is_some_and(|of| of == uid)
        && map.annotations().contains_key(names::CHILD)
}

/// The run of a job that has ended: nothing is decided by its records any more.
fn ended_run(job: &NotebookValidationJob) -> Option<&str> {
    let status = job.status.as_ref()?;
    let ended = status.phase.is_some_and(nbvet_operator_api::Phase::is_terminal);
    status.run.as_ref().filter(|_| ended).map(|run| run.id.as_str())
}
