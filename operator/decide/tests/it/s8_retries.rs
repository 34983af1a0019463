//! Section 8: what is tried again, how often, how long after, and what never is.

use k8s_openapi::jiff::SignedDuration;
use nbvet_operator_api::{ConditionType, Phase, Reason, RetryPolicy};
use nbvet_operator_decide::{
    Again,
    observed::{Body, BuildState, ChildState, Held, Refused, Unserved},
    plan::Deletion,
};
use nbvet_report::{Outcome, step::Step};

use crate::world::{World, spec};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Then {
    Again,
    Over,
}

/// A step that said this is tried again, or the run is over with its reason.
fn check_said(step: Step, reason: Reason, transient: bool, then: Then) {
    let mut world = before(step);
    world.says("a", step, Outcome::Error, reason, transient);
    after(world, step, reason, then);
}

/// The same where the pod left no word.
fn check_broken(step: Step, reason: Reason, transient: bool, then: Then) {
    let mut world = before(step);
    world.breaks("a", step, reason, transient);
    after(world, step, reason, then);
}

fn before(step: Step) -> World {
    let mut wanted = spec();
    wanted
        .pod_config
        .build_config
        .as_mut()
        .unwrap()
        .publish_to_registry = Some(true);
    let mut world = World::with("a", wanted);
    match step {
        Step::Prepare => {
            world.settle();
        }
        Step::Validate => world.until_validation("a"),
        _ => {
            world.until_validation("a");
            world.ends_well("a", Step::Validate);
            world.pass(1);
        }
    }
    world
}

fn after(mut world: World, step: Step, reason: Reason, then: Then) {
    world.settle();
    if then == Then::Again {
        assert!(
            !world.phase("a").is_terminal(),
            "{step} {reason}: {:?}",
            world.status("a").message
        );
        world.pass(400);
        assert_eq!(world.child("a", step).unwrap().attempt, 2, "{step} {reason}");
    } else {
        assert_eq!(
            world.condition("a", ConditionType::Finished),
            format!("True {reason}"),
            "{step}"
        );
        world.pass(400);
        assert_eq!(
            world.child("a", step).map(|child| child.attempt),
            Some(1),
            "{step} {reason}"
        );
    }
    world.is_sound();
}

#[test]
fn s8_faults_of_machines_servers_and_networks_are_tried_again() {
    for step in [Step::Prepare, Step::Validate, Step::Publish] {
        for reason in [Reason::Evicted, Reason::NodeLost, Reason::ReportLost] {
            check_broken(step, reason, true, Then::Again);
        }
        check_broken(step, Reason::ImagePullFailed, true, Then::Again);
        check_said(step, Reason::InternalError, true, Then::Again);
        check_said(step, Reason::Unreachable, true, Then::Again);
        check_said(step, Reason::Unreachable, false, Then::Over);
    }
    check_said(Step::Validate, Reason::AgentLost, true, Then::Again);
    check_said(Step::Prepare, Reason::BaseImageNotFound, true, Then::Again);
    check_said(Step::Publish, Reason::PublishFailed, true, Then::Again);
}

#[test]
fn s8_what_somebody_has_to_mend_is_not() {
    for reason in [
        Reason::AuthenticationFailed,
        Reason::RefNotFound,
        Reason::NotebookNotFound,
        Reason::SourceTooLarge,
        Reason::DependencyConflict,
        Reason::BaseImageNotFound,
    ] {
        check_said(Step::Prepare, reason, false, Then::Over);
    }
    for step in [Step::Prepare, Step::Validate, Step::Publish] {
        check_broken(step, Reason::AdmissionRefused, false, Then::Over);
        check_broken(step, Reason::ImagePullFailed, false, Then::Over);
    }
    check_said(Step::Publish, Reason::PushDenied, false, Then::Over);
    check_said(Step::Publish, Reason::PublishFailed, false, Then::Over);
}

#[test]
fn s8_whatever_the_notebook_did_itself_is_not_even_where_it_says_so() {
    for reason in [
        Reason::NotebookFailed,
        Reason::ChecksFailed,
        Reason::GoldenMismatch,
        Reason::CellTimedOut,
        Reason::ValidationTimedOut,
        Reason::OutOfMemory,
    ] {
        check_said(Step::Validate, reason, true, Then::Over);
        check_broken(Step::Validate, reason, true, Then::Over);
    }
}

#[test]
fn s8_preparing_and_validating_have_one_budget_and_publishing_its_own() {
    let mut world = before(Step::Prepare);
    world.breaks("a", Step::Prepare, Reason::NodeLost, true);
    world.pass(400);
    world.ends_well("a", Step::Prepare);
    world.pass(1);
    world.build_ends_well();
    world.pass(1);
    for retries in [1, 2] {
        assert_eq!(world.status("a").validation_retry_count, Some(retries));
        world.breaks("a", Step::Validate, Reason::Evicted, true);
        world.pass(400);
    }
    assert_eq!(world.status("a").validation_retry_count, Some(3));
    assert_eq!(world.status("a").retry_count, Some(3));
    assert!(world.status("a").last_retry_time.is_some());
    world.breaks("a", Step::Validate, Reason::Evicted, true);
    world.pass(400);
    assert_eq!(world.condition("a", ConditionType::Finished), "True Evicted");
    assert_eq!(world.verdict("a"), Some(Outcome::Error));
    world.is_sound();

    let mut world = before(Step::Publish);
    for _ in 0..3 {
        world.breaks("a", Step::Publish, Reason::NodeLost, true);
        world.pass(400);
    }
    world.ends_well("a", Step::Publish);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Succeeded);
    assert_eq!(world.status("a").validation_retry_count, None);
    world.is_sound();
}

#[test]
fn s8_a_budget_of_nothing_tries_nothing_again() {
    let mut world = World::with("a", spec());
    world.edit("a", |spec| {
        spec.retry_policy = Some(RetryPolicy {
            max_build_retries: Some(0),
            max_validation_retries: Some(0),
        });
    });
    world.settle();
    world.ends_well("a", Step::Prepare);
    world.pass(1);
    world.build_fails(Reason::NodeLost, true);
    world.pass(1);
    assert_eq!(world.condition("a", ConditionType::ImageBuilt), "False NodeLost");
    assert_eq!(world.built.len(), 1);
}

#[test]
fn s8_a_build_is_tried_again_once_unless_it_says_otherwise() {
    for (reason, transient, builds) in [
        (Reason::NodeLost, true, 2),
        (Reason::Evicted, true, 2),
        (Reason::BuildFailed, true, 2),
        (Reason::ImagePullFailed, true, 2),
        (Reason::BuildFailed, false, 1),
        (Reason::PushDenied, false, 1),
        (Reason::HashMissing, false, 1),
        (Reason::DependencyConflict, false, 1),
        (Reason::BuildTimedOut, false, 1),
        (Reason::BuildCancelled, false, 1),
        (Reason::AdmissionRefused, false, 1),
    ] {
        let mut world = World::with("a", spec());
        world.edit("a", |spec| spec.build_timeout = Some("10m".to_owned()));
        world.settle();
        world.ends_well("a", Step::Prepare);
        world.settle();
        world.pass(599);
        world.build_fails(reason, transient);
        world.pass(400);
        assert_eq!(world.built.len(), builds, "{reason} {transient}");
        if builds == 2 {
            assert_eq!(world.status("a").build_retry_count, Some(1));
            world.build_fails(reason, transient);
            world.pass(400);
        }
        assert_eq!(
            world.condition("a", ConditionType::ImageBuilt),
            format!("False {reason}")
        );
        assert_eq!(world.status("a").validation_retry_count, None);
        assert_eq!(world.built.len(), builds);
        assert!(world.child("a", Step::Validate).is_none());
        world.is_sound();
    }
}

#[test]
fn s8_a_build_that_ran_into_another_jobs_shorter_limit_is_tried_again() {
    let mut world = World::with("a", spec());
    world.edit("a", |spec| spec.build_timeout = Some("10m".to_owned()));
    world.add("b", spec());
    world.settle();
    world.ends_well("a", Step::Prepare);
    world.ends_well("b", Step::Prepare);
    world.pass(1);
    world.now = world.now.checked_add(SignedDuration::from_secs(600)).unwrap();
    world.build_fails(Reason::BuildTimedOut, false);
    world.settle();
    assert_eq!(
        world.condition("a", ConditionType::ImageBuilt),
        "False BuildTimedOut"
    );
    world.pass(400);
    assert_eq!(world.phase("b"), Phase::Building);
    assert_eq!((world.built.len(), world.build().unwrap().attempt), (2, 2));
    world.is_sound();
}

#[test]
fn s8_a_next_try_waits_longer_each_time_and_looks_again_by_timer() {
    let mut world = before(Step::Validate);
    let mut waited = Vec::new();
    for _ in 0..3 {
        world.breaks("a", Step::Validate, Reason::NodeLost, true);
        world.settle();
        let plan = world.plan("a");
        let Again::After(left) = plan.again else {
            panic!("{plan:?}");
        };
        waited.push(left.as_secs());
        world.pass(left.as_secs() - 1);
        let before = world.child("a", Step::Validate).unwrap().attempt;
        world.pass(2);
        assert_eq!(world.child("a", Step::Validate).unwrap().attempt, before + 1);
    }
    for (wait, least) in waited.iter().zip([5, 10, 20]) {
        assert!((least..=least * 3 / 2).contains(wait), "{waited:?}");
    }
    world.is_sound();
}

#[test]
fn s8_a_next_try_is_told_with_what_went_wrong() {
    let mut world = before(Step::Validate);
    world.breaks("a", Step::Validate, Reason::NodeLost, true);
    world.settle();
    world.events.clear();
    world.pass(400);
    let told: Vec<_> = world
        .events
        .iter()
        .map(|(_, event)| (event.warning, event.reason, event.note.as_str()))
        .collect();
    assert_eq!(
        told,
        [(true, Reason::NodeLost, "validate is tried again: in words")]
    );
}

#[test]
fn s8_what_is_created_and_not_served_yet_is_looked_for_after_100_to_1600_ms() {
    let mut world = World::with("a", spec());
    let name = world.plan("a").create[0].name.clone();
    for (looks, after) in [
        (0, Some(100)),
        (1, Some(200)),
        (2, Some(400)),
        (3, Some(800)),
        (4, Some(1600)),
        (5, None),
    ] {
        world.unserved = vec![Unserved {
            name: name.clone(),
            looks,
        }];
        let plan = world.plan("a");
        match after {
            Some(after) => {
                assert!(plan.create.is_empty());
                assert!(
                    matches!(plan.again, Again::After(left) if left.as_millis() == after),
                    "{plan:?}"
                );
            }
            None => assert_eq!(
                plan.create.len(),
                1,
                "it is created again: the API server says whether it is there"
            ),
        }
    }
}

#[test]
fn s8_a_result_that_cannot_be_read_is_never_a_pass() {
    let mut world = before(Step::Validate);
    let child = world.child("a", Step::Validate).unwrap();
    world
        .read
        .insert(child.name, Body::Lost("its digest is another one".to_owned()));
    world.ends_well("a", Step::Validate);
    world.settle();
    assert!(!world.phase("a").is_terminal());
    let message = world.status("a").message.unwrap();
    assert!(
        message.contains("ReportLost") && message.contains("digest"),
        "{message}"
    );
}

#[test]
fn s8_a_pass_that_left_no_result_is_tried_again() {
    for step in [Step::Prepare, Step::Validate] {
        let mut world = before(step);
        world.says("a", step, Outcome::Passed, Reason::Done, false);
        after(world, step, Reason::ReportLost, Then::Again);
    }
}

#[test]
fn s8_a_node_that_cannot_start_a_pod_is_given_five_minutes() {
    for reason in [Reason::ImagePullFailed, Reason::NodeLost] {
        let mut world = before(Step::Validate);
        let child = world.child("a", Step::Validate).unwrap();
        world.set_child(
            &child.name,
            ChildState::Starting {
                held: Some(Held::by_cluster(reason, "in words")),
            },
        );
        world.pass(290);
        assert_eq!(world.child("a", Step::Validate).unwrap().attempt, 1);
        world.pass(20);
        world.collect();
        world.settle();
        assert_eq!(world.child("a", Step::Validate).unwrap().attempt, 2, "{reason}");
    }
}

/// The newest validation of a pod that is held, at the time when patience with it ends.
fn held_too_long(world: &mut World, reason: Reason) -> String {
    let child = world.child("a", Step::Validate).unwrap();
    let held = Held::by_cluster(reason, "in words");
    world.set_child(&child.name, ChildState::Starting { held: Some(held) });
    let Again::After(left) = world.settle() else {
        panic!("{:?}", world.plan("a"));
    };
    world.pass(left.as_secs());
    child.name
}

#[test]
fn s8_tries_that_were_held_too_long_are_counted_to_the_last_one() {
    let mut world = before(Step::Validate);
    for tried in 1..=4 {
        held_too_long(&mut world, Reason::ImagePullFailed);
        if tried < 4 {
            world.pass(60);
            assert!(world.child("a", Step::Validate).unwrap().deleting);
            let told = world.events.last().map(|(_, event)| event.reason);
            assert_eq!(told, Some(Reason::ImagePullFailed));
            // Not before its pod is gone, which might run yet.
            world.pass(60);
            world.collect();
            world.settle();
            assert_eq!(world.child("a", Step::Validate).unwrap().attempt, tried + 1);
            assert_eq!(world.status("a").validation_retry_count, Some(i64::from(tried)));
        }
    }
    assert_eq!(
        world.condition("a", ConditionType::Finished),
        "True ImagePullFailed"
    );
    world.is_sound();
}

#[test]
fn s8_a_pod_that_starts_after_all_while_the_next_try_is_awaited_is_no_failure() {
    let mut world = before(Step::Validate);
    let name = held_too_long(&mut world, Reason::ImagePullFailed);
    let since = world.now;
    world.set_child(&name, ChildState::Running { since });
    world.pass(400);
    assert_eq!(world.child("a", Step::Validate).unwrap().attempt, 1);
    world.until_end("a");
    assert_eq!(world.status("a").validation_retry_count, None);
    world.is_sound();
}

#[test]
fn s8_the_pod_of_a_lost_node_is_not_waited_for() {
    let mut world = before(Step::Validate);
    world.breaks("a", Step::Validate, Reason::NodeLost, true);
    let child = world.child("a", Step::Validate).unwrap();
    let (_, lost) = world.api.children.get_mut(&child.name).unwrap();
    // Somebody deletes it, and it stays as long as its node is away.
    (lost.alive, lost.deleting) = (true, true);
    world.pass(400);
    assert_eq!(world.child("a", Step::Validate).unwrap().attempt, 2);
    assert!(world.api.children.contains_key(&child.name));
    world.ends_well("a", Step::Validate);
    world.settle();
    assert_eq!(world.condition("a", ConditionType::Validated), "True Done");
    world.is_sound();
}

#[test]
fn s8_a_try_that_was_followed_by_another_and_whose_pod_is_still_there_is_deleted() {
    let mut world = before(Step::Validate);
    let first = world.child("a", Step::Validate).unwrap();
    world.breaks("a", Step::Validate, Reason::NodeLost, true);
    world.pass(400);
    assert_eq!(world.child("a", Step::Validate).unwrap().attempt, 2);
    // Killed between the two writes: the next one is there, and the first is not deleted.
    let first = world.api.children.get_mut(&first.name).unwrap();
    first.1.alive = true;
    let plan = world.plan("a");
    assert!(
        matches!(&plan.delete[..], [Deletion::Child { .. }]),
        "{:?}",
        plan.delete
    );
}

#[test]
fn s8_a_pod_that_went_past_a_limit_of_its_own_is_not_tried_again() {
    check_broken(Step::Validate, Reason::Evicted, false, Then::Over);
    check_broken(Step::Validate, Reason::Evicted, true, Then::Again);
}

#[test]
fn s8_what_is_refused_for_now_is_told_and_created_when_there_is_room() {
    for build in [false, true] {
        let mut world = World::with("a", spec());
        world.settle();
        if build {
            world.ends_well("a", Step::Prepare);
        } else {
            world.api.children.clear();
        }
        let plan = world.plan("a");
        let refused = Refused {
            name: plan.create.last().unwrap().name.clone(),
            reason: Reason::AdmissionRefused,
            passes: true,
            message: "the quota `q` has no room".to_owned(),
        };
        world.refused = vec![refused];
        // What else there was to write is written.
        world.settle();
        let plan = world.plan("a");
        assert_eq!(plan.create, [], "{build}");
        assert_eq!(plan.again, Again::After(SignedDuration::from_secs(15)), "{build}");
        let status = world.status("a");
        let waits_for = status.step.and_then(|step| step.waiting_for);
        assert_eq!(waits_for.as_deref(), Some("the quota `q` has no room"), "{build}");
        let message = status.message.unwrap();
        assert!(
            message.ends_with("cannot be created yet: the quota `q` has no room"),
            "{message}"
        );
        world.refused.clear();
        world.settle();
        assert!(!world.phase("a").is_terminal(), "{build}");
        world.is_sound();
    }
}

#[test]
fn s8_where_the_image_of_a_build_that_ended_well_is_nowhere_the_next_one_counts() {
    let mut world = World::with("a", spec());
    world.settle();
    world.ends_well("a", Step::Prepare);
    world.pass(1);
    let first = world.build().unwrap();
    let state = BuildState::Complete {
        at: world.now,
        image: None,
        size: None,
    };
    world.set_build(&first.name, state);
    world.pass(1);
    // The registry is asked, and has none.
    world.ends_well("a", Step::Prepare);
    world.pass(10);
    let second = world.build().unwrap();
    assert_eq!(second.attempt, 2);
    world.pass(1);
    world.build_ends_well();
    world.pass(1);
    assert_eq!(world.condition("a", ConditionType::ImageBuilt), "True Done");
    assert_eq!(world.status("a").build_retry_count, Some(1));
    world.is_sound();
}
