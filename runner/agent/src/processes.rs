//! The processes of a session, found in `/proc`: whose they are, what they hold, what they used. The agent is
//! the child subreaper, so whatever loses its parent becomes the agent's child and is found here. Knows no message.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// The environment variable by which a session's processes are known when nothing else tells.
pub(crate) const MARKER: &str = "NBVET_SESSION";

/// One line of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    group: i32,
    zombie: bool,
    /// Clock ticks of user and system time, its own and those of children it waited for.
    ticks: u64,
    /// When it was started: with the pid it names a process for good.
    started: u64,
}

impl Process {
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Self::parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(pid: i32, stat: &[u8]) -> Option<Self> {
        // The program's name stands in parentheses and may hold any bytes.
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let fields: Vec<&str> = std::str::from_utf8(stat.get(end + 2..)?)
            .ok()?
            .split(' ')
            .collect();
        let number = |index: usize| fields.get(index)?.trim_end().parse::<i64>().ok();
        let ticks = (11..15).map(number).sum::<Option<i64>>()?;
        Some(Self {
            pid,
            parent: i32::try_from(number(1)?).ok()?,
            group: i32::try_from(number(2)?).ok()?,
            zombie: matches!(*fields.first()?, "Z" | "X"),
            ticks: u64::try_from(ticks).ok()?,
            started: u64::try_from(number(19)?).ok()?,
        })
    }

    pub(crate) fn is_child_of(&self, parent: Pid) -> bool {
        self.parent == parent.as_raw_nonzero().get()
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "ticks of a process are far below 2^52")]
        let seconds = self.ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        seconds
    }

    pub(crate) fn kill(&self) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            // It may be gone already: that is what was wanted.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Takes the exit status of a dead child that nobody else waits for.
    fn reap(&self) {
        // It is a zombie and ours; were it not, nothing happens.
        let _ = waitpid(Pid::from_raw(self.pid), WaitOptions::NOHANG);
    }
}

/// Everything below the agent at one moment.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Living processes by session, its worker included while that lives.
    pub(crate) sessions: BTreeMap<u32, Vec<Process>>,
    /// Living processes that no session can be named for.
    pub(crate) strangers: Vec<Process>,
    /// CPU seconds of orphans that were reaped in this scan, by session.
    pub(crate) reaped: Vec<(u32, f64)>,
}

/// Follows the processes of all sessions.
pub(crate) struct Census {
    me: i32,
    /// `NBVET_SESSION=<mark>.`, before the session's number.
    mark: Vec<u8>,
    /// Whose a process is, once that is known: it stays so when its parent dies.
    owners: HashMap<(i32, u64), u32>,
}

impl Census {
    pub(crate) fn new(mark: &str) -> Self {
        let me = rustix::process::getpid().as_raw_nonzero().get();
        Self {
            me,
            mark: format!("{MARKER}={mark}.").into_bytes(),
            owners: HashMap::new(),
        }
    }

    /// Looks at all processes below the agent and reaps dead orphans. `workers` are the sessions' main processes
    /// by pid; their exit status is never taken here. What lives below the agent's own `helpers` is no session's yet.
    pub(crate) fn scan(&mut self, workers: &HashMap<i32, u32>, helpers: &HashSet<i32>) -> Scan {
        let all: Vec<Process> = pids().filter_map(Process::of).collect();
        let mut children: HashMap<i32, Vec<&Process>> = HashMap::new();
        for process in &all {
            children.entry(process.parent).or_default().push(process);
        }
        let mut scan = Scan::default();
        let mut owners = HashMap::new();
        let mut open: Vec<(&Process, Option<u32>)> = children
            .get(&self.me)
            .into_iter()
            .flatten()
            .filter(|child| !helpers.contains(&child.pid))
            .map(|child| (*child, None))
            .collect();
        while let Some((process, inherited)) = open.pop() {
            let owner = inherited.or_else(|| self.owner(process, workers));
            owners.extend(owner.map(|session| ((process.pid, process.started), session)));
            open.extend(
                children
                    .get(&process.pid)
                    .into_iter()
                    .flatten()
                    .map(|child| (*child, owner)),
            );
            self.note(process, owner, workers, &mut scan);
        }
        self.owners = owners;
        scan
    }

    fn note(&self, process: &Process, owner: Option<u32>, workers: &HashMap<i32, u32>, scan: &mut Scan) {
        if process.zombie {
            if process.parent == self.me && !workers.contains_key(&process.pid) {
                process.reap();
                scan.reaped
                    .extend(owner.map(|session| (session, process.cpu_seconds())));
            }
        } else if let Some(session) = owner {
            scan.sessions.entry(session).or_default().push(*process);
        } else {
            scan.strangers.push(*process);
        }
    }

    fn owner(&self, process: &Process, workers: &HashMap<i32, u32>) -> Option<u32> {
        workers
            .get(&process.pid)
            .or_else(|| self.owners.get(&(process.pid, process.started)))
            .or_else(|| workers.get(&process.group))
            .copied()
            .or_else(|| self.marked(process))
    }

    /// The session that the process's environment names.
    fn marked(&self, process: &Process) -> Option<u32> {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).ok()?;
        let value = environment
            .split(|byte| *byte == 0)
            .find_map(|variable| variable.strip_prefix(&*self.mark))?;
        std::str::from_utf8(value).ok()?.parse().ok()
    }
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Bytes that the processes hold. Pages that forked processes share count once for each, which is why a sum over
/// `limit` is looked at again, sharing taken into account.
pub(crate) fn memory(processes: &[Process], limit: Option<u64>) -> u64 {
    let resident: u64 = processes.iter().filter_map(|process| resident(process.pid)).sum();
    if limit.is_none_or(|limit| resident <= limit) || processes.len() < 2 {
        return resident;
    }
    processes
        .iter()
        .filter_map(|process| proportional(process.pid).or_else(|| self::resident(process.pid)))
        .sum()
}

fn resident(pid: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn proportional(pid: i32) -> Option<u64> {
    kilobytes(
        &fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?,
        "Pss:",
    )
}

/// The highest resident size that a living process has had.
pub(crate) fn high_water(pid: i32) -> Option<u64> {
    kilobytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:")
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_is_read_over() {
        let stat = b"42 (a ) R 7) S 7 42 42 0 -1 4194560 100 0 0 0 5 6 7 8 20 0 1 0 1234 1000 50 184467";
        let process = Process::parse(42, stat).expect("it is whole");
        assert_eq!(
            process,
            Process {
                pid: 42,
                parent: 7,
                group: 42,
                zombie: false,
                ticks: 26,
                started: 1234
            }
        );
    }

    #[test]
    fn a_line_that_ends_early_is_no_process() {
        assert_eq!(Process::parse(42, b"42 (sh) S 7 42"), None);
        assert_eq!(Process::parse(42, b""), None);
    }

    #[test]
    fn a_grandchild_is_found_by_its_worker_and_a_marked_child_by_its_environment() {
        let mut worker = Command::new("sh")
            .args(["-c", "sleep 60 & wait"])
            .spawn()
            .expect("sh is there");
        let mut marked = Command::new("sleep")
            .arg("60")
            .env(MARKER, "mark.7")
            .stdin(Stdio::null())
            .spawn()
            .expect("sleep is there");
        let pid = i32::try_from(worker.id()).expect("pids are small");
        let workers = HashMap::from([(pid, 3)]);
        let mut census = Census::new("mark");
        let found = (0..200).find_map(|_| {
            let scan = census.scan(&workers, &HashSet::new());
            let (tree, alone) = (scan.sessions.get(&3)?.clone(), scan.sessions.get(&7)?.clone());
            std::thread::sleep(std::time::Duration::from_millis(5));
            (tree.len() == 2).then_some((tree, alone))
        });
        let (tree, alone) = found.expect("both are found");
        assert!(memory(&tree, None) > 0 && high_water(pid).is_some());
        assert!(
            memory(&tree, Some(1)) <= memory(&tree, None),
            "shared pages count once"
        );
        tree.iter().chain(&alone).for_each(Process::kill);
        worker.wait().expect("it is ours");
        marked.wait().expect("it is ours");
    }
}
