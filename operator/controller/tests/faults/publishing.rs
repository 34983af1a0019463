//! Publishing through the controller: what is told while it goes well, and what is tried again where it does not.

use nbvet_operator_api::Phase;
use nbvet_operator_testkit::events;

use crate::{
    controller::Setup,
    stage::Stage,
    story::tell_of,
    table::{Cell, Found},
    trouble::Trouble,
};

/// A job of the undisturbed story went through every phase, and each transition was told once.
pub(crate) async fn phases_and_events(stage: &Stage, namespace: &str) {
    let phases = stage.witness.of(namespace, |place| place.phases["one"].clone());
    let wanted = [
        Phase::Initializing,
        Phase::Building,
        Phase::BuildComplete,
        Phase::ValidationRunning,
        Phase::Succeeded,
    ];
    assert_eq!(phases, wanted);
    let told = events(&stage.admin, namespace).await.unwrap();
    let mut told: Vec<&str> = told
        .iter()
        .filter_map(|event| event.strip_prefix("NotebookValidationJob/one: "))
        .collect();
    // Those of one second have no order.
    told.sort_unstable();
    let digest = format!("registry.test/{namespace}/a:{}", "c".repeat(12));
    let wanted = [
        "Building: the image is being built".to_owned(),
        "Built: the image is built".to_owned(),
        format!("Fetched: a.ipynb at {}", "c".repeat(40)),
        "Prepared: the dependencies may be used".to_owned(),
        format!("Published: published as {digest}"),
        // The notebook when it was judged, and the job when all of it had ended.
        "Succeeded: the notebook works".to_owned(),
        "Validated: the notebook works".to_owned(),
    ];
    assert_eq!(told, wanted);
}

/// A registry that comes back, one that does not, and one that refuses.
const JOBS: [&str; 3] = ["shaky", "down", "denied"];

const WANTED: [(&str, &[&str]); 3] = [
    (
        "the registry comes back at the third try",
        &[
            "shaky: Some(Succeeded), Some(Passed), Some(\"the notebook works\")",
            "  publish of shaky ran 3 times",
        ],
    ),
    (
        "the registry does not come back",
        &[
            "down: Some(Failed), Some(Passed), Some(\"the registry is down\")",
            "  publish of down ran 4 times",
        ],
    ),
    (
        "the registry refuses",
        &[
            "denied: Some(Failed), Some(Passed), Some(\"the registry refuses\")",
            "  publish of denied ran 1 times",
        ],
    ),
];

/// What each condition says then.
const CONDITIONS: [&str; 3] = [
    "  Published True Done: published as registry.test/NAMESPACE/a:cccccccccccc",
    "  Published False PublishFailed: the registry is down",
    "  Published False PushDenied: the registry refuses",
];

/// Tells of jobs whose publishing does not go well at once.
pub(crate) async fn publishing(stage: &Stage) -> Vec<Cell> {
    let namespace = "publishing";
    let setup = Setup::in_namespace(namespace);
    let told = tell_of(stage, setup, namespace, &Trouble::Nothing, &JOBS).await;
    let events = events(&stage.admin, namespace).await.unwrap();
    let cells = WANTED
        .iter()
        .zip(CONDITIONS)
        .zip(JOBS)
        .map(|(((row, wanted), condition), job)| {
            let lines: Vec<&str> = told.end.lines().collect();
            let of_job = lines
                .iter()
                .position(|line| line.starts_with(&format!("{job}: Some")));
            let conditions = &lines[of_job.unwrap_or_default()..];
            let conditions = conditions.iter().take_while(|line| !line.starts_with("  image"));
            let mut missing = wanted
                .iter()
                .find(|line| !lines.contains(line))
                .map(|line| (*line).to_owned());
            if !conditions.into_iter().any(|line| *line == condition) {
                missing = Some(condition.to_owned());
            }
            if let Some(reason) = ["PublishFailed", "PushDenied"]
                .iter()
                .find(|reason| condition.contains(**reason))
            {
                let event = format!("NotebookValidationJob/{job}: {reason}");
                if !events.iter().any(|told| told.starts_with(&event)) {
                    missing = Some(event);
                }
            }
            let found = match (told.wrongs.first(), missing) {
                (Some(wrong), _) => Found::Red(wrong.clone()),
                (None, Some(missing)) => Found::Red(format!("not so: `{}`", missing.trim())),
                (None, None) => Found::AsWanted(String::new()),
            };
            Cell {
                group: "Publishing",
                row: (*row).to_owned(),
                column: "",
                found,
            }
        });
    let cells: Vec<Cell> = cells.collect();
    if cells.iter().any(|cell| matches!(cell.found, Found::Red(_))) {
        println!("{}\n{events:#?}", told.end);
    }
    cells
}
