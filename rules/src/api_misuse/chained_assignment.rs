//! NB403 chained-assignment.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{CmpOp, Expr, ExprSubscript, Operator, Ranged, TextRange, UnaryOp},
    model::Tag,
};
use nbvet_report::{Applicability, Edit};

use crate::{analysis::calls, macros::rule};

rule! {
    /// A value written into a selection of a pandas frame, which is a copy.
    ///
    /// ## Why it matters
    ///
    /// `df[df["age"] > 90]["age"] = 90` selects rows first: pandas makes a new frame of them, writes into that and
    /// forgets it. `df` stays as it was, in every version of pandas, and what follows works with the old values.
    ///
    /// `df["age"][rows] = 90` changes the frame before pandas 3 and does nothing from then on: it counts one severity less.
    ///
    /// Only frames that are surely pandas frames count; `grid[y][x] = 1` of a list or an array is right.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// people = pd.read_csv("people.csv")
    /// people[people["age"] > 90]["age"] = 90
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// people = pd.read_csv("people.csv")
    /// people.loc[people["age"] > 90, "age"] = 90
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Select rows and column in one step: `df.loc[rows, "column"] = value`.
    "NB403" "chained-assignment",
    group: ApiMisuse,
    row: Row::Hidden,
    since: "0.1.0",
    check: Check::Static(&ChainedAssignment),
}

struct ChainedAssignment;

/// Methods of a frame that give a new one.
const COPYING: &[&str] = &[
    "astype",
    "copy",
    "drop",
    "drop_duplicates",
    "dropna",
    "fillna",
    "head",
    "nlargest",
    "nsmallest",
    "query",
    "rename",
    "reset_index",
    "sample",
    "set_index",
    "sort_index",
    "sort_values",
    "tail",
];

impl StaticRule for ChainedAssignment {
    fn visits(&self) -> Visits {
        Visits::ASSIGN
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Assign(assign) = node else { return };
        for target in &assign.targets {
            let Some((written, selection)) = written(target) else {
                continue;
            };
            let frame = column_of_frame(cx, selection);
            let copied = copied(cx, selection);
            // Somebody shows what becomes of it, or has switched the warning off.
            if (frame.is_some() || copied.is_some()) && cx.cell().text().contains("chained_assignment") {
                return;
            }
            if let Some(frame) = frame {
                report_column(cx, target, frame, selection);
                continue;
            }
            let Some((frame, copy)) = copied else {
                continue;
            };
            let name = cx.source(frame.range());
            let mended = loc(cx, target, selection);
            let help = match &mended {
                Some((_, text)) => format!("write `{text} = …`"),
                None => "select rows and columns in one step: `df.loc[rows, \"column\"] = …`".to_owned(),
            };
            let finding = Finding::new(
                cx.at(target.range()),
                format!("this writes into a copy: `{name}` stays as it was"),
            )
            .because(format!(
                "`{}` is a new frame ({copy}), and nothing keeps it.",
                short(cx.source(written.range()))
            ))
            .help(help)
            .about(format!("name:{name}"));
            cx.report(match mended {
                Some((edits, _)) => finding.fix("write by `.loc`", Applicability::Unsafe, edits),
                None => finding,
            });
        }
    }
}

fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && line.chars().count() <= 60 {
        return line.to_owned();
    }
    line.chars().take(50).chain(['…']).collect()
}

/// The selection that is written into: `df[mask]` of `df[mask]["c"]`, `df[mask].c` and `df[mask].loc[…]`.
fn written(target: &Expr) -> Option<(&Expr, &Expr)> {
    let inner = match target {
        Expr::Subscript(subscript) => match &*subscript.value {
            Expr::Attribute(attribute)
                if matches!(attribute.attr.as_str(), "loc" | "iloc" | "at" | "iat") =>
            {
                &*attribute.value
            }
            value => value,
        },
        _ => return None,
    };
    Some((inner, inner))
}

/// `df["c"]` of `df["c"][rows] = value`: a view of the frame before pandas 3, a copy from then on.
fn column_of_frame<'a>(cx: &Context<'a, '_>, selection: &'a Expr) -> Option<&'a Expr> {
    let Expr::Subscript(subscript) = selection else {
        return None;
    };
    let is_frame = || cx.model().tag(&subscript.value) == Some(Tag::DataFrame);
    (subscript.slice.is_string_literal_expr() && is_frame()).then_some(&*subscript.value)
}

fn report_column(cx: &mut Context<'_, '_>, target: &Expr, frame: &Expr, column: &Expr) {
    let (name, column) = (cx.source(frame.range()), cx.source(column.range()));
    let finding = Finding::new(
        cx.at(target.range()),
        format!("from pandas 3 on this writes into a copy of the column: `{name}` stays as it was"),
    )
    .because(format!(
        "There `{}` is always a new series; older versions change the frame, and may warn.",
        short(column)
    ))
    .help(format!(
        "select rows and column in one step: `{name}.loc[rows, \"column\"] = …`"
    ))
    .lowered_if(true)
    .about(format!("name:{name}"));
    cx.report(finding);
}

/// The frame of which the expression surely gives a copy, and why.
fn copied<'a>(cx: &Context<'a, '_>, selection: &'a Expr) -> Option<(&'a Expr, &'static str)> {
    let model = cx.model();
    match selection {
        Expr::Subscript(subscript) => {
            let is_frame = model.tag(&subscript.value) == Some(Tag::DataFrame);
            (is_frame && is_row_choice(&subscript.slice)).then_some((&*subscript.value, "the chosen rows"))
        }
        Expr::Call(call) => {
            let Expr::Attribute(method) = &*call.func else {
                return None;
            };
            let copies =
                COPYING.contains(&calls::name(call)) && call.arguments.find_keyword("inplace").is_none();
            let is_frame = model.tag(&method.value) == Some(Tag::DataFrame);
            (copies && is_frame).then_some((&*method.value, "what the method returns"))
        }
        _ => None,
    }
}

/// A mask of rows: a comparison, a combination of them, or a method that answers for each row.
fn is_row_choice(slice: &Expr) -> bool {
    match slice {
        Expr::Compare(comparison) => !comparison
            .ops
            .iter()
            .any(|op| matches!(op, CmpOp::In | CmpOp::NotIn | CmpOp::Is | CmpOp::IsNot)),
        Expr::BinOp(operation) => {
            matches!(
                operation.op,
                Operator::BitAnd | Operator::BitOr | Operator::BitXor
            ) && is_row_choice(&operation.left)
        }
        Expr::UnaryOp(operation) => operation.op == UnaryOp::Invert && is_row_choice(&operation.operand),
        Expr::Call(call) => {
            call.func.is_attribute_expr()
                && matches!(
                    calls::name(call),
                    "isin"
                        | "isna"
                        | "isnull"
                        | "notna"
                        | "notnull"
                        | "between"
                        | "duplicated"
                        | "eq"
                        | "ne"
                        | "lt"
                        | "gt"
                        | "le"
                        | "ge"
                        | "startswith"
                        | "endswith"
                        | "contains"
                )
        }
        _ => false,
    }
}

/// `df.loc[mask, "c"]` for `df[mask]["c"]`.
fn loc(cx: &Context<'_, '_>, target: &Expr, selection: &Expr) -> Option<(Vec<Edit>, String)> {
    let (Expr::Subscript(outer), Expr::Subscript(inner)) = (target, selection) else {
        return None;
    };
    if outer.value.range() != selection.range() || !outer.slice.is_string_literal_expr() {
        return None;
    }
    let between = TextRange::new(inner.slice.end(), outer.slice.start());
    let opening = opening(cx, inner)?;
    let joined: String = cx.source(between).split_whitespace().collect();
    if joined != "][" {
        return None;
    }
    let frame = cx.source(inner.value.range());
    let (rows, column) = (cx.source(inner.slice.range()), cx.source(outer.slice.range()));
    let edits = vec![cx.edit(opening, ".loc"), cx.edit(between, ", ")];
    Some((edits, short(&format!("{frame}.loc[{rows}, {column}]"))))
}

/// The place of the bracket, where nothing but it stands between the frame and the rows.
fn opening(cx: &Context<'_, '_>, inner: &ExprSubscript) -> Option<TextRange> {
    let between = TextRange::new(inner.value.end(), inner.slice.start());
    (cx.source(between) == "[").then(|| TextRange::empty(inner.value.end()))
}
