//! Where random numbers come into a notebook without a seed, and which scores depend on them.

use std::collections::BTreeMap;

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall, Ranged, TextRange, Visitor, visitor, with_stack},
    model::{BindingId, BindingKind, QualifiedName, Resolution},
};

use super::calls;

/// Kinds of chance, each with a seed of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chance {
    /// Which rows are in the training part: `train_test_split`, `KFold(shuffle=True)`, `sample`.
    Rows,
    /// What an estimator learns.
    Estimator,
    /// Numbers of numpy's global generator, and made-up data.
    Numpy,
    /// Numbers of the `random` module.
    Python,
}

/// How many kinds there are.
pub(crate) const KINDS: usize = 4;

/// For each kind the first source that a value depends on.
type Taint = [Option<usize>; KINDS];

/// A call that gives something else on each run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// What kind of chance.
    pub(crate) kind: Chance,
    /// Position of its cell among the code cells.
    pub(crate) cell: usize,
    /// The call.
    pub(crate) call: &'a ExprCall,
}

/// A score, and the first source of each kind that it depends on.
pub(crate) struct Score<'a> {
    /// Position of its cell.
    pub(crate) cell: usize,
    /// The call.
    pub(crate) range: TextRange,
    /// The sources.
    pub(crate) sources: Vec<Source<'a>>,
}

/// Estimators of scikit-learn whose fit draws random numbers and shows it in the score. Trees that only break ties by
/// chance are left out.
const ESTIMATORS: &[&str] = &[
    "BaggingClassifier",
    "BaggingRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "IsolationForest",
    "MLPClassifier",
    "MLPRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "RandomizedSearchCV",
    "SGDClassifier",
    "SGDRegressor",
];

/// Cross-validators that shuffle when they are told to.
const FOLDS: &[&str] = &["KFold", "StratifiedKFold", "StratifiedGroupKFold"];

/// Cross-validators that always shuffle.
const SHUFFLES: &[&str] = &[
    "ShuffleSplit",
    "StratifiedShuffleSplit",
    "GroupShuffleSplit",
    "RepeatedKFold",
    "RepeatedStratifiedKFold",
];

/// What of `numpy.random` draws nothing.
const DRAWS_NOTHING: &[&str] = &[
    "seed",
    "get_state",
    "set_state",
    "Generator",
    "SeedSequence",
    "PCG64",
    "Philox",
    "MT19937",
];

/// What of `random` draws.
const PYTHON_DRAWS: &[&str] = &[
    "random",
    "randint",
    "randrange",
    "choice",
    "choices",
    "shuffle",
    "sample",
    "uniform",
    "gauss",
    "normalvariate",
];

/// Scores of a model, by the name of the call.
const SCORES: &[&str] = &[
    "evaluate",
    "log_loss",
    "cross_val_score",
    "cross_validate",
    "classification_report",
    "confusion_matrix",
];

/// Ends of the names of scores: `accuracy_score`, `mean_squared_error`. A loss is most often one of training.
const SCORE_ENDS: &[&str] = &["_score", "_error"];

/// The scores of a notebook that depend on chance, in the order of the cells.
pub(crate) fn scores<'a>(model: &Model<'a>) -> Vec<Score<'a>> {
    let mut calls = Calls::default();
    for (position, cell) in model.parsed().cells().iter().enumerate() {
        calls.cell = position;
        calls.visit_body(cell.body());
    }
    let seeded = seeds(model, &calls.found);
    let mut flow = Flow::new(model);
    for (cell, call) in &calls.found {
        if let Some(kind) = kind(model, call).filter(|kind| !is_seeded(seeded, *kind)) {
            flow.add(Source {
                kind,
                cell: *cell,
                call,
            });
        }
    }
    if flow.sources.is_empty() {
        return Vec::new();
    }
    flow.spread();
    let scored = calls.found.iter().filter(|(_, call)| is_score(call));
    scored
        .filter_map(|(cell, call)| {
            let taint = flow.of(call);
            let sources: Vec<_> = taint
                .iter()
                .flatten()
                .filter_map(|index| flow.sources.get(*index).copied())
                .collect();
            (!sources.is_empty()).then_some(Score {
                cell: *cell,
                range: call.range(),
                sources,
            })
        })
        .collect()
}

/// Every call of a notebook, with the position of its cell.
#[derive(Default)]
struct Calls<'a> {
    cell: usize,
    found: Vec<(usize, &'a ExprCall)>,
}

impl<'a> Visitor<'a> for Calls<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression {
            self.found.push((self.cell, call));
        }
        with_stack(|| visitor::walk_expr(self, expression));
    }
}

/// What is seeded somewhere in the notebook.
#[derive(Clone, Copy, Default)]
struct Seeds {
    numpy: bool,
    python: bool,
}

fn is_seeded(seeds: Seeds, kind: Chance) -> bool {
    match kind {
        Chance::Python => seeds.python,
        Chance::Rows | Chance::Estimator | Chance::Numpy => seeds.numpy,
    }
}

fn seeds<'a>(model: &Model<'a>, calls: &[(usize, &'a ExprCall)]) -> Seeds {
    let mut seeds = Seeds::default();
    // What binds names that nobody knows may seed as well.
    if model.is_open() {
        return Seeds {
            numpy: true,
            python: true,
        };
    }
    for (_, call) in calls {
        let name = calls::name(call);
        if !name.contains("seed") && name != "set_state" {
            continue;
        }
        let known = model.qualified_name(&call.func);
        match known.as_ref().map(QualifiedName::segments) {
            Some(["random", ..]) => seeds.python = true,
            Some(["numpy", ..]) => seeds.numpy = true,
            Some(["torch", ..] | ["tensorflow", "random", ..]) => {}
            // Functions such as `seed_everything`, and those of the notebook, set several.
            _ => {
                seeds = Seeds {
                    numpy: true,
                    python: true,
                }
            }
        }
    }
    seeds
}

/// Whether a call draws anew on each run, by what it is and how it is called.
fn kind<'a>(model: &Model<'a>, call: &'a ExprCall) -> Option<Chance> {
    let arguments = &call.arguments;
    let has = |name: &str| arguments.find_keyword(name).is_some();
    let is_given = |name: &str, wanted: bool| {
        let value = arguments.find_keyword(name).map(|keyword| &keyword.value);
        matches!(value, Some(Expr::BooleanLiteral(literal)) if literal.value == wanted)
    };
    let unpacks = arguments.keywords.iter().any(|keyword| keyword.arg.is_none());
    if has("random_state") || has("seed") || unpacks {
        return None;
    }
    let name = model.qualified_name(&call.func)?;
    let last = *name.segments().last()?;
    match name.segments() {
        ["sklearn", "datasets", ..] => last.starts_with("make_").then_some(Chance::Numpy),
        ["sklearn", "utils", ..] => matches!(last, "shuffle" | "resample").then_some(Chance::Rows),
        ["sklearn", ..] => match last {
            "train_test_split" => (!is_given("shuffle", false)).then_some(Chance::Rows),
            _ if SHUFFLES.contains(&last) => Some(Chance::Rows),
            _ if FOLDS.contains(&last) => is_given("shuffle", true).then_some(Chance::Rows),
            _ if ESTIMATORS.contains(&last) => Some(Chance::Estimator),
            _ => None,
        },
        ["numpy", "random", "default_rng" | "RandomState"] => arguments.is_empty().then_some(Chance::Numpy),
        ["numpy", "random", ..] => (!DRAWS_NOTHING.contains(&last)).then_some(Chance::Numpy),
        ["random", method] => PYTHON_DRAWS.contains(method).then_some(Chance::Python),
        _ => None,
    }
}

fn is_score(call: &ExprCall) -> bool {
    let name = calls::name(call);
    // With one argument it is a density, or a service that is asked for predictions.
    let is_service = matches!(&*call.func, Expr::Attribute(method) if matches!(&*method.value,
        Expr::Attribute(owner) if matches!(owner.attr.as_str(), "deployments" | "endpoints")));
    let is_judgement = name == "score" && call.arguments.len() >= 2 && !is_service;
    is_judgement || SCORES.contains(&name) || SCORE_ENDS.iter().any(|end| name.ends_with(end))
}

/// Which bindings depend on which sources.
struct Flow<'a, 'm> {
    model: &'m Model<'a>,
    sources: Vec<Source<'a>>,
    by_call: BTreeMap<usize, usize>,
    bindings: BTreeMap<BindingId, Taint>,
}

/// A call by where it lives: the tree does not move.
fn key(call: &ExprCall) -> usize {
    std::ptr::from_ref(call) as usize
}

impl<'a, 'm> Flow<'a, 'm> {
    fn new(model: &'m Model<'a>) -> Self {
        Self {
            model,
            sources: Vec::new(),
            by_call: BTreeMap::default(),
            bindings: BTreeMap::default(),
        }
    }

    fn add(&mut self, source: Source<'a>) {
        let index = self.sources.len();
        self.by_call.insert(key(source.call), index);
        self.sources.push(source);
        // `np.random.shuffle(rows)` changes what it is given.
        if calls::name(source.call) == "shuffle"
            && let Some(Expr::Name(name)) = source.call.arguments.args.first()
            && let Some(ids) = self.model.certain_bindings(name)
        {
            for id in ids {
                let mut taint = Taint::default();
                mark(&mut taint, source.kind, index);
                self.bindings.insert(*id, taint);
            }
        }
    }

    /// From what a binding is made of to the binding, in the order of the flow.
    fn spread(&mut self) {
        for (id, binding) in self.model.bindings() {
            let (BindingKind::Value(value)
            | BindingKind::Part(value)
            | BindingKind::Item(value)
            | BindingKind::Augmented(value)) = binding.kind
            else {
                continue;
            };
            let mut taint = self.bindings.get(&id).copied().unwrap_or_default();
            merge(&mut taint, &self.within(value));
            if taint.iter().any(Option::is_some) {
                self.bindings.insert(id, taint);
            }
        }
    }

    /// What an expression depends on.
    fn within(&self, value: &'a Expr) -> Taint {
        let mut search = Search {
            flow: self,
            taint: Taint::default(),
        };
        search.visit_expr(value);
        search.taint
    }

    /// What a call depends on, by its callee and its arguments.
    fn of(&self, call: &'a ExprCall) -> Taint {
        let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
        let mut taint = Taint::default();
        for value in std::iter::once(&*call.func)
            .chain(&call.arguments.args)
            .chain(keywords)
        {
            merge(&mut taint, &self.within(value));
        }
        taint
    }
}

fn mark(taint: &mut Taint, kind: Chance, index: usize) {
    if let Some(first) = taint.get_mut(kind as usize) {
        *first = Some(first.map_or(index, |known| known.min(index)));
    }
}

fn merge(into: &mut Taint, other: &Taint) {
    for (known, more) in into.iter_mut().zip(other) {
        *known = match (*known, *more) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }
}

struct Search<'f, 'a, 'm> {
    flow: &'f Flow<'a, 'm>,
    taint: Taint,
}

impl<'a> Visitor<'a> for Search<'_, 'a, '_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) => {
                if let Some(index) = self.flow.by_call.get(&key(call))
                    && let Some(source) = self.flow.sources.get(*index)
                {
                    mark(&mut self.taint, source.kind, *index);
                }
            }
            Expr::Name(name) => {
                if let Some(reference) = self.flow.model.reference_of(name)
                    && let Resolution::Bindings { ids, widened: false } = &reference.resolution
                {
                    for taint in ids.iter().take(8).filter_map(|id| self.flow.bindings.get(id)) {
                        merge(&mut self.taint, taint);
                    }
                }
            }
            _ => {}
        }
        with_stack(|| visitor::walk_expr(self, expression));
    }
}
