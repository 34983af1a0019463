//! One controller works at a time: the one that holds the lease. One that cannot renew it ends before another may take it.
//! Clocks of machines are never compared: whether a lease has run out is measured by each from when it saw it change.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use k8s_openapi::{
    api::coordination::v1::{Lease as Object, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{Error, Options, error::is_code};

/// How long a lease holds that is not renewed.
const HOLDS: Duration = Duration::from_secs(15);
/// How long after its last renewal a holder works on. What is left until [`HOLDS`] is for what it has sent already.
const WORKS: Duration = Duration::from_secs(10);
/// Between two looks, and between two renewals.
const EVERY: Duration = Duration::from_secs(2);
/// How long an answer is waited for while the lease is asked for or given away.
const ANSWER: Duration = Duration::from_secs(5);

/// How a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Asked,
    Held,
    Lost,
}

/// A lease that is asked for or held.
pub(crate) struct Lease {
    standing: watch::Receiver<Standing>,
    leave: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lease {
    /// Begins to ask for the lease of this name.
    pub(crate) fn ask(client: Client, name: &str, options: &Options) -> Self {
        let (told, standing) = watch::channel(Standing::Asked);
        let (leave, leaves) = oneshot::channel();
        let mut holder = Holder::new(client, name, options);
        let task = tokio::spawn(async move {
            tokio::select! {
                () = holder.hold(&told) => {}
                Ok(()) = leaves => holder.give_away().await,
            }
        });
        Self {
            standing,
            leave: Some(leave),
            task,
        }
    }

    /// Waits until it is held.
    pub(crate) async fn held(&mut self) -> Result<(), Error> {
        let held = self
            .standing
            .wait_for(|standing| *standing == Standing::Held)
            .await;
        held.map(drop).map_err(|_| Error::LeaseLost)
    }

    /// Waits until it is held no longer.
    pub(crate) async fn lost(&mut self) -> Error {
        // A task that ended can renew nothing either.
        let _ = self
            .standing
            .wait_for(|standing| *standing == Standing::Lost)
            .await;
        Error::LeaseLost
    }

    /// Gives it away.
    pub(crate) async fn leave(mut self) {
        if let Some(leave) = self.leave.take() {
            // One that was lost ends by itself.
            let _ = leave.send(());
        }
        if timeout(ANSWER * 2, &mut self.task).await.is_err() {
            tracing::warn!("the lease could not be given away; it runs out by itself");
        }
    }
}

/// Why a renewal failed.
enum Refused {
    /// Another holds it.
    Taken,
    /// Nobody knows.
    Unknown(Box<kube::Error>),
}

/// What was seen of a lease, and when it was first seen so.
struct Seen {
    version: Option<String>,
    since: Instant,
}

/// The one who asks for it.
struct Holder {
    api: Api<Object>,
    name: String,
    /// Unlike that of any other process, also where two pods are told the same name.
    identity: String,
    seen: Option<Seen>,
    held: Option<Object>,
}

impl Holder {
    fn new(client: Client, name: &str, options: &Options) -> Self {
        let random = RandomState::new().hash_one(std::process::id());
        Self {
            api: Api::namespaced(client, &options.lease_namespace),
            name: name.to_owned(),
            identity: format!("{}_{random:016x}", options.identity),
            seen: None,
            held: None,
        }
    }

    /// Asks until it is held, then renews it until it is lost.
    async fn hold(&mut self, told: &watch::Sender<Standing>) {
        let mut renewed = self.acquire().await;
        let _ = told.send(Standing::Held);
        loop {
            sleep(EVERY).await;
            let begun = Instant::now();
            match timeout_at(renewed + WORKS, self.renew()).await {
                Ok(Ok(())) => renewed = begun,
                Ok(Err(Refused::Unknown(error))) => {
                    tracing::warn!(lease = self.name, "not renewed: {error}");
                    if begun + EVERY >= renewed + WORKS {
                        break;
                    }
                }
                Ok(Err(Refused::Taken)) => {
                    tracing::warn!(lease = self.name, "another took it, or it was deleted");
                    break;
                }
                Err(_) => {
                    tracing::warn!(lease = self.name, "not renewed: no answer within {WORKS:?}");
                    break;
                }
            }
        }
        self.held = None;
        let _ = told.send(Standing::Lost);
    }

    /// Returns when the request was sent by which it was had.
    async fn acquire(&mut self) -> Instant {
        loop {
            let begun = Instant::now();
            match timeout(ANSWER, self.take()).await {
                Ok(Ok(true)) => return begun,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!(lease = self.name, "not asked for: {error}"),
                Err(_) => tracing::warn!(lease = self.name, "not asked for: no answer within {ANSWER:?}"),
            }
            sleep(EVERY).await;
        }
    }

    /// Takes it where nobody holds it. False: somebody does.
    async fn take(&mut self) -> kube::Result<bool> {
        let how = PostParams::default();
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let lease = Object {
                metadata: ObjectMeta {
                    name: Some(self.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.spec(0)),
            };
            return self.taken(self.api.create(&how, &lease).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
        if holder.is_some() && !self.has_run_out(&lease.metadata, spec.lease_duration_seconds) {
            return Ok(false);
        }
        lease.spec = Some(self.spec(spec.lease_transitions.unwrap_or_default().saturating_add(1)));
        self.taken(self.api.replace(&self.name, &how, &lease).await)
    }

    /// An answer to taking it; that another was faster is none to warn of.
    fn taken(&mut self, answer: kube::Result<Object>) -> kube::Result<bool> {
        match answer {
            Ok(lease) => {
                self.held = Some(lease);
                Ok(true)
            }
            Err(error) if is_code(&error, 409) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a lease was not renewed for as long as it holds, as this clock measures it.
    fn has_run_out(&mut self, lease: &ObjectMeta, seconds: Option<i32>) -> bool {
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let holds = seconds.map_or(HOLDS, Duration::from_secs);
        match &self.seen {
            Some(seen) if seen.version == lease.resource_version => seen.since.elapsed() > holds,
            _ => {
                self.seen = Some(Seen {
                    version: lease.resource_version.clone(),
                    since: Instant::now(),
                });
                false
            }
        }
    }

    async fn renew(&mut self) -> Result<(), Refused> {
        self.write(|spec| spec.renew_time = Some(MicroTime(Timestamp::now())))
            .await
    }

    /// Changes the lease that is held, where it still is.
    async fn write(&mut self, change: impl Fn(&mut LeaseSpec)) -> Result<(), Refused> {
        for _ in 0..2 {
            let Some(mut lease) = self.held.clone() else {
                return Err(Refused::Taken);
            };
            change(lease.spec.get_or_insert_default());
            match self.api.replace(&self.name, &PostParams::default(), &lease).await {
                Ok(lease) => {
                    self.held = Some(lease);
                    return Ok(());
                }
                // Another holder wrote it, or this one by a request whose answer was lost.
                Err(error) if is_code(&error, 409) || is_code(&error, 404) => {
                    let found = self.api.get_opt(&self.name).await;
                    let found = found.map_err(|error| Refused::Unknown(Box::new(error)))?;
                    self.held = found.filter(|lease| self.is_mine(lease));
                }
                Err(error) => return Err(Refused::Unknown(Box::new(error))),
            }
        }
        Err(Refused::Taken)
    }

    fn is_mine(&self, lease: &Object) -> bool {
        let spec = lease.spec.as_ref();
        spec.and_then(|spec| spec.holder_identity.as_ref()) == Some(&self.identity)
    }

    /// Lets the next one have it at once.
    async fn give_away(&mut self) {
        match timeout(ANSWER, self.write(|spec| spec.holder_identity = None)).await {
            Ok(Ok(()) | Err(Refused::Taken)) => {}
            Ok(Err(Refused::Unknown(error))) => tracing::warn!(lease = self.name, "not given away: {error}"),
            Err(_) => tracing::warn!(lease = self.name, "not given away: no answer within {ANSWER:?}"),
        }
    }

    fn spec(&self, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(HOLDS.as_secs()).ok(),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}
