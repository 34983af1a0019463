//! What an image's Python is: the markers that hold there and the wheels that fit. Told by the base image or by the
//! user; no interpreter is asked here.

mod tags;
mod wheel;

use std::{fmt, str::FromStr};

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};

pub use tags::{Tag, Tags};
pub use wheel::{BadWheelName, WheelName};

/// A `CPython` on a Linux: what wheels are chosen for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    python: Version,
    minor: u64,
    abi_flags: String,
    platform: Platform,
    markers: MarkerEnvironment,
}

/// Machine and C library of a Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The machine.
    pub arch: Arch,
    /// The C library.
    pub libc: Libc,
}

/// Machines that images are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// `x86_64`, `amd64` in registries.
    X86_64,
    /// `aarch64`, `arm64` in registries.
    Aarch64,
}

/// A C library with its version: wheels name the oldest that they work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Libc {
    /// `Glibc(2, 36)`.
    Glibc(u16, u16),
    /// `Musl(1, 2)`.
    Musl(u16, u16),
}

/// Why something is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Not a Python that wheels can be chosen for.
    #[error(
        "`{0}` is not the version of a Python 3 that images can be built for: write it in full, as in `3.11.2`"
    )]
    Python(String),
    /// Flags of a build that has none.
    #[error("`{0}` are no flags of a CPython: `t` (free-threaded), `d` (debug) or nothing is expected")]
    AbiFlags(String),
    /// Another machine.
    #[error("images are built for x86_64 (amd64) and aarch64 (arm64), not for `{0}`")]
    Arch(String),
    /// Another C library.
    #[error("`{0}` is no C library that wheels are made for: `glibc2.36` or `musl1.2` is expected")]
    Libc(String),
    /// Not the form of a target at all.
    #[error("`{0}` is not a target such as `cpython-3.11.2-linux-x86_64-glibc2.36`")]
    Form(String),
}

impl Target {
    /// A Python by its full version (`3.11.2`) and the flags in `sys.abiflags`.
    pub fn new(python: &str, abi_flags: &str, platform: Platform) -> Result<Self, BadTarget> {
        let bad = || BadTarget::Python(shortened(python));
        let version = Version::from_str(python).map_err(|_| bad())?;
        let minor = match version.release() {
            [3, minor @ 2..=99] | [3, minor @ 2..=99, _] if !version.is_local() => *minor,
            _ => return Err(bad()),
        };
        if !["", "t", "d", "td"].contains(&abi_flags) {
            return Err(BadTarget::AbiFlags(shortened(abi_flags)));
        }
        let full = version.to_string();
        let markers = MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: &full,
            os_name: "posix",
            platform_machine: platform.arch.as_str(),
            platform_python_implementation: "CPython",
            // The kernel is that of the node which runs the image: nobody knows it here.
            platform_release: "",
            platform_system: "Linux",
            platform_version: "",
            python_full_version: &full,
            python_version: &format!("3.{minor}"),
            sys_platform: "linux",
        });
        Ok(Self {
            markers: markers.map_err(|_| bad())?,
            python: version,
            minor,
            abi_flags: abi_flags.to_owned(),
            platform,
        })
    }

    /// The full version of its Python.
    pub const fn python(&self) -> &Version {
        &self.python
    }

    /// The `11` of Python 3.11.
    pub const fn minor(&self) -> u64 {
        self.minor
    }

    /// `sys.abiflags`: mostly nothing, `t` of a free-threaded build, `d` of one for debugging.
    pub fn abi_flags(&self) -> &str {
        &self.abi_flags
    }

    /// Its machine and C library.
    pub const fn platform(&self) -> Platform {
        self.platform
    }

    /// What markers are held against.
    pub const fn markers(&self) -> &MarkerEnvironment {
        &self.markers
    }

    /// Every tag of wheels that fit, the best first.
    pub fn tags(&self) -> Tags {
        tags::compatible(self)
    }

    /// What `uv --python-platform` calls the platform: the newest that it knows which is not newer than this one.
    pub fn uv_platform(&self) -> String {
        let arch = self.platform.arch;
        let minor = match self.platform.libc {
            Libc::Musl(..) => return format!("{arch}-unknown-linux-musl"),
            Libc::Glibc(2, minor) => minor,
            Libc::Glibc(..) => u16::MAX,
        };
        let known = [17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40];
        let newest = known.into_iter().rev().find(|known| *known <= minor);
        format!("{arch}-manylinux_2_{}", newest.unwrap_or(known[0]))
    }
}

/// `cpython-3.11.2-linux-x86_64-glibc2.36`; can be read again.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            python, abi_flags, ..
        } = self;
        write!(f, "cpython-{python}{abi_flags}-{}", self.platform)
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let parts: Vec<&str> = text.splitn(6, '-').collect();
        let ["cpython", python, "linux", arch, libc] = parts[..] else {
            return Err(BadTarget::Form(shortened(text)));
        };
        let version = python.trim_end_matches(['t', 'd']);
        Self::new(
            version,
            &python[version.len()..],
            Platform {
                arch: arch.parse()?,
                libc: libc.parse()?,
            },
        )
    }
}

impl Arch {
    /// As Python's `platform.machine()` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// As registries have it.
    pub const fn oci(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// By either of its names.
impl FromStr for Arch {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        match text {
            "x86_64" | "amd64" => Ok(Self::X86_64),
            "aarch64" | "arm64" => Ok(Self::Aarch64),
            _ => Err(BadTarget::Arch(shortened(text))),
        }
    }
}

impl fmt::Display for Libc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Glibc(major, minor) => write!(f, "glibc{major}.{minor}"),
            Self::Musl(major, minor) => write!(f, "musl{major}.{minor}"),
        }
    }
}

impl FromStr for Libc {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let bad = || BadTarget::Libc(shortened(text));
        let start = text
            .find(|letter: char| letter.is_ascii_digit())
            .ok_or_else(bad)?;
        let (name, version) = text.split_at(start);
        let (major, minor) = version.split_once('.').ok_or_else(bad)?;
        // No library has come near it, and as many tags are made as the version says.
        let number = |text: &str| {
            let number = text.parse::<u16>().ok().filter(|number| *number < 200);
            number.ok_or_else(bad)
        };
        let (major, minor) = (number(major)?, number(minor)?);
        match (name, major) {
            ("glibc", 2) => Ok(Self::Glibc(major, minor)),
            ("musl", 1) => Ok(Self::Musl(major, minor)),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux-{}-{}", self.arch, self.libc)
    }
}

/// Enough of a text that nobody has checked to be known again in a message.
fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Result<&str, &str>) {
        let told = text.parse::<Target>();
        let told = told
            .as_ref()
            .map(ToString::to_string)
            .map_err(ToString::to_string);
        assert_eq!(
            told.as_ref().map(|text| &**text).map_err(|text| &**text),
            *expected
        );
    }

    #[test]
    fn a_target_is_read_as_it_is_written() {
        for text in [
            "cpython-3.11.2-linux-x86_64-glibc2.36",
            "cpython-3.13.1t-linux-aarch64-musl1.2",
            "cpython-3.14.0rc1-linux-x86_64-glibc2.17",
        ] {
            check(text, &Ok(text));
        }
        check(
            "cpython-3.12.1-linux-arm64-glibc2.28",
            &Ok("cpython-3.12.1-linux-aarch64-glibc2.28"),
        );
    }

    #[test]
    fn what_is_no_target_is_refused_with_what_is_expected() {
        check(
            "pypy-3.11.2-linux-x86_64-glibc2.36",
            &Err(
                "`pypy-3.11.2-linux-x86_64-glibc2.36` is not a target such as `cpython-3.11.2-linux-x86_64-glibc2.36`",
            ),
        );
        check(
            "cpython-2.7.18-linux-x86_64-glibc2.36",
            &Err(
                "`2.7.18` is not the version of a Python 3 that images can be built for: write it in full, as in `3.11.2`",
            ),
        );
        check(
            "cpython-3.11.2-linux-s390x-glibc2.36",
            &Err("images are built for x86_64 (amd64) and aarch64 (arm64), not for `s390x`"),
        );
        check(
            "cpython-3.11.2-linux-x86_64-glibc2.60000",
            &Err(
                "`glibc2.60000` is no C library that wheels are made for: `glibc2.36` or `musl1.2` is expected",
            ),
        );
    }

    #[test]
    fn uv_is_told_the_newest_platform_it_knows_that_is_not_too_new() {
        for (libc, expected) in [
            (Libc::Glibc(2, 36), "x86_64-manylinux_2_36"),
            (Libc::Glibc(2, 30), "x86_64-manylinux_2_28"),
            (Libc::Glibc(2, 99), "x86_64-manylinux_2_40"),
            (Libc::Musl(1, 2), "x86_64-unknown-linux-musl"),
        ] {
            let arch = Arch::X86_64;
            let target = Target::new("3.11.2", "", Platform { arch, libc });
            assert_eq!(target.map(|target| target.uv_platform()), Ok(expected.to_owned()));
        }
    }
}
