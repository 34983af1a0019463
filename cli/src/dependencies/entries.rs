//! What a dependency file asks for, by name, and what comes along with that.

use std::collections::BTreeMap;

use nbvet_deps::{
    Declared, Dependency, PackageName,
    inference::{Brought, Inferred},
    policy::Releases,
};

/// What a dependency file asks for, by name.
pub(super) struct Entries<'d> {
    by_name: BTreeMap<&'d PackageName, &'d Dependency>,
    /// What it asks for is known by name: no conda package, no code, no address without a name.
    tell_all: bool,
    brought: Brought,
}

impl<'d> Entries<'d> {
    /// Of a file that only a run of its commands, or another reading, would tell.
    pub(super) fn unknown() -> Self {
        Self {
            by_name: BTreeMap::new(),
            tell_all: false,
            brought: Brought::default(),
        }
    }

    pub(super) fn new(declared: &'d Declared, releases: Option<&Releases>) -> Self {
        let wanted = || declared.entries.iter().filter(|entry| !entry.constraint);
        let named = wanted().filter_map(|entry| Some((entry.name.as_ref()?, entry)));
        let is_hashed = |entry: &Dependency| !entry.hashes.is_empty();
        // Everything that is installed stands in it.
        let is_whole = declared.format.is_lock() || (wanted().next().is_some() && wanted().all(is_hashed));
        Self {
            by_name: named.collect(),
            tell_all: declared.unread.is_empty() && wanted().all(|entry| entry.name.is_some()),
            brought: if is_whole {
                Brought::of(std::iter::empty(), None)
            } else {
                Brought::of(declared.entries.iter(), releases)
            },
        }
    }

    /// The entry that a module may be of.
    pub(super) fn of(&self, module: &Inferred) -> Option<(String, &'d Dependency)> {
        let mut possible = module.possible().into_iter();
        possible.find_map(|name| {
            let entry = self.by_name.get(&name)?;
            Some((name.to_string(), *entry))
        })
    }

    /// What brings one of these distributions along.
    pub(super) fn brings(&self, distributions: &[PackageName]) -> Option<&str> {
        distributions.iter().find_map(|name| self.brought.by(name))
    }

    /// What it does not name may still come along with something that it names.
    pub(super) fn may_bring_more(&self) -> bool {
        !self.tell_all || self.brought.is_open()
    }
}
