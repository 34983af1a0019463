//! What goes wrong on the way to an image, as the command tells it.

use std::error::Error;

use crate::usage::UsageError;

/// An error of a registry, an index or a tool. Its text says what to do.
pub(crate) fn failure(error: &dyn Error) -> UsageError {
    UsageError::Image {
        message: error.to_string(),
        hint: None,
    }
}
