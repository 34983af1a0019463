//! HTTP as package indexes and registries need it: system roots and extra authorities, proxies, limits of time and
//! size, redirects that take no credentials along, retries. Knows nothing of what is asked for.

mod error;
mod proxy;
mod redirect;
mod request;
mod response;
mod retry;
mod secret;
mod traffic;
mod trust;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use url::{Host, Url};

pub use self::error::{HttpError, Reason, shown_url};
pub(crate) use self::error::{cleaned, cut};
pub use self::proxy::Proxies;
pub(crate) use self::redirect::is_same_server;
pub use self::request::Request;
pub use self::response::{BodyReader, Response};
pub use self::retry::Retry;
pub use self::secret::Secret;
pub(crate) use self::traffic::Counters;
pub use self::traffic::Traffic;

/// What this client calls itself.
pub const USER_AGENT: &str = concat!("nbvet/", env!("CARGO_PKG_VERSION"));

/// How long what may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Looking up a name and connecting, TLS included.
    pub connect: Duration,
    /// No byte in either direction. A registry that stores what it has just got says nothing for a while.
    pub idle: Duration,
    /// One request with its retries and its answer.
    pub overall: Duration,
    /// The same for requests that carry something large ([`Request::bulk`]).
    pub bulk: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            idle: Duration::from_mins(2),
            overall: Duration::from_mins(3),
            bulk: Duration::from_hours(1),
        }
    }
}

/// How a client is set up. The default takes proxies from the environment.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Files of PEM certificates that are trusted beside the system's.
    pub ca_files: Vec<PathBuf>,
    /// Hosts (`host` or `host:port`) that may be spoken to without TLS. Loopback always may.
    pub insecure_hosts: Vec<String>,
    /// Proxies.
    pub proxies: Proxies,
    /// Limits of time.
    pub limits: Limits,
    /// What is tried again, and when.
    pub retry: Retry,
    /// Nobody is asked: every request fails with [`HttpError::Offline`].
    pub offline: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            ca_files: Vec::new(),
            insecure_hosts: Vec::new(),
            proxies: Proxies::from_environment(),
            limits: Limits::default(),
            retry: Retry::default(),
            offline: false,
        }
    }
}

/// A client. Clones share connections and counters.
#[derive(Debug, Clone)]
pub struct Http {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    direct: Agent,
    https_proxy: Option<Agent>,
    http_proxy: Option<Agent>,
    options: HttpOptions,
    counters: Counters,
}

impl Http {
    /// A client; reads certificates once.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        let roots = trust::roots(&options.ca_files)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(roots))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = |proxy| agent(&options.limits, &tls, proxy);
        let for_https = options.proxies.for_https()?.map(|proxy| agent(Some(proxy)));
        let for_http = options.proxies.for_http()?.map(|proxy| agent(Some(proxy)));
        let direct = agent(None);
        let inner = Inner {
            direct,
            https_proxy: for_https,
            http_proxy: for_http,
            options,
            counters: Counters::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Whether nobody may be asked.
    pub(crate) fn is_offline(&self) -> bool {
        self.inner.options.offline
    }

    /// A GET request.
    pub fn get(&self, url: &str) -> Request<'_> {
        Request::new(self, "GET", url)
    }

    /// A HEAD request.
    pub fn head(&self, url: &str) -> Request<'_> {
        Request::new(self, "HEAD", url)
    }

    /// A POST request; never sent twice unless it is said to be [`Request::repeatable`].
    pub fn post(&self, url: &str) -> Request<'_> {
        Request::new(self, "POST", url)
    }

    /// A PUT request.
    pub fn put(&self, url: &str) -> Request<'_> {
        Request::new(self, "PUT", url)
    }

    /// A PATCH request; never sent twice.
    pub fn patch(&self, url: &str) -> Request<'_> {
        Request::new(self, "PATCH", url)
    }

    /// A DELETE request.
    pub fn delete(&self, url: &str) -> Request<'_> {
        Request::new(self, "DELETE", url)
    }

    /// What has been sent and received so far.
    pub fn traffic(&self) -> Traffic {
        self.inner.counters.read()
    }

    /// Whether a host may be spoken to without TLS.
    pub fn may_be_plain(&self, url: &Url) -> bool {
        is_loopback(url) || self.is_named_insecure(url)
    }

    fn is_named_insecure(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        let port = url.port_or_known_default();
        self.inner.options.insecure_hosts.iter().any(|named| {
            let named = named.to_ascii_lowercase();
            named == host || port.is_some_and(|port| named == format!("{host}:{port}"))
        })
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.options.limits
    }

    pub(crate) fn retry(&self) -> &Retry {
        &self.inner.options.retry
    }

    /// Through which connections a URL is asked.
    fn agent_for(&self, url: &Url) -> &Agent {
        let inner = &*self.inner;
        if is_loopback(url) || inner.options.proxies.is_bypassed(url) {
            return &inner.direct;
        }
        let proxied = match url.scheme() {
            "https" => &inner.https_proxy,
            _ => &inner.http_proxy,
        };
        proxied.as_ref().unwrap_or(&inner.direct)
    }

    /// Refuses what would be sent readable for all on the way.
    fn check_scheme(&self, url: &Url) -> Result<(), HttpError> {
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.may_be_plain(url) => Ok(()),
            "http" => Err(HttpError::Plain {
                url: shown_url(url),
                host: url.host_str().unwrap_or_default().to_owned(),
            }),
            _ => Err(HttpError::Url {
                url: shown_url(url),
                why: "neither https nor http".to_owned(),
            }),
        }
    }
}

fn agent(limits: &Limits, tls: &TlsConfig, proxy: Option<ureq::Proxy>) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        // Redirects are followed in `redirect`, where credentials are left behind.
        .max_redirects(0)
        .proxy(proxy)
        .tls_config(tls.clone())
        .user_agent(USER_AGENT)
        // Digests are of the bytes as they are stored.
        .accept_encoding("identity")
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_send_request(Some(limits.idle))
        .timeout_per_read(Some(limits.idle))
        .timeout_per_write(Some(limits.idle))
        .timeout_recv_response(Some(limits.overall))
        .build()
        .new_agent()
}

/// This machine itself, whatever a proxy or a name server says.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}
