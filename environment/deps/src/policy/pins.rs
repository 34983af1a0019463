//! Which lines are pinned by another: the same package's version on another line or in a file of constraints.

use std::collections::{BTreeSet, HashMap};

use pep440_rs::Version;
use pep508_rs::{MarkerTree, PackageName};

use super::Review;
use crate::{Declared, Dependency, target::Target};

/// Markers of one name that are kept.
pub(super) const MOST_MARKERS: usize = 32;

/// What a file pins for a target: each distribution of an index with its version.
pub fn pins(declared: &Declared, target: &Target) -> BTreeSet<(PackageName, Version)> {
    let holds = |entry: &&Dependency| !entry.constraint && entry.marker.evaluate(target.markers(), &[]);
    let pin = |entry: &Dependency| Some((entry.name.clone()?, entry.pin()?.clone()));
    declared.entries.iter().filter(holds).filter_map(pin).collect()
}

/// By name, when lines and constraints that name one version hold.
#[derive(Debug)]
pub struct Pins<'a>(HashMap<&'a PackageName, Vec<MarkerTree>>);

impl<'a> Pins<'a> {
    /// Of all lines of a file.
    pub fn new(cx: &Review<'a>) -> Self {
        let mut pins: HashMap<&'a PackageName, Vec<MarkerTree>> = HashMap::new();
        let pinned = |entry: &&Dependency| entry.pin().is_some() && cx.applies(entry);
        for entry in cx.entries().filter(pinned) {
            let Some(name) = &entry.name else {
                continue;
            };
            let marker = cx.marker(entry);
            let known = pins.entry(name).or_default();
            if known.len() < MOST_MARKERS && !known.contains(&marker) {
                known.push(marker);
            }
        }
        Self(pins)
    }

    /// Whenever the line counts, so does a pin of the same name.
    pub fn hold(&self, entry: &Dependency) -> bool {
        let known = entry.name.as_ref().and_then(|name| self.0.get(name));
        known.is_some_and(|known| {
            let mut known = known.iter();
            known.any(|marker| marker.is_true() || *marker == entry.marker)
        })
    }
}
