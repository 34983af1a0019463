//! Modules and scripts of the tree: which imports mean them, and what they import in turn.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use super::{Import, Needs, in_file, of_notebook, visit::Found};

/// Files that are read for one notebook.
const MAX_FILES: usize = 500;
/// Bytes of a file that is read; what is longer is no source.
const MAX_BYTES: usize = 1 << 20;
/// Names that are looked for in the tree.
const MAX_SOUGHT: usize = 2000;
/// Names of one `from … import` that may be modules of the tree.
const MAX_NAMES: usize = 100;

/// Reads what the notebook's imports and `%run` lines name, and what that names.
pub(super) fn follow(found: Found, file: &str, load: &mut dyn FnMut(&str) -> Option<Vec<u8>>) -> Needs {
    let folder = folder_of(file);
    let mut follower = Follower {
        roots: roots(folder, &found.paths),
        written: BTreeMap::new(),
        sought: BTreeMap::new(),
        open: VecDeque::new(),
        seen: BTreeSet::from([Arc::from(file)]),
        needs: Needs::default(),
        load,
    };
    follower.take(found, None, folder);
    while let Some(file) = follower.open.pop_front() {
        follower.read(&file);
    }
    follower.needs
}

struct Follower<'l> {
    /// Folders in which modules are looked for, in order.
    roots: Vec<String>,
    /// What cells write into files.
    written: BTreeMap<String, String>,
    /// What a path without its extension was found to be.
    sought: BTreeMap<String, Option<Arc<str>>>,
    open: VecDeque<Arc<str>>,
    seen: BTreeSet<Arc<str>>,
    needs: Needs,
    load: &'l mut dyn FnMut(&str) -> Option<Vec<u8>>,
}

impl Follower<'_> {
    fn take(&mut self, found: Found, file: Option<&Arc<str>>, folder: &str) {
        for (name, text) in found.written {
            self.written
                .extend(joined(folder, &name).map(|name| (name, text)));
        }
        for raw in found.imports {
            let local = self.local(&raw.import, raw.level, folder);
            // A relative import that names no file of the tree cannot be anything else either.
            if raw.level > 0 {
                continue;
            }
            self.needs.imports.push(Import {
                local,
                file: file.cloned(),
                location: placed(raw.import.location, file),
                ..raw.import
            });
        }
        for install in found.installs {
            self.needs.installs.push(super::Install {
                file: file.cloned(),
                location: placed(install.location, file),
                ..install
            });
        }
        for run in found.runs {
            if let Some(run) = joined(folder, &run) {
                self.queue(&run.into());
            }
        }
    }

    /// The file that an import means; it and what else of the tree is taken from it are read later.
    fn local(&mut self, import: &Import, level: u32, folder: &str) -> Option<Arc<str>> {
        if self.sought.len() >= MAX_SOUGHT {
            return None;
        }
        let roots = if level > 0 {
            vec![up(folder, level - 1)?]
        } else {
            self.roots.clone()
        };
        let path = import.module.replace('.', "/");
        for root in roots {
            let base = joined(&root, &path)?;
            let mut found: Vec<Arc<str>> = self.module(&base).into_iter().collect();
            for name in import.names.iter().take(MAX_NAMES) {
                found.extend(joined(&base, name).and_then(|base| self.module(&base)));
            }
            // `import a.b` reads `a/__init__.py` too.
            let above = import.module.match_indices('.').filter_map(|(end, _)| {
                let above = import.module[..end].replace('.', "/");
                self.module(&joined(&root, &above)?)
            });
            let above: Vec<Arc<str>> = above.collect();
            found.iter().chain(&above).for_each(|file| self.queue(file));
            if let Some(first) = found.into_iter().chain(above).next() {
                return Some(first);
            }
        }
        None
    }

    /// The module at a path without its extension.
    fn module(&mut self, base: &str) -> Option<Arc<str>> {
        if let Some(known) = self.sought.get(base) {
            return known.clone();
        }
        if base.is_empty() || self.sought.len() >= MAX_SOUGHT {
            return None;
        }
        let candidates = [format!("{base}/__init__.py"), format!("{base}.py")];
        let found = candidates.into_iter().find(|file| self.text(file).is_some());
        let found = found.map(Arc::from);
        self.sought.insert(base.to_owned(), found.clone());
        found
    }

    fn text(&mut self, file: &str) -> Option<Vec<u8>> {
        let written = self.written.get(file).map(|text| text.as_bytes().to_vec());
        written
            .or_else(|| (self.load)(file))
            .filter(|bytes| bytes.len() <= MAX_BYTES)
    }

    fn queue(&mut self, file: &Arc<str>) {
        if self.seen.len() < MAX_FILES && self.seen.insert(Arc::clone(file)) {
            self.open.push_back(Arc::clone(file));
        }
    }

    fn read(&mut self, file: &Arc<str>) {
        let Some(bytes) = self.text(file) else { return };
        let reading = match String::from_utf8(bytes) {
            Ok(text) if !is_notebook(file) => nbvet_notebook::read_script(&text),
            Ok(text) => nbvet_notebook::read(text.as_bytes()),
            Err(_) => return,
        };
        if let Some(notebook) = &reading.notebook {
            let found = of_notebook(notebook);
            self.take(found, Some(file), folder_of(file));
        }
    }
}

fn placed(location: nbvet_report::Location, file: Option<&Arc<str>>) -> nbvet_report::Location {
    match file {
        Some(file) if !is_notebook(file) => in_file(&location),
        _ => location,
    }
}

fn is_notebook(file: &str) -> bool {
    file.rsplit_once('.')
        .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("ipynb"))
}

fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The notebook's folder, those that it adds, and each folder around it with its `src`.
fn roots(folder: &str, added: &[String]) -> Vec<String> {
    let mut roots = vec![folder.to_owned()];
    roots.extend(added.iter().take(20).filter_map(|added| joined(folder, added)));
    for level in 0..20 {
        let Some(around) = up(folder, level) else { break };
        roots.extend(joined(&around, "src"));
        roots.push(around);
    }
    let mut seen = BTreeSet::new();
    roots.retain(|root| seen.insert(root.clone()));
    roots
}

/// So many folders up; `None` above the root.
fn up(folder: &str, levels: u32) -> Option<String> {
    let mut folder = folder;
    for _ in 0..levels {
        if folder.is_empty() {
            return None;
        }
        folder = folder_of(folder);
    }
    Some(folder.to_owned())
}

/// A path as it stands in a file of that folder, from the root of the tree; `None` where it leaves the tree.
fn joined(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '\0', ':', '~']) {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
