//! From the start of the program to its end: what is waited for, in which order, and who ends whom.

use std::{pin::pin, time::Duration};

use futures::future::{join_all, select_all};
use kube::Config;
use nbvet_operator_decide::{Observed, Plan, decide};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{oneshot, watch},
};

use crate::{
    Error, Options,
    client::{self, Clock},
    discovery::{self, Absent, Served},
    health,
    leader::Lease,
    metrics::Metrics,
    readiness::{Readiness, Standing},
    scope::{Ground, Prepared},
};

/// How long passes that have begun may take when the program ends.
const DRAIN: Duration = Duration::from_secs(25);
/// Seconds after which a watch is begun anew, and in which it has to tell something or is taken for dead.
const WATCH: u32 = 290;

/// What a controller works with besides its options.
pub struct Means {
    /// The way to the cluster.
    pub cluster: Config,
    /// Decides what is done for a job.
    pub decide: fn(&Observed) -> Plan,
    /// Seconds after which a watch is begun anew, and in which it has to tell something or is taken for dead.
    pub watch: u32,
}

impl Means {
    /// Those of the program, for a cluster.
    pub const fn of(cluster: Config) -> Self {
        Self {
            cluster,
            decide,
            watch: WATCH,
        }
    }
}

/// Whether the program was told to end.
#[derive(Clone)]
struct Ending(watch::Receiver<bool>);

impl Ending {
    /// Waits until it is.
    async fn told(&mut self) {
        // Whoever would tell lives as long as the program.
        let _ = self.0.wait_for(|told| *told).await;
    }
}

/// Runs the controller, for the cluster that the program runs in or that `KUBECONFIG` names, until a signal ends it.
pub async fn run(options: Options) -> Result<(), Error> {
    let cluster = Config::infer().await?;
    run_with(options, Means::of(cluster), terminated()).await
}

/// Runs the controller until `end`; passes that have begun then come to their end.
pub async fn run_with(
    options: Options,
    means: Means,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let metrics = Metrics::new();
    let readiness = Readiness::new();
    let listener = health::listen(options.health_address).await?;
    let at = listener.local_addr().map_or(options.health_address, |at| at);
    tracing::info!(%at, image = options.image, "starts");
    let health = tokio::spawn(health::serve(listener, readiness.clone(), metrics.clone()));
    let (tell, ending) = watch::channel(false);
    let ends = tokio::spawn(async move {
        end.await;
        tracing::info!("told to end");
        let _ = tell.send(true);
        // Who is told looks at it until the end.
        std::future::pending::<()>().await;
    });
    let done = work(&options, means, &readiness, &metrics, Ending(ending)).await;
    ends.abort();
    health.abort();
    done
}

/// Waits for SIGTERM or SIGINT.
async fn terminated() {
    let (Ok(mut term), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn work(
    options: &Options,
    means: Means,
    readiness: &Readiness,
    metrics: &Metrics,
    ending: Ending,
) -> Result<(), Error> {
    let clock = Clock::default();
    let client = client::client(means.cluster, means.watch, &clock, metrics)?;
    let (sender, served) = watch::channel(Served::default());
    let absent = Absent::default();
    let discovery = tokio::spawn(discovery::look(
        client.clone(),
        sender,
        absent.clone(),
        means.watch,
    ));
    let ground = Ground {
        identity: options.identity.clone(),
        client,
        clock,
        config: options.config(),
        decide: means.decide,
        metrics: metrics.clone(),
        served,
        absent,
        watch: means.watch,
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
    if kind_served(ground, true, &mut ending).await? == Left::Told {
        return Ok(());
    }
    ground.metrics.kind_served(true);
    let Some(name) = &options.leader_election else {
        return serve(options, readiness, ground, &mut ending).await;
    };
    let mut lease = Lease::ask(ground.client.clone(), name, options);
    tokio::select! {
        held = stand_by(readiness, ground, &mut lease) => held?,
        () = ending.told() => {
            lease.leave().await;
            return Ok(());
        }
    }
    tracing::info!(lease = name, "leads");
    let done = tokio::select! {
        done = serve(options, readiness, ground, &mut ending) => done,
        lost = lease.lost() => return Err(lost),
    };
    lease.leave().await;
    done
}

/// Why somebody works no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// The program was told to end.
    Told,
    /// The cluster serves the kind no longer, or does again.
    Kind,
}

/// Waits until the cluster serves our kind, or does no longer; or until told to end.
async fn kind_served(ground: &Ground, is: bool, ending: &mut Ending) -> Result<Left, Error> {
    let mut served = ground.served.clone();
    tokio::select! {
        found = served.wait_for(|served| served.jobs == is) => {
            found.map(|_| Left::Kind).map_err(|_| Error::Ended("discovery".to_owned()))
        }
        () = ending.told() => Ok(Left::Told),
    }
}

/// Waits for the lease, and says meanwhile how things are.
async fn stand_by(readiness: &Readiness, ground: &Ground, lease: &mut Lease) -> Result<(), Error> {
    let mut served = ground.served.clone();
    loop {
        let is_served = served.borrow_and_update().jobs;
        ground.metrics.kind_served(is_served);
        readiness.set(if is_served {
            Standing::Standby
        } else {
            Standing::NoKind
        });
        tokio::select! {
            held = lease.held() => return held,
            changed = served.changed() => changed.map_err(|_| Error::Ended("discovery".to_owned()))?,
        }
    }
}

/// Works whenever the cluster serves our kind, until told to end. What was seen before the kind went counts for nothing.
async fn serve(
    options: &Options,
    readiness: &Readiness,
    ground: &Ground,
    ending: &mut Ending,
) -> Result<(), Error> {
    loop {
        if kind_served(ground, true, ending).await? == Left::Told
            || lead(options, readiness, ground, ending).await? == Left::Told
        {
            return Ok(());
        }
        tracing::warn!("the cluster does not serve NotebookValidationJobs any more");
    }
}

/// Works in every scope until told to end or until the kind is gone.
async fn lead(
    options: &Options,
    readiness: &Readiness,
    ground: &Ground,
    ending: &mut Ending,
) -> Result<Left, Error> {
    let scopes: Vec<Prepared> = options
        .namespaces()
        .into_iter()
        .map(|namespace| Prepared::new(ground, namespace))
        .collect();
    readiness.set(Standing::Leading(
        scopes.iter().map(|prepared| prepared.scope.name()).collect(),
    ));
    ground.metrics.kind_served(true);
    ground.metrics.leads(
        scopes
            .iter()
            .map(|prepared| prepared.scope.view.clone())
            .collect(),
    );
    let (stop, stops) = watch::channel(false);
    let runs = scopes
        .into_iter()
        .map(|prepared| Box::pin(of_scope(prepared, readiness.clone(), Ending(stops.clone()))));
    let mut runs: Vec<_> = runs.collect();
    let left = first_of(&mut runs, kind_served(ground, false, ending)).await?;
    ground.metrics.kind_served(left != Left::Kind);
    readiness.set(match left {
        Left::Told => Standing::Ending,
        Left::Kind => Standing::NoKind,
    });
    let _ = stop.send(true);
    if tokio::time::timeout(DRAIN, join_all(runs)).await.is_err() {
        tracing::warn!("passes did not end within {DRAIN:?}");
    }
    Ok(left)
}

/// Works until there is a reason to end. A scope that ends before is an error.
async fn first_of<F>(runs: &mut [F], left: impl Future<Output = Result<Left, Error>>) -> Result<Left, Error>
where
    F: Future<Output = String> + Unpin,
{
    let left = pin!(left);
    tokio::select! {
        left = left => left,
        (name, ..) = select_all(runs) => Err(Error::Ended(name)),
    }
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

    fn run() -> std::pin::Pin<Box<dyn Future<Output = String>>> {
        Box::pin(async { "team".to_owned() })
    }

    #[tokio::test]
    async fn a_scope_that_ends_by_itself_is_an_error() {
        let left = first_of(&mut [run()], std::future::pending()).await;
        assert!(matches!(left, Err(Error::Ended(name)) if name == "team"));
    }

    #[tokio::test]
    async fn scopes_are_left_when_there_is_a_reason() {
        let idle: std::pin::Pin<Box<dyn Future<Output = String>>> = Box::pin(std::future::pending());
        let left = first_of(&mut [idle], async { Ok(Left::Kind) }).await;
        assert!(matches!(left, Ok(Left::Kind)));
    }
}
