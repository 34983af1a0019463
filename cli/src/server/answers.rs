//! What goes back to the editor: diagnostics, explanations and fixes, at its positions.

use std::collections::BTreeMap;

use nbvet_engine::mend;
use nbvet_report::{Applicability, Diagnostic, Fix, Location, Severity};
use serde_json::{Value, json};

use super::{
    analysis::Judged,
    protocol::{ActionsAsked, HoverAsked, Position, Range},
};
use crate::catalogue;

const FIX_ALL: &str = "source.fixAll.nbvet";

/// What the server can do.
pub(crate) fn capabilities() -> Value {
    const INCREMENTAL: u8 = 2;
    json!({
        "positionEncoding": "utf-16",
        "textDocumentSync": { "openClose": true, "change": INCREMENTAL, "save": true },
        "notebookDocumentSync": {
            "notebookSelector": [{ "notebook": { "notebookType": "jupyter-notebook" } }],
            "save": true,
        },
        "hoverProvider": true,
        "codeActionProvider": { "codeActionKinds": ["quickfix", FIX_ALL] },
    })
}

/// The diagnostics of each text of a document, none where there are none.
pub(crate) fn diagnostics(judged: &Judged) -> BTreeMap<String, Value> {
    let empty = judged.texts.iter().map(|text| (text.uri.clone(), Vec::new()));
    let mut by_text: BTreeMap<String, Vec<Value>> = empty.collect();
    for (uri, found) in shown(judged) {
        by_text
            .entry(uri.to_owned())
            .or_default()
            .push(diagnostic(judged, found));
    }
    by_text
        .into_iter()
        .map(|(uri, found)| (uri, Value::from(found)))
        .collect()
}

/// Diagnostics that are not suppressed, with the URI of their text.
fn shown(judged: &Judged) -> impl Iterator<Item = (&str, &Diagnostic)> {
    let found = judged
        .diagnostics
        .iter()
        .filter(|found| found.suppression.is_none());
    found.filter_map(|found| Some((uri(judged, &found.location)?, found)))
}

fn index(judged: &Judged, location: &Location) -> usize {
    let cell = location.cell.filter(|_| !judged.in_file);
    cell.and_then(|cell| usize::try_from(cell).ok()).unwrap_or(0)
}

/// The URI of the text that a location lies in; what concerns the whole notebook is shown at its first cell.
fn uri<'j>(judged: &'j Judged, location: &Location) -> Option<&'j str> {
    Some(&judged.texts.get(index(judged, location))?.uri)
}

fn range(judged: &Judged, location: &Location) -> Range {
    let Some(text) = judged.texts.get(index(judged, location)) else {
        let start = Position {
            line: 0,
            character: 0,
        };
        return Range { start, end: start };
    };
    if judged.in_file {
        // The lines of the file are known, the columns in them are not.
        let (start, end) = (location.file_line, location.file_end_line);
        return Range {
            start: text.position(start, 1),
            end: text.position(end, u32::MAX),
        };
    }
    if location.cell.is_none() {
        let start = text.position(1, 1);
        return Range { start, end: start };
    }
    Range {
        start: text.position(location.line, location.column),
        end: text.position(location.end_line, location.end_column),
    }
}

fn diagnostic(judged: &Judged, found: &Diagnostic) -> Value {
    let severity = match found.severity {
        Severity::Error => 1,
        Severity::Warning => 2,
        Severity::Note | Severity::Off => 3,
    };
    let help = found.help.as_ref().map(|help| format!("\nhelp: {help}"));
    let related: Vec<Value> = found
        .labels
        .iter()
        .filter_map(|label| {
            let uri = uri(judged, &label.location)?;
            let location = json!({ "uri": uri, "range": range(judged, &label.location) });
            Some(json!({ "location": location, "message": label.message }))
        })
        .collect();
    json!({
        "range": range(judged, &found.location),
        "severity": severity,
        "code": found.rule.id,
        "source": "nbvet",
        "message": format!("{}{}", found.message, help.unwrap_or_default()),
        "relatedInformation": related,
    })
}

/// The document that has this text.
fn owner<'j>(judged: &'j BTreeMap<String, Judged>, uri: &str) -> Option<&'j Judged> {
    judged
        .values()
        .find(|judged| judged.texts.iter().any(|text| text.uri == uri))
}

/// What the diagnostics at a position are about, why they matter, and the page of the rule.
pub(crate) fn hover(judged: &BTreeMap<String, Judged>, asked: &HoverAsked) -> Value {
    let uri = asked.text_document.uri.as_str();
    let Some(judged) = owner(judged, uri) else {
        return Value::Null;
    };
    let is_there = |found: &&Diagnostic| {
        let range = range(judged, &found.location);
        range.start <= asked.position && asked.position <= range.end
    };
    let here: Vec<&Diagnostic> = shown(judged)
        .filter(|(at, _)| *at == uri)
        .map(|(_, found)| found)
        .filter(is_there)
        .collect();
    let Some(first) = here.first() else {
        return Value::Null;
    };
    let told: Vec<String> = here.iter().map(|found| explained(found)).collect();
    json!({
        "contents": { "kind": "markdown", "value": told.join("\n\n---\n\n") },
        "range": range(judged, &first.location),
    })
}

fn explained(found: &Diagnostic) -> String {
    let mut text = format!("**{} {}**: {}", found.rule.id, found.rule.name, found.message);
    for more in [&found.explanation, &found.help].into_iter().flatten() {
        text = format!("{text}\n\n{more}");
    }
    match catalogue::find(&found.rule.id) {
        Ok(rule) => format!("{text}\n\n---\n\n{}", catalogue::page(rule)),
        Err(_) => text,
    }
}

/// The fixes of the diagnostics in a range; all that need no look, where they are asked for.
pub(crate) fn code_actions(judged: &BTreeMap<String, Judged>, asked: &ActionsAsked) -> Value {
    let uri = asked.text_document.uri.as_str();
    let Some(judged) = owner(judged, uri) else {
        return json!([]);
    };
    let wants = |kind: &str| match &asked.context.only {
        None => kind == "quickfix",
        Some(only) => only
            .iter()
            .any(|wanted| kind == wanted || kind.starts_with(&format!("{wanted}."))),
    };
    let mut actions = Vec::new();
    if wants("quickfix") {
        let fixes = shown(judged).filter(|(at, found)| {
            let range = range(judged, &found.location);
            *at == uri && range.start <= asked.range.end && asked.range.start <= range.end
        });
        actions.extend(fixes.filter_map(|(_, found)| quick_fix(judged, found)));
    }
    if wants(FIX_ALL) {
        actions.extend(fix_all(judged));
    }
    Value::from(actions)
}

fn quick_fix(judged: &Judged, found: &Diagnostic) -> Option<Value> {
    let fix = found.fix.as_ref()?;
    if fix.applicability == Applicability::DisplayOnly {
        return None;
    }
    Some(json!({
        "title": format!("{}: {}", found.rule.id, fix.title),
        "kind": "quickfix",
        "diagnostics": [diagnostic(judged, found)],
        "isPreferred": fix.applicability == Applicability::Safe,
        "edit": { "changes": changes(judged, fix)? },
    }))
}

/// `None` where an edit lies outside of the cells that the editor has.
fn changes(judged: &Judged, fix: &Fix) -> Option<BTreeMap<String, Vec<Value>>> {
    if judged.in_file {
        let notebook = nbvet_notebook::read(&judged.bytes).notebook?;
        let mut editor = notebook.edit();
        for edit in &fix.edits {
            editor.apply(edit);
        }
        return file_change(judged, editor.finish());
    }
    let mut changes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for edit in &fix.edits {
        edit.location.cell?;
        let uri = uri(judged, &edit.location)?.to_owned();
        let change = json!({ "range": range(judged, &edit.location), "newText": edit.replacement });
        changes.entry(uri).or_default().push(change);
    }
    Some(changes)
}

/// The change of a document that is the notebook's file: what lies between the beginning and the end that the old
/// and the new text share.
fn file_change(judged: &Judged, new: Vec<u8>) -> Option<BTreeMap<String, Vec<Value>>> {
    let (document, new) = (judged.texts.first()?, String::from_utf8(new).ok()?);
    let old = document.text.as_str();
    let same = |(old, new): &(u8, u8)| old == new;
    let start = old.bytes().zip(new.bytes()).take_while(same).count();
    let start = old.floor_char_boundary(start);
    let ends = old.as_bytes()[start..]
        .iter()
        .rev()
        .zip(new.as_bytes()[start..].iter().rev());
    let shared = ends.take_while(|(old, new)| old == new).count();
    let end = old.ceil_char_boundary(old.len() - shared);
    let new_end = new.len() - (old.len() - end);
    let range = Range {
        start: point(old, start),
        end: point(old, end),
    };
    let change = json!({ "range": range, "newText": &new[start..new_end] });
    Some(BTreeMap::from([(document.uri.clone(), vec![change])]))
}

/// An offset in a text as the protocol counts.
fn point(text: &str, offset: usize) -> Position {
    let before = &text[..offset];
    let line = before.matches('\n').count();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let units = before[line_start..].chars().map(char::len_utf16).sum::<usize>();
    Position {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        character: u32::try_from(units).unwrap_or(u32::MAX),
    }
}

fn fix_all(judged: &Judged) -> Option<Value> {
    let mended = mend(
        &judged.bytes,
        &judged.beside,
        nbvet_rules::ALL,
        &judged.settings,
        Applicability::Safe,
    );
    if mended.applied.is_empty() {
        return None;
    }
    let answer = |changes: Value| json!({ "title": "nbvet: mend all", "kind": FIX_ALL, "edit": { "changes": changes } });
    if judged.in_file {
        return file_change(judged, mended.bytes).map(|changes| answer(json!(changes)));
    }
    let notebook = nbvet_notebook::read(&mended.bytes).notebook?;
    let cells = judged.texts.iter().zip(notebook.cells());
    let changes: BTreeMap<&str, Value> = cells
        .filter(|(old, new)| old.text != new.source)
        .map(|(old, new)| {
            let all = Range {
                start: old.position(1, 1),
                end: old.end(),
            };
            (old.uri.as_str(), json!([{ "range": all, "newText": new.source }]))
        })
        .collect();
    Some(answer(json!(changes)))
}
