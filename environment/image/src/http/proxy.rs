//! Which requests go through a proxy: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl and Go read them.

use std::net::IpAddr;

use url::{Host, Url};

use super::{HttpError, Secret};

/// Proxies and who is reached without them.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    https: Option<Named>,
    http: Option<Named>,
    bypassed: Vec<String>,
}

/// A proxy and the variable that names it. The URL may hold a password.
#[derive(Debug, Clone)]
struct Named {
    variable: String,
    url: Secret,
}

impl Proxies {
    /// No proxy at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// What the environment says.
    pub fn from_environment() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    /// What variables say. Lower case wins, as it does in curl and Go.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            let lower = name.to_ascii_lowercase();
            [lower.as_str(), name].into_iter().find_map(|name| {
                let value = variable(name)?;
                let value = value.trim();
                (!value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
            })
        };
        let named = |name: &str| {
            let (variable, url) = value(name).or_else(|| value("ALL_PROXY"))?;
            Some(Named {
                variable,
                url: Secret::new(url),
            })
        };
        let bypassed = value("NO_PROXY").map(|(_, hosts)| hosts).unwrap_or_default();
        Self {
            https: named("HTTPS_PROXY"),
            http: named("HTTP_PROXY"),
            bypassed: bypassed
                .split([',', ' '])
                .filter(|entry| !entry.is_empty())
                .map(str::to_ascii_lowercase)
                .collect(),
        }
    }

    pub(super) fn for_https(&self) -> Result<Option<ureq::Proxy>, HttpError> {
        self.https.as_ref().map(Named::proxy).transpose()
    }

    pub(super) fn for_http(&self) -> Result<Option<ureq::Proxy>, HttpError> {
        self.http.as_ref().map(Named::proxy).transpose()
    }

    /// Whether `NO_PROXY` names the host of a URL.
    pub(super) fn is_bypassed(&self, url: &Url) -> bool {
        self.bypassed.iter().any(|entry| names(entry, url))
    }
}

impl Named {
    fn proxy(&self) -> Result<ureq::Proxy, HttpError> {
        let refused = |why: &str| HttpError::Proxy {
            variable: self.variable.clone(),
            why: why.to_owned(),
        };
        let url = self.url.reveal();
        let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return Err(refused("only http:// and https:// proxies are known"));
        }
        ureq::Proxy::new(url).map_err(|_| refused("its URL cannot be read (`http://host:port` is one)"))
    }
}

/// Whether one entry of `NO_PROXY` names a URL's host: `*`, a domain with all below it, `.domain` or `*.domain` for
/// what is below it alone, an address, a network (`10.0.0.0/8`); a port behind it must be the URL's.
fn names(entry: &str, url: &Url) -> bool {
    if entry == "*" {
        return true;
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    if let (Some(address), Some((network, length))) = (address, entry.split_once('/')) {
        return is_within(address, network, length);
    }
    let (entry, port) = with_port(entry);
    if port.is_some_and(|port| Some(port) != url.port_or_known_default()) {
        return false;
    }
    match (address, url.host_str()) {
        (Some(address), _) => entry.parse() == Ok(address),
        (None, Some(host)) => names_domain(entry, host),
        (None, None) => false,
    }
}

fn with_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((address, port)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, port.parse().ok()),
        _ => (entry, None),
    }
}

fn names_domain(entry: &str, host: &str) -> bool {
    let below = |domain: &str| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    };
    match entry.strip_prefix("*.").or_else(|| entry.strip_prefix('.')) {
        Some(domain) => below(domain),
        None => host == entry || below(entry),
    }
}

fn is_within(address: IpAddr, network: &str, length: &str) -> bool {
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    let (address, network, bits) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (u128::from(address.to_bits()), u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let Some(rest) = u32::checked_sub(bits, length) else {
        return false;
    };
    // A shift by all bits of the type is none.
    rest == 128 || address >> rest == network >> rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn no_proxy_names_domains_addresses_networks_and_ports() {
        for (entry, url, expected) in [
            ("*", "https://any", true),
            ("example.com", "https://example.com/x", true),
            ("example.com", "https://a.example.com", true),
            ("example.com", "https://badexample.com", false),
            (".example.com", "https://a.example.com", true),
            (".example.com", "https://example.com", false),
            ("*.example.com", "https://a.b.example.com", true),
            ("example.com:8443", "https://example.com:8443", true),
            ("example.com:8443", "https://example.com", false),
            ("example.com:443", "https://example.com", true),
            ("10.0.0.0/8", "https://10.1.2.3:5000", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("10.0.0.0/99", "https://10.1.2.3", false),
            ("0.0.0.0/0", "https://10.1.2.3", true),
            ("::/0", "https://[fd00::1]", true),
            ("fd00::/8", "https://[fd00::1]:5000", true),
            ("[fd00::1]:5000", "https://[fd00::1]:5000", true),
            ("fd00::1", "https://[fd00::1]", true),
            ("10.1.2.3", "https://10.1.2.3", true),
            ("10.1.2.30", "https://10.1.2.3", false),
            ("A.example, B.example", "https://b.example", true),
        ] {
            let proxies = proxies(&[("NO_PROXY", entry)]);
            assert_eq!(
                proxies.is_bypassed(&Url::parse(url).unwrap()),
                expected,
                "{entry} {url}"
            );
        }
    }

    #[test]
    fn lower_case_wins_and_all_proxy_stands_in() {
        let read = proxies(&[
            ("https_proxy", "http://a:1"),
            ("HTTPS_PROXY", "http://b:1"),
            ("ALL_PROXY", "http://c:1"),
        ]);
        assert_eq!(read.for_https().unwrap().unwrap().host(), "a");
        assert_eq!(read.for_http().unwrap().unwrap().host(), "c");
        assert!(proxies(&[("HTTPS_PROXY", " ")]).for_https().unwrap().is_none());
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_without_its_password() {
        let read = proxies(&[("ALL_PROXY", "socks5://me:hunter2@host:1")]);
        let error = read.for_https().unwrap_err().to_string();
        assert_eq!(
            error,
            "the proxy named by ALL_PROXY cannot be used: only http:// and https:// proxies are known"
        );
        assert!(!format!("{read:?}").contains("hunter2"));
    }
}
