//! NB932 undeclared-import.

use nbvet_report::Row;

use crate::{
    Format,
    inference::{Inferred, Origin},
    policy::{Finding, Review, code, rule},
};

rule! {
    /// A notebook that imports what its dependency file does not ask for.
    ///
    /// ## Why it matters
    ///
    /// Where you work, the package is installed by something else. An environment that is made from the file alone, an
    /// image or a colleague's, does not have it, and the notebook stops there with `ModuleNotFoundError`.
    ///
    /// It is told only where it is certain: the file can be read whole, nbvet knows which distribution has the module,
    /// neither the file nor the base image has it, and nothing that the file asks for can bring it along. What comes along
    /// with something else, such as numpy with pandas, is no finding; `nbvet deps` says what brings it, and it is better
    /// named. Nor is what the notebook installs itself, and of modules that nbvet does not know nothing is said. IPython and
    /// ipykernel are of every notebook; what comes along with them, such as psutil, is not: they may do without it tomorrow.
    ///
    /// `nbvet validate` has seen the notebook run, where the package is: there this is a note.
    ///
    /// ## Examples
    ///
    /// A notebook with `import pandas` and `import sklearn` beside this file:
    ///
    /// ```text
    /// pandas==2.2.3
    /// ```
    ///
    /// Nothing is found beside this one:
    ///
    /// ```text
    /// pandas==2.2.3
    /// scikit-learn==1.5.2
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Add a line with the version that you validated (`pip freeze` tells it), or `uv add`, `poetry add` and their like,
    /// and lock again. The finding names the distribution, which is often called otherwise than the module.
    "NB932" "undeclared-import",
    row: Row::Undeclared,
    since: "0.1.0",
    check: check,
}

/// What is imported is not known where a file alone is reviewed: see [`undeclared`].
fn check(_: &Review<'_>) -> Vec<Finding> {
    Vec::new()
}

/// Modules that a message names; the others are counted.
const MOST_SHOWN: usize = 3;

/// The finding for modules that the file surely does not bring; `None`: there are none.
pub fn undeclared(cx: &Review<'_>, modules: &[&Inferred]) -> Option<Finding> {
    let first = modules.first()?;
    let file = code(&cx.declared.file);
    let mut shown = joined(modules.iter().take(MOST_SHOWN).map(|module| code(&module.module)));
    if modules.len() > MOST_SHOWN {
        shown = format!("{shown} and {} more", modules.len() - MOST_SHOWN);
    }
    let message = match modules {
        [_] => format!("{shown} is imported, and {file} asks for nothing that has it"),
        _ => format!("{shown} are imported, and {file} asks for nothing that has them"),
    };
    let mut finding = Finding::of_none(&RULE, message)
        .because(format!(
            "In an environment that is made from {file} the import stops with `ModuleNotFoundError`."
        ))
        .help(help(cx, modules))
        .about(modules.iter().map(|module| module.module.as_str()));
    let place = |module: &Inferred| module.places.first().cloned();
    finding.import = place(first);
    let others = modules[1..].iter().take(MOST_LABELS);
    finding.other_imports = others
        .filter_map(|module| Some((place(module)?, format!("{} too", code(&module.module)))))
        .collect();
    Some(finding)
}

/// Further imports that are pointed at.
const MOST_LABELS: usize = 10;

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// The distributions, as they are added.
fn help(cx: &Review<'_>, modules: &[&Inferred]) -> String {
    let names: Vec<String> = modules.iter().filter_map(|module| name(module)).collect();
    let command = |tool: &str| format!("add what is missing: `{tool} {}`", names.join(" "));
    let lines = joined(names.iter().map(|name| code(name)));
    let mut help = match cx.declared.format {
        Format::UvLock => command("uv add"),
        Format::PoetryLock => command("poetry add"),
        Format::Pipfile | Format::PipfileLock => command("pipenv install"),
        Format::Requirements if cx.source.is_none() && !cx.hash_mode() => format!(
            "add {lines} to {}, with the versions that you validated (`pip freeze` tells them)",
            code(&cx.declared.file)
        ),
        Format::Pyproject => format!(
            "add {lines} to the dependencies in {}, and {}",
            code(&cx.declared.file),
            cx.lock_command()
        ),
        _ => format!("add {lines} to what you ask for, and {}", cx.lock_command()),
    };
    for module in modules {
        if let Origin::Ambiguous { candidates, .. } = &module.origin {
            let one = candidates
                .iter()
                .map(|one| format!("{}: {}", code(one.name), one.when));
            help = format!(
                "{help}\n{} is of one of these: {}",
                code(&module.module),
                one.collect::<Vec<_>>().join("; ")
            );
        }
    }
    help
}

/// The distribution to add, of several the one to take first.
fn name(module: &Inferred) -> Option<String> {
    match &module.origin {
        Origin::Ambiguous { candidates, .. } => candidates.first().map(|one| one.name.to_owned()),
        _ => module.distributions().first().map(ToString::to_string),
    }
}
