//! What a story ended in, in words that are the same wherever it ended the same.

use k8s_openapi::api::batch::v1::Job;
use kube::{ResourceExt as _, api::ListParams};
use nbvet_operator_api::NotebookValidationJob;

use crate::{
    requests,
    stage::{Stage, again},
    trouble::FOREIGN,
};

/// What a namespace ended in: what users were promised, and all of it.
pub(crate) async fn end(stage: &Stage, namespace: &str, names: &[&str]) -> (String, String) {
    let mut lines = Vec::new();
    let mut counts = Vec::new();
    for name in names {
        let jobs = stage.api::<NotebookValidationJob>(namespace);
        let job = again(|| jobs.get(name)).await.unwrap();
        let status = job.status.clone().unwrap_or_default();
        let verdict = status.verdict.as_ref().map(|verdict| verdict.outcome);
        lines.push(format!(
            "{name}: {:?}, {verdict:?}, {:?}",
            status.phase, status.message
        ));
        for one in &status.conditions {
            lines.push(format!(
                "  {} {} {}: {}",
                one.type_, one.status, one.reason, one.message
            ));
        }
        let build = status.build_status.clone().unwrap_or_default();
        let published = status.published.clone().unwrap_or_default();
        lines.push(format!("  image {:?} {:?}", build.phase, build.image_reference));
        lines.push(format!(
            "  published {:?} {:?}",
            published.image_reference, published.tag
        ));
        lines.push(format!("  report {}", status.report.is_some()));
        counts.push(format!(
            "{name}: run {:?}, retries {:?}, cache hit {:?}, step {:?} {:?}",
            status.run.as_ref().map(|run| run.number),
            (
                status.retry_count,
                status.build_retry_count,
                status.validation_retry_count
            ),
            build.cache_hit,
            status.step.as_ref().map(|step| step.name.clone()),
            status.step.as_ref().and_then(|step| step.attempt),
        ));
        for step in ["prepare", "validate", "publish"] {
            let what = format!("{step} of {name}");
            let ran = stage.witness.of(namespace, |place| place.count(&what));
            counts.push(format!("  {what} ran {ran} times"));
        }
    }
    let builds = stage.witness.of(namespace, |place| place.count("the build"));
    counts.push(format!("the build ran {builds} times"));
    let mut objects: Vec<String> = Vec::new();
    let children = stage.api::<Job>(namespace);
    let all = ListParams::default();
    let children = again(|| children.list(&all)).await.unwrap();
    for job in children.into_iter().filter(|job| job.name_any() != FOREIGN) {
        objects.push(format!(
            "Job {} of {}",
            requests::step(&job.name_any()),
            owners(&job.metadata)
        ));
    }
    for map in stage.maps(namespace).await {
        let name = map.name_any();
        let what = if name.ends_with("-end") { "record" } else { "input" };
        objects.push(format!(
            "{what} {} of {}",
            requests::step(&name),
            owners(&map.metadata)
        ));
    }
    objects.sort();
    counts.extend(objects);
    let tidy = |lines: Vec<String>| lines.join("\n").replace(namespace, "NAMESPACE");
    let essence = tidy(lines);
    (essence.clone(), format!("{essence}\n{}", tidy(counts)))
}

/// Who owns an object, and not the digest in the name of a build.
fn owners(meta: &kube::api::ObjectMeta) -> String {
    let owners = meta.owner_references.iter().flatten();
    let mut names: Vec<String> = owners
        .map(|owner| {
            if owner.kind == "Job" {
                requests::step(&owner.name)
            } else {
                owner.name.clone()
            }
        })
        .collect();
    names.sort();
    names.join(" and ")
}
