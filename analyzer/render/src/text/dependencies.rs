//! What a notebook needs, where that was looked for and what was found: the tables of `nbvet deps`.

use std::fmt::Write as _;

use nbvet_report::{Dependencies, Need, NeedStatus, Requirement};
use unicode_width::UnicodeWidthStr;

use super::style::{BOLD, DIM, GREEN, RED, YELLOW, paint, remark};
use crate::harmless;

/// Columns of a table at most, so that one long name does not push the rest away.
const WIDEST: usize = 32;

/// The section of one notebook.
pub(super) fn section(found: &Dependencies, width: usize) -> String {
    let mut out = String::from("\n");
    out += &titled("environment from", &source(found));
    out += &looked_at(found);
    for remark_text in &found.remarks {
        out += &remark("note", remark_text, width);
    }
    if !found.needs.is_empty() {
        out += &needs(&found.needs, width);
    }
    if !found.requirements.is_empty() {
        out += &requirements(&found.requirements);
    }
    out
}

fn titled(title: &str, text: &str) -> String {
    format!("  {} {text}\n", paint(BOLD, title))
}

fn source(found: &Dependencies) -> String {
    let file = found.source.file.as_deref().map(harmless);
    let why = harmless(&found.source.why);
    match file {
        Some(file) => format!("{file} {}", paint(DIM, &format!("({why})"))),
        None => why,
    }
}

/// The places that lost, each with why; the one that won is told already.
fn looked_at(found: &Dependencies) -> String {
    let lost: Vec<_> = found.looked_at.iter().filter(|looked| !looked.taken).collect();
    let width = widest(lost.iter().map(|looked| looked.file.as_str()));
    let line = |file: &str, why: &str| {
        let file = padded(&harmless(file), width);
        format!("    {} {file}  {}\n", paint(DIM, "-"), paint(DIM, &harmless(why)))
    };
    lost.iter()
        .map(|looked| line(&looked.file, &looked.why))
        .collect()
}

fn needs(needs: &[Need], width: usize) -> String {
    let mut out = format!("  {}\n", paint(BOLD, "imports"));
    let modules = widest(needs.iter().map(|need| need.module.as_str()));
    let distributions: Vec<String> = needs.iter().map(distribution).collect();
    let names = widest(distributions.iter().map(String::as_str));
    for (need, name) in needs.iter().zip(&distributions) {
        let (sign, word) = standing(need);
        let said_here = (need.status == NeedStatus::Unsure)
            .then_some(need.note.as_deref())
            .flatten();
        let place = need.found_at.as_deref().or(said_here).map_or(word, harmless);
        let _ = writeln!(
            out,
            "    {sign} {}  {}  {place}{}",
            padded(&harmless(&need.module), modules),
            padded(name, names),
            paint(DIM, &cells(need)),
        );
        if let Some(note) = &need.note
            && !matches!(need.status, NeedStatus::Declared | NeedStatus::Unsure)
        {
            out += &remark("    note", note, width);
        }
    }
    out
}

fn distribution(need: &Need) -> String {
    match &need.distribution {
        Some(name) => harmless(name),
        None if need.candidates.is_empty() => "?".to_owned(),
        None => harmless(&need.candidates.join(" or ")),
    }
}

fn standing(need: &Need) -> (String, String) {
    match need.status {
        NeedStatus::Declared => (paint(GREEN, "✓"), "declared".to_owned()),
        NeedStatus::InBase => (paint(GREEN, "✓"), "in the base image".to_owned()),
        NeedStatus::Unsure => (paint(DIM, "·"), "not named; may come along".to_owned()),
        NeedStatus::Optional => (paint(DIM, "·"), "not declared; only tried".to_owned()),
        NeedStatus::Missing => (paint(RED, "✗"), paint(RED, "missing")),
        NeedStatus::Unknown => (paint(YELLOW, "?"), paint(YELLOW, "which distribution?")),
    }
}

/// ` (cells 1, 4)`.
fn cells(need: &Need) -> String {
    let shown: Vec<String> = need.cells.iter().take(4).map(ToString::to_string).collect();
    let more = if need.cells.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    match shown.len() {
        0 => String::new(),
        1 => format!("  cell {}", shown[0]),
        _ => format!("  cells {}{more}", shown.join(", ")),
    }
}

fn requirements(lines: &[Requirement]) -> String {
    let pinned = lines.iter().filter(|line| line.pinned).count();
    let hashed = lines.iter().filter(|line| line.hashed).count();
    let all = match lines.len() {
        1 => "1 requirement".to_owned(),
        all => format!("{all} requirements"),
    };
    titled(
        "asks for",
        &format!("{all}: {pinned} pinned, {hashed} with hashes"),
    )
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(UnicodeWidthStr::width).max().unwrap_or(0).min(WIDEST)
}

fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use expect_test::expect;
    use nbvet_report::{DependencySource, DependencySourceKind, LookedAt};

    use super::*;

    fn need(module: &str, distribution: Option<&str>, status: NeedStatus) -> Need {
        Need {
            module: module.to_owned(),
            cells: vec![1, 4],
            distribution: distribution.map(ToOwned::to_owned),
            candidates: Vec::new(),
            status,
            found_at: (status == NeedStatus::Declared).then(|| "requirements.txt:3".to_owned()),
            note: None,
        }
    }

    #[test]
    fn what_is_needed_stands_beside_where_it_was_found() {
        let looked = |file: &str, taken: bool, why: &str| LookedAt {
            file: file.to_owned(),
            taken,
            why: why.to_owned(),
        };
        let mut unknown = need("helper_lib", None, NeedStatus::Unknown);
        unknown.note = Some("name its distribution in requirements.in".to_owned());
        let mut brought = need("numpy", Some("numpy"), NeedStatus::Unsure);
        brought.note = Some("comes along with pandas; name it yourself".to_owned());
        let found = Dependencies {
            source: DependencySource {
                kind: DependencySourceKind::Requirements,
                file: Some("requirements.txt".to_owned()),
                why: "in the notebook's folder".to_owned(),
            },
            looked_at: vec![
                looked("requirements.txt", true, "in the notebook's folder"),
                looked("pyproject.toml", false, "requirements.txt comes first"),
            ],
            needs: vec![
                need("pandas", Some("pandas"), NeedStatus::Declared),
                need("sklearn", Some("scikit-learn"), NeedStatus::Missing),
                brought,
                unknown,
            ],
            requirements: vec![Requirement {
                text: "pandas==2.2.3".to_owned(),
                name: Some("pandas".to_owned()),
                file: "requirements.txt".to_owned(),
                line: 3,
                pinned: true,
                hashed: false,
            }],
            remarks: vec!["there is a Dockerfile too; requirements.txt wins".to_owned()],
        };
        expect![[r#"
            a.ipynb
              environment from requirements.txt (in the notebook's folder)
                - pyproject.toml  requirements.txt comes first
              note: there is a Dockerfile too; requirements.txt wins
              imports
                ✓ pandas      pandas        requirements.txt:3  cells 1, 4
                ✗ sklearn     scikit-learn  missing  cells 1, 4
                · numpy       numpy         comes along with pandas; name it yourself  cells 1, 4
                ? helper_lib  ?             which distribution?  cells 1, 4
                  note: name its distribution in requirements.in
              asks for 1 requirement: 1 pinned, 0 with hashes
        "#]]
        .assert_eq(&format!("a.ipynb{}", strip_str(&section(&found, 100))));
    }
}
