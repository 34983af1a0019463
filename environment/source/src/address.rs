//! Addresses of git repositories: read strictly, so that neither git nor ssh can take a part of one for an option, a
//! command or a secret.

use std::fmt;

use nbvet_report::step::plain;

use crate::{Allowed, SourceError};

const LONGEST: usize = 2048;

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Https,
    Http,
    Ssh,
    Git,
    File,
}

impl Scheme {
    /// Its name, as git lists protocols.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Git => "git",
            Self::File => "file",
        }
    }

    const fn is_allowed(self, allowed: Allowed) -> bool {
        match self {
            Self::Https | Self::Ssh => true,
            Self::Http | Self::Git => allowed.insecure,
            Self::File => allowed.files,
        }
    }
}

/// An address that may be given to git. It holds no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    text: String,
    pub(crate) scheme: Scheme,
    /// With its port, as it stands in the address.
    pub(crate) host: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Address {
    pub(crate) fn read(text: &str, allowed: Allowed) -> Result<Self, SourceError> {
        let fault = |why| SourceError::Address {
            address: shown(text),
            why,
        };
        if text.is_empty() || text.len() > LONGEST {
            return Err(fault("it is empty, or longer than any address"));
        }
        if text.starts_with('-') {
            return Err(fault("it begins with `-`"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fault(
                "it holds a space, a control character or a letter that no address has",
            ));
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((word, rest)) => (scheme(word, text, allowed)?, rest),
            None => return short(text, allowed).map_err(|why| why.unwrap_or_else(|| not_used(text))),
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
        if path.is_empty() {
            return Err(fault("it names a server and no repository"));
        }
        check_path(path).map_err(fault)?;
        if scheme == Scheme::File {
            return if authority.is_empty() {
                Ok(Self::new(text, scheme, ""))
            } else {
                Err(fault("a file is on this machine: `file:///…`"))
            };
        }
        let host = match authority.rsplit_once('@') {
            None => authority,
            Some((user, host)) if scheme == Scheme::Ssh => {
                check_user(user).map_err(fault)?;
                host
            }
            Some(_) => {
                return Err(fault(
                    "it holds credentials, and who reads this object reads them too: put them into a Secret",
                ));
            }
        };
        check_host(host).map_err(fault)?;
        Ok(Self::new(text, scheme, host))
    }

    fn new(text: &str, scheme: Scheme, host: &str) -> Self {
        Self {
            text: text.to_owned(),
            scheme,
            host: host.to_owned(),
        }
    }
}

fn scheme(word: &str, text: &str, allowed: Allowed) -> Result<Scheme, SourceError> {
    let known = [
        Scheme::Https,
        Scheme::Http,
        Scheme::Ssh,
        Scheme::Git,
        Scheme::File,
    ];
    let found = known.into_iter().find(|scheme| scheme.name() == word);
    found
        .filter(|scheme| scheme.is_allowed(allowed))
        .ok_or_else(|| not_used(text))
}

fn not_used(text: &str) -> SourceError {
    let scheme = match text.split_once(':') {
        Some((word, _)) if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            format!("`{}`", plain(word, 40))
        }
        _ => "an address without a scheme".to_owned(),
    };
    SourceError::Scheme {
        address: shown(text),
        scheme,
    }
}

/// `git@host:path`, as ssh's copy program writes it. The error is `None` where it is something else altogether.
fn short(text: &str, _: Allowed) -> Result<Address, Option<SourceError>> {
    let fault = |why| {
        Some(SourceError::Address {
            address: shown(text),
            why,
        })
    };
    let (user, rest) = text.split_once('@').ok_or(None)?;
    let (host, path) = rest.split_once(':').ok_or(None)?;
    if user.contains([':', '/']) {
        return Err(None);
    }
    check_user(user).map_err(fault)?;
    check_host(host).map_err(fault)?;
    if host.contains(':') || path.is_empty() || path.starts_with(['-', ':']) {
        return Err(fault("what stands behind the host's `:` is no path"));
    }
    check_path(path).map_err(fault)?;
    Ok(Address::new(text, Scheme::Ssh, host))
}

fn check_user(user: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if user.contains(':') {
        Err("it holds a password, and who reads this object reads it too: put it into a Secret")
    } else if user.is_empty() || user.starts_with('-') || !user.bytes().all(is_plain) {
        Err("the name of its user is none")
    } else {
        Ok(())
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, after) = rest.split_once(']').ok_or("its host is none")?;
            let is_six = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
            if !is_six {
                return Err("its host is none");
            }
            (
                name,
                after
                    .strip_prefix(':')
                    .or_else(|| after.is_empty().then_some("1")),
            )
        }
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("1")),
        },
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':');
    if name.is_empty() || name.starts_with('-') || !name.bytes().all(is_plain) {
        return Err("its host is none");
    }
    match port.map(str::parse::<u16>) {
        Some(Ok(1..)) => Ok(()),
        _ => Err("its port is none"),
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    let lower = path.to_ascii_lowercase();
    if path.contains(['\\', '"', '\'', '`', '?', '#', '<', '>', '|']) {
        Err(
            "its path holds a quote, a backslash, a query or another character that no path of a repository has",
        )
    } else if ["%00", "%0a", "%0d"].iter().any(|code| lower.contains(code)) {
        Err("its path hides a line break")
    } else {
        Ok(())
    }
}

/// As it may be shown: without what stands before an `@`, and without a query.
fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let rest = match rest.rsplit_once('@') {
        Some(("git", _)) | None => rest.to_owned(),
        Some((_, rest)) => format!("****@{rest}"),
    };
    plain(&(scheme + &rest), 300)
}

#[cfg(test)]
mod tests {
    use nbvet_report::Reason;

    use super::*;

    fn allowed(text: &str, expected: (Scheme, &str)) {
        let all = Allowed {
            insecure: true,
            files: true,
        };
        let address = Address::read(text, all).unwrap_or_else(|error| unreachable!("{text}: {error}"));
        assert_eq!((address.scheme, &*address.host), expected, "{text}");
        assert_eq!(address.to_string(), text);
    }

    fn refused(text: &str, reason: Reason, said: &str) {
        let error = Address::read(text, Allowed::default()).unwrap_err();
        assert_eq!(error.reason(), reason, "{text}: {error}");
        assert!(error.to_string().contains(said), "{text}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn the_usual_addresses_are_read() {
        allowed("https://git.example/team/nbs.git", (Scheme::Https, "git.example"));
        allowed(
            "https://git.example:8443/team/nbs",
            (Scheme::Https, "git.example:8443"),
        );
        allowed(
            "https://[2001:db8::1]:8443/nbs",
            (Scheme::Https, "[2001:db8::1]:8443"),
        );
        allowed(
            "ssh://git@git.example:2222/team/nbs.git",
            (Scheme::Ssh, "git.example:2222"),
        );
        allowed("ssh://git.example/~alice/nbs", (Scheme::Ssh, "git.example"));
        allowed("git@git.example:team/nbs.git", (Scheme::Ssh, "git.example"));
        allowed("http://git.example/nbs", (Scheme::Http, "git.example"));
        allowed("git://git.example/nbs", (Scheme::Git, "git.example"));
        allowed("file:///srv/nbs.git", (Scheme::File, ""));
    }

    #[test]
    fn s10_other_schemes_are_refused() {
        for text in [
            "http://git.example/nbs",
            "git://git.example/nbs",
            "file:///etc",
            "ext::sh -c touch% /tmp/pwned",
            "ext::sh",
            "fd::17",
            "ftp://git.example/nbs",
            "HTTPS://git.example/nbs",
            "/etc/nbs",
            "../nbs",
            "git.example/nbs",
            "git.example:nbs",
            "transport::https://git.example/nbs",
        ] {
            let error = Address::read(text, Allowed::default()).unwrap_err();
            let known = [Reason::SchemeNotAllowed, Reason::InvalidField];
            assert!(known.contains(&error.reason()), "{text}: {error}");
        }
        refused(
            "http://git.example/nbs",
            Reason::SchemeNotAllowed,
            "`http` is not used for sources",
        );
        refused("ext::sh", Reason::SchemeNotAllowed, "`ext` is not used");
        refused(
            "/etc/nbs",
            Reason::SchemeNotAllowed,
            "an address without a scheme",
        );
    }

    #[test]
    fn what_git_or_ssh_could_take_for_an_option_or_a_command_is_refused() {
        refused(
            "--upload-pack=touch /tmp/x",
            Reason::InvalidField,
            "begins with `-`",
        );
        refused(
            "ssh://-oProxyCommand=touch/x",
            Reason::InvalidField,
            "its host is none",
        );
        refused(
            "ssh://-oProxyCommand@git.example/x",
            Reason::InvalidField,
            "user is none",
        );
        refused(
            "git@-oProxyCommand=x:nbs",
            Reason::InvalidField,
            "its host is none",
        );
        refused("git@git.example:-x", Reason::InvalidField, "is no path");
        refused("ssh://git.example;id/x", Reason::InvalidField, "its host is none");
        refused(
            "https://git.example/a%0ahost=other",
            Reason::InvalidField,
            "hides a line break",
        );
        refused(
            "https://git.example/a\nb",
            Reason::InvalidField,
            "control character",
        );
        refused("https://git.example/a'b", Reason::InvalidField, "quote");
        refused("https://git.example:0/nbs", Reason::InvalidField, "port");
        refused("https://git.example:99999/nbs", Reason::InvalidField, "port");
        refused("https://git.example", Reason::InvalidField, "no repository");
        refused("", Reason::InvalidField, "empty");
    }

    #[test]
    fn credentials_in_an_address_are_refused_and_never_told() {
        refused(
            "https://alice:hunter2@git.example/nbs",
            Reason::InvalidField,
            "put them into a Secret",
        );
        refused(
            "https://hunter2@git.example/nbs",
            Reason::InvalidField,
            "`https://****@git.example/nbs`",
        );
        refused(
            "ssh://git:hunter2@git.example/nbs",
            Reason::InvalidField,
            "put it into a Secret",
        );
        refused(
            "git:hunter2@git.example:nbs",
            Reason::SchemeNotAllowed,
            "`****@git.example:nbs`",
        );
        refused(
            "https://git.example/nbs?private_token=hunter2",
            Reason::InvalidField,
            "a query",
        );
        refused(
            "http://alice:hunter2@git.example/nbs",
            Reason::SchemeNotAllowed,
            "****",
        );
    }
}
