//! Real registries, package indexes, base images and container runtimes for tests. Says what cannot run on a machine and why.

mod bases;
mod certificate;
mod child;
mod crane;
mod error;
mod git;
mod index;
mod private_index;
mod registry;
mod runtime;

pub use bases::{Base, Lock, layout};
pub use crane::Crane;
pub use error::{Error, Result};
pub use git::{GIT_PASSWORD, GIT_USER, GitServer, bare_repository};
pub use index::{Index, Release};
pub use private_index::{INDEX_PASSWORD, PrivateIndex};
pub use registry::{PASSWORD, Registry, RegistryOptions, Request, USER};
pub use runtime::{Pulled, Run, Runtime, skopeo};

/// Whether a test can go on; if not, prints why in the words that `make test` counts as skipped.
///
/// ```no_run
/// let Some(registry) = nbvet_testkit::or_skip(nbvet_testkit::Registry::start(Default::default())) else {
///     return;
/// };
/// ```
///
/// # Panics
/// Where what is needed is there and yet failed: that is a fault, not a reason to skip.
#[expect(
    clippy::print_stdout,
    clippy::panic,
    reason = "the test runner reads it; a fault in a test's ground stops it"
)]
pub fn or_skip<T>(got: Result<T>) -> Option<T> {
    match got {
        Ok(got) => Some(got),
        Err(error @ Error::Missing { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
