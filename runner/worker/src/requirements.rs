//! Whether the environment meets a requirement, by the metadata of its installed distributions. In doubt it
//! does not: what cannot be read is named as missing.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use pep508_rs::{
    ExtraName, MarkerEnvironment, MarkerEnvironmentBuilder, Requirement, VerbatimUrl, VersionOrUrl,
    pep440_rs::Version,
};
use pyo3::prelude::*;

use crate::installs::Wanted;

/// How deep files of requirements may name each other.
const MAX_DEPTH: usize = 10;
/// Requirements looked at.
const MAX_REQUIREMENTS: usize = 2000;

/// What of the wanted the environment does not meet, as written.
pub(crate) fn missing(py: Python<'_>, wanted: &[Wanted]) -> Vec<String> {
    let Ok(checker) = Checker::new(py) else {
        return wanted.iter().map(written).collect();
    };
    let mut missing = Vec::new();
    for wanted in wanted {
        checker.check(wanted, Path::new(""), 0, &mut missing);
    }
    missing.truncate(MAX_REQUIREMENTS);
    missing
}

fn written(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Requirement(text) => text.clone(),
        Wanted::File(path) => format!("-r {path}"),
        Wanted::Editable(path) => format!("-e {path}"),
    }
}

struct Checker<'py> {
    metadata: Bound<'py, PyModule>,
    markers: MarkerEnvironment,
}

impl<'py> Checker<'py> {
    fn new(py: Python<'py>) -> PyResult<Self> {
        Ok(Self {
            metadata: py.import("importlib.metadata")?,
            markers: markers(py)?,
        })
    }

    fn check(&self, wanted: &Wanted, folder: &Path, depth: usize, missing: &mut Vec<String>) {
        match wanted {
            Wanted::Requirement(text) => {
                if !self.is_met(text) {
                    missing.push(text.clone());
                }
            }
            Wanted::File(path) => {
                let path = folder.join(path);
                match std::fs::read_to_string(&path) {
                    Ok(text) if depth < MAX_DEPTH => self.check_file(&text, &path, depth, missing),
                    _ => missing.push(format!("-r {}", path.display())),
                }
            }
            Wanted::Editable(_) => missing.push(written(wanted)),
        }
    }

    fn check_file(&self, text: &str, path: &Path, depth: usize, missing: &mut Vec<String>) {
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        for line in text.replace("\\\n", " ").lines().take(MAX_REQUIREMENTS) {
            let line = line.split(" #").next().unwrap_or_default().trim();
            let line = line.split(" --hash").next().unwrap_or_default().trim();
            let wanted = if line.is_empty() || line.starts_with('#') {
                continue;
            } else if let Some(file) = line
                .strip_prefix("-r")
                .or_else(|| line.strip_prefix("--requirement"))
            {
                Wanted::File(file.trim_start_matches('=').trim().to_owned())
            } else if let Some(path) = line
                .strip_prefix("-e")
                .or_else(|| line.strip_prefix("--editable"))
            {
                Wanted::Editable(path.trim_start_matches('=').trim().to_owned())
            } else if line.starts_with('-') {
                continue;
            } else {
                Wanted::Requirement(line.to_owned())
            };
            self.check(&wanted, &folder, depth + 1, missing);
        }
    }

    /// Installed in a version that is asked for, or not asked for in this environment.
    fn is_met(&self, text: &str) -> bool {
        Requirement::<VerbatimUrl>::from_str(text).is_ok_and(|requirement| self.meets(&requirement, &[], 0))
    }

    fn meets(&self, requirement: &Requirement<VerbatimUrl>, extras: &[ExtraName], depth: usize) -> bool {
        if !requirement.evaluate_markers(&self.markers, extras) {
            return true;
        }
        let name = requirement.name.to_string();
        let Some(version) = self.version(&name) else {
            return false;
        };
        let right = match &requirement.version_or_url {
            None => true,
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.contains(&version),
            Some(VersionOrUrl::Url(_)) => false,
        };
        right && (requirement.extras.is_empty() || self.extras_met(&name, &requirement.extras, depth))
    }

    fn version(&self, name: &str) -> Option<Version> {
        let version: String = self
            .metadata
            .call_method1("version", (name,))
            .ok()?
            .extract()
            .ok()?;
        Version::from_str(&version).ok()
    }

    /// The distribution's own requirements for these extras are met.
    fn extras_met(&self, name: &str, extras: &[ExtraName], depth: usize) -> bool {
        let requires = self
            .metadata
            .call_method1("requires", (name,))
            .and_then(|list| list.extract());
        let Ok(requires) = requires.map(Option::<Vec<String>>::unwrap_or_default) else {
            return false;
        };
        depth < MAX_DEPTH
            && requires.iter().all(|text| {
                Requirement::<VerbatimUrl>::from_str(text)
                    .is_ok_and(|requirement| self.meets(&requirement, extras, depth + 1))
            })
    }
}

fn markers(py: Python<'_>) -> PyResult<MarkerEnvironment> {
    let (sys, os) = (py.import("sys")?, py.import("os")?);
    let system = os.call_method0("uname")?;
    let text = |object: &Bound<'_, PyAny>, name: &str| object.getattr(name)?.extract::<String>();
    let version = py.version_info();
    let full = format!("{}.{}.{}", version.major, version.minor, version.patch);
    let short = format!("{}.{}", version.major, version.minor);
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name: &text(os.as_any(), "name")?,
        platform_machine: &text(&system, "machine")?,
        platform_python_implementation: "CPython",
        platform_release: &text(&system, "release")?,
        platform_system: &text(&system, "sysname")?,
        platform_version: &text(&system, "version")?,
        python_full_version: &full,
        python_version: &short,
        sys_platform: &text(sys.as_any(), "platform")?,
    })
    .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))
}
