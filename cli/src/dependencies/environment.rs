//! What is installed for a Python of this machine, by the names of the folders that installers leave beside packages.
//! Nothing is run and no file of a package is read, so it costs a look into a few folders.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
};

use nbvet_deps::{PackageName, Version, policy::Installed};

/// Names of one folder that are looked at.
const MOST: usize = 100_000;

/// The distributions that a Python imports; of one that stands in several of its folders, the first.
pub(super) fn installed(python: &Path, version: &str) -> Vec<Installed> {
    let paths = env::var_os("PYTHONPATH").unwrap_or_default();
    let extra = env::split_paths(&paths).filter(|folder| folder.is_absolute());
    let folders = extra.chain(folders(python, version));
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for folder in folders {
        let Ok(names) = fs::read_dir(&folder) else {
            continue;
        };
        let infos = names.flatten().take(MOST).filter_map(|entry| {
            let name = entry.file_name();
            of_info(name.to_str()?)
        });
        let own: Vec<Installed> = infos.filter(|one| !seen.contains(&one.name)).collect();
        seen.extend(own.iter().map(|one| one.name.clone()));
        found.extend(own);
    }
    found
}

/// `scikit_learn-1.5.2.dist-info`, `six-1.16.0-py3.11.egg-info`.
fn of_info(folder: &str) -> Option<Installed> {
    let stem = folder
        .strip_suffix(".dist-info")
        .or_else(|| folder.strip_suffix(".egg-info"))?;
    let mut parts = stem.split('-');
    Some(Installed {
        name: PackageName::new(parts.next()?.to_owned()).ok()?,
        version: parts.next()?.replace('_', "-").parse::<Version>().ok()?,
    })
}

/// Where a Python looks for packages: those of its virtual environment, else of the user and of the system.
fn folders(python: &Path, version: &str) -> Vec<PathBuf> {
    let Some(minor) = version.strip_prefix("3.").and_then(|rest| rest.split('.').next()) else {
        return Vec::new();
    };
    let Some(prefix) = prefix_of(python) else {
        return Vec::new();
    };
    let Ok(settings) = fs::read_to_string(prefix.join("pyvenv.cfg")) else {
        // Not a virtual environment: a link to the program stands for where it leads.
        let real = python.canonicalize().ok();
        let real = real.as_deref().and_then(prefix_of).unwrap_or(prefix);
        return of_user(minor)
            .into_iter()
            .chain(of_prefix(&real, minor))
            .collect();
    };
    let mut folders = of_prefix(&prefix, minor);
    let value = |key: &str| {
        let mut lines = settings.lines().filter_map(|line| line.split_once('='));
        lines
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim())
    };
    if value("include-system-site-packages").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        let base = value("home").map(Path::new).and_then(Path::parent);
        folders.extend(of_user(minor));
        folders.extend(base.into_iter().flat_map(|base| of_prefix(base, minor)));
    }
    folders
}

/// `/x` of `/x/bin/python`.
fn prefix_of(python: &Path) -> Option<PathBuf> {
    python.parent()?.parent().map(Path::to_owned)
}

fn of_user(minor: &str) -> Option<PathBuf> {
    let home = env::var_os("HOME").map(PathBuf::from)?;
    Some(home.join(format!(".local/lib/python3.{minor}/site-packages")))
}

/// With those of Debian, which names them otherwise.
fn of_prefix(prefix: &Path, minor: &str) -> Vec<PathBuf> {
    let names = [
        format!("local/lib/python3.{minor}/dist-packages"),
        format!("lib/python3.{minor}/site-packages"),
        format!("lib64/python3.{minor}/site-packages"),
        "lib/python3/dist-packages".to_owned(),
    ];
    names.iter().map(|name| prefix.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(python: &Path) -> Vec<String> {
        let found = installed(python, "3.11.2").into_iter();
        found.map(|one| format!("{} {}", one.name, one.version)).collect()
    }

    #[test]
    fn a_virtual_environment_is_told_by_the_folders_of_its_packages() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| fs::create_dir_all(folder.path().join(name)).unwrap();
        for name in [
            "Scikit_Learn-1.5.2.dist-info",
            "scikit_learn",
            "six-1.16.0-py3.11.egg-info",
            "no.dist-info",
        ] {
            make(&format!("venv/lib/python3.11/site-packages/{name}"));
        }
        make("base/lib/python3.11/site-packages/six-1.10.dist-info");
        make("base/lib/python3.11/site-packages/attrs-24.2.0.dist-info");
        make("venv/bin");
        make("base/bin");
        let python = folder.path().join("venv/bin/python");
        let write = |shared: bool| {
            let home = folder.path().join("base/bin");
            let text = format!(
                "home = {}\ninclude-system-site-packages = {shared}\n",
                home.display()
            );
            fs::write(folder.path().join("venv/pyvenv.cfg"), text).unwrap();
        };
        write(false);
        let mut own = told(&python);
        own.sort();
        assert_eq!(own, ["scikit-learn 1.5.2", "six 1.16.0"]);
        write(true);
        let shared = told(&python);
        assert!(shared.contains(&"six 1.16.0".to_owned()), "{shared:?}");
        assert!(shared.contains(&"attrs 24.2.0".to_owned()), "{shared:?}");
        assert!(!shared.contains(&"six 1.10".to_owned()), "{shared:?}");
    }
}
