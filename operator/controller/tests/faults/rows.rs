//! Which stories are told, and how each is judged.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use nbvet_operator_testkit::Fault;

use crate::{
    controller::Setup,
    seeds,
    stage::Stage,
    story::{Told, tell},
    table::{Cell, Found},
    trouble::{Deed, Leading, Trouble},
};

/// Stories that are told at the same time: of those that wait for long, and of all others, which want the processor.
const WAIT_AT_ONCE: usize = 32;
const WORK_AT_ONCE: usize = 8;
/// How often a story is told again in which nothing went wrong: the write did not come, as where two statuses are one.
const TELLINGS: usize = 3;

/// What a story has to end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it is as undisturbed, down to the objects that are left and how often each pod ran.
    Same,
    /// The same; but a job whose cache shows a build that has ended before it shows that the job waits for it looks into
    /// the registry once more, by another prepare.
    SameButPrepare,
    /// What users were promised is.
    SameForUsers,
    /// Something else: a fault was seeded.
    Red,
}

/// A story to tell.
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) what: String,
    pub(crate) column: &'static str,
    pub(crate) setup: fn(&str) -> Setup,
    pub(crate) trouble: Trouble,
    pub(crate) wanted: Wanted,
}

impl Row {
    fn of(group: &'static str, row: impl Into<String>, column: &'static str, trouble: Trouble) -> Self {
        Self {
            group,
            what: row.into(),
            column,
            setup: Setup::in_namespace,
            trouble,
            wanted: Wanted::Same,
        }
    }
}

pub(crate) const KILLED: &str = "Killed at a write";
pub(crate) const REQUESTS: &str = "Requests that fail";
pub(crate) const WATCHES: &str = "Watches";
pub(crate) const USERS: &str = "Users and others";
pub(crate) const LEASES: &str = "Leaders, clocks, versions";
pub(crate) const SEEDS: &str = "Seeded faults";

/// Every write, killed before it and after it; and told to end while something is created.
pub(crate) fn killed(writes: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    for write in writes {
        for (column, after) in [("before it", false), ("reply lost", true)] {
            let write = write.clone();
            rows.push(Row::of(
                KILLED,
                &write,
                column,
                Trouble::Killed {
                    write: write.clone(),
                    after,
                },
            ));
        }
        if ["Job", "input", "record", "owners"]
            .iter()
            .any(|what| write.starts_with(what))
        {
            let write = write.clone();
            let trouble = Trouble::Ended { write: write.clone() };
            rows.push(Row::of(KILLED, write, "SIGTERM", trouble));
        }
    }
    rows
}

/// Every kind of request, with everything that can come of it.
pub(crate) fn requests(kinds: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    for kind in kinds {
        let verb = kind.split(' ').next().unwrap_or_default();
        let answers = [429, 500, 503].map(Fault::Answered);
        let mut in_a_row = vec![Fault::Lost];
        in_a_row.extend(answers);
        let no_answer = ("no answer", vec![Fault::Unanswered]);
        let faults = match verb {
            "watch" | "list" => {
                in_a_row.push(Fault::Answered(410));
                let mut faults = vec![(IN_A_ROW, in_a_row), no_answer];
                if verb == "watch" {
                    faults.extend([
                        ("410 within", vec![Fault::Broken(410); 2]),
                        ("late by 2 s", vec![Fault::Late(Duration::from_secs(2))]),
                        ("silent", vec![Fault::Late(Duration::from_hours(1))]),
                    ]);
                }
                faults
            }
            "get" => vec![(IN_A_ROW, in_a_row), no_answer],
            _ => vec![
                (IN_A_ROW, in_a_row),
                no_answer,
                ("409", vec![Fault::Answered(409); 2]),
                ("reply lost", vec![Fault::ReplyLost; 2]),
            ],
        };
        for (column, faults) in faults {
            let trouble = Trouble::Requests {
                kind: kind.clone(),
                faults,
            };
            let mut row = Row::of(REQUESTS, kind, column, trouble);
            if verb == "watch" {
                row.wanted = Wanted::SameButPrepare;
            }
            if column == "silent" {
                row.setup = |namespace| Setup {
                    watch: 8,
                    ..Setup::in_namespace(namespace)
                };
            }
            rows.push(row);
        }
    }
    rows
}

/// The request is lost, and when it is sent again the answers are these; 410 to lists and watches alone.
const IN_A_ROW: &str = "lost, 429, 500, 503, 410";

/// Watches as a whole, users, and other controllers.
pub(crate) fn others() -> Vec<Row> {
    let mut rows = vec![
        Row::of(
            WATCHES,
            "all of them break every 1.4 s",
            "",
            Trouble::WatchesBreak,
        ),
        Row::of(
            WATCHES,
            "all of them stand still for 0.7 s, every 1.4 s",
            "",
            Trouble::WatchesStand,
        ),
        Row::of(USERS, "two controllers without a lease", "", Trouble::Two),
        Row::of(
            USERS,
            "two controllers, one of them behind by 1 to 8 s",
            "",
            Trouble::TwoOneBehind,
        ),
        Row::of(
            USERS,
            "a finished build of the same identity that is not ours",
            "",
            Trouble::ForeignBuild,
        ),
        Row::of(
            USERS,
            "a limit is edited while the build runs",
            "",
            Trouble::Deed(Deed::EditsLimit),
        ),
    ];
    let deeds = [
        (
            "the status is taken away while the notebook runs",
            Deed::LosesStatus,
        ),
        ("the pod of prepare is deleted", Deed::DeletesPod("prepare")),
        ("the pod of validate is deleted", Deed::DeletesPod("validate")),
        ("the pod of publish is deleted", Deed::DeletesPod("publish")),
        ("the Job of prepare is deleted", Deed::DeletesJob("prepare")),
        ("the Job of validate is deleted", Deed::DeletesJob("validate")),
        ("the Job of publish is deleted", Deed::DeletesJob("publish")),
        ("the build is deleted while it runs", Deed::DeletesBuild),
        (
            "the job is deleted and created anew under its name",
            Deed::Recreates,
        ),
        ("another run is asked for after the end", Deed::Reruns),
    ];
    for row in &mut rows {
        if row.group == WATCHES || row.trouble == Trouble::TwoOneBehind {
            row.wanted = Wanted::SameButPrepare;
        }
    }
    rows.extend(deeds.map(|(name, deed)| Row {
        wanted: Wanted::SameForUsers,
        ..Row::of(USERS, name, "", Trouble::Deed(deed))
    }));
    rows
}

/// Two controllers with a lease, clocks that are wrong, and another version.
pub(crate) fn leases() -> Vec<Row> {
    let leaders = [
        (
            "the leader's requests for the lease are lost",
            Leading::Meets(Fault::Lost),
        ),
        (
            "the leader's requests for the lease are not answered",
            Leading::Meets(Fault::Unanswered),
        ),
        (
            "the leader's requests for the lease are answered by 500",
            Leading::Meets(Fault::Answered(500)),
        ),
        ("somebody else writes himself into the lease", Leading::Taken),
        ("the leader is told to end", Leading::Ended),
        ("the leader is killed", Leading::Killed),
    ];
    let leaders = leaders.map(|(name, leading)| Row::of(LEASES, name, "", Trouble::Leader(leading)));
    let clocks = [
        ("the controller's clock is an hour ahead", "+1h"),
        ("the controller's clock is an hour behind", "-1h"),
    ];
    let clocks = clocks.map(|(name, skew)| Row::of(LEASES, name, "", Trouble::Clock(skew)));
    let upgrade = Row::of(
        LEASES,
        "another version goes on while the build runs",
        "",
        Trouble::Upgrade,
    );
    leaders.into_iter().chain(clocks).chain([upgrade]).collect()
}

/// A controller with a fault in it.
pub(crate) fn seeded() -> Vec<Row> {
    let row = |seed: seeds::Seed| Row {
        setup: seed.setup,
        wanted: Wanted::Red,
        ..Row::of(SEEDS, seed.name, "found", seed.trouble)
    };
    seeds::all().into_iter().map(row).collect()
}

/// Tells all stories, many at the same time.
pub(crate) async fn tell_all(stage: &Arc<Stage>, base: &Arc<Told>, rows: Vec<Row>) -> Vec<Cell> {
    let rows = rows.into_iter().enumerate();
    let (wait, work): (Vec<_>, Vec<_>) = rows.partition(|(_, row)| row.waits_long());
    let tell = |rows: Vec<(usize, Row)>, at_once| {
        let cells = rows.into_iter().map(|(number, row)| {
            let (stage, base) = (Arc::clone(stage), Arc::clone(base));
            async move { (number, tell_row(&stage, &base, row, number).await) }
        });
        stream::iter(cells)
            .buffer_unordered(at_once)
            .collect::<Vec<(usize, Cell)>>()
    };
    let (mut cells, others) = tokio::join!(tell(wait, WAIT_AT_ONCE), tell(work, WORK_AT_ONCE));
    cells.extend(others);
    cells.sort_by_key(|(number, _)| *number);
    cells.into_iter().map(|(_, cell)| cell).collect()
}

impl Row {
    fn waits_long(&self) -> bool {
        matches!(self.column, "no answer" | "silent" | IN_A_ROW)
            || matches!(self.trouble, Trouble::TwoOneBehind | Trouble::Leader(_))
    }
}

async fn tell_row(stage: &Stage, base: &Told, row: Row, number: usize) -> Cell {
    let mut found = Found::NotMet;
    let mut took = Duration::ZERO;
    for telling in 0..TELLINGS {
        let namespace = format!("story-{number}-{telling}");
        let told = tell(stage, (row.setup)(&namespace), &namespace, &row.trouble).await;
        took = told.took;
        found = judge(base, &told, row.wanted);
        if found != Found::NotMet {
            break;
        }
    }
    println!(
        "  {:>6.1} s  {}: {} {}: {found}",
        took.as_secs_f64(),
        row.group,
        row.what,
        row.column
    );
    Cell {
        group: row.group,
        row: row.what,
        column: row.column,
        found,
    }
}

/// What the condition `ImageBuilt` says of an image that was there, and of one that was built.
const REUSED: &str = "ImageReused: the registry has the image of this identity";
const BUILT: &str = "Done: the image is built";

/// How a story compares with the undisturbed one.
pub(crate) fn judge(base: &Told, told: &Told, wanted: Wanted) -> Found {
    if wanted == Wanted::Red {
        let why = told.wrongs.first().cloned();
        let differs = (told.end != base.end).then(|| first_difference(&base.end, &told.end));
        return why.or(differs).map_or_else(
            || Found::Red("the seeded fault is not found".to_owned()),
            Found::AsWanted,
        );
    }
    if let Some(wrong) = told.wrongs.first() {
        return Found::Red(wrong.clone());
    }
    let (is, was) = match wanted {
        Wanted::Same => (told.end.clone(), base.end.clone()),
        Wanted::SameButPrepare => (without_prepare(&told.end), without_prepare(&base.end)),
        // A later run finds the image of an earlier one.
        _ => (told.essence.replace(REUSED, BUILT), base.essence.clone()),
    };
    if is != was {
        return Found::Red(first_difference(&was, &is));
    }
    if told.met {
        Found::AsWanted(String::new())
    } else {
        Found::NotMet
    }
}

/// An end without what another prepare changes of it.
fn without_prepare(end: &str) -> String {
    let lines = end.lines().filter(|line| !line.contains("prepare of "));
    let lines: Vec<&str> = lines.collect();
    let found = lines.join("\n").replace(REUSED, BUILT);
    found.replace("cache hit Some(true)", "cache hit Some(false)")
}

fn first_difference(was: &str, is: &str) -> String {
    let mut lines = was.lines().zip(is.lines());
    let lines = lines.find(|(was, is)| was != is);
    let (was, is) = lines.unwrap_or(("as many lines", "more or fewer"));
    format!("`{}` instead of `{}`", is.trim(), was.trim())
}
