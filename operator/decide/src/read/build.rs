//! Build objects of whatever strategy.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::{attempt, is_ours, text};
use crate::{
    names,
    observed::{Build, Joined},
    strategy::{Around, StrategyName},
};

/// A Job or a `PipelineRun` as a build; `None`: it is none. Whether it is ours is said in it. `has_input`: its
/// `ConfigMap` is there.
pub fn build(object: &Value, strategy: StrategyName, has_input: bool, around: &Around) -> Option<Build> {
    let meta: ObjectMeta = serde_json::from_value(object.get("metadata")?.clone()).ok()?;
    let annotations = meta.annotations.as_ref();
    let owners = meta
        .owner_references
        .iter()
        .flatten()
        .map(|owner| owner.uid.clone());
    Some(Build {
        name: meta.name.clone()?,
        namespace: meta.namespace.clone()?,
        resource_version: meta.resource_version.clone().unwrap_or_default(),
        ours: is_ours(&meta),
        identity: text(annotations, names::WHOLE_IDENTITY)?.to_owned(),
        destination: text(annotations, names::DESTINATION)?.to_owned(),
        attempt: attempt(&meta)?,
        strategy,
        created: meta.creation_timestamp.as_ref()?.0,
        deleting: meta.deletion_timestamp.is_some(),
        has_input,
        owners: owners.collect(),
        joined: joined(&meta),
        state: strategy.strategy().read(object, around),
    })
}

fn joined(meta: &ObjectMeta) -> Vec<Joined> {
    let annotations = meta.annotations.iter().flatten();
    let of = |(name, value): (&String, &String)| {
        let (run, at, limit) = names::read_joined(value)?;
        Some(Joined {
            job: name.strip_prefix(names::JOINED)?.to_owned(),
            run: run.to_owned(),
            at,
            limit,
        })
    };
    annotations.filter_map(of).collect()
}
