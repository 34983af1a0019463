//! Every field of the status, written in one story or kept as another controller left it. The fields are those of
//! `operator/api/fixtures/status-fields.tsv`.

use std::collections::BTreeSet;

use nbvet_operator_api::{NotebookValidationJobStatus, Reason};
use nbvet_operator_decide::observed::{Body, ChildState, Held};
use nbvet_report::{
    NotebookReport, Outcome,
    step::{FoundRequirements, Published, Step, StepBody, StepEnd},
};
use serde_json::{Value, json};

use crate::world::{World, blob, image, spec, validated};

const TABLE: &str = include_str!("../../../api/fixtures/status-fields.tsv");

/// The rows that are met in one way.
fn rows(how: &str) -> BTreeSet<&'static str> {
    let rows = TABLE.lines().skip(1).filter_map(|line| line.split_once('\t'));
    rows.filter(|(_, way)| *way == how)
        .map(|(path, _)| path)
        .collect()
}

/// The paths of everything that is set: `status.results[].cellIndex`. What other controllers wrote is one thing.
fn paths(at: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) if !rows("kept").contains(at) => {
            for (name, below) in members {
                paths(&format!("{at}.{name}"), below, found);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) && !rows("kept").contains(at) => {
            for item in items {
                paths(&format!("{at}[]"), item, found);
            }
        }
        _ => {
            found.insert(at.to_owned());
        }
    }
}

/// A status that another controller left.
fn foreign() -> NotebookValidationJobStatus {
    serde_json::from_value(json!({
        "modelValidationResult": {"success": true},
        "buildStatus": {
            "phase": "Complete", "recommendedImage": "registry.example/old:1",
            "availableImages": [{"name": "old", "imageRef": "registry.example/old:1"}],
        },
    }))
    .unwrap()
}

/// A notebook whose report has something of everything.
fn report() -> NotebookReport {
    let mut report = serde_json::to_value(&validated(Outcome::Passed).report.notebooks[0]).unwrap();
    report.as_object_mut().unwrap().extend([
        (
            "diagnostics".to_owned(),
            json!([{
                "rule": {"id": "NB211", "name": "nan-result"}, "severity": "note", "message": "what was seen",
                "help": "how to mend it", "explanation": "why it matters", "example": "x = 1",
                "location": {
                    "cell": 1, "line": 1, "column": 1, "endLine": 1, "endColumn": 2, "fileLine": 9, "fileEndLine": 9,
                },
            }]),
        ),
        (
            "cells".to_owned(),
            json!([{
                "cell": 1, "cellId": "c1", "outcome": "error", "seconds": 0.1, "lastOutput": "text\n",
                "error": {"name": "ValueError", "value": "no", "traceback": []},
            }]),
        ),
        ("end".to_owned(), json!({"kind": "completed"})),
        (
            "comparison".to_owned(),
            json!({
                "golden": "g.ipynb", "strategy": "exact", "result": "failed", "totalCells": 1, "matchedCells": 0,
                "mismatchedCells": 1, "skippedCells": 0,
                "diffs": [{
                    "cellIndex": 1, "cellType": "code", "diffType": "content", "output": "stdout", "expected": "1",
                    "actual": "2", "diff": "-1\n+2\n",
                }],
            }),
        ),
    ]);
    serde_json::from_value(report).unwrap()
}

/// What is looked at after each thing that happens.
struct Story {
    world: World,
    set: BTreeSet<String>,
}

impl Story {
    fn settle(&mut self) {
        self.world.pass(1);
        let status = serde_json::to_value(self.world.status("a")).unwrap();
        paths("status", &status, &mut self.set);
    }

    /// A step ends with this result.
    fn ends(&mut self, step: Step, body: StepBody) {
        let child = self.world.child("a", step).unwrap();
        self.world
            .read
            .insert(child.name.clone(), Body::Read(Box::new(body)));
        let mut end = StepEnd::new(step, Outcome::Passed, Reason::Done, "it went well");
        end.blob = Some(blob());
        self.world.ends(&child.name, end);
        self.settle();
    }

    /// A step's pod does not start.
    fn held(&mut self, step: Step) {
        let child = self.world.child("a", step).unwrap();
        let held = Held {
            reason: Reason::Unschedulable,
            message: "no node has room".to_owned(),
        };
        self.world
            .set_child(&child.name, ChildState::Starting { held: Some(held) });
        self.settle();
    }
}

/// A build and a validation that are tried again, a time of suspension, a result with something of everything.
fn told(stored: Option<NotebookValidationJobStatus>) -> Story {
    let mut spec = spec();
    spec.pod_config.build_config.as_mut().unwrap().publish_to_registry = Some(true);
    let mut story = Story {
        world: World::with("a", spec),
        set: BTreeSet::new(),
    };
    story.world.api.jobs.get_mut("a").unwrap().status = stored;
    story.settle();
    story.held(Step::Prepare);
    let mut prepared = story.world.prepared("a");
    let found = json!({
        "source": {"kind": "requirements", "file": "requirements.txt", "why": "it is there"},
        "lookedAt": [{"file": "requirements.txt", "taken": true, "why": "it is there"}], "pinned": 1, "unpinned": 0,
    });
    prepared.requirements = Some(serde_json::from_value::<FoundRequirements>(found).unwrap());
    story.ends(Step::Prepare, StepBody::Prepared(Box::new(prepared)));
    story.world.build_fails(Reason::Evicted, true);
    story.settle();
    story.world.pass(600);
    story.world.build_ends_well();
    story.settle();
    story.world.suspend("a", true);
    story.settle();
    story.world.collect();
    story.world.suspend("a", false);
    story.settle();
    story.world.breaks("a", Step::Validate, Reason::NodeLost, true);
    story.settle();
    story.world.pass(600);
    let mut result = validated(Outcome::Passed);
    result.report.notebooks = vec![report()];
    story.ends(Step::Validate, StepBody::Validated(Box::new(result)));
    let published = Published {
        reference: "registry.example/team/nbvet:t".to_owned(),
        tag: "t".to_owned(),
        digest: image('a').split_once('@').unwrap().1.to_owned(),
        previous_digest: Some(format!("sha256:{}", "9".repeat(64))),
    };
    story.ends(Step::Publish, StepBody::Published(published));
    story
}

#[test]
fn every_field_of_the_status_is_written_in_one_story_and_in_that_of_a_build_that_fails() {
    let mut story = told(None);
    story.world.is_sound();
    story.world = World::with("a", spec());
    story.world.settle();
    story.world.ends_well("a", Step::Prepare);
    story.settle();
    story.world.build_fails(Reason::BuildFailed, false);
    story.settle();
    let written: BTreeSet<&str> = story.set.iter().map(String::as_str).collect();
    assert_eq!(written, rows("written"));
}

#[test]
fn what_another_controller_wrote_is_kept_through_a_whole_run() {
    let stored = foreign();
    let story = told(Some(stored.clone()));
    let now = story.world.status("a");
    assert_eq!(now.model_validation_result, stored.model_validation_result);
    let (build, was) = (now.build_status.unwrap(), stored.build_status.unwrap());
    assert_eq!(build.recommended_image, was.recommended_image);
    assert_eq!(build.available_images, was.available_images);
    assert_eq!(build.image_reference, Some(image('a')));
    let kept: BTreeSet<&str> = story.set.iter().map(String::as_str).collect();
    assert!(rows("kept").is_subset(&kept), "{kept:?}");
}

#[test]
fn without_a_build_of_our_own_what_another_controller_wrote_of_one_stays() {
    let mut world = World::with("a", crate::world::spec_without_build());
    world.api.jobs.get_mut("a").unwrap().status = Some(foreign());
    world.until_end("a");
    let build = world.status("a").build_status.unwrap();
    assert_eq!(build.recommended_image.as_deref(), Some("registry.example/old:1"));
    assert_eq!(build.phase, None, "of our run there is none");
}
