//! Whatever goes wrong around it, the controller ends where it would have ended: two jobs of one identity, caches that lag
//! behind, a controller that dies at any write, pods and builds that are lost, users who suspend and change limits. And
//! the same search finds each of five faults of a controller that are seeded on purpose.

use nbvet_operator_api::{ConditionType, Phase, Reason};
use nbvet_operator_decide::{
    Again,
    observed::{Build, BuildState, Fault, Observed},
};
use nbvet_report::{Outcome, step::Step};
use proptest::{
    prelude::*,
    test_runner::{Config as Runs, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use crate::world::{Api, Bug, Crash, World, identity, image, spec};

/// What happens next.
#[derive(Clone, Debug)]
enum Op {
    /// The controller looks at a job, with caches so many steps old, and maybe dies.
    Look {
        job: usize,
        job_lag: usize,
        objects_lag: usize,
        crash: Option<Crash>,
    },
    /// What runs ends well, if something does.
    EndWell(usize),
    /// What runs is lost, where tries are left.
    Lose(usize),
    /// A running build is lost, where tries are left.
    LoseBuild,
    /// Time passes.
    Pass(i64),
    /// A user changes a limit, which is no other wish.
    ChangeLimit(usize),
    /// A user suspends or resumes.
    Suspend(usize, bool),
    /// A user ends the run for good.
    Cancel(usize),
    /// A user asks for another run.
    Rerun(usize),
    /// What was deleted is gone.
    Collect,
    /// A user, or another program, takes the status away.
    LoseStatus(usize),
    /// Events come twice: the controller looks once more, without a change.
    LookTwice(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let job = 0..2_usize;
    let crash = proptest::option::weighted(
        0.3,
        (0..4_usize, any::<bool>()).prop_map(|(at, after)| Crash { at, after }),
    );
    let look = (job.clone(), 0..6_usize, 0..6_usize, crash).prop_map(|(job, job_lag, objects_lag, crash)| {
        Op::Look {
            job,
            job_lag,
            objects_lag,
            crash,
        }
    });
    let fresh = job.clone().prop_map(|job| Op::Look {
        job,
        job_lag: 0,
        objects_lag: 0,
        crash: None,
    });
    let op = prop_oneof![
        6 => look,
        6 => fresh,
        5 => (0..8_usize).prop_map(Op::EndWell),
        2 => (0..8_usize).prop_map(Op::Lose),
        1 => Just(Op::LoseBuild),
        3 => (1..400_i64).prop_map(Op::Pass),
        1 => job.clone().prop_map(Op::ChangeLimit),
        1 => (job.clone(), any::<bool>()).prop_map(|(job, suspend)| Op::Suspend(job, suspend)),
        1 => job.clone().prop_map(Op::Cancel),
        1 => job.clone().prop_map(Op::Rerun),
        2 => Just(Op::Collect),
        1 => job.clone().prop_map(Op::LoseStatus),
        1 => job.prop_map(Op::LookTwice),
    ];
    proptest::collection::vec(op, 0..60)
}

const JOBS: [&str; 2] = ["a", "b"];

/// A world, what it was like before, and how much may still go wrong without the end being another one.
struct Story {
    world: World,
    past: Vec<Api>,
    pods_to_lose: [u32; 2],
    builds_to_lose: u32,
    cancelled: [bool; 2],
}

impl Story {
    fn new(bug: Option<Bug>) -> Self {
        let mut world = World::with("a", spec());
        world.add("b", spec());
        world.bug = bug;
        let now = world.now;
        world.api.builds.insert("elsewhere".to_owned(), foreign(now));
        Self {
            world,
            past: Vec::new(),
            pods_to_lose: [3; 2],
            builds_to_lose: 1,
            cancelled: [false; 2],
        }
    }

    fn at(&self, lag: usize) -> &Api {
        match lag {
            0 => &self.world.api,
            lag => self
                .past
                .get(self.past.len().saturating_sub(lag))
                .unwrap_or(&self.world.api),
        }
    }

    fn observed(&self, job: usize, job_lag: usize, objects_lag: usize) -> Option<Observed> {
        self.world
            .observe(JOBS[job], self.at(job_lag), self.at(objects_lag))
    }

    fn look(&mut self, job: usize, job_lag: usize, objects_lag: usize, crash: Option<Crash>) {
        let Some(observed) = self.observed(job, job_lag, objects_lag) else {
            return;
        };
        let version = observed.job.metadata.resource_version.clone();
        let mut plan = self.world.decide(observed);
        // Logs of pods that are gone cannot be read.
        plan.read
            .retain(|child| self.world.api.children.contains_key(child));
        self.world.act(JOBS[job], &plan, version.as_deref(), crash);
    }

    /// Children that run, in order.
    fn running(&self) -> Vec<String> {
        let children = self.world.api.children.iter();
        let running = children.filter(|(_, (_, child))| !child.state.has_ended() && !child.deleting);
        running.map(|(name, _)| name.clone()).collect()
    }

    fn running_build(&self) -> Option<Build> {
        self.world.build().filter(|build| !build.state.has_ended())
    }

    fn end_well(&mut self, which: usize) {
        let running = self.running();
        match running.get(which % (running.len() + 1)) {
            Some(name) => self.world.child_ends_well(name),
            None if self.running_build().is_some() => self.world.build_ends_well(),
            None => {}
        }
    }

    fn lose(&mut self, which: usize) {
        let running = self.running();
        let Some(name) = running.get(which % running.len().max(1)) else {
            return;
        };
        let (uid, child) = self.world.api.children[name].clone();
        let job = usize::from(uid == "uid-b");
        if self.pods_to_lose[job] > 0 && child.step != Step::Publish {
            self.pods_to_lose[job] -= 1;
            let reason = [Reason::NodeLost, Reason::Evicted, Reason::ReportLost][which % 3];
            self.world.breaks_child(name, reason);
        }
    }

    fn lose_build(&mut self) {
        if let Some(build) = self.running_build()
            && self.builds_to_lose > 0
        {
            self.builds_to_lose -= 1;
            let fault = Fault {
                reason: Reason::NodeLost,
                transient: true,
                message: "the node is gone".to_owned(),
            };
            let at = self.world.now;
            self.world
                .set_build(&build.name, BuildState::Failed { at, fault });
        }
    }

    fn happen(&mut self, op: &Op) {
        self.past.push(self.world.api.clone());
        match op {
            Op::Look {
                job,
                job_lag,
                objects_lag,
                crash,
            } => self.look(*job, *job_lag, *objects_lag, *crash),
            Op::EndWell(which) => self.end_well(*which),
            Op::Lose(which) => self.lose(*which),
            Op::LoseBuild => self.lose_build(),
            Op::Pass(seconds) => self.wait(*seconds),
            Op::ChangeLimit(job) => {
                let hours = self.past.len() + 10;
                self.world
                    .edit(JOBS[*job], |spec| spec.build_timeout = Some(format!("{hours}h")));
            }
            Op::Suspend(job, suspend) => self.world.suspend(JOBS[*job], *suspend),
            Op::Cancel(job) => {
                if self.world.status(JOBS[*job]).run.is_some() {
                    self.world.cancel(JOBS[*job]);
                    self.cancelled[*job] = true;
                }
            }
            Op::Rerun(job) => {
                let value = self.past.len().to_string();
                self.world.rerun(JOBS[*job], &value);
            }
            Op::Collect => self.world.collect(),
            Op::LoseStatus(job) => self.world.lose_status(JOBS[*job]),
            Op::LookTwice(job) => {
                self.look(*job, 0, 0, None);
                self.look(*job, 0, 0, None);
            }
        }
    }

    fn wait(&mut self, seconds: i64) {
        let length = k8s_openapi::jiff::SignedDuration::from_secs(seconds);
        self.world.now = self.world.now.checked_add(length).unwrap();
    }

    /// Everything goes well from now on. Fails where a job that has not ended waits for nothing.
    fn heal(&mut self) -> Result<(), String> {
        for job in JOBS {
            self.world.edit(job, |spec| {
                spec.suspend = None;
                spec.build_timeout = Some("10000h".to_owned());
            });
        }
        for _ in 0..200 {
            let again = [self.come_to_rest(0)?, self.come_to_rest(1)?];
            if JOBS
                .iter()
                .all(|job| self.world.status(job).phase.is_some_and(Phase::is_terminal))
            {
                return Ok(());
            }
            let going = self.world.api.children.values().any(|(_, child)| child.deleting);
            self.world.collect();
            if self.running().is_empty() && self.running_build().is_none() && !going {
                match again.into_iter().min() {
                    Some(Again::After(length)) => {
                        self.world.now = self.world.now.checked_add(length).unwrap();
                    }
                    _ => return Err(format!("nothing is waited for: {:?}", self.world.plan("a"))),
                }
            } else {
                self.wait(1);
                self.end_well(0);
            }
        }
        Err("it never ends".to_owned())
    }

    /// Decides and acts on what there is until nothing is to be done; what was created once is not created again.
    fn come_to_rest(&mut self, job: usize) -> Result<Again, String> {
        let mut created: Vec<String> = Vec::new();
        for _ in 0..12 {
            let plan = self.world.plan(JOBS[job]);
            if plan.is_idle() {
                return Ok(plan.again);
            }
            for intent in &plan.create {
                if created.contains(&intent.name) {
                    return Err(format!("{} is created twice", intent.name));
                }
                created.push(intent.name.clone());
            }
            let version = self.world.api.jobs[JOBS[job]].metadata.resource_version.clone();
            self.world.act(JOBS[job], &plan, version.as_deref(), None);
        }
        Err(format!("{} does not come to rest", JOBS[job]))
    }

    /// The end is that of a world in which nothing went wrong, and nothing happened that must not.
    fn judge(&self) -> Result<(), String> {
        if let Some(fault) = self.world.faults.first() {
            return Err(fault.clone());
        }
        if !self.running().is_empty() || self.running_build().is_some() {
            return Err("something still runs, and nobody waits for it".to_owned());
        }
        for (job, cancelled) in JOBS.into_iter().zip(self.cancelled) {
            let status = self.world.status(job);
            if cancelled && self.world.condition(job, ConditionType::Finished) == "True Cancelled" {
                continue;
            }
            let end = (status.phase, status.verdict.map(|verdict| verdict.outcome));
            if end != (Some(Phase::Succeeded), Some(Outcome::Passed)) {
                return Err(format!("{job} ended as {end:?}: {:?}", status.message));
            }
            let built = status.build_status.and_then(|build| build.image_reference);
            if built.as_deref() != Some(&*image('a')) {
                return Err(format!("{job} ended with {built:?}"));
            }
        }
        Ok(())
    }
}

/// A build of the same identity that another namespace has, under a name that could be ours.
fn foreign(now: k8s_openapi::jiff::Timestamp) -> Build {
    Build {
        name: "nbvet-build".to_owned(),
        namespace: "elsewhere".to_owned(),
        resource_version: "1".to_owned(),
        ours: true,
        identity: identity('a'),
        destination: crate::world::DESTINATION.to_owned(),
        attempt: 1,
        strategy: nbvet_operator_decide::strategy::StrategyName::Job,
        created: now,
        deleting: false,
        has_input: true,
        owners: Vec::new(),
        joined: Vec::new(),
        state: BuildState::Complete {
            at: now,
            image: Some(image('f')),
            size: None,
        },
    }
}

fn story(ops: &[Op], bug: Option<Bug>) -> Result<(), String> {
    let mut story = Story::new(bug);
    for op in ops {
        story.happen(op);
    }
    story.heal()?;
    story.judge()
}

/// Looks for a story that ends wrongly.
fn search(bug: Option<Bug>, cases: u32) -> Result<(), TestError<Vec<Op>>> {
    let runs = Runs {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Runs::default()
    };
    let mut runner = TestRunner::new_with_rng(runs, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner.run(&ops(), |ops| story(&ops, bug).map_err(TestCaseError::fail))
}

#[test]
fn whatever_goes_wrong_the_end_is_the_same_and_nothing_is_validated_before_or_built_twice() {
    let cases = std::env::var("NBVET_STORIES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(1500);
    if let Err(error) = search(None, cases) {
        panic!("{error}");
    }
}

#[test]
fn the_search_finds_a_controller_without_a_gate() {
    assert!(search(Some(Bug::NoGate), 300).is_err());
}

#[test]
fn the_search_finds_generations_in_names() {
    assert!(search(Some(Bug::GenerationInNames), 1500).is_err());
}

#[test]
fn the_search_finds_a_status_written_from_a_stale_cache() {
    assert!(search(Some(Bug::StatusFromStaleCache), 1500).is_err());
}

#[test]
fn the_search_finds_a_foreign_build_that_is_taken() {
    assert!(search(Some(Bug::ForeignBuild), 300).is_err());
}

#[test]
fn the_search_finds_a_run_that_is_begun_anew_when_its_status_is_lost() {
    assert!(search(Some(Bug::StatusLost), 1500).is_err());
}

/// Two jobs, every step of which goes well, while the controller dies at one write of all.
fn killed_at(write: usize, after: bool) -> (Story, usize) {
    let mut story = Story::new(None);
    let mut done = 0;
    for _ in 0..200 {
        for job in 0..2 {
            let before = story.world.writes;
            let crash = write.checked_sub(done).map(|at| Crash { at, after });
            story.look(job, 0, 0, crash);
            done += story.world.writes - before;
        }
        story.wait(1);
        story.end_well(0);
        if JOBS
            .iter()
            .all(|job| story.world.status(job).phase.is_some_and(Phase::is_terminal))
        {
            break;
        }
    }
    (story, done)
}

#[test]
fn killed_at_any_write_before_it_or_after_it_the_end_is_the_same() {
    let (undisturbed, writes) = killed_at(usize::MAX, false);
    assert_eq!(undisturbed.judge(), Ok(()));
    for write in 0..writes {
        for after in [false, true] {
            let (story, _) = killed_at(write, after);
            assert_eq!(
                story.judge(),
                Ok(()),
                "killed at write {write}, after it: {after}"
            );
            assert_eq!(story.world.built.len(), 1);
        }
    }
    println!("{writes} writes of two jobs, each killed before it and with its reply lost");
}
