//! Compatibility tags (PEP 425, 600, 656), in the order of `packaging.tags`.

use std::{collections::HashMap, fmt};

use super::{Arch, Libc, Target, WheelName};

/// `cp311-cp311-manylinux_2_17_x86_64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag {
    /// `cp311`, `py3`.
    pub python: String,
    /// `cp311`, `abi3`, `none`.
    pub abi: String,
    /// `manylinux_2_17_x86_64`, `any`.
    pub platform: String,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.python, self.abi, self.platform)
    }
}

/// All tags that fit a target, the best first.
#[derive(Debug, Clone)]
pub struct Tags {
    ordered: Vec<Tag>,
    ranks: HashMap<Tag, usize>,
}

impl Tags {
    fn new(ordered: Vec<Tag>) -> Self {
        let mut ranks = HashMap::new();
        for (rank, tag) in ordered.iter().enumerate() {
            ranks.entry(tag.clone()).or_insert(rank);
        }
        Self { ordered, ranks }
    }

    /// The tags, the best first.
    pub fn as_slice(&self) -> &[Tag] {
        &self.ordered
    }

    /// How well a wheel fits: less is better, `None` not at all.
    pub fn rank(&self, wheel: &WheelName) -> Option<usize> {
        wheel.tags().filter_map(|tag| self.ranks.get(&tag).copied()).min()
    }

    /// The wheel that pip would take of those of one version: by tag, then the highest build number; of equal ones the
    /// first by name, so that the order in which an index lists them does not count.
    pub fn best_wheel<'w>(&self, wheels: impl IntoIterator<Item = &'w WheelName>) -> Option<&'w WheelName> {
        let fitting = wheels
            .into_iter()
            .filter_map(|wheel| self.rank(wheel).map(|rank| (rank, wheel)));
        fitting
            .min_by(|(one, first), (two, second)| {
                let by_build = || second.build().cmp(&first.build());
                one.cmp(two)
                    .then_with(by_build)
                    .then_with(|| first.file_name().cmp(second.file_name()))
            })
            .map(|(_, wheel)| wheel)
    }
}

/// The tags that fit: those of this Python and its ABI, of the stable ABI down to 3.2, and of any Python.
pub(super) fn compatible(target: &Target) -> Tags {
    let platforms = platforms(target);
    let minor = target.minor();
    let interpreter = format!("cp3{minor}");
    let stable = if target.abi_flags().contains('t') {
        "abi3t"
    } else {
        "abi3"
    };
    let mut tags = Vec::new();
    let mut add = |python: &str, abi: &str, platforms: &[String]| {
        tags.extend(platforms.iter().map(|platform| Tag {
            python: python.to_owned(),
            abi: abi.to_owned(),
            platform: platform.clone(),
        }));
    };
    for abi in abis(target) {
        add(&interpreter, &abi, &platforms);
    }
    add(&interpreter, stable, &platforms);
    add(&interpreter, "none", &platforms);
    for older in (2..minor).rev() {
        add(&format!("cp3{older}"), stable, &platforms);
    }
    let any_python = pure_pythons(minor);
    for python in &any_python {
        add(python, "none", &platforms);
    }
    let any = ["any".to_owned()];
    add(&interpreter, "none", &any);
    for python in &any_python {
        add(python, "none", &any);
    }
    Tags::new(tags)
}

/// The ABIs of this Python's own.
fn abis(target: &Target) -> Vec<String> {
    let (minor, flags) = (target.minor(), target.abi_flags());
    let threaded = if flags.contains('t') { "t" } else { "" };
    if minor < 8 {
        let debug = if flags.contains('d') { "d" } else { "" };
        return vec![format!("cp3{minor}{debug}m")];
    }
    let plain = format!("cp3{minor}{threaded}");
    if flags.contains('d') {
        // A build for debugging loads the others' extension modules too.
        return vec![format!("{plain}d"), plain];
    }
    vec![plain]
}

/// `py311`, `py3`, `py310` and so on down.
fn pure_pythons(minor: u64) -> Vec<String> {
    let mut pythons = vec![format!("py3{minor}"), "py3".to_owned()];
    pythons.extend((0..minor).rev().map(|older| format!("py3{older}")));
    pythons
}

/// Names of the platform, the nearest first.
fn platforms(target: &Target) -> Vec<String> {
    let platform = target.platform();
    let arch = platform.arch;
    let mut names = vec![format!("linux_{arch}")];
    match platform.libc {
        Libc::Glibc(major, newest) => {
            // The oldest C library that manylinux was made for.
            let oldest = match arch {
                Arch::X86_64 => 5,
                Arch::Aarch64 => 17,
            };
            for minor in (oldest..=newest).rev() {
                names.push(format!("manylinux_{major}_{minor}_{arch}"));
                let alias = match minor {
                    17 => "manylinux2014",
                    12 => "manylinux2010",
                    5 => "manylinux1",
                    _ => continue,
                };
                names.push(format!("{alias}_{arch}"));
            }
        }
        Libc::Musl(major, newest) => {
            let minors = (0..=newest).rev();
            names.extend(minors.map(|minor| format!("musllinux_{major}_{minor}_{arch}")));
        }
    }
    names
}
