//! The options of the program, and what decisions are told of them.

use std::net::{IpAddr, SocketAddr};

use clap::Parser;
use nbvet_operator_decide::{Config, Egress};

/// Validates notebooks in a cluster: follows `NotebookValidationJob`s and does what they ask for.
#[derive(Debug, Clone, Parser)]
#[command(name = "nbvet-operator", version)]
pub struct Options {
    /// A namespace to work in; may be given several times. None: all of them
    #[arg(long = "watch-namespace", value_name = "NAMESPACE")]
    pub watch_namespaces: Vec<String>,
    /// The image of all trusted containers, by digest: registry/nbvet@sha256:…
    #[arg(long, value_name = "IMAGE", env = "NBVET_IMAGE")]
    pub image: String,
    /// The registry that images are built into where a job names none
    #[arg(long, value_name = "HOST")]
    pub registry: Option<String>,
    /// The image to start from where a job names none
    #[arg(long, value_name = "IMAGE")]
    pub base_image: Option<String>,
    /// Fetch sources from addresses that are not encrypted, too
    #[arg(long)]
    pub allow_insecure_sources: bool,
    /// A registry to speak to without encryption; may be given several times
    #[arg(long = "insecure-registry", value_name = "HOST")]
    pub insecure_registries: Vec<String>,
    /// A package index for jobs that name none; may be given several times
    #[arg(long = "package-index", value_name = "URL")]
    pub package_indexes: Vec<String>,
    /// A ConfigMap of each job's namespace whose key ca.crt has authorities to trust besides the system's
    #[arg(long, value_name = "NAME")]
    pub ca_config_map: Option<String>,
    /// Builds that may run in a namespace at once; none: any number
    #[arg(long, value_name = "N")]
    pub builds_per_namespace: Option<u32>,
    /// Validations that may run in a namespace at once; none: any number
    #[arg(long, value_name = "N")]
    pub validations_per_namespace: Option<u32>,
    /// Give pods users of their own on the node (`hostUsers: false`); nodes have to support user namespaces
    #[arg(long)]
    pub user_namespaces: bool,
    /// The runtime class of notebooks' pods where a job names none: gVisor, Kata
    #[arg(long, value_name = "NAME")]
    pub runtime_class: Option<String>,
    /// Addresses that pods may reach, as 10.0.0.0/8 or 192.0.2.7/32:443; may be given several times. With it every pod gets
    /// a network policy that lets it reach these and DNS alone, and nothing reach it
    #[arg(long = "egress", value_name = "CIDR[:PORT]", value_parser = egress)]
    pub egress: Vec<Egress>,
    /// Jobs that are looked at at the same time, in each watched namespace
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub max_concurrent_reconciles: u16,
    /// Where /livez, /readyz and /metrics are served
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8081")]
    pub health_address: SocketAddr,
    /// Work only while holding a lease of this name; give it whenever there is more than one replica
    #[arg(long, value_name = "NAME")]
    pub leader_election: Option<String>,
    /// The namespace of the lease
    #[arg(
        long,
        value_name = "NAMESPACE",
        env = "POD_NAMESPACE",
        default_value = "default"
    )]
    pub lease_namespace: String,
    /// Who this is in the lease and in events; the pod's name
    #[arg(long, value_name = "NAME", env = "HOSTNAME", default_value = "nbvet-operator")]
    pub identity: String,
    /// Write logs as JSON
    #[arg(long)]
    pub log_json: bool,
}

impl Options {
    /// What decisions depend on.
    pub fn config(&self) -> Config {
        Config {
            trusted_image: self.image.clone(),
            registry: self.registry.clone(),
            base_image: self.base_image.clone(),
            allow_insecure_sources: self.allow_insecure_sources,
            insecure_registries: self.insecure_registries.clone(),
            package_indexes: self.package_indexes.clone(),
            ca_config_map: self.ca_config_map.clone(),
            builds_per_namespace: self.builds_per_namespace,
            validations_per_namespace: self.validations_per_namespace,
            user_namespaces: self.user_namespaces,
            runtime_class: self.runtime_class.clone(),
            egress: self.egress.clone(),
            ..Config::default()
        }
    }

    /// The namespaces to work in; `None` stands for all.
    pub(crate) fn namespaces(&self) -> Vec<Option<String>> {
        if self.watch_namespaces.is_empty() {
            return vec![None];
        }
        let mut named = self.watch_namespaces.clone();
        named.sort();
        named.dedup();
        named.into_iter().map(Some).collect()
    }
}

/// Reads addresses, and a port behind them.
fn egress(text: &str) -> Result<Egress, String> {
    let wrong = || format!("\"{text}\" is no range of addresses; write 10.0.0.0/8 or 192.0.2.7/32:443");
    let (address, rest) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let (length, port) = match rest.split_once(':') {
        Some((length, port)) => (length, Some(port.parse().map_err(|_| wrong())?)),
        None => (rest, None),
    };
    let length: u8 = length.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    if length > most || port == Some(0) {
        return Err(wrong());
    }
    Ok(Egress {
        cidr: format!("{address}/{length}"),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_pods_may_reach_are_ranges_with_or_without_a_port() {
        let read = |text| egress(text).map(|read| (read.cidr, read.port)).ok();
        let is = |cidr: &str, port| Some((cidr.to_owned(), port));
        assert_eq!(read("10.0.0.0/8"), is("10.0.0.0/8", None));
        assert_eq!(read("192.0.2.7/32:443"), is("192.0.2.7/32", Some(443)));
        assert_eq!(read("2001:db8::/32:443"), is("2001:db8::/32", Some(443)));
        for wrong in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "a/8",
            "10.0.0.0/8:0",
            "10.0.0.0/8:x",
            "10.0.0.0/8:70000",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
