//! Where NaN and infinity come from: whether an author wrote them on purpose, and whether the notebook looks for
//! them.

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall, Visitor, visitor},
    model::{Binding, BindingKind, ScopeId},
};

/// How many steps from a value back to what it is made of.
const MAX_STEPS: u32 = 6;

/// `np.nan`, `math.nan`, `float("nan")`, `pd.NaT` (not `pd.NA`, whose comparisons are NA).
pub(crate) fn is_nan_literal<'a>(model: &Model<'a>, expression: &'a Expr) -> bool {
    match expression {
        Expr::Attribute(_) | Expr::Name(_) => model.qualified_name(expression).is_some_and(|name| {
            name.is_any(&[
                "numpy.nan",
                "numpy.NaN",
                "numpy.NAN",
                "math.nan",
                "pandas.NaT",
                "cmath.nan",
            ])
        }),
        Expr::Call(call) => is_float_of(model, call, &["nan"]),
        _ => false,
    }
}

fn is_float_of<'a>(model: &Model<'a>, call: &'a ExprCall, words: &[&str]) -> bool {
    let [Expr::StringLiteral(text)] = &*call.arguments.args else {
        return false;
    };
    let text = text.value.to_str().trim_start_matches(['+', '-']).to_lowercase();
    words.contains(&text.as_str())
        && model.qualified_name(&call.func).is_some_and(|name| {
            name.is_any(&[
                "builtins.float",
                "numpy.float64",
                "numpy.float32",
                "decimal.Decimal",
            ])
        })
}

/// What an author writes to put a value that is no number somewhere on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// NaN, `NA`, `NaT` or `None`.
    Missing,
    /// Infinity.
    Infinite,
}

/// The expression, or what it is made of, has such a value in it on purpose.
pub(crate) fn is_made_of<'a>(model: &Model<'a>, expression: &'a Expr, wanted: Wanted) -> bool {
    let mut search = Search {
        model,
        wanted,
        steps: MAX_STEPS,
        found: false,
        seen: Vec::new(),
    };
    search.visit_expr(expression);
    search.found
}

/// The binding, or what it is made of, has such a value in it on purpose.
pub(crate) fn binding_is_made_of<'a>(model: &Model<'a>, binding: &Binding<'a>, wanted: Wanted) -> bool {
    source(binding).is_some_and(|value| is_made_of(model, value, wanted))
}

/// The expression that a binding takes its value from.
pub(crate) fn source<'a>(binding: &Binding<'a>) -> Option<&'a Expr> {
    match binding.kind {
        BindingKind::Value(value)
        | BindingKind::Part(value)
        | BindingKind::Item(value)
        | BindingKind::Augmented(value) => Some(value),
        _ => None,
    }
}

struct Search<'a, 'm> {
    model: &'m Model<'a>,
    wanted: Wanted,
    steps: u32,
    found: bool,
    seen: Vec<&'a str>,
}

/// The word names such a value.
pub(crate) fn is_word(word: &str, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Missing => matches!(word, "nan" | "NaN" | "NAN" | "NaT" | "NA" | "masked"),
        Wanted::Infinite => matches!(word, "inf" | "Inf" | "infty" | "Infinity" | "PINF" | "NINF"),
    }
}

impl<'a> Search<'a, '_> {
    fn is_wanted_word(&self, word: &str) -> bool {
        is_word(word, self.wanted)
    }

    /// Follows a name to every binding of it in the notebook's namespace: which one made the value does not
    /// matter, an author who writes NaN into a name knows that it can be there.
    fn follow(&mut self, name: &'a str) {
        if self.steps == 0 || self.seen.contains(&name) {
            return;
        }
        self.seen.push(name);
        self.steps -= 1;
        for id in self.model.bindings_named(ScopeId::NOTEBOOK, name) {
            match source(self.model.binding(*id)) {
                Some(value) => self.visit_expr(value),
                None => {
                    if let BindingKind::Function(function) = self.model.binding(*id).kind {
                        self.visit_body(&function.body);
                    }
                }
            }
        }
        self.found |= self.model.is_written_into(name, |value| {
            let mut inner = Search {
                model: self.model,
                wanted: self.wanted,
                steps: 0,
                found: false,
                seen: vec![],
            };
            inner.visit_expr(value);
            inner.found
        });
        self.steps += 1;
    }
}

impl<'a> Visitor<'a> for Search<'a, '_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if self.found {
            return;
        }
        match expression {
            Expr::Attribute(attribute) => self.found |= self.is_wanted_word(attribute.attr.as_str()),
            Expr::Name(name) => {
                self.found |= self.is_wanted_word(name.id.as_str());
                self.follow(name.id.as_str());
            }
            Expr::StringLiteral(text) => self.found |= self.is_wanted_word(text.value.to_str()),
            Expr::NoneLiteral(_) => self.found |= self.wanted == Wanted::Missing,
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

/// Functions and methods that look for missing or infinite values.
const LOOKING: &[&str] = &[
    "isna",
    "isnull",
    "notna",
    "notnull",
    "isnan",
    "isfinite",
    "isinf",
    "fillna",
    "dropna",
    "nan_to_num",
    "nanmean",
    "nanmax",
    "nanmin",
    "nansum",
    "nanmedian",
    "nanstd",
    "interpolate",
    "ffill",
    "bfill",
    "count_nonzero",
];

/// The notebook looks whether this name is missing or finite, somewhere below its binding.
pub(crate) fn is_looked_at(model: &Model<'_>, name: &str) -> bool {
    struct Looks<'n> {
        name: &'n str,
        found: bool,
    }
    impl<'a> Visitor<'a> for Looks<'_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Call(call) = expression {
                let called = match &*call.func {
                    Expr::Name(function) => function.id.as_str(),
                    Expr::Attribute(method) => method.attr.as_str(),
                    _ => "",
                };
                self.found |= LOOKING.contains(&called) && mentions(expression, self.name);
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut looks = Looks { name, found: false };
    for cell in model.parsed().cells() {
        looks.visit_body(cell.body());
    }
    looks.found
}

/// The expression reads this name.
pub(crate) fn mentions(expression: &Expr, name: &str) -> bool {
    struct Mentions<'n>(&'n str, bool);
    impl<'a> Visitor<'a> for Mentions<'_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Name(found) = expression {
                self.1 |= found.id.as_str() == self.0;
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut mentions = Mentions(name, false);
    mentions.visit_expr(expression);
    mentions.1
}
