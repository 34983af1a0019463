//! Figures that a notebook computes of rows by hand and puts into each of them: `(X - X.mean()) / X.std()`,
//! `ages.fillna(ages.median())`, the mean of the target in each group.

use ruff_python_ast::Expr;

use super::{
    Columns, Data, DataId, Estimator, EstimatorKind, Fit, FitId, FrameId, Learning, Lesson, MAX_REMEMBERED,
    Place,
    arguments::Arguments,
    interpreter::Interpreter,
    values::{Figure, Value},
};

const FIGURES: &[&str] = &[
    "mean", "std", "var", "median", "min", "max", "quantile", "mode", "ptp", "describe",
];

/// Functions of numpy that compute one.
const FUNCTIONS: &[&str] = &[
    "mean",
    "nanmean",
    "average",
    "std",
    "nanstd",
    "var",
    "median",
    "nanmedian",
    "min",
    "amin",
    "max",
    "amax",
    "quantile",
    "percentile",
    "ptp",
];

/// Methods of groups that give one value for each row.
const ROWS_OF_GROUPS: &[&str] = &[
    "shift",
    "rolling",
    "expanding",
    "ewm",
    "pct_change",
    "diff",
    "cumsum",
    "cumcount",
    "ngroup",
    "rank",
    "ffill",
    "bfill",
    "fillna",
];

/// The method gives a figure of all rows, or of each column.
pub(super) fn is_figure(method: &str) -> bool {
    FIGURES.contains(&method)
}

/// The numpy function does.
pub(super) fn is_figure_function(function: &str) -> bool {
    FUNCTIONS.contains(&function)
}

impl<'a> Interpreter<'a, '_> {
    /// `X.mean()`, `np.mean(X)`: of all rows, or of each row where it runs along the columns. `axis` is the position
    /// of that argument.
    pub(super) fn figure(
        &mut self,
        id: DataId,
        function: &str,
        axis: Option<usize>,
        arguments: &Arguments<'a>,
    ) -> Value<'a> {
        let by_position = axis.and_then(|axis| arguments.call.arguments.args.get(axis));
        let axis = arguments.keyword_expression("axis").or(by_position);
        if axis.is_none_or(|axis| axis.is_none_literal_expr() || self.source_has_zero(axis)) {
            // Pictures are divided by their brightest point, which is 255 in any of them.
            let peak = matches!(function, "max" | "amax");
            return Value::Figure(Figure { of: id, peak });
        }
        self.changed(id)
    }

    fn source_has_zero(&self, axis: &Expr) -> bool {
        let text = self.source(ruff_text_size::Ranged::range(axis));
        text.contains('0') || text.contains("index")
    }

    /// The data with figures of some rows put into each row, in the statement that is walked.
    pub(super) fn learned_by_hand(&mut self, id: DataId, of: DataId, lesson: Lesson) -> DataId {
        let place = self.place(self.statement);
        let rows = self.learning.data(of).rows;
        let known = self.learning.fits().rev().take(8).find(|(_, fit)| {
            let same = fit.place == place && fit.lesson == lesson && fit.call.is_none();
            same && self.learning.data(fit.data).rows == rows
        });
        let known = known.map(|(fit, _)| fit);
        let fit = known.unwrap_or_else(|| self.fit_by_hand(place, of, lesson));
        self.learning.derive(id, |data| {
            data.exact = false;
            data.learn(&[fit]);
        })
    }

    fn fit_by_hand(&mut self, place: Place, data: DataId, lesson: Lesson) -> FitId {
        let estimator = Estimator::new(None, EstimatorKind::Learner);
        let estimator = self.learning.add_estimator(estimator);
        self.learning.add_fit(Fit {
            place,
            estimator,
            data,
            target: None,
            watched: None,
            lesson,
            call: None,
        })
    }

    /// What is computed of data and a figure.
    pub(super) fn with_figure(&mut self, id: DataId, figure: Figure) -> Value<'a> {
        if figure.peak {
            return self.changed(id);
        }
        Value::Data(self.learned_by_hand(id, figure.of, Lesson::Scale))
    }

    /// A method of `frame.groupby(…)`, of some columns of it.
    pub(super) fn groups_method(
        &mut self,
        id: DataId,
        method: &'a str,
        arguments: &Arguments<'a>,
    ) -> Value<'a> {
        match method {
            "transform" => match arguments.positional.first() {
                Some(Value::Text("mean" | "median" | "std" | "var")) => {
                    Value::Data(self.learned_by_hand(id, id, Lesson::Group))
                }
                _ => self.changed(id),
            },
            _ if ROWS_OF_GROUPS.contains(&method) => self.data_method(id, method, arguments),
            "mean" | "median" | "std" | "var" | "agg" | "aggregate" => match self.unclear(id) {
                Value::Data(figures) => {
                    Value::Data(self.learning.derive(figures, |data| data.aggregated = Some(id)))
                }
                value => value,
            },
            _ => self.unclear(id),
        }
    }

    /// The data after a method by which figures of groups come in: `frame["city"].map(means)`.
    pub(super) fn with_figures_of_groups(&mut self, id: DataId, arguments: &Arguments<'a>) -> DataId {
        let of = arguments.all().find_map(|value| match value {
            Value::Data(given) => self.learning.data(*given).aggregated,
            _ => None,
        });
        match of {
            Some(of) if self.learning.data(id).aggregated.is_none() => {
                self.learned_by_hand(id, of, Lesson::Group)
            }
            _ => id,
        }
    }

    /// The data after `fillna` and its like.
    pub(super) fn filled(&mut self, id: DataId, arguments: &Arguments<'a>) -> DataId {
        let figure = arguments.all().find_map(|value| match value {
            Value::Figure(figure) => Some(*figure),
            _ => None,
        });
        match figure {
            Some(figure) => self.learned_by_hand(id, figure.of, Lesson::Fill),
            None => id,
        }
    }
}

impl<'a> Learning<'a> {
    /// Figures of these fits were written into columns of a table; into unknown ones without names.
    pub(super) fn note_written(&mut self, fits: &[FitId], frame: FrameId, columns: Option<&[&'a str]>) {
        for fit in fits {
            let known = self
                .written_by
                .entry(*fit)
                .or_insert_with(|| Some((frame, Vec::new())));
            match (known.as_mut(), columns) {
                (Some((of, names)), Some(columns)) if *of == frame => names.extend(columns),
                _ => *known = None,
            }
        }
    }

    /// The data holds no figures of fits that were written into other columns only.
    pub(super) fn forget_columns(&mut self, id: DataId) {
        let data = self.data(id);
        let kept = data
            .learned
            .iter()
            .filter(|fit| self.may_hold(data, **fit))
            .copied();
        let kept = kept.collect();
        self.data[id.0 as usize].learned = kept;
    }

    fn may_hold(&self, data: &Data<'a>, fit: FitId) -> bool {
        match self.written_by.get(&fit) {
            Some(Some((frame, columns))) if *frame == data.frame => {
                columns.iter().any(|column| match &data.columns {
                    Columns::Unknown | Columns::AtLeast(_) => true,
                    columns => columns.has(column),
                })
            }
            _ => true,
        }
    }
}

impl Data<'_> {
    /// Figures of these fits are in it.
    pub(super) fn learn(&mut self, fits: &[FitId]) {
        for fit in fits {
            if self.learned.len() < MAX_REMEMBERED && !self.learned.contains(fit) {
                self.learned.push(*fit);
            }
        }
    }
}
