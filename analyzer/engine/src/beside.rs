//! What binds names of a notebook and is not in its cells: files that it runs in its own namespace, `%run
//! helpers.ipynb`, and parameters that it is run with. Reading the files is the caller's business.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use nbvet_notebook::{Notebook, Reading, magics::CellCode};

use crate::{
    ast::with_stack_for,
    model::{Model, ScopeId},
    parse::ParsedNotebook,
};

/// How deep files are followed that run others.
const DEEPEST: u32 = 4;

/// What is bound by others than the notebook's cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// What the files bind that a notebook runs, by their names as it writes them.
    files: BTreeMap<String, Exports>,
    /// Parameters, and the code cell after which they are set; `None`: before all.
    given: Vec<String>,
    given_after: Option<u32>,
}

/// What a file leaves in the namespace that it runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exports {
    pub(crate) names: Vec<String>,
    /// It may bind any others.
    pub(crate) open: bool,
}

impl Beside {
    /// Asks for each file that the notebook runs; `load` gives its bytes, or `None` where there is no such file.
    pub fn of(reading: &Reading, mut load: impl FnMut(&str) -> Option<Vec<u8>>) -> Self {
        let mut found = Self::default();
        if let Some(notebook) = &reading.notebook {
            found.follow(notebook, &mut load, DEEPEST);
        }
        found
    }

    /// Adds parameters that are set after the code cell of this index, or before all cells.
    pub fn give(&mut self, names: Vec<String>, after: Option<u32>) {
        (self.given, self.given_after) = (names, after);
    }

    /// The parameters that are set after this cell, or before all.
    pub(crate) fn given_after(&self, cell: Option<u32>) -> &[String] {
        if cell == self.given_after {
            &self.given
        } else {
            &[]
        }
    }

    /// What this file binds; `None` where it could not be read.
    pub(crate) fn exports(&self, file: &str) -> Option<&Exports> {
        self.files.get(file)
    }

    fn follow(&mut self, notebook: &Notebook, load: &mut dyn FnMut(&str) -> Option<Vec<u8>>, depth: u32) {
        let Some(depth) = depth.checked_sub(1) else { return };
        for file in files(notebook) {
            if self.files.contains_key(&file) {
                continue;
            }
            let Some(bytes) = load(&file) else { continue };
            let reading = if is_script(&file) {
                let Ok(text) = String::from_utf8(bytes) else {
                    continue;
                };
                nbvet_notebook::read_script(&text)
            } else {
                nbvet_notebook::read(&bytes)
            };
            let Some(other) = &reading.notebook else { continue };
            // A file that runs itself, or one that runs it, ends here.
            let nothing = Exports {
                names: Vec::new(),
                open: true,
            };
            self.files.insert(file.clone(), nothing);
            self.follow(other, load, depth);
            let exports = exports(other, self);
            self.files.insert(file, exports);
        }
    }
}

/// The file that a `%run` line names, from what follows the magic's name; `None` where that is not known before it
/// runs.
pub(crate) fn run_target(arguments: &str) -> Option<Cow<'_, str>> {
    let mut rest = arguments.trim();
    while let Some(option) = rest.strip_prefix('-') {
        let (letters, after) = option.split_once(char::is_whitespace)?;
        rest = after.trim_start();
        match letters {
            "m" => return None,
            // `-N 10`: how often `-t` repeats.
            "N" => rest = rest.split_once(char::is_whitespace)?.1.trim_start(),
            _ => {}
        }
    }
    let file = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split_once(quote)?.0,
        _ => rest.split(char::is_whitespace).next()?,
    };
    if file.is_empty() || file.contains(['$', '{', '*', '\\']) {
        return None;
    }
    if has_extension(file, "ipynb") || is_script(file) {
        Some(Cow::Borrowed(file))
    } else {
        Some(Cow::Owned(format!("{file}.py")))
    }
}

fn is_script(file: &str) -> bool {
    has_extension(file, "py")
}

fn has_extension(file: &str, wanted: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|extension| extension == wanted)
}

/// The files that a notebook's cells run, in order, each once.
fn files(notebook: &Notebook) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    // Reading cells is cheap where the word is in none.
    for cell in notebook.code_cells().filter(|cell| cell.source.contains("run ")) {
        let lines = cell.source.lines().filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("%run ").or_else(|| line.strip_prefix("run "))
        });
        for target in lines.filter_map(run_target) {
            if !found.iter().any(|known| *known == *target) {
                found.push(target.into_owned());
            }
        }
    }
    found
}

fn exports(notebook: &Notebook, beside: &Beside) -> Exports {
    let sources = notebook.cells().iter().map(|cell| cell.source.as_str());
    with_stack_for(sources, || {
        let parsed = ParsedNotebook::with_others(notebook, beside);
        let model = Model::new(&parsed);
        let unread = parsed
            .cells()
            .iter()
            .any(|cell| cell.error.is_some() || matches!(cell.code, CellCode::Python(_)) && !cell.is_valid());
        let bound = model
            .bindings()
            .filter(|(_, binding)| binding.scope == ScopeId::NOTEBOOK);
        let mut names: Vec<String> = bound.map(|(_, binding)| binding.name.to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        Exports {
            names,
            open: model.is_open() || unread,
        }
    })
}
