//! What a cluster has, as watches keep it in memory, and which jobs each change is of. Every watch has a back-off of its
//! own; its errors are counted here and go no further: one that fails must not hold the others.

use std::{
    collections::HashSet,
    fmt::Debug,
    future::ready,
    hash::Hash,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Event, Pod},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Resource,
    api::{ApiResource, DynamicObject, PartialObjectMeta},
    core::GroupVersionKind,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_decide::read::pod::has_ended;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::{
    announce::Teller,
    discovery::Absent,
    error::is_code,
    index::{Index, Keys},
    metrics::Metrics,
    readable::{Readable, Reader},
    room::Room,
};

/// What is kept of the namespaces of a scope.
pub(crate) struct View {
    /// The jobs.
    pub(crate) jobs: Store<NotebookValidationJob>,
    /// Jobs of Kubernetes: steps and builds.
    pub(crate) children: Kept<Job>,
    /// Their pods.
    pub(crate) pods: Kept<Pod>,
    /// Inputs and records, without what is in them.
    pub(crate) maps: Kept<PartialObjectMeta<ConfigMap>>,
    /// Warnings of controllers and kubelets.
    pub(crate) events: Vec<Kept<Event>>,
    /// What is Tekton's, while the cluster has it.
    pub(crate) tekton: Mutex<Option<Tekton>>,
    /// How many of them may run at once.
    pub(crate) room: Room,
    /// Builds that were begun here with all that they need, and whose inputs no watch has shown yet.
    whole: Mutex<HashSet<ObjectRef<ConfigMap>>>,
}

/// Objects of a kind, and where they are found by what they belong to.
pub(crate) struct Kept<K>
where
    K: Resource<DynamicType: Eq + Hash> + 'static,
{
    store: Store<K>,
    index: Arc<Index<K>>,
}

impl<K> Deref for Kept<K>
where
    K: Resource<DynamicType: Eq + Hash> + 'static,
{
    type Target = Store<K>;

    fn deref(&self) -> &Store<K> {
        &self.store
    }
}

impl<K> Kept<K>
where
    K: Resource<DynamicType: Default + Eq + Hash + Clone> + Clone + 'static,
{
    /// The objects under a key, in the order of their names.
    pub(crate) fn find(&self, key: &str) -> Vec<Arc<K>> {
        self.index.find(&self.store, key)
    }
}

/// How a kind is kept.
pub(crate) struct Keeper<K>
where
    K: Resource<DynamicType: Eq + Hash + Clone> + Clone + 'static,
{
    writer: Writer<K>,
    index: Option<Arc<Index<K>>>,
    /// Takes out of an object what nobody looks at.
    trim: fn(&mut K),
}

impl<K> Keeper<K>
where
    K: Resource<DynamicType: Eq + Hash + Clone> + Clone + 'static,
{
    /// In a store alone.
    pub(crate) fn plain(writer: Writer<K>) -> Self {
        Self {
            writer,
            index: None,
            trim: |_| {},
        }
    }
}

/// Begins to keep a kind that is looked for by keys.
pub(crate) fn kept<K>(keys: Keys<K>, trim: fn(&mut K)) -> (Kept<K>, Keeper<K>)
where
    K: Resource<DynamicType: Default + Eq + Hash + Clone> + Clone + 'static,
{
    let (store, writer) = reflector::store();
    let index = Arc::new(Index::new(keys));
    let keeper = Keeper {
        writer,
        index: Some(Arc::clone(&index)),
        trim,
    };
    (Kept { store, index }, keeper)
}

/// Runs of Tekton, and the runs of their tasks, which tell what becomes of pods.
#[derive(Clone)]
pub(crate) struct Tekton {
    pub(crate) runs: Store<DynamicObject>,
    pub(crate) tasks: Store<DynamicObject>,
}

/// Tekton's kind of builds.
pub(crate) const PIPELINE_RUN: &str = "PipelineRun";
/// Tekton's kind of their tasks.
pub(crate) const TASK_RUN: &str = "TaskRun";

impl Tekton {
    /// One of its kinds.
    pub(crate) fn kind(kind: &str) -> ApiResource {
        ApiResource::from_gvk(&GroupVersionKind::gvk("tekton.dev", "v1", kind))
    }

    /// The jobs whose run a task is of.
    pub(crate) fn of_task(&self, task: &DynamicObject) -> Vec<JobRef> {
        let namespace = task.metadata.namespace.as_deref().unwrap_or_default();
        let owners = task.metadata.owner_references.iter().flatten();
        let runs = owners
            .filter(|owner| owner.kind == PIPELINE_RUN)
            .filter_map(|owner| {
                let of = ObjectRef::new_with(&owner.name, Self::kind(PIPELINE_RUN)).within(namespace);
                self.runs.get(&of)
            });
        runs.flat_map(|run| of_meta(&run.metadata)).collect()
    }
}

/// Whether every watch of a scope has told all that was there. Stores of kube can be waited for by one task alone: of two
/// only the last is woken.
#[derive(Debug, Clone)]
pub(crate) struct Seen(watch::Sender<HashSet<usize>>);

impl Seen {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(HashSet::new()))
    }

    /// A watch, by its number, has told all.
    fn all_of(&self, number: usize) {
        self.0.send_if_modified(|seen| seen.insert(number));
    }

    /// Waits until all needed watches have, which are the first; for the others only so long, and then never again.
    pub(crate) async fn all(&self, needed: usize, others: usize, patience: Duration) {
        let mut seen = self.0.subscribe();
        // The sender lives as long as this does.
        let _ = seen
            .wait_for(|seen| (0..needed).all(|number| seen.contains(&number)))
            .await;
        let all = seen.wait_for(|seen| seen.len() >= needed + others);
        if tokio::time::timeout(patience, all).await.is_err() {
            self.give_up(needed + others);
        }
    }

    fn give_up(&self, watches: usize) {
        let is_news = self.0.send_if_modified(|seen| {
            let before = seen.len();
            seen.extend(0..watches);
            seen.len() > before
        });
        if is_news {
            tracing::warn!(
                "not all warnings of the cluster can be listed: works without them until they come"
            );
        }
    }
}

/// A watch to begin: what it is called, its number in its scope, and who wants to know of it.
pub(crate) struct Watch<'a> {
    pub(crate) kind: &'static str,
    pub(crate) number: usize,
    pub(crate) seen: &'a Seen,
    pub(crate) metrics: &'a Metrics,
    /// Whom to tell where the kind is not served.
    pub(crate) absent: &'a Absent,
    /// Tells the owners of what cannot be read: of jobs alone, all else is of programs.
    pub(crate) teller: Option<&'a Teller>,
}

/// A job, to be looked at.
pub(crate) type JobRef = ObjectRef<NotebookValidationJob>;

/// Follows a kind, keeps in its store what can be read of it, and tells each object that changed, went, or was there.
pub(crate) fn follow<K>(
    api: Api<Readable<K>>,
    config: watcher::Config,
    keeper: Keeper<K>,
    watch: &Watch<'_>,
) -> impl Stream<Item = K> + Send + 'static
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    let Watch { kind, number, .. } = *watch;
    let (metrics, seen, absent) = (watch.metrics.clone(), watch.seen.clone(), watch.absent.clone());
    let Keeper { writer, index, trim } = keeper;
    let mut reader = Reader::new(kind, metrics.clone(), writer.as_reader(), watch.teller.cloned());
    watcher(api, config)
        .default_backoff()
        .try_filter_map(move |event| ready(Ok(reader.read(event))))
        .modify(move |object| {
            object.meta_mut().managed_fields = None;
            trim(object);
        })
        .reflect(writer)
        .inspect_ok(move |event| {
            if let Some(index) = &index {
                index.take(event);
            }
            if matches!(event, watcher::Event::InitDone) {
                seen.all_of(number);
            }
        })
        .touched_objects()
        .filter_map(move |item| {
            ready(match item {
                Ok(object) => {
                    metrics.watch_event(kind);
                    Some(object)
                }
                Err(error) => {
                    metrics.watch_error(kind);
                    if is_absent(&error) {
                        absent.tell();
                    }
                    tracing::warn!(kind, "watch: {error}");
                    None
                }
            })
        })
}

/// Whether the API server knows no such kind.
fn is_absent(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => is_code(error, 404),
        watcher::Error::WatchError(status) => status.code == 404,
        watcher::Error::NoResourceVersion => false,
    }
}

impl View {
    /// What is kept is in these stores.
    pub(crate) fn new(
        jobs: Store<NotebookValidationJob>,
        children: Kept<Job>,
        pods: Kept<Pod>,
        maps: Kept<PartialObjectMeta<ConfigMap>>,
        events: Vec<Kept<Event>>,
    ) -> Self {
        Self {
            jobs,
            children,
            pods,
            maps,
            events,
            tekton: Mutex::new(None),
            room: Room::default(),
            whole: Mutex::default(),
        }
    }

    /// A build was begun with all that it needs.
    pub(crate) fn begun(&self, namespace: &str, build: &str) {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole.insert(ObjectRef::new(build).within(namespace));
    }

    /// Whether the input of a build is there.
    pub(crate) fn has_input(&self, namespace: &str, build: &str) -> bool {
        let is_shown = self.maps.get(&ObjectRef::new(build).within(namespace)).is_some();
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let of = ObjectRef::new(build).within(namespace);
        if is_shown {
            // One that goes later is missed.
            whole.remove(&of);
        }
        is_shown || whole.contains(&of)
    }

    /// What is Tekton's, where the cluster has it.
    pub(crate) fn tekton(&self) -> Option<Tekton> {
        self.tekton.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins or ends to have it.
    pub(crate) fn set_tekton(&self, tekton: Option<Tekton>) {
        *self.tekton.lock().unwrap_or_else(PoisonError::into_inner) = tekton;
    }

    /// Whether a step or a build of this name is kept.
    pub(crate) fn has(&self, namespace: &str, name: &str) -> bool {
        let is_child = self
            .children
            .get(&ObjectRef::new(name).within(namespace))
            .is_some();
        let of = ObjectRef::new_with(name, Tekton::kind(PIPELINE_RUN)).within(namespace);
        is_child || self.tekton().is_some_and(|tekton| tekton.runs.get(&of).is_some())
    }

    /// The jobs that a step or a build is of, and one that waited for its place.
    pub(crate) fn of_child(&self, job: &Job) -> Vec<JobRef> {
        let mut jobs = of_meta(&job.metadata);
        if has_ended(job) || job.metadata.deletion_timestamp.is_some() {
            jobs.extend(self.next_in(&job.metadata));
        }
        jobs
    }

    /// The jobs whose build a run of Tekton is, and one that waited for its place.
    pub(crate) fn of_run(&self, run: &DynamicObject) -> Vec<JobRef> {
        let mut jobs = of_meta(&run.metadata);
        if !run.data["status"]["completionTime"].is_null() || run.metadata.deletion_timestamp.is_some() {
            jobs.extend(self.next_in(&run.metadata));
        }
        jobs
    }

    /// The jobs that a pod works for, and one that waited for its place.
    pub(crate) fn of_pod(&self, pod: &Pod) -> Vec<JobRef> {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let mut jobs = self.through_child(&pod.metadata);
        if matches!(phase, Some("Succeeded" | "Failed")) {
            jobs.extend(self.next_in(&pod.metadata));
        }
        jobs
    }

    fn next_in(&self, meta: &ObjectMeta) -> Option<JobRef> {
        self.room.next(meta.namespace.as_deref().unwrap_or_default())
    }

    /// The jobs that a `ConfigMap` is of.
    pub(crate) fn of_map(&self, map: &PartialObjectMeta<ConfigMap>) -> Vec<JobRef> {
        let mut jobs = of_meta(&map.metadata);
        jobs.extend(self.through_child(&map.metadata));
        jobs
    }

    /// The jobs whose child or pod an event is about.
    pub(crate) fn of_event(&self, event: &Event) -> Vec<JobRef> {
        let about = &event.involved_object;
        let (Some(name), Some(namespace)) = (&about.name, &about.namespace) else {
            return Vec::new();
        };
        match about.kind.as_deref() {
            Some("Job") => self.of_child_named(name, namespace),
            Some("Pod") => {
                let pod = self.pods.get(&ObjectRef::new(name).within(namespace));
                pod.map_or_else(Vec::new, |pod| self.through_child(&pod.metadata))
            }
            _ => Vec::new(),
        }
    }

    fn through_child(&self, meta: &ObjectMeta) -> Vec<JobRef> {
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let owners = meta.owner_references.iter().flatten();
        owners
            .filter(|owner| owner.kind == "Job")
            .flat_map(|owner| self.of_child_named(&owner.name, namespace))
            .collect()
    }

    fn of_child_named(&self, name: &str, namespace: &str) -> Vec<JobRef> {
        let child = self.children.get(&ObjectRef::new(name).within(namespace));
        child.map_or_else(Vec::new, |child| of_meta(&child.metadata))
    }
}

/// The jobs that own an object.
pub(crate) fn of_meta(meta: &ObjectMeta) -> Vec<JobRef> {
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let is_job = |owner: &&OwnerReference| {
        owner.kind == "NotebookValidationJob" && owner.api_version.starts_with("mlops.mlops.dev/")
    };
    let owners = meta.owner_references.iter().flatten().filter(is_job);
    owners
        .map(|owner| ObjectRef::new(&owner.name).within(namespace))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_waits_for_the_watches_is_told() {
        let seen = Seen::new();
        let wait = || {
            let seen = seen.clone();
            tokio::spawn(async move { seen.all(2, 0, Duration::ZERO).await })
        };
        let waiting = [wait(), wait(), wait()];
        tokio::task::yield_now().await;
        // One that begins anew does not count twice.
        seen.all_of(0);
        seen.all_of(0);
        assert!(!waiting.iter().any(tokio::task::JoinHandle::is_finished));
        seen.all_of(1);
        for one in waiting {
            let told = tokio::time::timeout(Duration::from_mins(1), one).await;
            told.unwrap().unwrap();
        }
    }
    #[tokio::test]
    async fn watches_of_warnings_hold_nobody_up_for_ever() {
        let seen = Seen::new();
        let wait = |patience| {
            let seen = seen.clone();
            tokio::spawn(async move { seen.all(1, 2, patience).await })
        };
        let patient = wait(Duration::from_hours(1));
        let waiting = wait(Duration::from_millis(1));
        // One of the others is not the one that is needed.
        seen.all_of(1);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!waiting.is_finished() && !patient.is_finished());
        seen.all_of(0);
        for one in [waiting, patient, wait(Duration::from_hours(1))] {
            let told = tokio::time::timeout(Duration::from_mins(1), one).await;
            told.unwrap().unwrap();
        }
    }
}
