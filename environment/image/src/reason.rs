//! What went wrong, as one of the reasons that a controller tells, and whether another try may go well.

use nbvet_report::Reason;

use crate::{
    assemble, bytecode,
    http::{self, HttpError},
    index::IndexError,
    registry::RegistryError,
    resolve::ResolveError,
};

/// Why, and whether another try may go well.
pub type Cause = (Reason, bool);

/// The cause of a failed build. `into`: the repository that is written to.
pub fn of_build(error: &assemble::Error, into: &str) -> Cause {
    use assemble::Error;
    match error {
        Error::NoBase { .. }
        | Error::NoDigestOffline { .. }
        | Error::UnknownOffline { .. }
        | Error::OtherPlatform { .. }
        | Error::Base(_) => (Reason::BaseImageNotFound, false),
        Error::NoTarget(_) => (Reason::InvalidField, false),
        Error::Registry(error) => of_registry(error, into),
        Error::Resolve(error) => of_resolution(error),
        Error::Index(error) => of_index(error),
        Error::Kernel(error) => of_build(error, into),
        Error::NeedsBuild { .. } | Error::OtherPython { .. } => (Reason::DependencyConflict, false),
        // The kubelet pulls it for the container that compiles, and says nothing here.
        Error::Bytecode(bytecode::Error::Unreached { .. }) => (Reason::ImagePullFailed, true),
        Error::Wheel(_)
        | Error::Layer(_)
        | Error::Bytecode(_)
        | Error::Config(_)
        | Error::TooManyLayers(_)
        | Error::OddInterpreter { .. } => (Reason::BuildFailed, false),
        Error::Temporary { .. } => (Reason::InternalError, true),
    }
}

/// The cause of a registry's failure. `into`: the repository that is written to, as `registry/repository`.
pub fn of_registry(error: &RegistryError, into: &str) -> Cause {
    let denied = |image: &str| {
        if image == into {
            Reason::PushDenied
        } else {
            Reason::AuthenticationFailed
        }
    };
    match error {
        RegistryError::Http { error, .. } => of_http(error),
        RegistryError::Refused { image, status, .. } => match status {
            401 | 403 => (denied(image), false),
            408 | 429 | 500.. => (Reason::Unreachable, true),
            _ if image == into => (Reason::PushDenied, false),
            _ => (Reason::BaseImageNotFound, false),
        },
        RegistryError::Denied { image, .. } => (denied(image), false),
        RegistryError::Missing { .. } | RegistryError::Platform { .. } => (Reason::BaseImageNotFound, false),
        RegistryError::Upload { .. } => (Reason::Unreachable, true),
        RegistryError::Digest { .. }
        | RegistryError::Size { .. }
        | RegistryError::MediaType { .. }
        | RegistryError::Manifest { .. }
        | RegistryError::Unusable { .. } => (Reason::BuildFailed, false),
        RegistryError::Source { .. } => (Reason::InternalError, false),
        RegistryError::Credentials(_) => (Reason::AuthenticationFailed, false),
    }
}

/// The cause of a failed resolution.
pub fn of_resolution(error: &ResolveError) -> Cause {
    match error {
        error if error.is_conflict() => (Reason::DependencyConflict, false),
        ResolveError::TimedOut { .. } | ResolveError::Status { .. } => (Reason::DependencyConflict, false),
        ResolveError::Network { .. } => (Reason::Unreachable, true),
        ResolveError::Credentials { .. } => (Reason::AuthenticationFailed, false),
        ResolveError::Plain { .. } => (Reason::PolicyRefused, false),
        _ => (Reason::InternalError, false),
    }
}

/// The cause of a package that is not here.
pub fn of_index(error: &IndexError) -> Cause {
    match error {
        IndexError::NoPackage { .. }
        | IndexError::NoVersion { .. }
        | IndexError::OtherFiles { .. }
        | IndexError::NoFit { .. }
        | IndexError::WrongDigest { .. } => (Reason::DependencyConflict, false),
        IndexError::BadIndex { .. } | IndexError::TooManyAsked { .. } => (Reason::InvalidField, false),
        IndexError::TooLarge { .. } | IndexError::Page { .. } => (Reason::BuildFailed, false),
        IndexError::BrokenOff { .. } => (Reason::Unreachable, true),
        IndexError::Folder { .. } | IndexError::Cache { .. } => (Reason::InternalError, false),
        IndexError::Credentials { .. } => (Reason::AuthenticationFailed, false),
        IndexError::Http(error) => of_http(error),
    }
}

/// The cause of a request that failed.
pub fn of_http(error: &HttpError) -> Cause {
    match error {
        HttpError::Transport { reason, .. } => {
            let is_lasting = matches!(reason, http::Reason::Untrusted(_) | http::Reason::NoTls(_));
            (Reason::Unreachable, !is_lasting)
        }
        HttpError::Status { status, .. } => match status {
            401 | 403 => (Reason::AuthenticationFailed, false),
            408 | 429 | 500.. => (Reason::Unreachable, true),
            _ => (Reason::Unreachable, false),
        },
        HttpError::TooLarge { .. } | HttpError::Malformed { .. } | HttpError::Redirect { .. } => {
            (Reason::Unreachable, false)
        }
        HttpError::Url { .. } | HttpError::Plain { .. } => (Reason::InvalidField, false),
        HttpError::Certificates { .. } | HttpError::Proxy { .. } | HttpError::Offline { .. } => {
            (Reason::InternalError, false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(image: &str, status: u16) -> Cause {
        let error = RegistryError::Refused {
            image: image.to_owned(),
            action: "take the blob",
            status,
            said: String::new(),
        };
        of_registry(&error, "registry.example/team/nbvet")
    }

    #[test]
    fn s8_a_registry_that_says_no_is_not_asked_again_and_one_that_is_down_is() {
        let (ours, base) = ("registry.example/team/nbvet", "registry.example/python");
        assert_eq!(refused(ours, 403), (Reason::PushDenied, false));
        assert_eq!(refused(base, 401), (Reason::AuthenticationFailed, false));
        assert_eq!(refused(ours, 413), (Reason::PushDenied, false));
        assert_eq!(refused(base, 404), (Reason::BaseImageNotFound, false));
        for status in [408, 429, 500, 503] {
            assert_eq!(refused(ours, status), (Reason::Unreachable, true));
        }
        let denied = RegistryError::Denied {
            image: ours.to_owned(),
            why: String::new(),
            unknown: None,
        };
        assert_eq!(of_registry(&denied, ours), (Reason::PushDenied, false));
        assert_eq!(of_registry(&denied, base), (Reason::AuthenticationFailed, false));
    }

    #[test]
    fn s8_the_network_is_told_apart_from_what_lasts() {
        let transport = |reason| {
            of_http(&HttpError::Transport {
                method: "GET",
                url: String::new(),
                reason,
            })
        };
        assert_eq!(transport(http::Reason::UnknownHost), (Reason::Unreachable, true));
        assert_eq!(
            transport(http::Reason::Broken(String::new())),
            (Reason::Unreachable, true)
        );
        assert_eq!(
            transport(http::Reason::Untrusted(String::new())),
            (Reason::Unreachable, false)
        );
        let missing = IndexError::NoPackage {
            name: "six".parse().unwrap(),
            asked: String::new(),
        };
        assert_eq!(of_index(&missing), (Reason::DependencyConflict, false));
        let conflict = ResolveError::Conflict {
            file: String::new(),
            explanation: String::new(),
        };
        assert_eq!(of_resolution(&conflict), (Reason::DependencyConflict, false));
        let network = ResolveError::Network {
            explanation: String::new(),
        };
        assert_eq!(of_resolution(&network), (Reason::Unreachable, true));
    }
}
