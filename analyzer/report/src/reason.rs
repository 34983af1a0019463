//! Why a step of a validation in a cluster stands as it does: one list for conditions, events, metrics and what the
//! steps in pods report. Knows no Kubernetes.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The enum, and for each variant what it means and what to do, as constants that the reference is generated from.
macro_rules! reasons {
    ($($name:ident: $meaning:literal, $remedy:literal;)+) => {
        /// Why a condition stands as it does. The names are a public format: none is renamed or used for something
        /// else; new ones may come.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum Reason {
            $(
                #[doc = $meaning]
                #[doc = ""]
                #[doc = $remedy]
                $name,
            )+
        }

        impl Reason {
            /// Every reason, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name, as conditions, events and metrics carry it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it means: one or two sentences.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)+
                }
            }

            /// What to do about it: one to three sentences.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$name => $remedy,)+
                }
            }
        }
    };
}

reasons! {
    Done: "The step ended well.",
        "Nothing.";
    InProgress: "The step is under way.",
        "Wait; `status.step` says what is going on, since when, and what the limit is.";
    Waiting: "The step has not begun: it waits for the one before it, for a build that other jobs share, or for its next try.",
        "Wait; `status.step.waitingFor` names what is awaited.";
    NotRequired: "The job does not ask for this step.",
        "Nothing. To have an image built, set `spec.podConfig.buildConfig.enabled`; to have it published, `publishToRegistry`.";
    ImageReused: "The registry already has an image of the same identity (commit, dependencies, base image), and it is used without a build.",
        "Nothing. To build anew all the same, set `spec.podConfig.buildConfig.reuseIfExists: false`.";
    SchemeNotAllowed: "The address of the source begins with a scheme that the controller does not use: `http://` and `git://` carry code and passwords in the clear.",
        "Write the address with `https://` or `ssh://`. Where the network is trusted, an administrator can start the controller with `--allow-insecure-sources`.";
    PathNotAllowed: "A path in the spec is absolute, holds `..`, begins with `-`, or leaves the source through a symbolic link.",
        "Write a path relative to the root of the source, without `..`.";
    InvalidField: "A field of the spec has a value that nothing can be done with; the message names the field, the value and what may stand there.",
        "Mend the field that the message names and apply the job again.";
    AuthenticationFailed: "The source or the registry refused the credentials, or asked for some where none were given.",
        "See whether the Secret that the spec names is in the job's namespace, has the keys of the documentation and is not expired.";
    RefNotFound: "The repository was reached and has no branch, tag or commit of that name.",
        "See `spec.notebook.git.ref` (and `spec.goldenNotebook.git.ref`) against the repository; a commit must be reachable for the credentials that are used.";
    NotebookNotFound: "The source was fetched and holds no notebook at that path; the message names the ones that are near.",
        "Mend `spec.notebook.path` (or `spec.goldenNotebook.path`): it is relative to the root of the source, and case matters.";
    SourceTooLarge: "The source is larger than the controller fetches, or has too many files.",
        "Keep data out of the repository (mount it by `spec.podConfig.volumes`), or let an administrator raise the limit of the controller.";
    RequirementsNotFound: "A dependency file that the spec names is not in the source, or none was found and `fallbackStrategy: fail` is set.",
        "Mend `requirementsFile`, `requirementsSources` or `dockerfile` in `spec.podConfig.buildConfig`, or commit the file; `status.buildStatus.requirements.lookedAt` lists where it was looked for.";
    UnpinnedDependencies: "Lines of the dependency file name no exact version, and the job or its level asks for that.",
        "Pin them (`uv pip compile --generate-hashes requirements.in -o requirements.txt`), or set `allowUnpinned: true`.";
    HashMissing: "`verifyHashes: true` is set, and lines of the dependency file have no `--hash=sha256:…`.",
        "Generate them: `uv pip compile --generate-hashes` or `pip-compile --generate-hashes`.";
    DependencyConflict: "The requirements contradict each other, or cannot be resolved to distributions that can be installed.",
        "The message names the lines; loosen or remove one of them. A source distribution whose metadata is dynamic has to come in a complete lock.";
    PolicyRefused: "The dependency policy refused the job for another cause than pins, hashes or conflicts: an index, an address or an option that is not allowed.",
        "The message names the rule, the file and the line; `nbvet explain` with the rule's id says more.";
    Unreachable: "A server that the step needs could not be reached or did not answer as it should: of the source, a registry or a package index.",
        "Nothing, where tries are left and the server comes back; otherwise the message says which one and how it failed: a name, a firewall, a proxy, or a certificate that is not believed.";
    BaseImageNotFound: "The registry has no such base image, or none for this platform.",
        "See `spec.podConfig.buildConfig.baseImage`: name, tag, and whether `imagePullSecrets` are needed for it.";
    BuildFailed: "The build of the image ended with an error.",
        "Read the end of the build's log in `status.buildStatus.message`; `status.buildStatus.buildName` names the object.";
    BuildTimedOut: "The build did not end within its limit. The limit of the validation is another one and was not touched.",
        "Raise `spec.buildTimeout` (default 45m), take a base image that holds more of what is needed, or let the builds share a cache.";
    BuildCancelled: "Somebody ended the build, or deleted the object.",
        "To try again, set the annotation `nbvet.mlops.dev/rerun` to a new value.";
    PushDenied: "The registry did not take the image: no permission, no such repository, or a quota.",
        "See `spec.podConfig.buildConfig.registry`, `registryNamespace` and the Secret in `pushSecret`, which must be allowed to push there.";
    ImagePullFailed: "The node could not pull an image of the validation's pod.",
        "See the name of the image and `spec.podConfig.imagePullSecrets`; the message has the registry's answer.";
    Unschedulable: "No node takes the pod: resources, tolerations, affinity or a volume do not fit.",
        "The message has the scheduler's words. Ask for less, or add nodes; the pod waits until `spec.totalTimeout`, where one is set.";
    AdmissionRefused: "The cluster refused to create the pod: Pod Security, a quota, a limit range or an admission webhook.",
        "The message has the refusal. Change what it names, or let an administrator allow it in this namespace.";
    OutOfMemory: "The notebook's container was killed because it used more memory than its limit.",
        "Raise `spec.podConfig.resources.limits.memory`, or let the notebook hold less at once. It is not tried again by itself.";
    Evicted: "The node put the pod out: it ran short of memory, disk or process ids, it was drained, or the pod went past a limit of its own.",
        "Nothing, where tries are left. A limit of its own is named by the message, and not tried again. Otherwise set `spec.podConfig.resources.requests` to what the notebook needs.";
    NodeLost: "The node that ran the pod went away.",
        "Nothing, where tries are left; otherwise look at the node.";
    AgentLost: "The program beside the notebook ended or fell silent before the notebook did, and the kubelet knows no cause.",
        "Nothing, where tries are left. When it happens again with the same notebook, see whether it ends processes that are not its own.";
    ReportLost: "The validation ended and its report is missing or cannot be read. That is never taken for a pass.",
        "Nothing, where tries are left; otherwise look at the log of the pod in `status.validationPodName`.";
    NotebookFailed: "The notebook does not run to its end: a cell raised, a module is missing, it exited with an error or its process died.",
        "`status.results` names the cell and the error; mend it and commit, or set the annotation `nbvet.mlops.dev/rerun`.";
    ChecksFailed: "The notebook ran to its end, and findings fail at this level.",
        "`status.validationChecks` and `status.educationalFeedback` say which; `nbvet explain` with a rule's id says why, and `nbvet validate` shows the same on your own machine.";
    GoldenMismatch: "Outputs differ from those of the golden notebook.",
        "`status.comparisonResult.diffs` shows where. Mend the notebook, name what may differ in `spec.comparisonConfig`, or store the new outputs in the golden notebook.";
    CellTimedOut: "One cell ran past the limit for a cell.",
        "The message names the cell and the limit; make it do less, or raise the limit.";
    ValidationTimedOut: "The notebook did not end within the limit of the validation.",
        "Raise `spec.validationTimeout` (default 30m), or let the notebook do less; `status.results` shows how far it came.";
    TotalTimedOut: "The whole run, waiting included, did not end within `spec.totalTimeout`.",
        "Raise it, or see in `status.step` what took so long.";
    PublishFailed: "The validation passed, and its image could not be copied or tagged under the name asked for.",
        "The message has the registry's answer. The verdict stays; to publish again, set the annotation `nbvet.mlops.dev/rerun`.";
    LevelTooLow: "The image is not published, since at level learning a pass promises too little.",
        "Validate at development or above to publish.";
    Cancelled: "The run was ended by the annotation `nbvet.mlops.dev/cancel`.",
        "To run again, set the annotation `nbvet.mlops.dev/rerun` to a new value.";
    Suspended: "`spec.suspend` is true: no pod runs and the clocks stand.",
        "Set `spec.suspend` to false to go on.";
    StrategyNotAvailable: "The cluster has not what the build strategy needs, or this version does not have the strategy; the message says which.",
        "Leave `spec.podConfig.buildConfig.strategy` out to have one chosen, or install what it needs.";
    FieldNotSupported: "The spec uses fields that this version accepts and does not act upon; the message names them.",
        "Remove them, or do what they ask for by other means. The run goes on without them, but for an unsupported source or strategy.";
    Fetched: "An event: the source was fetched, at the commit that the message names.",
        "Nothing.";
    Prepared: "An event: the dependencies were found and may be used.",
        "Nothing.";
    DependencyWarning: "An event: something about the dependencies is worth knowing and refuses nothing, such as which of two files was taken, or that none was found.",
        "Read the message; name the file that is meant in `spec.podConfig.buildConfig`.";
    Building: "An event: the build of the image has begun, or another job's is waited for.",
        "Nothing.";
    Built: "An event: the image was built.",
        "Nothing.";
    Validated: "An event: the notebook was run and judged, and passed.",
        "Nothing.";
    Published: "An event: the image was published under the name asked for.",
        "Nothing.";
    NotListed: "An event: the image was published and is not in the list of OpenShift's images, which is another's or was refused.",
        "The image can be used all the same. To have it listed, delete the `ImageStream` that stands in the way, or let the operator write it.";
    Succeeded: "An event: the job has succeeded.",
        "Nothing.";
    InternalError: "A fault of the controller, of nbvet itself, or of how they are installed.",
        "The message names what an administrator has set up wrongly, where it is that. Else report it, with the message and the controller's log of that time.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The word is no reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownReason(pub String);

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no reason that this version knows", self.0)
    }
}

impl std::error::Error for UnknownReason {}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|reason| reason.as_str() == word);
        known.copied().ok_or_else(|| UnknownReason(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn s6_every_reason_of_the_table_is_there_once() {
        let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!((names.len(), Reason::ALL.len()), (53, 53));
    }

    #[test]
    fn s6_a_reason_is_written_as_its_name_and_read_back() {
        for reason in Reason::ALL {
            let json = serde_json::to_value(reason).unwrap();
            assert_eq!(json, reason.as_str());
            assert_eq!(serde_json::from_value::<Reason>(json).unwrap(), *reason);
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        assert_eq!(
            "PodFailed".parse::<Reason>(),
            Err(UnknownReason("PodFailed".to_owned()))
        );
    }

    #[test]
    fn s6_every_reason_says_what_it_means_and_what_to_do() {
        for reason in Reason::ALL {
            for text in [reason.meaning(), reason.remedy()] {
                assert!(text.ends_with('.') && text.len() >= 8, "{reason}: {text}");
            }
        }
    }

    #[test]
    fn s6_names_fit_the_pattern_of_conditions() {
        for reason in Reason::ALL {
            assert!(
                reason.as_str().chars().all(|c| c.is_ascii_alphanumeric()),
                "{reason}"
            );
        }
    }
}
