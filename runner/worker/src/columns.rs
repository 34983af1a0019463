//! The columns of a frame: their types, what is missing in them, whether they hold one value only. Frames of one
//! float type are looked at as a whole, others column by column. Every failure means "not known".

use nbvet_report::ColumnFacts;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySlice, PyString};

use crate::convert::{shorten, string};
use crate::foreign;
use crate::tables::{self, Counts};
use crate::types::{self, Kind, Known, Numpy};
use crate::values::{share, shown_key};

/// Columns of a frame of mixed types that are counted.
const MAX_COUNTED: usize = 1000;
/// Columns that are told one by one.
const MAX_TOLD: usize = 100;
/// Longest label told.
const MAX_LABEL: usize = 100;
/// Rows that are compared before all are.
const FIRST_ROWS: isize = 4096;

/// What was seen of a frame.
#[derive(Default)]
pub(crate) struct Frame {
    /// All columns together.
    pub(crate) counts: Counts,
    /// The first ones.
    pub(crate) columns: Vec<ColumnFacts>,
}

/// Looks at a frame.
pub(crate) fn look(frame: &Bound<'_, PyAny>, kind: Kind, known: &Known) -> Option<Frame> {
    match kind {
        Kind::Frame => of_pandas(frame, known.numpy.as_ref()?),
        Kind::PolarsFrame => of_polars(frame),
        Kind::ArrowTable => of_arrow(frame, known),
        _ => None,
    }
}

fn of_pandas(frame: &Bound<'_, PyAny>, numpy: &Numpy) -> Option<Frame> {
    let py = frame.py();
    let list = |value: Bound<'_, PyAny>| -> Option<Vec<Py<PyAny>>> {
        let list = value.call_method0(intern!(py, "tolist")).ok()?;
        list.cast_into_exact::<PyList>().ok()?.extract().ok()
    };
    let labels = list(frame.getattr(intern!(py, "columns")).ok()?)?;
    let dtypes = list(frame.getattr(intern!(py, "dtypes")).ok()?)?;
    let mut seen = Frame::default();
    for (label, dtype) in labels.iter().zip(&dtypes).take(MAX_TOLD) {
        seen.columns.push(ColumnFacts {
            name: label_text(label.bind(py)),
            dtype: dtype_text(dtype.bind(py)),
            ..ColumnFacts::default()
        });
    }
    let Some(first) = dtypes.first() else {
        return Some(seen);
    };
    if dtypes.iter().all(|dtype| dtype.is(first)) && is_numpy_float(first.bind(py)) {
        of_floats(frame, numpy, &mut seen)?;
    } else {
        column_by_column(frame, labels.len(), numpy, &mut seen)?;
    }
    Some(seen)
}

/// A frame of one float type: its array is there without a copy.
fn of_floats(frame: &Bound<'_, PyAny>, numpy: &Numpy, seen: &mut Frame) -> Option<()> {
    let py = frame.py();
    let keywords = PyDict::new(py);
    keywords.set_item("copy", false).ok()?;
    let values = frame
        .call_method(intern!(py, "to_numpy"), (), Some(&keywords))
        .ok()?;
    let values = tables::sample(&values, tables::length_of(&values)?)?;
    let of = tables::length_of(&values)?;
    let unusual = of.saturating_sub(tables::count_where(&values, &numpy.isfinite, numpy)?);
    let rows = *tables::shape(&values)?.first()?;
    let count = |mask: &Bound<'_, PyAny>| -> Option<u64> {
        numpy.count_nonzero.bind(py).call1((mask,)).ok()?.extract().ok()
    };
    let (nan, missing) = if unusual == 0 {
        (0, vec![0; seen.columns.len()])
    } else {
        // Column by column: pandas keeps each in one piece, and along an axis numpy counts three times as long.
        let mask = numpy.isnan.bind(py).call1((&values,)).ok()?;
        let in_column = |number: usize| count(&mask.get_item((PySlice::full(py), number)).ok()?);
        let missing = (0..seen.columns.len()).map(in_column).collect::<Option<_>>()?;
        (count(&mask)?, missing)
    };
    seen.counts = Counts {
        nan: Some(share(nan, of)),
        infinite: Some(share(unusual.saturating_sub(nan), of)),
    };
    for (number, (column, missing)) in seen.columns.iter_mut().zip(missing).enumerate() {
        column.missing = Some(share(missing, rows));
        if missing == 0 {
            let values = values.get_item((PySlice::full(py), number)).ok()?;
            column.constant = is_constant(&values, numpy).unwrap_or(false);
        }
    }
    Some(())
}

fn column_by_column(frame: &Bound<'_, PyAny>, columns: usize, numpy: &Numpy, seen: &mut Frame) -> Option<()> {
    let py = frame.py();
    let by_position = frame.getattr(intern!(py, "iloc")).ok()?;
    for number in 0..columns.min(MAX_COUNTED) {
        let series = by_position.get_item((PySlice::full(py), number)).ok()?;
        let Some(counts) = tables::series(&series, numpy) else {
            continue;
        };
        let counts = with_all_entries(counts, &series);
        seen.counts.add(counts);
        if let Some(column) = seen.columns.get_mut(number) {
            column.missing = counts.nan;
            if counts.nan.is_some_and(|missing| missing.count == 0) {
                column.constant = is_constant_series(&series, numpy).unwrap_or(false);
            }
        }
    }
    Some(())
}

/// In a frame every entry was looked at, also those of columns that cannot hold NaN.
fn with_all_entries(counts: Counts, column: &Bound<'_, PyAny>) -> Counts {
    let rows = tables::length_of(column).unwrap_or(0);
    Counts {
        nan: counts.nan.or(Some(share(0, rows))),
        ..counts
    }
}

fn is_constant_series(series: &Bound<'_, PyAny>, numpy: &Numpy) -> Option<bool> {
    let dtype = series.getattr(intern!(series.py(), "dtype")).ok()?;
    if !types::name(&dtype.get_type()).starts_with("numpy.") {
        return Some(false);
    }
    is_constant(
        &series.call_method0(intern!(series.py(), "to_numpy")).ok()?,
        numpy,
    )
}

/// All entries of an array of numbers or times are the same. Most arrays differ among their first rows.
fn is_constant(values: &Bound<'_, PyAny>, numpy: &Numpy) -> Option<bool> {
    let comparable = ["f", "i", "u", "b", "M", "m"];
    if !comparable.contains(&tables::dtype_kind(values)?.as_str()) || tables::length_of(values)? < 2 {
        return Some(false);
    }
    let py = values.py();
    let first = values.get_item(PySlice::new(py, 0, 1, 1)).ok()?;
    let same = |part: &Bound<'_, PyAny>| -> Option<bool> {
        let equal = part.rich_compare(&first, pyo3::basic::CompareOp::Eq).ok()?;
        let count: u64 = numpy
            .count_nonzero
            .bind(py)
            .call1((equal,))
            .ok()?
            .extract()
            .ok()?;
        Some(count == tables::length_of(part)?)
    };
    let head = values.get_item(PySlice::new(py, 0, FIRST_ROWS, 1)).ok()?;
    Some(same(&head)? && same(values)?)
}

fn is_numpy_float(dtype: &Bound<'_, PyAny>) -> bool {
    let kind = || {
        dtype
            .getattr(intern!(dtype.py(), "kind"))
            .ok()?
            .extract::<String>()
            .ok()
    };
    types::name(&dtype.get_type()).starts_with("numpy.") && kind().as_deref() == Some("f")
}

fn label_text(label: &Bound<'_, PyAny>) -> String {
    match label.cast_exact::<PyString>() {
        Ok(text) => shorten(string(text), MAX_LABEL),
        Err(_) => shown_key(label),
    }
}

/// As its library prints it; a type of anyone else by its class.
fn dtype_text(dtype: &Bound<'_, PyAny>) -> String {
    let class = types::name(&dtype.get_type());
    let printed = (class.starts_with("numpy.") || class.starts_with("pandas."))
        .then(|| dtype.str().ok())
        .flatten();
    printed.map_or(class, |text| shorten(string(&text), MAX_LABEL))
}

fn of_polars(frame: &Bound<'_, PyAny>) -> Option<Frame> {
    let columns = frame.call_method0(intern!(frame.py(), "get_columns")).ok()?;
    let mut seen = Frame::default();
    for column in columns
        .extract::<Vec<Bound<'_, PyAny>>>()
        .ok()?
        .iter()
        .take(MAX_COUNTED)
    {
        let text = |attribute| Some(string(&column.getattr(attribute).ok()?.str().ok()?));
        let counts = tables::polars_series(column);
        seen.add(text("name"), text("dtype"), counts);
    }
    Some(seen)
}

fn of_arrow(table: &Bound<'_, PyAny>, known: &Known) -> Option<Frame> {
    let py = table.py();
    let names = table
        .getattr(intern!(py, "schema"))
        .ok()?
        .getattr(intern!(py, "names"))
        .ok()?;
    let mut seen = Frame::default();
    for (number, name) in names
        .extract::<Vec<String>>()
        .ok()?
        .into_iter()
        .enumerate()
        .take(MAX_COUNTED)
    {
        let column = table.call_method1(intern!(py, "column"), (number,)).ok()?;
        let dtype = column.getattr(intern!(py, "type")).ok()?.str().ok()?;
        let counts = foreign::arrow_column(&column, known);
        seen.add(Some(name), Some(string(&dtype)), counts);
    }
    Some(seen)
}

impl Frame {
    /// One more column.
    fn add(&mut self, name: Option<String>, dtype: Option<String>, counts: Option<Counts>) {
        self.counts.add(counts.unwrap_or_default());
        if self.columns.len() < MAX_TOLD {
            self.columns.push(ColumnFacts {
                name: shorten(name.unwrap_or_default(), MAX_LABEL),
                dtype: shorten(dtype.unwrap_or_default(), MAX_LABEL),
                missing: counts.and_then(|counts| counts.nan),
                constant: false,
            });
        }
    }
}
