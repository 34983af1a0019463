//! Which kinds the cluster serves: asked for when their definitions change, since they come and go. While nothing changes
//! nothing is asked.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::PartialObjectMeta,
    runtime::{WatchStreamExt as _, watcher},
};
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use crate::error::is_code;

/// The definitions of kinds that come and go; those of OpenShift have none, and are there from the start or never.
pub(crate) const DEFINITIONS: [&str; 2] = [
    "notebookvalidationjobs.mlops.mlops.dev",
    "pipelineruns.tekton.dev",
];

/// Between two looks while changes are told.
const SELDOM: Duration = Duration::from_hours(1);
/// The same while they are not.
const EVERY: Duration = Duration::from_mins(1);
/// The same while our own kind is not served or a definition has just changed, and the least between two looks that watches
/// ask for.
const SOON: Duration = Duration::from_secs(2);
/// How long discovery may take to learn of a definition.
const SETTLES: Duration = Duration::from_secs(10);

/// What is known of definitions.
#[derive(Debug, Default)]
struct Changes {
    /// They are followed.
    are_told: AtomicBool,
    changed: Notify,
}

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

/// Looks for ever, and tells changes; `seconds` after which a watch is begun anew.
pub(crate) async fn look(client: Client, served: watch::Sender<Served>, absent: Absent, seconds: u32) {
    let changes = Changes::default();
    let follows = follow(client.clone(), seconds, &changes);
    tokio::join!(follows, ask(client, served, absent, &changes));
}

/// Follows the definitions for ever, without what is in them.
async fn follow(client: Client, seconds: u32, changes: &Changes) {
    let of = |name: &&str| {
        let config = watcher::Config::default().timeout(seconds);
        let config = config.fields(&format!("metadata.name={name}"));
        let api = Api::<PartialObjectMeta<CustomResourceDefinition>>::all(client.clone());
        watcher(api, config).default_backoff().boxed()
    };
    stream::select_all(DEFINITIONS.iter().map(of))
        .for_each(|event| {
            match event {
                Ok(watcher::Event::Init) => {}
                Ok(_) => {
                    changes.are_told.store(true, Ordering::Relaxed);
                    changes.changed.notify_one();
                }
                Err(error) => {
                    if changes.are_told.swap(false, Ordering::Relaxed) {
                        changes.changed.notify_one();
                    }
                    tracing::debug!("definitions are not followed: {error}");
                }
            }
            ready(())
        })
        .await;
}

async fn ask(client: Client, served: watch::Sender<Served>, absent: Absent, definitions: &Changes) {
    let mut settled = Instant::now();
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
        if !now.jobs || Instant::now() < settled {
            continue;
        }
        let wait = if definitions.are_told.load(Ordering::Relaxed) {
            SELDOM
        } else {
            EVERY.saturating_sub(SOON)
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = absent.0.notified() => {}
            () = definitions.changed.notified() => settled = Instant::now() + SETTLES,
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
