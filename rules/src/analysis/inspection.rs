//! Whether a notebook looks at its frames: how many rows one has, which of its values are missing, what is in it at
//! all. Looks count for whatever a frame is made of and for what is made of it; a check that cannot be read counts as
//! one, so that rules stay silent.

use std::collections::{HashMap, HashSet};

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall, Ranged, Stmt, StmtFunctionDef, Visitor, visitor, with_stack},
};

use super::{
    calls,
    steps::{Point, has_method, names, root},
};

/// What a look tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look(u8);

impl Look {
    /// How many rows there are.
    pub(crate) const ROWS: Self = Self(1);
    /// Which values are missing, or how many.
    pub(crate) const MISSING: Self = Self(1 << 1);
    /// What is missing was filled or dropped: somebody knows of it.
    pub(crate) const HANDLED: Self = Self(1 << 2);
    /// What it looks like.
    pub(crate) const SEEN: Self = Self(1 << 3);
    /// All of it, or nobody can say what.
    pub(crate) const ALL: Self = Self(0b1111);
    /// The frame is shown, with the number of its own rows: what it is made of may have had others.
    const SHOWN: Self = Self(1 << 4);

    /// Either of the two.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// More names are not followed; then whatever is asked for counts as looked at.
const MAX_NAMES: usize = 200;

/// Bytes of expressions that are read for names, and pairs of names that are kept.
const MAX_WORK: usize = 20_000_000;

/// From a name to others.
type Way<'a> = HashMap<&'a str, HashSet<&'a str>>;

/// Every look of a notebook, and what is made of what.
#[derive(Default)]
pub(crate) struct Inspection<'a> {
    looks: HashMap<&'a str, Looks>,
    /// From a name to those that are made of it.
    made: Way<'a>,
    /// From a name to those that it is made of.
    made_of: Way<'a>,
    /// Names that a file was read into.
    read: HashSet<&'a str>,
    /// Where an operation has put missing values into a name, as it must.
    gaps: HashMap<&'a str, [Option<Point>; 2]>,
    /// Too much to follow: whatever is asked for counts as looked at.
    overflow: bool,
}

/// The first and the last look of each kind at one name.
#[derive(Debug, Default, Clone, Copy)]
struct Looks([Option<(Point, Point)>; 5]);

impl Looks {
    fn add(&mut self, at: Point, look: Look) {
        for (bit, seen) in self.0.iter_mut().enumerate() {
            if look.meets(Look(1 << bit)) {
                let (first, last) = seen.unwrap_or((at, at));
                *seen = Some((first.min(at), last.max(at)));
            }
        }
    }

    /// Of some look that is wanted, the first or the last lies where it is wanted.
    fn any(&self, wanted: Look, is_there: impl Fn(Point) -> bool) -> bool {
        let kinds = self.0.iter().enumerate();
        let mut found = kinds.filter_map(|(bit, seen)| wanted.meets(Look(1 << bit)).then_some((*seen)?));
        found.any(|(first, last)| is_there(first) || is_there(last))
    }
}

/// Why an operation leaves missing values where it found none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gaps {
    /// The first rows have nothing before them: a shift, a rolling mean.
    WarmUp,
    /// Keys or rows without a partner: a pivot, a join, a mapping.
    NoPartner,
}

impl<'a> Inspection<'a> {
    /// Reads all cells of a notebook.
    pub(crate) fn of(model: &Model<'a>) -> Self {
        let mut collector = Collector {
            model,
            cell: 0,
            found: Self::default(),
            within: HashMap::new(),
            left: MAX_WORK,
        };
        for (position, cell) in model.parsed().cells().iter().enumerate() {
            if cell.is_valid() {
                collector.cell = position;
                collector.visit_body(cell.body());
                collector.shown(cell.body().last());
            }
        }
        collector.found
    }

    /// The frame, what it is made of or what is made of it is looked at, somewhere.
    pub(crate) fn is_looked_at(&self, name: &'a str, look: Look) -> bool {
        self.any_of(name, look, &[&self.made, &self.made_of], |_| true)
    }

    /// A file was read into this very name.
    pub(crate) fn is_read_into(&self, name: &str) -> bool {
        self.read.contains(name)
    }

    /// The same as [`Self::is_looked_at`], above a place.
    pub(crate) fn is_looked_at_before(&self, name: &'a str, look: Look, place: Point) -> bool {
        self.any_of(name, look, &[&self.made, &self.made_of], |at| at < place)
    }

    /// The frame or what is made of it is looked at below a place.
    pub(crate) fn is_looked_at_after(&self, name: &'a str, look: Look, place: Point) -> bool {
        self.any_of(name, look, &[&self.made], |at| at > place)
    }

    /// The frame comes from a file, and nothing above a place has made gaps of its own, of this kind or a lesser one.
    pub(crate) fn is_as_read(&self, name: &'a str, place: Point, most: Gaps) -> bool {
        let has_gaps = |name: &&str| {
            let gaps = self.gaps.get(name);
            gaps.is_some_and(|gaps| {
                let of_kind = gaps.iter().take(most as usize + 1);
                of_kind.flatten().any(|first| *first < place)
            })
        };
        closure(name, &self.made_of).is_some_and(|names| {
            names.iter().any(|name| self.read.contains(name)) && !names.iter().any(has_gaps)
        })
    }

    /// A name is made of another, directly or by way of others.
    pub(crate) fn is_made_of(&self, name: &'a str, other: &str) -> bool {
        name == other || closure(name, &self.made_of).is_none_or(|names| names.contains(&other))
    }

    fn any_of(&self, name: &'a str, look: Look, ways: &[&Way<'a>], is_there: impl Fn(Point) -> bool) -> bool {
        let own = if look.meets(Look::ROWS) {
            look.or(Look::SHOWN)
        } else {
            look
        };
        let is_seen = |other: &&'a str| {
            let wanted = if *other == name { own } else { look };
            let looks = self.looks.get(other);
            looks.is_some_and(|looks| looks.any(wanted, &is_there))
        };
        self.overflow
            || ways
                .iter()
                .any(|way| closure(name, way).is_none_or(|names| names.iter().any(is_seen)))
    }
}

/// A name and all that are reached from it; `None` where there are too many.
fn closure<'a>(name: &'a str, way: &Way<'a>) -> Option<Vec<&'a str>> {
    let (mut names, mut seen) = (vec![name], HashSet::from([name]));
    let mut next = 0;
    while let Some(name) = names.get(next) {
        next += 1;
        for reached in way.get(name).into_iter().flatten() {
            if seen.insert(*reached) {
                names.push(*reached);
            }
            if names.len() > MAX_NAMES {
                return None;
            }
        }
    }
    Some(names)
}

/// The call reads a table from a file.
pub(crate) fn is_read(model: &Model<'_>, call: &ExprCall) -> bool {
    let is_pandas = model
        .qualified_name(&call.func)
        .is_some_and(|name| name.segments().first() == Some(&"pandas"));
    is_pandas && calls::name(call).starts_with("read_") && calls::name(call) != "read_html"
}

/// Methods that look at rows above.
pub(crate) const WARM_UP: &[&str] = &[
    "shift",
    "diff",
    "pct_change",
    "rolling",
    "resample",
    "asfreq",
    "lag",
    "ewm",
    "expanding",
    "reindex",
];

/// Methods that bring together what may have no partner, or make what is missing on purpose.
const NO_PARTNER: &[&str] = &[
    "pivot",
    "pivot_table",
    "unstack",
    "crosstab",
    "merge",
    "join",
    "merge_asof",
    "concat",
    "map",
    "align",
    "get_dummies",
    "where",
    "mask",
    "to_numeric",
    "to_datetime",
    "combine_first",
    "append",
    "replace",
    "apply",
];

/// What modules that draw, and the axes that they draw on, are usually called.
const PLOTTERS: &[&str] = &[
    "sns", "seaborn", "plt", "px", "go", "ax", "axs", "axes", "alt", "fig",
];

struct Collector<'a, 'm> {
    model: &'m Model<'a>,
    cell: usize,
    found: Inspection<'a>,
    /// What functions of the notebook look at, by their address.
    within: HashMap<usize, Look>,
    /// Calls in calls in calls are read once for each: not without end.
    left: usize,
}

impl<'a> Collector<'a, '_> {
    fn look(&mut self, name: &'a str, at: &impl Ranged, look: Look) {
        let point = (self.cell, at.start().to_u32());
        self.found.looks.entry(name).or_default().add(point, look);
    }

    /// What a function of the notebook looks at; its body is read once.
    fn looks_within(&mut self, function: &'a StmtFunctionDef) -> Look {
        let address = std::ptr::from_ref(function) as usize;
        *self.within.entry(address).or_insert_with(|| looks_of(function))
    }

    /// Every name that an expression reads, as long as there is something left to spend.
    fn names(&mut self, expression: &'a Expr) -> Vec<&'a str> {
        if self.found.overflow {
            return Vec::new();
        }
        self.spend(expression.range().len().to_usize());
        names(expression)
    }

    fn spend(&mut self, cost: usize) {
        self.left = self.left.saturating_sub(cost);
        self.found.overflow |= self.left == 0;
    }

    fn look_at_all(&mut self, expression: &'a Expr, look: Look) {
        for name in self.names(expression) {
            self.look(name, expression, look);
        }
    }

    /// The value of a cell's last line is shown, and a frame with the number of its rows.
    fn shown(&mut self, last: Option<&'a Stmt>) {
        if let Some(Stmt::Expr(last)) = last {
            self.show(&last.value);
        }
    }

    fn show(&mut self, value: &'a Expr) {
        match value {
            Expr::Name(name) => self.look(name.id.as_str(), value, Look::SHOWN.or(Look::SEEN)),
            Expr::Call(call) if writes(calls::name(call)) => {}
            _ => self.look_at_all(value, Look::SEEN),
        }
    }

    fn assigned(&mut self, targets: &'a [Expr], value: &'a Expr) {
        let mentioned = self.names(value);
        let edges = mentioned.len()
            * targets
                .iter()
                .map(|target| targets_of(target).len())
                .sum::<usize>();
        self.spend(edges);
        if self.found.overflow {
            return;
        }
        let is_read = matches!(value, Expr::Call(call) if is_read(self.model, call));
        let gaps = if has_method(value, WARM_UP) {
            Some(Gaps::WarmUp)
        } else {
            has_method(value, NO_PARTNER).then_some(Gaps::NoPartner)
        };
        for target in targets.iter().flat_map(targets_of) {
            let Some(name) = root(target) else { continue };
            if is_read {
                self.found.read.insert(name);
            }
            if let Some(gaps) = gaps {
                let point = (self.cell, value.start().to_u32());
                let first = &mut self.found.gaps.entry(name).or_default()[gaps as usize];
                *first = Some(first.map_or(point, |known| known.min(point)));
            }
            for source in mentioned.iter().filter(|source| **source != name) {
                self.found.made.entry(source).or_default().insert(name);
                self.found.made_of.entry(name).or_default().insert(source);
            }
        }
    }

    fn call(&mut self, call: &'a ExprCall) {
        let name = calls::name(call);
        let arguments = || {
            call.arguments
                .args
                .iter()
                .chain(call.arguments.keywords.iter().map(|one| &one.value))
        };
        if let (Some(look), Expr::Attribute(method)) = (look_of_method(name), &*call.func)
            && let Some(root) = root(&method.value)
        {
            self.look(root, call, look);
        }
        let look = match name {
            "len" => Look::ROWS.or(Look::SEEN),
            "isna" | "isnull" | "notna" | "notnull" | "isnan" | "isfinite" | "count_nonzero" => {
                Look::MISSING.or(Look::SEEN)
            }
            _ if root(&call.func).is_some_and(|root| PLOTTERS.contains(&root)) => Look::SEEN,
            "print" | "display" => {
                arguments().for_each(|argument| self.show(argument));
                return;
            }
            _ if is_check(name) => Look::ALL,
            _ => match self.model.called_function(&call.func) {
                Some((_, function)) => self.looks_within(function),
                None => return,
            },
        };
        arguments().for_each(|argument| self.look_at_all(argument, look));
    }
}

/// `frame.to_csv(…)` shows nothing.
fn writes(method: &str) -> bool {
    [
        "to_csv",
        "to_excel",
        "to_parquet",
        "to_pickle",
        "to_sql",
        "to_json",
        "to_hdf",
        "to_feather",
    ]
    .contains(&method)
}

/// Everything that a function's body looks at, whatever it is called there.
fn looks_of(function: &StmtFunctionDef) -> Look {
    struct Within(Look);
    impl<'a> Visitor<'a> for Within {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if matches!(statement, Stmt::Assert(_) | Stmt::Raise(_)) {
                self.0 = Look::ALL;
            }
            with_stack(|| visitor::walk_stmt(self, statement));
        }

        fn visit_expr(&mut self, expression: &'a Expr) {
            let look = match expression {
                Expr::Call(call) if is_check(calls::name(call)) => Some(Look::ALL),
                Expr::Call(call) if calls::name(call) == "len" => Some(Look::ROWS),
                Expr::Call(call) => look_of_method(calls::name(call)),
                Expr::Attribute(attribute) => look_of_attribute(attribute.attr.as_str()),
                _ => None,
            };
            self.0 = self.0.or(look.unwrap_or(Look(0)));
            with_stack(|| visitor::walk_expr(self, expression));
        }
    }
    let mut within = Within(Look::SEEN);
    within.visit_body(&function.body);
    within.0
}

/// `a, b` of `a, b = …`.
fn targets_of(target: &Expr) -> &[Expr] {
    match target {
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::List(list) => &list.elts,
        other => std::slice::from_ref(other),
    }
}

fn look_of_method(name: &str) -> Option<Look> {
    Some(match name {
        "info" | "describe" | "count" | "profile_report" => Look::ROWS.or(Look::MISSING).or(Look::SEEN),
        "isna" | "isnull" | "notna" | "notnull" => Look::MISSING.or(Look::SEEN),
        "dropna" | "fillna" | "interpolate" | "ffill" | "bfill" => Look::HANDLED,
        "value_counts" | "nunique" | "duplicated" | "size" => Look::ROWS.or(Look::SEEN),
        "head" | "tail" | "sample" | "unique" | "hist" | "plot" | "equals" => Look::SEEN,
        _ => return None,
    })
}

fn look_of_attribute(name: &str) -> Option<Look> {
    match name {
        "shape" | "size" | "empty" => Some(Look::ROWS.or(Look::SEEN)),
        "columns" | "dtypes" | "dtype" | "hasnans" | "index" | "plot" | "hvplot" => Some(Look::SEEN),
        _ => None,
    }
}

/// Names of functions that check or profile what they are given.
fn is_check(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "check", "assert", "validate", "expect", "profile", "test", "missing", "null", "msno", "summar",
        "skim", "inspect",
    ]
    .iter()
    .any(|word| name.contains(word))
        && name != "train_test_split"
}

impl<'a> Visitor<'a> for Collector<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assert(assert) => self.look_at_all(&assert.test, Look::ALL),
            Stmt::If(choice) => self.look_at_all(&choice.test, Look::ALL),
            Stmt::While(repeat) => self.look_at_all(&repeat.test, Look::ALL),
            Stmt::Assign(assign) => self.assigned(&assign.targets, &assign.value),
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.assigned(std::slice::from_ref(&*assign.target), value);
                }
            }
            Stmt::AugAssign(assign) => self.assigned(std::slice::from_ref(&*assign.target), &assign.value),
            Stmt::For(repeat) => self.assigned(std::slice::from_ref(&*repeat.target), &repeat.iter),
            _ => {}
        }
        with_stack(|| visitor::walk_stmt(self, statement));
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) => self.call(call),
            Expr::Attribute(attribute) => {
                if let Some(look) = look_of_attribute(attribute.attr.as_str())
                    && let Some(name) = root(&attribute.value)
                {
                    self.look(name, attribute, look);
                }
            }
            _ => {}
        }
        with_stack(|| visitor::walk_expr(self, expression));
    }
}
