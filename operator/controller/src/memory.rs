//! What is remembered of jobs between passes, and when one that failed may be looked at again. All of it can be lost: it
//! is found again in the cluster.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nbvet_operator_api::{NotebookValidationJob, job::RERUN_ANNOTATION};
use nbvet_operator_decide::observed::{Body, Fault, Record, Refused, Unserved};

/// The first wait after a pass that failed, and the longest.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(5);

/// What is remembered of one job.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// Of which object of its name.
    uid: String,
    /// Results that were read out of logs, by child.
    pub(crate) bodies: BTreeMap<String, Body>,
    /// How often a log could not be read, by child.
    pub(crate) unread: BTreeMap<String, u32>,
    /// Records by the uids of their objects; `None`: one that cannot be read.
    pub(crate) records: BTreeMap<String, Option<Record>>,
    /// The uids of ended Jobs of Kubernetes that have no pods any more, as the API server said.
    pub(crate) podless: BTreeSet<String>,
    /// What became of children, seen while their pods were there: one that was put out may be gone a moment later.
    pub(crate) faults: BTreeMap<String, Fault>,
    /// Names that objects have which are not the job's.
    pub(crate) taken: BTreeSet<String>,
    /// Objects that the API server refused to create, and of which generation of the job they were. What may be taken
    /// later is told once.
    pub(crate) refused: BTreeMap<String, (Option<i64>, Refused)>,
    /// The version of the job that the last status replaced: a cache that still has it is behind.
    pub(crate) replaced: Option<String>,
    /// Objects that were created and how often the cache did not have them since.
    pub(crate) created: BTreeMap<String, u32>,
}

impl Remembered {
    /// Whether there is nothing that another pass would miss.
    fn is_nothing(&self) -> bool {
        let Self {
            uid: _,
            bodies,
            unread,
            records,
            podless,
            faults,
            taken,
            refused,
            replaced,
            created,
        } = self;
        bodies.is_empty()
            && unread.is_empty()
            && records.is_empty()
            && podless.is_empty()
            && faults.is_empty()
            && taken.is_empty()
            && refused.is_empty()
            && replaced.is_none()
            && created.is_empty()
    }

    /// What was created and is not served yet, told the names that are.
    pub(crate) fn unserved(&mut self, served: &BTreeSet<&str>) -> Vec<Unserved> {
        self.created.retain(|name, _| !served.contains(name.as_str()));
        let look = |(name, looks): (&String, &mut u32)| {
            let one = Unserved {
                name: name.clone(),
                looks: *looks,
            };
            *looks = looks.saturating_add(1);
            one
        };
        self.created.iter_mut().map(look).collect()
    }
}

/// A job that failed.
#[derive(Debug)]
struct Failing {
    mark: Mark,
    failures: u32,
    until: Instant,
}

/// What of a job, changed, is reason enough to look at once.
type Mark = (Option<String>, Option<i64>, Option<String>);

fn mark(job: &NotebookValidationJob) -> Mark {
    let meta = &job.metadata;
    let rerun = meta
        .annotations
        .as_ref()
        .and_then(|all| all.get(RERUN_ANNOTATION));
    (meta.uid.clone(), meta.generation, rerun.cloned())
}

/// The memory of all jobs, by namespace and name.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    jobs: Mutex<HashMap<String, Remembered>>,
    failing: Mutex<HashMap<String, Failing>>,
    seed: RandomState,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// Takes out what is remembered of a job, for a pass.
    pub(crate) fn take(&self, key: &str, uid: &str) -> Remembered {
        let known = locked(&self.jobs).remove(key);
        known
            .filter(|known| known.uid == uid)
            .unwrap_or_else(|| Remembered {
                uid: uid.to_owned(),
                ..Remembered::default()
            })
    }

    /// Puts it back, where there is anything: of a job that has ended there is not, and its maps would still take memory.
    pub(crate) fn put(&self, key: &str, remembered: Remembered) {
        if !remembered.is_nothing() {
            locked(&self.jobs).insert(key.to_owned(), remembered);
        }
    }

    /// A job is gone, or has ended and its pods with it.
    pub(crate) fn forget(&self, key: &str) {
        locked(&self.jobs).remove(key);
        locked(&self.failing).remove(key);
    }

    /// How long a job that failed still waits.
    pub(crate) fn waits(&self, key: &str, job: &NotebookValidationJob) -> Option<Duration> {
        let mut failing = locked(&self.failing);
        let known = failing.get(key)?;
        if known.mark != mark(job) {
            failing.remove(key);
            return None;
        }
        known.until.checked_duration_since(Instant::now())
    }

    /// A pass failed: how long to wait now.
    pub(crate) fn failed(&self, key: &str, job: &NotebookValidationJob) -> Duration {
        let mut failing = locked(&self.failing);
        let known = failing.entry(key.to_owned()).or_insert_with(|| Failing {
            mark: mark(job),
            failures: 0,
            until: Instant::now(),
        });
        known.failures = known.failures.saturating_add(1);
        let wait = delay(known.failures, self.seed.hash_one((key, known.failures)));
        known.until = Instant::now() + wait;
        wait
    }

    /// A pass went well.
    pub(crate) fn went_well(&self, key: &str) {
        locked(&self.failing).remove(key);
    }
}

/// The wait after the `failures`-th pass that failed, from 1: doubled each time, and up to half as much again by chance.
fn delay(failures: u32, chance: u64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures.clamp(1, 16) - 1));
    let part = u32::try_from(chance % 1000).unwrap_or_default();
    let more = doubled.min(LONGEST) / 2 * part / 1000;
    doubled.saturating_add(more).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> NotebookValidationJob {
        let mut job = NotebookValidationJob::default();
        job.metadata.generation = Some(1);
        job
    }

    #[test]
    fn a_job_that_fails_waits_longer_each_time_from_five_seconds_to_five_minutes() {
        for chance in [0, 999] {
            let waits: Vec<Duration> = (1..=12).map(|failures| delay(failures, chance)).collect();
            assert!(waits[0] >= FIRST && waits[0] < FIRST * 3 / 2, "{waits:?}");
            assert!(waits.is_sorted(), "{waits:?}");
            assert_eq!(waits[11], LONGEST);
        }
    }

    #[test]
    fn a_job_waits_after_a_failure_until_a_pass_goes_well() {
        let memory = Memory::default();
        assert_eq!(memory.waits("a", &job()), None);
        memory.failed("a", &job());
        assert!(memory.waits("a", &job()).is_some());
        assert_eq!(memory.waits("b", &job()), None, "others do not wait for it");
        memory.went_well("a");
        assert_eq!(memory.waits("a", &job()), None);
    }

    #[test]
    fn an_edit_or_a_rerun_is_looked_at_at_once() {
        let memory = Memory::default();
        memory.failed("a", &job());
        let mut edited = job();
        edited.metadata.generation = Some(2);
        assert_eq!(memory.waits("a", &edited), None);
        memory.failed("a", &edited);
        let annotations = edited.metadata.annotations.get_or_insert_default();
        annotations.insert(RERUN_ANNOTATION.to_owned(), "again".to_owned());
        assert_eq!(memory.waits("a", &edited), None);
    }

    #[test]
    fn what_was_created_is_asked_for_until_it_is_served() {
        let memory = Memory::default();
        let mut remembered = memory.take("a", "uid");
        remembered.created.insert("x".to_owned(), 0);
        let looks = |remembered: &mut Remembered, served: &[&str]| {
            let served = served.iter().copied().collect();
            let all = remembered.unserved(&served);
            all.iter().map(|one| one.looks).collect::<Vec<_>>()
        };
        assert_eq!(looks(&mut remembered, &[]), [0]);
        assert_eq!(looks(&mut remembered, &["y"]), [1]);
        assert_eq!(looks(&mut remembered, &["x"]), [0_u32; 0]);
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_remembered() {
        let memory = Memory::default();
        let mut remembered = memory.take("a", "uid");
        remembered.taken.insert("x".to_owned());
        memory.put("a", remembered);
        assert_eq!(locked(&memory.jobs).len(), 1);
        let mut remembered = memory.take("a", "uid");
        remembered.taken.clear();
        memory.put("a", remembered);
        assert_eq!(locked(&memory.jobs).len(), 0);
    }

    #[test]
    fn a_job_that_was_created_anew_under_its_name_inherits_nothing() {
        let memory = Memory::default();
        let mut remembered = memory.take("a", "old");
        remembered.taken.insert("x".to_owned());
        memory.put("a", remembered);
        assert!(memory.take("a", "new").taken.is_empty());
    }
}
