//! What an expression gives.

use ruff_python_ast::{self as ast, Expr, Operator};
use ruff_text_size::{Ranged, TextRange};

use super::{
    Choice, Columns, Data, DataId, Evaluation, Judged, MAX_REMEMBERED, Rows,
    interpreter::{Interpreter, target_names},
    values::{ColumnNames, Prediction, Value, texts},
};
use crate::ast::with_stack;

impl<'a> Interpreter<'a, '_> {
    pub(super) fn eval(&mut self, expression: &'a Expr) -> Value<'a> {
        with_stack(|| self.expression(expression))
    }

    fn expression(&mut self, expression: &'a Expr) -> Value<'a> {
        match expression {
            Expr::Name(name) => self.get(name.id.as_str()),
            Expr::StringLiteral(text) => Value::Text(text.value.to_str()),
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                Value::Items(elts.iter().map(|element| self.eval(element)).collect())
            }
            Expr::Dict(dict) => {
                for item in &dict.items {
                    item.key.iter().chain([&item.value]).for_each(|part| {
                        self.eval(part);
                    });
                }
                Value::Unknown
            }
            Expr::Named(named) => {
                let value = self.eval(&named.value);
                self.assign(&named.target, value.clone());
                value
            }
            Expr::If(choice) => {
                self.eval(&choice.test);
                self.eval(&choice.body);
                self.eval(&choice.orelse);
                Value::Unknown
            }
            Expr::BinOp(operation) => self.operation(operation),
            Expr::UnaryOp(operation) => match self.eval(&operation.operand) {
                Value::Data(id) => self.changed(id),
                value => value,
            },
            Expr::BoolOp(operation) => {
                for value in &operation.values {
                    self.eval(value);
                }
                Value::Unknown
            }
            Expr::Compare(comparison) => self.comparison(comparison),
            Expr::Call(call) => self.call(call),
            Expr::Attribute(attribute) => self.attribute(attribute),
            Expr::Subscript(subscript) => self.subscript(subscript),
            Expr::ListComp(comprehension) => {
                self.comprehension(&comprehension.generators, &comprehension.elt)
            }
            Expr::Generator(comprehension) => {
                self.comprehension(&comprehension.generators, &comprehension.elt)
            }
            Expr::SetComp(comprehension) => self.comprehension(&comprehension.generators, &comprehension.elt),
            Expr::DictComp(comprehension) => {
                self.comprehension(&comprehension.generators, &comprehension.value)
            }
            Expr::Starred(starred) => self.eval(&starred.value),
            Expr::Await(wait) => self.eval(&wait.value),
            Expr::Yield(given) => {
                if let Some(value) = &given.value {
                    let value = self.eval(value);
                    self.yielded(&value);
                }
                Value::Unknown
            }
            Expr::FString(text) => {
                for element in text.value.elements() {
                    if let ast::InterpolatedStringElement::Interpolation(part) = element {
                        self.eval(&part.expression);
                    }
                }
                Value::Unknown
            }
            _ => Value::Unknown,
        }
    }

    fn comprehension(&mut self, generators: &'a [ast::Comprehension], element: &'a Expr) -> Value<'a> {
        let mut names: Vec<&'a str> = Vec::new();
        let mut over_columns = false;
        let mut known: Option<ColumnNames<'a>> = None;
        let mut opaque = false;
        let mut saved = Vec::new();
        for generator in generators {
            let mut items = self.eval(&generator.iter);
            if let Value::Data(id) = items {
                items = self.names_of(id);
            }
            over_columns |= matches!(items, Value::Names(_));
            if let Value::Names(Some(names)) = &items {
                known = Some(names.clone());
            }
            let item = Self::item_of(&items);
            let bound = target_names(&generator.target);
            saved.extend(bound.iter().map(|name| (*name, self.get(name))));
            names.extend(bound);
            self.assign(&generator.target, item);
            for test in &generator.ifs {
                match self.names_excluded_by(test) {
                    Some(excluded) if known.is_some() => {
                        if let Some(names) = &mut known {
                            names.dropped.extend(excluded);
                        }
                    }
                    _ => {
                        self.eval(test);
                        opaque = true;
                    }
                }
            }
        }
        let simple = generators.len() == 1 && matches!(element, Expr::Name(_)) && over_columns;
        let value = self.in_loop(names, |this| this.eval(element));
        for (name, value) in saved {
            self.set(name, value);
        }
        match value {
            Value::Scores(scores) => Value::Scores(scores),
            _ if simple && !opaque => Value::Names(known),
            _ => Value::Names(None),
        }
    }

    /// `name != "column"`, `name not in ["a", "b"]`.
    fn names_excluded_by(&mut self, test: &'a Expr) -> Option<Vec<&'a str>> {
        let Expr::Compare(comparison) = test else {
            return None;
        };
        let ([operator], [right]) = (&*comparison.ops, &*comparison.comparators) else {
            return None;
        };
        match (operator, self.eval(right)) {
            (ast::CmpOp::NotEq, Value::Text(column)) => Some(vec![column]),
            (ast::CmpOp::NotIn, Value::Items(items)) => texts(&items),
            _ => None,
        }
    }

    fn operation(&mut self, operation: &'a ast::ExprBinOp) -> Value<'a> {
        let left = self.eval(&operation.left);
        let right = self.eval(&operation.right);
        if let (Value::Names(Some(names)), Value::Items(items), Operator::Sub) = (&left, &right, operation.op)
        {
            let mut names = names.clone();
            names.dropped.extend(texts(items).unwrap_or_default());
            return Value::Names(Some(names));
        }
        if let (Value::Items(left), Value::Items(right), Operator::Add) = (&left, &right, operation.op) {
            return Value::Items(left.iter().chain(right.iter()).cloned().collect());
        }
        self.combine(left, right, operation.op, operation.range)
    }

    /// What an arithmetic operation gives.
    pub(super) fn combine(
        &mut self,
        left: Value<'a>,
        right: Value<'a>,
        operator: Operator,
        range: TextRange,
    ) -> Value<'a> {
        match (left, right) {
            (Value::Prediction(prediction), Value::Data(_))
            | (Value::Data(_), Value::Prediction(prediction))
                if operator == Operator::Sub =>
            {
                self.judged(&prediction, Judged::Difference, range)
            }
            (Value::Scores(scores), _) | (_, Value::Scores(scores)) => Value::Scores(scores),
            (Value::Prediction(prediction), _) | (_, Value::Prediction(prediction)) => {
                Value::Prediction(prediction)
            }
            (Value::Data(id), Value::Figure(figure)) | (Value::Figure(figure), Value::Data(id)) => {
                self.with_figure(id, figure)
            }
            (Value::Figure(mut figure), Value::Figure(other)) => {
                figure.peak &= other.peak;
                Value::Figure(figure)
            }
            (Value::Figure(figure), _) | (_, Value::Figure(figure)) => Value::Figure(figure),
            (Value::Data(left), Value::Data(right)) => Value::Data(self.beside(left, right)),
            (Value::Data(id), _) | (_, Value::Data(id)) => self.changed(id),
            _ => Value::Unknown,
        }
    }

    /// The same rows, other values.
    pub(super) fn changed(&mut self, id: DataId) -> Value<'a> {
        Value::Data(self.learning.derive(id, |data| data.exact = false))
    }

    /// Computed from both, row by row; or both side by side.
    pub(super) fn beside(&mut self, left: DataId, right: DataId) -> DataId {
        let right = self.learning.data(right).clone();
        let frame = (self.learning.data(left).frame != right.frame).then(|| self.learning.new_frame());
        self.learning.derive(left, |data| {
            data.exact = false;
            data.lagged = data.lagged.or(right.lagged);
            data.learn(&right.learned);
            match frame {
                Some(frame) => {
                    data.frame = frame;
                    data.columns = Columns::AllBut(Vec::new());
                }
                None => match (&mut data.columns, right.columns) {
                    (Columns::Only(kept), Columns::Only(more)) => kept.extend(more),
                    (columns @ Columns::Only(_), other) => *columns = other,
                    _ => {}
                },
            }
        })
    }

    pub(super) fn judged(&mut self, prediction: &Prediction, how: Judged, range: TextRange) -> Value<'a> {
        let place = self.place(range);
        let in_loop = self.current_loop();
        let how = if prediction.crossed {
            Judged::CrossValidation
        } else {
            how
        };
        let id = self.learning.add_evaluation(Evaluation {
            place,
            estimator: prediction.estimator,
            fit: prediction.fit,
            data: prediction.data,
            target: prediction.target,
            how,
            in_loop,
        });
        Value::Scores([id].into_iter().collect())
    }

    fn comparison(&mut self, comparison: &'a ast::ExprCompare) -> Value<'a> {
        let left = self.eval(&comparison.left);
        let Some(right) = comparison.comparators.first() else {
            return Value::Unknown;
        };
        let literal = right.is_number_literal_expr() || comparison.left.is_number_literal_expr();
        let equality = matches!(comparison.ops.first(), Some(ast::CmpOp::Eq | ast::CmpOp::NotEq));
        let right = self.eval(right);
        match (left, right) {
            (Value::Prediction(prediction), Value::Data(_))
            | (Value::Data(_), Value::Prediction(prediction))
                if equality =>
            {
                self.judged(&prediction, Judged::Comparison, comparison.range)
            }
            (Value::Scores(of), _) | (_, Value::Scores(of)) if !literal && !equality => {
                let place = self.place(comparison.range);
                self.learning.choices.push(Choice { place, of });
                Value::Unknown
            }
            (Value::Data(id), _) | (_, Value::Data(id)) => self.changed(id),
            _ => Value::Mask,
        }
    }

    fn attribute(&mut self, attribute: &'a ast::ExprAttribute) -> Value<'a> {
        let name = attribute.attr.as_str();
        match self.eval(&attribute.value) {
            Value::Data(id) => self.attribute_of_data(id, name),
            Value::Bunch(data, target) => match name {
                "data" => Value::Data(data),
                "target" => Value::Data(target),
                "frame" => Value::Data(self.learning.new_table(self.learning.data(data).rows)),
                "feature_names" => Value::Names(None),
                _ => Value::Unknown,
            },
            Value::Estimator(id) if matches!(name, "best_estimator_" | "best_model") => Value::Estimator(id),
            Value::Prediction(prediction) if matches!(name, "values" | "T") => Value::Prediction(prediction),
            Value::Names(names) if matches!(name, "values" | "str") => Value::Names(names),
            Value::Scores(scores) if name == "values" => Value::Scores(scores),
            Value::Figure(figure) => Value::Figure(figure),
            Value::Groups(id) => Value::Groups(self.column(id, name)),
            _ => Value::Unknown,
        }
    }

    fn attribute_of_data(&mut self, id: DataId, name: &'a str) -> Value<'a> {
        match name {
            "values" | "str" | "dt" | "cat" | "iloc" | "loc" | "array" | "sparse" => Value::Data(id),
            "columns" => self.names_of(id),
            "index" => Value::RowIndex(self.learning.data(id).rows),
            "shape" | "size" | "ndim" | "dtypes" | "dtype" | "T" | "plot" | "empty" | "axes" | "nbytes"
            | "style" | "train" | "test" | "data" | "target" | "X" | "y" => Value::Unknown,
            column => Value::Data(self.column(id, column)),
        }
    }

    /// The names of a table's columns.
    fn names_of(&self, id: DataId) -> Value<'a> {
        let data = self.learning.data(id);
        Value::Names(match &data.columns {
            Columns::AllBut(dropped) => Some(ColumnNames {
                frame: data.frame,
                dropped: dropped.clone(),
                written: self.written.len(),
            }),
            _ => None,
        })
    }

    /// The table, which has this column: it was asked for. Whoever holds the table knows it from now on.
    fn with_column(&mut self, id: DataId, column: &'a str) -> DataId {
        let known = match &self.learning.data(id).columns {
            Columns::Unknown => Vec::new(),
            Columns::AtLeast(known) if known.len() < MAX_REMEMBERED && !known.contains(&column) => {
                known.clone()
            }
            _ => return id,
        };
        let columns = known.into_iter().chain([column]).collect();
        let new = self
            .learning
            .derive(id, |data| data.columns = Columns::AtLeast(columns));
        self.change_in_place(id, new);
        new
    }

    /// One column of a table.
    pub(super) fn column(&mut self, id: DataId, column: &'a str) -> DataId {
        self.only_columns(id, vec![column])
    }

    /// The table without columns; without unknown ones where no names are given.
    pub(super) fn without_columns(&mut self, id: DataId, columns: Option<&[&'a str]>) -> DataId {
        self.selected(id, |data| {
            let Some(columns) = columns else {
                data.columns = Columns::Unknown;
                return;
            };
            match &mut data.columns {
                Columns::AllBut(dropped) => dropped.extend(columns),
                Columns::Only(kept) | Columns::AtLeast(kept) => {
                    kept.retain(|kept| !columns.contains(kept));
                }
                Columns::Unknown => {}
            }
        })
    }

    fn subscript(&mut self, subscript: &'a ast::ExprSubscript) -> Value<'a> {
        let positional = match &*subscript.value {
            Expr::Attribute(attribute) => match attribute.attr.as_str() {
                "iloc" => Some(true),
                "loc" => Some(false),
                _ => None,
            },
            _ => None,
        };
        match self.eval(&subscript.value) {
            Value::Data(id) => self.part_of_data(id, &subscript.slice, positional),
            Value::Prediction(prediction) => {
                self.eval(&subscript.slice);
                Value::Prediction(prediction)
            }
            Value::Bunch(data, target) => match self.eval(&subscript.slice) {
                Value::Text("data") => Value::Data(data),
                Value::Text("target") => Value::Data(target),
                _ => Value::Unknown,
            },
            Value::Items(items) => match &*subscript.slice {
                Expr::NumberLiteral(ast::ExprNumberLiteral {
                    value: ast::Number::Int(index),
                    ..
                }) => index
                    .as_usize()
                    .and_then(|index| items.get(index))
                    .cloned()
                    .unwrap_or(Value::Unknown),
                _ => Value::Unknown,
            },
            Value::Scores(scores) => Value::Scores(scores),
            Value::Names(_) => {
                self.eval(&subscript.slice);
                Value::Names(None)
            }
            Value::Figure(figure) => {
                self.eval(&subscript.slice);
                Value::Figure(figure)
            }
            Value::Groups(id) => match self.part_of_data(id, &subscript.slice, None) {
                Value::Data(id) => Value::Groups(id),
                _ => Value::Unknown,
            },
            _ => {
                self.eval(&subscript.slice);
                Value::Unknown
            }
        }
    }

    /// `data[key]`, `data.iloc[key]`, `data.loc[key]`.
    fn part_of_data(&mut self, id: DataId, key: &'a Expr, positional: Option<bool>) -> Value<'a> {
        if let Expr::Tuple(pair) = key
            && let [rows, columns, ..] = &*pair.elts
        {
            let whole = matches!(rows, Expr::Slice(slice) if slice.lower.is_none() && slice.upper.is_none());
            let id = if whole { id } else { self.some_rows(id, rows) };
            return Value::Data(self.some_columns(id, columns));
        }
        if positional.is_some() {
            return Value::Data(self.some_rows(id, key));
        }
        match key {
            Expr::Slice(_) => return Value::Data(self.some_rows(id, key)),
            Expr::NumberLiteral(_) => return Value::Unknown,
            _ => {}
        }
        match self.eval(key) {
            Value::Text(column) => {
                let id = self.with_column(id, column);
                Value::Data(self.column(id, column))
            }
            Value::Items(items) if texts(&items).is_some_and(|texts| !texts.is_empty()) => {
                let columns = texts(&items).unwrap_or_default();
                Value::Data(self.only_columns(id, columns))
            }
            Value::Items(_) => Value::Data(self.without_columns(id, None)),
            Value::Names(names) => Value::Data(self.named_columns(id, names)),
            key => Value::Data(self.rows_by(id, &key)),
        }
    }

    /// Other columns of the same table.
    fn selected(&mut self, id: DataId, change: impl FnOnce(&mut Data<'a>)) -> DataId {
        let id = self.learning.derive(id, change);
        self.learning.forget_columns(id);
        id
    }

    fn only_columns(&mut self, id: DataId, columns: Vec<&'a str>) -> DataId {
        self.selected(id, |data| {
            data.exact &= columns.iter().all(|column| data.columns.has(column));
            data.columns = Columns::Only(columns);
        })
    }

    fn named_columns(&mut self, id: DataId, names: Option<ColumnNames<'a>>) -> DataId {
        let frame = self.learning.data(id).frame;
        let columns = match names.filter(|names| names.frame == frame) {
            Some(mut names) => {
                let later = self.written[names.written..].iter();
                let new = later
                    .filter(|(written, _)| *written == frame)
                    .map(|(_, column)| *column);
                names.dropped.extend(new);
                Columns::AllBut(names.dropped)
            }
            None => Columns::Unknown,
        };
        self.selected(id, |data| data.columns = columns)
    }

    fn some_columns(&mut self, id: DataId, key: &'a Expr) -> DataId {
        if matches!(key, Expr::Slice(slice) if slice.lower.is_none() && slice.upper.is_none()) {
            return id;
        }
        match self.eval(key) {
            Value::Text(column) => self.column(id, column),
            Value::Items(items) => match texts(&items) {
                Some(columns) if !columns.is_empty() => self.only_columns(id, columns),
                _ => self.without_columns(id, None),
            },
            Value::Names(names) => self.named_columns(id, names),
            _ => self.without_columns(id, None),
        }
    }

    /// Rows by a slice, a list, a condition, the index of a fold.
    fn some_rows(&mut self, id: DataId, key: &'a Expr) -> DataId {
        if let Expr::Slice(slice) = key {
            let of = self.learning.data(id).rows;
            let text =
                |bound: &'a Option<Box<Expr>>| bound.as_deref().map(|bound| self.source(bound.range()));
            let (lower, upper) = (text(&slice.lower), text(&slice.upper));
            let lower = lower.filter(|lower| *lower != "0");
            if slice.step.is_some() {
                return self.learning.with_rows(id, Rows::Subset(of));
            }
            if lower.is_none() && upper.is_none() {
                return id;
            }
            return self.learning.with_rows(id, Rows::Slice { of, lower, upper });
        }
        let key = self.eval(key);
        self.rows_by(id, &key)
    }

    fn rows_by(&mut self, id: DataId, key: &Value<'a>) -> DataId {
        let of = self.learning.data(id).rows;
        let rows = match key {
            Value::Index(split, side) => Rows::Part {
                of,
                split: *split,
                side: *side,
            },
            Value::RowIndex(rows) => {
                let rows = *rows;
                return self.learning.derive(id, |data| data.rows = rows);
            }
            Value::Data(_) | Value::Mask | Value::Items(_) => Rows::Subset(of),
            _ => Rows::Unclear(of),
        };
        let unclear = matches!(rows, Rows::Unclear(_));
        let id = self.learning.with_rows(id, rows);
        if unclear {
            self.without_columns(id, None)
        } else {
            id
        }
    }
}
