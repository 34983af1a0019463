//! From the start of the program to its end: what is waited for, in which order, and who ends whom.

use std::time::Duration;

use futures::future::{join_all, select_all};
use kube::runtime::events::{Recorder, Reporter};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{oneshot, watch},
};

use crate::{
    Error, Options,
    client::{self, Clock},
    discovery::{self, Served},
    health,
    leader::Lease,
    metrics::Metrics,
    readiness::{Readiness, Standing},
    scope::{Ground, Prepared},
};

/// How long passes that have begun may take when the program ends.
const DRAIN: Duration = Duration::from_secs(25);

/// Whether the program was told to end.
#[derive(Clone)]
struct Ending(watch::Receiver<bool>);

impl Ending {
    /// Whether it is.
    fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is.
    async fn told(&mut self) {
        // Whoever would tell lives as long as the program.
        let _ = self.0.wait_for(|told| *told).await;
    }
}

/// Runs the controller until it is told to end.
pub async fn run(options: Options) -> Result<(), Error> {
    let metrics = Metrics::new();
    let readiness = Readiness::new();
    let listener = health::listen(options.health_address).await?;
    let at = listener.local_addr().map_or(options.health_address, |at| at);
    tracing::info!(%at, image = options.image, "starts");
    let health = tokio::spawn(health::serve(listener, readiness.clone(), metrics.clone()));
    let (sender, ending) = watch::channel(false);
    let signals = tokio::spawn(terminated(sender));
    let done = work(&options, &readiness, &metrics, Ending(ending)).await;
    signals.abort();
    health.abort();
    done
}

/// Waits for SIGTERM or SIGINT.
async fn terminated(tell: watch::Sender<bool>) {
    let (Ok(mut term), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("told to end");
    let _ = tell.send(true);
    // Who is told looks at it until the end.
    std::future::pending::<()>().await;
}

async fn work(
    options: &Options,
    readiness: &Readiness,
    metrics: &Metrics,
    ending: Ending,
) -> Result<(), Error> {
    let clock = Clock::default();
    let client = client::client(&clock, metrics).await?;
    let (sender, served) = watch::channel(Served::default());
    let discovery = tokio::spawn(discovery::look(client.clone(), sender));
    let reporter = Reporter {
        controller: "nbvet-operator".to_owned(),
        instance: Some(options.identity.clone()),
    };
    let ground = Ground {
        recorder: Recorder::new(client.clone(), reporter),
        client,
        clock,
        config: options.config(),
        metrics: metrics.clone(),
        served,
        concurrency: options.max_concurrent_reconciles,
    };
    let done = in_turn(options, readiness, &ground, ending).await;
    discovery.abort();
    done
}

/// Waits for the kind and for the lease, then works.
async fn in_turn(
    options: &Options,
    readiness: &Readiness,
    ground: &Ground,
    mut ending: Ending,
) -> Result<(), Error> {
    let mut served = ground.served.clone();
    tokio::select! {
        served = served.wait_for(|served| served.jobs) => {
            served.map_err(|_| Error::Ended("discovery".to_owned()))?;
        }
        () = ending.told() => return Ok(()),
    }
    ground.metrics.kind_served(true);
    let Some(name) = &options.leader_election else {
        return lead(options, readiness, ground, ending).await;
    };
    readiness.set(Standing::Standby);
    let mut lease = Lease::ask(ground.client.clone(), name, options).await?;
    tokio::select! {
        held = lease.held() => held?,
        () = ending.told() => {
            lease.leave().await;
            return Ok(());
        }
    }
    tracing::info!(lease = name, "leads");
    let done = tokio::select! {
        done = lead(options, readiness, ground, ending) => done,
        lost = lease.lost() => return Err(lost),
    };
    lease.leave().await;
    done
}

/// Works in every scope until told to end.
async fn lead(
    options: &Options,
    readiness: &Readiness,
    ground: &Ground,
    mut ending: Ending,
) -> Result<(), Error> {
    let scopes: Vec<Prepared> = options
        .namespaces()
        .into_iter()
        .map(|namespace| Prepared::new(ground, namespace))
        .collect();
    readiness.set(Standing::Leading(
        scopes.iter().map(|prepared| prepared.scope.name()).collect(),
    ));
    ground.metrics.leads(
        scopes
            .iter()
            .map(|prepared| prepared.scope.view.clone())
            .collect(),
    );
    let runs = scopes
        .into_iter()
        .map(|prepared| Box::pin(of_scope(prepared, readiness.clone(), ending.clone())));
    let runs: Vec<_> = runs.collect();
    let runs = select_or_end(runs, &mut ending).await?;
    readiness.set(Standing::Ending);
    if tokio::time::timeout(DRAIN, join_all(runs)).await.is_err() {
        tracing::warn!("passes did not end within {DRAIN:?}");
    }
    Ok(())
}

/// Works until told to end, and gives back what has to come to its end. A scope that ends before is an error.
async fn select_or_end<F>(mut runs: Vec<F>, ending: &mut Ending) -> Result<Vec<F>, Error>
where
    F: Future<Output = String> + Unpin,
{
    let first = async {
        let (name, index, _) = select_all(runs.iter_mut()).await;
        (name, index)
    };
    let ended = tokio::select! {
        () = ending.told() => None,
        ended = first => Some(ended),
    };
    if let Some((name, index)) = ended {
        // A scope may hear of the end before this does.
        if !ending.is_told() {
            return Err(Error::Ended(name));
        }
        drop(runs.swap_remove(index));
    }
    Ok(runs)
}

/// Works in a scope; gives its name.
async fn of_scope(prepared: Prepared, readiness: Readiness, mut ending: Ending) -> String {
    let scope = prepared.scope.clone();
    let seen = async {
        scope.seen_all().await;
        readiness.complete(&scope.name());
        tracing::info!(scope = scope.name(), "works");
        std::future::pending::<()>().await;
    };
    let (tell, told) = oneshot::channel::<()>();
    let ends = async move {
        // Told, or nobody is left to tell: both are the end.
        let _ = told.await;
    };
    let signal = async {
        ending.told().await;
        drop(tell);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = prepared.run(ends) => {}
        () = seen => {}
        () = signal => {}
    }
    scope.name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_scope_that_hears_of_the_end_first_has_not_ended_by_itself() {
        let (tell, ending) = watch::channel(false);
        let run = Box::pin(async move {
            tell.send(true).unwrap();
            "team".to_owned()
        });
        let left = select_or_end(vec![run], &mut Ending(ending)).await;
        assert!(left.is_ok_and(|left| left.is_empty()));
    }

    #[tokio::test]
    async fn a_scope_that_ends_by_itself_is_an_error() {
        let (_tell, ending) = watch::channel(false);
        let run = Box::pin(async { "team".to_owned() });
        let left = select_or_end(vec![run], &mut Ending(ending)).await;
        assert!(matches!(left, Err(Error::Ended(name)) if name == "team"));
    }
}
