//! The little that detection must know of what files say: whether a file asks for anything, and the stages of a
//! Dockerfile.

use std::sync::Arc;

use toml::{Table, Value};

use super::{Note, Refused};
use crate::Format;

/// What a file asks for, as far as detection must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// Nothing: it is empty, or a `pyproject.toml` without dependencies.
    Nothing,
    /// Something; or it cannot be read, which its reader tells with the line.
    Something,
    /// Only running the project's code would tell.
    Dynamic,
}

pub(super) fn says(format: Format, bytes: &[u8]) -> Says {
    if is_blank(bytes) {
        return Says::Nothing;
    }
    if format != Format::Pyproject {
        return Says::Something;
    }
    let table = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
    table.map_or(Says::Something, |table| of_pyproject(&table))
}

/// Nothing but white space and comments; all formats but `Pipfile.lock`, which has no comments, begin them with `#`.
fn is_blank(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.split(|byte| matches!(byte, b'\n' | b'\r')).all(|line| {
        let line = line.trim_ascii();
        line.is_empty() || line.starts_with(b"#")
    })
}

/// `[project]` with dependencies (PEP 621), or Poetry's table.
fn of_pyproject(table: &Table) -> Says {
    let project = table.get("project").and_then(Value::as_table);
    let poetry = table.get("tool").and_then(|tool| tool.get("poetry"));
    let is_dynamic = project
        .and_then(|project| project.get("dynamic"))
        .and_then(Value::as_array)
        .is_some_and(|names| names.iter().any(|name| name.as_str() == Some("dependencies")));
    let in_project = project.is_some_and(|project| project.contains_key("dependencies"));
    let in_poetry = poetry.is_some_and(|poetry| poetry.get("dependencies").is_some() || has_groups(poetry));
    match (in_project || in_poetry, is_dynamic) {
        (true, _) => Says::Something,
        (false, true) => Says::Dynamic,
        (false, false) => Says::Nothing,
    }
}

fn has_groups(poetry: &Value) -> bool {
    let groups = poetry.get("group").and_then(Value::as_table);
    groups.is_some_and(|groups| groups.values().any(|group| group.get("dependencies").is_some()))
}

/// The stage to build, checked to be one of the Dockerfile.
pub(super) fn target(
    file: &Arc<str>,
    bytes: &[u8],
    target: Option<&str>,
    notes: &mut Vec<Note>,
) -> Result<Option<String>, Refused> {
    let parsed = std::str::from_utf8(bytes)
        .map_err(|_| "it is not UTF-8".to_owned())
        .and_then(|text| parse_dockerfile::parse(text).map_err(|error| error.to_string()));
    let dockerfile = match parsed {
        Ok(dockerfile) => dockerfile,
        // Builders have their own readers, which may take it.
        Err(message) => {
            notes.push(Note::DockerfileUnread {
                file: Arc::clone(file),
                message,
                target: target.map(str::to_owned),
            });
            return Ok(target.map(str::to_owned));
        }
    };
    let Some(target) = target else { return Ok(None) };
    let stages: Vec<Option<String>> = dockerfile
        .stages()
        .map(|stage| stage.from.as_.as_ref().map(|(_, name)| name.value.to_lowercase()))
        .collect();
    let has_name = |name: &String| name.eq_ignore_ascii_case(target);
    let is_number = target.parse::<usize>().is_ok_and(|number| number < stages.len());
    if is_number || stages.iter().flatten().any(has_name) {
        return Ok(Some(target.to_lowercase()));
    }
    Err(Refused::UnknownStage {
        dockerfile: file.to_string(),
        target: target.escape_debug().to_string(),
        stages: stages
            .into_iter()
            .flatten()
            .take(20)
            .map(|name| name.escape_debug().to_string())
            .collect(),
    })
}
