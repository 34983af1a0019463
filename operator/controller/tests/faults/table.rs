//! The table itself: all stories, told at once in one cluster, and what came of them as Markdown.

use std::{collections::BTreeSet, fmt, fs, path::PathBuf, sync::Arc, time::Duration};

use nbvet_operator_api::Phase;
use nbvet_operator_testkit::count;

use crate::{
    controller::Setup,
    ground::USER,
    publishing::{phases_and_events, publishing},
    rows::{self, Wanted, judge, killed, leases, others, requests, seeded, tell_all},
    stage::{LIMIT, Stage},
    story::{Told, tell},
    trouble::Trouble,
};

/// What a story came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// As it has to be; of a seeded fault, by what it was found.
    AsWanted(String),
    /// It is not as it has to be.
    Red(String),
    /// What was to go wrong did not come about.
    NotMet,
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsWanted(why) if why.is_empty() => out.write_str("ok"),
            Self::AsWanted(why) => write!(out, "found: {why}"),
            Self::Red(why) => write!(out, "RED: {why}"),
            Self::NotMet => out.write_str("-"),
        }
    }
}

/// One cell of the table.
pub(crate) struct Cell {
    pub(crate) group: &'static str,
    pub(crate) row: String,
    pub(crate) column: &'static str,
    pub(crate) found: Found,
}

/// Groups, rows and columns in the order in which they first came.
fn markdown(cells: &[Cell]) -> String {
    let mut lines = Vec::new();
    for group in firsts(cells.iter().map(|cell| cell.group)) {
        let of_group: Vec<&Cell> = cells.iter().filter(|cell| cell.group == group).collect();
        let columns = firsts(of_group.iter().map(|cell| cell.column));
        let named: Vec<&str> = columns
            .iter()
            .map(|column| if column.is_empty() { "end" } else { column })
            .collect();
        lines.push(format!("\n## {group}\n\n| | {} |", named.join(" | ")));
        lines.push(format!("|---|{}", "---|".repeat(columns.len())));
        for row in firsts(of_group.iter().map(|cell| cell.row.as_str())) {
            let found = columns.iter().map(|column| {
                let cell = of_group
                    .iter()
                    .find(|cell| cell.row == row && cell.column == *column);
                cell.map_or_else(String::new, |cell| cell.found.to_string())
            });
            lines.push(format!("| {row} | {} |", found.collect::<Vec<_>>().join(" | ")));
        }
    }
    lines.join("\n") + "\n"
}

fn firsts<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    all.filter(|one| seen.insert(*one)).collect()
}

/// Where the table is written down; `UPDATE_EXPECT=1` writes it anew.
fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/faults.md")
}

const HEAD: &str = "\
# What may go wrong around the controller

Two jobs that need the same image are prepared, built for once, validated and published, by the controller against a real
API server and the controllers of Kubernetes; pods are moved by a fake kubelet. The story is told again for each cell, with
one thing going wrong. `ok`: it ends as undisturbed, down to the objects that are left and how often each pod ran; nothing
was built twice, no notebook ran before its image was there, no phase went back, no end changed. `-`: what was to go wrong
did not come in three tellings (two statuses were written as one). Where users or a later run make another try, what users
were promised is the same. A seeded fault of the controller has to be found: by what is said.

`cargo test -p nbvet-operator --test faults -- --nocapture` tells all of it and prints this table; a cell that is red
fails it.
";

async fn undisturbed(stage: &Stage) -> Told {
    let tellings = ["plain-story-1", "plain-story-2"];
    let [first, second] = tellings.map(|namespace| {
        tell(
            stage,
            Setup::in_namespace(namespace),
            namespace,
            &Trouble::Nothing,
        )
    });
    let (mut first, second) = tokio::join!(first, second);
    assert_eq!(first.wrongs, Vec::<String>::new(), "{}", first.end);
    println!("{}\n", first.end);
    phases_and_events(stage, tellings[0]).await;
    assert_eq!(first.end, second.end, "the same story has two ends");
    let mut seen = BTreeSet::new();
    first.writes.extend(second.writes);
    first.writes.retain(|write| seen.insert(write.clone()));
    first
}

/// Stories around which the API server is killed and started anew, or halted.
async fn of_the_cluster(stage: &Arc<Stage>, base: &Told) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (what, halts) in [
        ("the API server is killed and started anew", false),
        ("the API server stands still for 4 s", true),
    ] {
        let stories = (0..4_u64).map(|number| async move {
            tokio::time::sleep(Duration::from_millis(900 * number)).await;
            let namespace = format!("cluster-{halts}-{number}");
            tell(
                stage,
                Setup::in_namespace(&namespace),
                &namespace,
                &Trouble::OfTheCluster,
            )
            .await
        });
        let stories = futures::future::join_all(stories);
        let disturbs = async {
            let builds = |stage: &Stage| {
                let job = stage.job(&format!("cluster-{halts}-0"), "one");
                let phase = job.and_then(|job| job.status.as_ref().and_then(|status| status.phase));
                phase >= Some(Phase::Building)
            };
            assert!(stage.until(LIMIT, builds).await, "the first story begins");
            let mut cluster = stage.cluster.lock().await;
            if halts {
                cluster.freeze_api();
                tokio::time::sleep(Duration::from_secs(4)).await;
                cluster.thaw_api();
            } else {
                cluster.stop_api();
                tokio::time::sleep(Duration::from_secs(2)).await;
                cluster.start_api().await.unwrap();
            }
        };
        let (told, ()) = tokio::join!(stories, disturbs);
        let found = told.iter().map(|told| judge(base, told, Wanted::SameButPrepare));
        let found = found.into_iter().find(|found| matches!(found, Found::Red(_)));
        cells.push(Cell {
            group: rows::WATCHES,
            row: what.to_owned(),
            column: "",
            found: found.unwrap_or(Found::AsWanted(String::new())),
        });
    }
    cells
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_the_story_ends_the_same_and_every_seeded_fault_is_found() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let begin = std::time::Instant::now();
    let base = Arc::new(undisturbed(&stage).await);
    let only = std::env::var("NBVET_FAULTS").unwrap_or_default();
    let is_told = |what: &str| only.split('|').any(|part| what.contains(part));
    let mut rows = killed(&base.writes);
    rows.extend(requests(&base.kinds));
    rows.extend(others());
    rows.extend(leases());
    rows.extend(seeded());
    rows.retain(|row| is_told(&format!("{}: {} {}", row.group, row.what, row.column)));
    let published = async {
        if is_told("Publishing: ") {
            publishing(&stage).await
        } else {
            Vec::new()
        }
    };
    let (mut cells, published) = tokio::join!(tell_all(&stage, &base, rows), published);
    cells.extend(published);
    // Before it is started anew: an API server that has just begun refuses until it has read the roles.
    let audited = stage.cluster.lock().await.audit();
    let refused = audited
        .iter()
        .filter(|call| call.user == USER && call.status == 403);
    if is_told("Watches: the API server") {
        cells.extend(of_the_cluster(&stage, &base).await);
    }
    let table = markdown(&cells);
    println!("{HEAD}{table}");
    println!(
        "{} writes, {} cells, {:.0} s",
        base.writes.len(),
        cells.len(),
        begin.elapsed().as_secs_f64()
    );
    if std::env::var("UPDATE_EXPECT").is_ok_and(|set| set == "1") && only.is_empty() {
        fs::write(page(), format!("{HEAD}{table}")).unwrap();
    }
    assert_eq!(
        count(refused),
        std::collections::BTreeMap::new(),
        "refused to the controller"
    );
    let red = cells.iter().filter(|cell| matches!(cell.found, Found::Red(_)));
    let red: Vec<String> = red
        .map(|cell| format!("{}: {} {}: {}", cell.group, cell.row, cell.column, cell.found))
        .collect();
    assert!(red.is_empty(), "{red:#?}");
}
