//! Which bindings reach the current point, while the flow walks a scope's statements. Branches are undone and
//! joined through a log of changes, so that a branch costs what it changes and not what the scope holds.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::smallvec;

use super::binding::{BindingId, BindingIds};

/// So many bindings of one name are told apart where paths meet; what comes after them widens. A thousand `if`s
/// that each bind the name cost no more than that for every use of it.
const MOST_REACHING: usize = 128;

/// What reaches the current point for one name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reaching {
    /// Bindings that may have been the last.
    pub(super) ids: BindingIds,
    /// A path leads here on which the name is not bound.
    pub(super) unbound: bool,
    /// It was deleted on a path.
    pub(super) deleted: bool,
    /// Bindings not listed may reach too.
    pub(super) widened: bool,
}

impl Reaching {
    fn never_bound() -> Self {
        Self {
            unbound: true,
            ..Self::default()
        }
    }

    fn add(&mut self, id: BindingId) {
        if self.ids.contains(&id) {
            return;
        }
        if self.ids.len() < MOST_REACHING {
            self.ids.push(id);
        } else {
            self.widened = true;
        }
    }

    fn join(&mut self, other: &Self) {
        for id in &other.ids {
            self.add(*id);
        }
        self.unbound |= other.unbound;
        self.deleted |= other.deleted;
        self.widened |= other.widened;
    }
}

/// The changes of one branch: the state of each name it touched, at its end.
#[derive(Clone)]
pub(super) struct Branch<'a> {
    changed: FxHashMap<&'a str, Reaching>,
    live: bool,
    open: bool,
}

/// The state at the current point.
pub(super) struct Env<'a> {
    names: FxHashMap<&'a str, Reaching>,
    log: Vec<(&'a str, Option<Reaching>)>,
    /// The current point can be reached.
    pub(super) live: bool,
    /// Any name may have been bound by something not understood.
    pub(super) open: bool,
}

/// A point to go back to.
pub(super) struct Mark {
    log: usize,
    live: bool,
    open: bool,
}

impl<'a> Env<'a> {
    pub(super) fn new() -> Self {
        Self {
            names: FxHashMap::default(),
            log: Vec::new(),
            live: true,
            open: false,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Reaching> {
        self.names.get(name)
    }

    fn set(&mut self, name: &'a str, reaching: Reaching) {
        let old = self.names.insert(name, reaching);
        self.log.push((name, old));
    }

    /// The name has this value now, whatever it had.
    pub(super) fn bind(&mut self, name: &'a str, id: BindingId) {
        self.set(
            name,
            Reaching {
                ids: smallvec![id],
                ..Reaching::default()
            },
        );
    }

    /// The name may have this value now, or what it had.
    pub(super) fn bind_perhaps(&mut self, name: &'a str, id: BindingId) {
        let mut reaching = self
            .names
            .get(name)
            .cloned()
            .unwrap_or_else(Reaching::never_bound);
        reaching.add(id);
        self.set(name, reaching);
    }

    pub(super) fn delete(&mut self, name: &'a str) {
        self.set(
            name,
            Reaching {
                unbound: true,
                deleted: true,
                ..Reaching::default()
            },
        );
    }

    /// Bindings further down may have come round to here.
    pub(super) fn widen(&mut self, names: &FxHashSet<&'a str>) {
        for name in names {
            let mut reaching = self
                .names
                .get(name)
                .cloned()
                .unwrap_or_else(Reaching::never_bound);
            reaching.widened = true;
            self.set(name, reaching);
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            log: self.log.len(),
            live: self.live,
            open: self.open,
        }
    }

    /// Ends a branch: takes its changes out and goes back to the mark.
    pub(super) fn rewind(&mut self, mark: &Mark) -> Branch<'a> {
        let mut changed = FxHashMap::default();
        for (name, old) in self.log.drain(mark.log..).rev() {
            let now = match old {
                Some(old) => self.names.insert(name, old),
                None => self.names.remove(name),
            };
            if let Some(now) = now {
                changed.entry(name).or_insert(now);
            }
        }
        let branch = Branch {
            changed,
            live: self.live,
            open: self.open,
        };
        self.live = mark.live;
        self.open = mark.open;
        branch
    }

    /// The changes since the mark, without going back.
    pub(super) fn snapshot(&self, mark: &Mark) -> Branch<'a> {
        let touched = self.log[mark.log..].iter().map(|(name, _)| *name);
        let changed = touched
            .filter_map(|name| self.names.get(name).map(|state| (name, state.clone())))
            .collect();
        Branch {
            changed,
            live: self.live,
            open: self.open,
        }
    }

    /// The current point becomes the meeting of these branches, each taken from the present state. A branch that
    /// does not reach its end brings nothing but what it may have opened.
    pub(super) fn join(&mut self, branches: &[Branch<'a>]) {
        let live: Vec<&Branch<'a>> = branches.iter().filter(|branch| branch.live).collect();
        self.open |= branches.iter().any(|branch| branch.open);
        if live.is_empty() {
            self.live = false;
            return;
        }
        let touched: FxHashSet<&'a str> = live
            .iter()
            .flat_map(|branch| branch.changed.keys().copied())
            .collect();
        for name in touched {
            let before = self
                .names
                .get(name)
                .cloned()
                .unwrap_or_else(Reaching::never_bound);
            let mut met: Option<Reaching> = None;
            for branch in &live {
                let state = branch.changed.get(name).unwrap_or(&before);
                match &mut met {
                    Some(met) => met.join(state),
                    None => met = Some(state.clone()),
                }
            }
            if let Some(met) = met {
                self.set(name, met);
            }
        }
    }

    /// A branch that changes nothing and reaches its end.
    pub(super) fn nothing(&self) -> Branch<'a> {
        Branch {
            changed: FxHashMap::default(),
            live: self.live,
            open: self.open,
        }
    }
}

impl Branch<'_> {
    /// Counts as reaching the meeting point even though its last statement leaves.
    pub(super) fn kept_alive(mut self) -> Self {
        self.live = true;
        self
    }
}
