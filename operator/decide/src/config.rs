//! How an operator is set up: the values of its flags that decisions depend on.

use k8s_openapi::jiff::SignedDuration;

/// The flags of the controller that decisions depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The image of every trusted container, by digest.
    pub trusted_image: String,
    /// The registry that images are built into where a job names none: `--registry`.
    pub registry: Option<String>,
    /// The image to start from where a job names none: `--base-image`.
    pub base_image: Option<String>,
    /// Addresses that are not encrypted are fetched all the same: `--allow-insecure-sources`.
    pub allow_insecure_sources: bool,
    /// Registries that are spoken to without encryption.
    pub insecure_registries: Vec<String>,
    /// Package indexes where a job names none; none: what the trusted image is set up for.
    pub package_indexes: Vec<String>,
    /// A `ConfigMap` with a key `ca.crt`, in each namespace: authorities to trust besides the system's.
    pub ca_config_map: Option<String>,
    /// Builds that may run in one namespace at once; `None`: any number.
    pub builds_per_namespace: Option<u32>,
    /// Validations that may run in one namespace at once; `None`: any number.
    pub validations_per_namespace: Option<u32>,
    /// Pods get users of their own on the node, none of whom is one of the node's: `hostUsers: false`.
    pub user_namespaces: bool,
    /// The `RuntimeClass` of notebooks' pods where a job names none.
    pub runtime_class: Option<String>,
    /// What pods may reach besides names; none: whatever the cluster lets them.
    pub egress: Vec<Egress>,
    /// Labels that are passed on from a job to its pods, for queues: `kueue.x-k8s.io/queue-name`.
    pub passed_labels: Vec<String>,
    /// How long a node may try to pull, mount or set up before the try counts as failed.
    pub patience: SignedDuration,
}

/// Addresses that pods may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    /// As `10.0.0.0/8`.
    pub cidr: String,
    /// One port of TCP; `None`: all ports.
    pub port: Option<u16>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            trusted_image: "nbvet".to_owned(),
            registry: None,
            base_image: None,
            allow_insecure_sources: false,
            insecure_registries: Vec::new(),
            package_indexes: Vec::new(),
            ca_config_map: None,
            builds_per_namespace: None,
            validations_per_namespace: None,
            user_namespaces: false,
            runtime_class: None,
            egress: Vec::new(),
            passed_labels: vec!["kueue.x-k8s.io/queue-name".to_owned()],
            patience: SignedDuration::from_mins(5),
        }
    }
}
