//! Section 6: how runs end other than well, and which condition says why.

use nbvet_operator_api::{ConditionType, Phase, Reason, condition, source::GitSource};
use nbvet_operator_decide::{observed::Body, phase};
use nbvet_report::{
    CellCounts, Level, Outcome,
    step::{Step, StepBody, StepEnd},
};

use crate::world::{World, blob, spec, spec_without_build, validated};

/// The end of prepare, and which condition is False for it with which verdict.
fn check_prepare(outcome: Outcome, reason: Reason, with_result: bool, kind: ConditionType, verdict: Outcome) {
    let mut world = World::with("a", spec());
    world.settle();
    let child = world.child("a", Step::Prepare).unwrap();
    let mut end = StepEnd::new(Step::Prepare, outcome, reason, "in words");
    end.blob = with_result.then(blob);
    world.ends(&child.name, end);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Failed, "{reason}");
    assert_eq!(world.condition("a", kind), format!("False {reason}"));
    assert_eq!(world.verdict("a"), Some(verdict), "{reason}");
    assert_eq!(
        world.condition("a", ConditionType::Stalled),
        format!("True {reason}")
    );
    assert_eq!(
        world.condition("a", ConditionType::Finished),
        format!("True {reason}")
    );
    assert_eq!(
        world.condition("a", ConditionType::Ready),
        format!("False {reason}")
    );
    assert_eq!(
        world.condition("a", ConditionType::Reconciling),
        format!("False {reason}")
    );
    assert_eq!(
        world.condition("a", ConditionType::Validated),
        format!("Unknown {reason}")
    );
    assert!(world.api.builds.is_empty() && world.child("a", Step::Validate).is_none());
    world.is_sound();
}

#[test]
fn s6_a_source_that_cannot_be_had_is_an_error() {
    for reason in [
        Reason::AuthenticationFailed,
        Reason::RefNotFound,
        Reason::NotebookNotFound,
        Reason::SourceTooLarge,
    ] {
        check_prepare(
            Outcome::Error,
            reason,
            false,
            ConditionType::SourceReady,
            Outcome::Error,
        );
    }
}

#[test]
fn s6_what_the_policy_refuses_fails() {
    for reason in [
        Reason::UnpinnedDependencies,
        Reason::HashMissing,
        Reason::DependencyConflict,
        Reason::PolicyRefused,
        Reason::RequirementsNotFound,
    ] {
        check_prepare(
            Outcome::Failed,
            reason,
            true,
            ConditionType::PolicyPassed,
            Outcome::Failed,
        );
    }
}

#[test]
fn s6_a_base_image_that_is_not_there_is_an_error_of_the_image() {
    check_prepare(
        Outcome::Error,
        Reason::BaseImageNotFound,
        true,
        ConditionType::ImageBuilt,
        Outcome::Error,
    );
}

#[test]
fn s6_what_users_wrote_wrong_ends_the_run_before_anything_runs() {
    let mut world = World::with("a", spec());
    world.edit("a", |spec| {
        spec.notebook.git = Some(GitSource {
            url: "http://git.example/a".to_owned(),
            reference: "main".to_owned(),
            credentials_secret: None,
        });
    });
    world.settle();
    assert_eq!(
        world.condition("a", ConditionType::SourceReady),
        "False SchemeNotAllowed"
    );
    assert_eq!(world.verdict("a"), Some(Outcome::Error));
    assert!(world.api.children.is_empty());

    let mut world = World::with("a", spec());
    world.config.allow_insecure_sources = true;
    world.edit("a", |spec| {
        spec.notebook.git.as_mut().unwrap().url = "http://git.example/a".to_owned();
    });
    world.settle();
    assert!(
        world.child("a", Step::Prepare).is_some(),
        "where the administrator allows it"
    );

    for (change, reason) in [
        (
            (|spec| "../up.ipynb".clone_into(&mut spec.notebook.path))
                as fn(&mut nbvet_operator_api::NotebookValidationJobSpec),
            "PathNotAllowed",
        ),
        (
            |spec| spec.timeout = Some("9999999999h".to_owned()),
            "InvalidField",
        ),
        (
            |spec| {
                let build = spec.pod_config.build_config.as_mut().unwrap();
                build.dockerfile = Some("a".to_owned());
                build.dockerfile_path = Some("b".to_owned());
            },
            "InvalidField",
        ),
    ] {
        let mut world = World::with("a", spec());
        world.edit("a", change);
        world.settle();
        assert_eq!(
            world.condition("a", ConditionType::SourceReady),
            format!("False {reason}")
        );
        assert!(world.api.children.is_empty());
    }
}

#[test]
fn s6_a_build_without_a_registry_is_told() {
    let mut world = World::with("a", spec());
    world.config.registry = None;
    world.settle();
    assert_eq!(world.condition("a", ConditionType::Finished), "True InvalidField");
    assert!(world.status("a").message.unwrap().contains("--registry"));
}

#[test]
fn s6_a_job_without_any_image_is_told_where_to_name_one() {
    for spec in [spec(), spec_without_build()] {
        let mut world = World::with("a", spec);
        world.edit("a", |spec| spec.pod_config.container_image = Some(String::new()));
        world.settle();
        assert_eq!(
            world.condition("a", ConditionType::SourceReady),
            "False InvalidField"
        );
        assert!(world.api.children.is_empty());
        let is_built = world.status("a").message.unwrap().contains("baseImage");
        let message = world.status("a").message.unwrap();
        assert!(message.contains("spec.podConfig.containerImage"), "{message}");
        let builds = world.api.jobs["a"].spec.pod_config.build_config.is_some();
        assert_eq!(is_built, builds, "{message}");
    }
    let mut world = World::with("a", spec());
    world.config.base_image = Some("python:3.12-slim".to_owned());
    world.edit("a", |spec| spec.pod_config.container_image = None);
    world.settle();
    assert!(
        world.child("a", Step::Prepare).is_some(),
        "the controller has one of its own"
    );
}

#[test]
fn s6_the_notebooks_own_end_is_its_verdict() {
    for (outcome, reason) in [
        (Outcome::Failed, Reason::NotebookFailed),
        (Outcome::Failed, Reason::ChecksFailed),
        (Outcome::Failed, Reason::GoldenMismatch),
        (Outcome::TimedOut, Reason::CellTimedOut),
        (Outcome::TimedOut, Reason::ValidationTimedOut),
    ] {
        let mut world = World::with("a", spec());
        world.until_validation("a");
        let child = world.child("a", Step::Validate).unwrap();
        let mut end = StepEnd::new(Step::Validate, outcome, reason, "in words");
        end.blob = Some(blob());
        world.ends(&child.name, end);
        world.pass(1);
        assert_eq!(world.phase("a"), Phase::Failed);
        assert_eq!(world.verdict("a"), Some(outcome));
        assert_eq!(
            world.condition("a", ConditionType::Validated),
            format!("False {reason}")
        );
        assert_eq!(
            world.condition("a", ConditionType::ValidationComplete),
            format!("False {reason}")
        );
        assert!(world.status("a").report.is_some());
        world.is_sound();
    }
}

#[test]
fn s6_a_pass_without_a_report_is_no_pass() {
    let mut world = World::with("a", spec_without_build());
    world.edit("a", |spec| {
        spec.retry_policy = Some(nbvet_operator_api::RetryPolicy {
            max_build_retries: None,
            max_validation_retries: Some(0),
        });
    });
    world.until_validation("a");
    world.says("a", Step::Validate, Outcome::Passed, Reason::Done, false);
    world.pass(1);
    assert_eq!(world.condition("a", ConditionType::Finished), "True ReportLost");
    assert_eq!(world.verdict("a"), Some(Outcome::Error));
}

#[test]
fn s6_a_result_of_another_step_is_not_believed() {
    let mut world = World::with("a", spec_without_build());
    world.until_validation("a");
    let child = world.child("a", Step::Validate).unwrap();
    let other = StepBody::Published(nbvet_report::step::Published::default());
    world.read.insert(child.name, Body::Read(Box::new(other)));
    world.ends_well("a", Step::Validate);
    world.pass(1);
    assert_eq!(world.condition("a", ConditionType::Finished), "True ReportLost");
    assert_eq!(world.verdict("a"), Some(Outcome::Error));
}

fn publishing(level: Option<Level>) -> World {
    let mut wanted = spec();
    wanted
        .pod_config
        .build_config
        .as_mut()
        .unwrap()
        .publish_to_registry = Some(true);
    wanted.validation_config = Some(nbvet_operator_api::validation::ValidationConfig {
        level,
        ..Default::default()
    });
    World::with("a", wanted)
}

#[test]
fn s6_at_learning_nothing_is_published_and_the_job_succeeds() {
    let mut world = publishing(Some(Level::Learning));
    world.until_end("a");
    assert_eq!(world.phase("a"), Phase::Succeeded);
    assert_eq!(
        world.condition("a", ConditionType::Published),
        "False LevelTooLow"
    );
    assert!(world.child("a", Step::Publish).is_none());
    for level in [
        None,
        Some(Level::Development),
        Some(Level::Staging),
        Some(Level::Production),
    ] {
        let mut world = publishing(level);
        world.until_end("a");
        assert_eq!(
            world.condition("a", ConditionType::Published),
            "True Done",
            "{level:?}"
        );
    }
}

#[test]
fn s6_where_publishing_fails_the_job_fails_and_the_verdict_stays() {
    let mut world = publishing(None);
    world.until_validation("a");
    world.ends_well("a", Step::Validate);
    world.pass(1);
    world.says("a", Step::Publish, Outcome::Error, Reason::PushDenied, false);
    world.pass(1);
    assert_eq!(world.phase("a"), Phase::Failed);
    assert_eq!(world.condition("a", ConditionType::Published), "False PushDenied");
    assert_eq!(world.verdict("a"), Some(Outcome::Passed));
    assert_eq!(world.condition("a", ConditionType::Validated), "True Done");
    world.is_sound();
}

#[test]
fn s6_a_notebook_that_did_not_pass_is_not_published() {
    let mut world = publishing(None);
    world.until_validation("a");
    world.says(
        "a",
        Step::Validate,
        Outcome::Failed,
        Reason::NotebookFailed,
        false,
    );
    world.pass(1);
    assert!(world.child("a", Step::Publish).is_none());
    assert_eq!(world.phase("a"), Phase::Failed);
}

#[test]
fn s6_fields_that_do_not_act_are_named_and_the_run_goes_on() {
    let mut world = World::with("a", spec());
    world.edit("a", |spec| {
        spec.model_validation = Some(nbvet_operator_api::model::ModelValidation::default());
    });
    world.until_end("a");
    assert_eq!(
        world.condition("a", ConditionType::FieldsSupported),
        "False FieldNotSupported"
    );
    assert_eq!(world.phase("a"), Phase::Succeeded);
}

#[test]
fn s6_a_source_that_is_not_supported_ends_the_run() {
    let mut world = World::with("a", spec());
    world.edit("a", |spec| {
        spec.notebook.git = None;
        spec.notebook.oci = Some(nbvet_operator_api::source::OciSource::default());
    });
    world.settle();
    assert_eq!(
        world.condition("a", ConditionType::FieldsSupported),
        "False FieldNotSupported"
    );
    assert_eq!(
        world.condition("a", ConditionType::Finished),
        "True FieldNotSupported"
    );
    assert_eq!(world.verdict("a"), Some(Outcome::Error));
    assert!(world.api.children.is_empty());
}

#[test]
fn s6_the_phase_is_what_the_conditions_come_to() {
    let mut world = World::with("a", spec());
    world.until_end("a");
    let status = world.status("a");
    assert_eq!(phase(&status.conditions), Phase::Succeeded);
    assert_eq!(phase(&[]), Phase::Initializing);
}

#[test]
fn s6_what_is_odd_about_a_source_stands_in_the_status_when_its_event_is_forgotten() {
    let mut world = World::with("a", spec());
    let odd = "spec.parameters: the cell tagged `parameters` sets no `alhpa`";
    world.warnings = vec![odd.to_owned()];
    world.until_end("a");
    let status = world.status("a");
    let ready = condition(&status.conditions, ConditionType::SourceReady).unwrap();
    assert_eq!(ready.status, "True");
    let source = status.source.as_ref().unwrap().told();
    assert_eq!(ready.message, format!("{source}; {odd}"));
    assert_eq!(status.phase, Some(Phase::Succeeded));
    assert!(
        world
            .events
            .iter()
            .any(|(_, event)| event.warning && event.note == odd)
    );
}

#[test]
fn s6_people_are_told_of_each_transition_once() {
    let mut world = World::with("a", spec());
    world.until_end("a");
    world.pass(100);
    let told: Vec<String> = world
        .events
        .iter()
        .map(|(_, event)| {
            format!(
                "{}{}: {}",
                if event.warning { "!" } else { "" },
                event.reason,
                event.note
            )
        })
        .collect();
    let commit = "c".repeat(40);
    assert_eq!(
        told,
        [
            "Building: the image is being built".to_owned(),
            format!("Fetched: reports/Daily Sales.ipynb at {commit}"),
            "Prepared: the dependencies may be used".to_owned(),
            "Built: the image is built".to_owned(),
            "Succeeded: the notebook works".to_owned(),
        ]
    );
}

#[test]
fn a_notebook_of_which_no_cell_ran_is_not_told_to_work() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    let child = world.child("a", Step::Validate).unwrap();
    let mut result = validated(Outcome::Passed);
    result.report.notebooks[0].verdict.cells = Some(CellCounts::default());
    let body = StepBody::Validated(Box::new(result));
    world.read.insert(child.name.clone(), Body::Read(Box::new(body)));
    world.ends_well("a", Step::Validate);
    world.pass(100);
    let told = "Succeeded: there is no code cell to run: nothing was checked";
    let events = world.events.iter();
    let events: Vec<String> = events
        .map(|(_, event)| format!("{}: {}", event.reason, event.note))
        .collect();
    assert!(events.iter().any(|event| event == told), "{events:?}");
    assert!(
        !events.iter().any(|event| event.contains("the notebook works")),
        "{events:?}"
    );
}

#[test]
fn s6_each_event_has_a_reason_of_its_own_and_none_is_done() {
    let mut spec = spec();
    spec.pod_config.build_config.as_mut().unwrap().publish_to_registry = Some(true);
    let mut world = World::with("a", spec);
    world.settle();
    let mut prepared = world.prepared("a");
    prepared.warnings = vec!["no dependency file was found".to_owned()];
    let child = world.child("a", Step::Prepare).unwrap().name;
    let body = StepBody::Prepared(Box::new(prepared));
    world.read.insert(child, Body::Read(Box::new(body)));
    world.until_end("a");
    let told: Vec<_> = world
        .events
        .iter()
        .map(|(_, event)| event.reason.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "Building",
            "Fetched",
            "Prepared",
            "DependencyWarning",
            "Built",
            "Validated",
            "Published",
            "Succeeded"
        ]
    );
}

#[test]
fn s6_a_status_has_no_clock_readings() {
    let mut world = World::with("a", spec());
    world.until_validation("a");
    let before = world.status("a");
    for seconds in [1, 60, 3600] {
        world.pass(seconds);
        assert_eq!(world.status("a"), before);
    }
}
