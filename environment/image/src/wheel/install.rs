//! Where each file of a wheel goes: what `pip install --prefix` does, with one folder for all packages.

use std::{
    collections::{BTreeMap, HashMap},
    io::Read,
};

use super::{
    IsStdlib, Limits, Reason, Warning, Wheel,
    archive::{Entry, Fault, check_name, folders_of},
    limits::bytes,
    metadata::Place,
    record, scripts, shown,
};

/// A file that is installed.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// From [`PREFIX`](crate::layout::PREFIX).
    pub(crate) path: String,
    /// It may be run.
    pub(crate) executable: bool,
    /// Its bytes.
    pub(crate) size: u64,
    /// Where they come from.
    pub(crate) source: Source,
}

/// Where the bytes of a file come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// An entry of the archive, by its place among the entries.
    Entry(usize),
    /// Made here.
    Bytes(Vec<u8>),
}

/// Endings of files that Python imports.
const IMPORTED: &[&str] = &[".py", ".pyc", ".so"];

impl Wheel {
    /// Finds where each file goes, and writes those that are made here: programs, INSTALLER, RECORD.
    pub(super) fn place(
        &mut self,
        place: &Place,
        is_stdlib: IsStdlib<'_>,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let programs =
            scripts::of_entry_points(&place.entry_points, limits.scripts).map_err(|reason| (None, reason))?;
        let mut items = Vec::with_capacity(self.entries.len() + programs.len() + 1);
        let mut rewritten = 0;
        let mut bytecode = 0;
        for index in 0..self.entries.len() {
            let entry = self.entries[index].clone();
            let at = |reason| (Some(entry.name.clone()), reason);
            let Some((path, is_script)) = self.path(&entry.name, place).map_err(at)? else {
                continue;
            };
            if is_bytecode(&path) {
                bytecode += 1;
                continue;
            }
            let name = path.strip_prefix("bin/").filter(|_| is_script);
            if name.is_some_and(|name| programs.contains_key(name)) {
                // What setuptools wrote for the program that is made of the entry point below, as pip does.
                continue;
            }
            let source = if is_script {
                self.script(index, &mut rewritten, limits).map_err(at)?
            } else {
                Source::Entry(index)
            };
            let size = match &source {
                Source::Entry(_) => entry.size,
                Source::Bytes(bytes) => bytes.len() as u64,
            };
            items.push(Item {
                executable: is_script || entry.executable,
                path,
                size,
                source,
            });
        }
        items.extend(programs.into_iter().map(|(name, text)| Item {
            path: format!("bin/{name}"),
            executable: true,
            size: text.len() as u64,
            source: Source::Bytes(text.into_bytes()),
        }));
        self.record(&mut items, place);
        items.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        check_twice(&items)?;
        self.check_modules(&items, is_stdlib)?;
        self.items = items;
        if bytecode > 0 {
            self.warnings.push(Warning::Bytecode {
                wheel: self.label.to_string(),
                files: bytecode,
            });
        }
        self.warn()
    }

    /// The place of an entry, and whether it is a script; `None` for what pip leaves out as well.
    fn path(&self, name: &str, place: &Place) -> Result<Option<(String, bool)>, Reason> {
        let (top, rest) = name.split_once('/').unwrap_or((name, ""));
        if top == place.dist_info && matches!(rest, "RECORD" | "RECORD.jws" | "RECORD.p7s" | "INSTALLER") {
            // Ours are written instead; the signatures would no longer be right.
            return Ok(None);
        }
        if top.strip_suffix(".data").is_none() || rest.is_empty() {
            return Ok(Some((format!("site/{name}"), false)));
        }
        let misplaced = |why: String| Err(Reason::Place(why));
        if top != place.data {
            return misplaced(format!(
                "its folder is not the wheel's own, `{}`",
                shown(&place.data)
            ));
        }
        let Some((kind, file)) = rest.split_once('/') else {
            return misplaced("it is in no folder of `.data`".to_owned());
        };
        let (path, is_script) = match kind {
            "purelib" | "platlib" => (format!("site/{file}"), false),
            "headers" => (format!("include/{}/{file}", self.filename.name), false),
            "scripts" => {
                scripts::check_name(file).map_err(|why| Reason::Place(why.to_owned()))?;
                (format!("bin/{file}"), true)
            }
            "data" => (file.to_owned(), false),
            _ => {
                return misplaced(format!(
                    "`{}` is none of purelib, platlib, headers, scripts, data",
                    shown(kind)
                ));
            }
        };
        if kind == "data" {
            check_data(file)?;
        }
        Ok(Some((path, is_script)))
    }

    /// A script as it is installed: `#!python` becomes the image's Python.
    fn script(&mut self, index: usize, rewritten: &mut u64, limits: &Limits) -> Result<Source, Reason> {
        let entry: &Entry = &self.entries[index];
        let broken = |error: std::io::Error| Reason::Archive(error.to_string());
        let mut first = Vec::new();
        let reader = self.archive.reader(entry).map_err(broken)?;
        reader.take(8).read_to_end(&mut first).map_err(broken)?;
        if first != b"#!python" {
            return Ok(Source::Entry(index));
        }
        *rewritten += entry.size;
        if *rewritten > limits.scripts {
            return Err(Reason::TooLarge {
                what: format!("with this, scripts of {}", bytes(*rewritten)),
                limit: bytes(limits.scripts),
            });
        }
        let mut text = Vec::new();
        super::copy(&mut self.archive, entry, self.recorded[index].as_ref(), &mut text)?;
        Ok(scripts::with_interpreter(&text).map_or(Source::Entry(index), Source::Bytes))
    }

    /// INSTALLER, and RECORD with the places where the files are: `importlib.metadata` tells them.
    fn record(&self, items: &mut Vec<Item>, place: &Place) {
        let mut made = |name: &str, bytes: Vec<u8>| {
            items.push(Item {
                path: format!("site/{}/{name}", place.dist_info),
                executable: false,
                size: bytes.len() as u64,
                source: Source::Bytes(bytes),
            });
        };
        made("INSTALLER", b"nbvet\n".to_vec());
        let mut lines = BTreeMap::new();
        for item in items.iter() {
            let from_site = match item.path.strip_prefix("site/") {
                Some(inside) => inside.to_owned(),
                None => format!("../{}", item.path),
            };
            let line = match &item.source {
                Source::Bytes(bytes) => record::line(&from_site, bytes),
                Source::Entry(index) => {
                    let digest = self.recorded[*index].as_ref().map(record::Recorded::text);
                    format!(
                        "{},{},{}\n",
                        record::field(&from_site),
                        digest.unwrap_or_default(),
                        item.size
                    )
                }
            };
            lines.insert(from_site, line);
        }
        let own = format!("{}/RECORD", place.dist_info);
        lines.insert(own.clone(), format!("{},,\n", record::field(&own)));
        let text: String = lines.into_values().collect();
        items.push(Item {
            path: format!("site/{own}"),
            executable: false,
            size: text.len() as u64,
            source: Source::Bytes(text.into_bytes()),
        });
    }

    fn check_modules(&self, items: &[Item], is_stdlib: IsStdlib<'_>) -> Result<(), Fault> {
        let mut asked: HashMap<&str, bool> = HashMap::new();
        for item in items {
            let file = item.path.strip_prefix("site/").unwrap_or_default();
            let Some(module) = module(file) else {
                continue;
            };
            if *asked.entry(module).or_insert_with(|| is_stdlib(module)) {
                let reason = Reason::StandardLibrary {
                    module: shown(module),
                    distribution: self.filename.name.to_string(),
                };
                return Err((Some(file.to_owned()), reason));
            }
        }
        Ok(())
    }

    fn warn(&mut self) -> Result<(), Fault> {
        for position in 0..self.items.len() {
            let item = &self.items[position];
            let Some(file) = item.path.strip_prefix("site/").filter(|file| is_top(file)) else {
                continue;
            };
            let (wheel, name) = (self.label.to_string(), shown(file));
            if !file.contains('/') && file.strip_suffix(".pth").is_some() {
                let has_code = self.has_code(position)?;
                self.warnings.push(Warning::Pth {
                    wheel,
                    file: name,
                    has_code,
                });
            } else if matches!(module(file), Some("sitecustomize" | "usercustomize")) {
                self.warnings.push(Warning::AtStart { wheel, file: name });
            }
        }
        Ok(())
    }

    /// A line of a `.pth` file that starts with `import` is run.
    fn has_code(&mut self, position: usize) -> Result<bool, Fault> {
        let Source::Entry(index) = self.items[position].source else {
            return Ok(false);
        };
        let entry = &self.entries[index];
        let broken = |error: std::io::Error| (Some(entry.name.clone()), Reason::Archive(error.to_string()));
        let mut text = Vec::new();
        let reader = self.archive.reader(entry).map_err(broken)?;
        reader.take(1 << 20).read_to_end(&mut text).map_err(broken)?;
        let is_code = |line: &[u8]| line.starts_with(b"import ") || line.starts_with(b"import\t");
        Ok(text.split(|byte| *byte == b'\n').any(is_code))
    }
}

/// Data goes beside our folders, not into them.
fn check_data(file: &str) -> Result<(), Reason> {
    let top = file.split('/').next().unwrap_or_default();
    if matches!(top, "site" | "libexec") {
        return Err(Reason::Place(format!(
            "data may not go into `{top}`, which holds what nbvet installs"
        )));
    }
    if let Some(program) = file.strip_prefix("bin/") {
        scripts::check_name(program).map_err(|why| Reason::Place(why.to_owned()))?;
    }
    check_name(file).map_err(Reason::EntryName)
}

/// A file that lies in the folder of packages itself, or is run when a package there is imported.
fn is_top(file: &str) -> bool {
    file.split_once('/')
        .is_none_or(|(_, rest)| rest.starts_with("__init__.") && !rest.contains('/'))
}

/// Python would run it instead of the source beside it, which is what people read. Byte-code elsewhere is run only where
/// there is no source.
fn is_bytecode(path: &str) -> bool {
    path.starts_with("site/")
        && path.rsplit_once('/').is_some_and(|(folder, name)| {
            folder.ends_with("/__pycache__") && name.strip_suffix(".pyc").is_some()
        })
}

/// The module that a file in the folder of packages is, or is of.
fn module(file: &str) -> Option<&str> {
    let is_imported = IMPORTED.iter().any(|end| file.ends_with(end));
    let (top, is_within) = file.split_once('/').map_or((file, false), |(top, _)| (top, true));
    // A folder with a dot is no package; one of data alone cannot hide a module of Python's.
    let is_module = is_imported && !(is_within && top.contains('.'));
    is_module.then(|| top.split('.').next().unwrap_or(top))
}

/// Two files of a wheel for one place, or one where another has its folder. The files are sorted.
fn check_twice(items: &[Item]) -> Result<(), Fault> {
    let double = items.windows(2).find(|pair| pair[0].path == pair[1].path);
    let folders = folders_of(items.iter().map(|item| &*item.path), usize::MAX).unwrap_or_default();
    let in_the_way = || items.iter().find(|item| folders.contains(&*item.path));
    match double.map(|pair| &pair[0]).or_else(in_the_way) {
        Some(item) => {
            let reason = Reason::Duplicate(format!("`{}` would be installed twice", shown(&item.path)));
            Err((None, reason))
        }
        None => Ok(()),
    }
}
