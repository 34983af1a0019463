//! Objects of the cluster as values to decide on. Reads what it is given; asks nobody.

mod admission;
mod build;
mod child;
pub mod pod;
mod words;

pub use self::{
    admission::{Admission, admission},
    build::build,
    child::{child, record},
};

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{names, observed::RunMark};

/// No job has had so many runs: whoever wrote more wanted to see what comes of it.
const MOST_RUNS: u64 = 1_000_000_000;
/// The same of tries.
const MOST_ATTEMPTS: u32 = 100_000;

/// A label or an annotation.
fn text<'a>(of: Option<&'a BTreeMap<String, String>>, name: &str) -> Option<&'a str> {
    of?.get(name).map(String::as_str)
}

fn is_ours(meta: &ObjectMeta) -> bool {
    text(meta.labels.as_ref(), names::MANAGED_BY.0) == Some(names::MANAGED_BY.1)
}

/// The run that a child names.
fn run(meta: &ObjectMeta) -> Option<RunMark> {
    let annotations = meta.annotations.as_ref();
    let number: u64 = text(annotations, names::RUN_NUMBER)?.parse().ok()?;
    Some(RunMark {
        id: text(meta.labels.as_ref(), names::RUN)?.to_owned(),
        number: Some(number).filter(|number| *number <= MOST_RUNS)?,
        wish: text(annotations, names::WISH)?.to_owned(),
    })
}

fn attempt(meta: &ObjectMeta) -> Option<u32> {
    let attempt: u32 = text(meta.annotations.as_ref(), names::ATTEMPT)?.parse().ok()?;
    Some(attempt).filter(|attempt| *attempt <= MOST_ATTEMPTS)
}
