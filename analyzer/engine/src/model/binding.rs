//! Scopes, the names bound in them, and the references to those names: the vocabulary of the model.

use std::{ops::Deref, sync::Arc};

use ruff_python_ast::{Alias, Expr, StmtClassDef, StmtFunctionDef};
use ruff_text_size::TextRange;
use smallvec::SmallVec;

/// Identifies a scope of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(pub(crate) u32);

/// Identifies a binding of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingId(pub(crate) u32);

/// Identifies a reference of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferenceId(pub(crate) u32);

impl ScopeId {
    /// The scope that all cells share: the notebook's namespace.
    pub const NOTEBOOK: Self = Self(0);
}

/// A place in the notebook as the model keeps it: position of the code cell, and a range of its syntax tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Position among the code cells (not the cell's index in the file).
    pub cell: usize,
    /// Range in the cell's syntax tree.
    pub start: u32,
    /// End of that range.
    pub end: u32,
}

impl Place {
    /// A range of the code cell at this position.
    pub fn new(cell: usize, range: TextRange) -> Self {
        Self {
            cell,
            start: range.start().to_u32(),
            end: range.end().to_u32(),
        }
    }

    /// The range in the cell's syntax tree.
    pub fn range(self) -> TextRange {
        TextRange::new(self.start.into(), self.end.into())
    }
}

/// A namespace.
#[derive(Debug)]
pub struct Scope<'a> {
    /// What makes it.
    pub kind: ScopeKind<'a>,
    /// The scope around it; `None` for the notebook's.
    pub parent: Option<ScopeId>,
}

/// What makes a scope.
#[derive(Debug, Clone, Copy)]
pub enum ScopeKind<'a> {
    /// The namespace shared by all cells.
    Notebook,
    /// A function's body.
    Function(&'a StmtFunctionDef),
    /// A lambda's body.
    Lambda,
    /// A class's body.
    Class(&'a StmtClassDef),
    /// A comprehension or generator expression.
    Comprehension,
}

/// One place where a name gets a value.
#[derive(Debug)]
pub struct Binding<'a> {
    /// The name.
    pub name: &'a str,
    /// The namespace it is bound in.
    pub scope: ScopeId,
    /// Where.
    pub place: Place,
    /// How.
    pub kind: BindingKind<'a>,
}

/// How a name gets its value.
#[derive(Debug, Clone, Copy)]
pub enum BindingKind<'a> {
    /// `name = value`, `name: T = value`, `(name := value)`: the very value.
    Value(&'a Expr),
    /// A part of a value, by unpacking; or what a `with` gives its target.
    Part(&'a Expr),
    /// One item after the other of a value: the target of a loop or comprehension.
    Item(&'a Expr),
    /// `name += value`.
    Augmented(&'a Expr),
    /// `import a.b` (binds `a`) or `import a.b as name`.
    Import(&'a Alias),
    /// `from module import name`; `module` is empty for a relative import.
    ImportFrom {
        /// The module named.
        module: &'a str,
        /// The name imported from it.
        member: &'a str,
    },
    /// `def`.
    Function(&'a StmtFunctionDef),
    /// `class`.
    Class(&'a StmtClassDef),
    /// A parameter of a function or lambda.
    Parameter,
    /// `except … as name`, a match capture, a type parameter, `global name`: something not followed.
    Other,
    /// Bound by a magic: `%%capture name`, `%%bigquery name`.
    Magic,
}

/// One use of a name.
#[derive(Debug)]
pub struct Reference<'a> {
    /// The name.
    pub name: &'a str,
    /// The scope in which it is used.
    pub scope: ScopeId,
    /// Where.
    pub place: Place,
    /// What it can mean there.
    pub resolution: Resolution,
    /// It stands in an annotation.
    pub in_annotation: bool,
    /// Not finding it would do no harm: a handler around it catches `NameError`, the name is looked for in
    /// `globals()` or `dir()`, its cell is meant to raise or not to run, or it stands in an annotation that nothing
    /// evaluates.
    pub guarded: bool,
    /// It stands on a path that may not be taken, or in a body that may not be called.
    pub conditional: bool,
}

/// Bindings that can reach a place. One is by far the most frequent.
pub type BindingIds = SmallVec<[BindingId; 2]>;

/// The bindings that can reach a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// As the flow has met them.
    Few(BindingIds),
    /// All bindings of a name in a scope, in order; kept once for all who see them.
    Shared(Arc<[BindingId]>),
}

impl Reached {
    /// The binding is among them.
    pub fn has(&self, id: BindingId) -> bool {
        match self {
            Self::Few(ids) => ids.contains(&id),
            Self::Shared(ids) => ids.binary_search(&id).is_ok(),
        }
    }
}

impl Deref for Reached {
    type Target = [BindingId];

    fn deref(&self) -> &[BindingId] {
        match self {
            Self::Few(ids) => ids,
            Self::Shared(ids) => ids,
        }
    }
}

/// What a name can mean at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// One of these bindings; every path that reaches the place has passed one of them, or perhaps none.
    Bindings {
        /// The bindings that reach the place.
        ids: Reached,
        /// Others of the same name in the same scope may reach it too (loops, code that runs later).
        widened: bool,
    },
    /// Python's own name.
    Builtin,
    /// Put there by the kernel: `get_ipython`, `display`, `_`, `In`, `spark`.
    Kernel,
    /// Something above may have bound any name: `from x import *`, `%run`, `exec`.
    Unknown,
    /// No path that reaches the place has bound it.
    Unbound,
    /// It was bound and then deleted on every path.
    Deleted,
    /// The place is never reached.
    Unreachable,
}

/// A call at notebook level of a function whose body surely needs a name that no cell above has bound.
#[derive(Debug)]
pub struct PrematureUse<'a> {
    /// The name that is missing.
    pub name: &'a str,
    /// The call that makes the function run.
    pub call: Place,
    /// The use within the function.
    pub needed: Place,
    /// The call is on a path that may not be taken.
    pub conditional: bool,
}
