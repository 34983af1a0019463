//! Names of wheel files (PEP 427): what stands in them is what a wheel is chosen by.

use std::{collections::HashSet, fmt, str::FromStr};

use pep440_rs::Version;
use pep508_rs::PackageName;

use super::{Tag, shortened};

/// The name of a wheel file, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    file: String,
    name: PackageName,
    version: Version,
    build: Option<(u64, String)>,
    pythons: Vec<String>,
    abis: Vec<String>,
    platforms: Vec<String>,
}

/// Why a name is none of a wheel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}` is no name of a wheel: {why}")]
pub struct BadWheelName {
    file: String,
    why: &'static str,
}

/// What file systems take.
const MAX_LENGTH: usize = 255;
/// Tags that one name stands for, at most; those of real wheels have some ten.
const MAX_TAGS: usize = 1000;

impl WheelName {
    /// As the file is named.
    pub fn file_name(&self) -> &str {
        &self.file
    }

    /// The distribution, normalised.
    pub const fn name(&self) -> &PackageName {
        &self.name
    }

    /// Its version.
    pub const fn version(&self) -> &Version {
        &self.version
    }

    /// The build number with what follows it: of two wheels alike the higher is taken.
    pub fn build(&self) -> Option<(u64, &str)> {
        let build = self.build.as_ref();
        build.map(|(number, rest)| (*number, &**rest))
    }

    /// Every tag that its compressed set of tags stands for.
    pub fn tags(&self) -> impl Iterator<Item = Tag> + '_ {
        self.pythons.iter().flat_map(move |python| {
            self.abis.iter().flat_map(move |abi| {
                self.platforms.iter().map(move |platform| Tag {
                    python: python.clone(),
                    abi: abi.clone(),
                    platform: platform.clone(),
                })
            })
        })
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)
    }
}

impl FromStr for WheelName {
    type Err = BadWheelName;

    fn from_str(file: &str) -> Result<Self, BadWheelName> {
        parsed(file).map_err(|why| BadWheelName {
            file: shortened(file),
            why,
        })
    }
}

fn parsed(file: &str) -> Result<WheelName, &'static str> {
    if file.len() > MAX_LENGTH {
        return Err("it is longer than 255 bytes");
    }
    let stem = file.strip_suffix(".whl").ok_or("it does not end in `.whl`")?;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.+!".contains(letter);
    if !stem.chars().all(is_plain) {
        return Err("letters, digits and `-_.+!` are allowed in it");
    }
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, version, build, tags) = match parts[..] {
        [name, version, python, abi, platform] => (name, version, None, [python, abi, platform]),
        [name, version, build, python, abi, platform] => {
            (name, version, Some(build), [python, abi, platform])
        }
        _ => return Err("`NAME-VERSION-PYTHON-ABI-PLATFORM.whl` is expected"),
    };
    // An empty one is a name to `PackageName`.
    if name.is_empty() {
        return Err("the name of its distribution is none");
    }
    if name.contains("__") {
        return Err("the name of its distribution has `__`");
    }
    let [pythons, abis, platforms] = tags.map(set);
    let (pythons, abis, platforms) = (pythons?, abis?, platforms?);
    if pythons.len() * abis.len() * platforms.len() > MAX_TAGS {
        return Err("it stands for more than 1000 tags");
    }
    Ok(WheelName {
        file: file.to_owned(),
        name: PackageName::new(name.to_owned()).map_err(|_| "the name of its distribution is none")?,
        version: Version::from_str(version).map_err(|_| "its version is none by PEP 440")?,
        build: build.map(numbered).transpose()?,
        pythons,
        abis,
        platforms,
    })
}

fn numbered(build: &str) -> Result<(u64, String), &'static str> {
    let end = build.find(|letter: char| !letter.is_ascii_digit());
    let (number, rest) = build.split_at(end.unwrap_or(build.len()));
    let number = number
        .parse()
        .map_err(|_| "its build tag does not begin with a number")?;
    Ok((number, rest.to_owned()))
}

/// `cp39.cp310` stands for two; in lower case as `packaging` compares them.
fn set(compressed: &str) -> Result<Vec<String>, &'static str> {
    let mut seen = HashSet::new();
    let mut parts = Vec::new();
    for part in compressed.split('.') {
        if part.is_empty() {
            return Err("one of its tags is empty");
        }
        let part = part.to_ascii_lowercase();
        if seen.insert(part.clone()) {
            parts.push(part);
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    fn check(file: &str, expected: &str) {
        let told = match file.parse::<WheelName>() {
            Ok(wheel) => {
                let tags: Vec<String> = wheel.tags().map(|tag| tag.to_string()).collect();
                format!(
                    "{} {} {:?} {}",
                    wheel.name(),
                    wheel.version(),
                    wheel.build(),
                    tags.join(" ")
                )
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn a_name_is_taken_apart_and_normalised() {
        check(
            "six-1.17.0-py2.py3-none-any.whl",
            "six 1.17.0 None py2-none-any py3-none-any",
        );
        check(
            "Foo.Bar_baz-1.0RC1+cu_118-12ab-cp311-abi3-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
            "foo-bar-baz 1.0rc1+cu.118 Some((12, \"ab\")) cp311-abi3-manylinux1_x86_64 cp311-abi3-manylinux_2_5_x86_64",
        );
        check("a-1!2-py3-none-any.whl", "a 1!2 None py3-none-any");
    }

    #[test]
    fn hostile_names_are_refused() {
        for (file, why) in [
            ("six-1.17.0.tar.gz", "it does not end in `.whl`"),
            (
                "six-1-py3-none.whl",
                "`NAME-VERSION-PYTHON-ABI-PLATFORM.whl` is expected",
            ),
            (
                "../six-1-py3-none-any.whl",
                "letters, digits and `-_.+!` are allowed in it",
            ),
            (
                "six-1-py3-none-a\u{0}.whl",
                "letters, digits and `-_.+!` are allowed in it",
            ),
            (
                "six-1-py3-none-any\n.whl",
                "letters, digits and `-_.+!` are allowed in it",
            ),
            ("-1-py3-none-any.whl", "the name of its distribution is none"),
            (".six-1-py3-none-any.whl", "the name of its distribution is none"),
            ("s__x-1-py3-none-any.whl", "the name of its distribution has `__`"),
            ("six-one-py3-none-any.whl", "its version is none by PEP 440"),
            (
                "six-1-b1-py3-none-any.whl",
                "its build tag does not begin with a number",
            ),
            (
                "six-1-99999999999999999999-py3-none-any.whl",
                "its build tag does not begin with a number",
            ),
            ("six-1-py3..py2-none-any.whl", "one of its tags is empty"),
            (
                "six-1-a.b.c.d.e.f.g.h.i.j.k-a.b.c.d.e.f.g.h.i.j.k-a.b.c.d.e.f.g.h.i.j.k.whl",
                "it stands for more than 1000 tags",
            ),
        ] {
            let error = file.parse::<WheelName>().expect_err(file);
            assert_eq!(error.why, why, "{file}");
        }
        let long = format!("six-1-py3-none-{}.whl", "a".repeat(300));
        let error = long.parse::<WheelName>().expect_err("too long").to_string();
        assert!(error.len() < 200, "{error}");
    }

    #[test]
    fn the_best_wheel_is_the_nearest_with_the_highest_build_whatever_the_order() {
        let target: Target = "cpython-3.11.2-linux-x86_64-glibc2.28".parse().expect("a target");
        let best = |files: &[&str]| {
            let wheels: Vec<WheelName> = files.iter().map(|file| file.parse().expect(file)).collect();
            let tags = target.tags();
            let forth = tags.best_wheel(&wheels).map(ToString::to_string);
            let back = tags.best_wheel(wheels.iter().rev()).map(ToString::to_string);
            assert_eq!(forth, back);
            forth
        };
        for (files, expected) in [
            (
                &["a-1-py3-none-any.whl", "a-1-cp39-abi3-manylinux_2_17_x86_64.whl"][..],
                Some("a-1-cp39-abi3-manylinux_2_17_x86_64.whl"),
            ),
            (
                &[
                    "a-1-cp311-cp311-manylinux2014_x86_64.whl",
                    "a-1-cp311-cp311-manylinux_2_34_x86_64.whl",
                    "a-1-cp311-cp311-win_amd64.whl",
                    "a-1-cp311-cp311-manylinux_2_28_x86_64.whl",
                ],
                Some("a-1-cp311-cp311-manylinux_2_28_x86_64.whl"),
            ),
            (
                &[
                    "a-1-py3-none-any.whl",
                    "a-1-2-py3-none-any.whl",
                    "a-1-10-py3-none-any.whl",
                ],
                Some("a-1-10-py3-none-any.whl"),
            ),
            (
                &[
                    "a-1-cp312-cp312-manylinux_2_17_x86_64.whl",
                    "a-1-py2-none-any.whl",
                ],
                None,
            ),
        ] {
            assert_eq!(best(files).as_deref(), expected);
        }
    }
}
