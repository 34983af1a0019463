//! How data flows into models: splits, fits and evaluations, and for every value its rows, its columns and what it
//! has learned. One walk in the order of the cells, in which functions of the notebook are followed where they are
//! called. What is not known stays unknown.

mod arguments;
mod calls;
mod catalogue;
mod estimators;
mod expressions;
mod interpreter;
mod methods;
mod rows;
mod scale;
mod statistics;
mod values;

use ruff_python_ast::ExprCall;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

pub use catalogue::EstimatorKind;
pub use rows::{Relation, RowSets, Rows, RowsId, Side};

use super::{Model, Place, index_u32};

/// How many parts of an estimator are looked at; nobody writes more.
const MAX_PARTS: usize = 64;
/// How many fits a value remembers, and how many columns that it was asked for.
const MAX_REMEMBERED: usize = 128;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);
    };
}

id! {
    /// Identifies a value that holds rows.
    DataId
}
id! {
    /// Identifies a table: values with the same one name their columns alike.
    FrameId
}
id! {
    /// Identifies an estimator.
    EstimatorId
}
id! {
    /// Identifies a fit.
    FitId
}
id! {
    /// Identifies a split.
    SplitId
}
id! {
    /// Identifies an evaluation.
    EvaluationId
}

/// Which columns of its table a value holds or is computed from, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns<'a> {
    /// Nobody can say.
    Unknown,
    /// These, and nobody can say which others.
    AtLeast(Vec<&'a str>),
    /// All but these.
    AllBut(Vec<&'a str>),
    /// Only these.
    Only(Vec<&'a str>),
}

impl Columns<'_> {
    /// The value surely holds this column.
    pub fn has(&self, column: &str) -> bool {
        match self {
            Self::Unknown => false,
            Self::AllBut(dropped) => !dropped.contains(&column),
            Self::Only(kept) | Self::AtLeast(kept) => kept.contains(&column),
        }
    }
}

/// A table, an array, a column: anything with rows.
#[derive(Debug, Clone)]
pub struct Data<'a> {
    /// Its rows.
    pub rows: RowsId,
    /// The table that its columns are of.
    pub frame: FrameId,
    /// Its columns.
    pub columns: Columns<'a>,
    /// The columns are as they were read.
    pub exact: bool,
    /// Fits of transformers whose figures are in it.
    pub learned: SmallVec<[FitId; 2]>,
    /// The table that its values are figures of groups of.
    pub aggregated: Option<DataId>,
    /// Where values of other points in time came in.
    pub lagged: Option<Place>,
}

/// An estimator: transformer, model, pipeline, search.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Estimator<'a> {
    /// Its class, where it is known.
    pub class: Option<&'a str>,
    /// What it is.
    pub kind: EstimatorKind,
    /// What it is made of.
    pub inner: Vec<EstimatorId>,
    /// Its call depends on the variable of a loop around it.
    pub varied: bool,
    /// Stops when the score on data given to `fit` gets no better.
    pub stops_early: bool,
    /// Comes to something else when a column is moved or stretched; what it is made of is not looked at.
    pub minds_scale: bool,
    /// What it makes of a table is one, with columns under their names.
    pub names_columns: bool,
    /// It was asked to predict.
    pub predicted: bool,
    /// Its last fit.
    pub fit: Option<FitId>,
}

impl<'a> Estimator<'a> {
    /// Of which nothing else is known.
    fn new(class: Option<&'a str>, kind: EstimatorKind) -> Self {
        Self {
            class,
            kind,
            inner: Vec::new(),
            varied: false,
            stops_early: false,
            minds_scale: true,
            names_columns: false,
            predicted: false,
            fit: None,
        }
    }
}

/// What a transformer takes from the rows that it is fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// By what each column is moved and stretched.
    Scale,
    /// What is put where a value is missing.
    Fill,
    /// A figure for each group of rows, of a column that may be the target.
    Group,
    /// Which rows are alike, whatever is to be predicted.
    Likeness,
    /// Anything else.
    More,
}

/// A call of `fit`, or of what fits and transforms, or a statement that puts figures of all rows into each.
#[derive(Debug, Clone)]
pub struct Fit<'a> {
    /// The call.
    pub place: Place,
    /// Who.
    pub estimator: EstimatorId,
    /// On what.
    pub data: DataId,
    /// To predict what.
    pub target: Option<DataId>,
    /// What decides when it stops.
    pub watched: Option<DataId>,
    /// What a transformer takes from it.
    pub lesson: Lesson,
    /// The call in the tree; figures that are computed by hand have none.
    pub call: Option<&'a ExprCall>,
}

/// A split into a training and a test part.
#[derive(Debug, Clone)]
pub struct Split<'a> {
    /// The call.
    pub place: Place,
    /// What is split.
    pub data: Vec<DataId>,
    /// In an order that has nothing to do with time; `None` if nobody can say.
    pub shuffles: Option<bool>,
    /// Of cross-validation.
    pub folds: bool,
    /// Rows are kept together by groups or drawn by strata.
    pub stratified: bool,
    /// The call in the tree; there is none where a splitter itself is gone through.
    pub call: Option<&'a ExprCall>,
}

/// How a model was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// By its own `score` or `evaluate`.
    Score,
    /// By a function of `sklearn.metrics`.
    Metric,
    /// Predictions were compared with the truth.
    Comparison,
    /// Predictions were subtracted from the truth.
    Difference,
    /// By cross-validation.
    CrossValidation,
    /// It was asked to predict the held-out part; who looks at what it said is not seen.
    Asked,
}

/// A judgement of a model on data.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Where.
    pub place: Place,
    /// Who.
    pub estimator: EstimatorId,
    /// As it was after this fit.
    pub fit: Option<FitId>,
    /// On what.
    pub data: DataId,
    /// What cross-validation is to predict.
    pub target: Option<DataId>,
    /// How.
    pub how: Judged,
    /// The loop around it, if one is; equal numbers are one loop.
    pub in_loop: Option<u32>,
}

/// Something was chosen by comparing scores.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Where.
    pub place: Place,
    /// The scores.
    pub of: SmallVec<[EvaluationId; 2]>,
}

/// Everything that happened in a notebook between data and models, in the order of the flow.
#[derive(Debug, Default)]
pub struct Learning<'a> {
    data: Vec<Data<'a>>,
    estimators: Vec<Estimator<'a>>,
    fits: Vec<Fit<'a>>,
    splits: Vec<Split<'a>>,
    evaluations: Vec<Evaluation>,
    choices: Vec<Choice>,
    rows: RowSets<'a>,
    /// For each table, columns that were computed from others, row by row.
    made: FxHashMap<(FrameId, &'a str), Vec<&'a str>>,
    /// The columns that figures of a fit were written into, where they are in no others.
    written_by: FxHashMap<FitId, Option<(FrameId, Vec<&'a str>)>>,
    frames: u32,
}

impl<'a> Learning<'a> {
    pub(super) fn of(model: &Model<'a>) -> Self {
        let trains = model.parsed().cells().iter().any(|cell| {
            let source = &cell.cell.source;
            source.contains("fit") || source.contains("cross_val") || source.contains("train_test_split")
        });
        if trains {
            interpreter::run(model)
        } else {
            Self::default()
        }
    }

    /// Sets of rows.
    pub fn rows(&self) -> &RowSets<'a> {
        &self.rows
    }

    /// A value with rows.
    pub fn data(&self, id: DataId) -> &Data<'a> {
        &self.data[id.0 as usize]
    }

    /// An estimator, as it is at the end.
    pub fn estimator(&self, id: EstimatorId) -> &Estimator<'a> {
        &self.estimators[id.0 as usize]
    }

    /// A fit.
    pub fn fit(&self, id: FitId) -> &Fit<'a> {
        &self.fits[id.0 as usize]
    }

    /// A split.
    pub fn split(&self, id: SplitId) -> &Split<'a> {
        &self.splits[id.0 as usize]
    }

    /// An evaluation.
    pub fn evaluation(&self, id: EvaluationId) -> &Evaluation {
        &self.evaluations[id.0 as usize]
    }

    /// An estimator and all that it is made of.
    pub fn parts(&self, id: EstimatorId) -> Vec<EstimatorId> {
        let mut parts = vec![id];
        let mut next = 0;
        while let Some(part) = parts.get(next).filter(|_| next < MAX_PARTS) {
            for inner in &self.estimator(*part).inner {
                if !parts.contains(inner) {
                    parts.push(*inner);
                }
            }
            next += 1;
        }
        parts
    }

    /// The estimator comes to something else when a column is moved or stretched.
    pub fn minds_scale(&self, id: EstimatorId) -> bool {
        let parts = self.parts(id);
        parts.iter().any(|part| self.estimator(*part).minds_scale)
    }

    /// All fits.
    pub fn fits(&self) -> impl DoubleEndedIterator<Item = (FitId, &Fit<'a>)> {
        let ids = (0..index_u32(self.fits.len())).map(FitId);
        ids.zip(&self.fits)
    }

    /// All splits.
    pub fn splits(&self) -> impl Iterator<Item = (SplitId, &Split<'a>)> {
        (0..).map(SplitId).zip(&self.splits)
    }

    /// All evaluations.
    pub fn evaluations(&self) -> impl Iterator<Item = (EvaluationId, &Evaluation)> {
        (0..).map(EvaluationId).zip(&self.evaluations)
    }

    /// All choices by scores.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// How the rows of a model's last fit before an evaluation lie to those it is judged on.
    pub fn relation(&self, evaluation: &Evaluation) -> Relation {
        let Some(fit) = evaluation.fit else {
            return Relation::Unknown;
        };
        let fitted = self.data(self.fit(fit).data).rows;
        self.rows.relation(fitted, self.data(evaluation.data).rows)
    }

    /// What a column of a table was computed from, row by row.
    pub fn made_from(&self, frame: FrameId, column: &'a str) -> &[&'a str] {
        self.made.get(&(frame, column)).map_or(&[], Vec::as_slice)
    }

    fn add_data(&mut self, data: Data<'a>) -> DataId {
        self.data.push(data);
        DataId(index_u32(self.data.len() - 1))
    }

    fn add_estimator(&mut self, estimator: Estimator<'a>) -> EstimatorId {
        self.estimators.push(estimator);
        EstimatorId(index_u32(self.estimators.len() - 1))
    }

    fn add_fit(&mut self, fit: Fit<'a>) -> FitId {
        let id = FitId(index_u32(self.fits.len()));
        self.estimators[fit.estimator.0 as usize].fit = Some(id);
        self.fits.push(fit);
        id
    }

    fn add_split(&mut self, split: Split<'a>) -> SplitId {
        self.splits.push(split);
        SplitId(index_u32(self.splits.len() - 1))
    }

    fn add_evaluation(&mut self, evaluation: Evaluation) -> EvaluationId {
        self.evaluations.push(evaluation);
        EvaluationId(index_u32(self.evaluations.len() - 1))
    }

    fn new_frame(&mut self) -> FrameId {
        self.frames += 1;
        FrameId(self.frames)
    }

    /// A table of which nothing is known but that it is one.
    fn new_source(&mut self) -> DataId {
        let rows = self.rows.add(Rows::Source);
        self.new_table(rows)
    }

    /// Another table over these rows.
    fn new_table(&mut self, rows: RowsId) -> DataId {
        let frame = self.new_frame();
        self.add_data(Data {
            rows,
            frame,
            columns: Columns::AllBut(Vec::new()),
            exact: true,
            learned: SmallVec::new(),
            aggregated: None,
            lagged: None,
        })
    }

    /// A value like another one, changed.
    fn derive(&mut self, id: DataId, change: impl FnOnce(&mut Data<'a>)) -> DataId {
        let mut data = self.data(id).clone();
        change(&mut data);
        self.add_data(data)
    }

    fn with_rows(&mut self, id: DataId, rows: Rows<'a>) -> DataId {
        let rows = self.rows.add(rows);
        self.derive(id, |data| data.rows = rows)
    }
}
