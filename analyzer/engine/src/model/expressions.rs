//! Follows expressions: references, and the few calls that change which names there are.

use std::rc::Rc;

use ruff_python_ast::{
    self as ast, Expr,
    visitor::{self, Visitor},
};
use ruff_text_size::Ranged;
use smallvec::{SmallVec, smallvec};

use super::{
    BindingId, BindingKind, Place, PrematureUse, Reached, Reference, ReferenceId, Resolution, ScopeId,
    ScopeKind, address,
    assign::Source,
    builtins,
    flow::{Flow, predefined},
    functions, index_u32, magics,
};

/// So many functions are followed from one call: what the first ones need is what matters to its reader.
const MOST_FOLLOWED: usize = 32;

impl<'a> Flow<'a, '_> {
    pub(super) fn expression(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                if name.ctx.is_load() {
                    self.refer(name);
                }
            }
            Expr::Named(named) => {
                self.visit_expr(&named.value);
                if let Expr::Name(name) = &*named.target {
                    self.bind_in_frame(name.id.as_str(), name.range, BindingKind::Value(&named.value));
                }
            }
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.visit_parameters(parameters);
                }
                self.defer_lambda(lambda);
            }
            Expr::ListComp(comprehension) => {
                self.comprehension(&comprehension.generators, &[&comprehension.elt]);
            }
            Expr::SetComp(comprehension) => {
                self.comprehension(&comprehension.generators, &[&comprehension.elt]);
            }
            Expr::Generator(comprehension) => {
                self.comprehension(&comprehension.generators, &[&comprehension.elt]);
            }
            Expr::DictComp(comprehension) => match &comprehension.key {
                Some(key) => self.comprehension(&comprehension.generators, &[key, &comprehension.value]),
                None => self.comprehension(&comprehension.generators, &[&comprehension.value]),
            },
            Expr::If(choice) => self.choice(choice),
            Expr::BoolOp(operation) => self.bool_operation(operation),
            Expr::Call(call) => self.call(call, expression),
            Expr::Compare(comparison) => {
                self.notice_probe(comparison);
                visitor::walk_expr(self, expression);
            }
            Expr::IpyEscapeCommand(command) => {
                magics::escape(self, command.kind, &command.value, command.range);
            }
            _ => visitor::walk_expr(self, expression),
        }
    }

    fn choice(&mut self, choice: &'a ast::ExprIf) {
        self.visit_expr(&choice.test);
        self.conditions += 1;
        self.visit_expr(&choice.body);
        self.visit_expr(&choice.orelse);
        self.conditions -= 1;
    }

    fn bool_operation(&mut self, operation: &'a ast::ExprBoolOp) {
        for (index, value) in operation.values.iter().enumerate() {
            self.conditions += u32::from(index > 0);
            self.visit_expr(value);
            self.conditions -= u32::from(index > 0);
        }
    }

    fn comprehension(&mut self, generators: &'a [ast::Comprehension], elements: &[&'a Expr]) {
        let Some((first, rest)) = generators.split_first() else {
            return;
        };
        self.visit_expr(&first.iter);
        self.with_comprehension(|flow| {
            flow.assign(&first.target, Source::Item(&first.iter));
            first.ifs.iter().for_each(|test| flow.visit_expr(test));
            for generator in rest {
                flow.visit_expr(&generator.iter);
                flow.assign(&generator.target, Source::Item(&generator.iter));
                generator.ifs.iter().for_each(|test| flow.visit_expr(test));
            }
            flow.conditions += 1;
            for element in elements {
                flow.visit_expr(element);
            }
            flow.conditions -= 1;
        });
    }

    fn call(&mut self, call: &'a ast::ExprCall, expression: &'a Expr) {
        visitor::walk_expr(self, expression);
        if functions::binds_unknown_names(call) {
            self.env.open = true;
        }
        if let Expr::Name(callee) = &*call.func
            && self.is_notebook()
            && self.guards == 0
            && self.env.live
        {
            self.note_premature(callee, Place::new(self.cell, call.range()));
        }
    }

    /// `"name" in globals()` and its like: the notebook knows that the name may be missing.
    fn notice_probe(&mut self, comparison: &'a ast::ExprCompare) {
        let [operator] = &*comparison.ops else { return };
        let [namespace] = &*comparison.comparators else {
            return;
        };
        if !matches!(operator, ast::CmpOp::In | ast::CmpOp::NotIn) || !functions::is_namespace_call(namespace)
        {
            return;
        }
        if let Expr::StringLiteral(name) = &*comparison.left {
            self.probed.insert(name.value.to_str());
        }
    }

    /// Records a use of a name.
    pub(super) fn refer(&mut self, expression: &'a ast::ExprName) {
        let name = expression.id.as_str();
        let resolution = self.resolve(name);
        let id = ReferenceId(index_u32(self.model.references.len()));
        self.model.references.push(Reference {
            name,
            scope: self.scope(),
            place: Place::new(self.cell, expression.range),
            resolution,
            in_annotation: self.in_annotation,
            guarded: self.guards > 0 || self.probed.contains(name),
            conditional: self.conditions > 0,
        });
        self.model.by_expression.insert(address(expression), id);
    }

    fn resolve(&mut self, name: &'a str) -> Resolution {
        if !self.env.live {
            return Resolution::Unreachable;
        }
        if let Some(ids) = self.in_layers(name) {
            return Resolution::Bindings {
                ids: Reached::Few(ids.clone()),
                widened: ids.len() > 1,
            };
        }
        if self.is_notebook() {
            self.resolve_in_notebook(name)
        } else if self.is_local(name) {
            self.resolve_local(name)
        } else {
            self.resolve_around(name)
        }
    }

    fn resolve_in_notebook(&self, name: &str) -> Resolution {
        let missing = match self.env.get(name) {
            Some(reaching) if !reaching.ids.is_empty() => {
                let widened = reaching.widened || (reaching.unbound && self.env.open);
                return Resolution::Bindings {
                    ids: Reached::Few(reaching.ids.clone()),
                    widened,
                };
            }
            Some(reaching) if reaching.widened => return Resolution::Unknown,
            Some(reaching) if reaching.deleted => Resolution::Deleted,
            Some(_) | None => Resolution::Unbound,
        };
        if let Some(known) = predefined(name) {
            known
        } else if self.env.open || self.model.declared_global.contains(name) {
            Resolution::Unknown
        } else {
            missing
        }
    }

    fn resolve_local(&self, name: &str) -> Resolution {
        match self.env.get(name) {
            Some(reaching) if !reaching.ids.is_empty() => Resolution::Bindings {
                ids: Reached::Few(reaching.ids.clone()),
                widened: reaching.widened,
            },
            Some(reaching) if reaching.widened => Resolution::Unknown,
            Some(reaching) if reaching.deleted => Resolution::Deleted,
            Some(_) | None => Resolution::Unbound,
        }
    }

    /// What a body sees of the scopes around it: every binding of the name in the nearest one that has any.
    fn resolve_around(&mut self, name: &'a str) -> Resolution {
        let mut scope = if self.declares_global(name) {
            Some(ScopeId::NOTEBOOK)
        } else {
            self.model.scope(self.frame).parent
        };
        while let Some(id) = scope {
            let ids = self.model.bindings_named(id, name);
            let hidden = matches!(self.model.scope(id).kind, ScopeKind::Class(_));
            if !ids.is_empty() && !hidden {
                return Resolution::Bindings {
                    ids: self.model.all_bindings(id, name),
                    widened: builtins::is_builtin(name),
                };
            }
            scope = self.model.scope(id).parent;
        }
        match predefined(name) {
            Some(known) => known,
            // A function walked later may bind it with `global`.
            None if name == "__class__" || self.model.open || self.model.declared_global.contains(name) => {
                Resolution::Unknown
            }
            None => Resolution::Unbound,
        }
    }

    /// Notes names that the called function surely needs and that nothing above has bound.
    fn note_premature(&mut self, callee: &'a ast::ExprName, call: Place) {
        if self.env.open {
            return;
        }
        let mut seen: SmallVec<[BindingId; 4]> = SmallVec::new();
        let mut waiting: SmallVec<[&'a str; 4]> = smallvec![callee.id.as_str()];
        while let Some(name) = waiting.pop() {
            let Some(function) = self.only_function(name) else {
                continue;
            };
            if seen.contains(&function) {
                continue;
            }
            if seen.len() == MOST_FOLLOWED {
                return;
            }
            seen.push(function);
            let BindingKind::Function(definition) = self.model.binding(function).kind else {
                continue;
            };
            let home = self.model.binding(function).place.cell;
            let reads = self.reads.entry(function);
            let reads = reads.or_insert_with(|| functions::certain_reads(definition).into());
            for needed in Rc::clone(reads).iter() {
                let name = needed.id.as_str();
                if self.env.get(name).is_some() {
                    waiting.push(name);
                } else if predefined(name).is_none()
                    && !self.model.declared_global.contains(name)
                    && !self.probed.contains(name)
                {
                    let needed = Place::new(home, needed.range);
                    let conditional = self.conditions > 0;
                    self.model.premature.push(PrematureUse {
                        name,
                        call,
                        needed,
                        conditional,
                    });
                }
            }
        }
    }

    fn only_function(&self, name: &str) -> Option<BindingId> {
        let reaching = self.env.get(name)?;
        let [id] = reaching.ids.as_slice() else {
            return None;
        };
        let function = matches!(self.model.binding(*id).kind, BindingKind::Function(_));
        (function && !reaching.widened).then_some(*id)
    }
}
