//! What is known about one value, within a budget of milliseconds even for 10^7 numbers.

use nbvet_report::{NonFinite, NoneItems, Number, ShareCount, ValueFacts};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};

use crate::tables;
use crate::types::{self, Kind, Known};

/// Items of a container that are looked at.
pub(crate) const MAX_ITEMS: usize = 10_000;
/// Longest key shown.
const MAX_KEY: usize = 200;

/// The facts about a value.
pub(crate) fn describe(value: &Bound<'_, PyAny>, known: &Known) -> ValueFacts {
    let mut facts = ValueFacts {
        type_name: types::name(&value.get_type()),
        none: value.is_none(),
        ..ValueFacts::default()
    };
    match known.kind(value) {
        Some(kind) => describe_foreign(value, kind, known, &mut facts),
        None => describe_builtin(value, &mut facts),
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
        Kind::Array | Kind::Series | Kind::Frame | Kind::PolarsFrame | Kind::PolarsSeries => {
            facts.shape = tables::shape(value);
            if facts.shape.as_ref().is_some_and(Vec::is_empty) {
                facts.number = scalar_of_array(value);
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

fn describe_builtin(value: &Bound<'_, PyAny>, facts: &mut ValueFacts) {
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        facts.number = Some(number(float.value()));
    } else if value.is_exact_instance_of::<PyInt>() {
        facts.number = value.extract::<f64>().ok().map(Number::Finite);
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        facts.length = Some(list.len() as u64);
        facts.none_items = none_items(list.iter().map(|item| (None, item)));
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        facts.length = Some(tuple.len() as u64);
        facts.none_items = none_items(tuple.iter().map(|item| (None, item)));
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        facts.length = Some(dict.len() as u64);
        facts.none_items = none_values(dict);
    } else {
        facts.length = length(value).map(|length| length as u64);
    }
}

/// `len()` of the builtin types that have no items of interest.
fn length(value: &Bound<'_, PyAny>) -> Option<usize> {
    let class = value.get_type();
    let py = value.py();
    let plain: [Bound<'_, PyType>; 4] = [
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

fn none_values(dict: &Bound<'_, PyDict>) -> Option<NoneItems> {
    // A copy in one step, as threads may change the dict; a large one is not copied for it.
    if dict.len() > MAX_ITEMS * 10 {
        return None;
    }
    let pairs = dict.items();
    none_items(pairs.iter().filter_map(|pair| {
        let (key, value) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>().ok()?;
        Some((Some(key), value))
    }))
}

/// Counts `None` among the first items; `None` where there is none.
fn none_items<'py>(
    items: impl Iterator<Item = (Option<Bound<'py, PyAny>>, Bound<'py, PyAny>)>,
) -> Option<NoneItems> {
    let mut first = None;
    let (mut count, mut of) = (0, 0);
    for (index, (key, item)) in items.take(MAX_ITEMS).enumerate() {
        of += 1;
        if item.is_none() {
            count += 1;
            first.get_or_insert_with(|| key.map_or_else(|| index.to_string(), |key| shown_key(&key)));
        }
    }
    first.map(|first| NoneItems { count, of, first })
}

/// The key's `repr` where that runs no code of the notebook.
fn shown_key(key: &Bound<'_, PyAny>) -> String {
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
