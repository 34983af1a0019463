//! The client: it asks once, counts every answer, and knows by them what time it is at the API server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{Request, Response, header::DATE};
use k8s_openapi::jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use kube::{Client, Config, client::ClientBuilder};
use tower::{BoxError, Layer, Service};

use crate::{Error, metrics::Metrics};

/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the head of an answer may take, of a watch too: one that never comes would keep a list from ever being seen.
const ANSWER: Duration = Duration::from_secs(30);
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

/// The API server did not answer; the connection stands.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {ANSWER:?}")]
struct Unanswered;

/// A client of a cluster. What it reads may stand still for a while longer than a watch may.
pub(crate) fn client(
    mut config: Config,
    watch: u32,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<Client, Error> {
    // Passes are tried again with a back-off of each job's own; one of the client would hold them for minutes.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(Duration::from_secs(watch.into()) + ANSWER);
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
    S::Error: Into<BoxError>,
    R: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let verb = request.method().clone();
        let by = self.by.clone();
        let answer = self.inner.call(request);
        async move {
            let begun = Instant::now();
            let answer = match tokio::time::timeout(ANSWER, answer).await {
                Ok(answer) => answer.map_err(Into::into),
                Err(_) => Err(Unanswered.into()),
            };
            let code = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            by.metrics.api_request(&verb, code);
            let date = answer.as_ref().ok().and_then(|answer| answer.headers().get(DATE));
            // A date that was long on its way is of another time.
            let is_fresh = SignedDuration::try_from(begun.elapsed()).is_ok_and(|took| took < SAME);
            if let Some(date) = date.and_then(|date| date.to_str().ok()).filter(|_| is_fresh) {
                by.clock.told(date);
            }
            answer
        }
        .boxed()
    }
}
