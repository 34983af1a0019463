//! NB101 no-assertion-notebook.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{self, Expr, Ranged, Stmt, TextRange, Visitor, visitor},
};

use nbvet_report::Location;

use crate::{analysis::expectations, macros::rule};

rule! {
    /// A notebook that loads data or fits a model and checks nothing.
    ///
    /// ## Why it matters
    ///
    /// A notebook without any check ends well whatever it computed. One `assert` after the data is loaded, and one
    /// after the result is there, turn "it ran" into "it worked".
    ///
    /// An `assert`, a `raise` under an `if`, and the checks of numpy, pandas, unittest, pytest, pandera and Great
    /// Expectations count, and what is expected in comments (NB110). Notebooks that neither read data nor fit anything are
    /// left alone, unless assertions are asked for (`--verify-assertions`).
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// sales = pd.read_csv("sales.csv")
    /// print(sales.amount.sum())
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// sales = pd.read_csv("sales.csv")
    /// assert len(sales) > 0
    /// print(sales.amount.sum())
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Say what you know about the data and the result: `assert len(df) > 0`, `assert df.id.is_unique`,
    /// `assert 0 <= score <= 1`.
    "NB101" "no-assertion-notebook",
    group: Verification,
    row: Row::Unverified,
    raised_by: VerifyAssertions,
    since: "0.1.0",
    check: Check::Static(&NoAssertionNotebook),
}

struct NoAssertionNotebook;

impl StaticRule for NoAssertionNotebook {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        if !expectations::written(cx.model()).0.is_empty() {
            return;
        }
        let mut work = Work::default();
        for (position, cell) in cx.model().parsed().cells().iter().enumerate() {
            work.position = position;
            work.visit_body(cell.body());
            if work.checks {
                return;
            }
        }
        let Some(first) = work.first else {
            return without_work(cx);
        };
        let at = cx.model().location(first.position, first.range);
        let suggestion = match (&first.name, first.kind) {
            (Some(name), Kind::Loads) => format!("for a start, below this line: `assert len({name}) > 0`"),
            (None, Kind::Loads) => "for a start, check that what was read is not empty".to_owned(),
            (_, Kind::Steps) => {
                "for a start, check after the last step that the loss is low enough: `assert loss < bound`"
                    .to_owned()
            }
            (_, _) => "for a start, check the score of the model: `assert score > 0.8`".to_owned(),
        };
        let what = if first.kind == Kind::Loads {
            "reads data"
        } else {
            "fits a model"
        };
        cx.report(
            Finding::new(at, format!("this notebook {what} and checks nothing"))
                .because("It ends well whatever it computed: an empty file and a wrong column pass as well as a right result.")
                .help(suggestion),
        );
    }
}

/// A notebook that loads and fits nothing: who asks for assertions is told all the same.
fn without_work(cx: &mut Context<'_, '_>) {
    let has_code = cx
        .model()
        .parsed()
        .cells()
        .iter()
        .any(|cell| !cell.body().is_empty());
    if has_code {
        cx.report(
            Finding::new(Location::file_start(), "this notebook checks nothing")
                .because("It ends well whatever it computed.")
                .help("add an `assert` on its result")
                .only_if_asked(true),
        );
    }
}

struct First {
    position: usize,
    range: TextRange,
    name: Option<String>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It reads data.
    Loads,
    /// It fits a model.
    Fits,
    /// `train()`: fits a model, or only says that a network is going to be trained.
    MayFit,
    /// It finds out in which direction to step, as networks are trained.
    Steps,
}

#[derive(Default)]
struct Work {
    position: usize,
    conditions: u32,
    checks: bool,
    first: Option<First>,
}

impl Work {
    fn note(&mut self, call: &ast::ExprCall, range: TextRange, name: Option<String>) {
        let Some(kind) = kind_of_work(call) else { return };
        let is_first = match &self.first {
            None => kind != Kind::Steps,
            Some(first) => first.kind == Kind::MayFit && kind == Kind::Steps,
        };
        if is_first {
            self.first = Some(First {
                position: self.position,
                range,
                name: name.filter(|_| !is_in_pieces(call)),
                kind,
            });
        }
    }
}

impl<'a> Visitor<'a> for Work {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assert(_) => self.checks = true,
            Stmt::Raise(_) => self.checks |= self.conditions > 0,
            Stmt::If(_) | Stmt::Match(_) => {
                self.conditions += 1;
                visitor::walk_stmt(self, statement);
                self.conditions -= 1;
                return;
            }
            Stmt::Assign(assign) => {
                if let (Expr::Call(call), [Expr::Name(name)]) = (&*assign.value, assign.targets.as_slice()) {
                    self.note(call, assign.range(), Some(name.id.to_string()));
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression {
            self.checks |= is_check(call);
            self.note(call, call.range(), None);
        }
        visitor::walk_expr(self, expression);
    }
}

/// What is read has no length.
fn is_in_pieces(call: &ast::ExprCall) -> bool {
    ["chunksize", "iterator", "streaming"]
        .iter()
        .any(|word| call.arguments.find_keyword(word).is_some())
}

fn kind_of_work(call: &ast::ExprCall) -> Option<Kind> {
    let name = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return None,
    };
    match name {
        "read_csv" | "read_excel" | "read_parquet" | "read_json" | "read_sql" | "read_table"
        | "read_feather" | "read_pickle" | "read_hdf" | "read_html" | "read_sql_query" | "loadtxt"
        | "genfromtxt" | "load_dataset" => Some(Kind::Loads),
        "train" if call.arguments.is_empty() => call.func.is_attribute_expr().then_some(Kind::MayFit),
        "backward" => call.func.is_attribute_expr().then_some(Kind::Steps),
        "fit" | "fit_transform" | "fit_predict" | "train" => {
            call.func.is_attribute_expr().then_some(Kind::Fits)
        }
        _ => None,
    }
}

fn is_check(call: &ast::ExprCall) -> bool {
    let name = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    name.starts_with("assert")
        || name.starts_with("expect_")
        || matches!(
            name,
            "validate" | "check_array" | "check_X_y" | "run_tests" | "testmod" | "raise_for_status"
        )
}
