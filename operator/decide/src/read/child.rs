//! A job's own children and their records.

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Event, Pod},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
    jiff::{SignedDuration, Timestamp},
};
use nbvet_blob::{decode, read_end};
use nbvet_report::step::{Step, StepBlob};

use super::{attempt, is_ours, pod, run, text};
use crate::{
    names,
    observed::{Child, Record, RunMark},
    render::{RECORD_BLOB, RECORD_END},
};

fn step(meta: &ObjectMeta) -> Option<Step> {
    let name = text(meta.labels.as_ref(), names::STEP)?;
    [Step::Prepare, Step::Validate, Step::Publish]
        .into_iter()
        .find(|step| step.as_str() == name)
}

fn limit(meta: &ObjectMeta) -> Option<SignedDuration> {
    names::read_limit(text(meta.annotations.as_ref(), names::LIMIT)?)
}

/// A Job as a child of the job with this uid; `None`: it is none.
pub fn child(job: &Job, pods: &[Pod], events: &[Event], uid: &str) -> Option<Child> {
    let meta = &job.metadata;
    let which = which(meta, uid).filter(|which| meta.name.as_ref() == Some(&which.name))?;
    let newest = pods
        .iter()
        .max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    Some(Child {
        name: which.name,
        resource_version: meta.resource_version.clone().unwrap_or_default(),
        run: which.run,
        step: which.step,
        inputs: which.inputs,
        attempt: which.attempt,
        limit: limit(meta),
        created: meta.creation_timestamp.as_ref()?.0,
        deleting: meta.deletion_timestamp.is_some(),
        alive: pod::is_alive(job, pods),
        pod: newest.and_then(|pod| pod.metadata.name.clone()),
        state: pod::state(job, pods, events),
    })
}

/// Which child of the job with this uid an object is or is about, where all that names it agrees: labels, owner and
/// annotations can be copied, and what is made of them is one name.
struct Which {
    run: RunMark,
    step: Step,
    inputs: String,
    attempt: u32,
    name: String,
}

fn which(meta: &ObjectMeta, uid: &str) -> Option<Which> {
    let mut owners = meta.owner_references.iter().flatten();
    let job = &owners.find(|owner| owner.uid == uid)?.name;
    let (run, step, attempt) = (run(meta)?, step(meta)?, attempt(meta)?);
    let inputs = text(meta.annotations.as_ref(), names::INPUTS)?.to_owned();
    let name = names::child(job, uid, &run.id, step, &inputs, attempt);
    let is_its = is_ours(meta) && run.id == names::run_id(&run.wish, run.number);
    is_its.then_some(Which {
        run,
        step,
        inputs,
        attempt,
        name,
    })
}

/// A `ConfigMap` as the record of a child of the job with this uid; `None`: it is none, or cannot be read.
pub fn record(map: &ConfigMap, uid: &str) -> Option<Record> {
    let meta = &map.metadata;
    let which = which(meta, uid).filter(|which| meta.name == Some(names::record(&which.name)))?;
    let annotations = meta.annotations.as_ref();
    let time = |name: &str| text(annotations, name)?.parse::<Timestamp>().ok();
    let end = read_end(map.data.as_ref()?.get(RECORD_END)?).ok()?;
    let log = map.data.as_ref()?.get(RECORD_BLOB);
    let body = match (&end.blob, log) {
        (Some(blob), Some(log)) => Some(Box::new(decode::<StepBlob>(log.as_bytes(), blob).ok()?.body)),
        (Some(_), None) => return None,
        (None, _) => None,
    };
    Some(Record {
        child: which.name,
        run: which.run,
        step: which.step,
        inputs: which.inputs,
        attempt: which.attempt,
        limit: limit(meta),
        started: time(names::STARTED)?,
        at: time(names::ENDED)?,
        pod: text(annotations, names::POD).map(str::to_owned),
        end,
        body,
    })
}
