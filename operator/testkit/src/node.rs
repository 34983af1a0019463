//! A node in namespaces of its own: container runtime, kubelet, images, and a registry that both reach. Everything of it
//! ends with the first process of those namespaces.

use std::{
    ffi::OsStr,
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::{Api, Client};
use nbvet_testkit::{Registry, RegistryOptions};
use serde_json::json;

use crate::{
    Error, Image, Result,
    certificates::Authority,
    cluster::{LOOK, START},
    control_plane::{Endpoints, Files},
    forward::Forwarder,
    keeper::{Keeper, script},
    kubeconfig,
    place::Namespaces,
    process::{Service, tail},
    programs,
};

/// The node's name.
pub const NODE: &str = "node-1";
/// How pods and the node reach the registry.
pub const REGISTRY: &str = "10.96.0.1:5000";

/// The node's address, which pods reach. The first of services: the API server listens on it itself, so that no rule of a
/// packet filter is needed.
pub const ADDRESS: &str = "10.96.0.1";
const RUNTIME: &str = "/run/containerd/containerd.sock";
const CNI: &str = "/usr/lib/cni";

/// Where servers listen in a node's namespaces, which nobody else's ports are in.
pub(crate) const ENDPOINTS: Endpoints = Endpoints {
    host: ADDRESS,
    port: 443,
    etcd: 2379,
    peers: 2380,
};

/// A node and what carries connections into its network and out of it.
#[derive(Debug)]
pub(crate) struct Node {
    kubelet: Option<Service>,
    runtime: Service,
    api: Forwarder,
    _to_registry: Forwarder,
    registry: Registry,
    cgroup: String,
}

/// Whether a node can be made on this machine.
pub(crate) fn check() -> Result<()> {
    let missing = |why: &str| Error::Missing {
        what: "a node".to_owned(),
        why: why.to_owned(),
    };
    let packages = [
        ("unshare", "util-linux"),
        ("nsenter", "util-linux"),
        ("ip", "iproute2"),
        ("containerd", "containerd"),
        ("ctr", "containerd"),
        ("runc", "runc"),
        ("busybox", "busybox-static"),
        ("docker-registry", "docker-registry"),
    ];
    for (program, package) in packages {
        programs::installed(program, package)?;
    }
    programs::find("kubelet")?;
    if !Path::new(CNI).join("bridge").exists() {
        return Err(missing(
            "no CNI plugins; Debian's package `containernetworking-plugins` has them",
        ));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(missing("needs root, for namespaces with devices and mounts"));
    }
    if !Path::new("/sys/fs/cgroup/cpuset/cpuset.cpus").exists() {
        return Err(missing(
            "needs cgroups of version 1, which is what it was tried with",
        ));
    }
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "true"]);
    let output = command.output().map_err(Error::file("unshare"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(missing(&String::from_utf8_lossy(&output.stderr)))
}

/// The command that makes the namespaces and stays their first process.
pub(crate) fn first_process(folder: &Path, cgroup: &str) -> Vec<String> {
    let apart = [
        "unshare",
        "--net",
        "--mount",
        "--pid",
        "--uts",
        "--ipc",
        "--fork",
        "--kill-child=KILL",
    ];
    let (init, work) = (script("init.sh"), folder.join("work"));
    let mut command: Vec<_> = apart.iter().map(|&word| word.to_owned()).collect();
    command.push(init.display().to_string());
    command.push(work.display().to_string());
    command.extend([NODE, cgroup, ADDRESS].map(str::to_owned));
    command
}

/// Waits until the first process has made everything ready.
pub(crate) fn namespaces(keeper: &Keeper, files: &Files) -> Result<Namespaces> {
    let begin = Instant::now();
    let told = files.work.join("init");
    loop {
        if let Ok(text) = fs::read_to_string(&told) {
            return Namespaces::of(text.trim().parse().map_err(Error::other)?);
        }
        if begin.elapsed() > Duration::from_secs(20) {
            keeper.keep();
            return Err(Error::Start {
                program: "the node's first process".to_owned(),
                problem: "was not ready within 20 s".to_owned(),
                logs: keeper.folder().to_owned(),
                tail: tail(&keeper.folder().join("keeper.log")),
            });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Node {
    /// Starts the container runtime and the ways in and out, which need no API server.
    pub(crate) fn prepare(
        inside: &Namespaces,
        files: &Files,
        authority: &Authority,
        cgroup: &str,
    ) -> Result<Self> {
        let outside = TcpListener::bind("127.0.0.1:0").map_err(Error::other)?;
        let network = inside.try_clone()?;
        let api = Forwarder::start(outside, move || {
            network.in_network(|| TcpStream::connect((ADDRESS, ENDPOINTS.port)))
        })?;
        let registry = Registry::start(RegistryOptions::default()).map_err(from_kit)?;
        let listener = inside.in_network(|| TcpListener::bind(REGISTRY));
        let goal = registry.host();
        let to_registry =
            Forwarder::start(listener.map_err(Error::other)?, move || TcpStream::connect(&goal))?;
        write_configuration(files, authority, cgroup)?;
        let mut containerd = inside.command("containerd");
        containerd
            .arg("--config")
            .arg(files.config.join("containerd.toml"));
        let containerd = Service::start("containerd", containerd, &files.logs)?;
        Ok(Self {
            kubelet: None,
            runtime: containerd,
            api,
            _to_registry: to_registry,
            registry,
            cgroup: cgroup.to_owned(),
        })
    }

    /// The API server's URL from outside.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.api.address)
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Imports the images that every pod needs, starts the kubelet and waits until the node is ready.
    pub(crate) async fn start(&mut self, inside: &Namespaces, files: &Files, admin: &Client) -> Result<()> {
        self.runtime_answers(inside).await?;
        for image in [Image::pause()?, Image::busybox()?] {
            import(inside, files, &image)?;
        }
        self.start_kubelet(inside, files, admin).await
    }

    /// Starts the kubelet and waits until the node is ready.
    pub(crate) async fn start_kubelet(
        &mut self,
        inside: &Namespaces,
        files: &Files,
        admin: &Client,
    ) -> Result<()> {
        self.stop_kubelet();
        let mut kubelet = inside.command(programs::find("kubelet")?);
        kubelet.arg("--config").arg(files.config.join("kubelet.json"));
        kubelet
            .arg("--kubeconfig")
            .arg(files.config.join("node.kubeconfig"));
        kubelet.args(["--root-dir=/run/kubelet", "--cert-dir=/run/kubelet/pki"]);
        kubelet.arg(format!("--hostname-override={NODE}"));
        kubelet.arg(format!("--node-ip={ADDRESS}"));
        self.kubelet = Some(Service::start("kubelet", kubelet, &files.logs)?);
        self.is_ready(admin).await
    }

    /// Kills the kubelet, and nothing that it has started.
    pub(crate) fn stop_kubelet(&mut self) {
        self.kubelet = None;
    }

    async fn runtime_answers(&self, inside: &Namespaces) -> Result<()> {
        let begin = Instant::now();
        while let Err(error) = inside.run("ctr", &["--address", RUNTIME, "version"].map(OsStr::new)) {
            self.runtime.check()?;
            if begin.elapsed() > START {
                return Err(self
                    .runtime
                    .failed(format!("did not answer within {START:?}: {error}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn is_ready(&self, admin: &Client) -> Result<()> {
        let nodes = Api::<NodeObject>::all(admin.clone());
        let begin = Instant::now();
        loop {
            let node = nodes.get_opt(NODE).await.map_err(Error::api("the node"))?;
            let conditions = node.and_then(|node| node.status?.conditions).unwrap_or_default();
            if conditions
                .iter()
                .any(|one| one.type_ == "Ready" && one.status == "True")
            {
                return Ok(());
            }
            self.runtime.check()?;
            self.kubelet.iter().try_for_each(Service::check)?;
            if begin.elapsed() > START {
                let last = self.kubelet.as_ref().unwrap_or(&self.runtime);
                return Err(last.failed(format!("was not Ready within {START:?} ({})", self.cgroup)));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Gives an image to the container runtime.
pub(crate) fn import(inside: &Namespaces, files: &Files, image: &Image) -> Result<()> {
    let archive = files.work.join("image.tar");
    image.write(&archive)?;
    let arguments = ["--address", RUNTIME, "--namespace", "k8s.io", "images", "import"].map(OsStr::new);
    inside.run("ctr", &[&arguments[..], &[archive.as_os_str()]].concat())?;
    fs::remove_file(&archive).map_err(Error::file(&archive))
}

pub(crate) fn from_kit(error: nbvet_testkit::Error) -> Error {
    match error {
        nbvet_testkit::Error::Missing { what, why } => Error::Missing { what, why },
        error => Error::other(error),
    }
}

fn write_configuration(files: &Files, authority: &Authority, cgroup: &str) -> Result<()> {
    let identity = authority.user(&format!("system:node:{NODE}"), Some("system:nodes"))?;
    let text = kubeconfig::text(&ENDPOINTS.url(), &authority.certificate, &identity);
    files.write("node.kubeconfig", &text)?;
    authority
        .server(&[ADDRESS, NODE])?
        .write(&files.config, "kubelet")?;
    files.write("kubelet.json", &kubelet(files, cgroup))?;
    files.write("containerd.toml", &containerd(files)?)?;
    folder_with(&files.config.join("cni"), "10-bridge.conflist", &bridge())?;
    without_encryption(files, REGISTRY)
}

/// The node speaks to this registry without encryption.
pub(crate) fn without_encryption(files: &Files, host: &str) -> Result<()> {
    let hosts = format!(
        "server = \"http://{host}\"\n[host.\"http://{host}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
    );
    folder_with(&files.config.join("registries").join(host), "hosts.toml", &hosts)
}

fn folder_with(folder: &Path, name: &str, text: &str) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let path: PathBuf = folder.join(name);
    fs::write(&path, text).map_err(Error::file(&path))
}

fn kubelet(files: &Files, cgroup: &str) -> String {
    let path = |name: &str| files.config.join(name);
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": path("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": path("kubelet.crt"),
        "tlsPrivateKeyFile": path("kubelet.key"),
        "containerRuntimeEndpoint": format!("unix://{RUNTIME}"),
        "failCgroupV1": false,
        "failSwapOn": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{cgroup}"),
        "enforceNodeAllocatable": ["pods"],
        "oomScoreAdj": 0,
        "podLogsDir": "/run/pods",
        "volumePluginDir": "/run/kubelet/plugins-of-volumes",
        // Images come once and stay.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        // Else an imported image is pulled again once another of the same digest was.
        "imagePullCredentialsVerificationPolicy": "NeverVerify",
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "0%",
        },
        "resolvConf": "",
        // Nobody answers there; without it every pod is warned about at each look, until its events are dropped.
        "clusterDNS": [ADDRESS],
        "makeIPTablesUtilChains": false,
        "syncFrequency": "1s",
        "nodeStatusUpdateFrequency": "2s",
    })
    .to_string()
}

fn bridge() -> String {
    let ranges = json!([[{"subnet": "10.244.0.0/24"}]]);
    json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "ipMasq": false,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": ranges,
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": "/run/cni-addresses",
                },
            },
            {"type": "loopback"},
        ],
    })
    .to_string()
}

fn containerd(files: &Files) -> Result<String> {
    let (config, work) = (files.config.display(), files.work.display());
    let runc = programs::installed("runc", "runc")?;
    let (runc, pause) = (runc.display(), Image::PAUSE);
    Ok(format!(
        r#"version = 2
root = "{work}/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "{RUNTIME}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{work}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  # Without the right to lower it every pod would fail.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI}"
    conf_dir = "{config}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        BinaryName = "{runc}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{config}/registries"
"#
    ))
}
