//! Which modules a notebook imports before it does anything that could change what they are or how they start: these
//! may have been imported for it already. Whatever is not known to be harmless ends the search.

use nbvet_notebook::{Notebook, magics::CellCode};
use ruff_python_ast::{Expr, IpyEscapeKind, Stmt};

use crate::parse::{ParsedCell, ParsedNotebook};

/// Modules of the standard library that do nothing to the process when they are imported, and that notebooks begin with.
const QUIET: &[&str] = &[
    "__future__",
    "abc",
    "argparse",
    "ast",
    "base64",
    "bisect",
    "calendar",
    "collections",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "gc",
    "getpass",
    "glob",
    "gzip",
    "hashlib",
    "heapq",
    "html",
    "inspect",
    "io",
    "itertools",
    "json",
    "keyword",
    "locale",
    "logging",
    "math",
    "operator",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "pprint",
    "random",
    "re",
    "shutil",
    "sqlite3",
    "statistics",
    "string",
    "struct",
    "subprocess",
    "sys",
    "tempfile",
    "textwrap",
    "time",
    "timeit",
    "traceback",
    "types",
    "typing",
    "unicodedata",
    "urllib",
    "uuid",
    "warnings",
    "xml",
    "zipfile",
];

/// Line magics that change nothing for a later import.
const QUIET_MAGICS: &[&str] = &[
    "matplotlib inline",
    "load_ext autoreload",
    "autoreload",
    "config InlineBackend",
];

/// Those of `modules` (dotted names) that the notebook imports at the top level of a cell, with nothing before that
/// could matter to them, in the order of `modules`.
pub fn early_imports<'m>(notebook: &Notebook, modules: &[&'m str]) -> Vec<&'m str> {
    let mut search = Search {
        modules,
        found: vec![false; modules.len()],
    };
    for cell in ParsedNotebook::new(notebook).cells() {
        if !cell.is_skipped() && search.cell(cell).is_none() {
            break;
        }
    }
    let found = modules.iter().zip(search.found).filter(|(_, found)| *found);
    found.map(|(module, _)| *module).collect()
}

struct Search<'m> {
    modules: &'m [&'m str],
    found: Vec<bool>,
}

impl Search<'_> {
    /// `None`: what comes later does not count.
    fn cell(&mut self, cell: &ParsedCell<'_>) -> Option<()> {
        match cell.code {
            CellCode::Empty => Some(()),
            CellCode::Python(_) if cell.is_valid() => {
                let mut statements = cell.body().iter();
                statements.try_for_each(|statement| self.statement(cell, statement))
            }
            _ => None,
        }
    }

    fn statement(&mut self, cell: &ParsedCell<'_>, statement: &Stmt) -> Option<()> {
        match statement {
            Stmt::Import(import) => import
                .names
                .iter()
                .try_for_each(|alias| self.import(alias.name.as_str(), &[])),
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().filter(|_| import.level == 0)?;
                let names: Vec<&str> = import.names.iter().map(|alias| alias.name.as_str()).collect();
                self.import(module.as_str(), &names)
            }
            Stmt::Expr(expression) if is_quiet(&expression.value) => Some(()),
            Stmt::Assign(assign) => {
                let named = assign.targets.iter().all(Expr::is_name_expr);
                (named && assign.value.is_literal_expr()).then_some(())
            }
            Stmt::IpyEscapeCommand(command) if matches!(command.kind, IpyEscapeKind::Magic) => {
                let line = cell.slice(command.range);
                let line = line.trim_start_matches('%').trim();
                QUIET_MAGICS
                    .iter()
                    .any(|quiet| line.starts_with(quiet))
                    .then_some(())
            }
            _ => None,
        }
    }

    /// `import module` or, with names, `from module import names`.
    fn import(&mut self, module: &str, names: &[&str]) -> Option<()> {
        let within = |whole: &str, part: &str| {
            whole
                .strip_prefix(part)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let imported = names.iter().map(|name| format!("{module}.{name}"));
        let imported: Vec<String> = imported.chain([module.to_owned()]).collect();
        let mut is_known = false;
        for (candidate, found) in self.modules.iter().zip(&mut self.found) {
            if imported.iter().any(|imported| within(imported, candidate)) {
                *found = true;
                is_known = true;
            }
        }
        let root = module.split('.').next().unwrap_or_default();
        (is_known || QUIET.contains(&root)).then_some(())
    }
}

/// A text, a number, or a call that only sets up warnings.
fn is_quiet(expression: &Expr) -> bool {
    let Expr::Call(call) = expression else {
        return expression.is_literal_expr();
    };
    let Expr::Attribute(function) = &*call.func else {
        return false;
    };
    let of_warnings = function
        .value
        .as_name_expr()
        .is_some_and(|name| name.id == "warnings");
    of_warnings && matches!(function.attr.as_str(), "filterwarnings" | "simplefilter")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cells` are given as one text, `# %%` between them.
    fn check(cells: &str, expected: &[&str]) {
        let cells: Vec<_> = cells
            .split("# %%\n")
            .map(|source| {
                serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
                                   "source": source})
            })
            .collect();
        let json = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells});
        let reading = nbvet_notebook::read(json.to_string().as_bytes());
        let notebook = reading.notebook.expect("it is one");
        let modules = ["numpy", "pandas", "matplotlib.pyplot"];
        assert_eq!(early_imports(&notebook, &modules), expected, "{json}");
    }

    #[test]
    fn what_a_notebook_begins_with_counts_in_every_form() {
        check(
            "\"\"\"About.\"\"\"\n%matplotlib inline\nimport os, json\nimport numpy as np\n# %%\n\n# %%\n\
             import warnings\nwarnings.filterwarnings('ignore')\nSEED = 1\nfrom pandas import DataFrame\n\
             from matplotlib import pyplot as plt\n",
            &["numpy", "pandas", "matplotlib.pyplot"],
        );
        check("import matplotlib.pyplot as plt\n", &["matplotlib.pyplot"]);
        check("import pandas.io.sql\n", &["pandas"]);
    }

    #[test]
    fn a_part_that_is_not_imported_does_not_count() {
        check("import matplotlib\n", &[]);
        check("import numpydoc\nimport numpy\n", &[]);
    }

    #[test]
    fn nothing_counts_behind_what_could_change_it() {
        for before in [
            "import os\nos.environ['OMP_NUM_THREADS'] = '1'\n",
            "%env MPLBACKEND=agg\n",
            "%cd ..\n",
            "import sys\nsys.path.insert(0, 'src')\n",
            "!pip install numpy\n",
            "%pip install numpy\n",
            "import helpers\n",
            "from . import helpers\n",
            "from dotenv import load_dotenv\nload_dotenv()\n",
            "%run setup.py\n",
            "exec('x')\n",
            "x = f()\n",
            "if True:\n    pass\n",
            "def (:\n",
            "%%bash\nls\n",
        ] {
            check(&format!("{before}# %%\nimport numpy\n"), &[]);
        }
    }

    #[test]
    fn a_cell_that_is_left_out_ends_nothing() {
        check(
            "import numpy\n# %%\nimport helpers\n# %%\nimport pandas\n",
            &["numpy"],
        );
    }
}
