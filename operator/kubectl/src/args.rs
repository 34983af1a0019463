//! The command line: names, help and parsing. The names of options are those of kubectl.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use nbvet_operator_api::duration;

/// See what notebook validations in a cluster are at and why, and have them run again.
///
/// The jobs are `NotebookValidationJob`s (short `nvj`). Without a cluster, `plan` says what a manifest would do.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl nbvet",
    bin_name = "kubectl nbvet",
    version,
    max_term_width = 100
)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done, and where a verdict is told the notebook passed; 1 it did not pass, or a manifest \
                  would be refused; 2 something else is at fault or wrong usage.\n\
                  Options stand behind the command, as kubectl takes none before a plugin's name."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which cluster, and where in it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The namespace; by default that of the context
    #[arg(short = 'n', long, global = true, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// The context of the kubeconfig; by default the current one
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The kubeconfig; by default those of KUBECONFIG, else ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// How long an answer of the cluster may take
    #[arg(long, global = true, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(crate) request_timeout: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what jobs are at: the step and what it waits for, the verdict, why, what to do
    #[command(
        after_help = "Without names a table of all jobs; with names everything of each. `kubectl wait` waits for \
                            the conditions Ready and Finished."
    )]
    Status(StatusArgs),
    /// Show the logs of a job's pod: of the current step, or of the one that is named
    #[command(
        after_help = "Lines that carry a step's result are left out; `report` shows it. Control characters are \
                            shown as signs."
    )]
    Logs(LogsArgs),
    /// Show the report of a job as `nbvet validate` shows it
    #[command(
        after_help = "The exit code is the verdict's: 0 passed, 1 failed, 2 something else kept it from being judged."
    )]
    Report(ReportArgs),
    /// Say what a manifest would do, without any cluster: the steps in their order, and fields that do not act
    #[command(
        after_help = "The same decisions as the controller's, supposing that each step goes well. Exit code 1 where \
                            the API server or the controller would refuse the manifest."
    )]
    Plan(PlanArgs),
    /// Have a job run again, from the start
    Retry(RetryArgs),
    /// End a job's run that is under way, for good
    Cancel(CancelArgs),
}

/// How objects are printed for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectFormat {
    /// As JSON
    Json,
    /// As YAML
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Jobs; none: a table of all of them
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Of all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["names", "namespace"])]
    pub(crate) all_namespaces: bool,
    /// Only jobs with these labels: `team=a,tier!=test`
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "names")]
    pub(crate) selector: Option<String>,
    /// The whole objects, for programs
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<ObjectFormat>,
}

/// A step, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StepName {
    Prepare,
    Build,
    Validate,
    Publish,
}

impl StepName {
    /// As labels and statuses have it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Build => "build",
            Self::Validate => "validate",
            Self::Publish => "publish",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The job
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The step; by default the one that the job is at
    #[arg(long, value_name = "STEP")]
    pub(crate) step: Option<StepName>,
    /// One container; by default all of the pod, with their names before their lines
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Go on while it runs
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines of each container
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tail: Option<u32>,
}

/// How a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people at a terminal
    Text,
    /// The report itself
    Json,
    /// Annotations of GitHub
    Github,
    /// For code scanning
    Sarif,
    /// For CI servers
    Junit,
    /// For comments and summaries
    Markdown,
    /// One page for those who review or grade
    Html,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The job
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: ReportFormat,
    /// Show notes too, not only their number
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// What a namespace enforces on pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PodSecurityLevel {
    Privileged,
    Baseline,
    Restricted,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The manifest; `-` reads it from stdin. Documents of other kinds are passed over
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The objects that would be created, for programs
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<ObjectFormat>,
    #[command(flatten)]
    pub(crate) controller: ControllerArgs,
}

/// What is supposed of the controller and its cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Supposed of the controller")]
pub(crate) struct ControllerArgs {
    /// Its image of trusted containers
    #[arg(long, value_name = "IMAGE", default_value = "nbvet")]
    pub(crate) image: String,
    /// Its registry for jobs that name none
    #[arg(long, value_name = "HOST")]
    pub(crate) registry: Option<String>,
    /// Its base image for jobs that name none
    #[arg(long, value_name = "IMAGE")]
    pub(crate) base_image: Option<String>,
    /// It fetches sources from addresses without encryption too
    #[arg(long)]
    pub(crate) allow_insecure_sources: bool,
    /// The cluster has Tekton
    #[arg(long)]
    pub(crate) tekton: bool,
    /// What the namespace enforces on pods
    #[arg(long, value_name = "LEVEL", default_value = "restricted")]
    pub(crate) pod_security: PodSecurityLevel,
}

/// Waiting for an end.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WaitArgs {
    /// Wait for the end of the run, show it, and give its exit code
    #[arg(long)]
    pub(crate) wait: bool,
    /// Give up waiting after this time: `90s`, `1h30m`; by default never
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = time)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// The job
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The job
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

fn time(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(time) if time > Duration::ZERO => Ok(time),
        Ok(_) => Err("is no time to wait; write it as 90s, 45m or 1h30m".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
