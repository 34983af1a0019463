//! An answer: its head, and a body that is read with a limit or as a stream.

use std::io::{self, ErrorKind, Read};
use std::time::Instant;

use serde::de::DeserializeOwned;
use ureq::http;
use url::Url;

use super::error::excerpt;
use super::redirect::is_redirect;
use super::{Counters, Http, HttpError, Reason, Secret, shown_url};

/// What of an error's body is read and shown.
const EXCERPT: u64 = 2048;

/// An answer whose body has not been read yet.
#[derive(Debug)]
pub struct Response {
    http: Http,
    method: &'static str,
    url: Url,
    answer: http::Response<ureq::Body>,
    deadline: Instant,
    secrets: Vec<Secret>,
    /// Whether the body was read, and counted, before.
    is_buffered: bool,
}

impl Response {
    pub(super) fn new(
        http: &Http,
        method: &'static str,
        url: Url,
        answer: http::Response<ureq::Body>,
        deadline: Instant,
        secrets: Vec<Secret>,
    ) -> Self {
        Self {
            http: http.clone(),
            method,
            url,
            answer,
            deadline,
            secrets,
            is_buffered: false,
        }
    }

    /// The same with its body in memory. A body that is too long is left where it is, for the error that says so.
    pub(super) fn buffered(mut self, limit: u64) -> Result<Self, ureq::Error> {
        if self
            .answer
            .body()
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Ok(self);
        }
        let body = std::mem::replace(self.answer.body_mut(), ureq::Body::builder().data(Vec::new()));
        let mut read = Vec::new();
        let mut reader = self.reader_of(body);
        reader
            .by_ref()
            .take(limit.saturating_add(1))
            .read_to_end(&mut read)?;
        *self.answer.body_mut() = ureq::Body::builder().data(read);
        self.is_buffered = true;
        Ok(self)
    }

    fn reader_of(&self, body: ureq::Body) -> BodyReader {
        BodyReader {
            reader: body.into_reader(),
            counted: (!self.is_buffered).then(|| self.http.clone()),
            deadline: self.deadline,
        }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }

    /// A header's first value, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.headers().get(name)?.to_str().ok()
    }

    /// All values of a header that are text.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.answer.headers().get_all(name).iter();
        values.filter_map(|value| value.to_str().ok())
    }

    /// Where the answer came from, after redirects. May hold a signature in its query: show it by [`shown_url`].
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// `Content-Length`, also of an answer to HEAD.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// The answer, if its status is 2xx.
    pub fn checked(self) -> Result<Self, HttpError> {
        if self.answer.status().is_success() {
            Ok(self)
        } else {
            Err(self.refused())
        }
    }

    /// The answer as an error: its status and the first of its body.
    pub fn refused(self) -> HttpError {
        let (method, url, status) = (self.method, shown_url(&self.url), self.status());
        let redirect = is_redirect(status).then(|| self.redirect_text());
        let secrets = self.secrets.clone();
        let mut body = Vec::new();
        // A body that breaks off is cut where it broke: the status is what counts.
        let _ = self.into_reader().take(EXCERPT).read_to_end(&mut body);
        let body = redirect.unwrap_or_else(|| {
            let is_cut = body.len() as u64 == EXCERPT;
            excerpt(&body, &secrets) + if is_cut { " …" } else { "" }
        });
        HttpError::Status {
            method,
            url,
            status,
            body,
        }
    }

    fn redirect_text(&self) -> String {
        let location = self.header("location").unwrap_or_default();
        let to = self
            .url
            .join(location)
            .map_or_else(|_| "elsewhere".to_owned(), |url| shown_url(&url));
        format!("redirected to {to}; only questions are taken to another place")
    }

    /// The whole body, if it has no more than `limit` bytes.
    pub fn read_bounded(self, limit: u64) -> Result<Vec<u8>, HttpError> {
        let (method, url) = (self.method, shown_url(&self.url));
        let too_large = |url: String| HttpError::TooLarge { method, url, limit };
        if self
            .answer
            .body()
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(too_large(url));
        }
        let mut body = Vec::new();
        let read = self
            .into_reader()
            .take(limit.saturating_add(1))
            .read_to_end(&mut body);
        match read {
            Err(error) => Err(HttpError::Transport {
                method,
                url,
                reason: Reason::of(&ureq::Error::from(error)),
            }),
            Ok(_) if body.len() as u64 > limit => Err(too_large(url)),
            Ok(_) => Ok(body),
        }
    }

    /// The body as JSON, if it has no more than `limit` bytes.
    pub fn json<T: DeserializeOwned>(self, limit: u64) -> Result<T, HttpError> {
        let (method, url) = (self.method, shown_url(&self.url));
        let body = self.read_bounded(limit)?;
        // The parser's own text may quote what it read, a token among it.
        serde_json::from_slice(&body).map_err(|error| HttpError::Malformed {
            method,
            url,
            why: format!(
                "the answer is not the JSON it should be (line {}, column {})",
                error.line(),
                error.column()
            ),
        })
    }

    /// The body as a stream. It ends with an error where it is shorter than it was said to be, stands still, or is
    /// still coming when the request's time is over.
    pub fn into_reader(mut self) -> BodyReader {
        let body = std::mem::replace(self.answer.body_mut(), ureq::Body::builder().data(Vec::new()));
        self.reader_of(body)
    }
}

/// A body on its way in: counted and bounded in time.
pub struct BodyReader {
    reader: ureq::BodyReader<'static>,
    /// Whose counters count it.
    counted: Option<Http>,
    deadline: Instant,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.deadline {
            return Err(io::Error::new(
                ErrorKind::TimedOut,
                "the limit for one request is over",
            ));
        }
        let read = self.reader.read(buffer)?;
        if let Some(http) = &self.counted {
            Counters::add(&http.counters().bytes_received, read);
        }
        Ok(read)
    }
}

impl std::fmt::Debug for BodyReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BodyReader").finish_non_exhaustive()
    }
}
