//! Section 5: wishes and runs, shared builds, suspension, cancelling, and what becomes of what has ended.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use nbvet_operator_api::{
    ConditionType, NotebookValidationJobStatus, Phase, Reason, RetryPolicy, build::BuildCache,
    job::CANCEL_ANNOTATION,
};
use nbvet_operator_decide::{
    Again,
    observed::{Build, BuildState},
    plan::Deletion,
};
use nbvet_report::{Outcome, step::Step};

use crate::world::{NAMESPACE, World, image, spec};

#[test]
fn s5_a_changed_wish_ends_the_run_and_begins_the_next_and_a_limit_does_not() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    let first = world.status("a").run.unwrap();
    assert_eq!(first.number, 1);

    world.edit("a", |spec| {
        spec.build_timeout = Some("1h".to_owned());
        spec.validation_timeout = Some("10m".to_owned());
        spec.total_timeout = Some("9h".to_owned());
        spec.ttl_seconds_after_finished = Some(60);
        spec.retry_policy = Some(RetryPolicy {
            max_build_retries: Some(5),
            max_validation_retries: Some(5),
        });
    });
    world.settle();
    assert_eq!(
        world.status("a").run.unwrap(),
        first,
        "limits and retries are no part of the wish"
    );

    let validation = world.child("a", Step::Validate).unwrap();
    world.edit("a", |spec| "other.ipynb".clone_into(&mut spec.notebook.path));
    world.settle();
    let second = world.status("a").run.unwrap();
    assert_eq!(second.number, 2);
    assert_ne!(second.id, first.id);
    assert_eq!(
        world.phase("a"),
        Phase::Initializing,
        "a new run begins at the beginning"
    );
    assert!(
        world.api.children[&validation.name].1.deleting,
        "the old run's pod ends with it"
    );
    world.collect();
    assert!(
        world
            .api
            .children
            .values()
            .all(|(_, child)| child.run.number == 2)
    );
    world.until_end("a");
    assert_eq!(world.phase("a"), Phase::Succeeded);
    world.is_sound();
}

#[test]
fn s5_a_run_has_the_number_after_the_highest_of_status_and_children() {
    let mut world = World::with("a", spec());
    world.until_end("a");
    world.rerun("a", "again");
    world.settle();
    assert_eq!(world.status("a").run.unwrap().number, 2);
    // The status of the second run is lost; its children tell.
    world.api.jobs.get_mut("a").unwrap().status = None;
    world.settle();
    assert_eq!(world.status("a").run.unwrap().number, 2);
    world.edit("a", |spec| "other.ipynb".clone_into(&mut spec.notebook.path));
    world.api.jobs.get_mut("a").unwrap().status = None;
    world.settle();
    assert_eq!(world.status("a").run.unwrap().number, 3);
    world.is_sound();
}

#[test]
fn s5_the_rerun_annotation_asks_for_another_run_of_what_has_ended() {
    let mut world = World::with("a", spec());
    world.until_end("a");
    let first = world.status("a");
    world.settle();
    assert_eq!(world.status("a"), first, "an end stays");
    world.rerun("a", "once more");
    world.settle();
    assert_eq!(world.status("a").run.unwrap().number, 2);
    assert_eq!(world.status("a").completion_time, None);
    world.ends_well("a", Step::Prepare);
    world.pass(1);
    assert_eq!(
        world.condition("a", ConditionType::ImageBuilt),
        "True ImageReused"
    );
    world.ends_well("a", Step::Validate);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Succeeded);
    assert_eq!(world.built.len(), 1);
    world.is_sound();
}

#[test]
fn s5_cancelling_ends_the_run_for_good_and_only_the_run_that_it_names() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    world.annotate("a", CANCEL_ANNOTATION, "another run");
    world.settle();
    assert_eq!(world.phase("a"), Phase::ValidationRunning);

    world.cancel("a");
    world.settle();
    assert_eq!(world.phase("a"), Phase::Failed);
    assert_eq!(world.condition("a", ConditionType::Finished), "True Cancelled");
    assert_eq!(world.condition("a", ConditionType::Stalled), "True Cancelled");
    assert_eq!(world.verdict("a"), Some(Outcome::Error));
    world.collect();
    assert!(world.child("a", Step::Validate).is_none(), "its pod is gone");
    let ended = world.status("a");
    world.pass(1000);
    assert_eq!(world.status("a"), ended);
    world.rerun("a", "again");
    world.settle();
    assert_eq!(world.phase("a"), Phase::Initializing);
    world.is_sound();
}

#[test]
fn s5_while_suspended_no_pod_runs_and_the_same_attempt_begins_again() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    let before = world.child("a", Step::Validate).unwrap();
    world.suspend("a", true);
    world.settle();
    assert!(world.api.children[&before.name].1.deleting);
    assert_eq!(
        world.condition("a", ConditionType::Reconciling),
        "False Suspended"
    );
    assert_eq!(
        world.phase("a"),
        Phase::ValidationRunning,
        "the phase does not go back"
    );
    world.collect();
    world.pass(3600);
    assert!(world.child("a", Step::Validate).is_none());

    world.suspend("a", false);
    world.settle();
    let after = world.child("a", Step::Validate).unwrap();
    assert_eq!((after.attempt, &after.name), (before.attempt, &before.name));
    assert_eq!(world.status("a").validation_retry_count, None);
    world.ends_well("a", Step::Validate);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Succeeded);
    world.is_sound();
}

#[test]
fn s5_a_pod_that_is_still_going_is_waited_for_before_its_attempt_begins_again() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    world.suspend("a", true);
    world.settle();
    world.suspend("a", false);
    world.settle();
    assert!(world.child("a", Step::Validate).unwrap().deleting);
    assert!(world.plan("a").create.is_empty());
    world.collect();
    world.settle();
    assert!(!world.child("a", Step::Validate).unwrap().deleting);
    world.is_sound();
}

#[test]
fn s5_a_build_that_runs_goes_on_while_suspended_and_none_is_started() {
    let mut world = World::with("a", spec());
    world.settle();
    world.ends_well("a", Step::Prepare);
    world.suspend("a", true);
    world.pass(1);
    assert!(world.build().is_none(), "none is started");
    world.suspend("a", false);
    world.settle();
    let build = world.build().unwrap();
    world.suspend("a", true);
    world.settle();
    world.pass(10_000);
    assert_eq!(
        world.build().unwrap().name,
        build.name,
        "it goes on, and its clock stands"
    );
    assert_eq!(world.phase("a"), Phase::Building);
    world.build_ends_well();
    world.pass(1);
    assert!(world.child("a", Step::Validate).is_none());
    world.suspend("a", false);
    world.settle();
    world.ends_well("a", Step::Validate);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Succeeded);
    world.is_sound();
}

#[test]
fn s5_what_another_controller_ended_stays_until_it_is_asked_for_again() {
    let mut world = World::with("a", spec());
    let ended = NotebookValidationJobStatus {
        phase: Some(Phase::Succeeded),
        completion_time: Some(Time(world.now)),
        message: Some("Validation completed successfully".to_owned()),
        ..NotebookValidationJobStatus::default()
    };
    world.api.jobs.get_mut("a").unwrap().status = Some(ended.clone());
    world.edit("a", |spec| spec.ttl_seconds_after_finished = Some(1));
    world.pass(100);
    assert_eq!(world.status("a"), ended);
    assert!(world.api.children.is_empty());
    world.rerun("a", "now");
    world.settle();
    assert_eq!(world.status("a").run.unwrap().number, 1);
    assert_eq!(world.phase("a"), Phase::Initializing);
}

#[test]
fn s5_what_another_controller_left_under_way_is_begun_anew() {
    let mut world = World::with("a", spec());
    world.api.jobs.get_mut("a").unwrap().status = Some(NotebookValidationJobStatus {
        phase: Some(Phase::Running),
        ..NotebookValidationJobStatus::default()
    });
    world.until_end("a");
    assert_eq!(world.phase("a"), Phase::Succeeded);
    world.is_sound();
}

#[test]
fn s5_a_job_is_deleted_when_its_time_after_the_end_is_over() {
    let mut world = World::with("a", spec());
    world.edit("a", |spec| spec.ttl_seconds_after_finished = Some(60));
    world.until_end("a");
    let plan = world.plan("a");
    assert!(
        matches!(plan.again, Again::After(left) if left.as_secs() <= 60),
        "{:?}",
        plan.again
    );
    world.now = world
        .now
        .checked_add(k8s_openapi::jiff::SignedDuration::from_secs(61))
        .unwrap();
    assert_eq!(world.plan("a").delete, [Deletion::Job]);
    world.settle();
    assert!(world.api.jobs.is_empty());
}

#[test]
fn s5_a_job_that_is_being_deleted_is_left_alone() {
    let mut world = World::with("a", spec());
    world.settle();
    let now = world.now;
    world.api.jobs.get_mut("a").unwrap().metadata.deletion_timestamp = Some(Time(now));
    let plan = world.plan("a");
    assert!(plan.is_idle() && plan.again == Again::OnChange);
}

/// Two jobs of one identity, the first of which builds.
fn two() -> World {
    let mut world = World::with("a", spec());
    world.add("b", spec());
    world.settle();
    world.ends_well("a", Step::Prepare);
    world.ends_well("b", Step::Prepare);
    world.pass(1);
    world
}

#[test]
fn s5_jobs_of_one_identity_share_one_build() {
    let mut world = two();
    let build = world.build().unwrap();
    assert_eq!(world.built, std::slice::from_ref(&build.name));
    assert_eq!(build.owners, ["uid-a", "uid-b"]);
    assert_eq!([world.phase("a"), world.phase("b")], [Phase::Building; 2]);
    world.build_ends_well();
    world.pass(1);
    for job in ["a", "b"] {
        assert_eq!(world.phase(job), Phase::ValidationRunning);
        world.ends_well(job, Step::Validate);
    }
    world.pass(1);
    assert_eq!([world.phase("a"), world.phase("b")], [Phase::Succeeded; 2]);
    assert_eq!(world.built.len(), 1);
    world.is_sound();
}

#[test]
fn s5_who_leaves_a_build_leaves_it_to_the_others_and_the_last_one_deletes_it() {
    let mut world = two();
    world.cancel("a");
    world.settle();
    let build = world.build().unwrap();
    assert_eq!(build.owners, ["uid-b"]);
    assert!(build.joined.iter().all(|joined| joined.job == "uid-b"));
    assert_eq!(world.phase("b"), Phase::Building);
    world.cancel("b");
    world.settle();
    assert!(world.build().is_none());
    world.is_sound();
}

#[test]
fn s5_of_two_that_leave_at_once_one_is_refused_and_then_deletes() {
    let mut world = two();
    world.cancel("a");
    world.cancel("b");
    let (a, b) = (world.plan("a"), world.plan("b"));
    assert!(!a.leave[0].last && !b.leave[0].last, "each sees the other");
    assert!(world.act("a", &a, None, None));
    assert!(!world.act("b", &b, None, None), "the build has changed since");
    world.settle();
    assert!(world.build().is_none());
    world.is_sound();
}

#[test]
fn s5_a_build_that_ended_well_without_a_run_is_found_by_the_registry() {
    let mut world = World::with("a", spec());
    world.add("b", spec());
    world.settle();
    world.ends_well("b", Step::Prepare);
    world.ends_well("a", Step::Prepare);
    world.now = world
        .now
        .checked_add(k8s_openapi::jiff::SignedDuration::from_secs(5))
        .unwrap();
    world.settle_one("a");
    world.build_ends_well();
    // The second job sees the build only now: prepare looks again, and nothing is built.
    world.settle_one("b");
    let again = world.child("b", Step::Prepare).unwrap();
    assert!(again.inputs.starts_with("again-"), "{}", again.inputs);
    assert_eq!(world.status("b").validation_retry_count, None, "that is no retry");
    world.ends_well("b", Step::Prepare);
    world.pass(1);
    assert_eq!(
        world.condition("b", ConditionType::ImageBuilt),
        "True ImageReused"
    );
    assert_eq!(world.built.len(), 1);
    world.is_sound();
}

#[test]
fn s5_where_the_image_is_gone_from_the_registry_it_is_built_under_the_next_attempt() {
    let mut world = World::with("a", spec());
    world.until_end("a");
    world.registry.clear();
    world.add("b", spec());
    world.pass(10);
    world.ends_well("b", Step::Prepare);
    world.pass(1);
    assert_eq!(world.build().unwrap().attempt, 2);
    assert_eq!(world.phase("b"), Phase::Building);
    world.is_sound();
}

#[test]
fn s5_without_a_cache_every_run_builds_anew() {
    let mut world = World::with("a", spec());
    world.edit("a", |spec| {
        spec.pod_config.build_config.as_mut().unwrap().cache = Some(BuildCache {
            enabled: Some(false),
            ..BuildCache::default()
        });
    });
    world.until_end("a");
    world.rerun("a", "again");
    world.settle();
    let child = world.child("a", Step::Prepare).unwrap();
    let mut prepared = world.prepared("a");
    prepared.image = None;
    let body = nbvet_operator_decide::observed::Body::Read(Box::new(nbvet_report::step::StepBody::Prepared(
        Box::new(prepared),
    )));
    world.read.insert(child.name, body);
    world.ends_well("a", Step::Prepare);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Building);
    assert_eq!(world.built.len(), 2);
    world.is_sound();
}

#[test]
fn s5_a_build_of_another_namespace_or_without_our_label_is_never_taken() {
    let mut world = World::with("a", spec());
    world.settle();
    world.ends_well("a", Step::Prepare);
    let mut template = {
        let mut other = World::with("a", spec());
        other.settle();
        other.ends_well("a", Step::Prepare);
        other.pass(1);
        other.build_ends_well();
        other.build().unwrap()
    };
    template.state = BuildState::Complete {
        at: world.now,
        image: Some(image('f')),
        size: None,
    };
    let changes: [fn(&mut Build); 5] = [
        |build| "elsewhere".clone_into(&mut build.namespace),
        |build| build.ours = false,
        |build| "another-name".clone_into(&mut build.name),
        |build| "registry.example/other/nbvet".clone_into(&mut build.destination),
        |build| build.identity = "0".repeat(64),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut foreign = template.clone();
        change(&mut foreign);
        world.api.builds.insert(format!("foreign-{index}"), foreign);
    }
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Building);
    assert_eq!(world.built.len(), 1);
    assert!(world.child("a", Step::Validate).is_none());
    assert_eq!(world.api.builds[&world.built[0]].namespace, NAMESPACE);
    world.is_sound();
}

#[test]
fn s5_a_child_that_was_deleted_by_hand_begins_again_under_its_name() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    let name = world.child("a", Step::Validate).unwrap().name;
    world.api.children.remove(&name);
    world.settle();
    assert_eq!(world.child("a", Step::Validate).unwrap().name, name);
    world.ends_well("a", Step::Validate);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Succeeded);
    world.is_sound();
}

#[test]
fn s5_a_lost_status_is_found_again_from_what_the_steps_left() {
    let mut world = World::with("a", spec());
    world.until_end("a");
    let before = world.status("a");
    world.api.jobs.get_mut("a").unwrap().status = None;
    world.api.builds.clear();
    world.settle();
    let after = world.status("a");
    assert_eq!(after.run, before.run);
    assert_eq!(after.verdict, before.verdict);
    assert_eq!(after.completion_time, before.completion_time);
    world.is_sound();
}

#[test]
fn s5_what_stands_in_the_way_under_a_childs_name_is_told() {
    let mut world = World::with("a", spec());
    let name = world.plan("a").create[0].name.clone();
    world.taken = vec![name.clone()];
    world.settle();
    assert_eq!(
        world.condition("a", ConditionType::Finished),
        format!("True {}", Reason::InternalError)
    );
    assert!(world.status("a").message.unwrap().contains(&name));
}

#[test]
fn s5_the_notebook_of_a_run_waits_until_that_of_the_run_before_is_gone() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    world.rerun("a", "again");
    world.settle();
    world.ends_well("a", Step::Prepare);
    world.pass(1);
    let plan = world.plan("a");
    assert!(plan.create.is_empty(), "{plan:?}");
    let waiting = world.status("a").step.unwrap().waiting_for.unwrap();
    assert!(waiting.contains("the run before"), "{waiting}");
    world.collect();
    world.settle();
    assert_eq!(world.child("a", Step::Validate).unwrap().run.number, 2);
    world.is_sound();
}
