//! Methods of values: of tables and columns, of predictions, scores and lists.

use ruff_python_ast::{self as ast, Expr};

use super::{
    Choice, Columns, DataId, Rows,
    arguments::{Arguments, column_names},
    catalogue::{LAG_METHODS, ROWWISE_METHODS, SUBSET_METHODS},
    interpreter::Interpreter,
    statistics::is_figure,
    values::{ColumnNames, Value, texts},
};
use ruff_text_size::Ranged;

impl<'a> Interpreter<'a, '_> {
    pub(super) fn method(
        &mut self,
        call: &'a ast::ExprCall,
        callee: &'a ast::ExprAttribute,
        receiver: Value<'a>,
    ) -> Value<'a> {
        let arguments = self.arguments(call);
        let method = callee.attr.as_str();
        match receiver {
            Value::Estimator(id) => self.estimator_method(id, method, &arguments),
            Value::Splitter { shuffles, stratified } if method == "split" => {
                self.folds(shuffles, stratified, &arguments)
            }
            Value::Data(id) => self.method_of_data(id, callee, &arguments),
            Value::Prediction(prediction) if keeps_rows(method) => Value::Prediction(prediction),
            Value::Prediction(_) => Value::Unknown,
            Value::Scores(of) => self.scores_method(of, callee, &arguments),
            Value::Groups(id) => self.groups_method(id, method, &arguments),
            Value::Figure(figure) if method != "fit" => Value::Figure(figure),
            Value::Names(names) => Self::names_method(names, method, &arguments),
            Value::Items(items) => self.items_method(&items, callee, &arguments),
            _ => self.unknown_method(callee, &arguments),
        }
    }

    pub(super) fn method_of_data(
        &mut self,
        id: DataId,
        callee: &'a ast::ExprAttribute,
        arguments: &Arguments<'a>,
    ) -> Value<'a> {
        let method = callee.attr.as_str();
        match self.data_method(id, method, arguments) {
            Value::Data(new) if arguments.is_on("inplace") => {
                match &*callee.value {
                    // `frame["age"].fillna(…, inplace=True)` is meant for the frame.
                    part @ (Expr::Subscript(_) | Expr::Attribute(_)) if method == "fillna" => {
                        self.assign(part, Value::Data(new));
                    }
                    _ => self.change_in_place(id, new),
                }
                Value::Unknown
            }
            value => value,
        }
    }

    fn scores_method(
        &mut self,
        of: smallvec::SmallVec<[super::EvaluationId; 2]>,
        callee: &'a ast::ExprAttribute,
        arguments: &Arguments<'a>,
    ) -> Value<'a> {
        match callee.attr.as_str() {
            "append" | "extend" | "insert" | "update" => {
                if let Expr::Name(name) = &*callee.value {
                    let more: Vec<_> = arguments
                        .all()
                        .flat_map(|value| match value {
                            Value::Scores(scores) => scores.to_vec(),
                            _ => Vec::new(),
                        })
                        .collect();
                    let all = self.with_scores(name.id.as_str(), &more);
                    self.set(name.id.as_str(), all);
                }
                Value::Unknown
            }
            "idxmax" | "idxmin" | "argmax" | "argmin" | "sort_values" | "nlargest" | "sort" => {
                let place = self.place(arguments.call.range());
                self.learning.choices.push(Choice {
                    place,
                    of: of.clone(),
                });
                Value::Scores(of)
            }
            _ => Value::Scores(of),
        }
    }

    /// Methods of an index of column names.
    fn names_method(names: Option<ColumnNames<'a>>, method: &str, arguments: &Arguments<'a>) -> Value<'a> {
        let given = arguments.positional.first().and_then(column_names);
        let names = match (method, names, given) {
            ("drop" | "difference", Some(mut names), Some(dropped)) => {
                names.dropped.extend(dropped);
                Some(names)
            }
            ("tolist" | "to_list" | "copy", names, _) => names,
            _ => None,
        };
        Value::Names(names)
    }

    fn items_method(
        &mut self,
        items: &[Value<'a>],
        callee: &'a ast::ExprAttribute,
        arguments: &Arguments<'a>,
    ) -> Value<'a> {
        let (method, Expr::Name(name)) = (callee.attr.as_str(), &*callee.value) else {
            return Value::Unknown;
        };
        let changed = match (method, arguments.positional.first()) {
            ("append", Some(Value::Scores(scores))) => self.with_scores(name.id.as_str(), scores),
            ("append", Some(item)) => Value::Items(items.iter().chain([item]).cloned().collect()),
            ("remove", Some(Value::Text(removed))) if texts(items).is_some() => Value::Items(
                items
                    .iter()
                    .filter(|item| !matches!(item, Value::Text(text) if text == removed))
                    .cloned()
                    .collect(),
            ),
            ("copy", _) => return Value::Items(items.into()),
            ("index" | "count" | "items" | "join", _) => return Value::Unknown,
            _ => Value::Unknown,
        };
        self.set(name.id.as_str(), changed);
        Value::Unknown
    }

    pub(super) fn data_method(
        &mut self,
        id: DataId,
        method: &'a str,
        arguments: &Arguments<'a>,
    ) -> Value<'a> {
        let rows = self.learning.data(id).rows;
        match method {
            "drop" => self.drop(id, arguments),
            "pop" => match arguments.positional.first() {
                Some(Value::Text(column)) => {
                    let popped = self.column(id, column);
                    let left = self.without_columns(id, Some(&[column]));
                    self.change_in_place(id, left);
                    Value::Data(popped)
                }
                _ => Value::Unknown,
            },
            "sample" if arguments.is_on("replace") => {
                Value::Data(self.learning.with_rows(id, Rows::Resampled(rows)))
            }
            "dropna" | "filter"
                if arguments.is_along_columns() || (method == "filter" && !arguments.is_off("axis")) =>
            {
                Value::Data(self.without_columns(id, None))
            }
            "select_dtypes" => Value::Data(self.without_columns(id, None)),
            "rename" | "set_axis" | "add_prefix" | "add_suffix" => {
                let frame = self.learning.new_frame();
                Value::Data(self.learning.derive(id, |data| {
                    data.frame = frame;
                    data.columns = match data.columns {
                        Columns::AllBut(_) => Columns::AllBut(Vec::new()),
                        _ => Columns::Unknown,
                    };
                }))
            }
            "set_index" => match arguments.positional.first().and_then(column_names) {
                Some(columns) => Value::Data(self.without_columns(id, Some(&columns))),
                None => Value::Data(id),
            },
            "merge" => {
                let id = self.with_figures_of_groups(id, arguments);
                self.other_table(id)
            }
            "pivot" | "pivot_table" | "melt" | "stack" | "unstack" | "explode" => self.other_table(id),
            "groupby" => Value::Groups(id),
            "resample" | "agg" | "aggregate" => self.unclear(id),
            "append" => match arguments.positional.first() {
                Some(Value::Data(other)) => {
                    let other = self.learning.data(*other).rows;
                    Value::Data(
                        self.learning
                            .with_rows(id, Rows::Joined([rows, other].into_iter().collect())),
                    )
                }
                _ => self.unclear(id),
            },
            "join" => match arguments.positional.first() {
                Some(Value::Data(other)) => {
                    let all = self.beside(id, *other);
                    Value::Data(self.with_figures_of_groups(all, arguments))
                }
                _ => Value::Data(id),
            },
            _ if is_windowed(arguments.call) => Value::Data(id),
            _ if is_figure(method) => {
                let axis = (method != "quantile").then_some(0);
                self.figure(id, method, axis, arguments)
            }
            "sum" | "count" | "nunique" | "unique" | "value_counts" | "info" | "corr" | "plot" | "hist"
            | "boxplot" | "to_csv" | "any" | "all" | "item" | "keys" | "items" | "iterrows"
            | "itertuples" | "idxmax" | "idxmin" | "argmax" | "argmin" => Value::Unknown,
            _ if LAG_METHODS.contains(&method) => {
                let place = self.place(arguments.call.range());
                Value::Data(self.learning.derive(id, |data| {
                    data.lagged = data.lagged.or(Some(place));
                    data.exact = false;
                }))
            }
            _ if SUBSET_METHODS.contains(&method) => {
                Value::Data(self.learning.with_rows(id, Rows::Subset(rows)))
            }
            "copy" | "astype" | "to_numpy" | "as_matrix" | "ravel" | "flatten" | "squeeze"
            | "reset_index" | "sort_values" | "sort_index" | "to_frame" | "tolist" | "to_list"
            | "reshape" | "toarray" | "ffill" | "bfill" | "interpolate" => Value::Data(id),
            "fillna" | "replace" => {
                let id = self.filled(id, arguments);
                Value::Data(self.with_figures_of_groups(id, arguments))
            }
            "map" | "apply" | "applymap" | "transform" | "pipe" => {
                let id = self.with_figures_of_groups(id, arguments);
                let id = self.applied(id, arguments);
                self.changed(id)
            }
            "assign" => {
                let columns: Vec<&'a str> = arguments.keywords.iter().map(|(name, _)| *name).collect();
                let new = self.learning.derive(id, |_| {});
                Value::Data(self.with_assigned(new, &columns, arguments))
            }
            _ if ROWWISE_METHODS.contains(&method) => self.changed(id),
            _ => self.unclear(id),
        }
    }

    /// The data with what a function brings in that is applied to it: `frame.apply(lambda x: x - x.mean())`.
    fn applied(&mut self, id: DataId, arguments: &Arguments<'a>) -> DataId {
        if arguments.is_along_columns() {
            return id;
        }
        let result = match (
            arguments.call.arguments.args.first(),
            arguments.positional.first(),
        ) {
            (Some(Expr::Lambda(lambda)), _) => self.call_lambda(lambda, id),
            (_, Some(Value::Function(function))) => self.call_function(*function, &[Value::Data(id)], &[]),
            _ => return id,
        };
        let Value::Data(result) = result else { return id };
        let learned = self.learning.data(result).learned.clone();
        self.learning.derive(id, |data| data.learn(&learned))
    }

    fn call_lambda(&mut self, lambda: &'a ast::ExprLambda, id: DataId) -> Value<'a> {
        let parameters = lambda.parameters.as_deref();
        let parameter = parameters.and_then(|all| all.iter_non_variadic_params().next());
        let Some(parameter) = parameter else {
            return Value::Unknown;
        };
        let name = parameter.name().as_str();
        let outer = self.get(name);
        self.set(name, Value::Data(id));
        let value = self.eval(&lambda.body);
        self.set(name, outer);
        value
    }

    fn with_assigned(&mut self, id: DataId, columns: &[&'a str], arguments: &Arguments<'a>) -> DataId {
        let lagged = arguments.keywords.iter().find_map(|(_, value)| match value {
            Value::Data(id) => self.learning.data(*id).lagged,
            _ => None,
        });
        self.learning.derive(id, |data| {
            data.lagged = data.lagged.or(lagged);
            match &mut data.columns {
                Columns::AllBut(dropped) => dropped.retain(|dropped| !columns.contains(dropped)),
                Columns::Only(kept) | Columns::AtLeast(kept) => kept.extend(columns),
                Columns::Unknown => {}
            }
        })
    }

    /// Of columns by name, or of rows.
    fn drop(&mut self, id: DataId, arguments: &Arguments<'a>) -> Value<'a> {
        let given = arguments.positional.first();
        let columns = arguments.keyword("columns").or_else(|| {
            let labels = given.or_else(|| arguments.keyword("labels"));
            let second = arguments.call.arguments.args.get(1);
            let along = arguments.is_along_columns()
                || second.is_some_and(|axis| match axis {
                    Expr::NumberLiteral(_) => true,
                    Expr::StringLiteral(axis) => axis.value.to_str() == "columns",
                    _ => false,
                });
            labels.filter(|_| along)
        });
        if let Some(columns) = columns {
            let names = column_names(columns);
            return Value::Data(self.without_columns(id, names.as_deref()));
        }
        let of = self.learning.data(id).rows;
        let rows = match given.or_else(|| arguments.keyword("index")) {
            Some(Value::RowIndex(taken)) => Rows::Rest { of, taken: *taken },
            _ => Rows::Subset(of),
        };
        Value::Data(self.learning.with_rows(id, rows))
    }
}

/// The method gives one value for each row of a prediction, its choice among probabilities included.
fn keeps_rows(method: &str) -> bool {
    ROWWISE_METHODS.contains(&method) || method == "argmax"
}

/// `values.rolling(7).mean()`: what is computed of a window is one value for each row.
fn is_windowed(call: &ast::ExprCall) -> bool {
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    let Expr::Call(window) = &*method.value else {
        return false;
    };
    matches!(&*window.func, Expr::Attribute(window) if matches!(window.attr.as_str(), "rolling" | "ewm" | "expanding"))
}
