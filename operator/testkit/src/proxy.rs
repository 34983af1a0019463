//! A lossy way to the API server: requests that never arrive, answers that get lost, watches that break or stand still.
//! What happens to a request is the test's to say; nothing here is random.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Bytes, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use crate::{Error, Result, cluster::client, kubeconfig};

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives: the connection closes, and nothing was done.
    Lost,
    /// It arrives and is done; its answer never comes: the connection closes.
    ReplyLost,
    /// It arrives later.
    Delayed(Duration),
    /// It never arrives; this is the answer: 409, 410, 429 (with `Retry-After: 1`), 500, 503, 504.
    Answered(u16),
    /// It never arrives, and no answer comes: the connection stays open until the client gives up.
    Unanswered,
    /// A watch that begins and at once tells of this error, as one whose version has expired does with 410.
    Broken(u16),
    /// A watch that tells everything so much later.
    Late(Duration),
    /// The replacement of an object arrives as if its writer had just read it: whatever changed since is overwritten.
    Blind,
}

/// A request as the proxy sees it, before anything has happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How many writes came before, this one not among them.
    pub writes_before: usize,
    /// `GET`, `POST`, …
    pub method: String,
    /// Without its query.
    pub path: String,
    /// After the question mark; empty where there is none.
    pub query: String,
    /// What it carries; empty where that is nothing.
    pub body: Bytes,
}

impl Seen {
    /// It changes something, or asks to.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }

    /// It stays open and tells of changes.
    pub fn is_watch(&self) -> bool {
        let wants = |pair: &str| matches!(pair, "watch=true" | "watch=1");
        self.method == "GET" && self.query.split('&').any(wants)
    }
}

type Script = dyn Fn(&Seen) -> Option<Fault> + Send + Sync;

/// A way to the API server as one user. It speaks plain HTTP on loopback and asks for nothing: who comes through it is
/// that user. Ends with the value, and with it all that goes through it.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// Of all connections.
struct Shared {
    upstream: Client,
    script: Mutex<Arc<Script>>,
    seen: Mutex<Vec<Seen>>,
    watches: watch::Sender<Watches>,
}

/// What watches are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Watches {
    /// Those that began under a lower number are broken.
    age: u64,
    /// Nothing gets through.
    frozen: bool,
}

impl Proxy {
    /// Starts one for the user of a client; everything gets through at first. It lives in this runtime.
    pub async fn start(upstream: Client) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::other)?;
        let address = listener.local_addr().map_err(Error::other)?;
        let shared = Arc::new(Shared {
            upstream,
            script: Mutex::new(Arc::new(|_: &Seen| None)),
            seen: Mutex::default(),
            watches: watch::channel(Watches::default()).0,
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// From now on this says what happens to each request; `None`: nothing.
    pub fn script(&self, script: impl Fn(&Seen) -> Option<Fault> + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// Closes all watches that are open.
    pub fn break_watches(&self) {
        self.shared.watches.send_modify(|watches| watches.age += 1);
    }

    /// Holds back what watches tell, so that caches grow stale, until [`Proxy::thaw_watches`].
    pub fn freeze_watches(&self) {
        self.shared.watches.send_modify(|watches| watches.frozen = true);
    }

    /// Lets watches go on: what was held back comes now.
    pub fn thaw_watches(&self) {
        self.shared.watches.send_modify(|watches| watches.frozen = false);
    }

    /// Every request that came, whatever happened to it.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// How many requests were to change something.
    pub fn writes(&self) -> usize {
        lock(&self.shared.seen)
            .iter()
            .filter(|seen| seen.is_write())
            .count()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The text of a kubeconfig that leads through it.
    pub fn kubeconfig(&self) -> String {
        kubeconfig::plain(&self.url())
    }

    /// A client that goes through it and asks once.
    pub async fn client(&self) -> Result<Client> {
        client(&self.kubeconfig()).await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Connections end with this task.
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        connections.spawn(serve(connection, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(connection: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    // An error of the service closes the connection: that is how a request or an answer gets lost.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(connection), service)
        .await;
}

type Answer = Response<UnsyncBoxBody<Bytes, kube::Error>>;

/// The client sees its connection closed.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("lost on the way, as the test wants it")]
    OnPurpose,
    #[error("the API server: {0}")]
    Upstream(#[from] Box<kube::Error>),
    #[error("the client: {0}")]
    Client(#[from] hyper::Error),
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> std::result::Result<Answer, Closed> {
    let (parts, body) = request.into_parts();
    let mut request = Request::from_parts(parts, body.collect().await?.to_bytes());
    let seen = shared.note(&request);
    let script = Arc::clone(&lock(&shared.script));
    let fault = script(&seen);
    match fault {
        Some(Fault::Lost) => return Err(Closed::OnPurpose),
        Some(Fault::Answered(code)) => return Ok(refusal(code)),
        Some(Fault::Broken(code)) => return Ok(broken(code)),
        Some(Fault::Unanswered) => std::future::pending().await,
        Some(Fault::Delayed(time)) => tokio::time::sleep(time).await,
        Some(Fault::Blind) => request = shared.as_if_just_read(request).await?,
        Some(Fault::ReplyLost | Fault::Late(_)) | None => {}
    }
    if fault == Some(Fault::ReplyLost) {
        let done = tokio::spawn(async move {
            if let Ok(response) = shared.forward(request).await {
                let _ = response.into_body().collect().await;
            }
        });
        // Only now is it certain that it was done; it is also where the client does not wait so long.
        let _ = done.await;
        return Err(Closed::OnPurpose);
    }
    let changes = shared.watches.subscribe();
    let response = shared.forward(request).await?;
    if seen.is_watch() {
        let late = match fault {
            Some(Fault::Late(time)) => time,
            _ => Duration::ZERO,
        };
        return Ok(response.map(|body| held(body, changes, late)));
    }
    Ok(response.map(http_body_util::BodyExt::boxed_unsync))
}

impl Shared {
    fn note(&self, request: &Request<Bytes>) -> Seen {
        let mut all = lock(&self.seen);
        let seen = Seen {
            writes_before: all.iter().filter(|seen| seen.is_write()).count(),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            body: request.body().clone(),
        };
        all.push(seen.clone());
        seen
    }

    /// A replacement with the version that its object has now.
    async fn as_if_just_read(&self, request: Request<Bytes>) -> std::result::Result<Request<Bytes>, Closed> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().trim_end_matches("/status").to_owned();
        let now = Request::get(path).body(Vec::new());
        let now: Option<Value> = match now {
            Ok(now) => self.upstream.request(now).await.ok(),
            Err(_) => None,
        };
        let object: Option<Value> = serde_json::from_slice(&body).ok();
        let body = match (now, object) {
            (Some(now), Some(mut object)) => {
                object["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"].clone();
                Bytes::from(object.to_string())
            }
            _ => body,
        };
        Ok(Request::from_parts(parts, body))
    }

    async fn forward(&self, request: Request<Bytes>) -> std::result::Result<Response<Body>, Closed> {
        let (mut parts, body) = request.into_parts();
        // These are of the connection to us; the client makes its own.
        for name in [
            header::HOST,
            header::CONNECTION,
            header::TRANSFER_ENCODING,
            header::CONTENT_LENGTH,
        ] {
            parts.headers.remove(name);
        }
        let body = body.to_vec();
        let sent = self
            .upstream
            .send(Request::from_parts(parts, Body::from(body)))
            .await;
        let mut response = sent.map_err(Box::new)?;
        response.headers_mut().remove(header::TRANSFER_ENCODING);
        response.headers_mut().remove(header::CONNECTION);
        Ok(response)
    }
}

/// What a watch tells, so much later, held back and broken as the proxy is told.
fn held(
    body: Body,
    mut changes: watch::Receiver<Watches>,
    late: Duration,
) -> UnsyncBoxBody<Bytes, kube::Error> {
    let began = changes.borrow_and_update().age;
    let data = if late.is_zero() {
        body.into_data_stream().boxed()
    } else {
        delayed(body, late).boxed()
    };
    let frames = stream::unfold((data, changes), move |(mut data, mut changes)| async move {
        let chunk = tokio::select! {
            biased;
            _ = changes.wait_for(|now| now.age != began) => None,
            chunk = data.next() => Some(chunk?),
        };
        let open = changes.wait_for(|now| now.age != began || !now.frozen).await;
        let is_broken = open.map_or(true, |now| now.age != began);
        let next = match chunk {
            Some(chunk) if !is_broken => chunk.map(Frame::data),
            // An error closes the connection.
            _ => Err(kube::Error::Service(Box::new(Closed::OnPurpose))),
        };
        Some((next, (data, changes)))
    });
    UnsyncBoxBody::new(StreamBody::new(frames.boxed()))
}

/// What a body has, each piece so much after it came.
fn delayed(body: Body, late: Duration) -> impl Stream<Item = std::result::Result<Bytes, kube::Error>> + Send {
    let (sender, pieces) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut data = body.into_data_stream();
        loop {
            tokio::select! {
                piece = data.next() => {
                    let Some(piece) = piece else { return };
                    if sender.send((Instant::now() + late, piece)).is_err() {
                        return;
                    }
                }
                // Nobody listens any more.
                () = sender.closed() => return,
            }
        }
    });
    stream::unfold(pieces, |mut pieces| async move {
        let (at, piece) = pieces.recv().await?;
        tokio::time::sleep_until(at).await;
        Some((piece, pieces))
    })
}

/// A watch that has nothing to tell but an error.
fn broken(code: u16) -> Answer {
    let event = json!({"type": "ERROR", "object": status(code)});
    let body = http_body_util::Full::new(Bytes::from(format!("{event}\n")));
    let mut response = Response::new(body.map_err(|never: Infallible| match never {}).boxed_unsync());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// An error as the API server words it.
fn status(code: u16) -> Value {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "said by the test's proxy", "reason": reason, "code": code,
    })
}

/// An answer that is an error.
fn refusal(code: u16) -> Answer {
    let body = http_body_util::Full::new(Bytes::from(status(code).to_string()));
    let mut response = Response::new(body.map_err(|never: Infallible| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    if code == 429 {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
