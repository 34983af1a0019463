//! The kernel for Jupyter that an image gets where neither its lock nor its base has one: ipykernel with what it needs,
//! pinned, with digests, for each Python. Decided from lock, probe and target alone; nobody is asked, nothing is resolved.

use std::collections::BTreeMap;

use nbvet_deps::{Lock, lock::Package, target::Target};
use pep440_rs::Version;
use pep508_rs::{PackageName, Requirement, VerbatimUrl, VersionOrUrl};
use serde::{Serialize, Serializer};

use crate::base::Probe;

/// What a workbench starts.
const IPYKERNEL: &str = "ipykernel";

/// The sets, by the minor version of the Python that they are for: the newest kernel, and an older one, which runs with
/// older packages. `make lock` writes them.
const SETS: &[(u64, [&str; 2])] = &[
    (
        9,
        [
            include_str!("../kernel/py39.txt"),
            include_str!("../kernel/py39-older.txt"),
        ],
    ),
    (
        10,
        [
            include_str!("../kernel/py310.txt"),
            include_str!("../kernel/py310-older.txt"),
        ],
    ),
    (
        11,
        [
            include_str!("../kernel/py311.txt"),
            include_str!("../kernel/py311-older.txt"),
        ],
    ),
    (
        12,
        [
            include_str!("../kernel/py312.txt"),
            include_str!("../kernel/py312-older.txt"),
        ],
    ),
    (
        13,
        [
            include_str!("../kernel/py313.txt"),
            include_str!("../kernel/py313-older.txt"),
        ],
    ),
    (
        14,
        [
            include_str!("../kernel/py314.txt"),
            include_str!("../kernel/py314-older.txt"),
        ],
    ),
];
/// What the packages of the sets need: `{"ipykernel==7.4.0": ["comm>=0.1.1", …]}`.
const NEEDS: &str = include_str!("../kernel/needs.json");

/// What an image's kernel is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Kernel {
    /// It was not to be looked after.
    Off,
    /// There is one.
    There {
        /// Of ipykernel.
        version: String,
        /// Where it is.
        by: Whose,
    },
    /// This is added.
    Added {
        /// ipykernel, and what of its needs is nowhere else.
        #[serde(rename = "packages", serialize_with = "pins")]
        lock: Lock,
    },
    /// There is none, and none can be added.
    Lacking {
        /// Why.
        why: String,
    },
}

/// Who has a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// The dependency file asks for it.
    Lock,
    /// The base image holds it.
    Base,
}

impl Kernel {
    /// What a lock on a base image gets. What is locked stays as it is, and so does what the base holds, where it will do.
    pub fn of(lock: &Lock, probe: &Probe, target: &Target) -> Self {
        let Ok(ipykernel) = IPYKERNEL.parse::<PackageName>() else {
            return Self::Off;
        };
        let there = |version: &dyn ToString, by| Self::There {
            version: version.to_string(),
            by,
        };
        if let Some(locked) = lock.get(&ipykernel) {
            return there(&locked.version, Whose::Lock);
        }
        if let Some(of_base) = probe.distribution(IPYKERNEL) {
            return there(&of_base.version, Whose::Base);
        }
        let (minor, flags) = (target.minor(), target.abi_flags());
        let Some(sets) = sets(minor).filter(|_| flags.is_empty()) else {
            return Self::Lacking {
                why: format!("nbvet knows none for Python 3.{minor}{flags}"),
            };
        };
        match sets.map(|set| added(&ipykernel, &set, lock, probe, target)) {
            [Ok(lock), _] | [Err(_), Ok(lock)] => Self::Added { lock },
            // The older one asks for less.
            [Err(_), Err(why)] => Self::Lacking { why },
        }
    }

    /// What is added.
    pub const fn lock(&self) -> Option<&Lock> {
        match self {
            Self::Added { lock } => Some(lock),
            Self::Off | Self::There { .. } | Self::Lacking { .. } => None,
        }
    }
}

fn pins<S: Serializer>(lock: &Lock, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(lock.pins().split(' '))
}

/// The sets of a Python.
fn sets(minor: u64) -> Option<[Lock; 2]> {
    let (_, texts) = SETS.iter().find(|(of, _)| *of == minor)?;
    // A test reads them all.
    Some(texts.map(|text| text.parse().unwrap_or_default()))
}

/// What each package of the sets needs, by its pin.
fn needs() -> BTreeMap<String, Vec<Requirement<VerbatimUrl>>> {
    let texts: BTreeMap<String, Vec<String>> = serde_json::from_str(NEEDS).unwrap_or_default();
    let read = |texts: Vec<String>| texts.iter().filter_map(|text| text.parse().ok()).collect();
    texts.into_iter().map(|(pin, texts)| (pin, read(texts))).collect()
}

/// The packages of a set that have to be added, from `first` on; else what forbids it.
fn added(
    first: &PackageName,
    set: &Lock,
    lock: &Lock,
    probe: &Probe,
    target: &Target,
) -> Result<Lock, String> {
    let all_needs = needs();
    let mut added: BTreeMap<PackageName, Package> = BTreeMap::new();
    let mut open = vec![first.clone()];
    while let Some(name) = open.pop() {
        // A test holds that a set has everything that it needs.
        let Some(package) = set.get(&name).filter(|_| !added.contains_key(&name)) else {
            continue;
        };
        added.insert(name, package.clone());
        let pin = format!("{}=={}", package.name, package.version);
        for needs in all_needs.get(&pin).into_iter().flatten() {
            if !needs.marker.evaluate(target.markers(), &[]) {
                continue;
            }
            match lock.get(&needs.name) {
                Some(locked) if takes(needs, &locked.version) => {}
                Some(locked) => return Err(conflict(package, needs, locked)),
                None if of_base(needs, probe) => {}
                None => open.push(needs.name.clone()),
            }
        }
    }
    Ok(Lock::new(added.into_values()))
}

fn takes(needs: &Requirement<VerbatimUrl>, version: &Version) -> bool {
    match &needs.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.contains(version),
        Some(VersionOrUrl::Url(_)) => false,
        None => true,
    }
}

fn of_base(needs: &Requirement<VerbatimUrl>, probe: &Probe) -> bool {
    let found = probe.distribution(needs.name.as_ref());
    found.is_some_and(|found| found.version.parse().is_ok_and(|version| takes(needs, &version)))
}

fn conflict(package: &Package, needs: &Requirement<VerbatimUrl>, locked: &Package) -> String {
    let range = match &needs.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.to_string(),
        _ => String::new(),
    };
    format!(
        "{} {} needs {}{range}, and {} is locked",
        package.name, package.version, needs.name, locked.version
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Distribution, Prober};

    fn target(minor: u64) -> Target {
        format!("cpython-3.{minor}.2-linux-x86_64-glibc2.36")
            .parse()
            .unwrap()
    }

    /// The probe of a base image whose Python imports these.
    fn base(holds: &[(&str, &str)]) -> Probe {
        let config = br#"{"architecture": "amd64", "os": "linux"}"#;
        let mut probe = Prober::new(config).unwrap().finish("sha256:aa").unwrap();
        let distribution = |(name, version): &(&str, &str)| Distribution {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            location: "/usr/lib/python3/dist-packages".to_owned(),
            used: true,
            modules: Vec::new(),
        };
        probe.distributions = holds.iter().map(distribution).collect();
        probe
    }

    fn lock(pins: &[&str]) -> Lock {
        let digest = "a".repeat(64);
        let line = |pin: &&str| format!("{pin} --hash=sha256:{digest}\n");
        pins.iter().map(line).collect::<String>().parse().unwrap()
    }

    fn names(kernel: &Kernel) -> Vec<String> {
        let lock = kernel.lock().unwrap();
        lock.packages()
            .iter()
            .map(|package| package.name.to_string())
            .collect()
    }

    #[test]
    fn a_set_is_there_for_each_python_and_has_everything_that_it_needs() {
        let needs = needs();
        let texts: BTreeMap<String, Vec<String>> = serde_json::from_str(NEEDS).unwrap();
        for (pin, texts) in &texts {
            assert_eq!(needs[pin].len(), texts.len(), "{texts:?} are not all read");
        }
        for (minor, set) in SETS
            .iter()
            .flat_map(|(minor, texts)| texts.map(|text| (minor, text)))
        {
            let set: Lock = set.parse().unwrap();
            for package in set.packages() {
                let pin = format!("{}=={}", package.name, package.version);
                let of_package = needs
                    .get(&pin)
                    .unwrap_or_else(|| panic!("{pin} is not in needs.json"));
                for needed in of_package {
                    if needed.marker.evaluate(target(*minor).markers(), &[]) {
                        let found = set.get(&needed.name);
                        let does = found.is_some_and(|found| takes(needed, &found.version));
                        assert!(does, "Python 3.{minor}: {pin} needs {needed}");
                    }
                }
            }
            // Nothing that no kernel needs.
            let first = IPYKERNEL.parse().unwrap();
            let all = added(&first, &set, &Lock::default(), &base(&[]), &target(*minor));
            assert_eq!(all, Ok(set));
        }
    }

    #[test]
    fn a_kernel_that_is_locked_or_in_the_base_stays_the_only_one() {
        let (locked, held) = (lock(&["ipykernel==6.0.0"]), base(&[("ipykernel", "5.5.6")]));
        let there = |version: &str, by| Kernel::There {
            version: version.to_owned(),
            by,
        };
        let of = |lock: &Lock, probe: &Probe| Kernel::of(lock, probe, &target(11));
        assert_eq!(of(&locked, &base(&[])), there("6.0.0", Whose::Lock));
        assert_eq!(of(&locked, &held), there("6.0.0", Whose::Lock));
        assert_eq!(of(&Lock::default(), &held), there("5.5.6", Whose::Base));
    }

    #[test]
    fn what_is_locked_is_taken_with_what_it_needs() {
        let alone = names(&Kernel::of(&Lock::default(), &base(&[]), &target(11)));
        let kernel = Kernel::of(
            &lock(&["ipython==9.1.0", "tornado==6.4.2"]),
            &base(&[]),
            &target(11),
        );
        let with = names(&kernel);
        for gone in ["ipython", "tornado", "stack-data", "jedi", "prompt-toolkit"] {
            assert!(alone.contains(&gone.to_owned()), "{gone} is not in {alone:?}");
            assert!(!with.contains(&gone.to_owned()), "{gone} is in {with:?}");
        }
        assert!(with.contains(&"ipykernel".to_owned()) && with.contains(&"pyzmq".to_owned()));
    }

    #[test]
    fn what_the_base_holds_is_taken_where_it_will_do_and_else_comes_before_it() {
        let held = base(&[("traitlets", "5.14.0"), ("tornado", "4.5"), ("psutil", "odd")]);
        let with = names(&Kernel::of(&Lock::default(), &held, &target(11)));
        let is_added = |name: &str| with.contains(&name.to_owned());
        assert!(
            !is_added("traitlets") && is_added("tornado") && is_added("psutil"),
            "{with:?}"
        );
    }

    #[test]
    fn a_lock_in_which_no_kernel_runs_gets_none_and_is_told_why() {
        let kernel = Kernel::of(&lock(&["tornado==4.5.3"]), &base(&[]), &target(11));
        let Kernel::Lacking { why } = &kernel else {
            panic!("{kernel:?}");
        };
        assert!(why.ends_with(", and 4.5.3 is locked"), "{why}");
        assert!(why.contains(" needs tornado>="), "{why}");
        assert_eq!(kernel.lock(), None);
    }

    #[test]
    fn a_python_that_no_set_is_for_is_told() {
        for (of, python) in [("3.8.10", "3.8"), ("3.13.1t", "3.13t"), ("3.99.0", "3.99")] {
            let target = format!("cpython-{of}-linux-x86_64-glibc2.36").parse().unwrap();
            let kernel = Kernel::of(&Lock::default(), &base(&[]), &target);
            let why = format!("nbvet knows none for Python {python}");
            assert_eq!(kernel, Kernel::Lacking { why });
        }
    }
}
