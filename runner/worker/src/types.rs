//! Which class a value has, found without running any code of the notebook: identity of type objects, and the
//! interpreter's own descriptors. A value whose type is not exactly a known one is never touched.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use rustc_hash::FxHashMap;

/// Longest name taken.
const MAX_NAME: usize = 200;

/// The class's name, with its module where that is not `builtins`.
pub(crate) fn name(class: &Bound<'_, PyType>) -> String {
    let qualified = own_attribute(class, "__qualname__").unwrap_or_else(|| "?".to_owned());
    let full = match own_attribute(class, "__module__") {
        None => qualified,
        Some(module) if module == "builtins" => qualified,
        Some(module) => format!("{}.{qualified}", public_module(&module, &qualified)),
    };
    crate::convert::shorten(full, MAX_NAME)
}

/// Names of the bases of a class that is neither Python's own nor of a known library, nearest first.
pub(crate) fn bases(class: &Bound<'_, PyType>) -> Vec<String> {
    /// Bases told.
    const MOST: usize = 20;
    let known = ["builtins", "numpy", "pandas", "polars", "pyarrow", "torch"];
    let module = own_attribute(class, "__module__").unwrap_or_default();
    if known.contains(&module.split('.').next().unwrap_or_default()) {
        return Vec::new();
    }
    let object = class.py().get_type::<PyAny>();
    let order = own_value(class, "__mro__").and_then(|order| order.cast_into_exact::<PyTuple>().ok());
    let bases = order.iter().flatten().skip(1).take(MOST);
    bases
        .filter(|base| !base.is(&object))
        .filter_map(|base| Some(name(base.cast::<PyType>().ok()?)))
        .collect()
}

/// The text of such an attribute.
fn own_attribute(class: &Bound<'_, PyType>, attribute: &str) -> Option<String> {
    let value = own_value(class, attribute)?;
    let text = value.cast_exact::<PyString>().ok()?;
    Some(crate::convert::string(text))
}

/// An attribute that `type` itself defines, read by its descriptor: a metaclass cannot come between.
fn own_value<'py>(class: &Bound<'py, PyType>, attribute: &str) -> Option<Bound<'py, PyAny>> {
    let descriptor = class
        .py()
        .get_type::<PyType>()
        .getattr("__dict__")
        .ok()?
        .get_item(attribute)
        .ok()?;
    descriptor.call_method1("__get__", (class,)).ok()
}

/// The module that users import a class from, where the class tells an inner one.
fn public_module<'a>(module: &'a str, class: &str) -> &'a str {
    match (module, class) {
        ("pandas.core.frame", "DataFrame") | ("pandas.core.series", "Series") => "pandas",
        ("polars.dataframe.frame", "DataFrame")
        | ("polars.series.series", "Series")
        | ("polars.lazyframe.frame", "LazyFrame") => "polars",
        ("pyarrow.lib", _) => "pyarrow",
        _ => module,
    }
}

/// Types of libraries whose values we look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A numpy number.
    NumpyScalar,
    /// `numpy.datetime64`, `numpy.timedelta64`.
    NumpyTime,
    /// `numpy.ndarray`.
    Array,
    /// `pandas.Series`.
    Series,
    /// `pandas.DataFrame`.
    Frame,
    /// `pandas.NaT`, `pandas.NA`.
    Missing,
    /// `polars.DataFrame`.
    PolarsFrame,
    /// `polars.Series`.
    PolarsSeries,
    /// `pyarrow.Table`, `pyarrow.RecordBatch`.
    ArrowTable,
    /// `pyarrow.ChunkedArray` and the arrays of all types.
    ArrowColumn,
    /// `torch.Tensor`.
    Tensor,
}

impl Kind {
    /// Rows of values.
    pub(crate) fn is_table(self) -> bool {
        match self {
            Self::Array
            | Self::Series
            | Self::Frame
            | Self::PolarsFrame
            | Self::PolarsSeries
            | Self::ArrowTable
            | Self::ArrowColumn
            | Self::Tensor => true,
            Self::NumpyScalar | Self::NumpyTime | Self::Missing => false,
        }
    }
}

/// The known types of the libraries that the notebook has imported, by address.
pub(crate) struct Known {
    modules: Py<PyDict>,
    kinds: FxHashMap<usize, Kind>,
    /// Keeps the addresses in `kinds` valid.
    held: Vec<Py<PyAny>>,
    seen: [bool; 5],
    /// numpy, once it is there.
    pub(crate) numpy: Option<Numpy>,
}

/// The functions of numpy that we use, taken when it was first seen.
pub(crate) struct Numpy {
    pub(crate) isnan: Py<PyAny>,
    pub(crate) isfinite: Py<PyAny>,
    pub(crate) isnat: Py<PyAny>,
    pub(crate) count_nonzero: Py<PyAny>,
}

const NUMPY_SCALARS: [&str; 12] = [
    "float16",
    "float32",
    "float64",
    "longdouble",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
];

impl Known {
    /// Knows nothing yet.
    pub(crate) fn new(py: Python<'_>) -> PyResult<Self> {
        let modules = py
            .import("sys")?
            .getattr("modules")?
            .cast_into::<PyDict>()?
            .unbind();
        Ok(Self {
            modules,
            kinds: FxHashMap::default(),
            held: Vec::new(),
            seen: [false; 5],
            numpy: None,
        })
    }

    /// Looks whether a library has been imported since.
    pub(crate) fn refresh(&mut self, py: Python<'_>) {
        if !self.seen[0]
            && let Some(numpy) = self.module(py, "numpy")
        {
            self.seen[0] = self.add_numpy(&numpy).is_some();
        }
        if !self.seen[1]
            && let Some(pandas) = self.module(py, "pandas")
        {
            self.seen[1] = self.add_pandas(&pandas).is_some();
        }
        if !self.seen[2]
            && let Some(polars) = self.module(py, "polars")
        {
            self.seen[2] = self.add_polars(&polars).is_some();
        }
        if !self.seen[3]
            && let Some(arrow) = self.module(py, "pyarrow.lib")
        {
            self.seen[3] = self.add_arrow(&arrow).is_some();
        }
        if !self.seen[4]
            && let Some(torch) = self.module(py, "torch")
        {
            self.seen[4] = self.add_torch(&torch).is_some();
        }
    }

    /// What is known about the value's type.
    pub(crate) fn kind(&self, value: &Bound<'_, PyAny>) -> Option<Kind> {
        self.kinds.get(&(value.get_type_ptr() as usize)).copied()
    }

    /// A function of a module, where that is imported and was not replaced by the notebook's own.
    pub(crate) fn function<'py>(
        &self,
        py: Python<'py>,
        module: &str,
        name: &str,
    ) -> Option<Bound<'py, PyAny>> {
        let function = self.module(py, module)?.get_item(name).ok()??;
        let of: String = function.getattr("__module__").ok()?.extract().ok()?;
        (of == module).then_some(function)
    }

    /// The names of a module that is imported; its `__getattr__` is never asked.
    fn module<'py>(&self, py: Python<'py>, name: &str) -> Option<Bound<'py, PyDict>> {
        let module = self.modules.bind(py).get_item(name).ok()??;
        Some(module.cast_exact::<PyModule>().ok()?.dict())
    }

    fn add_numpy(&mut self, numpy: &Bound<'_, PyDict>) -> Option<()> {
        let get = |name| numpy.get_item(name).ok().flatten();
        let functions = Numpy {
            isnan: get("isnan")?.unbind(),
            isfinite: get("isfinite")?.unbind(),
            isnat: get("isnat")?.unbind(),
            count_nonzero: get("count_nonzero")?.unbind(),
        };
        self.add_type(&get("ndarray")?, Kind::Array);
        for name in NUMPY_SCALARS {
            self.add_type(&get(name)?, Kind::NumpyScalar);
        }
        for name in ["datetime64", "timedelta64"] {
            self.add_type(&get(name)?, Kind::NumpyTime);
        }
        self.numpy = Some(functions);
        Some(())
    }

    fn add_pandas(&mut self, pandas: &Bound<'_, PyDict>) -> Option<()> {
        let get = |name| pandas.get_item(name).ok().flatten();
        let (frame, series) = (get("DataFrame")?, get("Series")?);
        for name in ["NaT", "NA"] {
            self.add_type(&get(name)?.get_type().into_any(), Kind::Missing);
        }
        self.add_type(&series, Kind::Series);
        self.add_type(&frame, Kind::Frame);
        Some(())
    }

    fn add_polars(&mut self, polars: &Bound<'_, PyDict>) -> Option<()> {
        let get = |name| polars.get_item(name).ok().flatten();
        let (frame, series) = (get("DataFrame")?, get("Series")?);
        self.add_type(&frame, Kind::PolarsFrame);
        self.add_type(&series, Kind::PolarsSeries);
        Some(())
    }

    fn add_arrow(&mut self, arrow: &Bound<'_, PyDict>) -> Option<()> {
        for name in ["Table", "RecordBatch"] {
            self.add_type(&arrow.get_item(name).ok()??, Kind::ArrowTable);
        }
        self.add_type(&arrow.get_item("ChunkedArray").ok()??, Kind::ArrowColumn);
        for (name, class) in arrow.iter() {
            if class.is_instance_of::<PyType>()
                && name.extract::<String>().is_ok_and(|name| name.ends_with("Array"))
            {
                self.add_type(&class, Kind::ArrowColumn);
            }
        }
        Some(())
    }

    fn add_torch(&mut self, torch: &Bound<'_, PyDict>) -> Option<()> {
        self.add_type(&torch.get_item("Tensor").ok()??, Kind::Tensor);
        Some(())
    }

    /// Only what really is a type is taken: a stand-in's own `int` would make every number a frame.
    fn add_type(&mut self, class: &Bound<'_, PyAny>, kind: Kind) {
        let foreign = class.cast::<PyType>().is_ok_and(|class| {
            own_attribute(class, "__module__").is_some_and(|module| {
                matches!(
                    module.split('.').next(),
                    Some("numpy" | "pandas" | "polars" | "pyarrow" | "torch")
                )
            })
        });
        if foreign {
            self.kinds.insert(class.as_ptr() as usize, kind);
            self.held.push(class.clone().unbind());
        }
    }
}
