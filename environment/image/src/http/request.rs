//! One request: made, sent, repeated where that does no harm.

use std::io::{self, ErrorKind, Read};
use std::thread::sleep;
use std::time::Instant;

use percent_encoding::percent_decode_str;
use ureq::SendBody;
use ureq::http::{self, HeaderName, HeaderValue};
use url::Url;

use super::error::{cleaned, cut};
use super::redirect::{Way, is_redirect};
use super::retry::{self, Failure};
use super::{Counters, Http, HttpError, Reason, Response, Secret, shown_url};

/// A request that is being put together; [`Request::send`] sends it.
pub struct Request<'a> {
    http: &'a Http,
    method: &'static str,
    url: Result<Url, HttpError>,
    headers: Vec<(&'static str, String)>,
    authorization: Option<Secret>,
    hidden: Vec<Secret>,
    body: Body<'a>,
    is_repeatable: bool,
    attempts: u32,
    is_bulk: bool,
    buffered: Option<u64>,
}

enum Body<'a> {
    None,
    Bytes(Vec<u8>),
    /// Can be read once.
    Stream(Box<dyn Read + 'a>, u64),
}

impl<'a> Request<'a> {
    pub(super) fn new(http: &'a Http, method: &'static str, url: &str) -> Self {
        let (url, authorization) = match parse(url) {
            Ok((url, credentials)) => (Ok(url), credentials),
            Err(error) => (Err(error), None),
        };
        Self {
            http,
            method,
            url,
            headers: Vec::new(),
            authorization,
            hidden: Vec::new(),
            body: Body::None,
            is_repeatable: matches!(method, "GET" | "HEAD" | "PUT"),
            attempts: http.retry().attempts,
            is_bulk: false,
            buffered: None,
        }
    }

    /// Adds a header. Secrets go into [`Request::authorization`], which no redirect takes elsewhere.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The `Authorization` header. Credentials in the URL stand in for it.
    pub fn authorization(mut self, value: Option<Secret>) -> Self {
        self.authorization = value.or(self.authorization);
        self
    }

    /// A value in URL or body that no message may repeat, though the server does.
    pub fn hidden(mut self, value: &Secret) -> Self {
        self.hidden.push(value.clone());
        self
    }

    /// A body that is held in memory.
    pub fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = Body::Bytes(body);
        self
    }

    /// A body that is read once: such a request is never repeated after something was sent.
    pub fn stream(mut self, reader: impl Read + 'a, length: u64) -> Self {
        self.body = Body::Stream(Box::new(reader), length);
        self.is_repeatable = false;
        self.bulk()
    }

    /// Says that sending it twice does no harm.
    pub fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }

    /// Says that it is tried once only.
    pub fn once(mut self) -> Self {
        self.attempts = 1;
        self
    }

    /// Says that an answer of at most so many bytes is read at once: where it breaks off, it is asked for again.
    pub fn buffered(mut self, limit: u64) -> Self {
        self.buffered = Some(limit);
        self
    }

    /// Says that the request or its answer is large: it gets the long limit of time.
    pub fn bulk(mut self) -> Self {
        self.is_bulk = true;
        self
    }

    /// Where it goes, when that is a URL at all.
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref().ok()
    }

    /// Sends it and follows redirects; any status is an answer.
    pub fn send(mut self) -> Result<Response, HttpError> {
        let url = std::mem::replace(&mut self.url, Err(no_url()))?;
        self.http.check_scheme(&url)?;
        if self.http.is_offline() {
            return Err(HttpError::Offline { url: shown_url(&url) });
        }
        let limits = self.http.limits();
        let deadline = Instant::now() + if self.is_bulk { limits.bulk } else { limits.overall };
        let mut way = Way::new(url);
        loop {
            let response = self.send_until_settled(&way, deadline)?;
            let may_follow = matches!(self.method, "GET" | "HEAD");
            if !may_follow || !is_redirect(response.status()) {
                return Ok(response);
            }
            way.follow(self.http, &response)?;
        }
    }

    /// Sends it; an answer other than 2xx is an error.
    pub fn send_ok(self) -> Result<Response, HttpError> {
        self.send()?.checked()
    }

    /// Tries as often as it may and as it makes sense.
    fn send_until_settled(&mut self, way: &Way, deadline: Instant) -> Result<Response, HttpError> {
        let retry = *self.http.retry();
        let mut attempt = 1;
        loop {
            let outcome = self.send_once(way, deadline);
            let (is_worth_it, asked) = match &outcome {
                Ok(response) => (
                    self.is_repeatable && retry::is_passing(response.status()),
                    retry::asked_wait(response),
                ),
                Err(error) => (self.may_follow_failure(retry::failure(error)), None),
            };
            let wait = retry.wait(attempt, asked);
            if !is_worth_it || attempt >= self.attempts || Instant::now() + wait >= deadline {
                return outcome.map_err(|error| self.transport(way, &error));
            }
            drop(outcome);
            sleep(wait);
            attempt += 1;
        }
    }

    fn may_follow_failure(&self, failure: Failure) -> bool {
        match failure {
            Failure::BeforeSending => true,
            Failure::Broken => self.is_repeatable,
            Failure::Lasting => false,
        }
    }

    fn transport(&self, way: &Way, error: &ureq::Error) -> HttpError {
        HttpError::Transport {
            method: self.method,
            url: shown_url(&way.url),
            reason: Reason::of(error),
        }
    }

    fn send_once(&mut self, way: &Way, deadline: Instant) -> Result<Response, ureq::Error> {
        let head = self.head(way)?;
        let http = self.http;
        Counters::add(&http.counters().requests, 1);
        let agent = http.agent_for(&way.url);
        let answer = match &mut self.body {
            Body::None if matches!(self.method, "GET" | "HEAD") => agent.run(head),
            Body::None => run(agent, head, http, &mut io::empty(), 0, deadline),
            Body::Bytes(bytes) => run(
                agent,
                head,
                http,
                &mut bytes.as_slice(),
                bytes.len() as u64,
                deadline,
            ),
            Body::Stream(reader, length) => run(agent, head, http, reader, *length, deadline),
        }?;
        let secrets = self.authorization.iter().chain(&self.hidden).cloned().collect();
        let response = Response::new(http, self.method, way.url.clone(), answer, deadline, secrets);
        match self.buffered {
            Some(limit) if (200..300).contains(&response.status()) => response.buffered(limit),
            _ => Ok(response),
        }
    }

    fn head(&self, way: &Way) -> Result<http::Request<()>, ureq::Error> {
        let mut request = http::Request::builder().method(self.method).uri(way.url.as_str());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = self.authorization.as_ref().filter(|_| way.is_trusted) {
            let mut value = HeaderValue::from_str(authorization.reveal()).map_err(http::Error::from)?;
            value.set_sensitive(true);
            request = request.header(HeaderName::from_static("authorization"), value);
        }
        Ok(request.body(())?)
    }
}

/// Sends a body of known length. The header is ours, so that the length is never guessed.
fn run(
    agent: &ureq::Agent,
    mut head: http::Request<()>,
    http: &Http,
    reader: &mut dyn Read,
    length: u64,
    deadline: Instant,
) -> Result<http::Response<ureq::Body>, ureq::Error> {
    head.headers_mut()
        .insert("content-length", HeaderValue::from(length));
    let mut outgoing = Outgoing {
        reader,
        left: length,
        http,
        deadline,
    };
    agent.run(head.map(|()| SendBody::from_reader(&mut outgoing)))
}

/// A body on its way out: counted, bounded in time, and never shorter than it was said to be. A source that ends early
/// would leave the server waiting.
struct Outgoing<'a> {
    reader: &'a mut dyn Read,
    left: u64,
    http: &'a Http,
    deadline: Instant,
}

impl Read for Outgoing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        if Instant::now() >= self.deadline {
            return Err(io::Error::new(
                ErrorKind::TimedOut,
                "the limit for one request is over",
            ));
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.reader.read(&mut buffer[..most])?;
        if read == 0 {
            let why = format!("what is sent ends {} bytes early", self.left);
            return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
        }
        self.left -= read as u64;
        Counters::add(&self.http.counters().bytes_sent, read);
        Ok(read)
    }
}

/// A URL and the credentials that stood in it.
fn parse(text: &str) -> Result<(Url, Option<Secret>), HttpError> {
    let mut url = Url::parse(text).map_err(|error| HttpError::Url {
        url: cut(&cleaned(&nbvet_deps::masked(text)), 300),
        why: error.to_string(),
    })?;
    if url.username().is_empty() && url.password().is_none() {
        return Ok((url, None));
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = decoded(url.username());
    let password = Secret::new(decoded(url.password().unwrap_or_default()));
    // Fails for URLs without a host; those have no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok((url, Some(Secret::basic(&user, &password))))
}

/// Stands where the URL of a request was taken out.
fn no_url() -> HttpError {
    HttpError::Url {
        url: String::new(),
        why: "it was sent before".to_owned(),
    }
}
