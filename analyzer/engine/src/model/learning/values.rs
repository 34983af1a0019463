//! What is known of the value of an expression.

use std::rc::Rc;

use ruff_python_ast::StmtFunctionDef;
use smallvec::SmallVec;

use super::{DataId, EstimatorId, EvaluationId, FitId, FrameId, RowsId, Side, SplitId};

/// What is known of a value.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    /// Nothing.
    Unknown,
    /// Something with rows.
    Data(DataId),
    /// What a data set's loader gives: `data` and `target` are parts of it.
    Bunch(DataId, DataId),
    /// An estimator.
    Estimator(EstimatorId),
    /// What a model predicts.
    Prediction(Prediction),
    /// Scores of models.
    Scores(SmallVec<[EvaluationId; 2]>),
    /// A tuple or list of known items.
    Items(Rc<[Value<'a>]>),
    /// A string.
    Text(&'a str),
    /// Names of columns, if it is known which.
    Names(Option<ColumnNames<'a>>),
    /// A function of the notebook.
    Function(Function<'a>),
    /// `KFold` and its like: whether it shuffles.
    Splitter { shuffles: bool, stratified: bool },
    /// The pairs of indices that a splitter gives.
    Folds(SplitId),
    /// One side of such a pair.
    Index(SplitId, Side),
    /// The index of a table's rows: `frame.index`.
    RowIndex(RowsId),
    /// A condition on rows.
    Mask,
    /// A figure of all rows, or one of each column: `X.mean()`.
    Figure(Figure),
    /// `frame.groupby(…)`, of all columns or of some.
    Groups(DataId),
}

/// A figure of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figure {
    pub(super) of: DataId,
    /// It is nothing but the greatest of the values.
    pub(super) peak: bool,
}

/// The columns that a table had at one point, all but some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnNames<'a> {
    pub(super) frame: FrameId,
    pub(super) dropped: Vec<&'a str>,
    /// How many columns had been written into tables by then.
    pub(super) written: usize,
}

/// A function of the notebook.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function<'a> {
    pub(super) definition: &'a StmtFunctionDef,
    pub(super) cell: usize,
}

/// What a model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prediction {
    pub(super) estimator: EstimatorId,
    pub(super) fit: Option<FitId>,
    pub(super) data: DataId,
    pub(super) target: Option<DataId>,
    pub(super) crossed: bool,
}

impl Value<'_> {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, Self::Unknown) | (Self::Mask, Self::Mask) => true,
            (Self::Data(left), Self::Data(right))
            | (Self::Groups(left), Self::Groups(right))
            | (Self::Bunch(left, _), Self::Bunch(right, _)) => left == right,
            (Self::Figure(left), Self::Figure(right)) => left == right,
            (Self::Estimator(left), Self::Estimator(right)) => left == right,
            (Self::Prediction(left), Self::Prediction(right)) => left == right,
            (Self::Scores(left), Self::Scores(right)) => left == right,
            (Self::Items(left), Self::Items(right)) => {
                left.len() == right.len()
                    && left
                        .iter()
                        .zip(right.iter())
                        .all(|(left, right)| left.is_same(right))
            }
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::Names(left), Self::Names(right)) => left == right,
            (Self::Function(left), Self::Function(right)) => std::ptr::eq(left.definition, right.definition),
            (Self::Folds(left), Self::Folds(right)) => left == right,
            (Self::Index(left, one), Self::Index(right, other)) => left == right && one == other,
            (Self::RowIndex(left), Self::RowIndex(right)) => left == right,
            _ => false,
        }
    }
}

/// The strings of a list, if it holds nothing else.
pub(super) fn texts<'a>(items: &[Value<'a>]) -> Option<Vec<&'a str>> {
    items
        .iter()
        .map(|item| match item {
            Value::Text(text) => Some(*text),
            _ => None,
        })
        .collect()
}
