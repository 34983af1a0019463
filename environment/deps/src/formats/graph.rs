//! When a package of a lock is needed: what leads to it from the project, with the markers on the way.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
};

use pep508_rs::{ExtraName, MarkerTree};

use super::tables::Node;
use crate::{
    requirement::{MAX_WAYS, ways},
    requirements::Fault,
};

/// Steps, at most: each adds to when something is needed, and the locks that tools write need some for each package.
const MAX_STEPS: usize = 200_000;

/// Alternatives of all markers on all steps, at most: `pep508_rs` keeps each tree for as long as the program runs.
const MAX_ALL_WAYS: u64 = 1_000_000;

/// Edges, at most: a hostile lock may name the same things over and over.
const MAX_EDGES: usize = 1_000_000;

/// How many edges there may still be.
#[derive(Debug)]
pub(super) struct Budget(Cell<usize>);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(Cell::new(MAX_EDGES))
    }

    /// Edges that a node of the lock adds.
    pub(super) fn spend(&self, edges: usize, node: &Node<'_>) -> Result<(), Fault> {
        let left = self.0.get().checked_sub(edges);
        self.0.set(left.ok_or_else(|| {
            node.fault(format!(
                "packages of this lock need others more than {MAX_EDGES} times"
            ))
        })?);
        Ok(())
    }
}

/// What a package needs.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    /// The package's number.
    pub(super) to: usize,
    /// Its extras that are needed too.
    pub(super) extras: Vec<ExtraName>,
    pub(super) marker: MarkerTree,
}

/// What a package needs by itself and with each extra.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) always: Vec<Edge>,
    pub(super) with: HashMap<ExtraName, Vec<Edge>>,
}

/// When each package is needed; an error is the number of one whose marker grows too large.
pub(super) fn reached(needs: &[Needs], roots: &[Edge]) -> Result<Vec<MarkerTree>, usize> {
    let mut when: HashMap<(usize, Option<ExtraName>), MarkerTree> = HashMap::new();
    let mut waiting = VecDeque::new();
    let (mut steps, mut left) = (0, MAX_ALL_WAYS);
    let mut step = |edge: &Edge, before: &MarkerTree, waiting: &mut VecDeque<_>| {
        let mut marker = before.clone();
        marker.and(edge.marker.clone());
        left = left.saturating_sub(ways(&marker));
        let extras = edge.extras.iter().cloned().map(Some);
        for extra in [None].into_iter().chain(extras) {
            steps += 1;
            let key = (edge.to, extra);
            let known = when.entry(key.clone()).or_insert(MarkerTree::FALSE);
            let mut wider = known.clone();
            wider.or(marker.clone());
            if wider != *known {
                known.clone_from(&wider);
                waiting.push_back((key, wider.clone()));
            }
            let found = ways(&wider);
            left = left.saturating_sub(found);
            if steps > MAX_STEPS || left == 0 || found > MAX_WAYS {
                return Err(edge.to);
            }
        }
        Ok(())
    };
    for edge in roots {
        step(edge, &MarkerTree::TRUE, &mut waiting)?;
    }
    while let Some(((package, extra), marker)) = waiting.pop_front() {
        let edges = match &extra {
            None => Some(&needs[package].always),
            Some(extra) => needs[package].with.get(extra),
        };
        for edge in edges.into_iter().flatten() {
            step(edge, &marker, &mut waiting)?;
        }
    }
    let of = |package| when.get(&(package, None)).cloned().unwrap_or(MarkerTree::FALSE);
    Ok((0..needs.len()).map(of).collect())
}
