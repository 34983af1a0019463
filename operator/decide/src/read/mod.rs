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

/// A label or an annotation.
fn text<'a>(of: Option<&'a BTreeMap<String, String>>, name: &str) -> Option<&'a str> {
    of?.get(name).map(String::as_str)
}

fn is_ours(meta: &ObjectMeta) -> bool {
    text(meta.labels.as_ref(), names::MANAGED_BY.0) == Some(names::MANAGED_BY.1)
}

/// Whether an object is a child of a job, by label and by owner: a label alone can be copied.
fn is_of(meta: &ObjectMeta, uid: &str) -> bool {
    let owners = meta.owner_references.iter().flatten();
    is_ours(meta) && owners.into_iter().any(|owner| owner.uid == uid)
}

/// The run that a child names.
fn run(meta: &ObjectMeta) -> Option<RunMark> {
    let annotations = meta.annotations.as_ref();
    Some(RunMark {
        id: text(meta.labels.as_ref(), names::RUN)?.to_owned(),
        number: text(annotations, names::RUN_NUMBER)?.parse().ok()?,
        wish: text(annotations, names::WISH)?.to_owned(),
    })
}

fn attempt(meta: &ObjectMeta) -> Option<u32> {
    text(meta.annotations.as_ref(), names::ATTEMPT)?.parse().ok()
}
