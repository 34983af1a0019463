//! Our own table of modules and the distributions that have them: `modules.toml`.

use std::{collections::BTreeMap, str::FromStr as _, sync::LazyLock};

use pep508_rs::PackageName;
use serde::Deserialize;

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("modules.toml")).expect("our own table is read by a test"));

/// The table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    modules: BTreeMap<String, Entry>,
    ambiguous: BTreeMap<String, Ambiguous>,
    renamed: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Entry {
    Name(String),
    /// `also`: other distributions that have it; taken where they are asked for or there already. `limit`: the
    /// versions that have it.
    Names {
        name: String,
        #[serde(default)]
        also: Vec<String>,
        #[serde(default)]
        limit: String,
    },
    Elsewhere {
        elsewhere: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ambiguous {
    #[serde(default)]
    preferred: bool,
    candidates: Vec<(String, String)>,
}

/// A distribution that may be meant, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: &'static str,
    /// When it is the right one.
    pub when: &'static str,
}

/// What the table says of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    One {
        name: &'static str,
        also: &'static [String],
        limit: &'static str,
    },
    Several {
        candidates: Vec<Candidate>,
        preferred: bool,
    },
    Elsewhere(&'static str),
}

/// What the table says of exactly this module.
pub(super) fn exactly(module: &str) -> Option<Known> {
    if let Some(entry) = TABLE.modules.get(module) {
        return Some(match entry {
            Entry::Name(name) => Known::One {
                name,
                also: &[],
                limit: "",
            },
            Entry::Names { name, also, limit } => Known::One { name, also, limit },
            Entry::Elsewhere { elsewhere } => Known::Elsewhere(elsewhere),
        });
    }
    let ambiguous = TABLE.ambiguous.get(module)?;
    let candidates = ambiguous.candidates.iter();
    Some(Known::Several {
        candidates: candidates.map(|(name, when)| Candidate { name, when }).collect(),
        preferred: ambiguous.preferred,
    })
}

/// The longest part of a module's name, from its begin, that the table has.
pub(super) fn longest(module: &str) -> Option<(&str, Known)> {
    let ends = module.rmatch_indices('.').map(|(end, _)| end);
    std::iter::once(module.len())
        .chain(ends)
        .find_map(|end| exactly(&module[..end]).map(|known| (&module[..end], known)))
}

/// Several distributions put modules below this one, and none has it alone: `google`.
pub(super) fn is_shared(module: &str) -> bool {
    let below = |name: &str| {
        name.strip_prefix(module)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    let from = module.to_owned();
    let next = TABLE
        .modules
        .range(from..)
        .find(|(name, _)| *name != module && !name.starts_with(&format!("{module}_")));
    exactly(module).is_none() && next.is_some_and(|(name, _)| below(name))
}

/// The distribution that somebody means who asks for this name, where it is no distribution's of use.
pub(super) fn renamed(name: &PackageName) -> Option<&'static str> {
    TABLE.renamed.get(name.as_ref()).map(String::as_str)
}

/// A name that the table writes, as the index knows it.
pub(super) fn normalised(name: &str) -> Option<PackageName> {
    PackageName::from_str(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_name_is_one_of_a_distribution() {
        let text = include_str!("modules.toml");
        let keys = |start: &str, end: &str| -> Vec<String> {
            let part = text.split(start).nth(1).and_then(|rest| rest.split(end).next());
            let lines = part.unwrap_or_default().lines();
            let keys = lines.filter_map(|line| line.split_once(" = "));
            keys.map(|(key, _)| key.trim_matches('"').to_owned()).collect()
        };
        let modules = keys("\n[modules]\n", "\n# Several");
        assert!(modules.len() > 500 && modules.is_sorted(), "{modules:?}");
        assert_eq!(modules.len(), TABLE.modules.len());
        let mut names: Vec<&str> = Vec::new();
        for entry in TABLE.modules.values() {
            match entry {
                Entry::Name(name) => names.push(name),
                Entry::Names { name, also, .. } => {
                    names.extend(also.iter().map(String::as_str).chain([name.as_str()]));
                }
                Entry::Elsewhere { elsewhere } => assert!(!elsewhere.is_empty()),
            }
        }
        for (module, ambiguous) in &TABLE.ambiguous {
            assert!(
                ambiguous.candidates.len() > 1 && !TABLE.modules.contains_key(module),
                "{module}"
            );
            names.extend(ambiguous.candidates.iter().map(|(name, _)| name.as_str()));
        }
        names.extend(TABLE.renamed.values().map(String::as_str));
        for name in names {
            assert!(normalised(name).is_some(), "{name}");
        }
        for name in TABLE.renamed.keys() {
            assert_eq!(normalised(name).map(|name| name.to_string()).as_ref(), Some(name));
        }
    }

    #[test]
    fn the_longest_name_counts_and_shared_folders_are_known() {
        let found = |module| longest(module).map(|(key, _)| key);
        assert_eq!(found("google.cloud.storage.blob"), Some("google.cloud.storage"));
        assert_eq!(found("google.cloud"), None);
        assert_eq!(found("sklearn.model_selection"), Some("sklearn"));
        assert_eq!(found("sklearnx"), None);
        for (module, shared) in [
            ("google", true),
            ("google.cloud", true),
            ("azure.ai", true),
            ("mpl_toolkits", false),
            ("numpy", false),
            ("mysql", true),
            ("zzz", false),
        ] {
            assert_eq!(is_shared(module), shared, "{module}");
        }
    }
}
