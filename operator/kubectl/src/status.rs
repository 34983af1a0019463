//! `kubectl nbvet status`.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use nbvet_operator_api::NotebookValidationJob;
use serde_json::json;

use crate::{
    Ended,
    args::{ClusterArgs, ObjectFormat, StatusArgs},
    cluster::Cluster,
    error::Error,
    job_text, output, table,
};

/// Shows jobs.
pub(crate) async fn status(cluster: &ClusterArgs, args: &StatusArgs) -> Result<Ended, Error> {
    let cluster = Cluster::of(cluster).await?;
    let mut jobs = Vec::new();
    for name in &args.names {
        jobs.push(cluster.job(name).await?);
    }
    if args.names.is_empty() {
        jobs = cluster
            .all_jobs(args.all_namespaces, args.selector.as_deref())
            .await?;
        jobs.sort_by_key(|job| (job.namespace(), job.name_any()));
    }
    let now = Timestamp::now();
    if let Some(format) = args.output {
        print_objects(jobs, format, args.names.len() == 1);
    } else if !args.names.is_empty() {
        let texts = jobs.iter().map(|job| job_text::whole(job, now, output::width()));
        let texts: Vec<String> = texts.collect();
        output::print(&texts.join("\n"));
    } else if jobs.is_empty() {
        let place = if args.all_namespaces {
            "the cluster".to_owned()
        } else {
            format!("namespace `{}`", cluster.namespace)
        };
        output::note(&format!("there are no jobs in {place}"));
    } else {
        output::print(&table::table(&jobs, args.all_namespaces, now));
    }
    Ok(Ended::Well)
}

/// As `kubectl get -o` prints them, without who manages which field.
fn print_objects(mut jobs: Vec<NotebookValidationJob>, format: ObjectFormat, is_one: bool) {
    for job in &mut jobs {
        job.metadata.managed_fields = None;
    }
    match jobs.as_slice() {
        [job] if is_one => output::objects(format, job),
        _ => output::objects(
            format,
            &json!({"apiVersion": "v1", "kind": "List", "items": jobs}),
        ),
    };
}
