//! Why a base image could not be looked into.

use std::{fmt, io};

use crate::http::{cleaned, cut};

/// What is wrong with a base image, or with reading it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Its bytes did not come, or are not what their compression says.
    #[error("a layer cannot be read: {0}")]
    Read(#[source] io::Error),
    /// Its bytes are no archive.
    #[error("a layer is no proper tar archive: {}", said(.0))]
    Archive(#[source] io::Error),
    /// The configuration of the image.
    #[error("the image's configuration is not JSON as OCI has it: {}", said(.0))]
    Configuration(#[source] serde_json::Error),
    /// Not an image of a Linux.
    #[error("the image is for {0}, and nbvet builds on images for Linux alone")]
    System(String),
    /// More than any image of this world.
    #[error("the image has more than {most} {what}, which is more than nbvet reads")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much is read.
        most: u64,
    },
}

/// Parsers quote what they read, whatever it is.
fn said(error: &dyn fmt::Display) -> String {
    cut(&cleaned(&error.to_string()), 200)
}

impl Fault {
    pub(super) const fn archive(error: io::Error) -> Self {
        Self::Archive(error)
    }
}
