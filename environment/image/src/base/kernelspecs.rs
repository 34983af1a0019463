//! Kernels that Jupyter finds in an image, and the interpreter that a notebook thereby gets.

use std::collections::HashSet;

use serde::Deserialize;

use super::{
    configuration::Configuration,
    interpreters::{self, absolute},
    probe::{Interpreter, Kernelspec, Running},
    tree::{Tree, join},
};
use crate::wheel::shown;

/// Kernels that are told of.
const MOST: usize = 256;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    argv: Vec<String>,
    #[serde(default)]
    language: String,
}

/// Every kernel, in the order in which Jupyter looks; of one name only the first is one.
pub(super) fn all(
    tree: &Tree,
    configuration: &Configuration,
    first: Option<&Interpreter>,
    notes: &mut Vec<String>,
) -> Vec<Kernelspec> {
    let mut found: Vec<Kernelspec> = Vec::new();
    let mut names: HashSet<String> = HashSet::new();
    for folder in folders(configuration, first) {
        let folder = tree.resolve(&format!("{folder}/kernels"));
        let files = tree.below(&folder).filter_map(|(path, _)| {
            let name = path
                .strip_prefix(&folder)?
                .strip_prefix('/')?
                .strip_suffix("/kernel.json")?;
            (!name.contains('/')).then_some((name, path))
        });
        for (name, path) in files {
            if names.contains(name) {
                continue;
            }
            let file = tree
                .text(path)
                .and_then(|text| serde_json::from_str::<File>(text).ok());
            if let Some(file) = file {
                if found.len() == MOST {
                    notes.push(format!(
                        "it has more than {MOST} kernels, of which the first are told"
                    ));
                    return found;
                }
                names.insert(name.to_owned());
                found.push(Kernelspec {
                    name: name.to_owned(),
                    path: absolute(path),
                    argv: file.argv,
                    language: file.language,
                });
            }
        }
    }
    found
}

fn folders(configuration: &Configuration, first: Option<&Interpreter>) -> Vec<String> {
    let mut folders: Vec<String> = configuration.folders("JUPYTER_PATH").map(str::to_owned).collect();
    let user = configuration.env.get("JUPYTER_DATA_DIR").cloned();
    let user = user.or_else(|| {
        configuration
            .home()
            .map(|home| format!("{home}/.local/share/jupyter"))
    });
    folders.extend(user);
    folders.extend(first.map(|python| format!("{}/share/jupyter", python.prefix)));
    folders.extend(["/usr/local/share/jupyter", "/usr/share/jupyter"].map(str::to_owned));
    folders
}

/// The first Python on PATH.
pub(super) fn on_path(tree: &Tree, configuration: &Configuration) -> Option<Interpreter> {
    ["python3", "python"].into_iter().find_map(|name| {
        let mut paths = configuration.path().map(|folder| join(folder, name));
        paths.find_map(|path| interpreters::interpreter(tree, configuration, &path))
    })
}

/// The interpreter of the kernel `python3`, else of another kernel for Python, else the first on PATH.
pub(super) fn running(
    tree: &Tree,
    configuration: &Configuration,
    kernels: &[Kernelspec],
    first: Option<Interpreter>,
    notes: &mut Vec<String>,
) -> Option<(Interpreter, Running)> {
    let is_python = |kernel: &&Kernelspec| kernel.language.eq_ignore_ascii_case("python");
    let named = kernels.iter().find(|kernel| kernel.name == "python3");
    let kernel = named.or_else(|| kernels.iter().find(is_python));
    let of_kernel = kernel.and_then(|kernel| {
        // Jupyter itself replaces a bare `python` by its own interpreter.
        let program = kernel.argv.first().filter(|program| program.starts_with('/'))?;
        let python = interpreters::interpreter(tree, configuration, program);
        if python.is_none() {
            notes.push(format!(
                "{} starts {}, which is not in the image",
                shown(&kernel.path),
                shown(program)
            ));
        }
        python.map(|python| (python, format!("the kernelspec {}", kernel.path)))
    });
    let (python, because) = of_kernel.or_else(|| Some((first?, "the first on PATH".to_owned())))?;
    let running = Running {
        interpreter: python.path.clone(),
        because,
    };
    Some((python, running))
}
