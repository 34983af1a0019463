//! What a decision looks at: plain values, read by others from caches and logs. Times are those of the API server, and
//! `now` is one of them. Knows nothing of what is decided.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_report::{
    Reason,
    step::{Step, StepBody, StepEnd},
};

use crate::{config::Config, strategy::StrategyName};

/// Everything that is seen of one job and around it, at one time.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The time, as the API server would tell it.
    pub now: Timestamp,
    /// The job as the cache has it.
    pub job: NotebookValidationJob,
    /// The job's own children: one for each try of a step.
    pub children: Vec<Child>,
    /// What ended steps left behind, as it was written down.
    pub records: Vec<Record>,
    /// Build objects of the namespace, whoever needs them.
    pub builds: Vec<Build>,
    /// Objects that were created and that no read has shown yet.
    pub unserved: Vec<Unserved>,
    /// Names that objects have which are not ours.
    pub taken: Vec<String>,
    /// Objects that the API server refused to create, by what stands in them.
    pub refused: Vec<Refused>,
    /// What the cluster has.
    pub cluster: Cluster,
    /// What else runs in the namespace.
    pub load: Load,
    /// How the operator is set up.
    pub config: Config,
}

/// One try of a step: an object that runs a pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// As it was seen: it is deleted only as long as it is that.
    pub resource_version: String,
    /// The run that it belongs to.
    pub run: RunMark,
    /// What it does.
    pub step: Step,
    /// The digest of what it was given.
    pub inputs: String,
    /// Which try, from 1.
    pub attempt: u32,
    /// The most time for the notebook, as it stood when the try began.
    pub limit: Option<SignedDuration>,
    /// When the API server created it.
    pub created: Timestamp,
    /// It is being deleted, and its name is not free yet.
    pub deleting: bool,
    /// Its object has not ended: a pod of it may run, or may come.
    pub alive: bool,
    /// The pod that does it, where there is one.
    pub pod: Option<String>,
    /// How far it is.
    pub state: ChildState,
}

/// By what a run is known on its children.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunMark {
    /// The id.
    pub id: String,
    /// Which run of its job, from 1.
    pub number: u64,
    /// The digest of what was wished.
    pub wish: String,
}

/// How far a child is.
#[derive(Debug, Clone, PartialEq)]
pub enum ChildState {
    /// Its pod does not run yet.
    Starting {
        /// Why not; `None`: it has only just been created.
        held: Option<Held>,
    },
    /// Its pod runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It ended, and said how.
    Said {
        /// When.
        at: Timestamp,
        /// How.
        end: StepEnd,
        /// The result in its log.
        body: Body,
    },
    /// It ended without a word of its own.
    Broken {
        /// When.
        at: Timestamp,
        /// What became of it.
        fault: Fault,
    },
}

/// Why a pod does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// By whom.
    pub by: Holder,
    /// The reason that stands in conditions.
    pub reason: Reason,
    /// In the words of the scheduler or the kubelet.
    pub message: String,
}

/// By whom a pod is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// By a queue, which has suspended the Job: no clock runs meanwhile.
    Queue,
    /// By the scheduler, the node, or whoever admits pods.
    Cluster,
}

impl Held {
    /// By a queue.
    pub fn by_queue() -> Self {
        Self {
            by: Holder::Queue,
            reason: Reason::Waiting,
            message: "a queue holds the Job back".to_owned(),
        }
    }

    /// By the cluster.
    pub fn by_cluster(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            by: Holder::Cluster,
            reason,
            message: message.into(),
        }
    }
}

/// What went wrong with a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The reason that stands in conditions.
    pub reason: Reason,
    /// Another try may go well.
    pub transient: bool,
    /// For people.
    pub message: String,
}

/// The result that a step wrote to its log.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// It has none.
    None,
    /// Nobody has read it yet.
    Unread,
    /// It is gone or damaged, and why.
    Lost(String),
    /// Read and checked against the digest in the step's end.
    Read(Box<StepBody>),
}

/// The end of a step as it was written down; it outlives the step's pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The child that it is of.
    pub child: String,
    /// The run.
    pub run: RunMark,
    /// The step.
    pub step: Step,
    /// What the step was given.
    pub inputs: String,
    /// Which try.
    pub attempt: u32,
    /// The most time for the notebook, as it stood when the try began.
    pub limit: Option<SignedDuration>,
    /// When the try was created.
    pub started: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// The pod that did it.
    pub pod: Option<String>,
    /// How it ended.
    pub end: StepEnd,
    /// What it found.
    pub body: Option<Box<StepBody>>,
}

/// A build: one object for all jobs of a namespace that need its image.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub namespace: String,
    /// Of which version it was seen: joining and leaving are refused when it has changed since.
    pub resource_version: String,
    /// It carries our label.
    pub ours: bool,
    /// What it builds.
    pub identity: String,
    /// Where it pushes to.
    pub destination: String,
    /// Which try, from 1.
    pub attempt: u32,
    /// What runs it.
    pub strategy: StrategyName,
    /// When the API server created it.
    pub created: Timestamp,
    /// It is being deleted.
    pub deleting: bool,
    /// The `ConfigMap` that its pod needs is there too.
    pub has_input: bool,
    /// The uids of the jobs that own it.
    pub owners: Vec<String>,
    /// Which jobs joined it.
    pub joined: Vec<Joined>,
    /// How far it is.
    pub state: BuildState,
}

/// That a run of a job waits for a build, or took its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The uid of the job.
    pub job: String,
    /// The id of its run.
    pub run: String,
    /// Since when.
    pub at: Timestamp,
    /// How long it waits at most, as it stood then.
    pub limit: Option<SignedDuration>,
}

/// How far a build is.
#[derive(Debug, Clone, PartialEq)]
pub enum BuildState {
    /// Nothing runs yet.
    Starting {
        /// Why not.
        held: Option<Held>,
    },
    /// It runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It ended well.
    Complete {
        /// When.
        at: Timestamp,
        /// The image by digest; `None`: the object does not say it any more.
        image: Option<String>,
        /// Compressed bytes of all layers, where known.
        size: Option<u64>,
    },
    /// It did not.
    Failed {
        /// When.
        at: Timestamp,
        /// What became of it.
        fault: Fault,
    },
}

impl BuildState {
    /// Whether nothing will change any more.
    pub const fn has_ended(&self) -> bool {
        matches!(self, Self::Complete { .. } | Self::Failed { .. })
    }
}

impl ChildState {
    /// Whether nothing will change any more.
    pub const fn has_ended(&self) -> bool {
        matches!(self, Self::Said { .. } | Self::Broken { .. })
    }
}

/// An object that was created and that no read has shown yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unserved {
    /// Its name.
    pub name: String,
    /// How often it was looked for since.
    pub looks: u32,
}

/// An object that the API server refused to create: a field of the job that it is made from is at fault, or a quota, a
/// policy or a webhook is against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name.
    pub name: String,
    /// The reason that stands in conditions.
    pub reason: Reason,
    /// It may be taken later as it is.
    pub passes: bool,
    /// For people.
    pub message: String,
}

/// What the cluster has.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of one kind whether it is there"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cluster {
    /// Discovery lists Tekton's `PipelineRun`.
    pub tekton: bool,
    /// Discovery lists OpenShift's `Build`.
    pub openshift_builds: bool,
    /// Its security context constraints choose the users of pods.
    pub openshift: bool,
    /// Discovery lists OpenShift's `ImageStream`.
    pub image_streams: bool,
    /// What the job's namespace enforces.
    pub pod_security: PodSecurity,
}

/// What a namespace's label `pod-security.kubernetes.io/enforce` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PodSecurity {
    /// Nothing.
    #[default]
    Privileged,
    /// The known ways out of a container are closed.
    Baseline,
    /// As hardened as pods can be.
    Restricted,
}

/// What else runs in the namespace, this job's own left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Builds under way.
    pub builds: u32,
    /// Pods of validations under way.
    pub validations: u32,
}

impl Child {
    /// Whether a pod of it may still run: it has not ended, or stands in the way.
    pub const fn may_run(&self) -> bool {
        self.alive && (!self.state.has_ended() || matches!(self.state, ChildState::Broken { .. }))
    }
}

impl Observed {
    /// That the API server refused to create an object; `None`: it did not.
    pub(crate) fn refusal(&self, name: &str) -> Option<&Refused> {
        self.refused.iter().find(|refused| refused.name == name)
    }

    /// Whether the job is suspended.
    pub fn is_suspended(&self) -> bool {
        self.job.spec.suspend == Some(true)
    }
}
