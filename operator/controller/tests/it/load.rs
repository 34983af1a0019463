//! Many jobs at once, by the program and under its role, and what that costs: how long it lets each wait, what it asks and
//! writes, by the API server's own log, and the memory that it takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use k8s_openapi::{api::batch::v1::Job, jiff::Timestamp};
use kube::{ResourceExt, api::ListParams};
use nbvet_operator_api::Phase;
use nbvet_operator_decide::names;
use nbvet_operator_testkit::{Call, count};
use serde_json::json;

use crate::{
    ground::{Ground, LIMIT, USER},
    program::Program,
};

/// So many of the jobs need an image, all of them the same.
const BUILT: usize = 10;
/// Jobs that are created at the same time.
const CREATORS: usize = 16;
/// Where nothing is asked for so long, all has come to rest.
const REST: Duration = Duration::from_secs(5);

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) jobs: usize,
    /// Seconds from the first job's creation to the last one's end.
    pub(crate) seconds: f64,
    /// Of the machine, when the last one had ended: `/proc/loadavg`.
    pub(crate) load: String,
    /// How many ended in which phase.
    pub(crate) ends: BTreeMap<String, usize>,
    /// For each job without a build the seconds in which it waited for the controller, sorted.
    pub(crate) added: Vec<f64>,
    /// MiB at most.
    pub(crate) memory: u64,
    /// CPU seconds of the controller.
    pub(crate) cpu: f64,
    /// Writes of each job, events apart, sorted.
    pub(crate) writes: Vec<usize>,
    /// The writes of the job that has most of them, in their order.
    pub(crate) most: Vec<String>,
    /// Builds of the one identity.
    pub(crate) builds: usize,
    /// What was asked while nothing happened: no watches, no leases.
    pub(crate) idle: Vec<String>,
    /// Passes over jobs in that time.
    pub(crate) passes: u64,
    /// All requests by verb and resource, for a job.
    pub(crate) requests: BTreeMap<String, f64>,
    /// What was refused.
    pub(crate) refused: Vec<String>,
}

/// A share of sorted values, from the smallest.
pub(crate) fn quantile<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "places in a list"
    )]
    let place = ((sorted.len() as f64 * share).ceil() as usize).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

fn name(number: usize) -> String {
    if number < BUILT {
        format!("built-{number:05}")
    } else {
        format!("plain-{number:05}")
    }
}

/// Runs so many jobs: all created at once, or so many a second. Then looks for `idle` at what is asked of nothing.
pub(crate) async fn measure(jobs: usize, a_second: Option<f64>, idle: Duration) -> Option<Measured> {
    let ground = Ground::start().await?;
    ground.define().await;
    ground.namespace("team").await;
    let program = Program::start_quiet(&ground.cluster, ground.folder.path(), "load");
    program.is(200, "leader");
    let begin = Instant::now();
    create(&ground, jobs, a_second).await;
    let ends = ends(&ground, jobs).await;
    let seconds = begin.elapsed().as_secs_f64();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let before = rest(&ground).await;
    let passes_before = passes(&program);
    tokio::time::sleep(idle).await;
    let passes = passes(&program) - passes_before;
    let idle = asked(&ground).split_off(before);
    let calls = ground.cluster.audit();
    let builds = ground.children("team", "nbvet-build-").await;
    let most = most(&calls);
    let joined = joined(&ground, &builds).await;
    Some(Measured {
        jobs,
        seconds,
        load,
        ends,
        added: added(&calls),
        memory: program.most_memory() / 1024,
        cpu: program.cpu_seconds(),
        writes: writes(&calls, &joined),
        most,
        builds: builds.len(),
        idle,
        passes,
        requests: requests(&calls, jobs),
        refused: ground.refused(),
    })
}

/// Waits until nothing is asked and nobody writes any more: Kubernetes' own controllers may be behind. How much was asked
/// until then.
async fn rest(ground: &Ground) -> usize {
    let begin = Instant::now();
    let written = || {
        let calls = ground.cluster.audit();
        let written = calls
            .iter()
            .filter(|call| call.is_write() && call.resource != "leases");
        written.count()
    };
    let mut before = (asked(ground).len(), written());
    loop {
        tokio::time::sleep(REST).await;
        let after = (asked(ground).len(), written());
        if after == before {
            return after.0;
        }
        assert!(
            begin.elapsed() < LIMIT,
            "{:?}",
            asked(ground).split_at(before.0).1
        );
        before = after;
    }
}

/// How many passes there were.
fn passes(program: &Program) -> u64 {
    let metrics = program.get("/metrics").unwrap().1;
    let of = "notebook_validation_reconcile_duration_seconds_count ";
    let mut counts = metrics.lines().filter_map(|line| line.strip_prefix(of));
    counts.next().unwrap().parse().unwrap()
}

/// The jobs that joined a build; who began it comes first.
async fn joined(ground: &Ground, builds: &[Job]) -> Vec<String> {
    let annotations = builds.iter().flat_map(ResourceExt::annotations);
    let mut joined: Vec<_> = annotations
        .filter_map(|(name, value)| {
            let (_, at, _) = names::read_joined(value)?;
            Some((at, name.strip_prefix(names::JOINED)?))
        })
        .collect();
    joined.sort_unstable();
    let all = ground.jobs("team").list_metadata(&ListParams::default()).await;
    let names: BTreeMap<String, String> = all
        .unwrap()
        .iter()
        .map(|job| (job.uid().unwrap(), job.name_any()))
        .collect();
    joined.iter().map(|(_, uid)| names[*uid].clone()).collect()
}

async fn create(ground: &Ground, jobs: usize, a_second: Option<f64>) {
    let begin = Instant::now();
    let one = async |number: usize| {
        if let Some(rate) = a_second {
            #[expect(clippy::cast_precision_loss, reason = "a moment")]
            let due = Duration::from_secs_f64(number as f64 / rate);
            tokio::time::sleep(due.saturating_sub(begin.elapsed())).await;
        }
        let mut pod = json!({"containerImage": "python:3.12-slim"});
        if number < BUILT {
            pod["buildConfig"] = json!({"enabled": true});
        }
        ground.create("team", &name(number), &pod).await;
    };
    stream::iter(0..jobs).for_each_concurrent(CREATORS, one).await;
}

/// Waits for the end of all.
async fn ends(ground: &Ground, jobs: usize) -> BTreeMap<String, usize> {
    let begin = Instant::now();
    let limit = LIMIT.max(Duration::from_millis(500) * u32::try_from(jobs).unwrap());
    loop {
        let mut ends = BTreeMap::new();
        let of_phase = ["Succeeded", "Failed"].map(|phase| format!("status.phase={phase}"));
        for fields in of_phase {
            let how = ListParams::default().fields(&fields);
            let found = ground.jobs("team").list_metadata(&how).await.unwrap().items.len();
            ends.insert(fields.replace("status.phase=", ""), found);
        }
        if ends.values().sum::<usize>() >= jobs {
            return ends;
        }
        if begin.elapsed() > limit {
            let left = ground.jobs("team").list(&ListParams::default()).await.unwrap();
            let left = left.items.into_iter().filter(|job| {
                let phase = job.status.as_ref().and_then(|status| status.phase);
                !phase.is_some_and(Phase::is_terminal)
            });
            let left: Vec<_> = left.take(3).map(|job| (job.name_any(), job.status)).collect();
            assert!(left.is_empty(), "not all have ended: {ends:?}, as {left:#?}");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// What the controller asked for, watches and leases left out.
fn asked(ground: &Ground) -> Vec<String> {
    let calls = ground.cluster.audit();
    let calls = calls
        .iter()
        .filter(|call| call.user == USER && call.verb != "watch" && call.resource != "leases");
    calls
        .map(|call| format!("{} {} {}", call.verb, call.resource, call.name))
        .collect()
}

/// The job that a call is about, by the name of the object: `plain-00017`.
fn job_of(call: &Call) -> Option<&str> {
    let name = call.name.get(..11)?;
    ["plain-", "built-"]
        .iter()
        .any(|of| name.starts_with(of))
        .then_some(name)
}

fn seconds(from: Timestamp, until: Timestamp) -> f64 {
    until.duration_since(from).as_secs_f64().max(0.0)
}

/// For each job without a build the sum of the times from something that happened to what the controller did of it: from its
/// creation to prepare, from the end of each pod to the next step, and from the last one to the status that ends it.
fn added(calls: &[Call]) -> Vec<f64> {
    let mut of: BTreeMap<&str, f64> = BTreeMap::new();
    // When something happened that the controller has not acted upon.
    let mut open: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let mut told: BTreeMap<&str, u32> = BTreeMap::new();
    let mut last_status: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let mut calls: Vec<&Call> = calls.iter().collect();
    calls.sort_by_key(|call| call.answered);
    for call in calls {
        let Some(job) = job_of(call).filter(|job| job.starts_with("plain-")) else {
            continue;
        };
        match (call.user == USER, &*call.verb, &*call.resource) {
            (false, "create", "notebookvalidationjobs") => {
                open.insert(job, call.answered);
            }
            (false, "patch", "pods/status") => {
                let times = told.entry(&call.name).or_default();
                *times += 1;
                // The first tells that it runs, the second that it has ended.
                if *times == 2 {
                    open.insert(job, call.answered);
                }
            }
            (true, "create", "jobs") => {
                if let Some(since) = open.remove(job) {
                    *of.entry(job).or_default() += seconds(since, call.received);
                }
            }
            (true, "update", "notebookvalidationjobs/status") if call.status == 200 => {
                last_status.insert(job, call.received);
            }
            _ => {}
        }
    }
    for (job, since) in open {
        let ended = last_status.get(job).copied().unwrap_or(since);
        *of.entry(job).or_default() += seconds(since, ended);
    }
    let mut added: Vec<f64> = of.into_values().collect();
    added.sort_by(f64::total_cmp);
    added
}

/// Writes of the controller for each job, events apart, sorted. Those that make the shared build are of the job that began
/// it, all others on it of those that joined it, and what is left over of the one of them that wrote most.
fn writes(calls: &[Call], joined: &[String]) -> Vec<usize> {
    let ours = calls
        .iter()
        .filter(|call| call.user == USER && call.is_write() && call.resource != "events");
    let mut of: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut creations, mut joins) = (0, 0_usize);
    for call in ours {
        match job_of(call) {
            Some(job) => *of.entry(job).or_default() += 1,
            None if call.verb == "create" => creations += 1,
            None => joins += 1,
        }
    }
    if let Some((first, others)) = joined.split_first() {
        *of.entry(first).or_default() += creations;
        for other in others {
            *of.entry(other).or_default() += 1;
        }
        if let Some(most) = others.iter().max_by_key(|job| of[job.as_str()]) {
            *of.entry(most).or_default() += joins.saturating_sub(others.len());
        }
    }
    let mut writes: Vec<usize> = of.into_values().collect();
    writes.sort_unstable();
    writes
}

/// The writes of the job that has most of them, builds apart.
fn most(calls: &[Call]) -> Vec<String> {
    let mut of: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let ours = calls
        .iter()
        .filter(|call| call.user == USER && call.is_write() && call.resource != "events");
    for call in ours {
        if let Some(job) = job_of(call) {
            let write = format!("{} {} {} {}", call.verb, call.resource, call.name, call.status);
            of.entry(job).or_default().push(write);
        }
    }
    of.into_values().max_by_key(Vec::len).unwrap_or_default()
}

/// The controller's requests by verb and resource, for a job.
fn requests(calls: &[Call], jobs: usize) -> BTreeMap<String, f64> {
    let ours = count(calls.iter().filter(|call| call.user == USER));
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = |number: usize| number as f64 / jobs as f64;
    ours.into_iter()
        .map(|(what, number)| (what, share(number)))
        .collect()
}

/// What was measured beside what is wanted, and the requests for a job.
pub(crate) fn table(measured: &Measured) -> String {
    let shares = [0.5, 0.95, 1.0].map(|share| format!("{:.2}", quantile(&measured.added, share)));
    let writes = [0.5, 1.0].map(|share| quantile(&measured.writes, share).to_string());
    let rows = [
        (
            "ended",
            format!("{:?} in {:.0} s", measured.ends, measured.seconds),
            "all Succeeded",
        ),
        (
            "latency added by the operator, s: median, p95, most",
            shares.join(", "),
            "p95 < 1",
        ),
        (
            "memory, MiB, at most",
            measured.memory.to_string(),
            "< 80 (10,000 jobs: < 250)",
        ),
        ("CPU seconds", format!("{:.1}", measured.cpu), "-"),
        (
            "writes a job, events apart: median, most",
            writes.join(", "),
            "<= 16",
        ),
        (
            "builds of one identity asked for by 10 jobs",
            measured.builds.to_string(),
            "1",
        ),
        (
            "requests, passes while nothing happened",
            format!("{}, {}", measured.idle.len(), measured.passes),
            "0, 0",
        ),
    ];
    let rows = rows.map(|(what, measured, target)| format!("| {what} | {measured} | {target} |"));
    let requests = measured.requests.iter();
    let requests = requests.map(|(what, number)| format!("  {number:7.2} {what}"));
    format!(
        "load of the machine {}\n| what | measured | target |\n| --- | --- | --- |\n{}\n\nrequests for a job:\n{}",
        measured.load.trim(),
        rows.join("\n"),
        requests.collect::<Vec<_>>().join("\n")
    )
}

/// What has to hold of any number of jobs, however slow the machine is.
pub(crate) fn check(measured: &Measured) {
    assert_eq!(measured.ends["Succeeded"], measured.jobs, "{measured:#?}");
    assert_eq!(measured.builds, 1, "one build for all that need the same image");
    assert!(
        quantile(&measured.writes, 1.0) <= 16,
        "{:?}: {:#?}",
        measured.writes,
        measured.most
    );
    let plain = measured.jobs - BUILT.min(measured.jobs);
    assert_eq!(measured.added.len(), plain, "each job's waiting was measured");
    let idle: BTreeSet<&String> = measured.idle.iter().collect();
    assert!(idle.is_empty(), "asked while nothing happened: {idle:?}");
    assert_eq!(measured.passes, 0, "looked at while nothing happened");
    assert_eq!(measured.refused, Vec::<String>::new());
}
