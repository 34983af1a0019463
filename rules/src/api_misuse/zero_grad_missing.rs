//! NB405 zero-grad-missing.

use std::collections::{HashMap, HashSet};

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged, Stmt, TextRange, Visitor, visitor},
    model::BindingKind,
};
use nbvet_report::Level;

use crate::{analysis::calls, macros::rule};

rule! {
    /// A training loop of `PyTorch` that never sets the gradients back.
    ///
    /// ## Why it matters
    ///
    /// `loss.backward()` adds to the gradients that are there. Without `zero_grad()` each step uses the sum over all
    /// batches so far: the loss may still fall for a while, and the model is not the one that was meant.
    ///
    /// Loops are left alone that set gradients to zero or None in any way, also in functions of the notebook that they
    /// call, and notebooks that leave it to Accelerate, Lightning, fastai, `DeepSpeed` or a `Trainer`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import torch
    ///
    /// model = torch.nn.Linear(4, 1)
    /// optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    /// for features, target in batches:
    ///     loss = ((model(features) - target) ** 2).mean()
    ///     loss.backward()
    ///     optimizer.step()
    /// ```
    ///
    /// ```python good
    /// import torch
    ///
    /// model = torch.nn.Linear(4, 1)
    /// optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    /// for features, target in batches:
    ///     optimizer.zero_grad()
    ///     loss = ((model(features) - target) ** 2).mean()
    ///     loss.backward()
    ///     optimizer.step()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Call `optimizer.zero_grad()` at the start of each round.
    "NB405" "zero-grad-missing",
    group: ApiMisuse,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&ZeroGradMissing),
}

struct ZeroGradMissing;

impl StaticRule for ZeroGradMissing {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        if !trains_by_hand(model) {
            return;
        }
        let zeroing = zeroing_functions(model);
        for (position, cell) in model.parsed().cells().iter().enumerate() {
            if !cell.is_valid() || cell.is_skipped() {
                continue;
            }
            let mut finder = Loops {
                zeroing: &zeroing,
                found: Vec::new(),
                open: Vec::new(),
            };
            finder.visit_body(cell.body());
            for (backward, optimizer) in finder.found {
                let name = cell.slice(optimizer);
                let finding = Finding::new(
                    model.location(position, backward),
                    format!("gradients add up: nothing in this loop calls `{name}.zero_grad()`"),
                )
                .because("Each step uses the sum of the gradients of all rounds so far.")
                .help(format!("call `{name}.zero_grad()` at the start of each round"))
                .label(model.location(position, optimizer), "steps with the sum");
                cx.report(finding);
            }
        }
    }
}

/// `torch` is imported, and nothing that does the loop's work itself.
fn trains_by_hand(model: &Model<'_>) -> bool {
    let mut torch = false;
    for (_, binding) in model.bindings() {
        let package = match binding.kind {
            BindingKind::Import(alias) => alias.name.as_str(),
            BindingKind::ImportFrom { module, .. } => module,
            _ => continue,
        };
        match package.split('.').next().unwrap_or_default() {
            "torch" => torch = true,
            "accelerate" | "lightning" | "pytorch_lightning" | "fastai" | "deepspeed" | "ignite"
            | "smdistributed" | "d2l" | "skorch" | "torch_xla" => return false,
            _ => {}
        }
    }
    torch
}

/// Names of functions and methods that set gradients back, by themselves or through others of the notebook.
fn zeroing_functions<'a>(model: &Model<'a>) -> HashSet<&'a str> {
    let mut finder = Functions::default();
    for cell in model.parsed().cells() {
        finder.visit_body(cell.body());
    }
    let mut zeroing = finder.zeroing;
    let mut waiting: Vec<&str> = zeroing.iter().copied().collect();
    while let Some(name) = waiting.pop() {
        for caller in finder.callers.get(name).into_iter().flatten() {
            if zeroing.insert(caller) {
                waiting.push(caller);
            }
        }
    }
    zeroing
}

#[derive(Default)]
struct Functions<'a> {
    around: Vec<&'a str>,
    zeroing: HashSet<&'a str>,
    callers: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Visitor<'a> for Functions<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::FunctionDef(function) = statement {
            self.around.push(function.name.as_str());
            visitor::walk_stmt(self, statement);
            self.around.pop();
            return;
        }
        if sets_gradient(statement) {
            self.zeroing.extend(self.around.last());
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let (Expr::Call(call), Some(caller)) = (expression, self.around.last()) {
            if zeroes(call) {
                self.zeroing.insert(caller);
            }
            self.callers.entry(calls::name(call)).or_default().push(caller);
        }
        visitor::walk_expr(self, expression);
    }
}

/// `optimizer.zero_grad()`, `weights.grad.zero_()`.
fn zeroes(call: &ExprCall) -> bool {
    matches!(
        calls::name(call),
        "zero_grad" | "zero_" | "zero_gradients" | "clear_grad" | "fill_" | "detach_" | "make_functional"
    )
}

/// `weights.grad = None`.
fn sets_gradient(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Assign(assign) if assign.targets.iter().any(
        |target| matches!(target, Expr::Attribute(attribute) if attribute.attr.as_str() == "grad")
    ))
}

/// Training loops in which nothing sets gradients back.
struct Loops<'a, 'z> {
    zeroing: &'z HashSet<&'a str>,
    found: Vec<(TextRange, TextRange)>,
    open: Vec<Round>,
}

#[derive(Default)]
struct Round {
    backward: Option<TextRange>,
    optimizer: Option<TextRange>,
    zeroes: bool,
    /// Of this loop and those in it, while a loop around them may still set the gradients back.
    missing: Vec<(TextRange, TextRange)>,
}

impl<'a> Loops<'a, '_> {
    fn round(&mut self, statement: &'a Stmt) {
        self.open.push(Round::default());
        visitor::walk_stmt(self, statement);
        let Some(mut round) = self.open.pop() else { return };
        if round.zeroes {
            // What the inner loop does is done in the outer one too.
            self.open.iter_mut().for_each(|outer| outer.zeroes = true);
            return;
        }
        if let (Some(backward), Some(optimizer)) = (round.backward, round.optimizer) {
            round.missing.push((backward, optimizer));
        }
        match self.open.last_mut() {
            Some(outer) => outer.missing.append(&mut round.missing),
            None => self.found.append(&mut round.missing),
        }
    }
}

impl<'a> Visitor<'a> for Loops<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::For(_) | Stmt::While(_) => self.round(statement),
            // The body of a function runs somewhere else.
            Stmt::FunctionDef(_) => {
                let outer = std::mem::take(&mut self.open);
                visitor::walk_stmt(self, statement);
                self.open = outer;
            }
            _ => {
                if sets_gradient(statement)
                    && let Some(round) = self.open.last_mut()
                {
                    round.zeroes = true;
                }
                visitor::walk_stmt(self, statement);
            }
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Some(round) = self.open.last_mut()
        {
            round.zeroes |= zeroes(call) || self.zeroing.contains(calls::name(call));
            if let Expr::Attribute(method) = &*call.func {
                let plain = call.arguments.args.is_empty();
                match method.attr.as_str() {
                    "backward" if plain => round.backward = Some(call.range()),
                    "step" if plain && is_optimizer(&method.value) => {
                        round.optimizer = Some(method.value.range());
                    }
                    _ => {}
                }
            }
        }
        visitor::walk_expr(self, expression);
    }
}

/// By its name: `optimizer`, `opt`, `self.optim_g`, `sgd`, `adam`.
fn is_optimizer(receiver: &Expr) -> bool {
    let name = match receiver {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    let name = name.to_lowercase();
    ["opt", "sgd", "adam"].iter().any(|part| name.contains(part))
}
