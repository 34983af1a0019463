//! What a notebook imports and what it installs, as data, with the place of each: its own cells, the files that they
//! run and the modules of the tree that they import. Knows no distribution and no environment; files are the caller's.

mod command;
mod files;
mod visit;

use std::sync::Arc;

use nbvet_notebook::{Notebook, Reading, magics::CellCode};
use nbvet_report::Location;

use crate::{
    ast::with_stack_for,
    parse::{ParsedCell, ParsedNotebook},
};

pub use command::{Tool, Wanted, requests};
use visit::{Found, Visit};

/// What a notebook needs of its environment, as far as its text says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Imports, in the order in which they were met: the notebook's first, then those of files.
    pub imports: Vec<Import>,
    /// Commands that install, in the same order.
    pub installs: Vec<Install>,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The module, with dots: `google.cloud`.
    pub module: String,
    /// What is taken from it (`from google.cloud import storage`): attributes or modules below it.
    pub names: Vec<String>,
    /// How it is written.
    pub form: Form,
    /// When it is done.
    pub when: When,
    /// The file of the tree that holds it; `None`: the notebook itself.
    pub file: Option<Arc<str>>,
    /// Where it stands there, cell included.
    pub location: Location,
    /// The file of the tree that is the module.
    pub local: Option<Arc<str>>,
}

impl Import {
    /// The module at the top: `google` of `google.cloud`.
    pub fn top_level(&self) -> &str {
        self.module.split('.').next().unwrap_or_default()
    }
}

/// How an import is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// `import x`, `from x import y`.
    Statement,
    /// `importlib.import_module("x")`, `__import__("x")`.
    Call,
    /// `%load_ext x`.
    Extension,
    /// A magic that imports it: `%matplotlib`, `%pylab`.
    Magic,
}

/// When an import is done. Of several that hold, the last of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// Whenever its statement is reached.
    Always,
    /// When a function is called.
    Called,
    /// Within a `try` that goes on without it, or in the handler of one.
    Guarded,
    /// Never at run time: `if TYPE_CHECKING:`.
    TypeChecking,
}

/// One command that installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Whose command.
    pub tool: Tool,
    /// What it asks for, in its order. What only a run would tell (`$NAME`, `{name}`) is left out.
    pub wanted: Vec<Wanted>,
    /// The file of the tree that holds it; `None`: the notebook itself.
    pub file: Option<Arc<str>>,
    /// Where it stands there, cell included.
    pub location: Location,
}

/// What a notebook needs. `file`: the notebook, from the root of the tree, with `/` between folders; `load` gives
/// the bytes of a file named so, or `None` where there is no such file. Modules of the tree are looked for as the
/// notebook would find them, and in the folders around it, where many notebooks add them to `sys.path`; those that are
/// found are read too. A file that cannot be read silences only itself.
pub fn needs(reading: &Reading, file: &str, load: &mut dyn FnMut(&str) -> Option<Vec<u8>>) -> Needs {
    let Some(notebook) = &reading.notebook else {
        return Needs::default();
    };
    let found = of_notebook(notebook);
    files::follow(found, file, load)
}

/// The imports of a Python file, in its order; relative ones are left out.
pub fn imports_of_source(text: &str) -> Vec<Import> {
    let reading = nbvet_notebook::read_script(text);
    let found = reading.notebook.as_ref().map(of_notebook);
    let found = found.unwrap_or_default().imports.into_iter();
    let absolute = found.filter(|import| import.level == 0);
    absolute
        .map(|import| Import {
            location: in_file(&import.import.location),
            ..import.import
        })
        .collect()
}

/// A place in a script, which was read as a notebook of one cell.
fn in_file(location: &Location) -> Location {
    Location {
        cell: None,
        cell_id: None,
        file_line: location.line,
        file_end_line: location.end_line,
        ..location.clone()
    }
}

fn of_notebook(notebook: &Notebook) -> Found {
    let sources = notebook.cells().iter().map(|cell| cell.source.as_str());
    with_stack_for(sources, || {
        let parsed = ParsedNotebook::new(notebook);
        let mut found = Found::default();
        for cell in parsed.cells() {
            if !cell.is_skipped() && notebook.language().is_python() {
                of_cell(notebook, cell, &mut found);
            }
        }
        found
    })
}

fn of_cell(notebook: &Notebook, cell: &ParsedCell<'_>, found: &mut Found) {
    match &cell.code {
        CellCode::Python(_) if cell.is_valid() => Visit::new(notebook, cell, found).body(cell.body()),
        CellCode::Automagic(line) => {
            let start = cell.cell.source.len() - cell.cell.source.trim_start().len();
            let place = notebook.location(cell.cell.index, start..start + line.len());
            found.line_magic(line, &place, When::Always);
        }
        CellCode::Foreign {
            magic, body_start, ..
        } if matches!(magic.name.as_str(), "writefile" | "file") => {
            let text = cell.cell.source.get(*body_start..).unwrap_or_default();
            let file = magic.arguments.split_whitespace().last();
            found
                .written
                .extend(file.map(|file| (file.trim_matches(['"', '\'']).to_owned(), text.to_owned())));
        }
        _ => {}
    }
}
