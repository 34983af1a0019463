//! A run of a job as the controller would decide it, supposing that every step goes well: what is decided is done at once
//! to values, and decided again. No cluster, no clock.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use nbvet_operator_api::{NotebookValidationJob, NotebookValidationJobStatus, Phase, meaning};
use nbvet_operator_decide::{
    Again, Config, Observed, Setting, decide,
    observed::{Body, Build, BuildState, Child, ChildState, Cluster, Joined, Load, Record},
    plan::{BuildInputs, Intent, RecordWork, StepWork, Task, Work},
    render,
};
use nbvet_report::{
    CellCounts, ExitCode, Level, NotebookReport, Outcome, Reason, Report, Tool, Verdict,
    step::{Base, BlobRef, Builder, FetchedSource, Prepared, STEP_VERSION, StepBody, StepEnd, Validated},
};
use serde_json::Value;

/// Decisions of a run, which has a few.
const ROUNDS: usize = 50;

/// What stands for a commit that nobody knows before it is fetched.
pub(crate) const COMMIT: &str = "0000000000000000000000000000000000000000";
/// The same for digests.
const DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The uid that the API server would give.
const UID: &str = "00000000-0000-0000-0000-000000000000";

/// Something that is created.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) work: Work,
    pub(crate) objects: Vec<Value>,
}

/// What would happen.
#[derive(Debug)]
pub(crate) struct Story {
    /// Objects of steps and builds, in the order in which they are created.
    pub(crate) made: Vec<Made>,
    /// The status at the end.
    pub(crate) status: NotebookValidationJobStatus,
}

/// Tells the run of a job.
pub(crate) fn story(job: &NotebookValidationJob, config: &Config, cluster: Cluster) -> Story {
    let mut job = job.clone();
    job.metadata.uid = Some(UID.to_owned());
    job.metadata.generation = Some(1);
    job.metadata.creation_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    job.status = None;
    let mut world = World {
        made: Vec::new(),
        observed: Observed {
            now: Timestamp::UNIX_EPOCH,
            job,
            children: Vec::new(),
            records: Vec::new(),
            builds: Vec::new(),
            unserved: Vec::new(),
            taken: Vec::new(),
            refused: Vec::new(),
            cluster,
            load: Load::default(),
            config: config.clone(),
        },
    };
    while world.made.len() < ROUNDS && world.goes_on() {}
    Story {
        made: world.made,
        status: world.observed.job.status.unwrap_or_default(),
    }
}

struct World {
    observed: Observed,
    made: Vec<Made>,
}

impl World {
    /// Decides and does it; whether there is more to come.
    fn goes_on(&mut self) -> bool {
        let plan = decide(&self.observed);
        for intent in &plan.create {
            self.create(intent);
        }
        if let Some(status) = plan.status {
            self.observed.job.status = Some(*status);
        } else if plan.create.is_empty() && plan.again == Again::OnChange {
            return false;
        }
        self.observed.now = match plan.again {
            Again::After(wait) => self
                .observed
                .now
                .saturating_add(wait)
                .unwrap_or(self.observed.now),
            Again::OnChange => self.observed.now,
        };
        let phase = self.observed.job.status.as_ref().and_then(|status| status.phase);
        let is_suspended = self.observed.is_suspended();
        !is_suspended && !phase.is_some_and(Phase::is_terminal)
    }

    fn create(&mut self, intent: &Intent) {
        let now = self.observed.now;
        match &intent.work {
            Work::Record(work) => self.observed.records.push(record(work)),
            Work::Stream(_) => self.note(intent),
            Work::Step(work) => {
                self.note(intent);
                let child = child(intent, work, &self.observed);
                self.observed.children.push(child);
            }
            Work::Build(inputs) => {
                self.note(intent);
                let namespace = self.observed.job.metadata.namespace.clone().unwrap_or_default();
                self.observed.builds.push(build(intent, inputs, namespace, now));
            }
        }
    }

    fn note(&mut self, intent: &Intent) {
        let setting = Setting {
            job: &self.observed.job,
            config: &self.observed.config,
            cluster: self.observed.cluster,
        };
        self.made.push(Made {
            work: intent.work.clone(),
            objects: render(intent, &setting),
        });
    }
}

fn record(work: &RecordWork) -> Record {
    Record {
        child: work.child.clone(),
        run: work.run.clone(),
        step: work.step,
        inputs: work.inputs.clone(),
        attempt: work.attempt,
        limit: work.limit,
        started: work.started,
        at: work.at,
        pod: work.pod.clone(),
        end: work.end.clone(),
        body: work.body.clone(),
    }
}

fn child(intent: &Intent, work: &StepWork, observed: &Observed) -> Child {
    let mut end = StepEnd::new(work.task.step(), Outcome::Passed, Reason::Done, "supposed");
    let body = match &work.task {
        Task::Prepare { .. } => Some(StepBody::Prepared(Box::new(prepared(observed)))),
        Task::Validate { .. } => Some(StepBody::Validated(Box::new(validated(observed)))),
        Task::Publish { .. } => None,
    };
    end.blob = body.as_ref().map(|_| BlobRef {
        sha256: DIGEST.to_owned(),
        bytes: 1,
        lines: 1,
    });
    Child {
        name: intent.name.clone(),
        resource_version: "1".to_owned(),
        run: work.run.clone(),
        step: work.task.step(),
        inputs: work.inputs.clone(),
        attempt: work.attempt,
        limit: work.task.limit(),
        created: observed.now,
        deleting: false,
        alive: false,
        pod: Some(format!("{}-0", intent.name)),
        state: ChildState::Said {
            at: observed.now,
            end,
            body: body.map_or(Body::None, |body| Body::Read(Box::new(body))),
        },
    }
}

fn build(intent: &Intent, inputs: &BuildInputs, namespace: String, now: Timestamp) -> Build {
    Build {
        name: intent.name.clone(),
        namespace,
        resource_version: "1".to_owned(),
        ours: true,
        identity: inputs.identity.clone(),
        destination: inputs.destination.clone(),
        attempt: inputs.attempt,
        strategy: inputs.strategy,
        created: now,
        deleting: false,
        has_input: true,
        owners: vec![UID.to_owned()],
        joined: vec![Joined {
            job: UID.to_owned(),
            run: inputs.run.clone(),
            at: now,
            limit: Some(inputs.limit),
        }],
        state: BuildState::Complete {
            at: now,
            image: Some(format!("{}@sha256:{DIGEST}", inputs.destination)),
            size: None,
        },
    }
}

/// What prepare would find in a tree that has everything, of an image that nobody has built yet.
fn prepared(observed: &Observed) -> Prepared {
    let job = &observed.job;
    let level = meaning::level(job.spec.validation_config.as_ref());
    let build = meaning::Build::of(&job.spec.pod_config, level).ok().flatten();
    let named = build.as_ref().and_then(|build| build.base_image.as_deref());
    let base = named
        .or(job.spec.pod_config.container_image.as_deref())
        .or(observed.config.base_image.as_deref())
        .unwrap_or("base");
    let image = if base.contains("@sha256:") {
        base.to_owned()
    } else {
        format!("{base}@sha256:{DIGEST}")
    };
    let dockerfile = build.as_ref().and_then(|build| build.dockerfile.clone());
    Prepared {
        source: FetchedSource {
            commit: job.spec.notebook.git.as_ref().map(|_| COMMIT.to_owned()),
            path: job.spec.notebook.path.clone(),
            notebook_digest: format!("sha256:{DIGEST}"),
        },
        level,
        requirements: None,
        lock: build.as_ref().map(|_| String::new()),
        base: Some(Base {
            name: base.to_owned(),
            image,
            user: None,
            python: None,
        }),
        identity: build.as_ref().map(|_| DIGEST.to_owned()),
        image: None,
        builder: match (&build, &dockerfile) {
            (None, _) => Builder::None,
            (Some(_), None) => Builder::Assemble,
            (Some(_), Some(_)) => Builder::Buildah,
        },
        compiler: Vec::new(),
        because: dockerfile.as_ref().map(|path| format!("`{path}` is named")),
        dockerfile,
        warnings: Vec::new(),
        diagnostics: Vec::new(),
    }
}

fn validated(observed: &Observed) -> Validated {
    let level: Level = meaning::level(observed.job.spec.validation_config.as_ref());
    let verdict = Verdict {
        outcome: Outcome::Passed,
        exit_code: ExitCode::Passed,
        level,
        errors: 0,
        warnings: 0,
        notes: 0,
        suppressed: 0,
        baselined: 0,
        cells: Some(CellCounts {
            total: 1,
            ok: 1,
            ..CellCounts::default()
        }),
    };
    let notebook = NotebookReport {
        path: observed.job.spec.notebook.path.clone(),
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
        version: STEP_VERSION.to_string(),
    };
    Validated {
        report: Report::new(tool, level, vec![notebook]),
        left_out: Vec::new(),
    }
}
