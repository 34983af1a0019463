//! NB403 chained-assignment.

use std::collections::HashSet;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{CmpOp, Expr, ExprCall, ExprName, ExprSubscript, Operator, Ranged, TextRange, UnaryOp},
    model::{BindingKind, Tag},
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
    /// `df["age"][rows] = 90`, `df.loc[0]["age"] = 90` and `df["age"].fillna(0, inplace=True)` can change the frame before
    /// pandas 3 and do nothing from then on: they count one severity less.
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
    /// Select rows and column in one step: `df.loc[rows, "column"] = value`. Give what a method returns back to the column:
    /// `df["column"] = df["column"].fillna(0)`.
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

/// Methods of a column that change it by `inplace=True`, and of which pandas 3 warns that the frame does not see it.
const INPLACE: &[&str] = &[
    "bfill",
    "clip",
    "ffill",
    "fillna",
    "interpolate",
    "mask",
    "replace",
    "where",
];

impl StaticRule for ChainedAssignment {
    fn visits(&self) -> Visits {
        Visits::ASSIGN | Visits::EXPRESSION
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        // Somebody shows what becomes of it, or has switched the warning off.
        let is_known = |cx: &Context<'_, '_>| cx.model().once(Told::of).0.contains(&cx.position());
        match node {
            Node::Assign(assign) => {
                for target in &assign.targets {
                    if let Some(finding) = written(target).and_then(|part| look_at(cx, target, part))
                        && !is_known(cx)
                    {
                        cx.report(finding);
                    }
                }
            }
            Node::Expression(statement) => {
                if let Expr::Call(call) = &*statement.value
                    && let Some(finding) = changed_in_place(cx, call)
                    && !is_known(cx)
                {
                    cx.report(finding);
                }
            }
            _ => {}
        }
    }
}

/// The cells that speak of it.
struct Told(HashSet<usize>);

impl Told {
    fn of(model: &Model<'_>) -> Self {
        let cells = model.parsed().cells().iter().enumerate();
        let told = cells.filter(|(_, cell)| cell.text().contains("chained_assignment"));
        Self(told.map(|(position, _)| position).collect())
    }
}

fn look_at<'a>(cx: &Context<'a, '_>, target: &'a Expr, selection: &'a Expr) -> Option<Finding> {
    // An attribute of a series, such as its name, is no value of the frame.
    if target.is_subscript_expr() {
        if let Some(frame) = column_of_frame(cx, selection) {
            return Some(column_finding(cx, target, frame, selection));
        }
        if let Some(frame) = row_of_frame(cx, selection) {
            return Some(row_finding(cx, target, frame, selection));
        }
    }
    let (frame, copy) = copied(cx, selection)?;
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
        short(cx.source(selection.range()))
    ))
    .help(help)
    .about(format!("name:{name}"));
    Some(match mended {
        Some((edits, _)) => finding.fix("write by `.loc`", Applicability::Unsafe, edits),
        None => finding,
    })
}

/// A secret is masked before the text is cut: what is left of one would no longer be known for what it is.
fn short(text: &str) -> String {
    let text = &*nbvet_engine::secrets::masked(text);
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && line.chars().count() <= 60 {
        return line.to_owned();
    }
    line.chars().take(50).chain(['…']).collect()
}

/// The selection that is written into: `df[mask]` of `df[mask]["c"]`, `df[mask].c` and `df[mask].loc[…]`.
fn written(target: &Expr) -> Option<&Expr> {
    match target {
        Expr::Subscript(subscript) => match &*subscript.value {
            Expr::Attribute(attribute)
                if matches!(attribute.attr.as_str(), "loc" | "iloc" | "at" | "iat") =>
            {
                Some(&attribute.value)
            }
            value => Some(value),
        },
        Expr::Attribute(attribute) => Some(&attribute.value),
        _ => None,
    }
}

/// The frame and the choice of `df.loc[choice]` and `df.iloc[choice]`.
fn located<'a>(cx: &Context<'a, '_>, selection: &'a Expr) -> Option<(&'a Expr, &'a Expr)> {
    let Expr::Subscript(subscript) = selection else {
        return None;
    };
    let Expr::Attribute(attribute) = &*subscript.value else {
        return None;
    };
    let is_frame = matches!(attribute.attr.as_str(), "loc" | "iloc")
        && cx.model().tag(&attribute.value) == Some(Tag::DataFrame);
    is_frame.then_some((&*attribute.value, &*subscript.slice))
}

/// `df.loc[0]` of `df.loc[0]["c"] = value`: before pandas 3 a view where all columns are of one type.
fn row_of_frame<'a>(cx: &Context<'a, '_>, selection: &'a Expr) -> Option<&'a Expr> {
    let (frame, choice) = located(cx, selection)?;
    let choice = match choice {
        Expr::UnaryOp(operation) => &*operation.operand,
        choice => choice,
    };
    (choice.is_number_literal_expr() || choice.is_string_literal_expr()).then_some(frame)
}

/// `df["c"]` of `df["c"][rows] = value`: a view of the frame before pandas 3, a copy from then on.
fn column_of_frame<'a>(cx: &Context<'a, '_>, selection: &'a Expr) -> Option<&'a Expr> {
    let Expr::Subscript(subscript) = selection else {
        return None;
    };
    let is_frame = || cx.model().tag(&subscript.value) == Some(Tag::DataFrame);
    (subscript.slice.is_string_literal_expr() && is_frame()).then_some(&*subscript.value)
}

/// `df.c` where a method of a column is called on it.
fn attribute_of_frame<'a>(cx: &Context<'a, '_>, column: &'a Expr) -> Option<&'a Expr> {
    let Expr::Attribute(attribute) = column else {
        return None;
    };
    let is_column =
        attribute.attr.as_str() != "T" && cx.model().tag(&attribute.value) == Some(Tag::DataFrame);
    is_column.then_some(&*attribute.value)
}

fn column_finding(cx: &Context<'_, '_>, target: &Expr, frame: &Expr, column: &Expr) -> Finding {
    let (name, column) = (cx.source(frame.range()), cx.source(column.range()));
    Finding::new(
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
    .about(format!("name:{name}"))
}

fn row_finding(cx: &Context<'_, '_>, target: &Expr, frame: &Expr, row: &Expr) -> Finding {
    let (name, row) = (cx.source(frame.range()), cx.source(row.range()));
    Finding::new(
        cx.at(target.range()),
        format!("from pandas 3 on this writes into a copy of the row: `{name}` stays as it was"),
    )
    .because(format!(
        "There `{}` is always a new series; older versions change the frame only where its columns are of one type.",
        short(row)
    ))
    .help(format!(
        "select row and column in one step: `{name}.loc[row, \"column\"] = …`"
    ))
    .lowered_if(true)
    .about(format!("name:{name}"))
}

/// `df["c"].fillna(0, inplace=True)`.
fn changed_in_place<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<Finding> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let in_place = call.arguments.find_keyword("inplace")?;
    let is_told = matches!(&in_place.value, Expr::BooleanLiteral(told) if told.value);
    if !is_told || !INPLACE.contains(&method.attr.as_str()) {
        return None;
    }
    let frame = column_of_frame(cx, &method.value).or_else(|| attribute_of_frame(cx, &method.value))?;
    let (name, column) = (cx.source(frame.range()), cx.source(method.value.range()));
    let called = method.attr.as_str();
    let finding = Finding::new(
        cx.at(call.range()),
        format!("from pandas 3 on `{called}` changes a copy of the column: `{name}` stays as it was"),
    )
    .because(format!(
        "There `{}` is always a new series; older versions change the frame, and may warn.",
        short(column)
    ))
    .help(format!(
        "give the column what the method returns: `{} = {}.{called}(…)`",
        short(column),
        short(column)
    ))
    .lowered_if(true)
    .about(format!("name:{name}"));
    Some(finding)
}

/// The frame of which the expression surely gives a copy, and why.
fn copied<'a>(cx: &Context<'a, '_>, selection: &'a Expr) -> Option<(&'a Expr, &'static str)> {
    let model = cx.model();
    match selection {
        Expr::Subscript(subscript) => {
            if let Some((frame, choice)) = located(cx, selection) {
                return Some((frame, chosen_by_loc(cx, choice)?));
            }
            let is_frame = model.tag(&subscript.value) == Some(Tag::DataFrame);
            let chosen = chosen(cx, &subscript.slice).filter(|_| is_frame)?;
            Some((&*subscript.value, chosen))
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

/// What a choice within brackets takes, where it is surely a copy: rows by a mask, or columns by a list.
fn chosen<'a>(cx: &Context<'a, '_>, choice: &'a Expr) -> Option<&'static str> {
    let is_mask = is_row_choice(choice) || choice.as_name_expr().is_some_and(|name| is_mask(cx, name));
    let is_list = || matches!(choice, Expr::List(list) if list.iter().all(Expr::is_string_literal_expr));
    match (is_mask, is_list()) {
        (true, _) => Some("the chosen rows"),
        (_, true) => Some("the chosen columns"),
        _ => None,
    }
}

/// The same for `loc` and `iloc`, which take rows first: a mask or a list of either is a copy.
fn chosen_by_loc<'a>(cx: &Context<'a, '_>, choice: &'a Expr) -> Option<&'static str> {
    let is_part = |part: &'a Expr| part.is_list_expr() || chosen(cx, part).is_some();
    let found = match choice {
        Expr::Tuple(parts) => parts.iter().any(is_part),
        choice => is_part(choice),
    };
    found.then_some("the chosen rows")
}

/// The name of a mask: `old = df["age"] > 90`.
fn is_mask(cx: &Context<'_, '_>, name: &ExprName) -> bool {
    let ids = cx.model().certain_bindings(name).unwrap_or_default();
    let is_it = |kind| matches!(kind, BindingKind::Value(value) if is_row_choice(value));
    !ids.is_empty() && ids.iter().all(|id| is_it(cx.model().binding(*id).kind))
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
fn loc<'a>(cx: &Context<'a, '_>, target: &'a Expr, selection: &'a Expr) -> Option<(Vec<Edit>, String)> {
    let (Expr::Subscript(outer), Expr::Subscript(inner)) = (target, selection) else {
        return None;
    };
    if outer.value.range() != selection.range() || !outer.slice.is_string_literal_expr() {
        return None;
    }
    let between = TextRange::new(inner.slice.end(), outer.slice.start());
    let is_located = located(cx, selection).is_some();
    let names_loc = matches!(&*inner.value, Expr::Attribute(attribute) if attribute.attr.as_str() == "loc");
    let is_loc = is_located && names_loc;
    // `iloc` takes no name of a column, and only one choice of columns has a place.
    let by_name = is_loc || !is_located;
    if !by_name || inner.slice.is_tuple_expr() || inner.slice.is_list_expr() {
        return None;
    }
    let opening = opening(cx, inner)?;
    let joined: String = cx.source(between).split_whitespace().collect();
    if joined != "][" {
        return None;
    }
    let frame = cx.source(inner.value.range());
    let (rows, column) = (cx.source(inner.slice.range()), cx.source(outer.slice.range()));
    let mut edits = vec![cx.edit(between, ", ")];
    if is_loc {
        return Some((edits, short(&format!("{frame}[{rows}, {column}]"))));
    }
    edits.insert(0, cx.edit(opening, ".loc"));
    Some((edits, short(&format!("{frame}.loc[{rows}, {column}]"))))
}

/// The place of the bracket, where nothing but it stands between the frame and the rows.
fn opening(cx: &Context<'_, '_>, inner: &ExprSubscript) -> Option<TextRange> {
    let between = TextRange::new(inner.value.end(), inner.slice.start());
    (cx.source(between) == "[").then(|| TextRange::empty(inner.value.end()))
}
