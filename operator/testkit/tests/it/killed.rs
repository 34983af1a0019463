//! A test that is killed leaves no process, mount, network, cgroup or file behind.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nbvet_operator_testkit::{Cluster, Tier, create, mortal, or_skip, spawn};

use crate::LIMIT;

const TOLD: &str = "NBVET_TEST_IS_KILLED";

/// A pod that would run for long.
const SLEEPS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: sleeps}
spec:
  restartPolicy: Never
  dnsPolicy: Default
  containers: [{name: only, image: 'localhost/busybox:1', imagePullPolicy: Never, command: [sleep, '3599']}]
";

/// Run by the other tests in a process of its own; does nothing otherwise.
#[tokio::test]
async fn child_that_is_killed() {
    let tier = match std::env::var(TOLD).as_deref() {
        Ok("controllers") => Tier::Controllers,
        Ok("node") => Tier::Node,
        _ => return,
    };
    let Some(cluster) = or_skip(Cluster::start(tier).await) else {
        return;
    };
    if tier == Tier::Node {
        let admin = cluster.admin().await.unwrap();
        create(&admin, "default", SLEEPS).await.unwrap();
        let pods = kube::Api::<k8s_openapi::api::core::v1::Pod>::namespaced(admin, "default");
        let runs = |pod: &k8s_openapi::api::core::v1::Pod| {
            pod.status
                .as_ref()
                .is_some_and(|status| status.phase.as_deref() == Some("Running"))
        };
        nbvet_operator_testkit::wait_for(&pods, "sleeps", LIMIT, runs)
            .await
            .unwrap();
    }
    let log = cluster.logs().parent().unwrap().join("keeper.log");
    let mut program = mortal("tail");
    program.arg("--follow").arg(log);
    let mut follower = spawn(program).unwrap();
    println!("\nlives in {}", cluster.logs().parent().unwrap().display());
    sleep(Duration::from_mins(10));
    // It ends with this process, which is killed before it comes here.
    follower.wait().unwrap();
}

/// What of a cluster is on the machine.
fn left(folder: &Path, namespaces: &BTreeSet<PathBuf>, cgroup: &str) -> Vec<String> {
    let mut found = Vec::new();
    if folder.exists() {
        found.push(folder.display().to_string());
    }
    for process in processes() {
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let lives = fs::read_link(process.join("ns/pid")).is_ok_and(|space| namespaces.contains(&space));
        // Processes of pods have namespaces of their own.
        let groups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
        let lives = lives || groups.lines().any(|group| group.contains(&format!("/{cgroup}/")));
        if lives || command.contains(&*folder.to_string_lossy()) {
            found.push(format!("{}: {command}", process.display()));
        }
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let ours = mounts
        .lines()
        .filter(|mount| mount.contains(&*folder.to_string_lossy()));
    found.extend(ours.map(str::to_owned));
    let groups = fs::read_dir("/sys/fs/cgroup")
        .unwrap()
        .map(|entry| entry.unwrap().path().join(cgroup));
    found.extend(
        groups
            .filter(|group| group.exists())
            .map(|group| group.display().to_string()),
    );
    found
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let all = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()));
    all.filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().parse::<u32>().is_ok())
    })
}

fn check(tier: &str) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed::child_that_is_killed", "--exact", "--nocapture"])
        .env(TOLD, tier)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let told = |line: &String| line.starts_with("skipped: ") || line.starts_with("lives in ");
    let line = { lines }.find(told).unwrap();
    let Some(folder) = line.strip_prefix("lives in ") else {
        println!("{line}");
        child.wait().unwrap();
        return;
    };
    let folder = PathBuf::from(folder);
    let cgroup = format!("nbvet-{}-0", child.id());
    let own = fs::read_link("/proc/self/ns/pid").unwrap();
    let works = |path: &PathBuf| {
        let command = fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&*folder.to_string_lossy())
    };
    let spaces: BTreeSet<_> = processes()
        .filter(works)
        .filter_map(|process| fs::read_link(process.join("ns/pid")).ok())
        .filter(|space| *space != own)
        .collect();
    assert_eq!(
        spaces.len(),
        usize::from(tier == "node"),
        "a node has process ids of its own"
    );
    let before = left(&folder, &spaces, &cgroup);
    assert!(before.len() > 3, "{before:#?}");
    let is_program = |line: &String| line.contains("tail --follow");
    assert!(before.iter().any(is_program), "{before:#?}");
    let in_pod = |line: &String| line.trim_end().ends_with(": sleep 3599");
    assert_eq!(before.iter().any(in_pod), tier == "node", "{before:#?}");

    child.kill().unwrap();
    child.wait().unwrap();
    let begin = Instant::now();
    loop {
        let after = left(&folder, &spaces, &cgroup);
        if after.is_empty() {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "{after:#?}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_killed_test_leaves_nothing_of_its_controllers() {
    check("controllers");
}

#[test]
fn a_killed_test_leaves_nothing_of_its_node() {
    check("node");
}
