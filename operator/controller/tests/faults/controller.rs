//! A controller in this process, in a runtime of its own: killed, nothing of it goes on.

use std::{
    fs,
    io::Read as _,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use clap::Parser as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use nbvet_operator::{Error, Means, Options, run_with};
use nbvet_operator_decide::{Observed, Plan, decide};
use nbvet_operator_testkit::{mortal, spawn};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::{ground::IMAGE, stage::LIMIT};

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
    /// In what time its story has to end.
    pub(crate) limit: Duration,
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
            limit: LIMIT,
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
        Command::new("faketime").arg("--version").output().ok()?;
        let mut program = mortal("faketime");
        // It stays as the program's parent.
        program
            .args([
                "--exclude-monotonic",
                "-f",
                skew,
                "setpriv",
                "--pdeathsig",
                "KILL",
            ])
            .arg(env!("CARGO_BIN_EXE_nbvet-operator"))
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
            .stderr(Stdio::null());
        Some(Self {
            child: spawn(program).ok()?,
            _folder: folder,
        })
    }
}

impl Drop for Skewed {
    fn drop(&mut self) {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let program = children.split_whitespace().next().and_then(|id| id.parse().ok());
        // faketime takes its shared memory away after the end of the program.
        let is_killed = program
            .and_then(Pid::from_raw)
            .is_some_and(|program| kill_process(program, Signal::KILL).is_ok());
        if !is_killed {
            // One that has ended cannot be killed.
            let _ = self.child.kill();
        }
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

/// One that is connected to an API server, which never answers.
fn connected() -> Option<(Skewed, TcpStream)> {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let kubeconfig = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}],
  clusters: [{{name: c, cluster: {{server: 'http://{}'}}}}], users: [{{name: u, user: {{token: t}}}}]}}",
        server.local_addr().unwrap()
    );
    let Some(process) = Skewed::start(&kubeconfig, "default", "+1h") else {
        println!("skipped: no faketime");
        return None;
    };
    let (stream, _) = server.accept().unwrap();
    // Less than a controller waits for an answer.
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Some((process, stream))
}

/// Whether the process at the other end is gone.
fn ends(mut stream: TcpStream) -> bool {
    stream.read_to_end(&mut Vec::new()).is_ok()
}

#[test]
fn a_controller_whose_clock_is_wrong_ends_with_its_value() {
    let Some((process, stream)) = connected() else {
        return;
    };
    drop(process);
    assert!(ends(stream));
}

#[test]
fn a_controller_whose_clock_is_wrong_ends_with_faketime_which_a_killed_test_takes_along() {
    let Some((mut process, stream)) = connected() else {
        return;
    };
    process.child.kill().unwrap();
    assert!(ends(stream));
}
