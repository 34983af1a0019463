//! NaN and infinity in arrays and series, by the libraries' own functions. Large and object data are
//! sampled. Every failure means "not known": the value may be in a state that its library itself refuses.

use nbvet_report::ShareCount;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyList, PySlice};

use crate::foreign;
use crate::types::{self, Kind, Known, Numpy};
use crate::values::{MAX_ITEMS, share};

/// Arrays of more numbers than this are looked at in even steps.
pub(crate) const MAX_NUMBERS: u64 = 50_000_000;

/// What was counted.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    /// NaN, `NaT`, `None`, null.
    pub(crate) nan: Option<ShareCount>,
    /// Both infinities.
    pub(crate) infinite: Option<ShareCount>,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.nan = sum(self.nan, other.nan);
        self.infinite = sum(self.infinite, other.infinite);
    }
}

fn sum(left: Option<ShareCount>, right: Option<ShareCount>) -> Option<ShareCount> {
    match (left, right) {
        (Some(left), Some(right)) => Some(share(left.count + right.count, left.of + right.of)),
        (left, right) => left.or(right),
    }
}

/// `shape`, of a known type only.
pub(crate) fn shape(value: &Bound<'_, PyAny>) -> Option<Vec<u64>> {
    value.getattr(intern!(value.py(), "shape")).ok()?.extract().ok()
}

/// A numpy time that is `NaT`.
pub(crate) fn is_nat(value: &Bound<'_, PyAny>, known: &Known) -> bool {
    let Some(numpy) = &known.numpy else { return false };
    numpy
        .isnat
        .bind(value.py())
        .call1((value,))
        .and_then(|answer| answer.is_truthy())
        .unwrap_or(false)
}

/// Counts within an array or series.
pub(crate) fn count(value: &Bound<'_, PyAny>, kind: Kind, known: &Known) -> Option<Counts> {
    match kind {
        Kind::Array => array(value, known.numpy.as_ref()?),
        Kind::Series => series(value, known.numpy.as_ref()?),
        Kind::PolarsSeries => polars_series(value),
        Kind::ArrowColumn => foreign::arrow_column(value, known),
        Kind::Tensor => foreign::tensor(value),
        _ => None,
    }
}

pub(crate) fn dtype_kind(value: &Bound<'_, PyAny>) -> Option<String> {
    value
        .getattr(intern!(value.py(), "dtype"))
        .ok()?
        .getattr(intern!(value.py(), "kind"))
        .ok()?
        .extract()
        .ok()
}

pub(crate) fn array(array: &Bound<'_, PyAny>, numpy: &Numpy) -> Option<Counts> {
    let size: u64 = array.getattr(intern!(array.py(), "size")).ok()?.extract().ok()?;
    match dtype_kind(array)?.as_str() {
        "f" | "c" => floats(&sample(array, size)?, numpy),
        "M" | "m" => {
            let array = sample(array, size)?;
            let nan = count_where(&array, &numpy.isnat, numpy)?;
            Some(Counts {
                nan: Some(share(nan, length_of(&array)?)),
                infinite: None,
            })
        }
        "O" => objects(array, size),
        _ => Some(Counts::default()),
    }
}

/// The array, or every n-th part of it along its first axis.
pub(crate) fn sample<'py>(array: &Bound<'py, PyAny>, size: u64) -> Option<Bound<'py, PyAny>> {
    if size <= MAX_NUMBERS {
        return Some(array.clone());
    }
    let step = isize::try_from(size.div_ceil(MAX_NUMBERS)).ok()?;
    array.get_item(PySlice::new(array.py(), 0, isize::MAX, step)).ok()
}

pub(crate) fn length_of(array: &Bound<'_, PyAny>) -> Option<u64> {
    array.getattr(intern!(array.py(), "size")).ok()?.extract().ok()
}

/// One pass where all is finite, two where not.
fn floats(array: &Bound<'_, PyAny>, numpy: &Numpy) -> Option<Counts> {
    let of = length_of(array)?;
    let finite = count_where(array, &numpy.isfinite, numpy)?;
    let nan = if finite == of {
        0
    } else {
        count_where(array, &numpy.isnan, numpy)?
    };
    let infinite = of.saturating_sub(finite + nan);
    Some(Counts {
        nan: Some(share(nan, of)),
        infinite: Some(share(infinite, of)),
    })
}

pub(crate) fn count_where(array: &Bound<'_, PyAny>, test: &Py<PyAny>, numpy: &Numpy) -> Option<u64> {
    let mask = test.bind(array.py()).call1((array,)).ok()?;
    numpy
        .count_nonzero
        .bind(array.py())
        .call1((mask,))
        .ok()?
        .extract()
        .ok()
}

/// The first items of an object array, without asking any of them anything.
fn objects(array: &Bound<'_, PyAny>, size: u64) -> Option<Counts> {
    let end = isize::try_from(size.min(MAX_ITEMS as u64)).ok()?;
    let flat = array.getattr(intern!(array.py(), "flat")).ok()?;
    let head = flat.get_item(PySlice::new(array.py(), 0, end, 1)).ok()?;
    let items = head
        .call_method0(intern!(array.py(), "tolist"))
        .ok()?
        .cast_into_exact::<PyList>()
        .ok()?;
    let missing = items.iter().filter(is_missing).count() as u64;
    Some(Counts {
        nan: Some(share(missing, items.len() as u64)),
        infinite: None,
    })
}

fn is_missing(item: &Bound<'_, PyAny>) -> bool {
    item.is_none()
        || item
            .cast_exact::<PyFloat>()
            .is_ok_and(|float| float.value().is_nan())
        || matches!(
            types::name(&item.get_type()).as_str(),
            "pandas._libs.missing.NAType"
                | "pandas.api.typing.NAType"
                | "pandas.api.typing.NaTType"
                | "pandas._libs.tslibs.nattype.NaTType"
        )
}

/// A series whose data is a numpy array or one of pandas' own extension arrays.
pub(crate) fn series(series: &Bound<'_, PyAny>, numpy: &Numpy) -> Option<Counts> {
    let py = series.py();
    let dtype = series.getattr(intern!(py, "dtype")).ok()?;
    let class = types::name(&dtype.get_type());
    if class.starts_with("numpy.") {
        return array(&series.call_method0(intern!(py, "to_numpy")).ok()?, numpy);
    }
    if !class.starts_with("pandas.") {
        return None;
    }
    let of: u64 = length_of(series)?;
    let nan: u64 = series
        .call_method0(intern!(py, "isna"))
        .and_then(|mask| mask.call_method0(intern!(py, "sum")))
        .and_then(|count| count.extract())
        .ok()?;
    Some(Counts {
        nan: Some(share(nan, of)),
        infinite: None,
    })
}

pub(crate) fn polars_series(series: &Bound<'_, PyAny>) -> Option<Counts> {
    let py = series.py();
    let of = u64::try_from(series.len().ok()?).ok()?;
    let mut nan: u64 = series
        .call_method0(intern!(py, "null_count"))
        .ok()?
        .extract()
        .ok()?;
    let mut infinite = None;
    let dtype: String = series
        .getattr(intern!(py, "dtype"))
        .ok()?
        .str()
        .ok()?
        .extract()
        .ok()?;
    if dtype.starts_with("Float") {
        let count = |method: &str| -> Option<u64> {
            let count = series
                .call_method0(method)
                .ok()?
                .call_method0(intern!(py, "sum"))
                .ok()?;
            if count.is_none() {
                Some(0)
            } else {
                count.extract().ok()
            }
        };
        // Most series are finite: then one pass tells all.
        let rest = of.saturating_sub(nan + count("is_finite")?);
        let not_numbers = if rest == 0 { 0 } else { count("is_nan")? };
        nan += not_numbers;
        infinite = Some(share(rest.saturating_sub(not_numbers), of));
    }
    Some(Counts {
        nan: Some(share(nan, of)),
        infinite,
    })
}
