//! What is seen of a job: the stores of a scope and what is remembered, as values to decide on.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Event, Pod},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, ResourceExt as _,
    api::{DynamicObject, ListParams},
};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_decide::{
    Observed, names,
    observed::{Body, Build, Child, ChildState, Load, Record, Refused, Unserved},
    read,
    strategy::{Around, StrategyName},
};
use nbvet_report::step::StepBody;
use serde_json::Value;

use crate::{
    Error,
    index::{keys_of_build, keys_of_pod, of_identity, of_step},
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
        let load = [Limited::Build, Limited::Validation].map(|kind| begun.of_others(kind, &uid));
        (load, begun.builds_of_others(&uid))
    });
    let records = records(scope, job, &namespace, &uid, remembered).await?;
    let cluster = scope.cluster(&namespace).await?;
    let mut seen = Seen {
        scope,
        namespace: &namespace,
        uid: &uid,
        asked_for: HashMap::new(),
    };
    seen.look_for_pods(job, &records, remembered).await?;
    let mut children = seen.children();
    for child in &mut children {
        if let ChildState::Said { body, .. } = &mut child.state
            && *body == Body::Unread
            && let Some(read) = remembered.bodies.get(&child.name)
        {
            body.clone_from(read);
        }
    }
    remember_faults(&mut children, remembered);
    let ended = ended_run(job);
    let is_over = |name: &str| {
        let mut of_ended = children.iter().filter(|child| Some(&*child.run.id) == ended);
        of_ended.any(|child| child.name == name)
    };
    let is_written = |name: &str| records.iter().any(|record| record.child == name);
    remembered
        .bodies
        .retain(|name, _| !is_written(name) && !is_over(name));
    remembered.faults.retain(|name, _| !is_over(name));
    let builds = seen.builds(&identities(&records, &children));
    let served: BTreeSet<&str> = children
        .iter()
        .map(|child| child.name.as_str())
        .chain(builds.iter().map(|build| build.name.as_str()))
        .collect();
    let mut unserved = remembered.unserved(&served);
    let mut load = seen.load();
    if let Some(([builds, validations], begun)) = begun {
        // Begun by another job a moment ago: it is joined when it is shown.
        let begun = begun.into_iter().filter(|name| !served.contains(name.as_str()));
        unserved.extend(begun.map(|name| Unserved { name, looks: 0 }));
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

/// What was to be built, by all that prepare has found for the job.
fn identities<'a>(records: &'a [Record], children: &'a [Child]) -> BTreeSet<&'a str> {
    let of_records = records.iter().filter_map(|record| record.body.as_deref());
    let of_children = children.iter().filter_map(|child| match &child.state {
        ChildState::Said {
            body: Body::Read(body),
            ..
        } => Some(&**body),
        _ => None,
    });
    let identity = |body: &'a StepBody| match body {
        StepBody::Prepared(prepared) => prepared.identity.as_deref(),
        _ => None,
    };
    of_records.chain(of_children).filter_map(identity).collect()
}

/// What of a scope a pass looks at: what belongs to the job, and the builds that it may need.
struct Seen<'a> {
    scope: &'a Scope,
    namespace: &'a str,
    uid: &'a str,
    /// Pods that no watch has shown, by the uid of the Job that owns them.
    asked_for: HashMap<String, Vec<Pod>>,
}

impl Seen<'_> {
    /// Jobs of Kubernetes that have ended, and whose pods no watch has shown: the watch of pods may be behind that of Jobs,
    /// and what is taken for lost is done again. So each is asked for once.
    async fn look_for_pods(
        &mut self,
        of: &NotebookValidationJob,
        records: &[Record],
        remembered: &mut Remembered,
    ) -> Result<(), Error> {
        let ended = ended_run(of);
        let mut unexplained = self.scope.view.children.find(self.uid);
        unexplained.retain(|job| {
            let is_mine = is_child(job, self.uid) || job.annotations().contains_key(&names::joined(self.uid));
            let is_over = ended.is_some() && job.labels().get(names::RUN).map(String::as_str) == ended;
            let is_written = records.iter().any(|record| record.child == job.name_any());
            is_mine && !is_over && !is_written && self.pods(job).is_empty() && read::pod::has_ended(job)
        });
        for job in unexplained {
            let Some(owner) = job.uid() else { continue };
            if remembered.podless.contains(&owner) {
                continue;
            }
            let name = job.name_any();
            let api = Api::<Pod>::namespaced(self.scope.client.clone(), self.namespace);
            let how = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={name}"));
            let found = api.list(&how).await;
            let mut found = found
                .map_err(Error::api(format!("look for the pods of Job {name}")))?
                .items;
            found.retain(|pod| keys_of_pod(pod).contains(&owner));
            if found.is_empty() {
                remembered.podless.insert(owner);
            } else {
                self.asked_for.insert(owner, found);
            }
        }
        Ok(())
    }

    fn pods(&self, job: &Job) -> Vec<Pod> {
        let uid = job.metadata.uid.as_deref().unwrap_or_default();
        let shown = self.scope.view.pods.find(uid);
        if shown.is_empty() {
            return self.asked_for.get(uid).cloned().unwrap_or_default();
        }
        shown.iter().map(|pod| (**pod).clone()).collect()
    }

    /// Warnings about a Job and its pods.
    fn events(&self, job: &Job, pods: &[Pod]) -> Vec<Event> {
        let of_pods = pods.iter().map(|pod| &pod.metadata.uid);
        let uids = [&job.metadata.uid].into_iter().chain(of_pods).flatten();
        let kept = &self.scope.view.events;
        let events = uids.flat_map(|uid| kept.iter().flat_map(move |kept| kept.find(uid)));
        events.map(|event| (*event).clone()).collect()
    }

    fn children(&self) -> Vec<Child> {
        let jobs = self.scope.view.children.find(self.uid);
        let read = |job: &Arc<Job>| {
            let pods = self.pods(job);
            read::child(job, &pods, &self.events(job, &pods), self.uid)
        };
        jobs.iter().filter_map(read).collect()
    }

    /// Builds that the job has to do with, and those of these identities.
    fn builds(&self, identities: &BTreeSet<&str>) -> Vec<Build> {
        let children = &self.scope.view.children;
        let of_identities = identities
            .iter()
            .map(|identity| of_identity(self.namespace, identity));
        let keys = of_identities.chain([self.uid.to_owned()]);
        let found = keys
            .flat_map(|key| children.find(&key))
            .filter(|job| is_build(job));
        let found: BTreeMap<String, Arc<Job>> = found.map(|job| (job.name_any(), job)).collect();
        let jobs = found.values().filter_map(|job| {
            let value = serde_json::to_value(&**job).ok()?;
            let pods = self.pods(job);
            let around = Around {
                pods: &pods,
                events: &self.events(job, &pods),
                tasks: &[],
            };
            read::build(
                &value,
                StrategyName::Job,
                self.has_input(&job.name_any()),
                &around,
            )
        });
        jobs.chain(self.runs(identities)).collect()
    }

    /// The same in Tekton.
    fn runs(&self, identities: &BTreeSet<&str>) -> Vec<Build> {
        let Some(tekton) = self.scope.view.tekton() else {
            return Vec::new();
        };
        let tasks = tekton.tasks.state();
        let is_needed = |run: &DynamicObject| {
            let identity = run.annotations().get(names::WHOLE_IDENTITY);
            identity.is_some_and(|identity| identities.contains(identity.as_str()))
                || keys_of_build(&run.metadata).iter().any(|key| key == self.uid)
        };
        let mut runs = tekton.runs.state();
        runs.retain(|run| run.metadata.namespace.as_deref() == Some(self.namespace) && is_needed(run));
        let read = |run: &Arc<DynamicObject>| {
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
            let has_input = self.has_input(&run.name_any());
            read::build(&value, StrategyName::Tekton, has_input, &around)
        };
        runs.iter().filter_map(read).collect()
    }

    fn has_input(&self, build: &str) -> bool {
        self.scope.view.has_input(self.namespace, build)
    }

    /// What else runs in the namespace, where that is limited.
    fn load(&self) -> Load {
        let config = &self.scope.config;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Load {
            builds: config
                .builds_per_namespace
                .map_or(0, |_| count(self.builds_under_way())),
            validations: config
                .validations_per_namespace
                .map_or(0, |_| count(self.validations_under_way())),
        }
    }

    fn validations_under_way(&self) -> usize {
        let validations = self.of_step("validate");
        let is_other = |job: &&Arc<Job>| job.labels().get(names::JOB_UID).is_some_and(|of| of != self.uid);
        validations.iter().filter(is_other).count()
    }

    fn builds_under_way(&self) -> usize {
        let is_other = |meta: &ObjectMeta| {
            let mut owners = meta.owner_references.iter().flatten();
            owners.all(|owner| owner.uid != self.uid)
        };
        let jobs = self.of_step("build");
        let jobs = jobs.iter().filter(|job| is_build(job) && is_other(&job.metadata));
        let tekton = self.scope.view.tekton();
        let runs = tekton.map(|tekton| tekton.runs.state()).unwrap_or_default();
        let runs = runs.iter().filter(|run| {
            run.metadata.namespace.as_deref() == Some(self.namespace)
                && is_other(&run.metadata)
                && run.data["status"]["completionTime"].is_null()
        });
        jobs.count() + runs.count()
    }

    /// The Jobs of a step that are alive in the namespace.
    fn of_step(&self, step: &str) -> Vec<Arc<Job>> {
        let mut jobs = self.scope.view.children.find(&of_step(self.namespace, step));
        jobs.retain(|job| read::pod::is_alive(job, &self.pods(job)));
        jobs
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
    let maps = scope.view.maps.find(uid);
    let is_record = |map: &&Arc<_>| is_record(map, namespace, uid);
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
