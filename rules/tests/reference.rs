//! The reference in `docs/reference/rules` is the one that the rules give, those of dependencies among them: a page for
//! each, and a table of all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use nbvet_engine::{Check, Flag, Group, Row, RuleMeta};
use nbvet_report::{Level, Severity};
use nbvet_rules::ALL;

const GENERATED: &str =
    "<!-- Written by `cargo xtask gen` from the rule's own file; edits belong there. -->\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/rules")
}

/// What a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Notebook,
    Run,
    Dependencies,
}

/// All rules by id.
fn all() -> Vec<(&'static RuleMeta, Subject)> {
    let of_notebooks = ALL.iter().map(|rule| match rule.check {
        Check::Run(_) => (&rule.meta, Subject::Run),
        _ => (&rule.meta, Subject::Notebook),
    });
    let of_dependencies = nbvet_deps::rules::ALL
        .iter()
        .map(|rule| (&rule.meta, Subject::Dependencies));
    let mut all: Vec<_> = of_notebooks.chain(of_dependencies).collect();
    all.sort_by_key(|(meta, _)| meta.id);
    all
}

/// Every file by its name.
fn files() -> BTreeMap<String, String> {
    let pages = all()
        .into_iter()
        .map(|(meta, subject)| (format!("{}.md", meta.id), page(meta, subject)));
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
    let all = all();
    let groups: BTreeSet<Group> = all.iter().map(|(meta, _)| meta.group).collect();
    for group in groups {
        let _ = write!(
            out,
            "\n## {}\n\n| id | name | reports | learning | development | staging | production |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n",
            group.as_str()
        );
        for (meta, _) in all.iter().filter(|(meta, _)| meta.group == group) {
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

fn page(meta: &RuleMeta, subject: Subject) -> String {
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
    for sentence in remarks(meta, subject) {
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
    // The names of kinds of examples are no languages that pages are coloured by.
    let fence = line.strip_prefix("```").and_then(|rest| rest.split_once(' '));
    if let Some((kind, is @ ("bad" | "good"))) = fence {
        let head = if is == "bad" { "Reported" } else { "Not reported" };
        let kind = if kind == "python" { "python" } else { "text" };
        let _ = write!(out, "{head}:\n\n```{kind}\n");
    } else {
        *out += line;
        *out += "\n";
    }
}

/// What the table does not say.
fn remarks(meta: &RuleMeta, subject: Subject) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(until) = meta.standing.until() {
        let row = meta.row.severities().map(Severity::as_str).join(", ");
        remarks.push(format!("It stands lower than its row ({row}) until {until}."));
    }
    if meta.row == Row::Fault {
        remarks.push("It fails the notebook at every level and cannot be switched off.".to_owned());
    }
    if subject == Subject::Run && meta.row != Row::Fault {
        remarks.push(
            "It judges what a run has shown: `nbvet validate` tells it, `nbvet lint` cannot.".to_owned(),
        );
    }
    if subject == Subject::Dependencies {
        remarks.push(
            "It judges what files say about the packages that a notebook needs: `nbvet deps` and `nbvet validate` tell it."
                .to_owned(),
        );
    }
    if meta.row == Row::Undeclared {
        remarks.push("`nbvet validate` counts it as a note: it has seen what the imports find.".to_owned());
    }
    if meta.row == Row::Unpinned {
        remarks.push(
            "`--allow-unpinned=false` makes it an error at every level, `--allow-unpinned` a note."
                .to_owned(),
        );
    }
    // What is refused is an error at every level as it is.
    if let Some(flag) = meta.raised_by.filter(|_| meta.row != Row::Refused) {
        let flag = match flag {
            Flag::FailOnStderr => "fail-on-stderr",
            Flag::FailOnWarnings => "fail-on-warnings",
            Flag::RequireExplicitExitCodes => "require-explicit-exit-codes",
            Flag::VerifyAssertions => "verify-assertions",
            Flag::CheckOutputTypes => "check-output-types",
            Flag::VerifyHashes => "verify-hashes",
            Flag::FailOnConflict => "fail-on-conflict",
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
