//! The semantic model of a notebook: every scope, binding and reference, and for each reference the bindings that
//! can reach it when the cells run from top to bottom. Built once a notebook; rules only read it.

mod assign;
mod binding;
mod branches;
mod builtins;
mod env;
mod expressions;
mod flow;
mod functions;
pub mod learning;
mod magics;
mod names;
mod targets;
mod types;
mod uses;

use std::sync::Arc;

use nbvet_report::Location;
use ruff_python_ast::{Expr, ExprName, StmtFunctionDef};
use ruff_text_size::TextRange;
use rustc_hash::{FxHashMap, FxHashSet};

pub use binding::{
    Binding, BindingId, BindingIds, BindingKind, Place, PrematureUse, Reached, Reference, ReferenceId,
    Resolution, Scope, ScopeId, ScopeKind,
};
pub use functions::{FunctionSummary, NonePath, NonePathKind, falls_through, summarize};
pub use learning::Learning;
pub use names::QualifiedName;
pub use types::Tag;

use crate::parse::{ParsedCell, ParsedNotebook};

/// What is known about a notebook's names and values before it runs.
pub struct Model<'a> {
    parsed: &'a ParsedNotebook<'a>,
    scopes: Vec<Scope<'a>>,
    bindings: Vec<Binding<'a>>,
    references: Vec<Reference<'a>>,
    shared: FxHashMap<(ScopeId, &'a str), Arc<[BindingId]>>,
    by_name: FxHashMap<ScopeId, FxHashMap<&'a str, BindingIds>>,
    by_expression: FxHashMap<usize, ReferenceId>,
    premature: Vec<PrematureUse<'a>>,
    /// What the parser takes and Python's compiler does not.
    refused: Vec<(Place, &'static str)>,
    /// Names that functions bind with `global`.
    declared_global: FxHashSet<&'a str>,
    /// A cell so far has `from __future__ import annotations`: annotations are not evaluated.
    lazy_annotations: bool,
    /// Something in the notebook binds names that cannot be known.
    open: bool,
    learning: Learning<'a>,
    uses: uses::Uses,
}

impl<'a> Model<'a> {
    /// Follows the notebook's cells from top to bottom, then the bodies of its functions.
    pub fn new(parsed: &'a ParsedNotebook<'a>) -> Self {
        let mut model = Self {
            parsed,
            scopes: vec![Scope {
                kind: ScopeKind::Notebook,
                parent: None,
            }],
            bindings: Vec::new(),
            references: Vec::new(),
            shared: FxHashMap::default(),
            by_name: FxHashMap::default(),
            by_expression: FxHashMap::default(),
            premature: Vec::new(),
            refused: Vec::new(),
            declared_global: targets::declared_global(parsed),
            lazy_annotations: false,
            open: false,
            learning: Learning::default(),
            uses: uses::Uses::default(),
        };
        flow::run(&mut model);
        model.settle_premature();
        model.learning = Learning::of(&model);
        model
    }

    /// How data flows into models.
    pub fn learning(&self) -> &Learning<'a> {
        &self.learning
    }

    /// The parsed notebook.
    pub fn parsed(&self) -> &'a ParsedNotebook<'a> {
        self.parsed
    }

    /// The code cell at a position among the code cells.
    pub fn cell(&self, position: usize) -> &'a ParsedCell<'a> {
        &self.parsed.cells()[position]
    }

    /// Position among the code cells of the cell with this index in the file.
    pub fn position_of(&self, cell_index: u32) -> Option<usize> {
        self.parsed
            .cells()
            .binary_search_by_key(&cell_index, |cell| cell.cell.index)
            .ok()
    }

    /// A range of a cell's syntax tree as a location for reports.
    pub fn location(&self, position: usize, range: TextRange) -> Location {
        let cell = self.cell(position);
        self.parsed
            .notebook()
            .location(cell.cell.index, cell.source_range(range))
    }

    /// A place as a location for reports.
    pub fn location_of(&self, place: Place) -> Location {
        self.location(place.cell, place.range())
    }

    /// Something in the notebook binds names that cannot be known.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// All bindings, in the order in which the flow meets them.
    pub fn bindings(&self) -> impl Iterator<Item = (BindingId, &Binding<'a>)> {
        self.bindings
            .iter()
            .enumerate()
            .map(|(index, binding)| (BindingId(index_u32(index)), binding))
    }

    /// All references.
    pub fn references(&self) -> impl Iterator<Item = (ReferenceId, &Reference<'a>)> {
        self.references
            .iter()
            .enumerate()
            .map(|(index, reference)| (ReferenceId(index_u32(index)), reference))
    }

    /// One binding.
    pub fn binding(&self, id: BindingId) -> &Binding<'a> {
        &self.bindings[id.0 as usize]
    }

    /// One reference.
    pub fn reference(&self, id: ReferenceId) -> &Reference<'a> {
        &self.references[id.0 as usize]
    }

    /// One scope.
    pub fn scope(&self, id: ScopeId) -> &Scope<'a> {
        &self.scopes[id.0 as usize]
    }

    /// Every binding of a name in a scope, in the order of the flow.
    pub fn bindings_named(&self, scope: ScopeId, name: &str) -> &[BindingId] {
        self.by_name
            .get(&scope)
            .and_then(|names| names.get(name))
            .map_or(&[], |ids| ids.as_slice())
    }

    /// The reference that a name in the syntax tree is.
    pub fn reference_of(&self, name: &ExprName) -> Option<&Reference<'a>> {
        self.by_expression
            .get(&address(name))
            .map(|id| self.reference(*id))
    }

    /// Calls of functions that need a name which only a later cell binds.
    pub fn premature_uses(&self) -> &[PrematureUse<'a>] {
        &self.premature
    }

    /// Statements that the parser takes and Python's compiler does not, such as `return` outside a function. One
    /// of them keeps its whole cell from running.
    pub fn refused(&self) -> &[(Place, &'static str)] {
        &self.refused
    }

    /// The bindings that surely cover what a name means at its place: `None` where others may reach it.
    pub fn certain_bindings(&self, name: &ExprName) -> Option<&[BindingId]> {
        match &self.reference_of(name)?.resolution {
            Resolution::Bindings { ids, widened: false } => Some(ids),
            Resolution::Bindings { .. }
            | Resolution::Builtin
            | Resolution::Kernel
            | Resolution::Unknown
            | Resolution::Unbound
            | Resolution::Deleted
            | Resolution::Unreachable => None,
        }
    }

    /// The function of the notebook that a call surely runs.
    pub fn called_function(&self, callee: &Expr) -> Option<(BindingId, &'a StmtFunctionDef)> {
        let Expr::Name(name) = callee else { return None };
        let [id] = self.certain_bindings(name)? else {
            return None;
        };
        match self.binding(*id).kind {
            BindingKind::Function(function) => Some((*id, function)),
            _ => None,
        }
    }

    /// All bindings of a name in a scope, shared by those who see them. Of very many, some that came late may be
    /// missing: then functions bind it with `global`, each between two that use it.
    fn all_bindings(&mut self, scope: ScopeId, name: &'a str) -> Reached {
        /// Up to here a list is made anew for whoever sees more than the last one.
        const EXACT: usize = 1000;
        let ids = self.bindings_named(scope, name);
        if ids.len() <= BindingIds::new().inline_size() {
            return Reached::Few(BindingIds::from_slice(ids));
        }
        let known = self.shared.get(&(scope, name));
        if let Some(known) = known
            && (known.len() == ids.len() || (ids.len() > EXACT && ids.len() < 2 * known.len()))
        {
            return Reached::Shared(Arc::clone(known));
        }
        let ids: Arc<[BindingId]> = Arc::from(ids);
        self.shared.insert((scope, name), Arc::clone(&ids));
        Reached::Shared(ids)
    }

    fn settle_premature(&mut self) {
        let candidates = std::mem::take(&mut self.premature);
        self.premature = candidates
            .into_iter()
            .filter(|candidate| !self.bindings_named(ScopeId::NOTEBOOK, candidate.name).is_empty())
            .collect();
    }
}

fn index_u32(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Identifies a node by where it lives: the tree outlives the model and does not move.
fn address(name: &ExprName) -> usize {
    std::ptr::from_ref(name) as usize
}
