//! The part of nbvet that lives in the notebook's own interpreter: it carries text and displays to the agent and
//! states facts about what cells did. It judges nothing, and knows neither rules nor verdicts. Cells themselves
//! are run by the Python shim beside it, in IPython.

mod answers;
mod cell_hash;
mod channel;
mod columns;
mod convert;
mod foreign;
mod installs;
mod namespace;
mod recorder;
mod requirements;
mod session;
mod tables;
mod types;
mod values;

/// The extension module.
#[pyo3::pymodule]
mod nbvet_worker {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::cell_hash::cell_hash;
    #[pymodule_export]
    use crate::session::Session;

    /// Never frees the object, nor whatever it refers to.
    #[pyfunction]
    fn keep(object: Py<PyAny>) {
        std::mem::forget(object);
    }
}
