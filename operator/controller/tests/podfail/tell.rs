//! Tells a row: creates its job, does its deed, and reads what a user reads.

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, EvictParams, Patch, PatchParams, PostParams},
};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_testkit::create;
use serde_json::{Value, json};

use crate::{
    rows::{Deed, Goes, Row, go},
    stage::{About, Stage},
};

/// What a user reads of a row.
pub(crate) struct Told {
    pub(crate) row: Row,
    pub(crate) phase: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) again: String,
}

/// Creates a row's job.
pub(crate) async fn begin(stage: &Stage, row: &Row) {
    let job: NotebookValidationJob = serde_json::from_value(row.job(&stage.base)).unwrap();
    let made = stage
        .jobs(row.namespace)
        .create(&PostParams::default(), &job)
        .await;
    made.unwrap();
}

/// Tells a row from its beginning to its end, and takes its job away.
pub(crate) async fn tell(stage: &Stage, row: Row) -> Told {
    begin(stage, &row).await;
    let (told, ()) = tokio::join!(read(stage, &row), deed(stage, &row));
    let how = DeleteParams::background();
    stage.jobs(row.namespace).delete(row.name, &how).await.unwrap();
    told.of(row)
}

/// The same before it is known of which row it is.
pub(crate) struct Read {
    phase: String,
    reason: String,
    message: String,
    again: String,
}

impl Read {
    pub(crate) fn of(self, row: Row) -> Told {
        Told {
            row,
            phase: self.phase,
            reason: self.reason,
            message: self.message,
            again: self.again,
        }
    }
}

/// Waits until a row is as far as it goes, and Kubernetes has said what it has to.
pub(crate) async fn read(stage: &Stage, row: &Row) -> Read {
    let mut heard = row.says.is_empty();
    let mut waited: Option<(String, String)> = None;
    stage
        .until(row.namespace, row.name, |about| {
            heard = heard || about.says(row.says);
            let message = about.status()["message"].as_str().unwrap_or_default().to_owned();
            if let Some(found) = waits(&message) {
                waited = Some(found);
            }
            let found = match row.goes {
                Goes::ToItsEnd => ended(about),
                Goes::Waiting(words) => waiting(about, words),
                Goes::On => went_on(about, waited.as_ref()),
            };
            found.filter(|_| heard)
        })
        .await
}

/// The reason and the words of a status that waits.
fn waits(message: &str) -> Option<(String, String)> {
    if let Some((_, rest)) = message.split_once(" does not start: ") {
        let (reason, words) = rest.split_once(": ")?;
        return Some((reason.to_owned(), words.to_owned()));
    }
    let (_, words) = message.split_once(" cannot be created yet: ")?;
    Some(("Waiting".to_owned(), words.to_owned()))
}

fn phase(about: &About) -> String {
    about.status()["phase"].as_str().unwrap_or_default().to_owned()
}

fn condition(about: &About, kind: &str) -> Value {
    let status = about.status();
    let conditions = status["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|one| one["type"] == kind);
    found.cloned().unwrap_or_default()
}

fn tries(about: &About) -> u64 {
    about.status()["retryCount"].as_u64().unwrap_or_default()
}

fn ended(about: &About) -> Option<Read> {
    let finished = condition(about, "Finished");
    if finished["status"] != "True" {
        return None;
    }
    let most = about.job.spec.retry_policy.as_ref()?.max_validation_retries?;
    let again = match tries(about) {
        0 => "no".to_owned(),
        tries => format!("yes ({tries} of {most})"),
    };
    Some(Read {
        phase: phase(about),
        reason: finished["reason"].as_str()?.to_owned(),
        message: about.status()["message"].as_str()?.to_owned(),
        again,
    })
}

fn waiting(about: &About, words: &str) -> Option<Read> {
    let (reason, message) = waits(about.status()["message"].as_str()?)?;
    message.contains(words).then(|| Read {
        phase: phase(about),
        reason,
        message,
        again: "it waits, until `totalTimeout`".to_owned(),
    })
}

/// After its end: what was said of the try that failed, or while it waited.
fn went_on(about: &About, waited: Option<&(String, String)>) -> Option<Read> {
    if condition(about, "Finished")["status"] != "True" {
        return None;
    }
    let retried = about.events.iter().find_map(|event| {
        let (_, words) = event.message.as_deref()?.split_once(" is tried again: ")?;
        Some((event.reason.clone()?, words.to_owned()))
    });
    let again = match (tries(about), &retried) {
        (tries, Some(_)) => format!("yes ({tries}), and went well"),
        _ => "not needed: it went on".to_owned(),
    };
    let (reason, message) = retried.or_else(|| waited.cloned())?;
    Some(Read {
        phase: phase(about),
        reason,
        message,
        again,
    })
}

/// The pod of validate, once the notebook runs in it.
pub(crate) async fn running(stage: &Stage, row: &Row) -> String {
    stage
        .until(row.namespace, row.name, |about| {
            let runs = |pod: &&Pod| {
                let statuses = pod
                    .status
                    .iter()
                    .flat_map(|status| status.container_statuses.iter().flatten());
                let mut statuses = statuses.filter(|one| one.name == "notebook");
                statuses.any(|one| one.state.as_ref().is_some_and(|state| state.running.is_some()))
            };
            about.pods.iter().find(runs).map(ResourceExt::name_any)
        })
        .await
}

/// The notebook of a row's next try ends well.
pub(crate) async fn let_next_go(stage: &Stage, row: &Row) {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": go(row.name)}, "data": {"GO": "1"},
    });
    create(&stage.admin, row.namespace, &map.to_string())
        .await
        .unwrap();
}

async fn deed(stage: &Stage, row: &Row) {
    let pods = Api::<Pod>::namespaced(stage.admin.clone(), row.namespace);
    match row.deed {
        Deed::Nothing => {}
        Deed::Evict => {
            let pod = running(stage, row).await;
            let_next_go(stage, row).await;
            pods.evict(&pod, &EvictParams::default()).await.unwrap();
        }
        Deed::PodDeadline => {
            let pod = running(stage, row).await;
            let patch = json!({"spec": {"activeDeadlineSeconds": 1}});
            let how = PatchParams::default();
            pods.patch(&pod, &how, &Patch::Strategic(&patch)).await.unwrap();
        }
        Deed::JobDeadline => {
            running(stage, row).await;
            let_next_go(stage, row).await;
            let name = stage
                .until(row.namespace, row.name, |about| {
                    let mut children = about.children.iter().map(ResourceExt::name_any);
                    children.find(|name| name.contains("-validate-"))
                })
                .await;
            let jobs = Api::<Job>::namespaced(stage.admin.clone(), row.namespace);
            let patch = json!({"spec": {"activeDeadlineSeconds": 1}});
            let how = PatchParams::default();
            jobs.patch(&name, &how, &Patch::Merge(&patch)).await.unwrap();
        }
        Deed::MakeSecret => {
            told_that_it_waits(stage, row).await;
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": row.name}, "stringData": {"USER": "x"},
            });
            create(&stage.admin, row.namespace, &secret.to_string())
                .await
                .unwrap();
        }
        Deed::Limit => {
            told_that_it_waits(stage, row).await;
            let patch = json!({"spec": {"totalTimeout": "1s"}});
            let how = PatchParams::default();
            let jobs = stage.jobs(row.namespace);
            jobs.patch(row.name, &how, &Patch::Merge(&patch)).await.unwrap();
        }
    }
}

/// Waits until the status of a row tells what its failure is.
async fn told_that_it_waits(stage: &Stage, row: &Row) {
    stage
        .until(row.namespace, row.name, |about| {
            let (_, words) = waits(about.status()["message"].as_str()?)?;
            // Not that there is no room yet for a pod that needs little.
            (!words.contains("Insufficient cpu") && about.says(row.says)).then_some(())
        })
        .await;
}

/// What was told of a row, on one line, for who watches.
pub(crate) fn short(told: &Told) -> String {
    format!(
        "{}: {} {}: {} [{}]",
        told.row.name, told.phase, told.reason, told.message, told.again
    )
}
