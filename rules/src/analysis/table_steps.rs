//! What an expression does to the rows of the frames in it: joins them, drops rows with gaps, keeps some. As far as
//! pandas and polars name it; whatever else stands in the expression makes it unknown.

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall},
};

use super::{
    calls,
    steps::{keyword, keyword_is},
    tables::{Change, rows},
};

/// Nobody writes longer chains of methods.
const LONGEST_CHAIN: usize = 50;

/// What is done to rows.
pub(crate) enum Step<'a> {
    /// Rows with gaps are dropped.
    DropGaps { of: &'a Expr },
    /// Two frames are joined by keys.
    Join(Join<'a>),
    /// Rows of which something holds are kept.
    Filter { of: &'a Expr },
}

/// A join.
pub(crate) struct Join<'a> {
    pub(crate) call: &'a ExprCall,
    pub(crate) left: &'a Expr,
    pub(crate) right: &'a Expr,
    pub(crate) how: How,
}

/// Which rows a join keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Inner,
    Left,
    Right,
    Outer,
    /// Cross products, semi joins, whatever a variable says.
    Other,
}

/// How many rows an expression has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    Exactly(u64),
    AtMost(u64),
}

impl Rows {
    /// Not more than this.
    pub(crate) fn most(self) -> u64 {
        match self {
            Self::Exactly(rows) | Self::AtMost(rows) => rows,
        }
    }

    /// The number, where it is known.
    pub(crate) fn exactly(self) -> Option<u64> {
        match self {
            Self::Exactly(rows) => Some(rows),
            Self::AtMost(_) => None,
        }
    }
}

/// Methods that leave the rows of a frame as many as they are.
const KEEP_ROWS: &[&str] = &[
    "copy",
    "reset_index",
    "set_index",
    "sort_values",
    "sort_index",
    "sort",
    "rename",
    "rename_axis",
    "astype",
    "assign",
    "with_columns",
    "fillna",
    "round",
    "convert_dtypes",
    "infer_objects",
    "set_axis",
    "add_prefix",
    "add_suffix",
    "to_frame",
    "clone",
];

/// Methods that leave no more rows than there are.
const NO_MORE_ROWS: &[&str] = &[
    "dropna",
    "drop_nulls",
    "drop_duplicates",
    "unique",
    "query",
    "head",
    "tail",
    "nlargest",
    "nsmallest",
    "filter",
    "drop",
];

/// The step that decides about the rows of a change's value.
pub(crate) fn of<'a>(model: &Model<'a>, change: &Change<'a>) -> Option<Step<'a>> {
    if change.column.is_some() {
        return None;
    }
    let mut value = change.value;
    for _ in 0..LONGEST_CHAIN {
        if let Some(step) = step(model, change, value) {
            return Some(step);
        }
        value = keeping(value)?;
    }
    None
}

fn step<'a>(model: &Model<'a>, change: &Change<'a>, value: &'a Expr) -> Option<Step<'a>> {
    match value {
        Expr::Call(call) => match (calls::name(call), &*call.func) {
            ("dropna" | "drop_nulls", Expr::Attribute(method)) if drops_rows(call) => {
                Some(Step::DropGaps { of: &method.value })
            }
            ("query", Expr::Attribute(method)) => Some(Step::Filter { of: &method.value }),
            ("filter", Expr::Attribute(method)) if is_of(change, &method.value, "polars.") => {
                Some(Step::Filter { of: &method.value })
            }
            ("merge" | "join", _) => join(model, change, call).map(Step::Join),
            _ => None,
        },
        Expr::Subscript(part) => match &*part.value {
            Expr::Attribute(locator) if locator.attr.as_str() == "loc" => {
                let wanted = match &*part.slice {
                    Expr::Tuple(both) => both.elts.first()?,
                    wanted => wanted,
                };
                is_condition(wanted).then_some(Step::Filter { of: &locator.value })
            }
            of => is_condition(&part.slice).then_some(Step::Filter { of }),
        },
        _ => None,
    }
}

/// Rows, not columns, and such with any gap.
fn drops_rows(call: &ExprCall) -> bool {
    let all = keyword_is(call, "how", "all") || keyword(call, "thresh").is_some();
    !all && call.arguments.args.is_empty() && keyword(call, "axis").is_none()
}

/// A comparison of columns, or several of them; a name may hold anything.
fn is_condition(slice: &Expr) -> bool {
    match slice {
        Expr::Compare(_) => true,
        Expr::BinOp(both) => is_condition(&both.left) && is_condition(&both.right),
        Expr::UnaryOp(not) => is_condition(&not.operand),
        Expr::Call(call) => matches!(
            calls::name(call),
            "isin" | "between" | "contains" | "startswith" | "endswith" | "notna" | "notnull"
        ),
        _ => false,
    }
}

fn join<'a>(model: &Model<'a>, change: &Change<'a>, call: &'a ExprCall) -> Option<Join<'a>> {
    let arguments = &call.arguments;
    let is_function = model
        .qualified_name(&call.func)
        .is_some_and(|name| name.is("pandas.merge"));
    let (left, right) = if is_function {
        let left = keyword(call, "left").or_else(|| arguments.args.first())?;
        let rest = usize::from(keyword(call, "left").is_none());
        (left, keyword(call, "right").or_else(|| arguments.args.get(rest))?)
    } else {
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        let given = ["right", "other"].iter().find_map(|name| keyword(call, name));
        (&*method.value, given.or_else(|| arguments.args.first())?)
    };
    // Text has a `join` too.
    rows_of(change, left)?;
    rows_of(change, right)?;
    let how = match keyword(call, "how") {
        // `DataFrame.join` keeps the rows on its left.
        None if calls::name(call) == "join" && is_of(change, left, "pandas.") => How::Left,
        None => How::Inner,
        Some(Expr::StringLiteral(how)) => match how.value.to_str() {
            "inner" => How::Inner,
            "left" => How::Left,
            "right" => How::Right,
            "outer" | "full" => How::Outer,
            _ => How::Other,
        },
        Some(_) => How::Other,
    };
    let by_position = arguments.args.len() > if is_function { 2 } else { 1 };
    let unclear = arguments.keywords.iter().any(|keyword| keyword.arg.is_none());
    Some(Join {
        call,
        left,
        right,
        how: if by_position || unclear { How::Other } else { how },
    })
}

/// The name at the root of an expression held a table of this library.
fn is_of(change: &Change<'_>, frame: &Expr, library: &str) -> bool {
    let name = super::steps::root(frame);
    name.and_then(|name| change.before(name))
        .is_some_and(|value| value.type_name.starts_with(library))
}

impl Join<'_> {
    /// It says what it expects of the keys.
    pub(crate) fn is_checked(&self) -> bool {
        ["validate", "indicator"]
            .iter()
            .any(|name| keyword(self.call, name).is_some())
    }
}

/// What a method that keeps all rows, or a choice of columns, is applied to.
fn keeping(value: &Expr) -> Option<&Expr> {
    match value {
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(method) => {
                let name = method.attr.as_str();
                let columns = name == "drop" && keyword(call, "columns").is_some();
                (columns || KEEP_ROWS.contains(&name)).then_some(&*method.value)
            }
            _ => None,
        },
        Expr::Subscript(part) => {
            let columns = part.slice.is_string_literal_expr() || part.slice.is_list_expr();
            columns.then_some(&*part.value)
        }
        _ => None,
    }
}

/// The rows of a frame that an expression makes of one name.
pub(crate) fn rows_of(change: &Change<'_>, mut frame: &Expr) -> Option<Rows> {
    let mut exactly = true;
    for _ in 0..LONGEST_CHAIN {
        if let Expr::Name(name) = frame {
            let value = change.before(name.id.as_str())?;
            let is_frame = value.shape.as_ref()?.len() == 2 || value.type_name.ends_with(".Series");
            let rows = rows(value).filter(|_| is_frame)?;
            return Some(if exactly {
                Rows::Exactly(rows)
            } else {
                Rows::AtMost(rows)
            });
        }
        let kept = keeping(frame);
        exactly &= kept.is_some();
        frame = kept.or_else(|| fewer(frame))?;
    }
    None
}

fn fewer(frame: &Expr) -> Option<&Expr> {
    match frame {
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(method) if NO_MORE_ROWS.contains(&method.attr.as_str()) => Some(&*method.value),
            _ => None,
        },
        Expr::Subscript(part) => match &*part.value {
            Expr::Attribute(locator) if matches!(locator.attr.as_str(), "loc" | "iloc") => {
                Some(&*locator.value)
            }
            inner => is_condition(&part.slice).then_some(inner),
        },
        _ => None,
    }
}
