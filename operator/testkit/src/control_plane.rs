//! What etcd and the programs of Kubernetes are told when they start. What the flags are for is said where it is not
//! what their names say.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Error, Result,
    certificates::{Authority, service_account_key},
    kubeconfig,
};

/// Services of every cluster are given addresses here; the first is the API server's own.
const SERVICES: &str = "10.96.0.0/16";

/// The controllers that a test can see the work of: all others only cost time.
const CONTROLLERS: [&str; 14] = [
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "ttl-after-finished-controller",
];

/// Who the programs are to the API server: file, user, group.
const USERS: [(&str, &str, Option<&str>); 3] = [
    ("admin", "nbvet-test-admin", Some("system:masters")),
    ("controllers", "system:kube-controller-manager", None),
    ("scheduler", "system:kube-scheduler", None),
];

/// One line a request, or two for a watch: when it begins and when it ends.
const AUDIT: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";

/// Where a cluster's servers listen, as its own programs reach them.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    /// Of the API server.
    pub(crate) host: &'static str,
    /// Of the API server.
    pub(crate) port: u16,
    /// Of etcd, for clients.
    pub(crate) etcd: u16,
    /// Of etcd, for other members; there are none.
    pub(crate) peers: u16,
}

impl Endpoints {
    /// The API server's URL.
    pub(crate) fn url(&self) -> String {
        format!("https://{}:{}", self.host, self.port)
    }
}

/// The files of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// Certificates, keys and configuration.
    pub(crate) config: PathBuf,
    /// One log a program, and `audit.log`.
    pub(crate) logs: PathBuf,
    /// Everything else; goes away in any case.
    pub(crate) work: PathBuf,
}

impl Files {
    /// Makes the folders.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        let [config, logs, work] = ["config", "logs", "work"].map(|name| folder.join(name));
        for folder in [&config, &logs, &work] {
            std::fs::create_dir(folder).map_err(Error::file(folder))?;
        }
        Ok(Self { config, logs, work })
    }

    /// Writes a file of the configuration.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.config.join(name);
        std::fs::write(&path, text).map_err(Error::file(&path))?;
        Ok(path)
    }

    /// Writes all certificates and what the programs read of who they are.
    pub(crate) fn write_identities(&self, authority: &Authority, at: &Endpoints) -> Result<()> {
        self.write("ca.crt", &authority.certificate)?;
        self.write("audit.yaml", AUDIT)?;
        service_account_key(&self.config)?;
        let names = [at.host, "127.0.0.1", "localhost", "kubernetes.default.svc"];
        authority.server(&names)?.write(&self.config, "api")?;
        for (file, user, group) in USERS {
            let identity = authority.user(user, group)?;
            identity.write(&self.config, file)?;
            let text = kubeconfig::text(&at.url(), &authority.certificate, &identity);
            self.write(&format!("{file}.kubeconfig"), &text)?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        self.config.join(name).display().to_string()
    }
}

/// Adds `--name=value` for each pair.
fn flags(command: &mut Command, pairs: &[(&str, &str)]) {
    command.args(pairs.iter().map(|(name, value)| format!("--{name}={value}")));
}

/// etcd that forgets nothing but writes nothing through: it lives as long as its cluster.
pub(crate) fn etcd(command: &mut Command, files: &Files, at: &Endpoints) {
    let client = format!("http://127.0.0.1:{}", at.etcd);
    let peer = format!("http://127.0.0.1:{}", at.peers);
    flags(
        command,
        &[
            ("data-dir", &files.work.join("etcd").display().to_string()),
            ("unsafe-no-fsync", "true"),
            ("listen-client-urls", &client),
            ("advertise-client-urls", &client),
            ("listen-peer-urls", &peer),
            ("initial-advertise-peer-urls", &peer),
            ("initial-cluster", &format!("default={peer}")),
            // The ports are held by the test.
            ("socket-reuse-port", "true"),
            ("log-level", "warn"),
        ],
    );
}

/// The API server, with every request in `audit.log`.
pub(crate) fn api_server(command: &mut Command, files: &Files, at: &Endpoints, accounts: bool) {
    let path = |name| files.path(name);
    flags(
        command,
        &[
            ("etcd-servers", &format!("http://127.0.0.1:{}", at.etcd)),
            ("bind-address", at.host),
            ("advertise-address", at.host),
            ("secure-port", &at.port.to_string()),
            ("permit-port-sharing", "true"),
            // It writes the Service `kubernetes` to no node's address.
            ("endpoint-reconciler-type", "none"),
            ("service-cluster-ip-range", SERVICES),
            ("allow-privileged", "true"),
            ("authorization-mode", "Node,RBAC"),
            ("client-ca-file", &path("ca.crt")),
            ("tls-cert-file", &path("api.crt")),
            ("tls-private-key-file", &path("api.key")),
            ("service-account-issuer", "https://kubernetes.default.svc"),
            ("service-account-key-file", &path("sa.pub")),
            ("service-account-signing-key-file", &path("sa.key")),
            ("kubelet-client-certificate", &path("admin.crt")),
            ("kubelet-client-key", &path("admin.key")),
            ("kubelet-certificate-authority", &path("ca.crt")),
            ("kubelet-preferred-address-types", "InternalIP"),
            ("audit-policy-file", &path("audit.yaml")),
            (
                "audit-log-path",
                &files.logs.join("audit.log").display().to_string(),
            ),
        ],
    );
    if !accounts {
        // Nobody makes the account that every pod would need.
        flags(command, &[("disable-admission-plugins", "ServiceAccount")]);
    }
}

/// The controllers. Their own port is shut.
pub(crate) fn controllers(command: &mut Command, files: &Files) {
    client(command, &files.path("controllers.kubeconfig"));
    flags(
        command,
        &[
            ("use-service-account-credentials", "true"),
            ("root-ca-file", &files.path("ca.crt")),
            ("service-account-private-key-file", &files.path("sa.key")),
            ("controllers", &CONTROLLERS.join(",")),
            ("kube-api-qps", "500"),
            ("kube-api-burst", "1000"),
        ],
    );
}

/// The scheduler.
pub(crate) fn scheduler(command: &mut Command, files: &Files) {
    client(command, &files.path("scheduler.kubeconfig"));
}

fn client(command: &mut Command, kubeconfig: &str) {
    let names = [
        "kubeconfig",
        "authentication-kubeconfig",
        "authorization-kubeconfig",
    ];
    flags(command, &names.map(|name| (name, kubeconfig)));
    flags(command, &[("leader-elect", "false"), ("secure-port", "0")]);
}
