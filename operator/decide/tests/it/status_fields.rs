//! Every field of the status, written in one story or kept as another controller left it. The fields are those of
//! `operator/api/fixtures/status-fields.tsv`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use expect_test::expect_file;
use nbvet_operator_api::{NotebookValidationJobSpec, NotebookValidationJobStatus, Reason};
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
    let rows = TABLE.lines().skip(1).map(|line| line.split('\t').collect());
    rows.filter(|row: &Vec<&str>| row[1] == how)
        .map(|row| row[0])
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
#[derive(Default)]
struct Story {
    world: World,
    set: BTreeSet<String>,
    /// The last status, a line for each value.
    before: BTreeMap<String, String>,
    /// What happened, and the lines that are others since.
    told: String,
}

/// The values of a status by their places; conditions are known by their types.
fn values(at: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, below) in members {
                values(&format!("{at}.{name}"), below, found);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                let name = item["type"].as_str().map_or(number.to_string(), str::to_owned);
                values(&format!("{at}[{name}]"), item, found);
            }
        }
        _ => {
            found.insert(at.to_owned(), value.to_string());
        }
    }
}

impl Story {
    fn of(spec: NotebookValidationJobSpec) -> Self {
        Self {
            world: World::with("a", spec),
            ..Self::default()
        }
    }

    /// Looks at what comes of something.
    fn settle(&mut self, what: &str) {
        self.world.pass(1);
        let status = serde_json::to_value(self.world.status("a")).unwrap();
        paths("status", &status, &mut self.set);
        let mut now = BTreeMap::new();
        values("status", &status, &mut now);
        let _ = writeln!(self.told, "\n{what}, at {}", self.world.now);
        for (path, value) in now
            .iter()
            .filter(|(path, value)| self.before.get(*path) != Some(*value))
        {
            let _ = writeln!(self.told, "  {path} = {value}");
        }
        for path in self.before.keys().filter(|path| !now.contains_key(*path)) {
            let _ = writeln!(self.told, "  {path} is gone");
        }
        self.before = now;
    }

    /// A step ends with this result.
    fn ends(&mut self, step: Step, body: StepBody) {
        self.world.pass(60);
        let child = self.world.child("a", step).unwrap();
        self.world
            .read
            .insert(child.name.clone(), Body::Read(Box::new(body)));
        let mut end = StepEnd::new(step, Outcome::Passed, Reason::Done, "it went well");
        end.blob = Some(blob());
        self.world.ends(&child.name, end);
        self.settle(&format!("{step} ends well"));
    }

    /// A step's pod does not start.
    fn held(&mut self, step: Step) {
        let child = self.world.child("a", step).unwrap();
        let held = Held::by_cluster(Reason::Unschedulable, "no node has room");
        self.world
            .set_child(&child.name, ChildState::Starting { held: Some(held) });
        self.settle(&format!("no node takes the pod of {step}"));
    }
}

/// A build and a validation that are tried again, a time of suspension, a result with something of everything.
fn told(stored: Option<NotebookValidationJobStatus>) -> Story {
    let mut spec = spec();
    spec.pod_config.build_config.as_mut().unwrap().publish_to_registry = Some(true);
    let mut story = Story::of(spec);
    story.world.api.jobs.get_mut("a").unwrap().status = stored;
    story.settle("the job is created");
    story.held(Step::Prepare);
    let mut prepared = story.world.prepared("a");
    let found = json!({
        "source": {"kind": "requirements", "file": "requirements.txt", "why": "it is there"},
        "lookedAt": [{"file": "requirements.txt", "taken": true, "why": "it is there"}], "pinned": 1, "unpinned": 0,
    });
    prepared.requirements = Some(serde_json::from_value::<FoundRequirements>(found).unwrap());
    story.ends(Step::Prepare, StepBody::Prepared(Box::new(prepared)));
    story.world.pass(90);
    story.world.build_fails(Reason::Evicted, true);
    story.settle("the build is put out");
    story.world.pass(600);
    story.world.pass(120);
    story.world.build_ends_well();
    story.settle("the second build ends well");
    story.world.suspend("a", true);
    story.settle("the job is suspended");
    story.world.collect();
    story.world.suspend("a", false);
    story.settle("it is not any more");
    story.world.breaks("a", Step::Validate, Reason::NodeLost, true);
    story.settle("the node of the notebook is lost");
    story.world.pass(600);
    let mut result = validated(Outcome::Passed);
    result.report.notebooks = vec![report()];
    story.ends(Step::Validate, StepBody::Validated(Box::new(result)));
    let published = Published {
        reference: "registry.example/team/daily-sales:cccccccccccc".to_owned(),
        tag: "cccccccccccc".to_owned(),
        digest: image('a').split_once('@').unwrap().1.to_owned(),
        previous_digest: Some(format!("sha256:{}", "9".repeat(64))),
    };
    story.ends(Step::Publish, StepBody::Published(published));
    story
}

#[test]
fn every_field_of_the_status_is_written_in_one_story_and_in_that_of_a_build_that_fails_with_the_value_it_should_have()
 {
    let mut story = told(None);
    story.world.is_sound();
    let mut failing = Story::of(spec());
    failing.settle("the job is created");
    failing.world.ends_well("a", Step::Prepare);
    failing.settle("prepare ends well");
    failing.world.pass(90);
    failing.world.build_fails(Reason::BuildFailed, false);
    failing.settle("the build fails");
    story.set.append(&mut failing.set);
    let written: BTreeSet<&str> = story.set.iter().map(String::as_str).collect();
    assert_eq!(written, rows("written"));
    // Each with the value that the story comes to: who changes one looks at it here.
    let told = format!(
        "# All goes well in the end\n{}\n# The build fails\n{}",
        story.told, failing.told
    );
    expect_file!["../golden/status.txt"].assert_eq(&told);
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
