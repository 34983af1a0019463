//! Values that the command line (`-p`, `-r` and `-f`) or a job gives to notebooks, by papermill's rules. Where they go in a
//! notebook, and what is said of names that it does not know.

mod scalar;
mod yaml;

use std::{collections::BTreeMap, fs, io::Read as _, path::Path};

use nbvet_engine::Beside;
use nbvet_host::Parameters as HostParameters;
use nbvet_notebook::{Cell, CellKind, Literal, NewCell, Notebook};

use crate::{
    args::ParameterArgs,
    usage::{UsageError, nearest, shown},
};

/// The largest file of parameters.
const MAX_FILE: u64 = 16 << 20;
const TAG: &str = "parameters";
const INJECTED_TAG: &str = "injected-parameters";
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Names and values, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parameters(Vec<(String, Literal)>);

/// Where they go in one notebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into this cell, which an earlier run has put there.
    Into(u32),
    /// Before the cell of this index.
    Before(u32),
}

impl Parameters {
    /// Files come first, then typed values, then texts: the last one wins.
    pub(crate) fn new(args: &ParameterArgs) -> Result<Self, UsageError> {
        let mut parameters = Self::default();
        for file in &args.parameters_file {
            for (name, value) in read(file)? {
                parameters.set(name, value)?;
            }
        }
        for pair in args.parameters.chunks_exact(2) {
            parameters.set(pair[0].clone(), scalar::of_argument(&pair[1]))?;
        }
        for pair in args.parameters_raw.chunks_exact(2) {
            parameters.set(pair[0].clone(), Literal::Str(pair[1].clone()))?;
        }
        Ok(parameters)
    }

    /// Those of a job.
    pub(crate) fn of_job(given: &BTreeMap<String, nbvet_report::Literal>) -> Result<Self, UsageError> {
        let refused = |message: String| UsageError::ParameterFile {
            path: "spec.parameters".to_owned(),
            message,
        };
        let text = serde_json::to_string(given).map_err(|error| refused(error.to_string()))?;
        let mut parameters = Self::default();
        for (name, value) in entries(&text, true).map_err(refused)? {
            parameters.set(name, value)?;
        }
        Ok(parameters)
    }

    fn set(&mut self, name: String, value: Literal) -> Result<(), UsageError> {
        if !is_identifier(&name) {
            return Err(UsageError::ParameterName { name });
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The source of the cell that gives them.
    pub(crate) fn source(&self) -> String {
        let lines = self.0.iter().map(|(name, value)| format!("{name} = {value}\n"));
        std::iter::once("# Parameters\n".to_owned())
            .chain(lines)
            .collect()
    }

    /// Has the analyser know of them.
    pub(crate) fn give(&self, notebook: &Notebook, beside: &mut Beside) {
        let names = self.0.iter().map(|(name, _)| name.clone()).collect();
        let after = match place(notebook) {
            Place::Into(cell) => Some(cell),
            Place::Before(before) => last_before(notebook, before),
        };
        beside.give(names, after);
    }

    /// As the host runs them in this notebook.
    pub(crate) fn for_host(&self, notebook: &Notebook, place: Place) -> Option<HostParameters> {
        let Place::Before(before) = place else { return None };
        Some(HostParameters {
            code: self.source(),
            after: last_before(notebook, before),
        })
    }

    /// As the executed notebook holds them.
    pub(crate) fn cell(&self, execution_count: Option<u32>) -> NewCell {
        NewCell {
            source: self.source(),
            tags: vec![INJECTED_TAG.to_owned()],
            outputs: Vec::new(),
            execution_count,
        }
    }

    /// What is odd about giving them to this notebook.
    pub(crate) fn oddities(&self, notebook: &Notebook) -> Vec<String> {
        let Some(cell) = notebook.cells().iter().find(|cell| cell.has_tag(TAG)) else {
            let text = format!("no cell has the tag `{TAG}`: the parameters come before all others");
            return Vec::from_iter(place(notebook).eq(&Place::Before(0)).then_some(text));
        };
        let known = bound(cell);
        let unknown = self.0.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        unknown
            .map(|(name, _)| {
                let near = nearest(name, known.iter().copied());
                let near = near
                    .first()
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                format!("the cell tagged `{TAG}` sets no `{name}`{near}")
            })
            .collect()
    }
}

/// In the place of what was put in before, else after the cell tagged `parameters`, else first.
pub(crate) fn place(notebook: &Notebook) -> Place {
    let cells = notebook.cells();
    let injected = notebook.code_cells().find(|cell| cell.has_tag(INJECTED_TAG));
    if let Some(cell) = injected {
        return Place::Into(cell.index);
    }
    let parameters = cells.iter().find(|cell| cell.has_tag(TAG));
    Place::Before(parameters.map_or(0, |cell| cell.index + 1))
}

/// The last code cell before this place.
fn last_before(notebook: &Notebook, place: u32) -> Option<u32> {
    let earlier = notebook.code_cells().take_while(|cell| cell.index < place);
    earlier.last().map(|cell| cell.index)
}

/// Names that lines of the cell assign to, as papermill finds them.
fn bound(cell: &Cell) -> Vec<&str> {
    let name = |line: &'_ str| -> Option<usize> {
        let end = line.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
        let rest = line[end..].trim_start();
        let assigns = |rest: &str| rest.starts_with('=') && !rest.starts_with("==");
        let annotated = rest.strip_prefix(':').and_then(|rest| rest.split_once('='));
        (end > 0 && (assigns(rest) || annotated.is_some())).then_some(end)
    };
    if cell.kind != CellKind::Code {
        return Vec::new();
    }
    let lines = cell.source.lines();
    lines
        .filter_map(|line| name(line).map(|end| &line[..end]))
        .collect()
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|next| next.is_alphanumeric() || next == '_')
        && !KEYWORDS.contains(&name)
}

fn read(path: &Path) -> Result<Vec<(String, Literal)>, UsageError> {
    let refused = |message: String| UsageError::ParameterFile {
        path: shown(path),
        message,
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| refused(error.to_string()))?;
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refused(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(refused(format!("it is larger than {} MiB", MAX_FILE >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8".to_owned()))?;
    let is_json = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"));
    entries(text.trim_start_matches('\u{feff}'), is_json).map_err(refused)
}

fn entries(text: &str, is_json: bool) -> Result<Vec<(String, Literal)>, String> {
    match yaml::parse(text, is_json).map_err(|error| error.to_string())? {
        Literal::None => Ok(Vec::new()),
        Literal::Dict(entries) => Ok(entries),
        _ => Err("names and values are needed at its top, such as `alpha: 0.5`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parameters(arguments: &[&str]) -> Result<Parameters, UsageError> {
        let text = |word: &&str| (*word).to_owned();
        Parameters::new(&ParameterArgs {
            parameters: arguments.iter().map(text).collect(),
            ..ParameterArgs::default()
        })
    }

    fn notebook(cells: &[(&str, &[&str])]) -> Notebook {
        let cells: Vec<Value> = cells
            .iter()
            .map(|(source, tags)| {
                json!({"cell_type": "code", "source": source, "metadata": {"tags": tags}, "outputs": [], "execution_count": null})
            })
            .collect();
        let file = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4});
        nbvet_notebook::read(file.to_string().as_bytes())
            .notebook
            .unwrap()
    }

    #[test]
    fn the_last_value_of_a_name_counts_in_the_place_of_the_first() {
        let given = parameters(&["a", "1", "b", "x", "a", "2.5"]).unwrap();
        assert_eq!(given.source(), "# Parameters\na = 2.5\nb = \"x\"\n");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["1x", "a b", "x; import os", "class", "", "a.b"] {
            assert!(parameters(&[name, "1"]).is_err(), "{name}");
        }
        assert!(parameters(&["größe_1", "1"]).is_ok());
    }

    #[test]
    fn they_go_into_the_old_place_else_after_the_tagged_cell_else_first() {
        let both = notebook(&[
            ("a = 1", &["parameters"]),
            ("a = 2", &["injected-parameters"]),
            ("a", &[]),
        ]);
        assert_eq!(place(&both), Place::Into(1));
        let tagged = notebook(&[("import os", &[]), ("a = 1", &["parameters"]), ("a", &[])]);
        assert_eq!(place(&tagged), Place::Before(2));
        assert_eq!(place(&notebook(&[("a", &[])])), Place::Before(0));
    }

    #[test]
    fn a_name_that_the_tagged_cell_does_not_set_is_said() {
        let given = parameters(&["alpha", "1", "beta", "2", "gamma", "3", "betta", "4"]).unwrap();
        let tagged = notebook(&[(
            "alpha = 0\nbeta: int = 5  # b\nif gamma == 1: pass",
            &["parameters"],
        )]);
        assert_eq!(
            given.oddities(&tagged),
            [
                "the cell tagged `parameters` sets no `gamma`",
                "the cell tagged `parameters` sets no `betta`; did you mean `beta`?"
            ]
        );
        let none = notebook(&[("alpha", &[])]);
        assert_eq!(
            given.oddities(&none),
            ["no cell has the tag `parameters`: the parameters come before all others"]
        );
    }
}
