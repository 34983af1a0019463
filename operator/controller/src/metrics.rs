//! Metrics, as Prometheus reads them. What is counted of the cluster is counted when it is asked for.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use http::Method;
use kube::ResourceExt as _;
use nbvet_operator_api::{
    NotebookValidationJobStatus, Phase, duration,
    status::{BuildPhase, BuildStatus},
};
use nbvet_operator_decide::names;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::view::View;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Planned {
    plan: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    verb: &'static str,
    code: u32,
}

/// All of them.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    passes: Histogram,
    errors: Family<Reason, Counter>,
    plans: Family<Planned, Counter>,
    ended: Family<Status, Counter>,
    active: Gauge,
    runs_active: Gauge,
    pods_active: Gauge,
    execution: Histogram,
    build: Histogram,
    image_size: Histogram,
    retries: Histogram,
    success_rate: Gauge<f64, AtomicU64>,
    hit_rate: Gauge<f64, AtomicU64>,
    watch_errors: Family<Kind, Counter>,
    watch_events: Family<Kind, Gauge>,
    unreadable: Family<Kind, Counter>,
    requests: Family<Request, Counter>,
    kind_missing: Gauge,
    leader: Gauge,
    rates: Mutex<Rates>,
    views: Mutex<Vec<Arc<View>>>,
}

#[derive(Default)]
struct Rates {
    succeeded: f64,
    ended: f64,
    hits: f64,
    images: f64,
}

fn long() -> Histogram {
    Histogram::new([
        1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 2700.0, 5400.0,
    ])
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            registry: Registry::with_prefix("notebook_validation"),
            passes: Histogram::new([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0]),
            errors: Family::default(),
            plans: Family::default(),
            ended: Family::default(),
            active: Gauge::default(),
            runs_active: Gauge::default(),
            pods_active: Gauge::default(),
            execution: long(),
            build: long(),
            image_size: Histogram::new([1e7, 5e7, 1e8, 2.5e8, 5e8, 1e9, 2.5e9, 5e9, 1e10]),
            retries: Histogram::new([0.0, 1.0, 2.0, 3.0, 5.0, 10.0]),
            success_rate: Gauge::default(),
            hit_rate: Gauge::default(),
            watch_errors: Family::default(),
            watch_events: Family::default(),
            unreadable: Family::default(),
            requests: Family::default(),
            kind_missing: Gauge::default(),
            leader: Gauge::default(),
            rates: Mutex::default(),
            views: Mutex::default(),
        };
        inner.kind_missing.set(1);
        Self(Arc::new(inner.registered()))
    }

    /// A pass took so long.
    pub(crate) fn pass(&self, took: Duration) {
        self.0.passes.observe(took.as_secs_f64());
    }

    /// A pass failed.
    pub(crate) fn failed(&self, reason: &'static str) {
        self.0.errors.get_or_create(&Reason { reason }).inc();
    }

    /// A plan was made.
    pub(crate) fn plan(&self, plan: &'static str) {
        self.0.plans.get_or_create(&Planned { plan }).inc();
    }

    /// A watch told something.
    pub(crate) fn watch_event(&self, kind: &'static str) {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or_default();
        self.0.watch_events.get_or_create(&Kind { kind }).set(now);
    }

    /// A watch failed.
    pub(crate) fn watch_error(&self, kind: &'static str) {
        self.0.watch_errors.get_or_create(&Kind { kind }).inc();
    }

    /// A watch told an object that cannot be read.
    pub(crate) fn unreadable(&self, kind: &'static str) {
        self.0.unreadable.get_or_create(&Kind { kind }).inc();
    }

    /// The API server answered a request; code 0: it did not.
    pub(crate) fn api_request(&self, verb: &Method, code: u16) {
        let verb = match verb.as_str() {
            "GET" => "get",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "other",
        };
        let request = Request {
            verb,
            code: code.into(),
        };
        self.0.requests.get_or_create(&request).inc();
    }

    /// It leads, and this is what it sees.
    pub(crate) fn leads(&self, views: Vec<Arc<View>>) {
        self.0.leader.set(1);
        *self.0.views.lock().unwrap_or_else(PoisonError::into_inner) = views;
    }

    /// Whether the cluster serves our kind.
    pub(crate) fn kind_served(&self, served: bool) {
        self.0.kind_missing.set((!served).into());
    }

    /// A status was written over another.
    pub(crate) fn status(
        &self,
        old: Option<&NotebookValidationJobStatus>,
        new: Option<&NotebookValidationJobStatus>,
    ) {
        let Some(new) = new else { return };
        let same_run = |old: &&NotebookValidationJobStatus| old.run == new.run;
        let old = old.filter(same_run);
        let had_image = old
            .and_then(|old| old.build_status.as_ref())
            .is_some_and(has_image);
        if let Some(build) = new
            .build_status
            .as_ref()
            .filter(|build| has_image(build) && !had_image)
        {
            self.image(build);
        }
        let was_over = old.and_then(|old| old.phase).is_some_and(Phase::is_terminal);
        if let Some(phase) = new.phase.filter(|phase| phase.is_terminal() && !was_over) {
            self.ended(phase, new);
        }
    }

    fn image(&self, build: &BuildStatus) {
        let hit = build.cache_hit == Some(true);
        {
            let mut rates = self.0.rates.lock().unwrap_or_else(PoisonError::into_inner);
            rates.images += 1.0;
            rates.hits += f64::from(u8::from(hit));
            self.0.hit_rate.set(rates.hits / rates.images);
        }
        let took = build
            .duration
            .as_deref()
            .and_then(|text| duration::parse(text).ok());
        if let Some(took) = took.filter(|_| !hit) {
            self.0.build.observe(took.as_secs_f64());
        }
        if let Some(size) = build
            .image_size_bytes
            .and_then(|size| u32::try_from(size / 1024).ok())
        {
            self.0.image_size.observe(f64::from(size) * 1024.0);
        }
    }

    fn ended(&self, phase: Phase, status: &NotebookValidationJobStatus) {
        let name = if phase == Phase::Succeeded {
            "succeeded"
        } else {
            "failed"
        };
        self.0.ended.get_or_create(&Status { status: name }).inc();
        {
            let mut rates = self.0.rates.lock().unwrap_or_else(PoisonError::into_inner);
            rates.ended += 1.0;
            rates.succeeded += f64::from(u8::from(phase == Phase::Succeeded));
            self.0.success_rate.set(rates.succeeded / rates.ended);
        }
        let retries = status.retry_count.and_then(|count| u32::try_from(count).ok());
        self.0.retries.observe(retries.unwrap_or_default().into());
        if let (Some(from), Some(to)) = (&status.start_time, &status.completion_time) {
            self.0
                .execution
                .observe(to.0.duration_since(from.0).as_secs_f64().max(0.0));
        }
    }

    /// All of them as text.
    pub(crate) fn text(&self) -> String {
        self.count();
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    /// Counts what is under way.
    fn count(&self) {
        let views = self.0.views.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut active, mut runs, mut pods) = (0, 0, 0);
        for view in views.iter() {
            let is_over = |phase: Option<Phase>| phase.is_some_and(Phase::is_terminal);
            active += number(
                view.jobs
                    .state()
                    .iter()
                    .filter(|job| !is_over(job.status.as_ref().and_then(|status| status.phase))),
            );
            let goes_on =
                |run: &&Arc<kube::api::DynamicObject>| run.data["status"]["completionTime"].is_null();
            runs += number(
                view.tekton()
                    .map(|tekton| tekton.runs.state())
                    .unwrap_or_default()
                    .iter()
                    .filter(goes_on),
            );
            pods += number(view.pods.state().iter().filter(|pod| {
                let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
                pod.labels()
                    .get(names::STEP)
                    .is_some_and(|step| step == "validate")
                    && !matches!(phase, Some("Succeeded" | "Failed"))
            }));
        }
        drop(views);
        self.0.active.set(active);
        self.0.runs_active.set(runs);
        self.0.pods_active.set(pods);
    }
}

fn number(of: impl Iterator) -> i64 {
    i64::try_from(of.count()).unwrap_or(i64::MAX)
}

fn has_image(build: &BuildStatus) -> bool {
    build.phase == Some(BuildPhase::Complete)
}

impl Inner {
    fn registered(mut self) -> Self {
        let all = &mut self.registry;
        all.register(
            "reconcile_duration_seconds",
            "Time of a pass over a job",
            self.passes.clone(),
        );
        all.register(
            "reconcile_errors",
            "Passes that failed, by reason",
            self.errors.clone(),
        );
        all.register("plans", "What was decided, by plan", self.plans.clone());
        all.register("jobs", "Jobs that ended since the start", self.ended.clone());
        all.register("jobs_active", "Jobs that have not ended", self.active.clone());
        all.register(
            "tekton_pipelineruns_active",
            "Tekton runs under way",
            self.runs_active.clone(),
        );
        all.register(
            "validation_pods_active",
            "Pods that validate",
            self.pods_active.clone(),
        );
        all.register(
            "execution_duration_seconds",
            "From the begin of a run to its end",
            self.execution.clone(),
        );
        all.register("build_duration_seconds", "Time of builds", self.build.clone());
        all.register(
            "build_image_size_bytes",
            "Compressed bytes of images",
            self.image_size.clone(),
        );
        all.register(
            "build_cache_hit_rate",
            "Share of images that were there already",
            self.hit_rate.clone(),
        );
        all.register(
            "success_rate",
            "Share of ended jobs that succeeded",
            self.success_rate.clone(),
        );
        all.register(
            "retry_count",
            "Tries beyond the first, by job",
            self.retries.clone(),
        );
        all.register(
            "watch_errors",
            "Watches that failed, by kind",
            self.watch_errors.clone(),
        );
        all.register(
            "watch_last_event_timestamp_seconds",
            "When a watch told something last, by kind",
            self.watch_events.clone(),
        );
        all.register(
            "unreadable_objects",
            "Objects of watches that cannot be read and are passed over, each time that they are told, by kind",
            self.unreadable.clone(),
        );
        all.register(
            "api_requests",
            "Requests to the API server; code 0: no answer",
            self.requests.clone(),
        );
        all.register(
            "crd_missing",
            "1: the cluster does not serve our kind",
            self.kind_missing.clone(),
        );
        all.register("leader", "1: this controller works", self.leader.clone());
        self
    }
}
