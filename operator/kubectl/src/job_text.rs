//! One job for people: what it is at, what came of it and why. Pure: the same job, time and width give the same text, with
//! colours, which others take out. Whatever stands in a status may have been written by anybody.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use nbvet_operator_api::{
    NotebookValidationJob, NotebookValidationJobStatus, Phase, duration,
    source::NotebookSource,
    status::{BuildStatus, Step, VerdictSummary},
    text,
};
use nbvet_report::Outcome;

use crate::{
    age, condition, findings,
    output::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, paint},
};

/// Bytes of a name, a reference or a message that are shown.
const MOST: usize = 600;

/// Everything of a job.
pub(crate) fn whole(job: &NotebookValidationJob, now: Timestamp, width: usize) -> String {
    let unseen = NotebookValidationJobStatus::default();
    let status = job.status.as_ref().unwrap_or(&unseen);
    let mut out = headline(job, status);
    for (word, text) in facts(job, status, now) {
        if let Some(text) = text {
            let word = paint(DIM, &format!("{word:<10}"));
            out.extend(["  ", &word, " ", &text, "\n"]);
        }
    }
    let parts = [
        condition::lines(status, width),
        findings::checks(status, width),
        findings::cells(status, width),
        findings::differences(status),
    ];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        out.extend(["\n", part]);
    }
    out
}

/// The phase, and what a job with none is.
pub(crate) fn phase(status: Option<&NotebookValidationJobStatus>) -> &'static str {
    let phase = status.and_then(|status| status.phase);
    phase.map_or("New", Phase::as_str)
}

/// Whether a job is suspended and has not ended.
pub(crate) fn is_suspended(job: &NotebookValidationJob) -> bool {
    let phase = job.status.as_ref().and_then(|status| status.phase);
    job.spec.suspend == Some(true) && !phase.is_some_and(Phase::is_terminal)
}

fn headline(job: &NotebookValidationJob, status: &NotebookValidationJobStatus) -> String {
    let colour = match status.phase {
        Some(Phase::Succeeded) => GREEN,
        Some(Phase::Failed) => RED,
        _ if is_suspended(job) => YELLOW,
        _ => CYAN,
    };
    let suspended = if is_suspended(job) { ", suspended" } else { "" };
    let going = if job.metadata.deletion_timestamp.is_some() {
        ", being deleted"
    } else {
        ""
    };
    let name = format!("{}/{}", job.namespace().unwrap_or_default(), job.name_any());
    let message = match &status.message {
        Some(message) => text::one_line(message, MOST),
        None if status.phase.is_none() => "no controller has seen it yet".to_owned(),
        None => String::new(),
    };
    let line = format!(
        "{}  {}  {message}",
        paint(colour, &format!("{}{suspended}{going}", phase(Some(status)))),
        paint(BOLD, &text::one_line(&name, MOST)),
    );
    format!("{}\n", line.trim_end())
}

type Fact = (&'static str, Option<String>);

fn facts(job: &NotebookValidationJob, status: &NotebookValidationJobStatus, now: Timestamp) -> Vec<Fact> {
    let build = status.build_status.as_ref();
    vec![
        ("notebook", Some(notebook(job, status))),
        ("verdict", status.verdict.as_ref().map(verdict)),
        ("run", run(status, now)),
        ("step", status.step.as_ref().map(|step| step_text(step, now))),
        ("waits", waits(status)),
        ("retries", retries(status, now)),
        ("build", build.and_then(build_text)),
        ("image", image(job, build)),
        ("published", published(status)),
        ("pod", status.validation_pod_name.as_deref().map(short)),
        ("report", report(job, status)),
    ]
}

fn short(written: &str) -> String {
    text::one_line(written, MOST)
}

fn notebook(job: &NotebookValidationJob, status: &NotebookValidationJobStatus) -> String {
    let source = &job.spec.notebook;
    let commit = status.source.as_ref().and_then(|source| source.commit.as_deref());
    let commit = commit.map_or_else(String::new, |commit| {
        format!(" ({})", short(commit.get(..12).unwrap_or(commit)))
    });
    format!("{} of {}{commit}", short(&source.path), place(source))
}

/// Where a notebook comes from. Of an address what could be a password is left out.
pub(crate) fn place(source: &NotebookSource) -> String {
    if let Some(git) = &source.git {
        return format!(
            "{} at {}",
            short(&without_secret(&git.url)),
            short(&git.reference)
        );
    }
    if let Some(map) = &source.config_map {
        return format!("ConfigMap {}", short(&map.name));
    }
    if let Some(claim) = &source.persistent_volume_claim {
        return format!("PersistentVolumeClaim {}", short(&claim.claim_name));
    }
    "a source of another kind".to_owned()
}

fn without_secret(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') || scheme.starts_with("http") => {
            format!("{scheme}://…@{host}{path}")
        }
        _ => url.to_owned(),
    }
}

pub(crate) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "Passed",
        Outcome::Failed => "Failed",
        Outcome::TimedOut => "TimedOut",
        Outcome::Error => "Error",
    }
}

fn verdict(found: &VerdictSummary) -> String {
    let colour = match found.outcome {
        Outcome::Passed => GREEN,
        Outcome::Failed | Outcome::TimedOut => RED,
        Outcome::Error => YELLOW,
    };
    let mut out = format!(
        "{} at {}",
        paint(colour, outcome_word(found.outcome)),
        found.level
    );
    if let Some(cells) = found.cells {
        let parts = [
            (cells.ok, "ok"),
            (cells.failed, "failed"),
            (cells.skipped, "skipped"),
            (cells.not_run, "not run"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(count, word)| format!("{count} {word}")).collect();
        let total = counted(cells.total, "code cell");
        out.extend([" · ", &total]);
        if !parts.is_empty() {
            out.extend([" (", &parts.join(", "), ")"]);
        }
    }
    out + &format!(
        " · {}, {}, {}",
        counted(found.errors, "error"),
        counted(found.warnings, "warning"),
        counted(found.notes, "note")
    )
}

/// `1 error`, `2 errors`.
fn counted(number: i64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn run(status: &NotebookValidationJobStatus, now: Timestamp) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(
        status
            .run
            .as_ref()
            .map(|run| format!("{} ({})", run.number, short(&run.id))),
    );
    parts.extend(
        status
            .start_time
            .as_ref()
            .map(|time| format!("began {}", age::at(time, now))),
    );
    if let Some(ended) = &status.completion_time {
        let took = status.start_time.as_ref().map_or_else(String::new, |began| {
            let took = ended.0.duration_since(began.0).unsigned_abs();
            format!(", after {}", duration::format(took))
        });
        parts.push(format!("ended {}{took}", age::at(ended, now)));
    }
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn step_text(step: &Step, now: Timestamp) -> String {
    let mut parts = vec![short(&step.name)];
    parts.extend(step.attempt.map(|attempt| format!("try {attempt}")));
    let limit = step
        .limit
        .as_deref()
        .map(|limit| format!(" of at most {}", short(limit)));
    match (&step.elapsed, &step.since) {
        (Some(elapsed), _) => parts.push(format!("took {}{}", short(elapsed), limit.unwrap_or_default())),
        (None, since) => {
            parts.extend(
                since
                    .as_ref()
                    .map(|since| format!("since {}", age::at(since, now))),
            );
            parts.extend(
                step.limit
                    .as_deref()
                    .map(|limit| format!("at most {}", short(limit))),
            );
        }
    }
    parts.join(" · ")
}

fn waits(status: &NotebookValidationJobStatus) -> Option<String> {
    let has_ended = status.phase.is_some_and(Phase::is_terminal);
    let waiting = status
        .step
        .as_ref()
        .filter(|_| !has_ended)?
        .waiting_for
        .as_deref()?;
    Some(paint(YELLOW, &short(waiting)))
}

fn retries(status: &NotebookValidationJobStatus, now: Timestamp) -> Option<String> {
    let count = |count: Option<i64>, what| {
        count
            .filter(|count| *count > 0)
            .map(|count| format!("{count} of the {what}"))
    };
    let mut parts: Vec<String> = [
        count(status.build_retry_count, "build"),
        count(status.validation_retry_count, "validation"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        parts.extend(
            status
                .retry_count
                .filter(|count| *count > 0)
                .map(|count| count.to_string()),
        );
    }
    if parts.is_empty() {
        return None;
    }
    let last = status.last_retry_time.as_ref();
    let last = last.map_or_else(String::new, |time| format!(" · last {}", age::at(time, now)));
    Some(parts.join(", ") + &last)
}

fn build_text(build: &BuildStatus) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(build.phase.map(|phase| format!("{phase:?}")));
    parts.extend(
        build
            .strategy
            .as_deref()
            .map(|name| format!("by {}", short(name))),
    );
    parts.extend(build.build_name.as_deref().map(short));
    if let Some(found) = &build.requirements {
        let source = found
            .source
            .as_deref()
            .map_or_else(|| "dependencies".to_owned(), short);
        let pins = match (found.pinned, found.unpinned) {
            (None, None) => String::new(),
            (pinned, unpinned) => format!(
                " ({} pinned, {} not)",
                pinned.unwrap_or_default(),
                unpinned.unwrap_or_default()
            ),
        };
        parts.push(format!("from {source}{pins}"));
    }
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn image(job: &NotebookValidationJob, build: Option<&BuildStatus>) -> Option<String> {
    let Some(image) = build.and_then(|build| build.image_reference.as_deref()) else {
        let builds = job.spec.pod_config.build_config.as_ref();
        let is_built = builds.is_some_and(|build| build.enabled == Some(true));
        return job
            .spec
            .pod_config
            .container_image
            .as_deref()
            .filter(|_| !is_built)
            .map(short);
    };
    let mut facts = Vec::new();
    let build = build?;
    if build.cache_hit == Some(true) {
        facts.push("was there already".to_owned());
    } else {
        facts.extend(
            build
                .duration
                .as_deref()
                .map(|took| format!("built in {}", short(took))),
        );
    }
    let size = build.image_size_bytes.and_then(|size| u64::try_from(size).ok());
    facts.extend(size.map(nbvet_render::bytes));
    let facts = if facts.is_empty() {
        String::new()
    } else {
        format!(" ({})", facts.join(", "))
    };
    Some(short(image) + &facts)
}

fn published(status: &NotebookValidationJobStatus) -> Option<String> {
    let published = status.published.as_ref()?;
    let mut out = published.image_reference.as_deref().map(short)?;
    out += &published
        .tag
        .as_deref()
        .map_or_else(String::new, |tag| format!(" as {}", short(tag)));
    let before = published.previous_digest.as_deref();
    out += &before.map_or_else(String::new, |digest| format!(" (before: {})", short(digest)));
    Some(out)
}

fn report(job: &NotebookValidationJob, status: &NotebookValidationJobStatus) -> Option<String> {
    status.report.as_ref()?.config_map.as_ref()?;
    let namespace = job.namespace().unwrap_or_default();
    Some(format!(
        "kubectl nbvet report {} -n {}",
        short(&job.name_any()),
        short(&namespace)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_left_out() {
        for (url, shown) in [
            ("https://u:secret@git.test/a/b@c", "https://…@git.test/a/b@c"),
            ("https://token@git.test/a", "https://…@git.test/a"),
            ("ssh://git@git.test/a", "ssh://git@git.test/a"),
            ("ssh://git:secret@git.test/a", "ssh://…@git.test/a"),
            ("git@git.test:a/b", "git@git.test:a/b"),
            ("https://git.test/a@b", "https://git.test/a@b"),
        ] {
            assert_eq!(without_secret(url), shown);
        }
    }

    #[test]
    fn a_verdict_of_no_cells_has_no_empty_brackets() {
        let found = serde_json::from_value(serde_json::json!({
            "outcome": "Passed", "level": "learning", "errors": 1, "warnings": 0, "notes": 1,
            "cells": {"total": 0, "ok": 0, "failed": 0, "skipped": 0, "notRun": 0},
        }))
        .unwrap();
        let text = anstream::adapter::strip_str(&verdict(&found)).to_string();
        assert_eq!(
            text,
            "Passed at learning · 0 code cells · 1 error, 0 warnings, 1 note"
        );
    }
}
