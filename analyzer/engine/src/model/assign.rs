//! Assignment targets: which part of a value each name gets.

use ruff_python_ast::{self as ast, Expr, visitor::Visitor};

use super::{BindingKind, flow::Flow, functions};

impl<'a> Flow<'a, '_> {
    /// Binds the names of an assignment target.
    pub(super) fn assign(&mut self, target: &'a Expr, source: Source<'a>) {
        match target {
            Expr::Name(name) => self.bind(name.id.as_str(), name.range, source.kind()),
            Expr::Tuple(ast::ExprTuple { elts: targets, .. })
            | Expr::List(ast::ExprList { elts: targets, .. }) => {
                let elements = source.elements(targets);
                for (index, target) in targets.iter().enumerate() {
                    match elements.and_then(|elements| elements.get(index)) {
                        Some(element) => self.assign(target, Source::Whole(element)),
                        None => self.assign(target, source.part()),
                    }
                }
            }
            Expr::Starred(starred) => self.assign(&starred.value, source.part()),
            _ => {
                if functions::writes_namespace(target) {
                    self.env.open = true;
                }
                self.visit_expr(target);
            }
        }
    }
}

/// What an assignment's target gets.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// The value itself.
    Whole(&'a Expr),
    /// A part of it.
    Part(&'a Expr),
    /// Its items, one after the other.
    Item(&'a Expr),
}

impl<'a> Source<'a> {
    fn kind(self) -> BindingKind<'a> {
        match self {
            Self::Whole(value) => BindingKind::Value(value),
            Self::Part(value) => BindingKind::Part(value),
            Self::Item(value) => BindingKind::Item(value),
        }
    }

    fn part(self) -> Self {
        match self {
            Self::Whole(value) => Self::Part(value),
            Self::Part(_) | Self::Item(_) => self,
        }
    }

    /// The elements of a literal that stand for the targets, one for one.
    fn elements(self, targets: &[Expr]) -> Option<&'a [Expr]> {
        let Self::Whole(Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. })) =
            self
        else {
            return None;
        };
        let plain = elts.len() == targets.len() && !elts.iter().chain(targets).any(Expr::is_starred_expr);
        plain.then_some(elts)
    }
}
