//! What a notebook says about how it is to be run and compared, in the words of other tools: tags of nbclient and
//! Jupyter, comments and tags of nbval, metadata of nbmake.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    literal::Literal,
    model::{Cell, Notebook},
};

/// The longest time limit that is believed.
const MAX_TIMEOUT: f64 = 10.0 * 365.0 * 24.0 * 3600.0;

/// What a cell says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Markers {
    /// It is not to be run: `skip-execution`, `nbval-skip`, `# NBVAL_SKIP`.
    pub skip: bool,
    /// It may raise: `raises-exception`, `nbval-raises-exception`, `# NBVAL_RAISES_EXCEPTION`.
    pub raises: bool,
    /// Whether its outputs are to be compared, where it says: `nbval-check-output`, `# NBVAL_CHECK_OUTPUT` and their
    /// opposites `nbval-ignore-output`, `# NBVAL_IGNORE_OUTPUT`.
    pub check_output: Option<bool>,
}

impl Markers {
    /// Reads tags and comments; comments win, and of two that differ the later one, as in nbval.
    pub fn of(cell: &Cell) -> Self {
        let mut markers = Self::default();
        for tag in &cell.tags {
            match tag.as_str() {
                "skip-execution" => markers.skip = true,
                "raises-exception" => markers.raises = true,
                tag => markers.read(tag, '-', str::to_ascii_lowercase),
            }
        }
        // Most cells hold none: their lines need not be looked at.
        if cell.source.contains("NBVAL_") || cell.source.contains("PYTEST_VALIDATE_") {
            for line in cell.source.lines().map(str::trim) {
                if let Some(comment) = line.strip_prefix('#') {
                    markers.read(comment.trim_start_matches('#').trim(), '_', str::to_owned);
                }
            }
        }
        markers
    }

    fn read(&mut self, word: &str, separator: char, case: fn(&str) -> String) {
        let is = |name: &str| case(&name.replace('_', &separator.to_string())) == word;
        if is("NBVAL_SKIP") {
            self.skip = true;
        } else if is("NBVAL_RAISES_EXCEPTION") {
            self.raises = true;
        } else if is("NBVAL_CHECK_OUTPUT") {
            self.check_output = Some(true);
        } else if is("NBVAL_IGNORE_OUTPUT") || is("PYTEST_VALIDATE_IGNORE_OUTPUT") {
            self.check_output = Some(false);
        }
    }
}

/// What nbmake reads in a notebook's metadata, under `execution`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Execution {
    /// Every cell may raise.
    pub allow_errors: bool,
    /// Limit for each cell, where the notebook says; zero: none.
    pub cell_timeout: Option<Duration>,
}

impl Execution {
    /// Of a notebook.
    pub fn of(notebook: &Notebook) -> Self {
        let metadata = notebook.metadata();
        let Some(execution) = metadata.get("execution").and_then(Value::as_object) else {
            return Self::default();
        };
        Self {
            allow_errors: execution.get("allow_errors").and_then(Value::as_bool) == Some(true),
            cell_timeout: execution.get("timeout").and_then(timeout),
        }
    }
}

/// Seconds; null and what is below zero are no limit, as in nbclient. Anything else says nothing.
fn timeout(value: &Value) -> Option<Duration> {
    if value.is_null() {
        return Some(Duration::ZERO);
    }
    let seconds = value.as_f64()?;
    let limited = seconds > 0.0 && seconds < MAX_TIMEOUT;
    Some(Duration::from_secs_f64(if limited { seconds } else { 0.0 }))
}

/// What nbmake runs after a cell that ended well: the names of `nbmake.mock` get other values, then the lines of
/// `nbmake.post_cell_execute`. `None` where the cell's metadata have neither.
pub fn after_cell(metadata: &Map<String, Value>) -> Option<String> {
    let nbmake = metadata.get("nbmake")?.as_object()?;
    let mocks = nbmake.get("mock").and_then(Value::as_object);
    let mut lines: Vec<String> = mocks
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name} = {}", Literal::from(value)))
        .collect();
    let after = nbmake.get("post_cell_execute").and_then(Value::as_array);
    lines.extend(
        after
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned),
    );
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::read;

    fn notebook(value: &Value) -> Notebook {
        read(value.to_string().as_bytes()).notebook.expect("it is one")
    }

    fn check(source: &str, tags: &[&str], skip: bool, raises: bool, check_output: Option<bool>) {
        let cell = json!({"cell_type": "code", "source": source, "metadata": {"tags": tags}, "outputs": [], "execution_count": null});
        let notebook =
            notebook(&json!({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}));
        let expected = Markers {
            skip,
            raises,
            check_output,
        };
        assert_eq!(Markers::of(&notebook.cells()[0]), expected, "{source:?} {tags:?}");
    }

    #[test]
    fn tags_and_comments_of_nbval_and_nbclient_are_read() {
        check("x", &["skip-execution"], true, false, None);
        check("x", &["nbval-skip"], true, false, None);
        check("# NBVAL_SKIP\nx", &[], true, false, None);
        check("x", &["raises-exception"], false, true, None);
        check("x", &["nbval-raises-exception"], false, true, None);
        check("x\n  ## NBVAL_RAISES_EXCEPTION  ", &[], false, true, None);
        check("#NBVAL_CHECK_OUTPUT", &[], false, false, Some(true));
        check("# PYTEST_VALIDATE_IGNORE_OUTPUT", &[], false, false, Some(false));
        check("x", &["nbval-ignore-output"], false, false, Some(false));
    }

    #[test]
    fn comments_win_and_what_only_looks_like_one_says_nothing() {
        check(
            "# NBVAL_CHECK_OUTPUT",
            &["nbval-ignore-output"],
            false,
            false,
            Some(true),
        );
        check(
            "# NBVAL_IGNORE_OUTPUT\n# NBVAL_CHECK_OUTPUT",
            &[],
            false,
            false,
            Some(true),
        );
        check(
            "x = '# NBVAL_SKIP'\n# see NBVAL_SKIP\n# nbval_skip",
            &["NBVAL_SKIP"],
            false,
            false,
            None,
        );
    }

    #[test]
    fn the_execution_metadata_of_nbmake_are_read_and_nonsense_in_them_is_not() {
        let of = |execution: Value| {
            Execution::of(&notebook(
                &json!({"cells": [], "metadata": {"execution": execution}, "nbformat": 4, "nbformat_minor": 4}),
            ))
        };
        let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
        assert_eq!(of(json!({"timeout": 1.5})).cell_timeout, seconds(1.5));
        assert_eq!(of(json!({"timeout": -1})).cell_timeout, seconds(0.0));
        assert_eq!(of(json!({"timeout": null})).cell_timeout, seconds(0.0));
        assert_eq!(
            of(json!({"timeout": "60", "allow_errors": "yes"})),
            Execution::default()
        );
        assert!(of(json!({"allow_errors": true})).allow_errors);
        assert_eq!(of(json!("no object")), Execution::default());
    }

    #[test]
    fn mocks_and_lines_of_nbmake_become_code() {
        let code = |nbmake: Value| after_cell(json!({ "nbmake": nbmake }).as_object().expect("it is one"));
        let mock =
            json!({"mock": {"n": 1, "s": "it's", "l": [true, null]}, "post_cell_execute": ["a()", "b()"]});
        assert_eq!(
            code(mock).as_deref(),
            Some("n = 1\ns = \"it's\"\nl = [True, None]\na()\nb()")
        );
        assert_eq!(code(json!({"mock": []})), None);
    }
}
