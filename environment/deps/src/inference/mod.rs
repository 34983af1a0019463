//! From what a notebook imports to the distributions that it needs: the standard library, the repository, the base
//! image and our own table are asked in this order, and a name that none of them has is never guessed. Knows no Python
//! and asks no index.

mod asked;
mod brought;
mod proposal;
mod standard;
mod standard_library;
mod table;
mod union;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use nbvet_report::Location;
use pep508_rs::PackageName;

pub use asked::Request;
use asked::Requests;
pub use brought::Brought;
use standard::Standing;
pub use table::Candidate;
use table::Known;

/// Where something of a notebook stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The file, from the root of the tree; `None`: the notebook that is asked about.
    pub file: Option<Arc<str>>,
    /// Where in it.
    pub location: Location,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file's name may hold anything, and this may stand in a comment of one line.
        let file = self
            .file
            .as_deref()
            .map(|file| file.replace(char::is_control, "?"));
        match (file, self.location.cell) {
            (Some(file), Some(cell)) => write!(f, "{file}, cell {cell}"),
            (Some(file), None) => write!(f, "{file}:{}", self.location.line),
            (None, Some(cell)) => write!(f, "cell {cell}"),
            (None, None) => write!(f, "line {}", self.location.line),
        }
    }
}

/// Whether a run needs it. Of several imports of a module, the first of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// It fails without.
    Needed,
    /// It goes on without: within a `try` that handles it.
    Optional,
    /// Only type checkers import it.
    TypesOnly,
}

/// One import of a notebook, or of a file that it runs or imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The module, with dots.
    pub module: String,
    /// What is taken from it: attributes, or modules below it.
    pub names: Vec<String>,
    /// Whether a run needs it.
    pub need: Need,
    /// The file of the repository that it is.
    pub local: Option<Arc<str>>,
    /// Where it stands.
    pub at: At,
}

/// Something that the notebook itself installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub request: Request,
    /// Where.
    pub at: At,
}

/// A distribution that the base image has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InBase {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// The modules at the top that it has.
    pub modules: Vec<String>,
}

/// All that a notebook's imports come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inference {
    /// The modules, sorted by name, each once.
    pub modules: Vec<Inferred>,
    /// What it installs itself.
    requests: Requests,
    /// Python 3, this version.
    minor: u8,
}

impl Inference {
    /// The notebook installs it itself.
    pub fn installs(&self, name: &PackageName) -> bool {
        self.requests.lines.contains_key(name)
    }

    /// What it installs itself: a distribution as a line of requirements, with its name, or words that name none, as they
    /// may be shown; and where.
    pub fn own_installs(&self) -> impl Iterator<Item = (Option<&PackageName>, &str, &[At])> {
        let lines = self.requests.lines.iter();
        let lines = lines.map(|(name, line)| (Some(name), line.text.as_str(), line.places.as_slice()));
        let others = self.requests.others.iter();
        lines.chain(others.map(|(shown, _, at)| (None, shown.as_str(), std::slice::from_ref(at))))
    }

    /// It installs something of which only a run tells what it is: a file of requirements, a folder, packages of conda.
    pub fn installs_unknown(&self) -> bool {
        !self.requests.others.is_empty()
    }
}

/// One module, as far as its name tells which distribution has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    /// Its name: as long as the table knows it (`google.cloud.storage`), else its first part.
    pub module: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether a run needs it.
    pub need: Need,
    /// Where it is imported.
    pub places: Vec<At>,
}

impl Inferred {
    /// The distributions that have it, as far as is known, the one to take first. None of Python's own modules and of
    /// the repository's.
    pub fn distributions(&self) -> Vec<PackageName> {
        let mut names = match &self.origin {
            Origin::InBase { name, .. } | Origin::Distribution { name, .. } => vec![name.clone()],
            Origin::StandardLibrary | Origin::Removed { .. } | Origin::Local(_) => return Vec::new(),
            Origin::Ambiguous { .. } | Origin::Elsewhere(_) | Origin::Unknown => Vec::new(),
        };
        let known = table::longest(&self.module).map(|(_, known)| names_of(&known));
        for name in known.unwrap_or_default() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The distributions that the module may be of where a file asks for them: those that are known, then one of the
    /// module's own name, which whoever wrote it there knows to be the right one.
    pub fn possible(&self) -> Vec<PackageName> {
        let mut names = self.distributions();
        let is_outside = !matches!(
            self.origin,
            Origin::StandardLibrary | Origin::Removed { .. } | Origin::Local(_)
        );
        if is_outside {
            let own = [self.module.replace('.', "-"), top_of(&self.module).to_owned()];
            names.extend(own.iter().filter_map(|own| table::normalised(own)));
        }
        names
    }
}

/// Where a module comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Python has it.
    StandardLibrary,
    /// Python had it.
    Removed {
        /// The first version without it.
        since: &'static str,
        /// What to use now.
        instead: &'static str,
    },
    /// The repository has it; the file, where it is known.
    Local(Option<Arc<str>>),
    /// The base image has it.
    InBase {
        /// The distribution there.
        name: PackageName,
        /// Its version.
        version: String,
    },
    /// A distribution of the index.
    Distribution {
        /// Its name.
        name: PackageName,
        /// Why it is this one.
        why: Why,
    },
    /// Several distributions have it.
    Ambiguous {
        /// Which, and when each is right.
        candidates: Vec<Candidate>,
        /// The first of them is right for most, and is proposed.
        preferred: bool,
    },
    /// No distribution of the index is it; where it comes from.
    Elsewhere(&'static str),
    /// Nobody said so far. Never guessed: on an index, anybody may hold its name.
    Unknown,
}

/// Why a module is held to be of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Our table says so.
    Table,
    /// The notebook itself installs it.
    Asked,
}

/// Tells where each import comes from. `local`: the repository has a module of that name (with dots) that a caller
/// knows of beyond [`Imported::local`]; `minor`: of Python 3.
pub fn infer(
    imports: &[Imported],
    asked: &[Asked],
    local: &dyn Fn(&str) -> bool,
    base: &[InBase],
    minor: u8,
) -> Inference {
    let mut inferring = Inferring {
        requests: Requests::new(asked),
        local,
        base: Base::new(base),
        minor,
        found: BTreeMap::new(),
    };
    for import in imports {
        inferring.import(import);
    }
    Inference {
        modules: inferring.found.into_values().collect(),
        requests: inferring.requests,
        minor,
    }
}

/// Whether Python's standard library has a module, by its first part; `minor`: of Python 3.
pub fn is_standard(module: &str, minor: u64) -> bool {
    let minor = u8::try_from(minor).unwrap_or(u8::MAX);
    standard::standing(top_of(module), minor) == Some(Standing::In)
}

struct Inferring<'i> {
    requests: Requests,
    local: &'i dyn Fn(&str) -> bool,
    base: Base<'i>,
    minor: u8,
    found: BTreeMap<String, Inferred>,
}

impl Inferring<'_> {
    fn import(&mut self, import: &Imported) {
        let top = top_of(&import.module);
        if let Some(standing) = standard::standing(top, self.minor) {
            let origin = match standing {
                Standing::In => Origin::StandardLibrary,
                Standing::Gone(since, instead) => Origin::Removed { since, instead },
                Standing::NotYet(why) => Origin::Elsewhere(why),
            };
            // A file of the repository in its place is found by Python 3.
            if standing == Standing::In || import.local.is_none() {
                return self.add(top, import, |_| origin);
            }
        }
        if import.local.is_some() || (self.local)(&import.module) {
            let file = import.local.clone();
            return self.add(top, import, |_| Origin::Local(file));
        }
        for key in keys(import) {
            self.add(&key, import, |inferring| inferring.origin(&key));
        }
    }

    fn add(&mut self, module: &str, import: &Imported, origin: impl FnOnce(&Self) -> Origin) {
        if !self.found.contains_key(module) {
            let inferred = Inferred {
                origin: origin(self),
                module: module.to_owned(),
                need: import.need,
                places: Vec::new(),
            };
            self.found.insert(module.to_owned(), inferred);
        }
        if let Some(inferred) = self.found.get_mut(module) {
            inferred.need = inferred.need.min(import.need);
            if inferred.places.last() != Some(&import.at) {
                inferred.places.push(import.at.clone());
            }
        }
    }

    /// Where a module comes from that is not Python's and not the repository's.
    fn origin(&self, module: &str) -> Origin {
        let known = table::longest(module).map(|(_, known)| known);
        let names = known.as_ref().map(names_of).unwrap_or_default();
        if let Some(base) = self.base.of(module, &names) {
            return Origin::InBase {
                name: base.name.clone(),
                version: base.version.clone(),
            };
        }
        if let Some(name) = self.requests.one_of(&names) {
            let why = match &known {
                Some(Known::One { name: own, .. }) if table::normalised(own).as_ref() == Some(&name) => {
                    Why::Table
                }
                _ => Why::Asked,
            };
            return Origin::Distribution { name, why };
        }
        let asked = || {
            let name = self.requests.named_like(module)?;
            Some(Origin::Distribution {
                name,
                why: Why::Asked,
            })
        };
        match known {
            Some(Known::One { name, .. }) => {
                table::normalised(name).map_or(Origin::Unknown, |name| Origin::Distribution {
                    name,
                    why: Why::Table,
                })
            }
            Some(Known::Several {
                candidates,
                preferred,
            }) => Origin::Ambiguous {
                candidates,
                preferred,
            },
            Some(Known::Elsewhere(why)) => asked().unwrap_or(Origin::Elsewhere(why)),
            None => asked().unwrap_or(Origin::Unknown),
        }
    }
}

/// What the base image has, by name and by module: there may be many of both.
struct Base<'i> {
    by_name: HashMap<&'i PackageName, &'i InBase>,
    /// `None`: several have it.
    by_module: HashMap<&'i str, Option<&'i InBase>>,
}

impl<'i> Base<'i> {
    fn new(base: &'i [InBase]) -> Self {
        let mut by_name = HashMap::new();
        let mut by_module: HashMap<&str, Option<&InBase>> = HashMap::new();
        for one in base {
            by_name.entry(&one.name).or_insert(one);
            let modules: BTreeSet<&str> = one.modules.iter().map(String::as_str).collect();
            for module in modules {
                by_module
                    .entry(module)
                    .and_modify(|known| *known = None)
                    .or_insert(Some(one));
            }
        }
        Self { by_name, by_module }
    }

    /// The distribution that has a module. Of folders that several share (`google`), its top-level modules do not tell:
    /// there the table's names count alone.
    fn of(&self, module: &str, names: &[PackageName]) -> Option<&'i InBase> {
        let known = names.iter().find_map(|name| self.by_name.get(name).copied());
        let top = top_of(module);
        known.or_else(|| {
            self.by_module
                .get(top)
                .copied()
                .flatten()
                .filter(|_| !table::is_shared(top))
        })
    }
}

fn top_of(module: &str) -> &str {
    module.split('.').next().unwrap_or_default()
}

/// The names by which the table knows what an import takes: `from google.cloud import storage, bigquery` is two.
fn keys(import: &Imported) -> BTreeSet<String> {
    let top = top_of(&import.module);
    let key = |whole: &str, shared: &str| match table::longest(whole) {
        Some((key, _)) => key.to_owned(),
        None if table::is_shared(&import.module) => shared.to_owned(),
        None if table::is_shared(top) => import.module.clone(),
        None => top.to_owned(),
    };
    if import.names.is_empty() {
        return BTreeSet::from([key(&import.module, &import.module)]);
    }
    let of_name = |name: &String| {
        let whole = format!("{}.{name}", import.module);
        key(&whole, &whole)
    };
    import.names.iter().map(of_name).collect()
}

fn names_of(known: &Known) -> Vec<PackageName> {
    let names: Vec<&str> = match known {
        Known::One { name, also, .. } => std::iter::once(*name)
            .chain(also.iter().map(String::as_str))
            .collect(),
        Known::Several { candidates, .. } => candidates.iter().map(|one| one.name).collect(),
        Known::Elsewhere(_) => Vec::new(),
    };
    names.into_iter().filter_map(table::normalised).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Every module was held against every distribution of the base.
    #[test]
    fn a_base_of_very_many_distributions_is_looked_through_once() {
        let name = |number: usize| PackageName::new(format!("p{number}")).expect("it is a name");
        let base: Vec<InBase> = (0..50_000)
            .map(|number| InBase {
                name: name(number),
                version: "1".to_owned(),
                modules: vec![format!("m{number}"), "shared".to_owned()],
            })
            .collect();
        let imports: Vec<Imported> = (0..20_000)
            .map(|number| Imported {
                module: format!("m{}", number * 5),
                names: Vec::new(),
                need: Need::Needed,
                local: None,
                at: At {
                    file: None,
                    location: Location::file_start(),
                },
            })
            .collect();
        let begun = Instant::now();
        let found = infer(&imports, &[], &|_| false, &base, 12);
        let in_base = found
            .modules
            .iter()
            .filter(|module| matches!(module.origin, Origin::InBase { .. }));
        assert_eq!(in_base.count(), 10_000);
        // A billion comparisons take minutes.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
