//! The world that decisions are tried in. It does what clusters do, with whatever cache a test gives the controller, and
//! writes down each thing that must not happen.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use nbvet_operator_api::{
    ConditionType, NotebookValidationJob, NotebookValidationJobSpec, NotebookValidationJobStatus, Phase,
    Reason,
    build::BuildConfig,
    condition::condition,
    job::{CANCEL_ANNOTATION, RERUN_ANNOTATION},
    meaning,
    source::{GitSource, NotebookSource},
};
use nbvet_operator_decide::{
    Config, Observed, Plan, decide,
    observed::{
        Body, Build, BuildState, Child, ChildState, Cluster, Fault, Joined, Load, Record, Refused, Unserved,
    },
    plan::{Again, Announcement, Deletion, Task, Work},
};
use nbvet_report::{
    CellCounts, ExitCode, Level, NotebookReport, Outcome, Report, Tool, Verdict,
    step::{Base, BlobRef, Builder, FetchedSource, Prepared, Published, Step, StepBody, StepEnd, Validated},
};

pub(crate) const NAMESPACE: &str = "team";
pub(crate) const DESTINATION: &str = "registry.example/team/nbvet";

/// An image by digest that is known by one letter.
pub(crate) fn image(letter: char) -> String {
    format!("{DESTINATION}@sha256:{}", letter.to_string().repeat(64))
}

pub(crate) fn identity(letter: char) -> String {
    letter.to_string().repeat(64)
}

/// What the API server has. Cloned, it is a cache that has stopped listening.
#[derive(Clone, Default)]
pub(crate) struct Api {
    pub(crate) jobs: BTreeMap<String, NotebookValidationJob>,
    pub(crate) children: BTreeMap<String, (String, Child)>,
    pub(crate) records: BTreeMap<String, (String, Record)>,
    pub(crate) builds: BTreeMap<String, Build>,
    version: u64,
}

/// What a seeded fault of the controller changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bug {
    NoGate,
    GenerationInNames,
    StatusFromStaleCache,
    ForeignBuild,
    StatusLost,
}

pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) now: Timestamp,
    pub(crate) config: Config,
    pub(crate) cluster: Cluster,
    /// What the registry has, by identity.
    pub(crate) registry: BTreeMap<String, String>,
    /// What prepare finds, by name of the job.
    pub(crate) identities: BTreeMap<String, String>,
    /// What prepare finds odd.
    pub(crate) warnings: Vec<String>,
    /// Results that were read out of logs.
    pub(crate) read: BTreeMap<String, Body>,
    pub(crate) events: Vec<(String, Announcement)>,
    pub(crate) load: Load,
    pub(crate) unserved: Vec<Unserved>,
    pub(crate) taken: Vec<String>,
    pub(crate) refused: Vec<Refused>,
    /// Published images that OpenShift lists, by name of the stream.
    pub(crate) streams: BTreeMap<String, String>,
    pub(crate) bug: Option<Bug>,
    /// Everything that must not happen and did.
    pub(crate) faults: Vec<String>,
    /// Builds that were created, in order.
    pub(crate) built: Vec<String>,
    pub(crate) writes: usize,
    /// The images that notebooks run in, by name of the child.
    run_in: BTreeMap<String, String>,
    /// What was wished when a notebook began to run, by name of the child.
    wished: BTreeMap<String, (String, String)>,
    /// Wishes whose notebook ran to an end that stands.
    judged: BTreeSet<(String, String)>,
}

/// Where a controller dies while it acts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    /// At which write, from 0.
    pub(crate) at: usize,
    /// After it: the write is done and its reply is lost.
    pub(crate) after: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            api: Api::default(),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            config: Config {
                registry: Some("registry.example".to_owned()),
                ..Config::default()
            },
            cluster: Cluster::default(),
            registry: BTreeMap::new(),
            identities: BTreeMap::new(),
            warnings: Vec::new(),
            read: BTreeMap::new(),
            events: Vec::new(),
            load: Load::default(),
            unserved: Vec::new(),
            taken: Vec::new(),
            refused: Vec::new(),
            streams: BTreeMap::new(),
            bug: None,
            faults: Vec::new(),
            built: Vec::new(),
            writes: 0,
            run_in: BTreeMap::new(),
            wished: BTreeMap::new(),
            judged: BTreeSet::new(),
        }
    }
}

impl Api {
    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    fn touch_job(&mut self, name: &str) {
        let version = self.next_version();
        self.jobs.get_mut(name).unwrap().metadata.resource_version = Some(version);
    }

    fn touch_child(&mut self, name: &str) {
        let version = self.next_version();
        self.children.get_mut(name).unwrap().1.resource_version = version;
    }

    fn touch_build(&mut self, name: &str) {
        let version = self.next_version();
        self.builds.get_mut(name).unwrap().resource_version = version;
    }
}

/// A spec that asks for a build.
pub(crate) fn spec() -> NotebookValidationJobSpec {
    let mut spec = NotebookValidationJobSpec {
        notebook: NotebookSource {
            git: Some(GitSource {
                url: "https://git.example/team/notebooks".to_owned(),
                reference: "main".to_owned(),
                credentials_secret: None,
            }),
            path: "reports/Daily Sales.ipynb".to_owned(),
            ..NotebookSource::default()
        },
        ..NotebookValidationJobSpec::default()
    };
    spec.pod_config.container_image = Some("python:3.12-slim".to_owned());
    spec.pod_config.build_config = Some(BuildConfig {
        enabled: Some(true),
        ..BuildConfig::default()
    });
    spec
}

/// The same without a build.
pub(crate) fn spec_without_build() -> NotebookValidationJobSpec {
    let mut spec = spec();
    spec.pod_config.build_config = None;
    spec
}

impl World {
    pub(crate) fn with(name: &str, spec: NotebookValidationJobSpec) -> Self {
        let mut world = Self::default();
        world.add(name, spec);
        world
    }

    pub(crate) fn add(&mut self, name: &str, spec: NotebookValidationJobSpec) {
        let mut job = NotebookValidationJob::new(name, spec);
        job.metadata.namespace = Some(NAMESPACE.to_owned());
        job.metadata.uid = Some(format!("uid-{name}"));
        job.metadata.generation = Some(1);
        job.metadata.creation_timestamp = Some(Time(self.now));
        self.api.jobs.insert(name.to_owned(), job);
        self.api.touch_job(name);
        self.identities.insert(name.to_owned(), identity('a'));
    }

    /// As a user's `kubectl apply`.
    pub(crate) fn edit(&mut self, name: &str, change: impl FnOnce(&mut NotebookValidationJobSpec)) {
        let job = self.api.jobs.get_mut(name).unwrap();
        change(&mut job.spec);
        job.metadata.generation = job.metadata.generation.map(|generation| generation + 1);
        self.api.touch_job(name);
    }

    pub(crate) fn annotate(&mut self, name: &str, annotation: &str, value: &str) {
        let job = self.api.jobs.get_mut(name).unwrap();
        let annotations = job.metadata.annotations.get_or_insert_default();
        annotations.insert(annotation.to_owned(), value.to_owned());
        self.api.touch_job(name);
    }

    pub(crate) fn rerun(&mut self, name: &str, value: &str) {
        self.annotate(name, RERUN_ANNOTATION, value);
    }

    pub(crate) fn cancel(&mut self, name: &str) {
        let run = self.status(name).run.unwrap().id;
        self.annotate(name, CANCEL_ANNOTATION, &run);
    }

    pub(crate) fn suspend(&mut self, name: &str, suspend: bool) {
        self.edit(name, |spec| spec.suspend = Some(suspend));
    }

    pub(crate) fn status(&self, name: &str) -> NotebookValidationJobStatus {
        self.api.jobs[name].status.clone().unwrap_or_default()
    }

    pub(crate) fn phase(&self, name: &str) -> Phase {
        self.status(name).phase.unwrap()
    }

    /// `status reason` of a condition.
    pub(crate) fn condition(&self, name: &str, kind: ConditionType) -> String {
        let status = self.status(name);
        condition(&status.conditions, kind)
            .map_or_else(|| "-".to_owned(), |one| format!("{} {}", one.status, one.reason))
    }

    pub(crate) fn verdict(&self, name: &str) -> Option<Outcome> {
        self.status(name).verdict.map(|verdict| verdict.outcome)
    }

    /// What a controller sees of a job in a cache.
    pub(crate) fn observe(&self, name: &str, jobs: &Api, objects: &Api) -> Option<Observed> {
        let job = jobs.jobs.get(name)?.clone();
        let uid = job.metadata.uid.clone().unwrap();
        let mut children: Vec<Child> = objects
            .children
            .values()
            .filter(|(of, _)| *of == uid)
            .map(|(_, child)| child.clone())
            .collect();
        for child in &mut children {
            if let (ChildState::Said { body, .. }, Some(read)) =
                (&mut child.state, self.read.get(&child.name))
                && *body == Body::Unread
            {
                body.clone_from(read);
            }
        }
        Some(Observed {
            now: self.now,
            job,
            children,
            records: objects
                .records
                .values()
                .filter(|(of, _)| *of == uid)
                .map(|(_, record)| record.clone())
                .collect(),
            builds: objects.builds.values().cloned().collect(),
            unserved: self.unserved.clone(),
            taken: self.taken.clone(),
            refused: self.refused.clone(),
            cluster: self.cluster,
            load: self.load,
            config: self.config.clone(),
        })
    }

    /// Decides for a job with everything as it is.
    pub(crate) fn plan(&self, name: &str) -> Plan {
        let observed = self
            .observe(name, &self.api, &self.api)
            .expect("the job is there");
        self.decide(observed)
    }

    /// The decision, or that of a controller with a seeded fault.
    pub(crate) fn decide(&self, mut observed: Observed) -> Plan {
        match self.bug {
            Some(Bug::NoGate) => {
                for record in &mut observed.records {
                    if let Some(body) = &mut record.body
                        && let StepBody::Prepared(prepared) = &mut **body
                    {
                        prepared.image = Some(image('f'));
                    }
                }
            }
            Some(Bug::ForeignBuild) => {
                let uid = observed.job.metadata.uid.clone().unwrap();
                let run = observed
                    .job
                    .status
                    .as_ref()
                    .and_then(|status| status.run.as_ref())
                    .map(|run| run.id.clone());
                for build in observed
                    .builds
                    .iter_mut()
                    .filter(|build| build.namespace != NAMESPACE)
                {
                    NAMESPACE.clone_into(&mut build.namespace);
                    build.name = nbvet_operator_decide::names::build(
                        NAMESPACE,
                        &build.destination,
                        &build.identity,
                        build.attempt,
                    );
                    build.joined.push(Joined {
                        job: uid.clone(),
                        run: run.clone().unwrap_or_default(),
                        at: build.created,
                        limit: None,
                    });
                }
            }
            Some(Bug::StatusLost) => {
                let lost = observed
                    .job
                    .status
                    .as_ref()
                    .is_none_or(|status| status.run.is_none());
                if lost && let Some(newest) = observed.children.iter().map(|child| child.run.number).max() {
                    // Without a status the run is taken for a new one, whatever its children say.
                    let annotations = observed.job.metadata.annotations.get_or_insert_default();
                    annotations.insert(RERUN_ANNOTATION.to_owned(), newest.to_string());
                }
            }
            Some(Bug::GenerationInNames) => {
                let suffix = format!("-g{}", observed.job.metadata.generation.unwrap());
                observed
                    .builds
                    .retain_mut(|build| match build.name.strip_suffix(&suffix) {
                        Some(name) => {
                            build.name = name.to_owned();
                            true
                        }
                        None => false,
                    });
                let mut plan = decide(&observed);
                for intent in &mut plan.create {
                    if matches!(intent.work, Work::Build(_)) {
                        intent.name.push_str(&suffix);
                    }
                }
                for join in &mut plan.join {
                    join.build.push_str(&suffix);
                }
                for leave in &mut plan.leave {
                    leave.build.push_str(&suffix);
                }
                return plan;
            }
            Some(Bug::StatusFromStaleCache) | None => {}
        }
        decide(&observed)
    }

    /// Does what a plan says. False: a write was refused or the controller died, and it has to look again.
    pub(crate) fn act(&mut self, name: &str, plan: &Plan, seen: Option<&str>, crash: Option<Crash>) -> bool {
        let mut left = Writes { next: 0, crash };
        let done = self.do_writes(name, plan, seen, &mut left);
        self.writes += left.next;
        done
    }

    fn do_writes(&mut self, name: &str, plan: &Plan, seen: Option<&str>, left: &mut Writes) -> bool {
        let Some(job) = self.api.jobs.get(name) else {
            return true;
        };
        let uid = job.metadata.uid.clone().unwrap();
        if plan.live && seen.is_some() && job.metadata.resource_version.as_deref() != seen {
            return false;
        }
        for child in &plan.read {
            self.read_log(child);
        }
        for intent in &plan.create {
            if !left.write(|| self.create(name, &uid, &intent.name, &intent.work)) {
                return false;
            }
        }
        for join in &plan.join {
            let run = join.run.clone();
            let mut fresh = true;
            let alive = left.write(|| match self.api.builds.get_mut(&join.build) {
                Some(build) if build.resource_version == join.resource_version && !build.deleting => {
                    build.owners.retain(|owner| *owner != uid);
                    build.owners.push(uid.clone());
                    build.joined.retain(|joined| joined.job != uid);
                    build.joined.push(Joined {
                        job: uid.clone(),
                        run,
                        at: join.at,
                        limit: Some(join.limit),
                    });
                    self.api.touch_build(&join.build);
                }
                _ => fresh = false,
            });
            if !alive || !fresh {
                return false;
            }
        }
        for leave in &plan.leave {
            let mut fresh = true;
            let alive = left.write(|| match self.api.builds.get_mut(&leave.build) {
                Some(build) if build.resource_version == leave.resource_version => {
                    if leave.last {
                        self.api.builds.remove(&leave.build);
                    } else {
                        build.owners.retain(|owner| *owner != uid);
                        build.joined.retain(|joined| joined.job != uid);
                        self.api.touch_build(&leave.build);
                    }
                }
                _ => fresh = false,
            });
            if !alive || !fresh {
                return false;
            }
        }
        for deletion in &plan.delete {
            let mut fresh = true;
            if !left.write(|| fresh = self.delete(name, deletion)) || !fresh {
                return false;
            }
        }
        if let Some(status) = &plan.status {
            let mut fresh = true;
            let alive = left.write(|| fresh = self.write_status(name, seen, status));
            if !alive || !fresh {
                return false;
            }
        }
        self.events
            .extend(plan.events.iter().map(|event| (name.to_owned(), event.clone())));
        true
    }

    fn create(&mut self, job: &str, uid: &str, name: &str, work: &Work) {
        match work {
            Work::Step(step) => {
                if self.api.children.contains_key(name) {
                    return;
                }
                self.check_child(job, &step.task);
                let wish = self.wish(job);
                self.wished.insert(name.to_owned(), wish);
                if let Task::Validate { image, .. } = &step.task {
                    self.run_in.insert(name.to_owned(), image.as_str().to_owned());
                }
                let child = Child {
                    name: name.to_owned(),
                    resource_version: self.api.next_version(),
                    run: step.run.clone(),
                    step: step.task.step(),
                    inputs: step.inputs.clone(),
                    attempt: step.attempt,
                    limit: step.task.limit(),
                    created: self.now,
                    deleting: false,
                    alive: true,
                    pod: Some(format!("{name}-pod")),
                    state: ChildState::Starting { held: None },
                };
                self.api.children.insert(name.to_owned(), (uid.to_owned(), child));
            }
            Work::Build(inputs) => {
                if self.api.builds.contains_key(name) {
                    return;
                }
                self.check_build(&inputs.identity, inputs.anew);
                self.built.push(name.to_owned());
                let version = self.api.next_version();
                let build = Build {
                    name: name.to_owned(),
                    namespace: NAMESPACE.to_owned(),
                    resource_version: version,
                    ours: true,
                    identity: inputs.identity.clone(),
                    destination: inputs.destination.clone(),
                    attempt: inputs.attempt,
                    strategy: inputs.strategy,
                    created: self.now,
                    deleting: false,
                    has_input: true,
                    owners: vec![uid.to_owned()],
                    joined: vec![Joined {
                        job: uid.to_owned(),
                        run: inputs.run.clone(),
                        at: inputs.at,
                        limit: Some(inputs.limit),
                    }],
                    state: BuildState::Starting { held: None },
                };
                self.api.builds.insert(name.to_owned(), build);
            }
            Work::Stream(stream) => {
                self.streams.insert(name.to_owned(), stream.image.clone());
            }
            Work::Record(record) => {
                let written = Record {
                    child: record.child.clone(),
                    run: record.run.clone(),
                    step: record.step,
                    inputs: record.inputs.clone(),
                    attempt: record.attempt,
                    limit: record.limit,
                    started: record.started,
                    at: record.at,
                    pod: record.pod.clone(),
                    end: record.end.clone(),
                    body: record.body.clone(),
                };
                self.api
                    .records
                    .entry(name.to_owned())
                    .or_insert((uid.to_owned(), written));
            }
        }
    }

    /// Nothing is validated but the image that a build of this identity made, and a notebook runs once.
    fn check_child(&mut self, job: &str, task: &Task) {
        let Task::Validate { image, .. } = task else {
            return;
        };
        let builds = self.api.jobs[job].spec.pod_config.build_config.is_some();
        let identity = &self.identities[job];
        if builds && self.registry.get(identity).map(String::as_str) != Some(image.as_str()) {
            self.faults
                .push(format!("{job} validates {image} before or without its build"));
        }
        let uid = &self.api.jobs[job].metadata.uid;
        let others = self
            .api
            .children
            .values()
            .filter(|(of, child)| Some(of) == uid.as_ref() && child.step == Step::Validate);
        if others.clone().any(|(_, child)| !child.state.has_ended()) {
            self.faults.push(format!("{job} runs its notebook twice at once"));
        }
        if self.judged.contains(&self.wish(job)) {
            self.faults
                .push(format!("{job} runs a notebook again that has ended"));
        }
    }

    /// A job and what it wishes.
    fn wish(&self, job: &str) -> (String, String) {
        let wanted = &self.api.jobs[job];
        let rerun = wanted
            .metadata
            .annotations
            .as_ref()
            .and_then(|all| all.get(RERUN_ANNOTATION));
        (
            job.to_owned(),
            meaning::wish(&wanted.spec, rerun.map(String::as_str)),
        )
    }

    /// Nothing is built twice.
    fn check_build(&mut self, identity: &str, anew: bool) {
        let same = self
            .api
            .builds
            .values()
            .filter(|build| build.namespace == NAMESPACE && build.identity == identity);
        if same.clone().any(|build| !build.state.has_ended()) {
            self.faults
                .push(format!("a second build of {} at once", &identity[..4]));
        }
        if !anew && self.registry.contains_key(identity) {
            self.faults.push(format!(
                "a build of {} though the registry has it",
                &identity[..4]
            ));
        }
    }

    /// False: it has changed since it was seen.
    fn delete(&mut self, job: &str, deletion: &Deletion) -> bool {
        match deletion {
            Deletion::Child {
                name,
                resource_version,
            } => {
                let Some((_, child)) = self.api.children.get_mut(name) else {
                    return true;
                };
                if child.resource_version != *resource_version {
                    return false;
                }
                if child.state.has_ended() {
                    self.api.children.remove(name);
                } else {
                    // Its pod goes first.
                    child.deleting = true;
                    self.api.touch_child(name);
                }
            }
            Deletion::Record { child } => {
                self.api
                    .records
                    .remove(&nbvet_operator_decide::names::record(child));
            }
            Deletion::Job => {
                self.api.jobs.remove(job);
            }
        }
        true
    }

    fn write_status(&mut self, name: &str, seen: Option<&str>, status: &NotebookValidationJobStatus) -> bool {
        let job = &self.api.jobs[name];
        if self.bug != Some(Bug::StatusFromStaleCache)
            && seen.is_some()
            && job.metadata.resource_version.as_deref() != seen
        {
            return false;
        }
        if let Some(old) = &job.status {
            self.check_status(name, &old.clone(), status);
        }
        let size = serde_json::to_vec(status).unwrap().len();
        if size > 32 * 1024 {
            self.faults.push(format!("a status of {size} bytes"));
        }
        self.api.jobs.get_mut(name).unwrap().status = Some(status.clone());
        self.api.touch_job(name);
        true
    }

    /// Within a run the phase never goes back, and an end stays.
    fn check_status(
        &mut self,
        name: &str,
        old: &NotebookValidationJobStatus,
        new: &NotebookValidationJobStatus,
    ) {
        let run = |status: &NotebookValidationJobStatus| {
            status.run.as_ref().map(|run| (run.id.clone(), run.number))
        };
        let (Some(old_run), Some(new_run)) = (run(old), run(new)) else {
            return;
        };
        if new_run.1 < old_run.1 {
            self.faults.push(format!(
                "{name} goes back from run {} to {}",
                old_run.1, new_run.1
            ));
        }
        if old_run.0 != new_run.0 {
            return;
        }
        if new.phase < old.phase {
            self.faults.push(format!(
                "{name} goes back from {:?} to {:?}",
                old.phase, new.phase
            ));
        }
        let is_over = old.phase.is_some_and(Phase::is_terminal);
        if is_over
            && (old.phase, &old.verdict, &old.completion_time)
                != (new.phase, &new.verdict, &new.completion_time)
        {
            self.faults
                .push(format!("{name} changed after its end: {old:?} {new:?}"));
        }
    }

    /// Decides and acts until there is nothing to do at this time.
    pub(crate) fn settle(&mut self) -> Again {
        let mut soonest = Again::OnChange;
        let names: Vec<String> = self.api.jobs.keys().cloned().collect();
        for name in names {
            soonest = soonest.min(self.settle_one(&name));
        }
        soonest
    }

    pub(crate) fn settle_one(&mut self, name: &str) -> Again {
        for _ in 0..20 {
            if !self.api.jobs.contains_key(name) {
                return Again::OnChange;
            }
            let plan = self.plan(name);
            if plan.is_idle() {
                return plan.again;
            }
            let version = self.api.jobs[name].metadata.resource_version.clone();
            self.act(name, &plan, version.as_deref(), None);
        }
        panic!("{name} does not come to rest: {:?}", self.plan(name));
    }

    /// Lets time pass, then settles.
    pub(crate) fn pass(&mut self, seconds: i64) -> Again {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        self.settle()
    }

    /// The pods of what is deleted are gone.
    pub(crate) fn collect(&mut self) {
        self.api.children.retain(|_, (_, child)| !child.deleting);
        self.api.builds.retain(|_, build| !build.deleting);
    }

    /// The newest child of a job that does a step.
    pub(crate) fn child(&self, job: &str, step: Step) -> Option<Child> {
        let uid = format!("uid-{job}");
        let children = self
            .api
            .children
            .values()
            .filter(|(of, child)| *of == uid && child.step == step);
        children
            .map(|(_, child)| child.clone())
            .max_by_key(|child| (child.run.number, child.created, child.attempt))
    }

    pub(crate) fn set_child(&mut self, name: &str, state: ChildState) {
        let (_, child) = self.api.children.get_mut(name).unwrap();
        child.alive = !state.has_ended();
        child.state = state;
        self.api.touch_child(name);
    }

    fn read_log(&mut self, name: &str) {
        let (_, child) = self.api.children.get(name).expect("a child that is there");
        let of = self
            .api
            .jobs
            .values()
            .find(|job| self.api.children[name].0 == *job.metadata.uid.as_ref().unwrap());
        let body = match (child.step, of) {
            (Step::Prepare, Some(job)) => {
                let name = job.metadata.name.clone().unwrap();
                StepBody::Prepared(Box::new(self.prepared(&name)))
            }
            (Step::Validate, _) => StepBody::Validated(Box::new(validated(Outcome::Passed))),
            _ => StepBody::Published(Published {
                tag: "t".to_owned(),
                ..Published::default()
            }),
        };
        self.read
            .entry(name.to_owned())
            .or_insert_with(|| Body::Read(Box::new(body)));
    }

    /// What prepare finds for a job at this time.
    pub(crate) fn prepared(&self, job: &str) -> Prepared {
        let builds = self.api.jobs[job].spec.pod_config.build_config.is_some();
        let identity = &self.identities[job];
        Prepared {
            source: FetchedSource {
                commit: Some("c".repeat(40)),
                path: "reports/Daily Sales.ipynb".to_owned(),
                notebook_digest: format!("sha256:{}", "d".repeat(64)),
            },
            level: Level::Development,
            requirements: None,
            lock: builds.then(|| "pandas==2.2.0 --hash=sha256:00\n".to_owned()),
            base: Some(Base {
                name: "python:3.12-slim".to_owned(),
                image: image('b'),
                user: None,
                python: None,
            }),
            identity: builds.then(|| identity.clone()),
            image: self.registry.get(identity).cloned().filter(|_| builds),
            builder: if builds { Builder::Assemble } else { Builder::None },
            compiler: (if builds {
                &["python3", "/nbvet/agent/compiler"][..]
            } else {
                &[]
            })
            .iter()
            .map(|word| (*word).to_owned())
            .collect(),
            because: None,
            dockerfile: None,
            warnings: self.warnings.clone(),
            diagnostics: Vec::new(),
        }
    }

    /// A step of a job ends with its result.
    pub(crate) fn ends_well(&mut self, job: &str, step: Step) {
        let child = self
            .child(job, step)
            .unwrap_or_else(|| panic!("{job} has no {step}"));
        self.child_ends_well(&child.name);
    }

    pub(crate) fn child_ends_well(&mut self, name: &str) {
        let step = self.api.children[name].1.step;
        if step == Step::Prepare {
            // The registry is asked while it runs, not when its log is read.
            self.read_log(name);
        }
        let mut end = StepEnd::new(step, Outcome::Passed, Reason::Done, "it went well");
        end.blob = Some(blob());
        end.image = self.run_in.get(name).cloned();
        self.ends(name, end);
    }

    /// A step of a job ends as it says, with a result where the end names one.
    pub(crate) fn ends(&mut self, name: &str, end: StepEnd) {
        let (_, child) = &self.api.children[name];
        if child.step == Step::Validate && !end.transient && end.blob.is_some() {
            self.judged.extend(self.wished.get(name).cloned());
        }
        let body = if end.blob.is_some() {
            Body::Unread
        } else {
            Body::None
        };
        let at = self.now;
        self.set_child(name, ChildState::Said { at, end, body });
    }

    pub(crate) fn says(&mut self, job: &str, step: Step, outcome: Outcome, reason: Reason, transient: bool) {
        let child = self
            .child(job, step)
            .unwrap_or_else(|| panic!("{job} has no {step}"));
        let mut end = StepEnd::new(step, outcome, reason, "in words");
        end.transient = transient;
        self.ends(&child.name, end);
    }

    pub(crate) fn breaks(&mut self, job: &str, step: Step, reason: Reason, transient: bool) {
        let child = self
            .child(job, step)
            .unwrap_or_else(|| panic!("{job} has no {step}"));
        let fault = Fault {
            reason,
            transient,
            message: "in words".to_owned(),
        };
        if step == Step::Validate && matches!(reason, Reason::OutOfMemory | Reason::ValidationTimedOut) {
            self.judged.extend(self.wished.get(&child.name).cloned());
        }
        self.set_child(&child.name, ChildState::Broken { at: self.now, fault });
    }

    pub(crate) fn breaks_child(&mut self, name: &str, reason: Reason) {
        let fault = Fault {
            reason,
            transient: true,
            message: "in words".to_owned(),
        };
        self.set_child(name, ChildState::Broken { at: self.now, fault });
    }

    pub(crate) fn lose_status(&mut self, name: &str) {
        self.api.jobs.get_mut(name).unwrap().status = None;
        self.api.touch_job(name);
    }

    /// The newest build.
    pub(crate) fn build(&self) -> Option<Build> {
        let builds = self
            .api
            .builds
            .values()
            .filter(|build| build.namespace == NAMESPACE);
        builds.max_by_key(|build| build.attempt).cloned()
    }

    pub(crate) fn set_build(&mut self, name: &str, state: BuildState) {
        if let BuildState::Complete {
            image: Some(image), ..
        } = &state
        {
            let identity = self.api.builds[name].identity.clone();
            self.registry.insert(identity, image.clone());
        }
        self.api.builds.get_mut(name).unwrap().state = state;
        self.api.touch_build(name);
    }

    pub(crate) fn build_ends_well(&mut self) {
        let build = self.build().expect("there is a build");
        let letter = build.identity.chars().next().unwrap();
        let state = BuildState::Complete {
            at: self.now,
            image: Some(image(letter).replace(DESTINATION, &build.destination)),
            size: Some(1000),
        };
        self.set_build(&build.name, state);
    }

    pub(crate) fn build_fails(&mut self, reason: Reason, transient: bool) {
        let build = self.build().expect("there is a build");
        let fault = Fault {
            reason,
            transient,
            message: "in words".to_owned(),
        };
        self.set_build(&build.name, BuildState::Failed { at: self.now, fault });
    }

    /// As far as validation, every step going well.
    pub(crate) fn until_validation(&mut self, job: &str) {
        self.settle();
        self.ends_well(job, Step::Prepare);
        self.pass(1);
        if self.status(job).phase == Some(Phase::Building) {
            self.build_ends_well();
            self.pass(1);
        }
    }

    /// To its end, every step going well.
    pub(crate) fn until_end(&mut self, job: &str) {
        self.until_validation(job);
        self.ends_well(job, Step::Validate);
        self.pass(1);
        if self
            .child(job, Step::Publish)
            .is_some_and(|child| !child.state.has_ended())
        {
            self.ends_well(job, Step::Publish);
            self.pass(1);
        }
    }

    /// Nothing that must not happen did.
    pub(crate) fn is_sound(&self) {
        assert_eq!(self.faults, Vec::<String>::new());
    }
}

struct Writes {
    next: usize,
    crash: Option<Crash>,
}

impl Writes {
    /// Does a write, where the controller still lives. False: it does not any more.
    fn write(&mut self, write: impl FnOnce()) -> bool {
        let number = self.next;
        self.next += 1;
        match self.crash {
            Some(crash) if crash.at == number => {
                if crash.after {
                    write();
                }
                false
            }
            _ => {
                write();
                true
            }
        }
    }
}

pub(crate) fn blob() -> BlobRef {
    BlobRef {
        sha256: "e".repeat(64),
        bytes: 10,
        lines: 1,
    }
}

/// A result of a validation.
pub(crate) fn validated(outcome: Outcome) -> Validated {
    let verdict = Verdict {
        outcome,
        exit_code: ExitCode::Passed,
        level: Level::Development,
        errors: 0,
        warnings: 0,
        notes: 2,
        suppressed: 0,
        baselined: 0,
        cells: Some(CellCounts {
            total: 3,
            ok: 3,
            ..CellCounts::default()
        }),
    };
    let notebook = NotebookReport {
        path: "reports/Daily Sales.ipynb".to_owned(),
        verdict,
        diagnostics: Vec::new(),
        strengths: Vec::new(),
        interpreter: None,
        cells: Vec::new(),
        expectations: Vec::new(),
        end: None,
        failure: None,
        comparison: None,
        dependencies: None,
    };
    let tool = Tool {
        name: "nbvet".to_owned(),
        version: "0.1.0".to_owned(),
    };
    Validated {
        report: Report::new(tool, Level::Development, vec![notebook]),
        left_out: Vec::new(),
    }
}
