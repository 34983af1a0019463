//! The client: it asks once, counts every answer, and knows by them what time it is at the API server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{Request, Response, header::DATE};
use k8s_openapi::jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use kube::{Client, Config, client::ClientBuilder};
use tower::{Layer, Service};

use crate::{Error, metrics::Metrics};

/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(10);
/// Differences of clocks below this are those of rounding and of the way.
const SAME: SignedDuration = SignedDuration::from_secs(2);

/// The time at the API server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    /// Seconds that it is ahead of ours.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        let now = Timestamp::now();
        now.saturating_add(ahead).unwrap_or(now)
    }

    fn told(&self, date: &str) {
        let Ok(theirs) = rfc2822::parse(date) else { return };
        let difference = theirs.timestamp().duration_since(Timestamp::now());
        let ahead = if difference.abs() < SAME {
            0
        } else {
            difference.as_secs()
        };
        self.ahead.store(ahead, Ordering::Relaxed);
    }
}

/// A client of the cluster that the program runs in or that `KUBECONFIG` names.
pub(crate) async fn client(clock: &Clock, metrics: &Metrics) -> Result<Client, Error> {
    let mut config = Config::infer().await?;
    // Passes are tried again with a back-off of each job's own; one of the client would hold them for minutes.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    let layer = Counted {
        clock: clock.clone(),
        metrics: metrics.clone(),
    };
    let builder = ClientBuilder::try_from(config).map_err(Error::api("client"))?;
    Ok(builder.with_layer(&layer).build())
}

/// The layer around every request.
#[derive(Clone)]
struct Counted {
    clock: Clock,
    metrics: Metrics,
}

impl<S> Layer<S> for Counted {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting {
            inner,
            by: self.clone(),
        }
    }
}

#[derive(Clone)]
struct Counting<S> {
    inner: S,
    by: Counted,
}

impl<S, B, R> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let verb = request.method().clone();
        let by = self.by.clone();
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            let code = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            by.metrics.api_request(&verb, code);
            let date = answer.as_ref().ok().and_then(|answer| answer.headers().get(DATE));
            if let Some(date) = date.and_then(|date| date.to_str().ok()) {
                by.clock.told(date);
            }
            answer
        }
        .boxed()
    }
}
