//! What a decision is: what to create, join, leave, delete, read and write down, and when to look again. Values alone;
//! somebody else acts.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use nbvet_operator_api::NotebookValidationJobStatus;
use nbvet_report::{
    Reason,
    step::{Builder, Step, StepBody, StepEnd},
};

use crate::{image::Image, observed::RunMark, strategy::StrategyName};

/// What to do now. Done in the order of its fields; events only after the status was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// It creates what is costly or has effects: acted upon only where the job, read from the API server and not from a
    /// cache, still is as it was looked at. A cache that is behind could begin again what a later run has cleaned up.
    pub live: bool,
    /// Objects to create, once each. That one is there already is success, where it is the job's own.
    pub create: Vec<Intent>,
    /// Builds to join.
    pub join: Vec<Join>,
    /// Builds to leave.
    pub leave: Vec<Leave>,
    /// Objects to delete.
    pub delete: Vec<Deletion>,
    /// Children whose result has to be read out of their log, to decide again with it.
    pub read: Vec<String>,
    /// The status, where it changes; written with the version of the job that was looked at.
    pub status: Option<Box<NotebookValidationJobStatus>>,
    /// What people are told of.
    pub events: Vec<Announcement>,
    /// When to look again.
    pub again: Again,
    /// Why this, for the log: one sentence.
    pub why: String,
    /// The same as the label of a metric: one of a few words.
    pub label: &'static str,
}

impl Plan {
    /// Nothing is to be done.
    pub fn nothing(label: &'static str, why: &str) -> Self {
        Self {
            live: false,
            create: Vec::new(),
            join: Vec::new(),
            leave: Vec::new(),
            delete: Vec::new(),
            read: Vec::new(),
            status: None,
            events: Vec::new(),
            again: Again::OnChange,
            why: why.to_owned(),
            label,
        }
    }

    /// Whether acting on it changes nothing in the cluster.
    pub fn is_idle(&self) -> bool {
        self.create.is_empty()
            && self.join.is_empty()
            && self.leave.is_empty()
            && self.delete.is_empty()
            && self.read.is_empty()
            && self.status.is_none()
    }
}

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Again {
    /// After so long, or when something changes.
    After(SignedDuration),
    /// When something changes.
    OnChange,
}

/// An object to create.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// Its name.
    pub name: String,
    /// What it does.
    pub work: Work,
}

/// What an object is for, with all that it is made from.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// A pod that does a step of this job alone.
    Step(StepWork),
    /// A build for all jobs that need it.
    Build(Box<BuildInputs>),
    /// The end of a step, written down.
    Record(Box<RecordWork>),
    /// The published image in the list of OpenShift's images.
    Stream(Box<StreamWork>),
}

impl Work {
    /// Whether doing it twice would harm: a build, or a notebook that runs.
    pub const fn is_costly(&self) -> bool {
        match self {
            Self::Step(step) => matches!(step.task, Task::Validate { .. } | Task::Publish { .. }),
            Self::Build(_) => true,
            Self::Record(_) | Self::Stream(_) => false,
        }
    }
}

/// A try of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepWork {
    /// The run.
    pub run: RunMark,
    /// Which try, from 1.
    pub attempt: u32,
    /// The digest of what it is given.
    pub inputs: String,
    /// What it is given.
    pub task: Task,
}

/// What a step is given, besides what the job says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Fetches, finds, judges, names.
    Prepare {
        /// The registry is asked for the image even where the job does not want it reused by itself.
        find_image: bool,
    },
    /// Runs the notebook.
    Validate {
        /// In this image: there is no other way to make one than by the gate.
        image: Image,
        /// The commit that prepare found.
        commit: Option<String>,
        /// The user of the image's configuration.
        uid: Option<u32>,
        /// Seconds for the notebook.
        limit: SignedDuration,
    },
    /// Names the image.
    Publish {
        /// The image that was validated.
        image: Image,
        /// `registry/repository:tag`.
        reference: String,
    },
}

impl Task {
    /// Whose task it is.
    pub const fn step(&self) -> Step {
        match self {
            Self::Prepare { .. } => Step::Prepare,
            Self::Validate { .. } => Step::Validate,
            Self::Publish { .. } => Step::Publish,
        }
    }

    /// The most time that the notebook has, where one runs.
    pub const fn limit(&self) -> Option<SignedDuration> {
        match self {
            Self::Validate { limit, .. } => Some(*limit),
            Self::Prepare { .. } | Self::Publish { .. } => None,
        }
    }
}

/// What a build is made from: all that a strategy needs.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildInputs {
    /// The run that asks first, and joins by creating.
    pub run: String,
    /// When it joins.
    pub at: Timestamp,
    /// Which try, from 1.
    pub attempt: u32,
    /// The identity to build.
    pub identity: String,
    /// The repository to push to.
    pub destination: String,
    /// The image to start from, by digest.
    pub base: String,
    /// Everything that is installed, as a lock.
    pub lock: Option<String>,
    /// The command of the container of the base image that compiles for the build; none: nothing is compiled.
    pub compiler: Vec<String>,
    /// The Dockerfile, from the root of the tree, where one is built.
    pub dockerfile: Option<String>,
    /// Its stage.
    pub target: Option<String>,
    /// The commit to fetch where a Dockerfile needs the tree.
    pub commit: Option<String>,
    /// Built even where the registry has the image.
    pub anew: bool,
    /// Who makes it.
    pub builder: Builder,
    /// What runs it.
    pub strategy: StrategyName,
    /// The limit of the job that creates it.
    pub limit: SignedDuration,
}

/// An end to write down.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordWork {
    /// The child that it is of.
    pub child: String,
    /// The run.
    pub run: RunMark,
    /// The step.
    pub step: Step,
    /// Which try.
    pub attempt: u32,
    /// What it was given.
    pub inputs: String,
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

/// A published image to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamWork {
    /// The image by digest, under its name for people.
    pub image: String,
    /// Its tag.
    pub tag: String,
    /// The notebook that was validated in it.
    pub notebook: String,
    /// The commit of it.
    pub commit: Option<String>,
    /// What is installed in it: names and versions.
    pub packages: Vec<(String, String)>,
}

/// A build to join: an owner reference and an annotation, refused when the build has changed since it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The build.
    pub build: String,
    /// What runs it.
    pub strategy: StrategyName,
    /// As it was seen.
    pub resource_version: String,
    /// The run that joins.
    pub run: String,
    /// When.
    pub at: Timestamp,
    /// How long it waits at most.
    pub limit: SignedDuration,
}

/// A build to leave: both are taken away, refused when the build has changed since it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// The build.
    pub build: String,
    /// What runs it.
    pub strategy: StrategyName,
    /// As it was seen.
    pub resource_version: String,
    /// Nobody else needs it: it is deleted.
    pub last: bool,
}

/// An object to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// A child, and its pod before it; refused when it has changed since it was seen.
    Child {
        /// Its name.
        name: String,
        /// As it was seen.
        resource_version: String,
    },
    /// A record.
    Record {
        /// The child that it is of.
        child: String,
    },
    /// The job itself: its time after the end is over.
    Job,
}

/// An event for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// It is a warning.
    pub warning: bool,
    /// The reason.
    pub reason: Reason,
    /// A sentence.
    pub note: String,
}
