//! NaN, null and infinity in pyarrow's columns and torch's tensors, by the libraries' own functions. Every failure
//! means "not known".

use pyo3::intern;
use pyo3::prelude::*;

use crate::tables::{Counts, MAX_NUMBERS};
use crate::types::Known;
use crate::values::share;

/// A column of pyarrow. Nulls are counted by the column itself; NaN where the notebook has imported what counts it.
pub(crate) fn arrow_column(column: &Bound<'_, PyAny>, known: &Known) -> Option<Counts> {
    let py = column.py();
    let of = column.len().ok()? as u64;
    let nulls: u64 = column.getattr(intern!(py, "null_count")).ok()?.extract().ok()?;
    let dtype = column.getattr(intern!(py, "type")).ok()?.str().ok()?.to_string();
    let mut counts = Counts {
        nan: Some(share(nulls, of)),
        infinite: None,
    };
    if ["float", "double"].contains(&dtype.as_str()) && of <= MAX_NUMBERS {
        let count = |name: &str| -> Option<u64> {
            let mask = known
                .function(py, "pyarrow.compute", name)?
                .call1((column,))
                .ok()?;
            let sum = known
                .function(py, "pyarrow.compute", "sum")?
                .call1((mask,))
                .ok()?;
            let sum = sum.call_method0(intern!(py, "as_py")).ok()?;
            if sum.is_none() {
                Some(0)
            } else {
                sum.extract().ok()
            }
        };
        // Most columns are finite: then one pass tells all.
        let rest = count("is_finite").map(|finite| of.saturating_sub(nulls + finite));
        let nan = rest.and_then(|rest| if rest == 0 { Some(0) } else { count("is_nan") });
        if let Some((rest, nan)) = rest.zip(nan) {
            counts.nan = Some(share(nulls + nan, of));
            counts.infinite = Some(share(rest.saturating_sub(nan), of));
        }
    }
    Some(counts)
}

/// A dense tensor of floats in the machine's own memory; others would have to be copied, or waited for.
pub(crate) fn tensor(tensor: &Bound<'_, PyAny>) -> Option<Counts> {
    let py = tensor.py();
    let device: String = tensor
        .getattr("device")
        .ok()?
        .getattr("type")
        .ok()?
        .extract()
        .ok()?;
    let layout = tensor.getattr("layout").ok()?.str().ok()?.to_string();
    let floating: bool = tensor.call_method0("is_floating_point").ok()?.extract().ok()?;
    let of: u64 = tensor.call_method0("numel").ok()?.extract().ok()?;
    if device != "cpu" || layout != "torch.strided" || !floating || of > MAX_NUMBERS {
        return Some(Counts::default());
    }
    let values = tensor.call_method0(intern!(py, "detach")).ok()?;
    let count = |test: &str| -> Option<u64> {
        let mask = values.call_method0(test).ok()?;
        mask.call_method0("sum")
            .ok()?
            .call_method0("item")
            .ok()?
            .extract()
            .ok()
    };
    let finite = count("isfinite")?;
    let nan = if finite == of { 0 } else { count("isnan")? };
    Some(Counts {
        nan: Some(share(nan, of)),
        infinite: Some(share(of.saturating_sub(finite + nan), of)),
    })
}

/// The number of a tensor without dimensions.
pub(crate) fn scalar(tensor: &Bound<'_, PyAny>) -> Option<f64> {
    let device: String = tensor
        .getattr("device")
        .ok()?
        .getattr("type")
        .ok()?
        .extract()
        .ok()?;
    let value = (device == "cpu").then(|| tensor.call_method0("item").ok())?;
    value?.extract().ok()
}
