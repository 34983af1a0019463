//! One telling of the story: two jobs of one identity are prepared, built once, validated and published, while one thing
//! goes wrong. What it ends in is put into words, to be compared.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{ResourceExt as _, api::PostParams};
use nbvet_operator_api::{NotebookValidationJob, Phase, job::RERUN_ANNOTATION};
use nbvet_operator_decide::names;
use nbvet_operator_testkit::{Fault, Proxy, Seen};
use serde_json::json;

use crate::{
    controller::{Controller, Setup, Skewed},
    deeds::FIRST,
    end::end,
    requests,
    stage::{LIMIT, LOOK, Stage, again},
    trouble::{Deed, FOREIGN, Trouble, Wire},
    witness::build_ends,
};

/// How long nothing may happen after the end before the end is looked at.
const QUIET: Duration = Duration::from_millis(1200);

/// How a story came out.
pub(crate) struct Told {
    /// The end in words.
    pub(crate) end: String,
    /// The same, of what users were promised alone: not how often something was tried.
    pub(crate) essence: String,
    pub(crate) wrongs: Vec<String>,
    /// What was to go wrong did.
    pub(crate) met: bool,
    /// Writes of the controller, in order.
    pub(crate) writes: Vec<String>,
    /// Kinds of its requests.
    pub(crate) kinds: Vec<String>,
    pub(crate) took: Duration,
}

/// A story under way.
pub(crate) struct Story<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) namespace: &'a str,
    /// The jobs.
    names: &'a [&'a str],
    pub(crate) setup: Setup,
    pub(crate) wire: Arc<Wire>,
    pub(crate) proxy: Proxy,
    pub(crate) controllers: Vec<Controller>,
    /// The way of a second controller, where there is one.
    pub(crate) other: Option<Proxy>,
    process: Option<Skewed>,
    pub(crate) wrongs: Vec<String>,
    begin: Instant,
    /// What was to be done is.
    pub(crate) done: bool,
}

/// Creates a job as a user does.
pub(crate) async fn create(stage: &Stage, namespace: &str, name: &str, builds: bool) {
    let mut pod_config = json!({"containerImage": "python:3.12-slim"});
    if builds {
        pod_config["buildConfig"] = json!({"enabled": true, "publishToRegistry": true});
    }
    let job = json!({
        "apiVersion": "mlops.mlops.dev/v1alpha1",
        "kind": "NotebookValidationJob",
        "metadata": {"name": name},
        "spec": {
            "notebook": {"git": {"url": "https://git.test/team/notebooks", "ref": "main"}, "path": "a.ipynb"},
            "podConfig": pod_config,
        },
    });
    let job: NotebookValidationJob = serde_json::from_value(job).unwrap();
    let jobs = stage.api::<NotebookValidationJob>(namespace);
    let how = PostParams::default();
    again(|| jobs.create(&how, &job)).await;
}

/// Tells the story once.
pub(crate) async fn tell(stage: &Stage, setup: Setup, namespace: &str, trouble: &Trouble) -> Told {
    tell_of(stage, setup, namespace, trouble, &["one", "two"]).await
}

/// Tells it of other jobs.
pub(crate) async fn tell_of(
    stage: &Stage,
    setup: Setup,
    namespace: &str,
    trouble: &Trouble,
    names: &[&str],
) -> Told {
    stage.namespace(namespace).await;
    let wire = Arc::new(Wire::new(namespace, trouble));
    let proxy = Proxy::start(stage.as_controller.clone()).await.unwrap();
    let of_proxy = Arc::clone(&wire);
    proxy.script(move |seen| of_proxy.fault(seen));
    if *trouble == Trouble::ForeignBuild {
        foreign_build(stage, namespace).await;
    }
    for name in names {
        create(stage, namespace, name, true).await;
    }
    let mut story = Story {
        stage,
        namespace,
        names,
        setup,
        wire,
        proxy,
        controllers: Vec::new(),
        other: None,
        process: None,
        wrongs: Vec::new(),
        begin: Instant::now(),
        done: false,
    };
    match trouble {
        Trouble::Clock(skew) => match Skewed::start(&story.proxy.kubeconfig(), namespace, skew) {
            Some(process) => story.process = Some(process),
            None => story.start(),
        },
        Trouble::Leader(_) => {
            story.setup.lease = Some(namespace.to_owned());
            FIRST.clone_into(&mut story.setup.name);
            story.start();
            "second".clone_into(&mut story.setup.name);
            story.start_another(trouble).await;
        }
        Trouble::Two | Trouble::TwoOneBehind => {
            story.start();
            story.start_another(trouble).await;
        }
        _ => story.start(),
    }
    story.run().await;
    story.told().await
}

/// Puts a build there that has ended well, with an image of its own.
async fn foreign_build(stage: &Stage, namespace: &str) {
    let identity = "1".repeat(64);
    let job = json!({
        "metadata": {
            "name": FOREIGN,
            "labels": {
                (names::MANAGED_BY.0): names::MANAGED_BY.1,
                (names::IDENTITY): names::identity_label(&identity),
            },
            "annotations": {
                (names::WHOLE_IDENTITY): identity,
                (names::DESTINATION): format!("registry.test/{namespace}/nbvet"),
                (names::ATTEMPT): "1",
            },
        },
        "spec": {"backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": true, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "nbvet", "image": "x",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        }, "metadata": {"labels": {(names::MANAGED_BY.0): names::MANAGED_BY.1}}}},
    });
    let job = serde_json::from_value(job).unwrap();
    let jobs = stage.api::<Job>(namespace);
    jobs.create(&PostParams::default(), &job).await.unwrap();
    let is_over = |stage: &Stage| {
        let pods = stage.pods(namespace, FOREIGN);
        pods.iter()
            .any(|pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Succeeded"))
    };
    assert!(stage.until(LIMIT, is_over).await, "the foreign build ends");
}

/// How many jobs wait for a build.
fn joined(build: &Job) -> usize {
    let joins = build.annotations().keys();
    joins.filter(|name| name.starts_with(names::JOINED)).count()
}

/// How late a controller learns of things that is behind.
fn behind(seen: &Seen, blind: bool) -> Option<Fault> {
    let late = |millis| Some(Fault::Late(Duration::from_millis(millis)));
    match &*requests::kind(seen) {
        "watch notebookvalidationjobs" | "watch configmaps" => late(8000),
        "watch jobs" => late(1000),
        "watch pods" => late(4000),
        "replace notebookvalidationjobs/status" if blind => Some(Fault::Blind),
        _ => None,
    }
}

impl Story<'_> {
    pub(crate) fn start(&mut self) {
        let controller = Controller::start(&self.proxy.kubeconfig(), &self.setup);
        self.controllers.push(controller);
    }

    async fn start_another(&mut self, trouble: &Trouble) {
        let proxy = Proxy::start(self.stage.as_controller.clone()).await.unwrap();
        if *trouble == Trouble::TwoOneBehind {
            let blind = self.setup.name == crate::seeds::BLIND;
            proxy.script(move |seen| behind(seen, blind));
        }
        self.controllers
            .push(Controller::start(&proxy.kubeconfig(), &self.setup));
        self.other = Some(proxy);
    }

    async fn run(&mut self) {
        let mut quiet_since = None;
        let quiet = match self.wire.trouble {
            Trouble::TwoOneBehind => Duration::from_secs(12),
            _ => QUIET,
        };
        loop {
            let limit = self.setup.limit;
            if self.begin.elapsed() > limit {
                let status = |name| {
                    self.stage
                        .job(self.namespace, name)
                        .and_then(|job| job.status.clone())
                };
                let message = |name| status(name).and_then(|status| status.message);
                let message: Vec<_> = self.names.iter().map(|name| message(name)).collect();
                self.wrongs
                    .push(format!("did not end within {limit:?}: {message:?}"));
                return;
            }
            self.stop_where_told().await;
            self.ended_by_themselves();
            self.end_the_build().await;
            self.watches();
            self.deeds().await;
            let has_ended = self.all_have_ended() && self.deed_is_done();
            if !has_ended {
                quiet_since = None;
            } else if quiet_since.get_or_insert_with(Instant::now).elapsed() > quiet {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A controller ends when it is told to and not before.
    fn ended_by_themselves(&mut self) {
        for controller in &mut self.controllers {
            if let Some(result) = controller.has_ended() {
                self.wrongs
                    .push(format!("a controller ended by itself: {result:?}"));
            }
        }
    }

    fn deed_is_done(&self) -> bool {
        let has_deed = matches!(
            self.wire.trouble,
            Trouble::Deed(_) | Trouble::Leader(_) | Trouble::Upgrade
        );
        self.done || !has_deed
    }

    pub(crate) fn all_have_ended(&self) -> bool {
        self.names.iter().all(|name| self.has_ended(name))
    }

    fn has_ended(&self, name: &str) -> bool {
        let job = self.stage.job(self.namespace, name);
        job.is_some_and(|job| {
            let status = job.status.as_ref();
            let is_over = status
                .and_then(|status| status.phase)
                .is_some_and(Phase::is_terminal);
            let rerun = job.annotations().contains_key(RERUN_ANNOTATION);
            let number = status
                .and_then(|status| status.run.as_ref())
                .map_or(0, |run| run.number);
            is_over && (!rerun || number > 1)
        })
    }

    /// Kills or ends the controller where its time has come, and starts another.
    async fn stop_where_told(&mut self) {
        if !std::mem::take(&mut self.wire.state().stop) {
            return;
        }
        // What was sent has arrived by then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        for controller in self.controllers.drain(..) {
            if matches!(self.wire.trouble, Trouble::Ended { .. }) {
                if let Err(error) = controller.end().await {
                    self.wrongs.push(format!("told to end, it fails: {error}"));
                }
            } else {
                controller.kill();
            }
        }
        self.proxy.break_watches();
        self.wire.state().dead = false;
        self.start();
    }

    /// The build ends when both jobs wait for it, in every telling at the same place; one that must not be ends too.
    async fn end_the_build(&mut self) {
        let builds = self.stage.children(self.namespace);
        let mut builds = builds
            .iter()
            .filter(|job| job.name_any().starts_with("nbvet-build-"));
        let is_built = self.stage.witness.of(self.namespace, |place| place.built);
        if self.waits_before_build() || !(is_built || builds.any(|job| joined(job) >= 2)) {
            return;
        }
        let pods = self.stage.pods(self.namespace, "nbvet-build-");
        let runs = |pod: &&Arc<Pod>| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
        };
        for pod in pods.iter().filter(runs) {
            self.stage.witness.of(self.namespace, |place| place.built = true);
            self.stage
                .kubelet
                .end((**pod).clone(), &build_ends(self.namespace))
                .await;
        }
    }

    /// Some deeds are done while the build runs.
    fn waits_before_build(&self) -> bool {
        let while_it_builds = matches!(
            self.wire.trouble,
            Trouble::Deed(Deed::EditsLimit | Deed::DeletesBuild) | Trouble::Leader(_) | Trouble::Upgrade
        );
        while_it_builds && !self.done
    }

    /// Both jobs wait for the build.
    pub(crate) fn is_building(&self) -> bool {
        let builds = self.stage.children(self.namespace);
        builds.iter().any(|job| joined(job) >= 2) && self.runs("nbvet-build-")
    }

    pub(crate) fn runs(&self, begins: &str) -> bool {
        let pods = self.stage.pods(self.namespace, begins);
        pods.iter()
            .any(|pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running"))
    }

    fn watches(&self) {
        let beat = self.begin.elapsed().as_millis() / 700;
        match self.wire.trouble {
            Trouble::WatchesBreak if beat.is_multiple_of(2) => self.proxy.break_watches(),
            Trouble::WatchesStand if beat.is_multiple_of(2) => self.proxy.freeze_watches(),
            Trouble::WatchesStand => self.proxy.thaw_watches(),
            _ => return,
        }
        self.wire.state().met = 1;
    }

    async fn told(mut self) -> Told {
        for controller in self.controllers.drain(..) {
            controller.kill();
        }
        let skewed = self.process.take().is_some();
        let seen = self.proxy.seen();
        let writes = seen.iter().filter(|seen| seen.is_write());
        let writes = writes.map(|seen| requests::write(seen, self.namespace)).collect();
        let mut kinds: Vec<String> = seen.iter().map(requests::kind).collect();
        kinds.sort();
        kinds.dedup();
        let (essence, end) = end(self.stage, self.namespace, self.names).await;
        let seen = self
            .stage
            .witness
            .of(self.namespace, |place| place.wrongs.clone());
        self.wrongs.extend(seen);
        let met = self.wire.state().met > 0
            || skewed
            || matches!(
                self.wire.trouble,
                Trouble::Nothing
                    | Trouble::Two
                    | Trouble::TwoOneBehind
                    | Trouble::ForeignBuild
                    | Trouble::OfTheCluster
            );
        Told {
            end,
            essence,
            wrongs: self.wrongs,
            met,
            writes,
            kinds,
            took: self.begin.elapsed(),
        }
    }
}
