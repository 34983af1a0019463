//! Calls of functions: what scikit-learn, pandas and numpy give, and functions of the notebook.

use ruff_python_ast::{self as ast, Expr};
use ruff_text_size::{Ranged, TextRange};
use smallvec::SmallVec;

use super::{
    Choice, Columns, DataId, Estimator, EstimatorKind, Judged, Rows, Side, Split,
    arguments::Arguments,
    catalogue,
    interpreter::Interpreter,
    scale,
    statistics::is_figure_function,
    values::{Prediction, Value},
};
use crate::model::QualifiedName;

impl<'a> Interpreter<'a, '_> {
    pub(super) fn call(&mut self, call: &'a ast::ExprCall) -> Value<'a> {
        if let Expr::Attribute(callee) = &*call.func
            && let receiver = self.eval(&callee.value)
            && !matches!(receiver, Value::Function(_))
            && self.model.qualified_name(&call.func).is_none()
        {
            return self.method(call, callee, receiver);
        }
        let arguments = self.arguments(call);
        if let Value::Function(function) = self.eval(&call.func) {
            return self.call_function(function, &arguments.positional, &arguments.keywords);
        }
        match self.model.qualified_name(&call.func) {
            Some(name) => self.library(&name, &arguments),
            None => self.unknown_call(&arguments),
        }
    }

    fn library(&mut self, name: &QualifiedName<'a>, arguments: &Arguments<'a>) -> Value<'a> {
        if let Some(shuffles) = catalogue::splitter(name) {
            let stratified = name
                .segments()
                .last()
                .is_some_and(|class| class.contains("Group"));
            return Value::Splitter {
                shuffles: shuffles || arguments.is_on("shuffle"),
                stratified,
            };
        }
        if let Some(kind) = catalogue::estimator(name) {
            let names_columns = catalogue::names_columns(name);
            return self.estimator(name.segments().last().copied(), kind, names_columns, arguments);
        }
        if catalogue::is_metric(name) {
            return self.metric(arguments);
        }
        if catalogue::is_cross_validation(name) {
            return self.cross_validation(name, arguments);
        }
        if let Some(class) = catalogue::learning_function(name) {
            return self.learning_function(class, arguments);
        }
        match name.segments() {
            [
                "sklearn",
                "model_selection" | "cross_validation",
                ..,
                "train_test_split",
            ] => self.train_test_split(arguments),
            ["sklearn", "utils", .., "resample"] => self.resample(arguments),
            ["sklearn", "utils", .., "shuffle"] if arguments.positional.len() > 1 => {
                Value::Items(arguments.positional.clone().into())
            }
            ["sklearn", "base", "clone"] => match arguments.positional.first() {
                Some(Value::Estimator(id)) => self.copy_of(*id),
                _ => Value::Unknown,
            },
            ["sklearn", "datasets", .., function] => self.dataset(function, arguments),
            ["pandas", "DataFrame"] if let Some(Expr::Dict(dict)) = arguments.call.arguments.args.first() => {
                self.table_of(dict)
            }
            ["pandas", "DataFrame" | "Series"] => match self.data_argument(arguments, 0, &["data"]) {
                Some(id) => Value::Data(id),
                None => Value::Data(self.learning.new_source()),
            },
            ["pandas", "concat"] | ["numpy", "concatenate" | "vstack" | "append" | "r_"] => {
                self.joined(arguments)
            }
            ["numpy", "hstack" | "column_stack" | "c_"] => self.side_by_side(arguments),
            ["pandas", "merge"] => match arguments.first_data() {
                Some(id) => {
                    let id = self.with_figures_of_groups(id, arguments);
                    self.other_table(id)
                }
                None => Value::Unknown,
            },
            ["numpy", "loadtxt" | "genfromtxt"] => Value::Data(self.learning.new_source()),
            ["numpy", function]
                if is_figure_function(function)
                    && (arguments.has_data_first() || arguments.is_off("axis")) =>
            {
                match self.data_argument(arguments, 0, &["a"]) {
                    Some(id) => self.figure(id, function, Some(1), arguments),
                    None => Value::Unknown,
                }
            }
            ["pandas", function] if function.starts_with("read_") => Value::Data(self.learning.new_source()),
            ["builtins", "max" | "min" | "sorted"]
            | ["numpy", "argmax" | "argmin" | "max" | "min" | "argsort"] => self.choice(arguments),
            [
                "builtins",
                "print" | "len" | "type" | "zip" | "range" | "isinstance",
            ] => Value::Unknown,
            _ => self.common_function(name, arguments),
        }
    }

    /// Functions that give back what they are given, row by row or as a figure.
    fn common_function(&mut self, name: &QualifiedName<'a>, arguments: &Arguments<'a>) -> Value<'a> {
        match name.segments() {
            ["builtins", "enumerate"] if let Some(items) = arguments.positional.first() => {
                let items = match (items, arguments.call.arguments.args.first()) {
                    (Value::Splitter { shuffles, stratified }, Some(splitter)) => {
                        self.indices(splitter, *shuffles, *stratified)
                    }
                    (items, _) => items.clone(),
                };
                let pair = Value::Items([Value::Unknown, Self::item_of(&items)].into());
                Value::Items([pair].into())
            }
            ["builtins", "float" | "int" | "round"]
                if let Some(Value::Figure(figure)) = arguments.positional.first() =>
            {
                Value::Figure(*figure)
            }
            _ if name.is_any(catalogue::ROWWISE_FUNCTIONS) => match arguments.first_data() {
                Some(id)
                    if name.is_any(&[
                        // Columns are encoded under names made of theirs: what was in the table is still in it.
                        "pandas.get_dummies",
                        "numpy.array",
                        "builtins.list",
                    ]) =>
                {
                    Value::Data(id)
                }
                Some(id) => self.changed(id),
                None => match arguments.positional.first() {
                    Some(Value::Prediction(prediction)) => Value::Prediction(*prediction),
                    _ => self.unknown_call(arguments),
                },
            },
            _ => self.unknown_call(arguments),
        }
    }

    /// A table made of columns, where all of them have rows.
    fn table_of(&mut self, dict: &'a ast::ExprDict) -> Value<'a> {
        let mut columns = Some(Vec::new());
        for item in &dict.items {
            match (self.eval(&item.value), &mut columns) {
                (Value::Data(id), Some(columns)) => columns.push(id),
                _ => columns = None,
            }
        }
        let mut columns = columns.unwrap_or_default().into_iter();
        let Some(mut table) = columns.next() else {
            return Value::Data(self.learning.new_source());
        };
        for column in columns {
            table = self.beside(table, column);
        }
        let frame = self.learning.new_frame();
        Value::Data(self.learning.derive(table, |data| {
            data.frame = frame;
            data.columns = Columns::AllBut(Vec::new());
        }))
    }

    /// A call of something that is not known: scores may come out as they went in.
    fn unknown_call(&mut self, arguments: &Arguments<'a>) -> Value<'a> {
        let scores: SmallVec<[_; 2]> = arguments
            .all()
            .flat_map(|value| match value {
                Value::Scores(scores) => scores.to_vec(),
                _ => Vec::new(),
            })
            .collect();
        if !scores.is_empty() {
            return Value::Scores(scores);
        }
        match arguments.positional.first() {
            Some(Value::Data(id)) => self.unclear(*id),
            _ => Value::Unknown,
        }
    }

    /// Made from a table by something that is not followed.
    pub(super) fn unclear(&mut self, id: DataId) -> Value<'a> {
        let of = self.learning.data(id).rows;
        let rows = self.learning.rows.add(Rows::Unclear(of));
        let frame = self.learning.new_frame();
        Value::Data(self.learning.derive(id, |data| {
            data.rows = rows;
            data.frame = frame;
            data.columns = Columns::Unknown;
            data.exact = false;
        }))
    }

    /// The rows may be others, the columns are named anew.
    pub(super) fn other_table(&mut self, id: DataId) -> Value<'a> {
        let Value::Data(id) = self.unclear(id) else {
            return Value::Unknown;
        };
        Value::Data(
            self.learning
                .derive(id, |data| data.columns = Columns::AllBut(Vec::new())),
        )
    }

    fn estimator(
        &mut self,
        class: Option<&'a str>,
        kind: EstimatorKind,
        names_columns: bool,
        arguments: &Arguments<'a>,
    ) -> Value<'a> {
        let mut inner = Vec::new();
        let mut waiting: Vec<Value<'a>> = arguments.all().cloned().collect();
        while let Some(value) = waiting.pop() {
            match value {
                Value::Estimator(id) => inner.push(id),
                Value::Items(items) => waiting.extend(items.iter().cloned()),
                _ => {}
            }
        }
        inner.reverse();
        // Puts in what it is told, or what the row itself holds.
        let constant = matches!(arguments.keyword("strategy"), Some(Value::Text("constant")));
        let kind = match kind {
            EstimatorKind::Learner if constant || arguments.is_along_columns() => EstimatorKind::Stateless,
            kind => kind,
        };
        let varied = self.depends_on_loop(arguments.call);
        let stops_early =
            arguments.keyword("early_stopping_rounds").is_some() || arguments.is_on("early_stopping");
        let estimator = Estimator {
            varied,
            stops_early,
            names_columns,
            minds_scale: scale::minds(class, kind, !inner.is_empty(), arguments),
            inner,
            ..Estimator::new(class, kind)
        };
        Value::Estimator(self.learning.add_estimator(estimator))
    }

    fn copy_of(&mut self, id: super::EstimatorId) -> Value<'a> {
        let mut copy = self.learning.estimator(id).clone();
        copy.fit = None;
        Value::Estimator(self.learning.add_estimator(copy))
    }

    /// An argument is the variable of a loop around.
    pub(super) fn depends_on_loop(&self, call: &'a ast::ExprCall) -> bool {
        let is_variable =
            |value: &Expr| matches!(value, Expr::Name(name) if self.is_loop_variable(name.id.as_str()));
        let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
        call.arguments.args.iter().chain(keywords).any(is_variable)
    }

    fn train_test_split(&mut self, arguments: &Arguments<'a>) -> Value<'a> {
        let mut data = Vec::new();
        for (value, expression) in arguments.positional.iter().zip(&arguments.call.arguments.args) {
            if let Some(id) = self.as_data(value, expression) {
                data.push(id);
            }
        }
        if data.is_empty() || data.len() != arguments.positional.len() {
            return Value::Unknown;
        }
        let shuffles = match arguments.keyword_expression("shuffle") {
            None => Some(true),
            Some(Expr::BooleanLiteral(literal)) => Some(literal.value),
            Some(_) => None,
        };
        let place = self.place(arguments.call.range());
        let stratified = arguments.keyword("stratify").is_some();
        let split = self.learning.add_split(Split {
            place,
            data: data.clone(),
            shuffles,
            folds: false,
            stratified,
            call: Some(arguments.call),
        });
        let mut parts = Vec::new();
        for id in data {
            let of = self.learning.data(id).rows;
            for side in [Side::Train, Side::Test] {
                parts.push(Value::Data(
                    self.learning.with_rows(id, Rows::Part { of, split, side }),
                ));
            }
        }
        Value::Items(parts.into())
    }

    fn resample(&mut self, arguments: &Arguments<'a>) -> Value<'a> {
        let repeats = !arguments.is_off("replace");
        let mut drawn = Vec::new();
        for (value, expression) in arguments.positional.iter().zip(&arguments.call.arguments.args) {
            let Some(id) = self.as_data(value, expression) else {
                return Value::Unknown;
            };
            let of = self.learning.data(id).rows;
            let rows = if repeats {
                Rows::Resampled(of)
            } else {
                Rows::Subset(of)
            };
            drawn.push(Value::Data(self.learning.with_rows(id, rows)));
        }
        match drawn.len() {
            1 => drawn.remove(0),
            _ => Value::Items(drawn.into()),
        }
    }

    fn dataset(&mut self, function: &str, arguments: &Arguments<'a>) -> Value<'a> {
        let data = self.learning.new_source();
        let rows = self.learning.data(data).rows;
        let target = self.learning.new_table(rows);
        if function.starts_with("make_") || arguments.is_on("return_X_y") {
            Value::Items([Value::Data(data), Value::Data(target)].into())
        } else if function.starts_with("load_") || function.starts_with("fetch_") {
            Value::Bunch(data, target)
        } else {
            Value::Unknown
        }
    }

    fn tables(arguments: &Arguments<'a>) -> Vec<DataId> {
        let items = match arguments.positional.first() {
            Some(Value::Items(items)) => items.to_vec(),
            _ => arguments.positional.clone(),
        };
        let tables: Vec<DataId> = items
            .iter()
            .filter_map(|item| match item {
                Value::Data(id) => Some(*id),
                _ => None,
            })
            .collect();
        if tables.len() == items.len() {
            tables
        } else {
            Vec::new()
        }
    }

    fn joined(&mut self, arguments: &Arguments<'a>) -> Value<'a> {
        if arguments.is_along_columns() {
            return self.side_by_side(arguments);
        }
        let tables = Self::tables(arguments);
        let Some(first) = tables.first() else {
            return Value::Unknown;
        };
        let members = tables.iter().map(|id| self.learning.data(*id).rows).collect();
        let rows = self.learning.rows.add(Rows::Joined(members));
        let mut joined = *first;
        for table in &tables[1..] {
            let same = self.learning.data(*table).frame == self.learning.data(joined).frame;
            let before = self.learning.data(joined).columns.clone();
            let both = self.beside(joined, *table);
            joined = if same {
                self.learning.derive(both, |data| data.columns = before)
            } else {
                both
            };
        }
        Value::Data(self.learning.derive(joined, |data| data.rows = rows))
    }

    fn side_by_side(&mut self, arguments: &Arguments<'a>) -> Value<'a> {
        let items = match arguments.positional.first() {
            Some(Value::Items(items)) => items.to_vec(),
            _ => arguments.positional.clone(),
        };
        let mut tables = items.iter().filter_map(|item| match item {
            Value::Data(id) => Some(*id),
            _ => None,
        });
        let Some(mut all) = tables.next() else {
            return Value::Unknown;
        };
        for table in tables.collect::<Vec<_>>() {
            all = self.beside(all, table);
        }
        Value::Data(all)
    }

    fn choice(&mut self, arguments: &Arguments<'a>) -> Value<'a> {
        let of: SmallVec<[_; 2]> = arguments
            .all()
            .flat_map(|value| match value {
                Value::Scores(scores) => scores.to_vec(),
                _ => Vec::new(),
            })
            .collect();
        if of.is_empty() {
            return self.unknown_call(arguments);
        }
        let place = self.place(arguments.call.range());
        self.learning.choices.push(Choice {
            place,
            of: of.clone(),
        });
        Value::Scores(of)
    }

    fn metric(&mut self, arguments: &Arguments<'a>) -> Value<'a> {
        let mut scores: SmallVec<[_; 2]> = SmallVec::new();
        for value in arguments.all() {
            if let Value::Prediction(prediction) = value
                && let Value::Scores(more) = self.judged(prediction, Judged::Metric, arguments.call.range())
            {
                scores.extend(more);
            }
        }
        if scores.is_empty()
            && let Some(Value::Estimator(estimator)) = arguments.positional.first()
            && let Some(data) = self.data_argument(arguments, 1, &["X"])
        {
            // `ConfusionMatrixDisplay.from_estimator(model, X, y)`.
            let prediction = self.prediction(*estimator, data);
            return self.judged(&prediction, Judged::Metric, arguments.call.range());
        }
        if scores.is_empty() {
            Value::Unknown
        } else {
            Value::Scores(scores)
        }
    }

    /// What a model says of data. The held-out part is asked for in order to judge.
    pub(super) fn asked(
        &mut self,
        estimator: super::EstimatorId,
        data: DataId,
        range: TextRange,
    ) -> Prediction {
        let prediction = self.prediction(estimator, data);
        let rows = self.learning.data(data).rows;
        if let Rows::Part { side: Side::Test, .. } = self.learning.rows.get(rows) {
            self.judged(&prediction, Judged::Asked, range);
        }
        prediction
    }

    pub(super) fn prediction(&mut self, estimator: super::EstimatorId, data: DataId) -> Prediction {
        self.learning.estimators[estimator.0 as usize].predicted = true;
        Prediction {
            estimator,
            fit: self.learning.estimator(estimator).fit,
            data,
            target: None,
            crossed: false,
        }
    }

    fn cross_validation(&mut self, name: &QualifiedName<'a>, arguments: &Arguments<'a>) -> Value<'a> {
        let first = arguments
            .positional
            .first()
            .or_else(|| arguments.keyword("estimator"));
        let estimator = match first {
            Some(Value::Estimator(id)) => *id,
            Some(_) => self.unknown_estimator(),
            None => return Value::Unknown,
        };
        let Some(data) = self.data_argument(arguments, 1, &["X"]) else {
            return Value::Unknown;
        };
        let target = match arguments.positional.get(2).or_else(|| arguments.keyword("y")) {
            Some(Value::Data(target)) => Some(*target),
            _ => None,
        };
        let prediction = Prediction {
            estimator,
            fit: None,
            data,
            target,
            crossed: true,
        };
        if name.segments().last() == Some(&"cross_val_predict") {
            return Value::Prediction(prediction);
        }
        self.judged(&prediction, Judged::CrossValidation, arguments.call.range())
    }
}
