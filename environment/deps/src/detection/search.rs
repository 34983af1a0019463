//! The places where dependency files are looked for, in the order of the chain.

use std::sync::Arc;

use super::{Note, Refused, Why, content};
use crate::{
    Format, Tree,
    tree::{Fault, Item, Kind},
};

/// A file or folder that was looked at.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) file: Arc<str>,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// Whatever wins, it is not this.
    Settled(Why),
    /// It may win; with a problem, winning is an error.
    Stands { what: What, problem: Option<Refused> },
}

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Dependencies(Format),
    Dockerfile,
    /// A folder that cannot be looked through: who knows what is in it.
    Folder,
}

impl Place {
    pub(super) fn stands(file: &str, what: What, problem: Option<Refused>) -> Self {
        Self {
            file: file.into(),
            state: State::Stands { what, problem },
        }
    }

    fn settled(file: &str, why: Why) -> Self {
        Self {
            file: file.into(),
            state: State::Settled(why),
        }
    }
}

/// In one folder: locks before loose files, a Dockerfile last.
const NAMES: &[(&str, What)] = &[
    ("uv.lock", What::Dependencies(Format::UvLock)),
    ("poetry.lock", What::Dependencies(Format::PoetryLock)),
    ("Pipfile.lock", What::Dependencies(Format::PipfileLock)),
    ("requirements.txt", What::Dependencies(Format::Requirements)),
    ("pyproject.toml", What::Dependencies(Format::Pyproject)),
    ("Pipfile", What::Dependencies(Format::Pipfile)),
    ("environment.yml", What::Dependencies(Format::CondaEnvironment)),
    ("environment.yaml", What::Dependencies(Format::CondaEnvironment)),
    ("setup.py", What::Dependencies(Format::SetupPy)),
    ("Dockerfile", What::Dockerfile),
];

/// Folders that Binder looks in.
const BINDERS: [&str; 2] = ["binder", ".binder"];

/// What repo2docker heeds besides packages of Python.
const BINDER_EXTRA: &[&str] = &[
    "apt.txt",
    "postBuild",
    "start",
    "runtime.txt",
    "install.R",
    "DESCRIPTION",
    "REQUIRE",
    "Project.toml",
    "default.nix",
];

/// The notebook's folder and each parent up to the root, which is `""`.
pub(super) fn folders(notebook: &str) -> Result<Vec<String>, Refused> {
    crate::tree::check_name(notebook).map_err(Refused::Notebook)?;
    let parts: Vec<&str> = notebook
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    if parts.contains(&"..") {
        return Err(Refused::Notebook(Fault::Name {
            name: notebook.escape_debug().to_string(),
            why: "write it without `..`",
        }));
    }
    let above = parts.len().saturating_sub(1);
    Ok((0..=above)
        .rev()
        .map(|length| parts[..length].join("/"))
        .collect())
}

/// Everything that is looked at where no file is named.
pub(super) fn chain(
    tree: &Tree,
    sources: &[String],
    folders: &[String],
) -> Result<(Vec<Place>, Vec<Note>), Refused> {
    let mut search = Search {
        tree,
        places: Vec::new(),
        notes: Vec::new(),
    };
    search.sources(sources)?;
    for folder in folders {
        search.folder_with_binder(folder);
    }
    Ok((search.places, search.notes))
}

struct Search<'t> {
    tree: &'t Tree,
    places: Vec<Place>,
    notes: Vec<Note>,
}

impl Search<'_> {
    fn sources(&mut self, sources: &[String]) -> Result<(), Refused> {
        for source in sources {
            let source = source.trim_end_matches('/');
            match self.tree.probe(source) {
                Err(fault @ Fault::Name { .. }) => {
                    let problem = Refused::unusable(source, &fault);
                    let shown = source.escape_debug().to_string();
                    self.add(Place::stands(&shown, What::Folder, Some(problem)));
                }
                Err(Fault::Missing { .. }) => self.add(Place::settled(source, Why::Missing)),
                Err(Fault::Folder { .. }) => self.folder(source),
                probed => {
                    let format = format_by_name(source).ok_or_else(|| Refused::UnknownFormat {
                        field: "requirementsSources",
                        file: source.escape_debug().to_string(),
                    })?;
                    let problem = probed.err().map(|fault| Refused::unusable(source, &fault));
                    self.add(Place::stands(source, What::Dependencies(format), problem));
                }
            }
        }
        let is_missing = |place: &Place| matches!(place.state, State::Settled(Why::Missing));
        if !self.places.is_empty() && self.places.iter().all(is_missing) {
            self.notes.push(Note::NoSource);
        }
        Ok(())
    }

    /// A folder of the chain: its `binder` folder first, as Binder has it.
    fn folder_with_binder(&mut self, folder: &str) {
        let Some(items) = self.listed(folder) else { return };
        let is_binder = |name: &&str| {
            let found = items.iter().find(|item| item.name == *name);
            found.is_some_and(|item| match item.kind {
                Kind::Folder => true,
                Kind::Symlink => matches!(self.tree.probe(&joined(folder, name)), Err(Fault::Folder { .. })),
                _ => false,
            })
        };
        let binders: Vec<&str> = BINDERS.into_iter().filter(is_binder).collect();
        match binders[..] {
            [] => {}
            [binder] => self.binder(&joined(folder, binder)),
            _ => {
                let shown = shown_folder(folder);
                let problem = Refused::TwoBinders {
                    folder: shown.clone(),
                };
                self.add(Place::stands(&shown, What::Folder, Some(problem)));
            }
        }
        self.items(folder, &items);
    }

    fn binder(&mut self, folder: &str) {
        let Some(items) = self.listed(folder) else { return };
        self.items(folder, &items);
        let files: Vec<Arc<str>> = BINDER_EXTRA
            .iter()
            .filter(|name| {
                items
                    .iter()
                    .any(|item| item.name == **name && item.kind != Kind::Folder)
            })
            .map(|name| joined(folder, name).into())
            .collect();
        if !files.is_empty() {
            self.notes.push(Note::BinderExtra { files });
        }
    }

    fn folder(&mut self, folder: &str) {
        if let Some(items) = self.listed(folder) {
            self.items(folder, &items);
        }
    }

    /// What is in a folder; one that cannot be looked through stands with that.
    fn listed(&mut self, folder: &str) -> Option<Vec<Item>> {
        match self.tree.list(folder) {
            Ok(items) => return Some(items),
            Err(Fault::Missing { .. }) => self.add(Place::settled(&shown_folder(folder), Why::Missing)),
            Err(fault) => {
                let shown = shown_folder(folder);
                let problem = Refused::unusable(&shown, &fault);
                self.add(Place::stands(&shown, What::Folder, Some(problem)));
            }
        }
        None
    }

    fn items(&mut self, folder: &str, items: &[Item]) {
        let before = self.places.len();
        let pylocks = items
            .iter()
            .filter(|item| Format::of(&item.name) == Some(Format::Pylock));
        // `pylock.toml` is the one that is meant where there are others for other purposes.
        let (plain, with_name): (Vec<&Item>, Vec<&Item>) =
            pylocks.partition(|item| item.name == "pylock.toml");
        for item in plain.into_iter().chain(with_name) {
            self.item(folder, item, What::Dependencies(Format::Pylock));
        }
        for (name, what) in NAMES {
            if let Ok(at) = items.binary_search_by(|item| item.name.as_str().cmp(name)) {
                self.item(folder, &items[at], *what);
            }
        }
        if self.places.len() == before {
            self.add(Place::settled(&shown_folder(folder), Why::NothingKnown));
        }
    }

    fn item(&mut self, folder: &str, item: &Item, what: What) {
        let file = joined(folder, &item.name);
        let place = match self.tree.probe(&file) {
            Err(Fault::Folder { .. }) => Place::settled(&file, Why::Folder),
            Err(Fault::Missing { .. }) if item.kind == Kind::Symlink => {
                Place::stands(&file, what, Some(Refused::dangling(&file)))
            }
            Err(fault) => Place::stands(&file, what, Some(Refused::unusable(&file, &fault))),
            Ok(()) if what == What::Dependencies(Format::Pyproject) => self.pyproject(&file),
            Ok(()) => Place::stands(&file, what, None),
        };
        self.add(place);
    }

    /// A `pyproject.toml` counts where it names dependencies: most hold only settings of tools.
    fn pyproject(&self, file: &str) -> Place {
        let what = What::Dependencies(Format::Pyproject);
        match self.tree.read(file) {
            Err(fault) => Place::stands(file, what, Some(Refused::unusable(file, &fault))),
            Ok(bytes) if content::says(Format::Pyproject, &bytes) == content::Says::Nothing => {
                Place::settled(file, Why::OnlyTools)
            }
            Ok(_) => Place::stands(file, what, None),
        }
    }

    fn add(&mut self, place: Place) {
        if !self.places.iter().any(|known| known.file == place.file) {
            self.places.push(place);
        }
    }
}

/// A name that is looked for.
pub(super) fn is_known(name: &str) -> bool {
    Format::of(name) == Some(Format::Pylock) || NAMES.iter().any(|(known, _)| *known == name)
}

/// How a file is read that somebody named: pip's files may have any name, but those that look like something else.
pub(super) fn format_by_name(file: &str) -> Option<Format> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let lower = name.to_ascii_lowercase();
    let (stem, extension) = lower.rsplit_once('.').unwrap_or((&lower, ""));
    let is_other = ["toml", "json", "py", "cfg", "ipynb", "dockerfile"].contains(&extension)
        || ["dockerfile", "containerfile"].contains(&stem);
    Format::of(name).or_else(|| (!is_other).then_some(Format::Requirements))
}

/// The file that a lock was resolved from, if it stands beside it.
pub(super) fn input(tree: &Tree, file: &str, format: Format) -> Option<Arc<str>> {
    let (folder, name) = split(file);
    let input = match format {
        Format::UvLock | Format::PoetryLock => "pyproject.toml".to_owned(),
        Format::PipfileLock => "Pipfile".to_owned(),
        Format::Requirements => format!("{}.in", name.strip_suffix(".txt")?),
        _ => return None,
    };
    let input = joined(folder, &input);
    tree.probe(&input).is_ok().then(|| input.into())
}

/// The folder of a file, without a slash at its end; `""` for the root.
pub(super) fn folder_of(file: &str) -> &str {
    split(file).0
}

fn split(file: &str) -> (&str, &str) {
    file.rsplit_once('/').unwrap_or(("", file))
}

pub(super) fn joined(folder: &str, name: &str) -> String {
    match folder.trim_end_matches('/') {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

fn shown_folder(folder: &str) -> String {
    match folder.trim_end_matches('/') {
        "" => "./".to_owned(),
        folder => format!("{folder}/"),
    }
}
