//! Many jobs in a table, a line each. Pure, as the text of one job is.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use nbvet_operator_api::{NotebookValidationJob, Phase, text};

use crate::{age, job_text};

/// Bytes of a cell of the table.
const MOST: usize = 80;
/// Bytes of its last column.
const MOST_MESSAGE: usize = 160;

/// The table. With `namespaces` the first column names them.
pub(crate) fn table(jobs: &[NotebookValidationJob], namespaces: bool, now: Timestamp) -> String {
    let mut rows = vec![
        [
            "NAMESPACE",
            "NAME",
            "PHASE",
            "VERDICT",
            "LEVEL",
            "STEP",
            "AGE",
            "MESSAGE",
        ]
        .map(str::to_owned),
    ];
    rows.extend(jobs.iter().map(|job| row(job, now)));
    let first = usize::from(!namespaces);
    let widths: Vec<usize> = (0..8)
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).skip(first);
        let cells: Vec<String> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(job: &NotebookValidationJob, now: Timestamp) -> [String; 8] {
    let status = job.status.as_ref();
    let short = |text: &str| text::one_line(text, MOST);
    let or_dash = |text: Option<String>| {
        text.filter(|text| !text.is_empty())
            .unwrap_or_else(|| "-".to_owned())
    };
    let suspended = if job_text::is_suspended(job) {
        " (suspended)"
    } else {
        ""
    };
    let has_ended = status
        .and_then(|status| status.phase)
        .is_some_and(Phase::is_terminal);
    let step = status
        .and_then(|status| status.step.as_ref())
        .filter(|_| !has_ended);
    let step = step.map(|step| match step.attempt {
        Some(attempt) if attempt > 1 => format!("{} (try {attempt})", short(&step.name)),
        _ => short(&step.name),
    });
    let verdict = status.and_then(|status| status.verdict.as_ref());
    let waiting = status
        .filter(|_| !has_ended)
        .and_then(|status| status.step.as_ref()?.waiting_for.as_deref());
    let message = waiting
        .map(|waiting| format!("waits: {waiting}"))
        .or_else(|| status.and_then(|status| status.message.clone()));
    let created = job.metadata.creation_timestamp.as_ref();
    [
        short(&job.namespace().unwrap_or_default()),
        short(&job.name_any()),
        format!("{}{suspended}", job_text::phase(status)),
        or_dash(verdict.map(|verdict| job_text::outcome_word(verdict.outcome).to_owned())),
        or_dash(verdict.map(|verdict| verdict.level.to_string())),
        or_dash(step),
        or_dash(created.map(|created| age::since(created.0, now))),
        or_dash(message.map(|message| text::one_line(&message, MOST_MESSAGE))),
    ]
}
