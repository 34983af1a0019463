//! The Python syntax tree as rules see it. The engine is the only crate that names the parser; everything else
//! reaches the tree through this module, so that the parser can be exchanged here.

pub use ruff_python_ast::*;
pub use ruff_text_size::{Ranged, TextRange, TextSize};

/// Visitors in evaluation order.
pub use ruff_python_ast::visitor::{self, Visitor};

/// Runs `f` with enough stack, however deep the tree is in which it recurses.
pub fn with_stack<R>(f: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, f)
}
