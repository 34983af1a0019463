//! What can go wrong between here and a server, in words that hold no secrets.

use std::path::PathBuf;

use nbvet_report::hidden::is_hidden;
use url::Url;

use super::Secret;

/// A request that did not do what it was for.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A file of certificates cannot be used.
    #[error("{}: certificates cannot be read: {why}", file.display())]
    Certificates {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// A proxy that cannot be used.
    #[error("the proxy named by {variable} cannot be used: {why}")]
    Proxy {
        /// The variable that names it.
        variable: String,
        /// Why not.
        why: String,
    },
    /// No address at all.
    #[error("{url}: not a URL that can be asked: {why}")]
    Url {
        /// The text, without credentials.
        url: String,
        /// Why not.
        why: String,
    },
    /// Plain http to a host that nobody named for it.
    #[error("{url}: plain http is refused")]
    Plain {
        /// Where.
        url: String,
        /// The host.
        host: String,
    },
    /// Nobody is to be asked.
    #[error("{url} would have to be asked, which `--offline` forbids: it was not looked up before")]
    Offline {
        /// What would be asked.
        url: String,
    },
    /// A redirect that is not followed.
    #[error("{url}: redirected to {to}, which is not followed: {why}")]
    Redirect {
        /// What was asked.
        url: String,
        /// Where to.
        to: String,
        /// Why not.
        why: String,
    },
    /// No answer.
    #[error("{method} {url}: {reason}")]
    Transport {
        /// The method.
        method: &'static str,
        /// Where.
        url: String,
        /// How it failed.
        reason: Reason,
    },
    /// An answer that says no.
    #[error("{method} {url}: {status}{}{body}", if body.is_empty() { "" } else { ": " })]
    Status {
        /// The method.
        method: &'static str,
        /// Where.
        url: String,
        /// The status.
        status: u16,
        /// The first of what was said about it.
        body: String,
    },
    /// An answer larger than what was asked for can be.
    #[error("{method} {url}: the answer has more than {limit} bytes")]
    TooLarge {
        /// The method.
        method: &'static str,
        /// Where.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// An answer that is not what it should be.
    #[error("{method} {url}: {why}")]
    Malformed {
        /// The method.
        method: &'static str,
        /// Where.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

impl HttpError {
    /// The status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The name is unknown.
    #[error("the host's name is not known; check its spelling and the network")]
    UnknownHost,
    /// Out of time.
    #[error("out of time ({0})")]
    TimedOut(String),
    /// The server's certificate is not believed.
    #[error("the server's certificate is not believed ({0})")]
    Untrusted(String),
    /// The server speaks no TLS.
    #[error("the server does not speak TLS ({0})")]
    NoTls(String),
    /// The connection could not be made, or broke.
    #[error("{0}")]
    Broken(String),
}

impl Reason {
    pub(super) fn of(error: &ureq::Error) -> Self {
        match error {
            ureq::Error::HostNotFound => Self::UnknownHost,
            ureq::Error::Timeout(which) => Self::TimedOut(which.to_string()),
            ureq::Error::Io(error) if error.to_string().contains("failed to lookup address") => {
                Self::UnknownHost
            }
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                Self::TimedOut(cleaned(&error.to_string()))
            }
            ureq::Error::Io(error) => Self::of_text(&error.to_string()),
            other => Self::of_text(&other.to_string()),
        }
    }

    fn of_text(text: &str) -> Self {
        let text = cleaned(text);
        if text.contains("certificate") {
            Self::Untrusted(text)
        } else if text.contains("InvalidContentType") || text.contains("corrupt message") {
            Self::NoTls(text)
        } else if text.contains("Peer disconnected") {
            Self::Broken("the connection broke off".to_owned())
        } else {
            Self::Broken(text)
        }
    }
}

/// No address in a message is longer.
const LONGEST_URL: usize = 300;

/// A URL as it may be shown: without credentials and without its query, where signatures stand.
pub fn shown_url(url: &Url) -> String {
    let mut url = url.clone();
    // Fails for URLs without a host; those have no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let has_query = url.query().is_some();
    url.set_query(None);
    let mut shown = cut(url.as_str(), LONGEST_URL);
    if has_query {
        shown.push_str("?…");
    }
    shown
}

/// A server's text as it may be shown: one line, no control characters, secrets masked.
pub(super) fn excerpt(body: &[u8], secrets: &[Secret]) -> String {
    let text = String::from_utf8_lossy(body);
    let masked = secrets
        .iter()
        .fold(text.into_owned(), |text, secret| secret.masked_in(&text));
    cleaned(&masked)
}

/// Runs of white space and of characters that do not show themselves become one space each.
pub(crate) fn cleaned(text: &str) -> String {
    text.split(|letter: char| letter.is_whitespace() || is_hidden(letter))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A text of at most so many bytes, with `…` where it was cut.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = (0..=longest)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_what_could_be_a_secret() {
        for (url, expected) in [
            ("https://host/v2/", "https://host/v2/"),
            ("https://user:pw@host:5000/a?sig=x#f", "https://host:5000/a?…"),
            ("http://[::1]:5000/a", "http://[::1]:5000/a"),
        ] {
            assert_eq!(shown_url(&Url::parse(url).unwrap()), expected);
        }
        let long = format!("https://host/{}", "é".repeat(500));
        assert!(shown_url(&Url::parse(&long).unwrap()).len() <= LONGEST_URL + 3);
    }

    #[test]
    fn a_server_cannot_write_to_the_terminal_or_repeat_a_secret() {
        let secret = Secret::basic("me", &Secret::new("hunter2"));
        let said = format!(
            "no:\n\x1b[31m {} \u{202e}x\0y bWU6aHVudGVyMg== hunter2",
            secret.reveal()
        );
        assert_eq!(excerpt(said.as_bytes(), &[secret]), "no: [31m **** x y **** ****");
        let secret = Secret::new("a&secret");
        assert_eq!(excerpt(b"?t=a%26secret: a&secret", &[secret]), "?t=****: ****");
        assert_eq!(cut("aéé", 2), "a…");
    }
}
