//! Where a redirect may lead, and what may go with it.

use url::Url;

use super::{Http, HttpError, Response, is_loopback, shown_url};

/// Redirects that are followed for one request.
const MOST: usize = 5;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Way {
    /// Where it is now.
    pub(super) url: Url,
    /// Whether credentials may be sent. Once another host had its say, they may not, even back at the first one.
    pub(super) is_trusted: bool,
    followed: usize,
}

impl Way {
    pub(super) fn new(url: Url) -> Self {
        Self {
            url,
            is_trusted: true,
            followed: 0,
        }
    }

    /// Takes one redirect.
    pub(super) fn follow(&mut self, http: &Http, response: &Response) -> Result<(), HttpError> {
        let location = response.header("location").unwrap_or_default();
        let refused = |to: &str, why: &str| HttpError::Redirect {
            url: shown_url(&self.url),
            to: to.to_owned(),
            why: why.to_owned(),
        };
        if location.is_empty() {
            return Err(refused("nowhere", "the answer names no place"));
        }
        let Ok(to) = self.url.join(location) else {
            return Err(refused("somewhere", "the place it names is not a URL"));
        };
        let shown = shown_url(&to);
        if self.followed == MOST {
            return Err(refused(
                &shown,
                &format!("it is the redirect number {}", MOST + 1),
            ));
        }
        http.check_way(&self.url, &to)
            .map_err(|why| refused(&shown, why))?;
        self.is_trusted &= is_same_server(&self.url, &to);
        self.url = to;
        self.followed += 1;
        Ok(())
    }
}

impl Http {
    /// Whether a server may send us from one place to another; if not, why.
    pub(crate) fn check_way(&self, from: &Url, to: &Url) -> Result<(), &'static str> {
        if from.scheme() == "https" && to.scheme() != "https" {
            return Err("it leaves https");
        }
        if is_loopback(to) && !is_loopback(from) {
            return Err("a server elsewhere has no business on this machine");
        }
        self.check_scheme(to)
            .map_err(|_| "it is neither https nor a host that plain http was allowed for")
    }
}

/// Scheme, host and port are equal.
pub(crate) fn is_same_server(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// Whether an answer sends a request elsewhere.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}
