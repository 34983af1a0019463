//! A controller in this process, in a runtime of its own: killed, nothing of it goes on.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
};

use clap::Parser as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use nbvet_operator::{Error, Means, Options, run_with};
use nbvet_operator_decide::{Observed, Plan, decide};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::ground::IMAGE;

/// How a controller is started.
#[derive(Clone)]
pub(crate) struct Setup {
    /// The namespace that it works in; none: all.
    pub(crate) namespace: Option<String>,
    pub(crate) decide: fn(&Observed) -> Plan,
    /// Seconds in which a watch has to tell something.
    pub(crate) watch: u32,
    /// The lease that it works under.
    pub(crate) lease: Option<String>,
    pub(crate) name: String,
    /// The trusted image.
    pub(crate) image: String,
}

impl Setup {
    pub(crate) fn in_namespace(namespace: &str) -> Self {
        Self {
            namespace: Some(namespace.to_owned()),
            decide,
            watch: 290,
            lease: None,
            name: "controller".to_owned(),
            image: IMAGE.to_owned(),
        }
    }

    fn options(&self) -> Options {
        let mut arguments = vec![
            "nbvet-operator",
            "--image",
            &self.image,
            "--registry",
            "registry.test",
        ];
        arguments.extend(["--health-address", "127.0.0.1:0", "--identity", &self.name]);
        if let Some(namespace) = &self.namespace {
            arguments.extend(["--watch-namespace", namespace]);
        }
        if let Some(lease) = &self.lease {
            arguments.extend(["--leader-election", lease, "--lease-namespace", "default"]);
        }
        Options::parse_from(arguments)
    }
}

/// How a controller has to stop.
enum Stop {
    Killed,
    Ended,
}

/// A controller that runs; killed with the value.
pub(crate) struct Controller {
    stop: Option<oneshot::Sender<Stop>>,
    ended: oneshot::Receiver<Result<(), Error>>,
}

impl Controller {
    /// Starts one that reaches the cluster through a kubeconfig's text.
    pub(crate) fn start(kubeconfig: &str, setup: &Setup) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, ended) = oneshot::channel();
        let (kubeconfig, setup) = (Kubeconfig::from_yaml(kubeconfig).unwrap(), setup.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            if let Some(result) = runtime.block_on(live(kubeconfig, setup, stopped)) {
                // Who does not wait for it does not want to know.
                let _ = tell.send(result);
            }
        });
        Self {
            stop: Some(stop),
            ended,
        }
    }

    /// Kills it, as a node that fails: what it has sent is under way, and nothing follows.
    pub(crate) fn kill(mut self) {
        self.tell(Stop::Killed);
    }

    /// Tells it to end as SIGTERM does, and waits.
    pub(crate) async fn end(mut self) -> Result<(), Error> {
        self.tell(Stop::Ended);
        self.wait().await
    }

    /// Waits until it has ended by itself or as it was told.
    pub(crate) async fn wait(&mut self) -> Result<(), Error> {
        (&mut self.ended).await.unwrap()
    }

    /// How it ended, where it has.
    pub(crate) fn has_ended(&mut self) -> Option<Result<(), Error>> {
        self.ended.try_recv().ok()
    }

    fn tell(&mut self, how: Stop) {
        if let Some(stop) = self.stop.take() {
            // One that has ended cannot be told.
            let _ = stop.send(how);
        }
    }
}

/// A controller that is a process of its own, whose clock is wrong; killed with the value.
pub(crate) struct Skewed {
    child: Child,
    _folder: TempDir,
}

impl Skewed {
    /// Starts one; `None`: there is no `faketime` here.
    pub(crate) fn start(kubeconfig: &str, namespace: &str, skew: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("kubeconfig");
        fs::write(&config, kubeconfig).unwrap();
        let child = Command::new("faketime")
            .args([
                "--exclude-monotonic",
                "-f",
                skew,
                env!("CARGO_BIN_EXE_nbvet-operator"),
            ])
            .args([
                "--image",
                IMAGE,
                "--registry",
                "registry.test",
                "--watch-namespace",
                namespace,
            ])
            .args(["--health-address", "127.0.0.1:0", "--identity", "skewed"])
            .env("KUBECONFIG", config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self {
            child,
            _folder: folder,
        })
    }
}

impl Drop for Skewed {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// None: it was killed.
async fn live(
    kubeconfig: Kubeconfig,
    setup: Setup,
    stopped: oneshot::Receiver<Stop>,
) -> Option<Result<(), Error>> {
    let how = KubeConfigOptions::default();
    let cluster = kube::Config::from_custom_kubeconfig(kubeconfig, &how);
    let means = Means {
        decide: setup.decide,
        watch: setup.watch,
        ..Means::of(cluster.await.unwrap())
    };
    let (end, ends) = oneshot::channel::<()>();
    let ends = async move {
        let _ = ends.await;
    };
    let mut run = Box::pin(run_with(setup.options(), means, ends));
    tokio::select! {
        result = &mut run => return Some(result),
        stop = stopped => match stop {
            Ok(Stop::Ended) => drop(end.send(())),
            // Killed, or nobody is left who would tell.
            Ok(Stop::Killed) | Err(_) => return None,
        },
    }
    Some(run.await)
}
