//! The way of a job whose every step goes well: prepare, build, validate, publish, end.

use k8s_openapi::jiff::SignedDuration;
use nbvet_operator_api::{ConditionType, Phase, Reason};
use nbvet_operator_decide::{
    Again,
    plan::{Task, Work},
};
use nbvet_report::{Outcome, step::Step};

use crate::world::{World, image, spec, spec_without_build};

/// What a plan creates, in words.
fn creates(world: &World, job: &str) -> Vec<String> {
    let plan = world.plan(job);
    let name = |work: &Work| match work {
        Work::Step(step) => step.task.step().to_string(),
        Work::Build(build) => format!("build {}", build.attempt),
        Work::Stream(_) => "stream".to_owned(),
        Work::Record(record) => format!("record of {}", record.step),
    };
    plan.create.iter().map(|intent| name(&intent.work)).collect()
}

#[test]
fn s6_a_job_goes_from_phase_to_phase_and_each_step_comes_after_the_one_before() {
    let mut world = World::with("a", spec());
    assert_eq!(creates(&world, "a"), ["prepare"]);
    world.settle();
    assert_eq!(world.phase("a"), Phase::Initializing);
    assert_eq!(creates(&world, "a"), [""; 0], "the second look creates nothing");

    world.ends_well("a", Step::Prepare);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Building);
    assert_eq!(world.condition("a", ConditionType::SourceReady), "True Done");
    assert_eq!(world.condition("a", ConditionType::PolicyPassed), "True Done");
    assert_eq!(
        world.condition("a", ConditionType::ImageBuilt),
        "Unknown InProgress"
    );
    assert!(
        world.child("a", Step::Validate).is_none(),
        "no validation before the build"
    );

    world.build_ends_well();
    let plan = world.plan("a");
    let status = plan.status.as_ref().unwrap();
    assert_eq!(status.phase, Some(Phase::BuildComplete));
    assert_eq!(creates(&world, "a"), ["validate"]);
    let Work::Step(work) = &plan.create[0].work else {
        panic!("a step");
    };
    let Task::Validate { image: run_in, .. } = &work.task else {
        panic!("a validation");
    };
    assert_eq!(run_in.as_str(), image('a'));
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::ValidationRunning);
    assert_eq!(world.condition("a", ConditionType::ImageBuilt), "True Done");

    world.ends_well("a", Step::Validate);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Succeeded);
    assert_eq!(world.verdict("a"), Some(Outcome::Passed));
    for (kind, expected) in [
        (ConditionType::Ready, "True Done"),
        (ConditionType::Finished, "True Done"),
        (ConditionType::Reconciling, "False Done"),
        (ConditionType::Stalled, "False Done"),
        (ConditionType::Validated, "True Done"),
        (ConditionType::ValidationComplete, "True Done"),
        (ConditionType::Published, "False NotRequired"),
        (ConditionType::FieldsSupported, "True Done"),
    ] {
        assert_eq!(world.condition("a", kind), expected, "{kind}");
    }
    let plan = world.plan("a");
    assert!(plan.is_idle() && plan.again == Again::OnChange, "{plan:?}");
    world.is_sound();
    assert!(world.writes <= 16, "{} writes", world.writes);
}

/// Whether a plan writes a status.
fn writes(world: &World) -> bool {
    world.plan("a").status.is_some()
}

#[test]
fn s6_what_the_next_look_says_better_is_not_written_down() {
    let mut world = World::with("a", spec());
    assert!(!writes(&world), "prepare begins");
    world.settle();
    assert_eq!(world.phase("a"), Phase::Initializing);
    world.ends_well("a", Step::Prepare);
    world.settle_one("a");
    world.add("b", spec());
    world.settle();
    world.ends_well("b", Step::Prepare);
    world.settle();
    assert_eq!(world.phase("b"), Phase::Building);
    assert!(!writes(&world), "that others wait too");
    world.build_ends_well();
    assert!(
        writes(&world),
        "that the build has ended: no later status says so"
    );
    world.settle();
    world.breaks("a", Step::Validate, Reason::NodeLost, true);
    world.settle();
    world.now = world.now.checked_add(SignedDuration::from_mins(10)).unwrap();
    assert_eq!(creates(&world, "a"), ["validate"]);
    assert!(writes(&world), "that it is tried again, and why");
    world.settle();
    world.ends_well("a", Step::Validate);
    world.settle();
    assert_eq!(world.phase("a"), Phase::Succeeded);
    world.rerun("a", "1");
    assert_eq!(creates(&world, "a"), ["prepare"]);
    assert!(writes(&world), "another run is told at once");
    world.is_sound();
}

#[test]
fn s6_without_a_build_the_image_of_the_job_is_run_at_the_digest_that_prepare_found() {
    let mut world = World::with("a", spec_without_build());
    world.until_end("a");
    assert_eq!(world.phase("a"), Phase::Succeeded);
    assert_eq!(
        world.condition("a", ConditionType::ImageBuilt),
        "True NotRequired"
    );
    assert_eq!(world.built, [""; 0]);
    world.is_sound();
}

#[test]
fn s9_an_image_of_the_same_identity_is_taken_without_a_build() {
    let mut world = World::with("a", spec());
    world.registry.insert("a".repeat(64), image('a'));
    world.until_end("a");
    assert_eq!(world.phase("a"), Phase::Succeeded);
    assert_eq!(
        world.condition("a", ConditionType::ImageBuilt),
        "True ImageReused"
    );
    assert_eq!(world.built, [""; 0]);
    let build = world.status("a").build_status.unwrap();
    assert_eq!(
        (build.cache_hit, build.image_reference),
        (Some(true), Some(image('a')))
    );
    world.is_sound();
}

#[test]
fn s10_an_image_of_another_repository_is_not_taken_whoever_says_so() {
    let mut world = World::with("a", spec());
    let other = image('a').replace("team/nbvet", "others/nbvet");
    world.registry.insert("a".repeat(64), other);
    world.settle();
    world.ends_well("a", Step::Prepare);
    world.settle();
    assert_eq!(world.phase("a"), Phase::Failed);
    assert_eq!(
        world.condition("a", ConditionType::Finished),
        "True InternalError"
    );
    let validated = world.api.children.values();
    assert!(
        !validated
            .into_iter()
            .any(|(_, child)| child.step == Step::Validate)
    );
}

#[test]
fn s9_the_validated_image_is_published_under_its_name_for_people() {
    let mut with_publishing = spec();
    with_publishing
        .pod_config
        .build_config
        .as_mut()
        .unwrap()
        .publish_to_registry = Some(true);
    let mut world = World::with("a", with_publishing);
    world.until_validation("a");
    world.ends_well("a", Step::Validate);
    let plan = {
        world.settle();
        world.status("a")
    };
    assert_eq!(plan.phase, Some(Phase::ValidationRunning));
    assert_eq!(
        plan.message.as_deref(),
        Some("the pod of publish starts"),
        "what is going on is said"
    );
    assert_eq!(
        world.condition("a", ConditionType::Published),
        "Unknown InProgress"
    );
    world.ends_well("a", Step::Publish);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Succeeded);
    assert_eq!(world.condition("a", ConditionType::Published), "True Done");
    let published = world.status("a").published.unwrap();
    let digest = "a".repeat(64);
    assert_eq!(
        published.image_reference.as_deref(),
        Some(&*format!("registry.example/team/daily-sales@sha256:{digest}"))
    );
    world.is_sound();
}
