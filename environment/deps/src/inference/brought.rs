//! What comes along with what a file asks for: by the metadata that an index told, else by our own table
//! (`brought.toml`). What neither knows may bring anything, and that is said.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::LazyLock,
};

use pep508_rs::PackageName;
use serde::Deserialize;

use crate::{Dependency, policy::Releases};

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("brought.toml")).expect("our own table is read by a test"));

/// Brings so much more that nothing can be missed beside it.
const AND_MORE: &str = "?";

/// What runs a notebook.
const KERNEL: &str = "ipykernel";

/// What every notebook has, whoever runs it. What these need comes along for their own sake, in an image that nbvet adds a
/// kernel to as well: a notebook that imports it has to ask for it.
const OF_EVERY_NOTEBOOK: [&str; 2] = [KERNEL, "ipython"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    alone: Vec<String>,
    requires: HashMap<String, Vec<String>>,
}

impl Table {
    fn of(&self, name: &str) -> Option<&[String]> {
        let listed = self.requires.get(name).map(Vec::as_slice);
        listed.or_else(|| {
            self.alone
                .binary_search_by(|own| own.as_str().cmp(name))
                .ok()
                .map(|_| &[][..])
        })
    }
}

/// What comes along with the lines of a dependency file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brought {
    /// By name, the distribution of a line that it comes along with.
    by: BTreeMap<String, String>,
    /// Of some, it is not known what they bring.
    is_open: bool,
}

impl Brought {
    /// By these lines, constraints left out. `releases`: what the index tells.
    pub fn of<'d>(lines: impl Iterator<Item = &'d Dependency>, releases: Option<&Releases>) -> Self {
        let mut found = Self::default();
        let mut open: VecDeque<(String, String)> = VecDeque::new();
        for line in lines.filter(|line| !line.constraint) {
            let Some(name) = &line.name else {
                found.is_open = true;
                continue;
            };
            let told = line.pin().and_then(|pin| {
                let release = releases?.get(&(name.clone(), pin.clone()))?;
                release.requires.as_ref()
            });
            if let Some(told) = told {
                // Which extras hold is not looked at: one that does not brings less.
                let told = told.iter().map(|needs| needs.name.to_string());
                open.extend(told.map(|needs| (needs, name.to_string())));
            } else {
                // Nobody here knows what extras bring.
                let is_known = found.take(name.as_ref(), name.as_ref(), &mut open) && line.extras.is_empty();
                found.is_open |= !is_known;
            }
        }
        while let Some((needs, by)) = open.pop_front() {
            if !found.by.contains_key(&needs) {
                found.is_open |= !found.take(&needs, &by, &mut open);
                found.by.insert(needs, by);
            }
        }
        for name in OF_EVERY_NOTEBOOK {
            let by = found.by.entry(name.to_owned());
            by.or_insert_with(|| KERNEL.to_owned());
        }
        found
    }

    /// Queues what the table says of a distribution; `false`: it does not know all of it.
    fn take(&self, name: &str, by: &str, open: &mut VecDeque<(String, String)>) -> bool {
        let Some(requires) = TABLE.of(name) else {
            return false;
        };
        let named = requires
            .iter()
            .filter(|needs| *needs != AND_MORE && !self.by.contains_key(*needs));
        open.extend(named.map(|needs| (needs.clone(), by.to_owned())));
        requires.iter().all(|needs| needs != AND_MORE)
    }

    /// The distribution of a line that brings it, as far as is known.
    pub fn by(&self, name: &PackageName) -> Option<&str> {
        self.by.get(name.as_ref()).map(String::as_str)
    }

    /// Something that nobody here knows may come along.
    pub const fn is_open(&self) -> bool {
        self.is_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, formats, requirements::Source};

    struct Text<'t>(&'t str);

    impl Source for Text<'_> {
        fn load(&mut self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.as_bytes().to_vec())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    #[test]
    fn the_table_is_sorted_and_knows_everything_that_it_names() {
        assert!(TABLE.alone.is_sorted());
        let named = TABLE
            .requires
            .iter()
            .flat_map(|(name, requires)| requires.iter().chain([name]));
        for name in named.chain(&TABLE.alone).filter(|name| *name != AND_MORE) {
            let normalised = PackageName::new(name.clone()).map(|name| name.to_string());
            assert_eq!(normalised.as_ref(), Ok(name));
            assert!(TABLE.of(name).is_some(), "{name}");
        }
        assert!(TABLE.alone.iter().all(|name| !TABLE.requires.contains_key(name)));
    }

    #[test]
    fn what_comes_along_is_told_with_what_brings_it_and_what_nobody_knows_is_open() {
        for (text, name, by, is_open) in [
            ("pandas==2.2.3\n", "numpy", Some("pandas"), false),
            ("seaborn\n", "scipy", Some("seaborn"), false),
            ("matplotlib\n", "scikit-learn", None, false),
            ("matplotlib\n", "ipython", Some("ipykernel"), false),
            ("matplotlib\n", "psutil", None, false),
            ("ipykernel\n", "psutil", Some("ipykernel"), false),
            ("ipywidgets\n", "decorator", Some("ipywidgets"), true),
            ("our-tools==1\n", "numpy", None, true),
            ("requests[socks]\n", "urllib3", Some("requests"), true),
            ("torch\n", "numpy", Some("torch"), true),
            ("./here\n", "numpy", None, true),
        ] {
            let declared = formats::read(Format::Requirements, "requirements.txt", &mut Text(text));
            let declared = declared.expect("the test's file can be read");
            let found = Brought::of(declared.entries.iter(), None);
            let name = PackageName::new(name.to_owned()).expect("it is a name");
            assert_eq!((found.by(&name), found.is_open()), (by, is_open), "{text}");
        }
    }
}
