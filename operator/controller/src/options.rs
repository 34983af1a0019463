//! The options of the program, and what decisions are told of them.

use std::net::SocketAddr;

use clap::Parser;
use nbvet_operator_decide::Config;

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
