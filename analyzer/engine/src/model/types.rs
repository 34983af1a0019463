//! The small type lattice: what kind of value an expression surely gives. Unknown stays unknown, and a rule that
//! needs a kind stays silent without it.

use ruff_python_ast::{self as ast, Expr, Number, Operator};

use super::{BindingKind, Model};

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tag {
    /// `None`.
    None,
    /// `bool`.
    Bool,
    /// `int` or `float`.
    Number,
    /// `str`.
    Str,
    /// `list`.
    List,
    /// `tuple`.
    Tuple,
    /// `dict`.
    Dict,
    /// `set`.
    Set,
    /// `pandas.DataFrame`.
    DataFrame,
    /// `pandas.Series`.
    Series,
    /// `numpy.ndarray`.
    NdArray,
}

/// How many bindings are followed from one expression to the next.
const MAX_STEPS: u32 = 8;

/// Functions of pandas that give a `DataFrame` whatever their arguments.
const FRAME_MAKERS: &[&str] = &[
    "pandas.DataFrame",
    "pandas.read_csv",
    "pandas.read_table",
    "pandas.read_parquet",
    "pandas.read_json",
    "pandas.read_feather",
    "pandas.read_pickle",
    "pandas.read_sql",
    "pandas.read_sql_query",
    "pandas.read_fwf",
    "pandas.DataFrame.from_dict",
    "pandas.DataFrame.from_records",
    "pandas.merge",
    "pandas.get_dummies",
    "pandas.json_normalize",
    "pandas.melt",
    "pandas.pivot_table",
    "pandas.crosstab",
    "pandas.io.json.json_normalize",
    "seaborn.load_dataset",
];

/// Methods of a `DataFrame` that give a `DataFrame` again (without `inplace`).
const FRAME_METHODS: &[&str] = &[
    "assign",
    "astype",
    "copy",
    "drop",
    "drop_duplicates",
    "dropna",
    "ffill",
    "bfill",
    "fillna",
    "filter",
    "head",
    "interpolate",
    "join",
    "merge",
    "nlargest",
    "nsmallest",
    "query",
    "reindex",
    "rename",
    "replace",
    "reset_index",
    "round",
    "sample",
    "select_dtypes",
    "set_index",
    "shift",
    "sort_index",
    "sort_values",
    "tail",
    "transform",
    "where",
    "mask",
    "melt",
    "pivot",
    "pivot_table",
    "clip",
    "corr",
    "describe",
    "add_prefix",
    "add_suffix",
];

/// Functions of numpy that give an array.
const ARRAY_MAKERS: &[&str] = &[
    "numpy.array",
    "numpy.asarray",
    "numpy.arange",
    "numpy.zeros",
    "numpy.ones",
    "numpy.full",
    "numpy.empty",
    "numpy.linspace",
    "numpy.logspace",
    "numpy.eye",
    "numpy.zeros_like",
    "numpy.ones_like",
    "numpy.concatenate",
    "numpy.random.rand",
    "numpy.random.randn",
    "numpy.vstack",
    "numpy.hstack",
    "numpy.stack",
];

impl<'a> Model<'a> {
    /// The kind of value that an expression surely gives.
    pub fn tag(&self, expression: &'a Expr) -> Option<Tag> {
        self.tag_within(expression, MAX_STEPS)
    }

    fn tag_within(&self, expression: &'a Expr, steps: u32) -> Option<Tag> {
        let steps = steps.checked_sub(1)?;
        match expression {
            Expr::NoneLiteral(_) => Some(Tag::None),
            Expr::BooleanLiteral(_) => Some(Tag::Bool),
            Expr::NumberLiteral(literal) => match literal.value {
                Number::Int(_) | Number::Float(_) => Some(Tag::Number),
                Number::Complex { .. } => None,
            },
            Expr::StringLiteral(_) | Expr::FString(_) => Some(Tag::Str),
            Expr::List(_) | Expr::ListComp(_) => Some(Tag::List),
            Expr::Tuple(_) => Some(Tag::Tuple),
            Expr::Dict(_) | Expr::DictComp(_) => Some(Tag::Dict),
            Expr::Set(_) | Expr::SetComp(_) => Some(Tag::Set),
            Expr::Named(named) => self.tag_within(&named.value, steps),
            Expr::If(choice) => {
                let tag = self.tag_within(&choice.body, steps)?;
                (self.tag_within(&choice.orelse, steps)? == tag).then_some(tag)
            }
            Expr::Name(name) => self.tag_of_name(name, steps),
            Expr::Call(call) => self.tag_of_call(call, steps),
            Expr::BinOp(operation) => self.tag_of_operation(operation, steps),
            Expr::Subscript(subscript) => self.tag_of_subscript(subscript, steps),
            Expr::Attribute(attribute) => self.tag_of_attribute(attribute, steps),
            _ => None,
        }
    }

    fn tag_of_name(&self, name: &'a ast::ExprName, steps: u32) -> Option<Tag> {
        let ids = self.certain_bindings(name)?;
        let mut tags = ids.iter().map(|id| match self.binding(*id).kind {
            BindingKind::Value(value) => self.tag_within(value, steps),
            _ => None,
        });
        let first = tags.next()??;
        tags.all(|tag| tag == Some(first)).then_some(first)
    }

    fn tag_of_call(&self, call: &'a ast::ExprCall, steps: u32) -> Option<Tag> {
        if let Some(name) = self.qualified_name(&call.func) {
            return match name.segments() {
                ["builtins", "list" | "sorted"] => Some(Tag::List),
                ["builtins", "dict"] => Some(Tag::Dict),
                ["builtins", "set"] => Some(Tag::Set),
                ["builtins", "tuple"] => Some(Tag::Tuple),
                ["builtins", "str" | "repr" | "input"] => Some(Tag::Str),
                ["builtins", "len" | "int" | "float"] => Some(Tag::Number),
                ["builtins", "print"] => Some(Tag::None),
                ["pandas", "Series"] => Some(Tag::Series),
                _ if name.is_any(FRAME_MAKERS) => Some(Tag::DataFrame),
                _ if name.is_any(ARRAY_MAKERS) => Some(Tag::NdArray),
                _ => None,
            };
        }
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        let receiver = self.tag_within(&method.value, steps)?;
        let name = method.attr.as_str();
        match receiver {
            Tag::DataFrame if FRAME_METHODS.contains(&name) && !has_inplace(call) => Some(Tag::DataFrame),
            Tag::Str => match name {
                "split" | "rsplit" | "splitlines" => Some(Tag::List),
                "strip" | "lower" | "upper" | "replace" | "join" | "format" | "title" => Some(Tag::Str),
                _ => None,
            },
            Tag::List | Tag::Dict | Tag::Set if name == "copy" => Some(receiver),
            _ => None,
        }
    }

    fn tag_of_operation(&self, operation: &'a ast::ExprBinOp, steps: u32) -> Option<Tag> {
        let left = self.tag_within(&operation.left, steps)?;
        match (left, operation.op) {
            (Tag::Str, Operator::Mod) => Some(Tag::Str),
            (Tag::List, Operator::Mult) => Some(Tag::List),
            (Tag::List | Tag::Str, Operator::Add) => {
                (self.tag_within(&operation.right, steps)? == left).then_some(left)
            }
            _ => None,
        }
    }

    fn tag_of_subscript(&self, subscript: &'a ast::ExprSubscript, steps: u32) -> Option<Tag> {
        match (self.tag_within(&subscript.value, steps)?, &*subscript.slice) {
            (Tag::DataFrame, Expr::StringLiteral(_)) => Some(Tag::Series),
            (Tag::DataFrame, Expr::List(_) | Expr::Compare(_)) => Some(Tag::DataFrame),
            (tag @ (Tag::List | Tag::Tuple | Tag::Str), Expr::Slice(_)) => Some(tag),
            _ => None,
        }
    }

    fn tag_of_attribute(&self, attribute: &'a ast::ExprAttribute, steps: u32) -> Option<Tag> {
        match (self.tag_within(&attribute.value, steps)?, attribute.attr.as_str()) {
            (Tag::DataFrame, "T") => Some(Tag::DataFrame),
            (Tag::DataFrame | Tag::Series, "values") => Some(Tag::NdArray),
            _ => None,
        }
    }
}

/// The call has `inplace=` with anything but a literal `False`.
fn has_inplace(call: &ast::ExprCall) -> bool {
    call.arguments
        .find_keyword("inplace")
        .is_some_and(|keyword| !matches!(&keyword.value, Expr::BooleanLiteral(literal) if !literal.value))
}
