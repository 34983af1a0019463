//! `kubectl nbvet retry` and `cancel`: annotations of a job that the controller acts upon, and waiting for what comes of them.

use std::{pin::pin, time::Duration};

use futures::StreamExt as _;
use k8s_openapi::jiff::Timestamp;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use nbvet_operator_api::{
    NotebookValidationJob, Phase, duration,
    job::{CANCEL_ANNOTATION, RERUN_ANNOTATION},
    status::Run,
    text,
};
use nbvet_report::Outcome;
use serde_json::json;

use crate::{
    Ended,
    args::{CancelArgs, ClusterArgs, RetryArgs, WaitArgs},
    cluster::Cluster,
    error::Error,
    job_text, output,
};

/// Asks for another run.
pub(crate) async fn retry(cluster: &ClusterArgs, args: &RetryArgs) -> Result<Ended, Error> {
    let cluster = Cluster::of(cluster).await?;
    let job = cluster.job(&args.name).await?;
    check_stays(&job)?;
    let value = Timestamp::now().to_string();
    let job = annotate(&cluster, &job, RERUN_ANNOTATION, &value).await?;
    output::print(&format!("{}\n", asked_again(&job, &value)));
    if !args.wait.wait {
        return Ok(Ended::Well);
    }
    let before = run_of(&job).map(|run| run.id.clone());
    let is_next = move |job: &NotebookValidationJob| run_of(job).map(|run| &run.id) != before.as_ref();
    wait(&cluster, &job, args.wait, is_next).await
}

/// What asking did, in a sentence.
fn asked_again(job: &NotebookValidationJob, value: &str) -> String {
    let name = job.name_any();
    let phase = job.status.as_ref().and_then(|status| status.phase);
    let before = match (run_of(job), phase) {
        (Some(run), Some(phase)) if phase.is_terminal() => {
            format!("run {} ended {}; ", run.number, phase.as_str())
        }
        (Some(run), _) => format!("run {}, which is under way, ends; ", run.number),
        (None, Some(phase)) if phase.is_terminal() => {
            format!("another controller ended it {}; ", phase.as_str())
        }
        (None, _) => String::new(),
    };
    let next = if job.spec.suspend == Some(true) {
        "the next begins when `spec.suspend` is false again"
    } else {
        "the next begins"
    };
    format!("{name}: {before}{next} ({RERUN_ANNOTATION}={value})")
}

/// Ends the run that is under way.
pub(crate) async fn cancel(cluster: &ClusterArgs, args: &CancelArgs) -> Result<Ended, Error> {
    let cluster = Cluster::of(cluster).await?;
    let job = cluster.job(&args.name).await?;
    check_stays(&job)?;
    let name = job.name_any();
    let phase = job.status.as_ref().and_then(|status| status.phase);
    if let Some(phase) = phase.filter(|phase| phase.is_terminal()) {
        output::print(&format!(
            "{name}: has ended already ({}); nothing to cancel\n",
            phase.as_str()
        ));
        return Ok(Ended::Well);
    }
    let Some(run) = run_of(&job).cloned() else {
        return Err(Error::Nothing {
            what: format!("`{name}` has no run to cancel"),
            why: "no controller has begun one".to_owned(),
            hint: format!(
                "`kubectl delete nvj {name}` takes the job away; `spec.suspend: true` keeps it from beginning"
            ),
        });
    };
    annotate(&cluster, &job, CANCEL_ANNOTATION, &run.id).await?;
    let run_number = run.number;
    output::print(&format!(
        "{name}: run {run_number} ends ({CANCEL_ANNOTATION}={})\n",
        text::one_line(&run.id, 64)
    ));
    if !args.wait.wait {
        return Ok(Ended::Well);
    }
    let is_it = move |job: &NotebookValidationJob| run_of(job).is_some_and(|of| of.id == run.id);
    // That it ended is what was asked for, whatever its verdict is.
    wait(&cluster, &job, args.wait, is_it).await.map(|_| Ended::Well)
}

fn run_of(job: &NotebookValidationJob) -> Option<&Run> {
    job.status.as_ref()?.run.as_ref()
}

fn check_stays(job: &NotebookValidationJob) -> Result<(), Error> {
    if job.metadata.deletion_timestamp.is_none() {
        return Ok(());
    }
    Err(Error::Nothing {
        what: format!("`{}` does not run again", job.name_any()),
        why: "it is being deleted".to_owned(),
        hint: String::new(),
    })
}

/// Writes an annotation of the job that was seen, and of no other that has its name since.
async fn annotate(
    cluster: &Cluster,
    job: &NotebookValidationJob,
    annotation: &str,
    value: &str,
) -> Result<NotebookValidationJob, Error> {
    let name = job.name_any();
    let patch = json!({"metadata": {"uid": job.uid(), "annotations": {annotation: value}}});
    let how = PatchParams::default();
    let patch = Patch::Merge(&patch);
    let jobs = cluster.jobs();
    cluster
        .answer(&format!("annotate job {name}"), jobs.patch(&name, &how, &patch))
        .await
}

/// Follows a job until a run of it has ended, and shows it.
async fn wait(
    cluster: &Cluster,
    job: &NotebookValidationJob,
    how: WaitArgs,
    is_it: impl Fn(&NotebookValidationJob) -> bool,
) -> Result<Ended, Error> {
    let mut last = String::new();
    let following = follow(cluster, job, &is_it, &mut last);
    let limit = how.timeout.unwrap_or(Duration::MAX);
    let Ok(ended) = tokio::time::timeout(limit, following).await else {
        return Err(Error::NotEnded {
            job: job.name_any(),
            limit: duration::format(limit),
            last,
        });
    };
    let ended = ended?;
    output::print(&format!(
        "\n{}",
        job_text::whole(&ended, Timestamp::now(), output::width())
    ));
    Ok(came_to(&ended))
}

/// What an ended job means for the exit code.
fn came_to(job: &NotebookValidationJob) -> Ended {
    let status = job.status.clone().unwrap_or_default();
    let outcome = status.verdict.map(|verdict| verdict.outcome);
    match (status.phase, outcome) {
        (Some(Phase::Succeeded), _) => Ended::Well,
        (_, Some(Outcome::Failed | Outcome::TimedOut)) => Ended::Failed,
        _ => Ended::NoVerdict,
    }
}

async fn follow(
    cluster: &Cluster,
    job: &NotebookValidationJob,
    is_it: &impl Fn(&NotebookValidationJob) -> bool,
    last: &mut String,
) -> Result<NotebookValidationJob, Error> {
    let name = job.name_any();
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let events = watcher(cluster.jobs(), config).default_backoff();
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        let job = match event {
            Ok(watcher::Event::Apply(job) | watcher::Event::InitApply(job)) => job,
            Ok(watcher::Event::Delete(_)) => break,
            Ok(_) => continue,
            Err(watcher::Error::InitialListFailed(error)) if crate::error::is_code(&error, 403) => {
                return Err(Error::api(format!("watch job {name}"))(error));
            }
            // The watch begins again by itself.
            Err(error) => {
                output::note(&format!("watch: {error}"));
                continue;
            }
        };
        let status = job.status.clone().unwrap_or_default();
        let message = status.message.as_deref().unwrap_or_default();
        let now = format!(
            "{}: {}",
            job_text::phase(Some(&status)),
            text::one_line(message, 600)
        );
        if is_it(&job) && now != *last {
            output::note(&now);
            *last = now;
        }
        if is_it(&job) && status.phase.is_some_and(Phase::is_terminal) {
            return Ok(job);
        }
    }
    Err(Error::NoJob {
        name,
        namespace: cluster.namespace.clone(),
    })
}
