//! Which kinds the cluster serves: asked for again and again, since they come and go.

use std::{sync::Arc, time::Duration};

use kube::Client;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use crate::error::is_code;

/// Between two looks.
const EVERY: Duration = Duration::from_mins(1);
/// The same while our own kind is not served, and the least between two looks that watches ask for.
const SOON: Duration = Duration::from_secs(2);

/// By which watches tell that a kind seems to be gone, so that it is looked at before its time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Absent(Arc<Notify>);

impl Absent {
    /// A watch was answered that there is no such kind.
    pub(crate) fn tell(&self) {
        self.0.notify_one();
    }
}

/// What is served.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of one kind whether it is served"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Served {
    /// Our own kind.
    pub(crate) jobs: bool,
    /// Tekton's runs.
    pub(crate) tekton: bool,
    /// Builds of OpenShift.
    pub(crate) openshift_builds: bool,
    /// The security context constraints of OpenShift.
    pub(crate) openshift: bool,
    /// Its streams of images.
    pub(crate) image_streams: bool,
}

/// Looks for ever, and tells changes.
pub(crate) async fn look(client: Client, served: watch::Sender<Served>, absent: Absent) {
    loop {
        let mut now = *served.borrow();
        let kinds = [
            (
                "mlops.mlops.dev/v1alpha1",
                "notebookvalidationjobs",
                &mut now.jobs,
            ),
            ("tekton.dev/v1", "pipelineruns", &mut now.tekton),
            ("build.openshift.io/v1", "builds", &mut now.openshift_builds),
            (
                "security.openshift.io/v1",
                "securitycontextconstraints",
                &mut now.openshift,
            ),
            ("image.openshift.io/v1", "imagestreams", &mut now.image_streams),
        ];
        for (group, plural, is_served) in kinds {
            // What cannot be known stays as it was.
            if let Some(answer) = serves(&client, group, plural).await {
                *is_served = answer;
            }
        }
        served.send_if_modified(|before| {
            let changed = *before != now;
            if changed {
                tracing::info!(?now, "kinds of the cluster");
            }
            *before = now;
            changed
        });
        sleep(SOON).await;
        if now.jobs {
            tokio::select! {
                () = sleep(EVERY.saturating_sub(SOON)) => {}
                () = absent.0.notified() => {}
            }
        }
    }
}

async fn serves(client: &Client, group: &str, plural: &str) -> Option<bool> {
    match client.list_api_group_resources(group).await {
        Ok(list) => Some(list.resources.iter().any(|one| one.name == plural)),
        Err(error) if is_code(&error, 404) => Some(false),
        Err(error) => {
            tracing::warn!(group, "discovery: {error}");
            None
        }
    }
}
