//! What is known about one value, within a budget of milliseconds even for 10^7 numbers.

use nbvet_report::{ItemCount, NonFinite, Number, ShareCount, ValueFacts};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};

use crate::types::{self, Kind, Known};
use crate::{columns, foreign, tables};

/// Items of a container that are looked at.
pub(crate) const MAX_ITEMS: usize = 10_000;
/// Longest key shown.
const MAX_KEY: usize = 200;

/// The type of a value, and no more.
pub(crate) fn describe_type(value: &Bound<'_, PyAny>) -> ValueFacts {
    let class = value.get_type();
    ValueFacts {
        type_name: types::name(&class),
        bases: types::bases(&class),
        none: value.is_none(),
        ..ValueFacts::default()
    }
}

/// The facts about a value.
pub(crate) fn describe(value: &Bound<'_, PyAny>, known: &Known) -> ValueFacts {
    let mut facts = describe_type(value);
    match known.kind(value) {
        Some(kind) => describe_foreign(value, kind, known, &mut facts),
        None => describe_builtin(value, known, &mut facts),
    }
    facts
}

/// A value of a known library. What fails leaves its facts out.
fn describe_foreign(value: &Bound<'_, PyAny>, kind: Kind, known: &Known, facts: &mut ValueFacts) {
    match kind {
        Kind::NumpyScalar => facts.number = float(value).map(number),
        Kind::NumpyTime => {
            facts.number = tables::is_nat(value, known).then_some(Number::NonFinite(NonFinite::Nan));
        }
        Kind::Missing => facts.number = Some(Number::NonFinite(NonFinite::Nan)),
        Kind::Frame | Kind::PolarsFrame | Kind::ArrowTable => {
            facts.shape = tables::shape(value);
            let frame = columns::look(value, kind, known).unwrap_or_default();
            facts.nan = frame.counts.nan;
            facts.infinite = frame.counts.infinite;
            facts.columns = frame.columns;
        }
        Kind::Array | Kind::Series | Kind::PolarsSeries | Kind::ArrowColumn | Kind::Tensor => {
            facts.shape = match kind {
                Kind::ArrowColumn => value.len().ok().map(|rows| vec![rows as u64]),
                _ => tables::shape(value),
            };
            if facts.shape.as_ref().is_some_and(Vec::is_empty) {
                facts.number = match kind {
                    Kind::Tensor => foreign::scalar(value).map(number),
                    _ => scalar_of_array(value),
                };
                return;
            }
            let counts = tables::count(value, kind, known).unwrap_or_default();
            facts.nan = counts.nan;
            facts.infinite = counts.infinite;
        }
    }
}

fn scalar_of_array(array: &Bound<'_, PyAny>) -> Option<Number> {
    let kind: String = array
        .getattr("dtype")
        .ok()?
        .getattr("kind")
        .ok()?
        .extract()
        .ok()?;
    matches!(kind.as_str(), "f" | "i" | "u")
        .then(|| float(array).map(number))
        .flatten()
}

fn float(value: &Bound<'_, PyAny>) -> Option<f64> {
    value.call_method0("__float__").ok()?.extract().ok()
}

fn number(value: f64) -> Number {
    match value {
        _ if value.is_finite() => Number::Finite(value),
        _ if value.is_nan() => Number::NonFinite(NonFinite::Nan),
        _ if value > 0.0 => Number::NonFinite(NonFinite::Inf),
        _ => Number::NonFinite(NonFinite::NegInf),
    }
}

fn describe_builtin(value: &Bound<'_, PyAny>, known: &Known, facts: &mut ValueFacts) {
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        facts.number = Some(number(float.value()));
    } else if value.is_exact_instance_of::<PyInt>() {
        facts.number = value.extract::<f64>().ok().map(Number::Finite);
    } else {
        facts.length = length(value).map(|length| length as u64);
        describe_items(value, known, facts);
    }
}

/// `len()` of builtin types.
fn length(value: &Bound<'_, PyAny>) -> Option<usize> {
    let class = value.get_type();
    let py = value.py();
    let plain: [Bound<'_, PyType>; 7] = [
        py.get_type::<PyList>(),
        py.get_type::<PyTuple>(),
        py.get_type::<PyDict>(),
        py.get_type::<PyString>(),
        py.get_type::<PyBytes>(),
        py.get_type::<PySet>(),
        py.get_type::<PyFrozenSet>(),
    ];
    plain
        .iter()
        .any(|known| known.is(&class))
        .then(|| value.len().ok())
        .flatten()
}

/// `None`, NaN and infinity among the first items; the numbers also among the items of items.
fn describe_items(container: &Bound<'_, PyAny>, known: &Known, facts: &mut ValueFacts) {
    let mut left = MAX_ITEMS;
    let (mut none, mut nan, mut infinite) = (Tally::default(), Tally::default(), Tally::default());
    for (place, item) in items(container, &mut left) {
        none.add(item.is_none(), || place.shown());
        let inner = items(&item, &mut left);
        let add = |number: Option<f64>, shown: &dyn Fn() -> String, nan: &mut Tally, infinite: &mut Tally| {
            nan.add(number.is_some_and(f64::is_nan), shown);
            infinite.add(number.is_some_and(f64::is_infinite), shown);
        };
        if inner.is_empty() {
            add(floating(&item, known), &|| place.shown(), &mut nan, &mut infinite);
        }
        for (inner, item) in inner {
            let shown = || format!("{}][{}", place.shown(), inner.shown());
            add(floating(&item, known), &shown, &mut nan, &mut infinite);
        }
    }
    facts.none_items = none.counted();
    facts.nan_items = nan.counted();
    facts.infinite_items = infinite.counted();
}

/// Where an item is.
enum Place<'py> {
    Index(usize),
    Key(Bound<'py, PyAny>),
}

impl Place<'_> {
    fn shown(&self) -> String {
        match self {
            Self::Index(index) => index.to_string(),
            Self::Key(key) => shown_key(key),
        }
    }
}

/// The first items of a list, tuple or dict; none of anything else. `left` is how many may still be looked at.
fn items<'py>(container: &Bound<'py, PyAny>, left: &mut usize) -> Vec<(Place<'py>, Bound<'py, PyAny>)> {
    let numbered = |items: &mut dyn Iterator<Item = Bound<'py, PyAny>>| {
        let items = items.take(*left).enumerate();
        items.map(|(index, item)| (Place::Index(index), item)).collect()
    };
    let found: Vec<_> = if let Ok(list) = container.cast_exact::<PyList>() {
        numbered(&mut list.iter())
    } else if let Ok(tuple) = container.cast_exact::<PyTuple>() {
        numbered(&mut tuple.iter())
    } else if let Ok(dict) = container.cast_exact::<PyDict>() {
        pairs(dict, *left)
    } else {
        Vec::new()
    };
    *left -= found.len();
    found
}

fn pairs<'py>(dict: &Bound<'py, PyDict>, most: usize) -> Vec<(Place<'py>, Bound<'py, PyAny>)> {
    // A copy in one step, as threads may change the dict; a large one is not copied for it.
    if dict.len() > MAX_ITEMS * 10 || most == 0 {
        return Vec::new();
    }
    let pairs = dict.items();
    let pairs = pairs.iter().take(most).filter_map(|pair| {
        let (key, value) = pair.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>().ok()?;
        Some((Place::Key(key), value))
    });
    pairs.collect()
}

/// The number of a float or a numpy number.
fn floating(item: &Bound<'_, PyAny>, known: &Known) -> Option<f64> {
    match item.cast_exact::<PyFloat>() {
        Ok(item) => Some(item.value()),
        Err(_) => (known.kind(item) == Some(Kind::NumpyScalar)).then(|| float(item))?,
    }
}

/// Counts items, and remembers the first that counted.
#[derive(Default)]
struct Tally {
    count: u64,
    of: u64,
    first: Option<String>,
}

impl Tally {
    fn add(&mut self, counts: bool, shown: impl Fn() -> String) {
        self.of += 1;
        if counts {
            self.count += 1;
            self.first.get_or_insert_with(shown);
        }
    }

    /// `None` where no item counted.
    fn counted(self) -> Option<ItemCount> {
        let Self { count, of, first } = self;
        first.map(|first| ItemCount { count, of, first })
    }
}

/// The key's `repr` where that runs no code of the notebook.
pub(crate) fn shown_key(key: &Bound<'_, PyAny>) -> String {
    let plain = key.is_none()
        || key.is_exact_instance_of::<PyString>()
        || key.is_exact_instance_of::<PyInt>()
        || key.is_exact_instance_of::<PyFloat>();
    let shown = plain.then(|| key.repr().ok()).flatten();
    let shown = shown.map_or_else(
        || format!("<{}>", types::name(&key.get_type())),
        |text| crate::convert::string(&text),
    );
    crate::convert::shorten(shown, MAX_KEY)
}

/// So many of so many.
pub(crate) fn share(count: u64, of: u64) -> ShareCount {
    ShareCount { count, of }
}
