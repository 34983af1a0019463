//! `kubectl nbvet logs`: the pod of a step, all of its containers, and the word that its trusted container left.

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{
    ResourceExt as _,
    api::{ListParams, LogParams},
};
use nbvet_blob::{MAX_LOG, read_end};
use nbvet_operator_api::{NotebookValidationJob, NotebookValidationJobStatus, text};
use nbvet_operator_decide::{
    names,
    read::pod::{BEFORE, TRUSTED},
};

use crate::{
    Ended,
    args::{ClusterArgs, LogsArgs, StepName},
    cluster::Cluster,
    error::{Error, is_code},
    lines::{Last, Lines, lines},
    output,
};

/// Shows the logs of a step's pod.
pub(crate) async fn logs(cluster: &ClusterArgs, args: &LogsArgs) -> Result<Ended, Error> {
    let cluster = Cluster::of(cluster).await?;
    let job = cluster.job(&args.name).await?;
    let pod = pod(&cluster, &job, args.step).await?;
    let names = containers(&pod, args)?;
    let is_one = names.len() == 1;
    let mut streams = Vec::new();
    for name in &names {
        let prefix = if is_one {
            String::new()
        } else {
            format!("{name}: ")
        };
        streams.extend(open(&cluster, &pod, name, args.follow, prefix).await?);
    }
    show(streams, args).await?;
    word_of(&cluster, &pod).await?;
    Ok(Ended::Well)
}

/// The newest pod of the step.
async fn pod(cluster: &Cluster, job: &NotebookValidationJob, step: Option<StepName>) -> Result<Pod, Error> {
    let status = job.status.clone().unwrap_or_default();
    let current = status.step.as_ref().map(|step| step.name.clone());
    let Some(step) = step.map(|step| step.as_str().to_owned()).or(current) else {
        return of_others(cluster, job, &status).await;
    };
    let Some(labels) = labels(job, &status, &step) else {
        return Err(nothing(job, &step, "no build of it is known"));
    };
    let (pods, how) = (cluster.pods(), ListParams::default().labels(&labels));
    let found = cluster.answer("list pods", pods.list(&how)).await?;
    let newest = found
        .items
        .into_iter()
        .max_by_key(|pod| pod.metadata.creation_timestamp.clone());
    newest.ok_or_else(|| nothing(job, &step, "it has not begun, or its pod is gone"))
}

/// The pod that an older controller has written down.
async fn of_others(
    cluster: &Cluster,
    job: &NotebookValidationJob,
    status: &NotebookValidationJobStatus,
) -> Result<Pod, Error> {
    let Some(name) = &status.validation_pod_name else {
        return Err(nothing(job, "any step", "none has begun"));
    };
    let found = cluster
        .answer(&format!("pod {name}"), cluster.pods().get_opt(name))
        .await?;
    found.ok_or_else(|| nothing(job, "the validation", "it is gone"))
}

/// By what the pods of a step are known.
fn labels(job: &NotebookValidationJob, status: &NotebookValidationJobStatus, step: &str) -> Option<String> {
    if step == StepName::Build.as_str() {
        let build = status.build_status.as_ref()?;
        let name = build.build_name.as_deref()?;
        let label = match build.strategy.as_deref() {
            Some("tekton") => "tekton.dev/pipelineRun",
            _ => "batch.kubernetes.io/job-name",
        };
        return Some(format!("{label}={name}"));
    }
    let uid = job.uid().unwrap_or_default();
    let mut labels = format!("{}={uid},{}={step}", names::JOB_UID, names::STEP);
    if let Some(run) = &status.run {
        labels.extend([",", names::RUN, "=", &run.id]);
    }
    Some(labels)
}

fn nothing(job: &NotebookValidationJob, step: &str, why: &str) -> Error {
    let name = job.name_any();
    Error::Nothing {
        what: format!("`{name}` has no pod of {step}"),
        why: why.to_owned(),
        hint: format!("`kubectl nbvet status {name}` says what it is at; the report outlives its pod"),
    }
}

/// The containers to show: those that ran first come first, the trusted one last.
fn containers(pod: &Pod, args: &LogsArgs) -> Result<Vec<String>, Error> {
    let spec = pod.spec.clone().unwrap_or_default();
    let first = spec.init_containers.iter().flatten().map(|one| one.name.clone());
    let mut names: Vec<String> = first
        .chain(spec.containers.iter().map(|one| one.name.clone()))
        .collect();
    names.sort_by_key(|name| match name.as_str() {
        name if BEFORE.contains(&name) => 0,
        TRUSTED => 2,
        _ => 1,
    });
    let Some(wanted) = &args.container else {
        return Ok(names);
    };
    if names.contains(wanted) {
        return Ok(vec![wanted.clone()]);
    }
    Err(Error::Nothing {
        what: format!("pod `{}` has no container `{wanted}`", pod.name_any()),
        why: format!("it has {}", names.join(", ")),
        hint: String::new(),
    })
}

fn status_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let all = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses)
        .flatten();
    all.into_iter().find(|one| one.name == container)
}

/// The log of a container; none of one that has not begun.
async fn open(
    cluster: &Cluster,
    pod: &Pod,
    container: &str,
    follow: bool,
    prefix: String,
) -> Result<Option<Lines>, Error> {
    let name = pod.name_any();
    if let Some(why) = held(pod, container) {
        output::note(&format!("container {container} has not begun: {why}"));
        return Ok(None);
    }
    let how = LogParams {
        container: Some(container.to_owned()),
        follow,
        // All lines of a result have to be seen to be left out, so that the last ones are counted here.
        limit_bytes: i64::try_from(MAX_LOG).ok().filter(|_| !follow),
        ..LogParams::default()
    };
    let pods = cluster.pods();
    let doing = format!("log of pod {name}, container {container}");
    match cluster.answer(&doing, pods.log_stream(&name, &how)).await {
        Ok(log) => Ok(Some(lines(Box::pin(log), prefix))),
        Err(Error::Api { source, .. }) if is_code(&source, 400) => {
            output::note(&format!("container {container} has no log yet"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Why a container waits, where it does.
fn held(pod: &Pod, container: &str) -> Option<String> {
    let waiting = status_of(pod, container)?.state.as_ref()?.waiting.as_ref()?;
    let words = [waiting.reason.as_deref(), waiting.message.as_deref()];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    Some(text::one_line(&words.join(": "), 600))
}

/// One log after the other, or all as they grow.
async fn show(streams: Vec<Lines>, args: &LogsArgs) -> Result<(), Error> {
    let broken = |error: std::io::Error| Error::api("log")(kube::Error::ReadEvents(error));
    if args.follow {
        let mut all = stream::select_all(streams);
        while let Some(line) = all.next().await {
            if !output::print(&line.map_err(broken)?) {
                break;
            }
        }
        return Ok(());
    }
    for mut log in streams {
        let mut last = args.tail.map(Last::new);
        while let Some(line) = log.next().await {
            let line = line.map_err(broken)?;
            match &mut last {
                Some(last) => last.push(line),
                None if output::print(&line) => {}
                None => return Ok(()),
            }
        }
        if let Some(last) = last {
            output::print(&last.into_text());
        }
    }
    Ok(())
}

/// How the trusted container said that the step ended.
async fn word_of(cluster: &Cluster, pod: &Pod) -> Result<(), Error> {
    let name = pod.name_any();
    let now = cluster
        .answer(&format!("pod {name}"), cluster.pods().get_opt(&name))
        .await?;
    let pod = now.as_ref().unwrap_or(pod);
    let ended = status_of(pod, TRUSTED).and_then(|status| status.state.as_ref()?.terminated.as_ref());
    let end = ended.and_then(|ended| read_end(ended.message.as_deref().unwrap_or_default()).ok());
    if let Some(end) = end {
        let message = text::one_line(&end.message, 1_200);
        output::note(&format!(
            "{} ended: {:?} ({}): {message}",
            end.step, end.outcome, end.reason
        ));
    }
    Ok(())
}
