//! The program itself, as a process that can be told to end and killed.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nbvet_operator_testkit::{Cluster, mortal, spawn};

use crate::ground::{IMAGE, LIMIT, USER};

/// A running controller; killed with the value.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts one as the user that has the shipped role and no other.
    pub(crate) fn start(cluster: &Cluster, folder: &Path, name: &str, options: &[&str]) -> Self {
        Self::start_through(&cluster.kubeconfig(USER, None).unwrap(), folder, name, options)
    }

    /// Starts one that reaches the cluster by a kubeconfig.
    pub(crate) fn start_through(kubeconfig: &Path, folder: &Path, name: &str, options: &[&str]) -> Self {
        let logs = "info,nbvet_operator=debug,kube_runtime=warn";
        Self::start_with(kubeconfig, folder, name, options, logs)
    }

    /// Starts one that logs as it does by default, to be measured.
    pub(crate) fn start_quiet(cluster: &Cluster, folder: &Path, name: &str) -> Self {
        let kubeconfig = cluster.kubeconfig(USER, None).unwrap();
        Self::start_with(&kubeconfig, folder, name, &[], "info,kube_runtime=warn")
    }

    fn start_with(kubeconfig: &Path, folder: &Path, name: &str, options: &[&str], logs: &str) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        let mut program = mortal(env!("CARGO_BIN_EXE_nbvet-operator"));
        program
            .args(["--image", IMAGE, "--registry", "registry.test"])
            .args(["--health-address", "127.0.0.1:0", "--identity", name])
            .args(options)
            .env("KUBECONFIG", kubeconfig)
            .env("NBVET_LOG", logs)
            .stderr(Stdio::from(file))
            .stdout(Stdio::null())
            .stdin(Stdio::null());
        let child = spawn(program).unwrap();
        Self { child, log }
    }

    /// The most memory that it had, in KiB.
    pub(crate) fn most_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Its time on processors so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        let ticks = rest.split(' ').skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// What a path of its health address answers: status and text.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let log = self.log();
        let at = log.split("at=").nth(1)?.split_whitespace().next()?.to_owned();
        let mut stream = TcpStream::connect(at).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: controller\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let (_, text) = answer.split_once("\r\n\r\n")?;
        Some((status, text.to_owned()))
    }

    /// Waits until `/readyz` answers this.
    pub(crate) fn is(&self, status: u16, begins: &str) {
        let begin = Instant::now();
        loop {
            let answer = self.get("/readyz");
            if answer
                .as_ref()
                .is_some_and(|(code, text)| *code == status && text.starts_with(begins))
            {
                return;
            }
            assert!(begin.elapsed() < LIMIT, "{answer:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Tells it to end as a kubelet does, and waits.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < LIMIT, "does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it, as a node that fails.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            println!("{}:\n{}", self.log.display(), self.log());
        }
    }
}
