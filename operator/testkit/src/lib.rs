//! Real Kubernetes clusters for tests: an API server alone, with controllers, or with a whole node. Says what cannot run
//! on a machine and why; knows nothing of nbvet's own resources.

mod audit;
mod certificates;
mod cluster;
mod control_plane;
mod error;
mod fake_kubelet;
mod fake_tekton;
mod fate;
mod forward;
mod image;
mod keeper;
mod kubeconfig;
mod node;
mod objects;
mod place;
mod ports;
mod process;
mod programs;
mod proxy;
mod site;

pub use audit::{Call, count};
pub use cluster::{Cluster, Options, Tier};
pub use error::{Error, Result};
pub use fake_kubelet::{FAKE_NODE, FakeKubelet};
pub use fake_tekton::{FakeTekton, Move, Told};
pub use fate::{End, Exit, Fate};
pub use forward::Forwarder;
pub use image::Image;
pub use node::{ADDRESS as NODE_ADDRESS, NODE, REGISTRY};
pub use objects::{
    PodSecurity, apply_definitions, create, definitions_of, events, logs, wait_for, wait_until_gone,
};
pub use process::{mortal, spawn};
pub use proxy::{Fault, Proxy, Seen};
pub use site::{Site, SlowLine};

/// Whether a test can go on; if not, prints why in the words that `make test` counts as skipped.
///
/// ```no_run
/// # async fn test() {
/// use nbvet_operator_testkit::{Cluster, Tier, or_skip};
/// let Some(cluster) = or_skip(Cluster::start(Tier::Api).await) else {
///     return;
/// };
/// # }
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
