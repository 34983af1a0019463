//! NB601 undefined-name.

use std::{cell::LazyCell, collections::BTreeMap};

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    model::{Reference, Resolution, ScopeId},
};
use nbvet_notebook::Output;
use nbvet_report::Severity;

use crate::{analysis::reach::Reach, macros::rule};

rule! {
    /// A name that no cell of the notebook binds.
    ///
    /// ## Why it matters
    ///
    /// The cell raises `NameError`. Most often the cell that defined the name was deleted, while the name lived on in
    /// the memory of the kernel; or an import is missing.
    ///
    /// Names that magics, `from x import *`, `exec` or the kernel may bind are left alone; so is a name within a
    /// `try` that catches `NameError`. In a function's body, or on a path that may not be taken, it counts one
    /// severity less; in a function or class that no cell uses it is a note.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// total = sum(values)
    /// ```
    ///
    /// ```python good
    /// values = [1, 2, 3]
    /// total = sum(values)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Define or import the name in a cell above. "Restart and run all" in Jupyter shows the same error.
    "NB601" "undefined-name",
    group: State,
    row: Row::Certain,
    foresees_exception: true,
    since: "0.1.0",
    check: Check::Static(&UndefinedName),
}

struct UndefinedName;

impl StaticRule for UndefinedName {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let reach = LazyCell::new(|| Reach::of(model));
        let likelihood = |reference: &Reference<'a>| {
            if !reference.conditional {
                Likelihood::Surely
            } else if reach.reaches(reference.place) {
                Likelihood::Maybe
            } else {
                Likelihood::Never
            }
        };
        let mut first: BTreeMap<&str, (&Reference<'a>, usize)> = BTreeMap::new();
        for (_, reference) in cx.model().references() {
            if is_undefined(cx, reference) {
                let entry = first.entry(reference.name).or_insert((reference, 0));
                entry.1 += 1;
                // A use that surely runs says more than one that may not, and that more than one that never does.
                if likelihood(reference) > likelihood(entry.0) {
                    entry.0 = reference;
                }
            }
        }
        for (name, (reference, uses)) in first {
            let is_never = likelihood(reference) == Likelihood::Never;
            cx.report(finding(cx, name, (reference, uses), is_never));
        }
    }
}

fn is_undefined(cx: &Context<'_, '_>, reference: &Reference<'_>) -> bool {
    let nowhere = match reference.resolution {
        Resolution::Unbound => cx
            .model()
            .bindings_named(ScopeId::NOTEBOOK, reference.name)
            .is_empty(),
        Resolution::Deleted => reference.scope == ScopeId::NOTEBOOK,
        _ => false,
    };
    // A local name that is used before its assignment is another matter.
    let local = cx
        .model()
        .bindings_named(reference.scope, reference.name)
        .is_empty();
    nowhere && !reference.guarded && (local || reference.resolution == Resolution::Deleted)
}

/// How likely a run reaches the use.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Likelihood {
    /// It stands in a function or class that no cell uses.
    Never,
    /// On a path that may not be taken.
    Maybe,
    Surely,
}

fn finding(
    cx: &Context<'_, '_>,
    name: &str,
    (reference, uses): (&Reference<'_>, usize),
    is_never: bool,
) -> Finding {
    let at = cx.model().location_of(reference.place);
    let message = if reference.resolution == Resolution::Deleted {
        format!("`{name}` was deleted above and is not there any more")
    } else {
        format!("no cell defines `{name}`")
    };
    let more = match uses {
        1 => String::new(),
        uses => format!(" It is used in {uses} places."),
    };
    let stale = if has_stored_result(cx, reference) && advice(name).starts_with("define") {
        " Its cell has a stored result all the same: the name was in the kernel's memory then, from a cell that was \
         deleted or changed since."
    } else {
        ""
    };
    let because = if is_never {
        "No cell uses the function or class in which it stands; the first call raises NameError."
    } else {
        "Run from top to bottom, this raises NameError."
    };
    let found = Finding::new(at, message)
        .because(format!("{because}{more}{stale}"))
        .help(if reference.resolution == Resolution::Deleted {
            format!("take the `del` above out, or make `{name}` again before this line")
        } else {
            advice(name)
        })
        .lowered_if(reference.conditional || reference.in_annotation)
        .about(format!("name:{name}"));
    if is_never {
        found.at_most(Severity::Note)
    } else {
        found
    }
}

/// The cell surely uses the name, and ran to its end when it was stored: it has a value, and no error.
fn has_stored_result(cx: &Context<'_, '_>, reference: &Reference<'_>) -> bool {
    let notebook = cx.model().parsed().notebook();
    let outputs = notebook.outputs(cx.model().cell(reference.place.cell).cell.index);
    !reference.conditional
        && outputs
            .iter()
            .any(|output| matches!(output, Output::ExecuteResult { .. }))
        && !outputs
            .iter()
            .any(|output| matches!(output, Output::Error { .. }))
}

/// What the name most likely is.
fn advice(name: &str) -> String {
    let import = match name {
        "np" => "import numpy as np",
        "pd" => "import pandas as pd",
        "plt" => "import matplotlib.pyplot as plt",
        "sns" => "import seaborn as sns",
        "tf" => "import tensorflow as tf",
        "nn" => "from torch import nn",
        "torch" | "os" | "sys" | "re" | "json" | "math" | "random" | "time" | "datetime" | "pickle"
        | "glob" | "shutil" | "itertools" | "warnings" | "logging" | "subprocess" | "requests" => {
            return format!("add `import {name}` to a cell above");
        }
        "Path" => "from pathlib import Path",
        "tqdm" => "from tqdm.auto import tqdm",
        "raw_input" => return "Python 2's `raw_input` is `input` in Python 3".to_owned(),
        "xrange" => return "Python 2's `xrange` is `range` in Python 3".to_owned(),
        "unicode" | "basestring" => return format!("Python 2's `{name}` is `str` in Python 3"),
        "reduce" => "from functools import reduce",
        "__file__" => return "a notebook has no `__file__`; use `pathlib.Path.cwd()`".to_owned(),
        _ => return format!("define or import `{name}` in a cell above"),
    };
    format!("add `{import}` to a cell above")
}
