//! The programs of a wheel: those that `entry_points.txt` names, and those whose first line is left open.

use std::collections::BTreeMap;

use super::{Reason, limits::bytes};
use crate::layout::PYTHON;

/// Names that would replace what everything else in the image is started by.
const TAKEN: &[&str] = &["sh", "bash", "dash", "env"];

/// The programs of `[console_scripts]` and `[gui_scripts]`, with their text: at most so many bytes of it.
pub(crate) fn of_entry_points(text: &str, limit: u64) -> Result<BTreeMap<String, String>, Reason> {
    let mut scripts = BTreeMap::new();
    let mut total = 0;
    let mut is_of_scripts = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            let section = section.strip_suffix(']').unwrap_or(section).trim();
            is_of_scripts = matches!(section, "console_scripts" | "gui_scripts");
        } else if is_of_scripts {
            let refused = |why: &str| Reason::EntryPoint(format!("`{}`: {why}", super::shown(line)));
            let (name, object) = line
                .split_once('=')
                .ok_or_else(|| refused("it is not `name = module:function`"))?;
            let name = name.trim();
            check_name(name).map_err(refused)?;
            let text = script(object).ok_or_else(|| {
                refused(
                    "behind `=` stands something other than `module:function`, each of plain Python names",
                )
            })?;
            total += (name.len() + text.len()) as u64;
            if total > limit {
                return Err(Reason::EntryPoint(format!(
                    "its programs have more than the {} that are allowed",
                    bytes(limit)
                )));
            }
            scripts.insert(name.to_owned(), text);
        }
    }
    Ok(scripts)
}

/// A program's name is a plain one, and not the interpreter's.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '+');
    let starts_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if !name.starts_with(starts_plain) || !name.chars().all(is_plain) {
        return Err("a program's name is of letters, digits, `-`, `_` and `.`");
    }
    let is_python = name.strip_prefix("python").is_some_and(|rest| {
        rest.chars()
            .all(|letter| letter.is_ascii_digit() || letter == '.')
    });
    if is_python || TAKEN.contains(&name) {
        return Err("it would be found before the image's own program of that name");
    }
    Ok(())
}

/// What starts the object: `module:function`, perhaps with extras behind it.
fn script(object: &str) -> Option<String> {
    let object = match object.split_once('[') {
        Some((object, extras)) => {
            let extras = extras.trim().strip_suffix(']')?;
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_., ".contains(letter);
            extras.chars().all(is_plain).then_some(object)?
        }
        None => object,
    };
    let (module, function) = object.trim().split_once(':')?;
    let (module, function) = (module.trim(), function.trim());
    if !is_dotted(module) || !is_dotted(function) {
        return None;
    }
    let import = function.split('.').next()?;
    Some(format!(
        "#!{PYTHON}\nimport sys\nfrom {module} import {import}\nif __name__ == \"__main__\":\n    sys.exit({function}())\n"
    ))
}

/// Python names with dots between them: nothing that could be read as more than a name.
fn is_dotted(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    text.split('.').all(is_name)
}

/// A script with its first line filled in; `None` when that is not left open.
pub(crate) fn with_interpreter(text: &[u8]) -> Option<Vec<u8>> {
    if !text.starts_with(b"#!python") {
        return None;
    }
    let rest = text
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(&[][..], |end| &text[end..]);
    let mut script = format!("#!{PYTHON}").into_bytes();
    script.extend_from_slice(rest);
    Some(script)
}
