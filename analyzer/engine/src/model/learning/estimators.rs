//! Methods of estimators: fits, transformations, predictions and scores.

use ruff_python_ast as ast;
use ruff_text_size::Ranged;
use smallvec::SmallVec;

use super::{
    Columns, DataId, Estimator, EstimatorId, EstimatorKind, Fit, Judged, Lesson, Rows, Split,
    arguments::Arguments, catalogue::is_method_of_tables, interpreter::Interpreter, scale,
    statistics::is_figure, values::Value,
};

impl<'a> Interpreter<'a, '_> {
    pub(super) fn unknown_estimator(&mut self) -> EstimatorId {
        self.learning
            .add_estimator(Estimator::new(None, EstimatorKind::Unknown))
    }

    pub(super) fn estimator_method(
        &mut self,
        id: EstimatorId,
        method: &str,
        arguments: &Arguments<'a>,
    ) -> Value<'a> {
        match method {
            "fit" | "partial_fit" | "fit_generator" => {
                self.fit(id, arguments);
                Value::Estimator(id)
            }
            "fit_transform" => match self.fit(id, arguments) {
                Some(data) => self.transformed(id, data),
                None => Value::Unknown,
            },
            "transform" => match self.data_argument(arguments, 0, &["X"]) {
                Some(data) => self.transformed(id, data),
                None => Value::Unknown,
            },
            // The group of each row.
            "fit_predict" | "predict" if self.learning.estimator(id).kind == EstimatorKind::Unsupervised => {
                let data = match method {
                    "predict" => self.data_argument(arguments, 0, &["X"]),
                    _ => self.fit(id, arguments),
                };
                data.map_or(Value::Unknown, |data| self.transformed(id, data))
            }
            "fit_resample" | "fit_sample" => self.resampled(id, arguments),
            "predict" | "predict_proba" | "decision_function" | "predict_log_proba" | "predict_classes" => {
                match self.data_argument(arguments, 0, &["X", "x", "data"]) {
                    Some(data) if self.learning.estimator(id).kind.predicts() => {
                        Value::Prediction(self.asked(id, data, arguments.call.range()))
                    }
                    _ => Value::Unknown,
                }
            }
            "score" | "evaluate" => match self.data_argument(arguments, 0, &["X", "x"]) {
                Some(data)
                    if self.learning.estimator(id).kind.predicts() && arguments.call.arguments.len() > 1 =>
                {
                    let prediction = self.prediction(id, data);
                    self.judged(&prediction, Judged::Score, arguments.call.range())
                }
                _ => Value::Unknown,
            },
            "set_output" => {
                let table = matches!(arguments.keyword("transform"), Some(Value::Text("pandas")));
                self.learning.estimators[id.0 as usize].names_columns |= table;
                Value::Estimator(id)
            }
            "set_params" | "compile" => {
                if self.depends_on_loop(arguments.call) {
                    self.learning.estimators[id.0 as usize].varied = true;
                }
                Value::Estimator(id)
            }
            _ => Value::Unknown,
        }
    }

    fn fit(&mut self, estimator: EstimatorId, arguments: &Arguments<'a>) -> Option<DataId> {
        let data = self.data_argument(arguments, 0, &["X", "x", "generator"])?;
        let target = match arguments.positional.get(1).or_else(|| arguments.keyword("y")) {
            Some(Value::Data(target)) => Some(*target),
            _ => None,
        };
        if self.stops_early(arguments) {
            self.learning.estimators[estimator.0 as usize].stops_early = true;
        }
        let watched = ["validation_data", "eval_set"]
            .iter()
            .find_map(|name| arguments.keyword(name))
            .and_then(watched_data);
        let fit = Fit {
            place: self.place(arguments.call.range()),
            estimator,
            data,
            target,
            watched,
            lesson: self.lesson(estimator),
            call: Some(arguments.call),
        };
        let fit = self.learning.add_fit(fit);
        for step in self.learning.estimator(estimator).inner.clone() {
            self.learning.estimators[step.0 as usize].fit = Some(fit);
        }
        if let Some(watched) = watched
            && self.learning.estimator(estimator).kind.predicts()
        {
            // Networks are judged by what their training says of these rows.
            self.asked(estimator, watched, arguments.call.range());
        }
        Some(data)
    }

    fn stops_early(&self, arguments: &Arguments<'a>) -> bool {
        let callbacks = arguments.keyword_expression("callbacks");
        arguments.keyword("early_stopping_rounds").is_some()
            || callbacks.is_some_and(|callbacks| {
                self.source(callbacks.range())
                    .to_ascii_lowercase()
                    .contains("early")
            })
    }

    /// What a fitted transformer makes of data.
    fn transformed(&mut self, id: EstimatorId, data: DataId) -> Value<'a> {
        let fit = self.learning.estimator(id).fit;
        let learns = self.learns(id);
        let estimator = self.learning.estimator(id);
        let names_columns = estimator.names_columns;
        let keeps_columns = estimator
            .class
            .is_some_and(|class| class.ends_with("Scaler") || class.ends_with("Imputer"));
        let frame = names_columns.then(|| self.learning.new_frame());
        Value::Data(self.learning.derive(data, |data| {
            data.exact = false;
            if let Some(frame) = frame {
                data.frame = frame;
                data.columns = Columns::AllBut(Vec::new());
            } else if !keeps_columns {
                data.columns = Columns::Unknown;
            }
            if let Some(fit) = fit.filter(|_| learns) {
                data.learn(&[fit]);
            }
        }))
    }

    fn learns(&self, id: EstimatorId) -> bool {
        let transforms = matches!(
            self.learning.estimator(id).kind,
            EstimatorKind::Learner | EstimatorKind::Unsupervised | EstimatorKind::Pipeline
        );
        transforms && self.learners(id).next().is_some()
    }

    fn learners(&self, id: EstimatorId) -> impl Iterator<Item = Option<&'a str>> {
        let parts = self.learning.parts(id).into_iter();
        let parts = parts.map(|part| self.learning.estimator(part));
        parts
            .filter(|part| matches!(part.kind, EstimatorKind::Learner | EstimatorKind::Unsupervised))
            .map(|part| part.class)
    }

    /// What a transformer learns, of whatever it is made.
    fn lesson(&self, id: EstimatorId) -> Lesson {
        if self.learning.estimator(id).kind == EstimatorKind::Unsupervised {
            return Lesson::Likeness;
        }
        let mut lessons = self.learners(id).map(scale::lesson);
        match lessons.next() {
            Some(first) if lessons.all(|lesson| lesson == first) => first,
            _ => Lesson::More,
        }
    }

    /// `scale(X)` and its like.
    pub(super) fn learning_function(&mut self, class: &'a str, arguments: &Arguments<'a>) -> Value<'a> {
        let Some(data) = self.data_argument(arguments, 0, &["X"]) else {
            return Value::Unknown;
        };
        if arguments.is_along_columns() {
            return self.changed(data);
        }
        let estimator = self
            .learning
            .add_estimator(Estimator::new(Some(class), EstimatorKind::Learner));
        self.fit(estimator, arguments);
        self.transformed(estimator, data)
    }

    fn resampled(&mut self, id: EstimatorId, arguments: &Arguments<'a>) -> Value<'a> {
        let EstimatorKind::Resampler { more } = self.learning.estimator(id).kind else {
            return Value::Unknown;
        };
        let (Some(data), Some(target)) = (
            self.data_argument(arguments, 0, &["X"]),
            self.data_argument(arguments, 1, &["y"]),
        ) else {
            return Value::Unknown;
        };
        let parts = [data, target].map(|id| {
            let of = self.learning.data(id).rows;
            let rows = if more {
                Rows::Resampled(of)
            } else {
                Rows::Subset(of)
            };
            Value::Data(self.learning.with_rows(id, rows))
        });
        Value::Items(parts.into())
    }

    /// `for train, test in KFold(len(X), 5)`, as it was written once.
    pub(super) fn indices(&mut self, splitter: &'a ast::Expr, shuffles: bool, stratified: bool) -> Value<'a> {
        let place = self.place(splitter.range());
        Value::Folds(self.learning.add_split(Split {
            place,
            data: Vec::new(),
            shuffles: Some(shuffles),
            folds: true,
            stratified,
            call: None,
        }))
    }

    /// `splitter.split(X)`.
    pub(super) fn folds(&mut self, shuffles: bool, stratified: bool, arguments: &Arguments<'a>) -> Value<'a> {
        let Some(data) = self.data_argument(arguments, 0, &["X"]) else {
            return Value::Unknown;
        };
        let place = self.place(arguments.call.range());
        Value::Folds(self.learning.add_split(Split {
            place,
            data: vec![data],
            shuffles: Some(shuffles),
            folds: true,
            stratified,
            call: Some(arguments.call),
        }))
    }

    /// A method of something unknown: what has `fit` is an estimator from now on.
    pub(super) fn unknown_method(
        &mut self,
        callee: &'a ast::ExprAttribute,
        arguments: &Arguments<'a>,
    ) -> Value<'a> {
        let method = callee.attr.as_str();
        // Of what is not known, only that has rows of which figures are computed down its columns.
        if is_figure(method)
            && arguments.is_off("axis")
            && let Some(id) = self.as_data(&Value::Unknown, &callee.value)
        {
            return self.figure(id, method, None, arguments);
        }
        if is_method_of_tables(method)
            && callee.value.is_name_expr()
            && let Some(id) = self.as_data(&Value::Unknown, &callee.value)
        {
            return self.method_of_data(id, callee, arguments);
        }
        if !matches!(method, "fit" | "fit_generator") || arguments.call.arguments.len() < 2 {
            let scores: SmallVec<[_; 2]> = arguments
                .all()
                .flat_map(|value| match value {
                    Value::Scores(scores) => scores.to_vec(),
                    _ => Vec::new(),
                })
                .collect();
            if let ("append" | "extend", ast::Expr::Name(name), false) =
                (method, &*callee.value, scores.is_empty())
            {
                let all = self.with_scores(name.id.as_str(), &scores);
                self.set(name.id.as_str(), all);
            }
            return Value::Unknown;
        }
        let id = self.unknown_estimator();
        self.fit(id, arguments);
        if let ast::Expr::Name(name) = &*callee.value {
            self.set(name.id.as_str(), Value::Estimator(id));
        }
        Value::Estimator(id)
    }
}

/// What is in `validation_data=(X, y)`, `eval_set=[(X, y)]`: the last one decides.
fn watched_data(value: &Value<'_>) -> Option<DataId> {
    match value {
        Value::Data(id) => Some(*id),
        Value::Items(items) => match &**items {
            [Value::Data(id), ..] => Some(*id),
            _ => items.last().and_then(watched_data),
        },
        _ => None,
    }
}
