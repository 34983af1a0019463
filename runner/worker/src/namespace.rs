//! What a cell bound, rebound, changed in place or removed in the notebook's namespace. Objects are told apart
//! by identity; none is kept alive by us but small immutable ones. Contents are compared by a cheap fingerprint,
//! thoroughly only for names that occur in the cell's source.

use std::hash::{Hash, Hasher};

use nbvet_report::{Fact, ValueFacts};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PySlice, PyString, PyTuple, PyWeakrefReference};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::types::{Kind, Known};
use crate::values::{self, MAX_ITEMS};

/// Longest name reported.
const MAX_NAME: usize = 200;
/// Names reported for one cell.
const MAX_BOUND: usize = 2000;
/// Longest text that is kept alive to tell objects apart.
const MAX_HELD_TEXT: usize = 10_000;

/// The namespace as it was after the last cell.
#[derive(Default)]
pub(crate) struct Namespace {
    entries: FxHashMap<String, Entry>,
    /// IPython's own names, while they hold what IPython put there.
    hidden: FxHashMap<String, usize>,
}

struct Entry {
    identity: Identity,
    fingerprint: Fingerprint,
    facts: ValueFacts,
}

/// What tells that a name holds the same object as before.
enum Identity {
    /// Small and immutable: kept, so that its address cannot be taken by another.
    Held(Py<PyAny>),
    /// Kept weakly, for the same reason.
    Weak(Py<PyWeakrefReference>),
    /// Only the address is known; another object of the same type may have taken it.
    Address(usize, usize),
}

impl Identity {
    fn of(value: &Bound<'_, PyAny>) -> Self {
        let immutable = value.is_none()
            || value.is_exact_instance_of::<PyFloat>()
            || value.is_exact_instance_of::<PyInt>()
            || value
                .cast_exact::<PyString>()
                .is_ok_and(|text| text.len().is_ok_and(|len| len <= MAX_HELD_TEXT));
        if immutable {
            return Self::Held(value.clone().unbind());
        }
        match PyWeakrefReference::new(value) {
            Ok(reference) => Self::Weak(reference.unbind()),
            Err(_) => Self::Address(value.as_ptr() as usize, value.get_type_ptr() as usize),
        }
    }

    fn is(&self, value: &Bound<'_, PyAny>) -> bool {
        let py = value.py();
        match self {
            Self::Held(held) => held.bind(py).is(value),
            Self::Weak(reference) => reference
                .bind(py)
                .upgrade()
                .is_some_and(|object| object.is(value)),
            Self::Address(address, class) => {
                (*address, *class) == (value.as_ptr() as usize, value.get_type_ptr() as usize)
            }
        }
    }
}

/// Contents, as far as they are cheap to see.
#[derive(Default, PartialEq, Eq)]
struct Fingerprint {
    shape: Option<Vec<u64>>,
    length: Option<usize>,
    /// Items' identities, columns, types, data pointers; 0: not looked at.
    details: u64,
}

impl Fingerprint {
    fn of(value: &Bound<'_, PyAny>, known: &Known, thorough: bool) -> Self {
        let mut print = Self::default();
        match known.kind(value) {
            Some(Kind::Missing | Kind::NumpyScalar | Kind::NumpyTime) => {}
            Some(kind) => {
                print.shape = crate::tables::shape(value);
                if thorough {
                    print.details = table_details(value, kind).unwrap_or(0);
                }
            }
            None => print.length = container_details(value, thorough, &mut print.details),
        }
        print
    }

    /// Compared by what both have looked at.
    fn differs(&self, before: &Self) -> bool {
        self.shape != before.shape
            || self.length != before.length
            || (self.details != before.details && self.details != 0 && before.details != 0)
    }
}

/// Length of a list or dict, and a hash over the identities of its first items.
fn container_details(value: &Bound<'_, PyAny>, thorough: bool, details: &mut u64) -> Option<usize> {
    let mut hasher = FxHasher::default();
    let length = if let Ok(list) = value.cast_exact::<PyList>() {
        if thorough {
            list.iter()
                .take(MAX_ITEMS)
                .for_each(|item| (item.as_ptr() as usize).hash(&mut hasher));
        }
        list.len()
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        if thorough && dict.len() <= MAX_ITEMS {
            for part in [dict.keys(), dict.values()] {
                part.iter()
                    .for_each(|item| (item.as_ptr() as usize).hash(&mut hasher));
            }
        }
        dict.len()
    } else {
        return None;
    };
    if thorough {
        *details = hasher.finish().max(1);
    }
    Some(length)
}

/// A hash over where a table's data lies and how it is labelled.
fn table_details(value: &Bound<'_, PyAny>, kind: Kind) -> Option<u64> {
    let mut hasher = FxHasher::default();
    match kind {
        Kind::Array => array_details(value, &mut hasher)?,
        Kind::Series => series_details(value, &mut hasher)?,
        Kind::Frame => frame_details(value, &mut hasher)?,
        _ => return None,
    }
    Some(hasher.finish().max(1))
}

/// Data pointer and type, and a few of the numbers themselves, since most changes keep the data in place.
fn array_details(array: &Bound<'_, PyAny>, hasher: &mut FxHasher) -> Option<()> {
    let py = array.py();
    let interface = array.getattr(intern!(py, "__array_interface__")).ok()?;
    let pointer: (usize, bool) = interface.get_item("data").ok()?.extract().ok()?;
    pointer.0.hash(hasher);
    interface
        .get_item("typestr")
        .ok()?
        .extract::<String>()
        .ok()?
        .hash(hasher);
    let kind: String = array
        .getattr(intern!(py, "dtype"))
        .ok()?
        .getattr(intern!(py, "kind"))
        .ok()?
        .extract()
        .ok()?;
    if matches!(kind.as_str(), "f" | "i" | "u" | "b" | "M" | "m") {
        array_sample(array)?.hash(hasher);
    }
    Some(())
}

/// The bytes of some hundreds of numbers, evenly spread.
fn array_sample(array: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    let py = array.py();
    let size: isize = array.getattr(intern!(py, "size")).ok()?.extract().ok()?;
    let step = (size / 512).max(1);
    let flat = array.getattr(intern!(py, "flat")).ok()?;
    let part = flat.get_item(PySlice::new(py, 0, isize::MAX, step)).ok()?;
    part.call_method0(intern!(py, "tobytes")).ok()?.extract().ok()
}

fn series_details(series: &Bound<'_, PyAny>, hasher: &mut FxHasher) -> Option<()> {
    let py = series.py();
    let dtype = series.getattr(intern!(py, "dtype")).ok()?;
    let class = crate::types::name(&dtype.get_type());
    class.hash(hasher);
    if class.starts_with("numpy.") {
        array_details(&series.call_method0(intern!(py, "to_numpy")).ok()?, hasher)?;
    }
    Some(())
}

fn frame_details(frame: &Bound<'_, PyAny>, hasher: &mut FxHasher) -> Option<()> {
    /// Columns looked at; each costs some 20 microseconds.
    const COLUMNS: usize = 50;
    let py = frame.py();
    let columns = frame.getattr(intern!(py, "columns")).ok()?;
    let labels = columns
        .call_method0(intern!(py, "tolist"))
        .ok()?
        .cast_into_exact::<PyList>()
        .ok()?;
    for label in labels.iter().take(MAX_ITEMS) {
        match label.cast_exact::<PyString>() {
            Ok(text) => crate::convert::string(text).hash(hasher),
            Err(_) => label.is_exact_instance_of::<PyTuple>().hash(hasher),
        }
    }
    let by_position = frame.getattr(intern!(py, "iloc")).ok()?;
    for column in 0..labels.len().min(COLUMNS) {
        series_details(&by_position.get_item((PySlice::full(py), column)).ok()?, hasher)?;
    }
    Some(())
}

impl Namespace {
    /// The namespace before the first cell: what is there is IPython's.
    pub(crate) fn before_first_cell(names: &Bound<'_, PyDict>) -> Self {
        let hidden = pairs(names)
            .map(|(name, value)| (name, value.as_ptr() as usize))
            .collect();
        Self {
            entries: FxHashMap::default(),
            hidden,
        }
    }

    /// What changed since the last call. `source` is the cell's; `assigned` are names that it bound for certain.
    pub(crate) fn changes(
        &mut self,
        names: &Bound<'_, PyDict>,
        known: &Known,
        source: &str,
        assigned: &FxHashSet<String>,
    ) -> Vec<Fact> {
        let mentioned = words(source);
        let mut facts = Vec::new();
        let mut present = FxHashSet::default();
        for (name, value) in pairs(names) {
            if name.starts_with('_') || self.is_hidden(&name, &value) {
                continue;
            }
            let thorough = mentioned.contains(name.as_str());
            if let Some(fact) = self.look_at(&name, &value, known, thorough, assigned.contains(&name)) {
                facts.push(fact);
            }
            present.insert(name);
        }
        self.entries.retain(|name, _| {
            let stays = present.contains(name);
            if !stays {
                facts.push(Fact::Removed { name: name.clone() });
            }
            stays
        });
        facts.truncate(MAX_BOUND);
        facts
    }

    fn is_hidden(&self, name: &str, value: &Bound<'_, PyAny>) -> bool {
        self.hidden
            .get(name)
            .is_some_and(|address| *address == value.as_ptr() as usize)
    }

    fn look_at(
        &mut self,
        name: &str,
        value: &Bound<'_, PyAny>,
        known: &Known,
        thorough: bool,
        assigned: bool,
    ) -> Option<Fact> {
        let before = self.entries.get_mut(name);
        let rebound = before.is_some();
        let same = before.as_ref().is_some_and(|before| before.identity.is(value));
        if let Some(before) = before.filter(|_| same) {
            return before.look_again(name, value, known, thorough, assigned);
        }
        let facts = values::describe(value, known);
        let entry = Entry {
            identity: Identity::of(value),
            fingerprint: Fingerprint::of(value, known, true),
            facts: facts.clone(),
        };
        self.entries.insert(name.to_owned(), entry);
        Some(Fact::Bound {
            name: name.to_owned(),
            rebound,
            in_place: false,
            value: facts,
        })
    }
}

impl Entry {
    /// The same object as before: was it changed, or bound anew?
    fn look_again(
        &mut self,
        name: &str,
        value: &Bound<'_, PyAny>,
        known: &Known,
        thorough: bool,
        assigned: bool,
    ) -> Option<Fact> {
        let fingerprint = Fingerprint::of(value, known, thorough);
        let mut changed = fingerprint.differs(&self.fingerprint);
        if changed || (thorough && (fingerprint.shape.is_some() || fingerprint.length.is_some())) {
            let facts = values::describe(value, known);
            changed |= facts != self.facts;
            self.facts = facts;
            self.fingerprint = Fingerprint::of(value, known, true);
        }
        (changed || assigned).then(|| Fact::Bound {
            name: name.to_owned(),
            rebound: true,
            in_place: changed,
            value: self.facts.clone(),
        })
    }
}

/// The names that are text, with their values, copied in one step.
fn pairs<'py>(names: &Bound<'py, PyDict>) -> impl Iterator<Item = (String, Bound<'py, PyAny>)> {
    names.items().into_iter().filter_map(|pair| {
        let (name, value) = pair.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>().ok()?;
        let name = name.cast_exact::<PyString>().ok()?.to_cow().ok()?.into_owned();
        (name.len() <= MAX_NAME).then_some((name, value))
    })
}

/// The words of a text that could be names.
fn words(source: &str) -> FxHashSet<&str> {
    source
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect()
}
