//! What goes wrong on the way to an image, as the command tells it, and why, as a controller does.

use std::error::Error;

use nbvet_deps::BadReference;
use nbvet_image::{
    assemble,
    http::HttpError,
    index::IndexError,
    reason::{self, Cause},
    registry::RegistryError,
    remedy,
    resolve::ResolveError,
};
use nbvet_report::{Hint, Reason};

use crate::usage::UsageError;

/// An error of a registry, an index or a tool.
pub(crate) fn failure(error: &(dyn Error + 'static)) -> UsageError {
    let (reason, transient) = cause(error);
    UsageError::Tool {
        message: error.to_string(),
        hint: Some(hint(error)),
        reason,
        transient,
    }
}

fn cause(error: &(dyn Error + 'static)) -> Cause {
    // Only steps write, and they know where.
    const NOWHERE: &str = "";
    if let Some(error) = error.downcast_ref::<assemble::Error>() {
        reason::of_build(error, NOWHERE)
    } else if let Some(error) = error.downcast_ref::<RegistryError>() {
        reason::of_registry(error, NOWHERE)
    } else if let Some(error) = error.downcast_ref::<IndexError>() {
        reason::of_index(error)
    } else if let Some(error) = error.downcast_ref::<HttpError>() {
        reason::of_http(error)
    } else if error.is::<BadReference>() || error.is::<nbvet_image::base::NoTarget>() {
        (Reason::InvalidField, false)
    } else {
        (Reason::InternalError, false)
    }
}

fn hint(error: &(dyn Error + 'static)) -> Hint {
    if let Some(error) = error.downcast_ref::<assemble::Error>() {
        remedy::of_build(error)
    } else if let Some(error) = error.downcast_ref::<RegistryError>() {
        remedy::of_registry(error)
    } else if let Some(error) = error.downcast_ref::<IndexError>() {
        remedy::of_index(error)
    } else if let Some(error) = error.downcast_ref::<ResolveError>() {
        remedy::of_resolution(error)
    } else if let Some(error) = error.downcast_ref::<HttpError>() {
        remedy::of_http(error)
    } else {
        Hint::default()
    }
}
