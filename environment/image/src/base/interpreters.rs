//! The Pythons of an image: which version each is, what it imports, on which C library it stands. Goes the way of
//! CPython's own `getpath` and `site`, without running them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    configuration::Configuration,
    kept::{is_interpreter, minor_of},
    probe::{Interpreter, Origin},
    scan::Binary,
    tree::{Content, Tree, join},
};

/// Where a C library lies, by the loaders' own search. A compiler's sysroot elsewhere is none.
const LIBC_FOLDERS: [&str; 8] = [
    "lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu",
    "lib64",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "lib",
    "usr/lib",
];

/// Interpreters that are told of; each costs a walk through what is remembered.
const MOST: usize = 64;

/// The standard library that belongs to a program.
struct Library {
    /// `usr`.
    prefix: String,
    /// `usr/lib/python3.11`.
    folder: String,
    /// `python3.11`.
    name: String,
    minor: u64,
    abi_flags: String,
}

/// Every interpreter, one for each folder of programs: there they are names of one.
pub(super) fn all(tree: &Tree, configuration: &Configuration) -> Vec<Interpreter> {
    let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, _) in tree.below("") {
        let parts = path
            .rsplit_once('/')
            .filter(|(folder, _)| folder.rsplit('/').next() == Some("bin"));
        if let Some((folder, name)) = parts.filter(|(_, name)| is_interpreter(name)) {
            folders.entry(folder).or_default().insert(name);
        }
    }
    let preferred = |names: &BTreeSet<&str>| {
        let by_habit = ["python3", "python"]
            .into_iter()
            .find(|name| names.contains(name));
        by_habit.or_else(|| names.first().copied()).map(str::to_owned)
    };
    folders
        .iter()
        .filter_map(|(folder, names)| interpreter(tree, configuration, &join(folder, &preferred(names)?)))
        .take(MOST)
        .collect()
}

/// The interpreter that a path starts, if one is there.
pub(super) fn interpreter(tree: &Tree, configuration: &Configuration, path: &str) -> Option<Interpreter> {
    let path = super::tree::clean(path);
    let (program, executable, content) = tree.file(&path)?;
    if !executable {
        return None;
    }
    let binary = match content {
        Content::Binary(binary) => binary.clone(),
        _ => Binary::default(),
    };
    let venv = Venv::of(tree, &path);
    let library = library(tree, &program, venv.as_ref(), &binary);
    let prefix = match (&venv, &library) {
        (Some(venv), _) => venv.prefix.clone(),
        (None, Some(library)) => library.prefix.clone(),
        (None, None) => folder_of(folder_of(&program)).to_owned(),
    };
    let is_conda = tree.below(&join(&prefix, "conda-meta")).next().is_some();
    let version = library
        .as_ref()
        .and_then(|library| version(tree, &program, &binary, library, venv.as_ref()));
    Some(Interpreter {
        origin: match &venv {
            Some(_) => Origin::Venv,
            None if is_conda => Origin::Conda,
            None => Origin::System,
        },
        abi_flags: library
            .as_ref()
            .map(|library| library.abi_flags.clone())
            .unwrap_or_default(),
        libc: libc(tree, &binary),
        site: library.as_ref().map_or_else(Vec::new, |library| {
            site(tree, configuration, library, venv.as_ref())
        }),
        version_from: version.as_ref().map(|(_, from)| absolute(from)),
        version: version.map(|(version, _)| version),
        prefix: absolute(&prefix),
        program: absolute(&program),
        path: absolute(&path),
    })
}

/// A virtual environment's `pyvenv.cfg`.
struct Venv {
    prefix: String,
    file: String,
    home: Option<String>,
    version: Option<String>,
    with_system: bool,
}

impl Venv {
    /// Beside the program as it is called, or one folder above: links of the program itself are not followed for it.
    fn of(tree: &Tree, path: &str) -> Option<Self> {
        let folder = folder_of(path);
        let prefixes = [folder, folder_of(folder)];
        let prefix = prefixes
            .into_iter()
            .find(|prefix| tree.text(&join(prefix, "pyvenv.cfg")).is_some())?;
        let file = join(prefix, "pyvenv.cfg");
        let lines = tree.text(&file)?.lines();
        let pairs: BTreeMap<String, &str> = lines
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim()))
            .collect();
        let value = |key: &str| pairs.get(key).map(|value| (*value).to_owned());
        Some(Self {
            prefix: prefix.to_owned(),
            home: value("home"),
            // virtualenv and uv write `version_info`, the first with more than the version.
            version: value("version").or_else(|| value("version_info")),
            with_system: value("include-system-site-packages")
                .is_some_and(|v| v.eq_ignore_ascii_case("true")),
            file,
        })
    }
}

/// The nearest `lib/python3.N/os.py` on the way to the root: from where a virtual environment says that its Python
/// is at home, else from the program.
fn library(tree: &Tree, program: &str, venv: Option<&Venv>, binary: &Binary) -> Option<Library> {
    let home = venv
        .and_then(|venv| venv.home.as_deref())
        .map(|home| tree.resolve(home));
    let starts = [home, Some(folder_of(program).to_owned())];
    let named = minor_of(program.rsplit('/').next()?).map(|(minor, _)| minor);
    let fits = |library: &Library| match named {
        Some(minor) => library.minor == minor,
        None => binary
            .versions
            .iter()
            .any(|version| is_of(version, library.minor)),
    };
    let (mut seen, mut nearest) = (BTreeSet::new(), None);
    for prefix in starts.iter().flatten().flat_map(|start| upwards(start)) {
        for lib in ["lib", "lib64"] {
            let folder = tree.resolve(&join(prefix, lib));
            // Links may lead from each level to one folder.
            if !seen.insert(folder.clone()) {
                continue;
            }
            for library in libraries(tree, prefix, &folder) {
                if fits(&library) {
                    return Some(library);
                }
                nearest = nearest.or(Some(library));
            }
        }
    }
    nearest
}

/// A folder and each above it, the root last.
fn upwards(start: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(start), |folder| {
        (!folder.is_empty()).then(|| folder_of(folder))
    })
}

/// The standard libraries in a folder.
fn libraries<'t>(tree: &'t Tree, prefix: &'t str, folder: &'t str) -> impl Iterator<Item = Library> + 't {
    tree.names(folder, "python3.").filter_map(move |name| {
        let (minor, flags) = minor_of(name)?;
        let inside = join(folder, name);
        let is_landmark = |file: &&str| tree.at(&join(&inside, file)).is_some();
        ["os.py", "os.pyc"].iter().find(|file| is_landmark(file))?;
        Some(Library {
            prefix: prefix.to_owned(),
            folder: inside,
            name: name.to_owned(),
            minor,
            abi_flags: flags.to_owned(),
        })
    })
}

/// The full version and the file that says it: the program itself, the library that it loads, conda's record, the
/// virtual environment's.
fn version(
    tree: &Tree,
    program: &str,
    binary: &Binary,
    library: &Library,
    venv: Option<&Venv>,
) -> Option<(String, String)> {
    let of_binary = |binary: &Binary| {
        binary
            .versions
            .iter()
            .rfind(|version| is_of(version, library.minor))
            .cloned()
    };
    let from_program = || of_binary(binary).map(|version| (version, program.to_owned()));
    let from_library = || {
        let name = format!("libpython3.{}{}.so", library.minor, library.abi_flags);
        let folders = [join(&library.prefix, "lib"), join(&library.prefix, "lib64")];
        let folders = folders.iter().map(String::as_str).chain(LIBC_FOLDERS);
        folders
            .flat_map(|folder| ["", ".1.0"].map(|end| join(folder, &format!("{name}{end}"))))
            .filter_map(|path| tree.file(&path))
            .find_map(|(path, _, content)| match content {
                Content::Binary(binary) => Some((of_binary(binary)?, path)),
                _ => None,
            })
    };
    let from_conda = || {
        let folder = join(&library.prefix, "conda-meta");
        tree.below(&folder).find_map(|(path, _)| {
            let name = path.rsplit('/').next()?.strip_prefix("python-")?;
            let version = name.split('-').next()?;
            is_of(version, library.minor).then(|| (version.to_owned(), path.to_owned()))
        })
    };
    let from_venv = || {
        let venv = venv?;
        let version: Vec<&str> = venv.version.as_deref()?.split('.').take(3).collect();
        let version = version.join(".");
        is_of(&version, library.minor).then(|| (version, venv.file.clone()))
    };
    from_program()
        .or_else(from_library)
        .or_else(from_conda)
        .or_else(from_venv)
}

/// `3.11.2` is of 11.
fn is_of(version: &str, minor: u64) -> bool {
    let rest = version
        .strip_prefix("3.")
        .and_then(|rest| rest.strip_prefix(&minor.to_string()));
    rest.is_some_and(|rest| rest.starts_with('.') && rest.len() > 1)
}

fn libc(tree: &Tree, program: &Binary) -> Option<String> {
    let in_folders = |names: &[&str]| {
        let paths = LIBC_FOLDERS
            .iter()
            .flat_map(|folder| names.iter().map(move |name| join(folder, name)));
        let binaries = paths.filter_map(|path| match tree.file(&path)?.2 {
            Content::Binary(binary) => Some(binary.clone()),
            _ => None,
        });
        binaries.collect::<Vec<_>>()
    };
    if program.loads_musl {
        let musl = in_folders(&["ld-musl-x86_64.so.1", "ld-musl-aarch64.so.1"]);
        let version = musl.iter().find_map(|binary| binary.musl.last())?;
        let (major_and_minor, _) = version.rsplit_once('.')?;
        return Some(format!("musl{major_and_minor}"));
    }
    let glibc = in_folders(&["libc.so.6"]);
    glibc
        .into_iter()
        .find_map(|binary| binary.glibc)
        .map(|version| format!("glibc{version}"))
}

/// The folders of `sys.path` that may hold distributions, in its order.
fn site(tree: &Tree, configuration: &Configuration, library: &Library, venv: Option<&Venv>) -> Vec<String> {
    let mut folders: Vec<String> = configuration.folders("PYTHONPATH").map(str::to_owned).collect();
    let packages =
        |prefix: &str| ["lib", "lib64"].map(|lib| format!("{prefix}/{lib}/{}/site-packages", library.name));
    let with_system = venv.is_none_or(|venv| venv.with_system);
    let wants_user = with_system && !configuration.env.contains_key("PYTHONNOUSERSITE");
    if let Some(home) = configuration.home().filter(|_| wants_user) {
        folders.push(format!("{home}/.local/lib/{}/site-packages", library.name));
    }
    folders.extend(venv.into_iter().flat_map(|venv| packages(&venv.prefix)));
    if with_system {
        let site = tree.text(&join(&library.folder, "site.py")).unwrap_or_default();
        let (prefix, name) = (&library.prefix, &library.name);
        let is_debian = site.contains("dist-packages");
        // Fedora and RHEL look into /usr/local for what pip puts there.
        folders.extend(
            site.contains("RPM_BUILD_ROOT")
                .then(|| packages("usr/local"))
                .into_iter()
                .flatten(),
        );
        folders.extend(
            (!is_debian || prefix != "usr")
                .then(|| packages(prefix))
                .into_iter()
                .flatten(),
        );
        if is_debian {
            folders.push(format!("{prefix}/local/lib/{name}/dist-packages"));
            folders.push(format!("{prefix}/lib/python3/dist-packages"));
            folders.push(format!("{prefix}/lib/{name}/dist-packages"));
        }
    }
    let mut seen = BTreeSet::new();
    let places = folders.iter().map(|folder| tree.resolve(folder));
    places
        .filter(|place| seen.insert(place.clone()))
        .map(|place| absolute(&place))
        .collect()
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub(super) fn absolute(place: &str) -> String {
    format!("/{place}")
}
