//! One namespace, or all of them: its watches, and the controller that is fed by them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt as _, channel::mpsc, future::ready, stream};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Namespace};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::DynamicObject,
    runtime::{
        Controller, controller,
        reflector::{self, Store, store::Writer},
        watcher,
    },
};
use nbvet_operator_decide::{
    Config, Observed, Plan, names,
    observed::{Cluster, PodSecurity},
};
use tokio::sync::{Semaphore, watch};

use crate::{
    Error,
    announce::Teller,
    brief,
    client::Clock,
    discovery::{Absent, Served},
    error::is_code,
    index::{keys_of_child, keys_of_event, keys_of_map, keys_of_pod},
    memory::Memory,
    metrics::Metrics,
    readable::Readable,
    reconcile::{failed, key, reconcile},
    view::{JobRef, Keeper, PIPELINE_RUN, Seen, TASK_RUN, Tekton, View, Watch, follow, kept},
};

/// How long the level of a namespace is believed.
const LEVEL_HOLDS: Duration = Duration::from_mins(1);
/// Objects of a list at once.
const PAGE: u32 = 100;
/// How long warnings, which only explain, are waited for when all else is seen.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is followed of events: reasons why a pod does not come, does not start, or is put out.
const WARNINGS: [(&str, &str); 5] = [
    ("Job", "FailedCreate"),
    ("Pod", "FailedMount"),
    ("Pod", "FailedAttachVolume"),
    ("Pod", "FailedCreatePodSandBox"),
    ("Pod", "Evicted"),
];

/// What all passes of a scope share.
pub(crate) struct Scope {
    /// The namespace; `None`: all of them.
    pub(crate) namespace: Option<String>,
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) decide: fn(&Observed) -> Plan,
    pub(crate) metrics: Metrics,
    pub(crate) memory: Memory,
    pub(crate) view: Arc<View>,
    /// Tells people.
    pub(crate) teller: Teller,
    pub(crate) served: watch::Receiver<Served>,
    absent: Absent,
    /// Seconds after which a watch is begun anew, and in which it has to tell something or is taken for dead.
    watch: u32,
    seen: Seen,
    levels: Mutex<HashMap<String, (Instant, PodSecurity)>>,
    /// One for each pass that may be under way. Who waits for one gets it in turn: the controller of kube takes any of those
    /// that wait, always the same ones first, and where passes come faster than they end the others wait for ever.
    pub(crate) turns: Semaphore,
}

/// What every scope is made from.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) decide: fn(&Observed) -> Plan,
    pub(crate) metrics: Metrics,
    pub(crate) identity: String,
    pub(crate) served: watch::Receiver<Served>,
    pub(crate) absent: Absent,
    pub(crate) watch: u32,
    pub(crate) concurrency: u16,
}

/// Triggers of a kind.
type Triggers = stream::BoxStream<'static, JobRef>;

/// A scope that has not begun.
pub(crate) struct Prepared {
    pub(crate) scope: Arc<Scope>,
    jobs: stream::BoxStream<'static, nbvet_operator_api::NotebookValidationJob>,
    triggers: Vec<Triggers>,
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<Readable<K>>
where
    K: Resource<Scope = NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// All of a kind.
fn all(seconds: u32) -> watcher::Config {
    watcher::Config::default().page_size(PAGE).timeout(seconds)
}

/// Ours alone.
fn ours(seconds: u32) -> watcher::Config {
    let (label, value) = names::MANAGED_BY;
    all(seconds).labels(&format!("{label}={value}"))
}

fn triggers<K>(
    objects: impl Stream<Item = K> + Send + 'static,
    jobs: impl Fn(&K) -> Vec<JobRef> + Send + 'static,
) -> Triggers
where
    K: Send + 'static,
{
    objects
        .flat_map(move |object| stream::iter(jobs(&object)))
        .boxed()
}

impl Prepared {
    /// Sets up the watches of a scope.
    pub(crate) fn new(ground: &Ground, namespace: Option<String>) -> Self {
        let Ground { client, metrics, .. } = ground;
        let within = namespace.as_deref();
        let (jobs_store, jobs_writer) = reflector::store();
        let (children, keeps_children) = kept(keys_of_child, brief::job);
        let (pods, keeps_pods) = kept(keys_of_pod, brief::pod);
        let (maps, keeps_maps) = kept(keys_of_map, |_| {});
        let (events, keeps_events): (Vec<_>, Vec<_>) =
            WARNINGS.iter().map(|_| kept(keys_of_event, brief::event)).unzip();
        let view = Arc::new(View::new(jobs_store, children, pods, maps, events));
        let (all, ours) = (all(ground.watch), ours(ground.watch));
        let seen = Seen::new();
        let teller = Teller {
            client: client.clone(),
            clock: ground.clock.clone(),
            identity: ground.identity.clone(),
        };
        let watch = |kind, number| Watch {
            kind,
            number,
            seen: &seen,
            metrics,
            absent: &ground.absent,
            teller: None,
        };
        let main = Watch {
            teller: Some(&teller),
            ..watch("notebookvalidationjobs", 0)
        };
        let jobs = follow(
            api(client, within),
            all.clone(),
            Keeper::plain(jobs_writer),
            &main,
        );
        let of = |view: &Arc<View>| Arc::clone(view);
        let jobs_of = follow(
            api(client, within),
            ours.clone(),
            keeps_children,
            &watch("jobs", 1),
        );
        let pods_of = follow(api(client, within), ours.clone(), keeps_pods, &watch("pods", 2));
        let maps_of = follow(api(client, within), ours, keeps_maps, &watch("configmaps", 3));
        let (for_children, for_pods, for_maps) = (of(&view), of(&view), of(&view));
        let mut all_triggers = vec![
            triggers(jobs_of, move |job| for_children.of_child(job)),
            triggers(pods_of, move |pod| for_pods.of_pod(pod)),
            triggers(maps_of, move |map| for_maps.of_map(map)),
        ];
        for (number, ((kind, reason), keeper)) in (4..).zip(WARNINGS.into_iter().zip(keeps_events)) {
            let fields = format!("involvedObject.kind={kind},reason={reason}");
            let config = all.clone().fields(&fields);
            let events = follow(api(client, within), config, keeper, &watch("events", number));
            let view = of(&view);
            all_triggers.push(triggers(events, move |event| view.of_event(event)));
        }
        Self {
            scope: Arc::new(Scope {
                namespace,
                client: client.clone(),
                clock: ground.clock.clone(),
                config: ground.config.clone(),
                decide: ground.decide,
                metrics: metrics.clone(),
                memory: Memory::default(),
                view,
                teller,
                served: ground.served.clone(),
                absent: ground.absent.clone(),
                watch: ground.watch,
                seen,
                levels: Mutex::default(),
                turns: Semaphore::new(ground.concurrency.into()),
            }),
            jobs: jobs.boxed(),
            triggers: all_triggers,
        }
    }

    /// Works until told to end, and to the end of the passes that have begun.
    pub(crate) async fn run(self, end: impl Future<Output = ()> + Send + Sync + 'static) {
        let scope = self.scope;
        let (sender, of_runs) = mpsc::channel(1024);
        let follows = tokio::spawn(follow_tekton(Arc::clone(&scope), sender));
        let mut controller = Controller::for_stream(self.jobs.map(Ok), scope.view.jobs.clone());
        for trigger in self.triggers {
            controller = controller.reconcile_on(trigger);
        }
        controller
            .reconcile_on(of_runs)
            .graceful_shutdown_on(end_of_turns(end, Arc::clone(&scope)))
            .run(reconcile, failed, Arc::clone(&scope))
            .for_each(|result| {
                if let Err(controller::Error::ObjectNotFound(gone)) = &result {
                    scope
                        .memory
                        .forget(&key(gone.namespace.as_deref().unwrap_or_default(), &gone.name));
                }
                ready(())
            })
            .await;
        follows.abort();
    }
}

/// The end, after which no pass begins.
async fn end_of_turns(end: impl Future<Output = ()>, scope: Arc<Scope>) {
    end.await;
    scope.turns.close();
}

impl Scope {
    /// For people.
    pub(crate) fn name(&self) -> String {
        self.namespace
            .clone()
            .unwrap_or_else(|| "all namespaces".to_owned())
    }

    /// Waits until everything that is there has been seen.
    pub(crate) async fn seen_all(&self) {
        // The jobs, their children, pods and maps, and the warnings.
        self.seen.all(4, WARNINGS.len(), PATIENCE).await;
    }

    /// What the cluster has for a job of this namespace.
    pub(crate) async fn cluster(&self, namespace: &str) -> Result<Cluster, Error> {
        let served = *self.served.borrow();
        Ok(Cluster {
            tekton: served.tekton,
            openshift_builds: served.openshift_builds,
            openshift: served.openshift,
            image_streams: served.image_streams,
            pod_security: self.level(namespace).await?,
        })
    }

    /// Forgets what a namespace enforces, where that was read before a time; whether it was.
    pub(crate) fn forget_level(&self, namespace: &str, before: Instant) -> bool {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = levels.get(namespace).is_some_and(|(at, _)| *at < before);
        is_old && levels.remove(namespace).is_some()
    }

    async fn level(&self, namespace: &str) -> Result<PodSecurity, Error> {
        let known = self
            .levels
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(namespace)
            .copied();
        if let Some((at, level)) = known
            && at.elapsed() < LEVEL_HOLDS
        {
            return Ok(level);
        }
        let api = Api::<Namespace>::all(self.client.clone());
        let found = match api.get_metadata_opt(namespace).await {
            Ok(found) => found,
            // Watching some namespaces alone, a controller may have no right to read them: then builds find out.
            Err(error) if is_code(&error, 403) => None,
            Err(error) => return Err(Error::api(format!("read namespace {namespace}"))(error)),
        };
        let label = found.and_then(|found| found.labels().get("pod-security.kubernetes.io/enforce").cloned());
        let level = match label.as_deref() {
            Some("restricted") => PodSecurity::Restricted,
            Some("baseline") => PodSecurity::Baseline,
            _ => PodSecurity::Privileged,
        };
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels.insert(namespace.to_owned(), (Instant::now(), level));
        Ok(level)
    }
}

/// Follows what is Tekton's as long as the cluster serves it, and begins again when it does again.
async fn follow_tekton(scope: Arc<Scope>, sender: mpsc::Sender<JobRef>) {
    let mut served = scope.served.clone();
    loop {
        if served.wait_for(|served| served.tekton).await.is_err() {
            return;
        }
        let (runs, runs_writer) = store_of(PIPELINE_RUN);
        let (tasks, tasks_writer) = store_of(TASK_RUN);
        let tekton = Tekton { runs, tasks };
        scope.view.set_tekton(Some(tekton.clone()));
        let view = Arc::clone(&scope.view);
        let of_runs = follow_kind(&scope, PIPELINE_RUN, "pipelineruns", runs_writer)
            .flat_map(move |run| stream::iter(view.of_run(&run)));
        let of_tasks = follow_kind(&scope, TASK_RUN, "taskruns", tasks_writer)
            .flat_map(move |task| stream::iter(tekton.of_task(&task)));
        tokio::select! {
            _ = of_runs.map(Ok).forward(sender.clone()) => {}
            _ = of_tasks.map(Ok).forward(sender.clone()) => {}
            _ = served.wait_for(|served| !served.tekton) => {}
        }
        scope.view.set_tekton(None);
    }
}

fn store_of(kind: &str) -> (Store<DynamicObject>, Writer<DynamicObject>) {
    let writer = Writer::new(Tekton::kind(kind));
    (writer.as_reader(), writer)
}

/// Follows one of Tekton's kinds, each with a back-off of its own.
fn follow_kind(
    scope: &Scope,
    kind: &str,
    plural: &'static str,
    writer: Writer<DynamicObject>,
) -> stream::BoxStream<'static, DynamicObject> {
    let kind = Tekton::kind(kind);
    let api = match &scope.namespace {
        Some(namespace) => {
            Api::<Readable<DynamicObject>>::namespaced_with(scope.client.clone(), namespace, &kind)
        }
        None => Api::all_with(scope.client.clone(), &kind),
    };
    let watch = Watch {
        kind: plural,
        number: 0,
        seen: &Seen::new(),
        metrics: &scope.metrics,
        absent: &scope.absent,
        teller: None,
    };
    follow(api, ours(scope.watch), Keeper::plain(writer), &watch).boxed()
}
