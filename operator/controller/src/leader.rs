//! One controller works at a time: the one that holds the lease. One that loses it ends at once, since another works already.

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder};
use tokio::{sync::watch, task::JoinHandle};

use crate::{Error, Options};

/// Seconds that a lease holds, and before their end the seconds in which it is renewed.
const HOLDS: u64 = 15;
const RENEWED: u64 = 5;

/// A lease that is asked for or held.
pub(crate) struct Lease {
    state: watch::Receiver<bool>,
    task: JoinHandle<kube_lease_manager::Result<LeaseManager>>,
}

impl Lease {
    /// Begins to ask for the lease of this name.
    pub(crate) async fn ask(client: Client, name: &str, options: &Options) -> Result<Self, Error> {
        let manager = LeaseManagerBuilder::new(client, name)
            .with_namespace(&options.lease_namespace)
            .with_identity(&options.identity)
            .with_duration(HOLDS)
            .with_grace(RENEWED)
            .build()
            .await;
        let manager = manager.map_err(|error| Error::Lease(error.to_string()))?;
        let (state, task) = manager.watch().await;
        Ok(Self { state, task })
    }

    /// Waits until it is held.
    pub(crate) async fn held(&mut self) -> Result<(), Error> {
        let held = self.state.wait_for(|held| *held).await;
        held.map(drop).map_err(|_| Error::LeaseLost)
    }

    /// Waits until it is held no longer.
    pub(crate) async fn lost(&mut self) -> Error {
        // The task that ended can renew nothing either.
        let _ = self.state.wait_for(|held| !*held).await;
        Error::LeaseLost
    }

    /// Gives it away.
    pub(crate) async fn leave(self) {
        drop(self.state);
        if let Ok(Err(error)) = self.task.await {
            tracing::warn!("lease: {error}");
        }
    }
}
