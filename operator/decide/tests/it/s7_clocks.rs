//! Section 7: which clock runs from when, what it ends, and that it stands while the job is suspended.

use nbvet_operator_api::{ConditionType, NotebookValidationJobSpec, Phase, Reason};
use nbvet_operator_decide::{
    Again,
    observed::{BuildState, ChildState, Fault},
    plan::{Task, Work},
};
use nbvet_report::{Outcome, step::Step};

use crate::world::{World, spec};

/// A job whose build was created at the beginning of its time.
fn building(change: impl FnOnce(&mut NotebookValidationJobSpec)) -> World {
    let mut world = World::with("a", spec());
    world.edit("a", change);
    world.settle();
    world.ends_well("a", Step::Prepare);
    world.settle();
    assert_eq!(world.phase("a"), Phase::Building);
    world
}

/// Passes so many seconds in which the build does not time out, then one in which it does.
fn check_build_limit(mut world: World, seconds: i64) {
    world.pass(seconds - 1);
    assert_eq!(world.phase("a"), Phase::Building, "one second before {seconds}");
    world.pass(1);
    assert_eq!(
        world.condition("a", ConditionType::ImageBuilt),
        "False BuildTimedOut"
    );
    assert_eq!(world.verdict("a"), Some(Outcome::Error));
    assert!(world.build().is_none(), "nobody waits for it any more");
    assert_eq!(world.built.len(), 1, "that is not tried again");
    world.is_sound();
}

#[test]
fn s7_a_build_has_45_minutes_or_the_first_limit_that_is_set() {
    check_build_limit(building(|_| {}), 45 * 60);
    check_build_limit(building(|spec| spec.build_timeout = Some("10m".to_owned())), 600);
    let older = |spec: &mut NotebookValidationJobSpec| {
        spec.pod_config.build_config.as_mut().unwrap().timeout = Some("5m".to_owned());
    };
    check_build_limit(building(older), 300);
    check_build_limit(
        building(|spec| {
            older(spec);
            spec.build_timeout = Some("20m".to_owned());
        }),
        1200,
    );
}

#[test]
fn s7_the_plan_of_a_waiting_job_looks_again_when_its_clock_is_over() {
    let world = building(|spec| spec.build_timeout = Some("10m".to_owned()));
    let plan = world.plan("a");
    assert!(
        matches!(plan.again, Again::After(left) if left.as_secs() == 600),
        "{:?}",
        plan.again
    );
}

#[test]
fn s7_the_status_names_the_step_that_ran_out_its_limit_and_how_long_it_took() {
    let mut world = building(|spec| spec.build_timeout = Some("10m".to_owned()));
    world.pass(601);
    let status = world.status("a");
    let step = status.step.unwrap();
    assert_eq!(
        (step.name.as_str(), step.limit.as_deref(), step.elapsed.as_deref()),
        ("build", Some("10m"), Some("10m"))
    );
    assert_eq!(
        status.message.as_deref(),
        Some(
            "the build did not end in time: `spec.buildTimeout` limits it to 10m; raise that if it needs longer"
        )
    );
}

/// Since when the status has its step, as seconds before now, and how long it took.
fn step_times(world: &World, job: &str) -> (i64, Option<String>) {
    let step = world.status(job).step.unwrap();
    let since = world.now.duration_since(step.since.unwrap().0);
    (since.as_secs(), step.elapsed)
}

#[test]
fn s7_a_step_is_told_from_one_time_on_from_its_creation_to_its_record() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    let name = world.child("a", Step::Validate).unwrap().name;
    world.pass(60);
    world.set_child(&name, ChildState::Running { since: world.now });
    world.pass(60);
    assert_eq!(step_times(&world, "a"), (120, None));
    world.ends_well("a", Step::Validate);
    world.settle();
    assert_eq!(step_times(&world, "a"), (120, Some("2m".to_owned())));
    // Out of its record, with its object gone.
    world.api.children.clear();
    world.pass(60);
    assert_eq!(step_times(&world, "a"), (180, Some("2m".to_owned())));
}

#[test]
fn s7_a_step_that_ends_with_its_run_is_told_with_how_long_it_took() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    world.pass(60);
    world.cancel("a");
    world.settle();
    assert_eq!(step_times(&world, "a"), (60, Some("1m".to_owned())));

    let mut world = World::with("a", spec());
    world.until_validation("a");
    world.pass(60);
    world.breaks("a", Step::Validate, Reason::OutOfMemory, false);
    world.settle();
    assert_eq!(step_times(&world, "a"), (60, Some("1m".to_owned())));
}

#[test]
fn s7_a_build_is_told_from_when_it_was_joined_and_with_how_long_it_took_itself() {
    let mut world = building(|_| {});
    let name = world.build().unwrap().name;
    world.set_build(&name, BuildState::Running { since: world.now });
    world.add("b", spec());
    world.pass(300);
    world.ends_well("b", Step::Prepare);
    world.settle();
    world.pass(60);
    assert_eq!(step_times(&world, "a"), (360, None));
    assert_eq!(step_times(&world, "b"), (60, None));
    world.build_ends_well();
    let duration = |world: &World, job: &str| world.status(job).build_status.unwrap().duration;
    world.pass(1);
    for job in ["a", "b"] {
        assert_eq!(duration(&world, job).as_deref(), Some("6m"), "{job}");
    }
}

#[test]
fn s7_the_message_of_a_clock_that_is_over_names_the_field_that_raises_it() {
    let told = |world: &World| world.status("a").message.unwrap();
    // The build's own deadline comes first where the controller was away.
    let mut world = building(|spec| spec.build_timeout = Some("10m".to_owned()));
    let name = world.build().unwrap().name;
    world.pass(598);
    let fault = Fault {
        reason: Reason::BuildTimedOut,
        transient: false,
        message: "DeadlineExceeded".to_owned(),
    };
    world.set_build(&name, BuildState::Failed { at: world.now, fault });
    world.pass(1);
    assert_eq!(
        told(&world),
        "the build did not end in time: `spec.buildTimeout` limits it to 10m; raise that if it needs longer"
    );

    let mut world = building(|spec| spec.total_timeout = Some("20m".to_owned()));
    world.pass(1200);
    assert_eq!(
        told(&world),
        "the run did not end in time: `spec.totalTimeout` limits it to 20m; raise that if it needs longer; last: the \
         image is being built"
    );

    let mut world = World::with("a", spec());
    world.until_validation("a");
    world.says(
        "a",
        Step::Validate,
        Outcome::TimedOut,
        Reason::ValidationTimedOut,
        false,
    );
    world.pass(1);
    assert_eq!(
        told(&world),
        "in words; 30m is the limit where none is set; set `spec.validationTimeout` if it needs longer"
    );
}

#[test]
fn s7_the_build_clock_of_a_job_that_joined_later_runs_from_its_joining() {
    let mut world = building(|spec| spec.build_timeout = Some("1h".to_owned()));
    world.add("b", spec());
    world.edit("b", |spec| spec.build_timeout = Some("10m".to_owned()));
    world.pass(1800);
    world.ends_well("b", Step::Prepare);
    world.settle();
    world.pass(599);
    assert_eq!(world.phase("b"), Phase::Building);
    world.pass(1);
    assert_eq!(
        world.condition("b", ConditionType::ImageBuilt),
        "False BuildTimedOut"
    );
    assert_eq!(
        world.phase("a"),
        Phase::Building,
        "that ends the other's waiting only"
    );
    let build = world.build().unwrap();
    assert_eq!(build.owners, ["uid-a"]);
    world.is_sound();
}

#[test]
fn s7_the_build_clock_stands_while_the_job_is_suspended() {
    let mut world = building(|spec| spec.build_timeout = Some("10m".to_owned()));
    world.pass(300);
    world.suspend("a", true);
    world.settle();
    assert_eq!(world.plan("a").again, Again::OnChange);
    world.pass(100_000);
    assert_eq!(world.phase("a"), Phase::Building);
    world.suspend("a", false);
    world.settle();
    check_build_limit(world, 300);
}

#[test]
fn s7_a_slow_build_never_shortens_the_validation() {
    let mut world = building(|spec| spec.timeout = Some("20m".to_owned()));
    world.pass(2600);
    world.build_ends_well();
    let plan = world.plan("a");
    let limit = plan.create.iter().find_map(|intent| match &intent.work {
        Work::Step(step) => match step.task {
            Task::Validate { limit, .. } => Some(limit.as_secs()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(limit, Some(1200));
}

#[test]
fn s7_a_changed_limit_acts_from_the_next_attempt() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    let first = world.child("a", Step::Validate).unwrap();
    world.edit("a", |spec| spec.validation_timeout = Some("5m".to_owned()));
    world.settle();
    assert_eq!(world.child("a", Step::Validate).unwrap(), first);
    let step = |world: &World| {
        let step = world.status("a").step.unwrap();
        (step.attempt.unwrap(), step.limit.unwrap())
    };
    assert_eq!(step(&world), (1, "30m".to_owned()));
    world.breaks("a", Step::Validate, Reason::NodeLost, true);
    world.pass(400);
    assert_eq!(step(&world), (2, "5m".to_owned()));
    // What ran past its limit is told the one that it had.
    world.edit("a", |spec| spec.validation_timeout = Some("1h".to_owned()));
    world.says(
        "a",
        Step::Validate,
        Outcome::TimedOut,
        Reason::ValidationTimedOut,
        false,
    );
    world.pass(1);
    assert_eq!(step(&world), (2, "5m".to_owned()));
    let told = world.status("a").message.unwrap();
    assert!(told.contains("limits it to 5m;"), "{told}");
}

#[test]
fn s7_a_changed_limit_of_a_build_acts_from_the_next_attempt() {
    let limit = |world: &World| world.status("a").step.unwrap().limit.unwrap();
    let change = |world: &mut World, limit: &str| {
        world.edit("a", |spec| spec.build_timeout = Some(limit.to_owned()));
        world.settle();
    };
    // Shorter or longer: the build that runs keeps the one that it began with.
    let mut world = building(|spec| spec.build_timeout = Some("20m".to_owned()));
    world.pass(600);
    change(&mut world, "5m");
    assert_eq!(
        (world.phase("a"), limit(&world)),
        (Phase::Building, "20m".to_owned())
    );
    check_build_limit(world, 600);
    let mut world = building(|spec| spec.build_timeout = Some("20m".to_owned()));
    world.pass(600);
    change(&mut world, "2h");
    world.pass(600);
    let told = world.status("a").message.unwrap();
    assert!(told.contains("limits it to 20m;"), "{told}");

    let mut world = building(|spec| spec.build_timeout = Some("20m".to_owned()));
    change(&mut world, "5m");
    world.build_fails(Reason::Evicted, true);
    world.pass(300);
    assert_eq!((world.built.len(), limit(&world)), (2, "5m".to_owned()));
}

#[test]
fn s7_a_changed_limit_of_a_job_that_joined_a_build_acts_from_the_next_attempt() {
    let mut world = building(|_| {});
    world.add("b", spec());
    world.edit("b", |spec| spec.build_timeout = Some("10m".to_owned()));
    world.settle();
    world.ends_well("b", Step::Prepare);
    world.settle();
    world.edit("b", |spec| spec.build_timeout = Some("1m".to_owned()));
    world.settle();
    world.pass(599);
    assert_eq!(world.phase("b"), Phase::Building);
    world.pass(1);
    assert_eq!(world.phase("b"), Phase::Failed);
    world.is_sound();
}

#[test]
fn s7_the_total_clock_runs_from_the_start_of_the_run_and_not_while_suspended() {
    let mut world = building(|spec| spec.total_timeout = Some("20m".to_owned()));
    world.pass(600);
    world.suspend("a", true);
    world.settle();
    world.pass(5000);
    world.suspend("a", false);
    world.settle();
    world.pass(590);
    assert_eq!(world.phase("a"), Phase::Building);
    world.pass(10);
    assert_eq!(
        world.condition("a", ConditionType::Finished),
        "True TotalTimedOut"
    );
    assert_eq!(world.verdict("a"), Some(Outcome::Error));
    assert!(world.build().is_none() && world.child("a", Step::Validate).is_none());
    world.is_sound();
}

#[test]
fn s7_a_total_limit_that_is_shortened_acts_at_once() {
    let mut world = building(|_| {});
    world.pass(600);
    world.edit("a", |spec| spec.total_timeout = Some("5m".to_owned()));
    world.settle();
    assert_eq!(
        world.condition("a", ConditionType::Finished),
        "True TotalTimedOut"
    );
    let status = world.status("a");
    let took = status
        .completion_time
        .unwrap()
        .0
        .duration_since(status.start_time.unwrap().0);
    assert_eq!(
        took.as_secs(),
        300,
        "the end is when the limit was reached, not when somebody looked"
    );
}

#[test]
fn s7_a_pod_that_cannot_be_scheduled_waits_and_the_status_says_so() {
    use nbvet_operator_decide::observed::Held;
    let mut world = World::with("a", spec());
    world.edit("a", |spec| spec.total_timeout = Some("3h".to_owned()));
    world.until_validation("a");
    let child = world.child("a", Step::Validate).unwrap();
    world.set_child(
        &child.name,
        ChildState::Starting {
            held: Some(Held::by_cluster(
                Reason::Unschedulable,
                "0/3 nodes are available: 3 Insufficient memory",
            )),
        },
    );
    world.pass(9000);
    assert_eq!(world.phase("a"), Phase::ValidationRunning);
    let waiting = world.status("a").step.unwrap().waiting_for.unwrap();
    assert!(waiting.contains("Insufficient memory"), "{waiting}");
    world.pass(3000);
    assert_eq!(
        world.condition("a", ConditionType::Finished),
        "True TotalTimedOut"
    );
}

#[test]
fn s7_no_clock_runs_while_a_queue_holds_the_pod_back() {
    use nbvet_operator_decide::observed::Held;
    let mut world = World::with("a", spec());
    world.edit("a", |spec| spec.total_timeout = Some("20m".to_owned()));
    world.until_validation("a");
    let child = world.child("a", Step::Validate).unwrap();
    let held = |held| ChildState::Starting { held };
    // What the cluster says in the same words stops no clock.
    let by_queue = Held::by_queue();
    let by_cluster = Held::by_cluster(by_queue.reason, &*by_queue.message);
    world.set_child(&child.name, held(Some(by_cluster)));
    world.settle();
    assert!(world.status("a").run.unwrap().pauses.is_empty());
    world.set_child(&child.name, held(Some(by_queue.clone())));
    world.settle();
    let waiting = world.status("a").step.unwrap().waiting_for;
    assert_eq!(waiting, Some(by_queue.message));
    world.pass(100_000);
    assert_eq!(world.phase("a"), Phase::ValidationRunning);
    world.set_child(&child.name, held(None));
    world.settle();
    let pauses = world.status("a").run.unwrap().pauses;
    assert!(pauses.len() == 1 && pauses[0].until.is_some(), "{pauses:?}");
    world.pass(1100);
    assert_eq!(world.phase("a"), Phase::ValidationRunning);
    world.pass(100);
    assert_eq!(
        world.condition("a", ConditionType::Finished),
        "True TotalTimedOut"
    );
}

#[test]
fn s7_the_build_clock_stands_while_a_queue_holds_the_build_back() {
    use nbvet_operator_decide::observed::Held;
    let mut world = building(|spec| spec.build_timeout = Some("10m".to_owned()));
    let build = world.build().unwrap().name;
    let held = |held| BuildState::Starting { held };
    world.set_build(&build, held(Some(Held::by_queue())));
    world.settle();
    world.pass(100_000);
    assert_eq!(world.phase("a"), Phase::Building);
    world.set_build(&build, held(None));
    world.settle();
    check_build_limit(world, 600);
}
