//! From what a dependency file declares to a lock, where it says all that a lock needs; else which lines lack what.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use pep440_rs::{Operator, Version};
use pep508_rs::PackageName;

use super::{Lock, LockedFile, Origin, Package, file_name, is_wheel, named};
use crate::{
    Artifact, Declared, Dependency, Digest, Hash, Specifier, Wanted,
    masked::{masked, names_user},
    requirements::Place,
    target::{Tags, Target, WheelName},
};

/// A dependency file that is no complete lock: with what its lines lack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Incomplete {
    /// The lines, in the order of the file; at least one.
    pub lacking: Vec<Lacking>,
}

/// A line that lacks something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Where it stands.
    pub place: Place,
    /// What it says, without credentials.
    pub text: String,
    /// What it lacks.
    pub why: Why,
}

/// What a line lacks of an entry of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It names no single version.
    NoPin,
    /// It has no SHA-256 digest.
    NoHash,
    /// Another line names another version, URL or digest of the same distribution.
    Contradicts(Place),
    /// It installs a repository.
    Vcs,
    /// It installs a file or folder of the repository.
    Local,
    /// A source distribution.
    Source,
    /// A URL with credentials.
    Credentials,
    /// A URL that does not tell name and version.
    Unnamed,
    /// The lock names no file that fits the target.
    NoFile(String),
}

impl Why {
    /// A resolution by `uv pip compile` can give what is lacking.
    pub const fn is_resolvable(&self) -> bool {
        matches!(self, Self::NoPin | Self::NoHash)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPin => f.write_str("does not name one version"),
            Self::NoHash => f.write_str("has no SHA-256 digest"),
            Self::Contradicts(other) => {
                write!(f, "contradicts {}:{}; leave out one of them", other.file, other.line)
            }
            Self::Vcs => f.write_str("installs a repository, which has no digest; make a wheel of it and name its URL and digest"),
            Self::Local => f.write_str("installs a file or folder of the repository; images are made of wheels from an index or a URL"),
            Self::Source => f.write_str("is a source distribution, whose code runs to make a wheel; name a wheel (`pip wheel --no-deps URL` makes one)"),
            Self::Credentials => f.write_str("has credentials in its URL; leave them out, and set them in NBVET_INDEX_URL"),
            Self::Unnamed => f.write_str("does not end in the name of a wheel or a source distribution, which tells the version"),
            Self::NoFile(target) => write!(f, "has no wheel for {target} and no source distribution; lock it for that platform"),
        }
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, text, why } = self;
        write!(f, "{}:{}: `{text}` {why}", place.file, place.line)
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (position, lacking) in self.lacking.iter().take(SHOWN).enumerate() {
            let end = if position == 0 { "" } else { "\n" };
            write!(f, "{end}{lacking}")?;
        }
        match self.lacking.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            1 => f.write_str("\nand one more line"),
            more => write!(f, "\nand {more} more lines"),
        }
    }
}

impl Incomplete {
    /// Everything that lacks can be found by a resolution.
    pub fn is_resolvable(&self) -> bool {
        self.lacking.iter().all(|lacking| lacking.why.is_resolvable())
    }
}

impl Lock {
    /// The lock that a dependency file is, on a target. Constraints and what markers leave out do not count. Where the
    /// file names files, the one that fits best is locked, a source distribution only where no wheel fits.
    pub fn from_declared(declared: &Declared, target: &Target) -> Result<Self, Incomplete> {
        let tags = target.tags();
        let mut found: BTreeMap<PackageName, (Package, &Place)> = BTreeMap::new();
        let mut lacking = Vec::new();
        for dependency in &declared.entries {
            if dependency.constraint || !dependency.marker.evaluate(target.markers(), &[]) {
                continue;
            }
            let added = package(dependency, target, &tags)
                .and_then(|package| add(&mut found, package, &dependency.place));
            if let Err(why) = added {
                lacking.push(Lacking {
                    place: dependency.place.clone(),
                    text: masked(&dependency.text).into_owned(),
                    why,
                });
            }
        }
        if lacking.is_empty() {
            Ok(Self::new(found.into_values().map(|(package, _)| package)))
        } else {
            Err(Incomplete { lacking })
        }
    }
}

/// The lines that can never become a wheel of a lock, wherever it is made for: repositories, files and folders of the
/// tree, source distributions.
pub fn not_wheels(declared: &Declared) -> Vec<Lacking> {
    let why = |dependency: &Dependency| match &dependency.wanted {
        _ if dependency.editable => Some(Why::Local),
        Wanted::Vcs { .. } => Some(Why::Vcs),
        Wanted::Path(_) => Some(Why::Local),
        Wanted::Url(url) => match from_url(dependency, url) {
            Err(why @ (Why::Local | Why::Unnamed)) => Some(why),
            _ => (!is_wheel(file_name(url))).then_some(Why::Source),
        },
        Wanted::Index(_) => None,
    };
    let asked = declared
        .entries
        .iter()
        .filter(|dependency| !dependency.constraint);
    asked
        .filter_map(|dependency| {
            Some(Lacking {
                place: dependency.place.clone(),
                text: masked(&dependency.text).into_owned(),
                why: why(dependency)?,
            })
        })
        .collect()
}

fn add<'p>(
    found: &mut BTreeMap<PackageName, (Package, &'p Place)>,
    package: Package,
    place: &'p Place,
) -> Result<(), Why> {
    let Some((other, first)) = found.get_mut(&package.name) else {
        found.insert(package.name.clone(), (package, place));
        return Ok(());
    };
    let both: BTreeSet<Digest> = other.allowed.intersection(&package.allowed).cloned().collect();
    if both.is_empty() || (&other.version, &other.origin) != (&package.version, &package.origin) {
        return Err(Why::Contradicts((*first).clone()));
    }
    other.allowed = both;
    Ok(())
}

fn package(dependency: &Dependency, target: &Target, tags: &Tags) -> Result<Package, Why> {
    match &dependency.wanted {
        _ if dependency.editable => Err(Why::Local),
        Wanted::Vcs { .. } => Err(Why::Vcs),
        Wanted::Path(_) => Err(Why::Local),
        Wanted::Url(url) => from_url(dependency, url),
        Wanted::Index(specifiers) => from_index(dependency, specifiers, target, tags),
    }
}

fn from_url(dependency: &Dependency, url: &str) -> Result<Package, Why> {
    let url = url.split('#').next().unwrap_or_default();
    if url
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
    {
        return Err(Why::Local);
    }
    if names_user(url) {
        return Err(Why::Credentials);
    }
    let (name, version) = named(file_name(url)).ok_or(Why::Unnamed)?;
    let is_other = dependency.name.as_ref().is_some_and(|wanted| *wanted != name);
    if is_other || !is_plain_url(url) {
        return Err(Why::Unnamed);
    }
    let of_files = dependency.artifacts.iter().flat_map(|file| &file.hashes);
    let allowed = sha256(dependency.hashes.iter().chain(of_files));
    if allowed.is_empty() {
        return Err(Why::NoHash);
    }
    Ok(Package {
        name,
        version,
        origin: Origin::Url(url.to_owned()),
        allowed,
        file: None,
    })
}

/// A URL that can stand in a lock: nothing in it could end its line or hold a secret.
pub fn is_plain_url(url: &str) -> bool {
    let has_scheme = url.starts_with("https://") || url.starts_with("http://");
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"'`#<>^{|}".contains(&byte);
    has_scheme && !names_user(url) && url.len() < 4096 && url.bytes().all(is_plain)
}

fn from_index(
    dependency: &Dependency,
    specifiers: &[Specifier],
    target: &Target,
    tags: &Tags,
) -> Result<Package, Why> {
    let name = dependency.name.clone().ok_or(Why::Unnamed)?;
    let version = pinned(specifiers).ok_or(Why::NoPin)?;
    let mut package = Package {
        name,
        version,
        origin: Origin::Index,
        allowed: BTreeSet::new(),
        file: None,
    };
    if dependency.artifacts.is_empty() {
        package.allowed = sha256(&dependency.hashes);
        return if package.allowed.is_empty() {
            Err(Why::NoHash)
        } else {
            Ok(package)
        };
    }
    let file = chosen(&package, &dependency.artifacts, target, tags)?;
    package.allowed = BTreeSet::from([file.sha256.clone()]);
    package.file = Some(file);
    Ok(package)
}

/// The one version that specifiers name. `==1.*` names none, nor do several specifiers, as in pip.
fn pinned(specifiers: &[Specifier]) -> Option<Version> {
    match specifiers {
        [Specifier::Version(specifier)]
            if matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual) =>
        {
            Some(specifier.version().clone())
        }
        [Specifier::Arbitrary(text)] => text.parse().ok(),
        _ => None,
    }
}

/// The file of a lock that fits best: a wheel, else a source distribution.
fn chosen(
    package: &Package,
    artifacts: &[Artifact],
    target: &Target,
    tags: &Tags,
) -> Result<LockedFile, Why> {
    let of_package = artifacts.iter().filter_map(|artifact| {
        let (name, version) = named(&artifact.filename)?;
        (name == package.name && version == package.version).then_some(artifact)
    });
    let (wheels, sources): (Vec<_>, Vec<_>) = of_package.partition(|file| is_wheel(&file.filename));
    let names: Vec<WheelName> = wheels
        .iter()
        .filter_map(|wheel| wheel.filename.parse().ok())
        .collect();
    let best = tags.best_wheel(&names);
    let wheel = best.and_then(|best| wheels.into_iter().find(|file| file.filename == best.file_name()));
    let source = || {
        sources
            .into_iter()
            .min_by(|one, other| one.filename.cmp(&other.filename))
    };
    let file = wheel
        .or_else(source)
        .ok_or_else(|| Why::NoFile(target.to_string()))?;
    Ok(LockedFile {
        filename: file.filename.clone(),
        url: file.url.clone(),
        sha256: sha256(&file.hashes).into_iter().next().ok_or(Why::NoHash)?,
        size: file.size,
    })
}

/// The digests among hashes that count, whatever the case of their digits.
pub fn sha256<'h>(hashes: impl IntoIterator<Item = &'h Hash>) -> BTreeSet<Digest> {
    let of_kind = hashes.into_iter().filter(|hash| hash.algorithm == "sha256");
    of_kind
        .filter_map(|hash| {
            format!("sha256:{}", hash.digest.to_ascii_lowercase())
                .parse()
                .ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::{Expect, expect};
    use pep440_rs::VersionSpecifiers;
    use pep508_rs::MarkerTree;

    use super::*;
    use crate::Format;

    /// The digest that is one digit all over, and how it is shown.
    fn hash(digit: &str) -> Hash {
        Hash {
            algorithm: "sha256".to_owned(),
            digest: digit.repeat(64),
        }
    }

    /// `name`, specifiers, marker, digests.
    fn line(name: &str, wanted: &str, marker: &str, hashes: &[&str]) -> Dependency {
        let specifiers: VersionSpecifiers = wanted.parse().expect("specifiers");
        let specifiers = specifiers.iter().cloned().map(Specifier::Version);
        Dependency {
            place: Place {
                file: "requirements.txt".into(),
                line: 0,
                included_by: None,
            },
            text: format!("{name}{wanted}"),
            name: Some(PackageName::new(name.to_owned()).expect("a name")),
            extras: Vec::new(),
            wanted: Wanted::Index(specifiers.collect()),
            marker: match marker {
                "" => MarkerTree::TRUE,
                marker => marker.parse().expect("a marker"),
            },
            editable: false,
            constraint: false,
            hashes: hashes.iter().map(|digit| hash(digit)).collect(),
            artifacts: Vec::new(),
        }
    }

    fn wants(wanted: Wanted, text: &str, hashes: &[&str]) -> Dependency {
        Dependency {
            text: text.to_owned(),
            name: None,
            wanted,
            ..line("x", "", "", hashes)
        }
    }

    fn files(name: &str, version: &str, files: &[(&str, &str)]) -> Dependency {
        let artifact = |(filename, digit): &(&str, &str)| Artifact {
            filename: (*filename).to_owned(),
            url: None,
            hashes: vec![hash(digit)],
            size: None,
        };
        Dependency {
            artifacts: files.iter().map(artifact).collect(),
            ..line(name, version, "", &[])
        }
    }

    fn check(lines: Vec<Dependency>, expected: &Expect) {
        let file: Arc<str> = "requirements.txt".into();
        let numbered = (1..).zip(lines).map(|(number, mut dependency)| {
            dependency.place.line = number;
            dependency
        });
        let declared = Declared {
            format: Format::Requirements,
            files: vec![Arc::clone(&file)],
            file,
            entries: numbered.collect(),
            options: Vec::new(),
            requires_python: None,
            unread: Vec::new(),
        };
        let target = "cpython-3.11.2-linux-x86_64-glibc2.36".parse().expect("a target");
        let mut told = match Lock::from_declared(&declared, &target) {
            Ok(lock) => {
                let built: Vec<String> = lock
                    .need_build()
                    .map(|package| package.name.to_string())
                    .collect();
                format!("{lock}to build: {}\n", built.join(" "))
            }
            Err(incomplete) => format!("resolvable: {}\n{incomplete}\n", incomplete.is_resolvable()),
        };
        for digit in ["a", "b", "c"] {
            told = told.replace(&digit.repeat(64), digit);
        }
        expected.assert_eq(&told);
    }

    #[test]
    fn a_file_with_pins_and_digests_is_a_lock_of_what_its_markers_let_in() {
        let mut constraint = line("left-out", ">=1", "", &[]);
        constraint.constraint = true;
        check(
            vec![
                line("six", "==1.17.0", "", &["b", "a"]),
                line("old", "==1", "python_version < '3.9'", &["a"]),
                line("win", ">=1", "sys_platform == 'win32'", &[]),
                line("numpy", "==2.0", "platform_machine == 'x86_64'", &["c"]),
                line("six", "==1.17.0", "", &["a"]),
                constraint,
            ],
            &expect![[r"
                numpy==2.0 \
                    --hash=sha256:c
                six==1.17.0 \
                    --hash=sha256:a
                to build: 
            "]],
        );
    }

    #[test]
    fn of_a_locks_files_the_best_that_fits_is_taken_and_source_only_without_one() {
        check(
            vec![
                files(
                    "numpy",
                    "==2.0",
                    &[
                        ("numpy-2.0-cp311-cp311-win_amd64.whl", "a"),
                        ("numpy-2.0.tar.gz", "a"),
                        ("numpy-2.0-cp311-cp311-manylinux_2_17_x86_64.whl", "b"),
                        ("numpy-2.0-cp311-cp311-manylinux_2_17_aarch64.whl", "a"),
                        ("other-2.0-cp311-cp311-manylinux_2_36_x86_64.whl", "a"),
                    ],
                ),
                files(
                    "source",
                    "==1",
                    &[
                        ("source-1-cp312-cp312-linux_x86_64.whl", "a"),
                        ("source-1.tar.gz", "c"),
                    ],
                ),
            ],
            &expect![[r"
                numpy==2.0 \
                    --hash=sha256:b
                source==1 \
                    --hash=sha256:c
                to build: source
            "]],
        );
    }

    #[test]
    fn what_lines_lack_is_said_line_by_line() {
        check(
            vec![
                line("range", ">=1", "", &["a"]),
                line("any", "", "", &["a"]),
                line("wild", "==1.*", "", &["a"]),
                line("bare", "==1", "", &[]),
            ],
            &expect![[r"
                resolvable: true
                requirements.txt:1: `range>=1` does not name one version
                requirements.txt:2: `any` does not name one version
                requirements.txt:3: `wild==1.*` does not name one version
                requirements.txt:4: `bare==1` has no SHA-256 digest
            "]],
        );
        let vcs = Wanted::Vcs {
            scheme: "git".to_owned(),
            url: "https://h/x".to_owned(),
            revision: None,
        };
        check(
            vec![
                line("six", "==1.17.0", "", &["a"]),
                line("six", "==1.16.0", "", &["a"]),
                line("six", "==1.17.0", "", &["b"]),
                wants(vcs, "git+https://h/x", &[]),
                wants(Wanted::Path("./x".to_owned()), "./x", &[]),
                files("numpy", "==2.0", &[("numpy-2.0-cp311-cp311-win_amd64.whl", "a")]),
                line("one", "==1", "", &[]),
            ],
            &expect![[r"
                resolvable: false
                requirements.txt:2: `six==1.16.0` contradicts requirements.txt:1; leave out one of them
                requirements.txt:3: `six==1.17.0` contradicts requirements.txt:1; leave out one of them
                requirements.txt:4: `git+https://h/x` installs a repository, which has no digest; make a wheel of it and name its URL and digest
                requirements.txt:5: `./x` installs a file or folder of the repository; images are made of wheels from an index or a URL
                requirements.txt:6: `numpy==2.0` has no wheel for cpython-3.11.2-linux-x86_64-glibc2.36 and no source distribution; lock it for that platform
                and one more line
            "]],
        );
    }

    #[test]
    fn a_url_names_its_distribution_and_shows_no_secret() {
        let url = |url: &str, hashes: &[&str]| wants(Wanted::Url(url.to_owned()), url, hashes);
        check(
            vec![
                url("https://h/Six-1.17.0-py3-none-any.whl", &["a"]),
                url("https://h/a/b-1%2Bcpu.tar.gz?x=1", &["b"]),
            ],
            &expect![[r"
                b @ https://h/a/b-1%2Bcpu.tar.gz?x=1 \
                    --hash=sha256:b
                six @ https://h/Six-1.17.0-py3-none-any.whl \
                    --hash=sha256:a
                to build: b
            "]],
        );
        check(
            vec![
                url("https://u:secret@h/six-1.17.0-py3-none-any.whl", &["a"]),
                url("https://h/six.zip", &["a"]),
                url("https://h/six-1 \\\n.zip", &["a"]),
                url("file:///tmp/six-1-py3-none-any.whl", &["a"]),
                url("https://h/six-1-py3-none-any.whl", &[]),
            ],
            &expect![[r"
                resolvable: false
                requirements.txt:1: `https://****@h/six-1.17.0-py3-none-any.whl` has credentials in its URL; leave them out, and set them in NBVET_INDEX_URL
                requirements.txt:2: `https://h/six.zip` does not end in the name of a wheel or a source distribution, which tells the version
                requirements.txt:3: `https://h/six-1 \
                .zip` does not end in the name of a wheel or a source distribution, which tells the version
                requirements.txt:4: `file:///tmp/six-1-py3-none-any.whl` installs a file or folder of the repository; images are made of wheels from an index or a URL
                requirements.txt:5: `https://h/six-1-py3-none-any.whl` has no SHA-256 digest
            "]],
        );
    }
}
