//! From bindings to the places that use them: indexes over the references, made when they are first asked for.

use std::{
    any::{Any, TypeId},
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use ruff_python_ast::{
    Expr, Stmt, StmtFunctionDef,
    statement_visitor::{StatementVisitor, walk_stmt},
};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Binding, BindingId, BindingKind, Model, Reached, Reference, ReferenceId, Resolution, ScopeId};
use crate::ast::with_stack;

/// Indexes of one model. They hold places and numbers only, sorted by the names that stand there.
#[derive(Default)]
pub(super) struct Uses {
    by_name: OnceCell<Vec<ReferenceId>>,
    by_binding: OnceCell<ByBinding>,
    bare_calls: OnceCell<FxHashSet<(usize, u32)>>,
    by_place: OnceCell<Vec<BindingId>>,
    definitions: OnceCell<Vec<Vec<BindingId>>>,
    written: OnceCell<Vec<Store>>,
    functions: OnceCell<FxHashMap<usize, BindingId>>,
    learnt: RefCell<FxHashMap<TypeId, Rc<dyn Any>>>,
}

/// The uses of each binding. A reference within a body may see every binding of its name: such ones are kept once
/// for the name, since there may be as many bindings as references.
struct ByBinding {
    few: Vec<Vec<ReferenceId>>,
    shared: Vec<ReferenceId>,
}

/// A target of an assignment at the top of a cell: the cell, the statement and the target among its own.
type Store = (usize, usize, usize);

impl ByBinding {
    fn of(model: &Model<'_>) -> Self {
        let mut found = Self {
            few: vec![Vec::new(); model.bindings.len()],
            shared: Vec::new(),
        };
        for (id, reference) in model.references() {
            let Resolution::Bindings { ids, .. } = &reference.resolution else {
                continue;
            };
            match ids {
                Reached::Few(ids) => ids
                    .iter()
                    .for_each(|binding| found.few[binding.0 as usize].push(id)),
                Reached::Shared(_) => found.shared.push(id),
            }
        }
        found.shared.sort_by_key(|id| model.reference(*id).name);
        found
    }
}

/// The part of a list, sorted by a key, that has this key.
fn with_key<'l, 'k, T>(list: &'l [T], key: &str, key_of: impl Fn(&T) -> &'k str) -> &'l [T] {
    let start = list.partition_point(|item| key_of(item) < key);
    let rest = &list[start..];
    &rest[..rest.partition_point(|item| key_of(item) == key)]
}

impl<'a> Model<'a> {
    /// All references by this name, in the order of the flow.
    pub fn references_named(&self, name: &str) -> impl Iterator<Item = &Reference<'a>> {
        let by_name = self.uses.by_name.get_or_init(|| {
            let mut all: Vec<ReferenceId> = self.references().map(|(id, _)| id).collect();
            all.sort_by_key(|id| self.reference(*id).name);
            all
        });
        with_key(by_name, name, |id| self.reference(*id).name)
            .iter()
            .map(|id| self.reference(*id))
    }

    /// References that may see a binding, in the order of the flow.
    pub fn uses_of(&self, id: BindingId) -> impl Iterator<Item = &Reference<'a>> {
        let index = self.uses.by_binding.get_or_init(|| ByBinding::of(self));
        let name = self.binding(id).name;
        let shared = with_key(&index.shared, name, |id| self.reference(*id).name).iter();
        let few = index.few[id.0 as usize].iter();
        few.map(|reference| self.reference(*reference)).chain(
            shared
                .map(|reference| self.reference(*reference))
                .filter(move |reference| reference.may_see(id)),
        )
    }

    /// The bindings whose places lie within a range of a cell, in the order of their places.
    pub fn bindings_within(
        &self,
        cell: usize,
        range: TextRange,
    ) -> impl Iterator<Item = (BindingId, &Binding<'a>)> {
        let start_of = |id: &BindingId| (self.binding(*id).place.cell, self.binding(*id).place.start);
        let by_place = self.uses.by_place.get_or_init(|| {
            let mut all: Vec<BindingId> = self.bindings().map(|(id, _)| id).collect();
            all.sort_by_key(start_of);
            all
        });
        let first = by_place.partition_point(|id| start_of(id) < (cell, range.start().to_u32()));
        by_place[first..]
            .iter()
            .map(|id| (*id, self.binding(*id)))
            .take_while(move |(_, binding)| {
                (binding.place.cell, binding.place.start) <= (cell, range.end().to_u32())
            })
            .filter(move |(_, binding)| range.contains_range(binding.place.range()))
    }

    /// Functions and classes that a cell binds in the notebook's namespace.
    pub fn definitions_in(&self, cell: usize) -> impl Iterator<Item = (BindingId, &Binding<'a>)> {
        let definitions = self.uses.definitions.get_or_init(|| {
            let mut definitions = vec![Vec::new(); self.parsed.cells().len()];
            for (id, binding) in self.bindings() {
                let defines = matches!(binding.kind, BindingKind::Function(_) | BindingKind::Class(_));
                if defines && binding.scope == ScopeId::NOTEBOOK {
                    definitions[binding.place.cell].push(id);
                }
            }
            definitions
        });
        definitions
            .get(cell)
            .into_iter()
            .flatten()
            .map(|id| (*id, self.binding(*id)))
    }

    /// Somebody uses what a function of the notebook gives back: a call of it stands where its value counts, or
    /// the function itself is handed on.
    pub fn value_is_used(&self, function: &StmtFunctionDef) -> bool {
        self.binding_of(function)
            .is_none_or(|id| self.uses_of(id).any(|reference| !self.is_bare_call(reference)))
    }

    /// The binding that a function's definition makes.
    pub fn binding_of(&self, function: &StmtFunctionDef) -> Option<BindingId> {
        let functions = self.uses.functions.get_or_init(|| {
            let mut functions = FxHashMap::default();
            for (id, binding) in self.bindings() {
                if let BindingKind::Function(found) = binding.kind {
                    functions.entry(std::ptr::from_ref(found) as usize).or_insert(id);
                }
            }
            functions
        });
        functions.get(&(std::ptr::from_ref(function) as usize)).copied()
    }

    /// What a rule finds out about the whole notebook, by the type that holds it: once, however often it is asked.
    pub fn once<T: 'static>(&self, find_out: impl FnOnce(&Self) -> T) -> Rc<T> {
        let known = self.uses.learnt.borrow().get(&TypeId::of::<T>()).cloned();
        if let Some(known) = known.and_then(|known| known.downcast().ok()) {
            return known;
        }
        let found = Rc::new(find_out(self));
        let kept: Rc<dyn Any> = Rc::<T>::clone(&found);
        self.uses.learnt.borrow_mut().insert(TypeId::of::<T>(), kept);
        found
    }

    /// The reference is the callee of a call that is a statement of its own.
    fn is_bare_call(&self, reference: &Reference<'a>) -> bool {
        let bare_calls = self.uses.bare_calls.get_or_init(|| {
            let mut found = BareCalls::default();
            for (position, cell) in self.parsed.cells().iter().enumerate() {
                found.cell = position;
                found.visit_body(cell.body());
            }
            found.callees
        });
        bare_calls.contains(&(reference.place.cell, reference.place.start))
    }

    /// Something of which `is_wanted` holds is stored into a part of the named object: `name[…] = value`,
    /// `name.loc[…] = value`, `name.part = value`.
    pub fn is_written_into(&self, name: &str, is_wanted: impl Fn(&'a Expr) -> bool) -> bool {
        let store = |(cell, statement, target): &Store| match &self.cell(*cell).body()[*statement] {
            Stmt::Assign(assign) => Some((&assign.targets[*target], &*assign.value)),
            _ => None,
        };
        let root = |place: &Store| -> &'a str {
            store(place)
                .and_then(|(target, _)| root_name(target))
                .unwrap_or_default()
        };
        let written = self.uses.written.get_or_init(|| {
            let mut written = Vec::new();
            for (position, cell) in self.parsed.cells().iter().enumerate() {
                for (index, statement) in cell.body().iter().enumerate() {
                    let Stmt::Assign(assign) = statement else { continue };
                    let targets = assign.targets.iter().enumerate();
                    written.extend(
                        targets
                            .filter(|(_, target)| !target.is_name_expr())
                            .map(|(target, _)| (position, index, target)),
                    );
                }
            }
            written.sort_by_key(root);
            written
        });
        with_key(written, name, root)
            .iter()
            .filter_map(store)
            .any(|(_, value)| is_wanted(value))
    }
}

impl Reference<'_> {
    /// The binding is one of those that the name can mean here.
    pub fn may_see(&self, id: BindingId) -> bool {
        matches!(&self.resolution, Resolution::Bindings { ids, .. } if ids.has(id))
    }
}

/// Where the callees of calls that are statements of their own begin.
#[derive(Default)]
struct BareCalls {
    cell: usize,
    callees: FxHashSet<(usize, u32)>,
}

impl<'b> StatementVisitor<'b> for BareCalls {
    fn visit_stmt(&mut self, statement: &'b Stmt) {
        if let Stmt::Expr(expression) = statement
            && let Expr::Call(call) = &*expression.value
            && let Expr::Name(name) = &*call.func
        {
            self.callees.insert((self.cell, name.start().to_u32()));
        }
        with_stack(|| walk_stmt(self, statement));
    }
}

/// The name at the root of `name.loc[…].part`.
fn root_name(expression: &Expr) -> Option<&str> {
    let mut expression = expression;
    loop {
        expression = match expression {
            Expr::Name(name) => return Some(name.id.as_str()),
            Expr::Attribute(attribute) => &attribute.value,
            Expr::Subscript(subscript) => &subscript.value,
            _ => return None,
        };
    }
}
