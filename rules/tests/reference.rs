//! The reference in `docs/reference/rules` is the one that the rules give: a page for each, and a table of all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use nbvet_engine::{Check, Flag, Group, Row, Rule, RuleMeta};
use nbvet_report::{Level, Severity};
use nbvet_rules::ALL;

const GENERATED: &str =
    "<!-- Written by `cargo xtask gen` from the rule's own file; edits belong there. -->\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/rules")
}

/// Every file by its name.
fn files() -> BTreeMap<String, String> {
    let pages = ALL
        .iter()
        .map(|rule| (format!("{}.md", rule.meta.id), page(rule)));
    pages.chain([("README.md".to_owned(), index())]).collect()
}

fn index() -> String {
    let mut out = String::from(GENERATED);
    out += "# Rules\n\n\
        What nbvet looks for, and how much it counts at each level: an **error** fails a notebook from development on, a \
        warning at production, a note never. Execution faults fail at every level and cannot be switched off. `nbvet \
        rules` prints this table, `nbvet explain RULE` a rule's page.\n\n\
        A rule is given another severity by `[rules]` in `nbvet.toml` or by `--rule`, and switched off by `--ignore`, by \
        a comment `# nbvet: ignore[NB202] reason` or by a cell tag `nbvet-ignore-NB202`.\n";
    let groups: BTreeSet<Group> = ALL.iter().map(|rule| rule.meta.group).collect();
    for group in groups {
        let _ = write!(
            out,
            "\n## {}\n\n| id | name | reports | learning | development | staging | production |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n",
            group.as_str()
        );
        for meta in ALL
            .iter()
            .map(|rule| &rule.meta)
            .filter(|meta| meta.group == group)
        {
            let _ = writeln!(
                out,
                "| [{id}]({id}.md) | {} | {} | {} |",
                meta.name,
                meta.summary().replace('|', "\\|"),
                severities(meta).join(" | "),
                id = meta.id,
            );
        }
    }
    out
}

/// At the four levels, errors marked.
fn severities(meta: &RuleMeta) -> [String; 4] {
    meta.severities().map(|severity| match severity {
        Severity::Error => "**error**".to_owned(),
        other => other.to_string(),
    })
}

fn page(rule: &Rule) -> String {
    let meta = &rule.meta;
    let mut out = format!("{GENERATED}# {} {}\n\n", meta.id, meta.name);
    let mut body = meta
        .doc
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .peekable();
    // What it reports comes first, then how much that counts.
    while let Some(line) = body.next_if(|line| !line.starts_with("##")) {
        line_of(line, &mut out);
    }
    let _ = write!(
        out,
        "| {} |\n| --- | --- | --- | --- |\n| {} |\n\n",
        Level::ALL.map(Level::as_str).join(" | "),
        severities(meta).join(" | ")
    );
    for sentence in remarks(rule) {
        let _ = write!(out, "{sentence}\n\n");
    }
    body.for_each(|line| line_of(line, &mut out));
    let _ = write!(
        out,
        "\n---\n\n[All rules](README.md) · group {} · since {}\n",
        meta.group.as_str(),
        meta.since
    );
    out
}

/// A line of the rule's page; above an example it is said which it is.
fn line_of(line: &str, out: &mut String) {
    match line {
        "```python bad" => *out += "Reported:\n\n```python\n",
        "```python good" => *out += "Not reported:\n\n```python\n",
        line => {
            *out += line;
            *out += "\n";
        }
    }
}

/// What the table does not say.
fn remarks(rule: &Rule) -> Vec<String> {
    let meta = &rule.meta;
    let mut remarks = Vec::new();
    if let Some(until) = meta.standing.until() {
        let row = meta.row.severities().map(Severity::as_str).join(", ");
        remarks.push(format!("It stands lower than its row ({row}) until {until}."));
    }
    if meta.row == Row::Fault {
        remarks.push("It fails the notebook at every level and cannot be switched off.".to_owned());
    }
    if matches!(rule.check, Check::Run(_)) && meta.row != Row::Fault {
        remarks.push(
            "It judges what a run has shown: `nbvet validate` tells it, `nbvet lint` cannot.".to_owned(),
        );
    }
    if let Some(flag) = meta.raised_by {
        let flag = match flag {
            Flag::FailOnStderr => "fail-on-stderr",
            Flag::FailOnWarnings => "fail-on-warnings",
            Flag::RequireExplicitExitCodes => "require-explicit-exit-codes",
            Flag::VerifyAssertions => "verify-assertions",
            Flag::CheckOutputTypes => "check-output-types",
        };
        remarks.push(format!("`--{flag}` makes it an error at every level."));
    }
    let link = |id: &&str| format!("[{id}]({id}.md)");
    if !meta.twins.is_empty() {
        let twins: Vec<String> = meta.twins.iter().map(link).collect();
        remarks.push(format!(
            "It takes the place of {} where both see one fault.",
            twins.join(", ")
        ));
    }
    let seen_by: Vec<String> = ALL
        .iter()
        .filter(|other| other.meta.twins.contains(&meta.id))
        .map(|other| link(&other.meta.id))
        .collect();
    if !seen_by.is_empty() {
        let seen_by = seen_by.join(", ");
        remarks.push(format!(
            "When the notebook is run, {seen_by} tells the same fault with what was seen."
        ));
    }
    remarks
}

#[test]
fn the_committed_reference_is_the_one_of_the_rules() {
    let (folder, files) = (folder(), files());
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            fs::remove_file(entry.path()).unwrap();
        }
        for (name, text) in &files {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let committed: BTreeMap<String, String> = fs::read_dir(&folder)
        .unwrap()
        .map(Result::unwrap)
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    let names: Vec<&String> = files.keys().chain(committed.keys()).collect();
    let stale: Vec<&&String> = names
        .iter()
        .filter(|name| files.get(**name) != committed.get(**name))
        .collect();
    assert!(
        stale.is_empty(),
        "{stale:?} in docs/reference/rules are not what the rules give; run `cargo xtask gen` (or `UPDATE=1 cargo test \
         -p nbvet-rules --test reference`) and review the change"
    );
}
