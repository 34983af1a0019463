//! How strict a level is, seen in a cluster: learning gives advice and fails nothing, production wants every package pinned.

use std::fs;

use nbvet_testkit::{Base, Lock};
use serde_json::json;

use crate::{
    team::{Team, condition, feedback},
    town::town,
};

/// The lines of the lock of one package.
pub(crate) fn locked(package: &str) -> String {
    let lock = fs::read_to_string(Lock::Feedback.path()).unwrap();
    let begins = |line: &&str| line.starts_with(&format!("{package}=="));
    let goes_on = |line: &&str| line.starts_with("    --hash");
    let lines = lock.lines().skip_while(|line| !begins(line));
    let lines: Vec<_> = lines.take_while(|line| begins(line) || goes_on(line)).collect();
    assert!(lines.len() > 1, "{package} is not in the lock");
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn b_what_is_not_pinned_is_refused_at_production_and_accepted_with_hashes() {
    let Some(town) = town().await else { return };
    let team = Team::new(town, "strict").await;
    team.write_feedback();
    let mended = fs::read(feedback().join("sensor_report_fixed.ipynb")).unwrap();
    team.write("sensor_report.ipynb", mended);
    team.write("requirements.txt", "numpy\n");
    team.push("Any numpy");
    let mut job = team.feedback_job("production");
    job["spec"]["validationConfig"] = json!({"level": "production"});
    // What the level says, and not the job.
    job["spec"]["podConfig"]["buildConfig"]["allowUnpinned"] = json!(null);
    team.create(&job).await;
    let status = team.ended("production", 1).await;
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(
        (&status["phase"], &status["verdict"]["outcome"]),
        (&json!("Failed"), &json!("Failed")),
        "{seen}"
    );
    assert_eq!(
        condition(&status, "PolicyPassed"),
        "False UnpinnedDependencies",
        "{seen}"
    );
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains("requirements.txt:1") && message.contains("numpy"),
        "{seen}"
    );
    assert!(
        team.children("build").await.is_empty() && team.children("validate").await.is_empty(),
        "{seen}"
    );

    team.write("requirements.txt", locked("numpy"));
    team.push("One numpy, by its digests");
    team.rerun("production", "pinned").await;
    let status = team.ended("production", 2).await;
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(
        (&status["phase"], &status["verdict"]["outcome"]),
        (&json!("Succeeded"), &json!("Passed")),
        "{seen}"
    );
    assert_eq!(status["verdict"]["level"], "production", "{seen}");
    let found = &status["buildStatus"]["requirements"];
    assert_eq!(
        (&found["pinned"], &found["unpinned"]),
        (&json!(1), &json!(0)),
        "{seen}"
    );
}

#[tokio::test]
async fn f_at_learning_a_broken_notebook_is_told_and_passes_and_nothing_is_published() {
    let Some(town) = town().await else { return };
    let team = Team::new(town, "pupils").await;
    team.write_feedback();
    team.push("A report of the sensors");
    let mut job = team.feedback_job("lesson");
    job["spec"]["validationConfig"] = json!({"level": "learning"});
    // An image with a user of its own, who is neither root nor nbvet's.
    job["spec"]["podConfig"]["containerImage"] = json!(town.base(Base::Venv));
    team.create(&job).await;
    let status = team.ended("lesson", 1).await;
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(
        (&status["phase"], &status["verdict"]["outcome"]),
        (&json!("Succeeded"), &json!("Passed")),
        "{seen}"
    );
    assert_eq!(condition(&status, "Published"), "False LevelTooLow", "{seen}");
    assert!(status.get("published").is_none(), "{seen}");
    let told = status["educationalFeedback"].as_array().unwrap();
    for (rule, cell) in [("NB211", 3), ("NB312", 4)] {
        let found = told
            .iter()
            .find(|one| one["rule"] == rule)
            .unwrap_or_else(|| panic!("{rule}: {seen}"));
        assert_eq!(
            (&found["cell"], &found["severity"]),
            (&json!(cell), &json!("note")),
            "{seen}"
        );
        assert!(
            found["explanation"].as_str().is_some_and(|text| text.len() > 40),
            "why {rule} matters: {seen}"
        );
    }
    assert!(team.children("publish").await.is_empty(), "{seen}");
}
