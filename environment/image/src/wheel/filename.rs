//! What the name of a wheel says of it.

use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::PackageName;

use super::Reason;

/// The parts of a wheel's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// The distribution, normalised.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Pythons that it is for: `cp311`, `py3`.
    pub pythons: Vec<String>,
    /// Binary interfaces: `cp311`, `abi3`, `none`.
    pub abis: Vec<String>,
    /// Platforms: `manylinux_2_28_x86_64`, `any`.
    pub platforms: Vec<String>,
}

impl FromStr for FileName {
    type Err = Reason;

    fn from_str(text: &str) -> Result<Self, Reason> {
        let refused = |why: &str| Reason::FileName(why.to_owned());
        let stem = text
            .strip_suffix(".whl")
            .ok_or_else(|| refused("it does not end with `.whl`"))?;
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.!+".contains(letter);
        if !stem.chars().all(is_plain) {
            return Err(refused("it has characters that no such name has"));
        }
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, tags) = match parts[..] {
            [name, version, python, abi, platform] => (name, version, [python, abi, platform]),
            [name, version, build, python, abi, platform] => {
                if !build.starts_with(|first: char| first.is_ascii_digit()) {
                    return Err(refused("its build number does not start with a digit"));
                }
                (name, version, [python, abi, platform])
            }
            _ => return Err(refused("it has too few or too many parts")),
        };
        let set = |tag: &str| -> Vec<String> { tag.split('.').map(str::to_owned).collect() };
        if tags.iter().any(|tag| set(tag).iter().any(String::is_empty)) {
            return Err(refused("a tag is empty"));
        }
        Ok(Self {
            name: PackageName::from_str(name).map_err(|_| refused("its first part is no name"))?,
            version: Version::from_str(version).map_err(|_| refused("its second part is no version"))?,
            pythons: set(tags[0]),
            abis: set(tags[1]),
            platforms: set(tags[2]),
        })
    }
}
