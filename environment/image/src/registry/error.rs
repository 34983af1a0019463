//! What can go wrong with a registry, in words that name the image and say how to mend it.

use std::io;
use std::path::PathBuf;

use nbvet_deps::Digest;
use serde::Deserialize;

use crate::http::{HttpError, cleaned, cut};

/// A registry that did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No answer, or one that makes no sense.
    #[error("{image}: {error}")]
    Http {
        /// The image or repository.
        image: String,
        /// What happened.
        #[source]
        error: HttpError,
    },
    /// The registry says no.
    #[error("{image}: the registry does not {action} (status {status}){}{said}", if said.is_empty() { "" } else { ": " })]
    Refused {
        /// The image or repository.
        image: String,
        /// What was asked.
        action: &'static str,
        /// The answer's status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// No access.
    #[error("{image}: no access: {why}")]
    Denied {
        /// The image or repository.
        image: String,
        /// What was tried.
        why: String,
        /// The registry, where nobody has credentials for it.
        unknown: Option<String>,
    },
    /// It is not there.
    #[error("{image}: {what} is not in the registry")]
    Missing {
        /// The image or repository.
        image: String,
        /// A manifest or a blob.
        what: String,
    },
    /// Bytes that are not what their digest says.
    #[error(
        "{image}: {what} was asked for as {expected}, but what came has {found}; the registry, or something on the way, changes content"
    )]
    Digest {
        /// The image or repository.
        image: String,
        /// A manifest or a blob.
        what: &'static str,
        /// What was asked for.
        expected: String,
        /// What came.
        found: String,
    },
    /// Too few or too many bytes.
    #[error("{image}: {digest} should have {expected} bytes and has {found}")]
    Size {
        /// The image or repository.
        image: String,
        /// The blob.
        digest: Digest,
        /// What its descriptor says.
        expected: u64,
        /// What the registry has, or says it has.
        found: u64,
    },
    /// A kind of manifest that is not known here.
    #[error(
        "{image}: manifests of type `{media_type}` are not read; known are OCI manifests and indexes, and Docker's of schema 2"
    )]
    MediaType {
        /// The image or repository.
        image: String,
        /// What came.
        media_type: String,
    },
    /// A manifest that contradicts itself or the specification.
    #[error("{image}: the manifest cannot be used: {why}")]
    Manifest {
        /// The image or repository.
        image: String,
        /// What is wrong.
        why: String,
    },
    /// An answer, or a question, that makes no sense.
    #[error("{image}: {why}")]
    Unusable {
        /// The image or repository.
        image: String,
        /// What is wrong.
        why: String,
    },
    /// An index without the platform that is wanted.
    #[error("{image}: there is no image for {wanted}; there are: {offered}")]
    Platform {
        /// The image or repository.
        image: String,
        /// What was wanted.
        wanted: String,
        /// What there is.
        offered: String,
    },
    /// A blob that did not get through.
    #[error("{image}: {digest} could not be uploaded: {why}; blobs that have arrived are kept, run it again")]
    Upload {
        /// The image or repository.
        image: String,
        /// The blob.
        digest: Digest,
        /// The last failure.
        why: String,
    },
    /// What was to be uploaded could not be read.
    #[error("{digest}: what is to be uploaded cannot be read: {error}")]
    Source {
        /// The blob.
        digest: Digest,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// Credentials cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// A file of credentials, or what it names, that cannot be used. No message holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The file.
    #[error("{}: credentials cannot be read: {why}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// One entry of it.
    #[error("{}: `{key}`: {why}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// Its key: `auths."quay.io".auth`.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A program that keeps credentials.
    #[error("`{program}`, which {} names for {registry}: {why}", file.display())]
    Helper {
        /// The file.
        file: PathBuf,
        /// The program.
        program: String,
        /// Whose credentials.
        registry: String,
        /// What is wrong.
        why: String,
    },
}

impl RegistryError {
    /// From an answer that is an error, or none.
    pub(super) fn of(image: &str, action: &'static str, error: HttpError) -> Self {
        match error {
            HttpError::Status { status, body, .. } => Self::Refused {
                image: image.to_owned(),
                action,
                status,
                said: said(&body),
            },
            error => Self::Http {
                image: image.to_owned(),
                error,
            },
        }
    }

    /// The message without the image, for one that names it already.
    pub(crate) fn bare(&self, image: &str) -> String {
        let text = self.to_string();
        let bare = text.strip_prefix(image).and_then(|text| text.strip_prefix(": "));
        bare.map_or(text.clone(), str::to_owned)
    }

    /// The registry answered, and what it holds is not what it should be.
    pub(crate) const fn is_of_content(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::Digest { .. }
                | Self::Size { .. }
                | Self::MediaType { .. }
                | Self::Manifest { .. }
                | Self::Unusable { .. }
        )
    }

    /// Whether another try may do better.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Http { error, .. } => matches!(error, HttpError::Transport { .. }),
            Self::Refused { status, .. } => *status >= 500 || matches!(status, 408 | 429),
            _ => false,
        }
    }
}

/// What a registry said in the specification's form of errors, else the text itself.
pub(super) fn said(body: &str) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
        #[serde(default)]
        detail: serde_json::Value,
    }
    let Ok(Errors { errors }) = serde_json::from_str(body) else {
        return cut(&cleaned(body), 500);
    };
    let texts: Vec<_> = errors
        .iter()
        .take(3)
        .map(|error| match (error.code.as_str(), error.message.as_str()) {
            (code, "") => code.to_owned(),
            ("", message) => message.to_owned(),
            // Registries put what they did not foresee, a full disk among it, into the detail alone.
            ("UNKNOWN", message) if !error.detail.is_null() => format!("{message} ({})", error.detail),
            (code, message) => format!("{message} ({code})"),
        })
        .collect();
    cut(&cleaned(&texts.join("; ")), 500)
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn the_errors_of_the_specification_are_told_in_words() {
        for (body, expected) in [
            (
                r#"{"errors":[{"code":"DENIED","message":"requested access is denied","detail":[1]}]}"#,
                "requested access is denied (DENIED)",
            ),
            (
                r#"{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"Err":28}}]}"#,
                r#"unknown error ({"Err":28})"#,
            ),
            (r#"{"errors":[{"code":"UNKNOWN"},{"message":"b"}]}"#, "UNKNOWN; b"),
            ("<html>no</html>", "<html>no</html>"),
            (r#"{"errors":7}"#, r#"{"errors":7}"#),
        ] {
            assert_eq!(said(body), expected);
        }
    }
}
