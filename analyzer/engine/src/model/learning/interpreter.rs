//! The walk over statements: which value each name has at each point.

use ruff_python_ast::{self as ast, Expr, Stmt, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::{
    Columns, DataId, EvaluationId, FrameId, Learning, Lesson, Model, Place, Side,
    values::{Function, Value, texts},
};
use crate::ast::with_stack;

/// How deep calls of the notebook's functions are followed.
const MAX_CALLS: usize = 3;
/// How many statements are walked, functions followed again at each call.
const MAX_STATEMENTS: u32 = 20_000;

type Names<'a> = FxHashMap<&'a str, Value<'a>>;

/// A loop around the current point.
pub(super) struct Loop<'a> {
    number: u32,
    targets: Vec<&'a str>,
}

/// The walk.
pub(super) struct Interpreter<'a, 'm> {
    pub(super) model: &'m Model<'a>,
    pub(super) learning: Learning<'a>,
    pub(super) cell: usize,
    globals: Names<'a>,
    locals: Option<Names<'a>>,
    pub(super) loops: Vec<Loop<'a>>,
    loop_count: u32,
    calls: Vec<&'a StmtFunctionDef>,
    returned: Option<Value<'a>>,
    statements: u32,
    /// The statement that is walked.
    pub(super) statement: TextRange,
    /// Columns written into tables, in order.
    pub(super) written: Vec<(FrameId, &'a str)>,
}

/// Walks a notebook.
pub(super) fn run<'a>(model: &Model<'a>) -> Learning<'a> {
    let mut interpreter = Interpreter {
        model,
        learning: Learning::default(),
        cell: 0,
        globals: Names::default(),
        locals: None,
        loops: Vec::new(),
        loop_count: 0,
        calls: Vec::new(),
        returned: None,
        statements: 0,
        statement: TextRange::default(),
        written: Vec::new(),
    };
    let parsed = model.parsed();
    for (position, cell) in parsed.cells().iter().enumerate() {
        if cell.is_valid() && !cell.is_skipped() {
            interpreter.cell = position;
            interpreter.body(cell.body());
        }
    }
    interpreter.learning
}

impl<'a> Interpreter<'a, '_> {
    pub(super) fn place(&self, range: TextRange) -> Place {
        Place::new(self.cell, range)
    }

    pub(super) fn source(&self, range: TextRange) -> &'a str {
        self.model.cell(self.cell).slice(range)
    }

    pub(super) fn current_loop(&self) -> Option<u32> {
        self.loops.last().map(|current| current.number)
    }

    /// The name is set anew by each round of a loop around the current point.
    pub(super) fn is_loop_variable(&self, name: &str) -> bool {
        self.loops.iter().any(|current| current.targets.contains(&name))
    }

    pub(super) fn get(&self, name: &str) -> Value<'a> {
        let local = self.locals.as_ref().and_then(|locals| locals.get(name));
        local
            .or_else(|| self.globals.get(name))
            .cloned()
            .unwrap_or(Value::Unknown)
    }

    pub(super) fn set(&mut self, name: &'a str, value: Value<'a>) {
        self.names().insert(name, value);
    }

    fn names(&mut self) -> &mut Names<'a> {
        self.locals.as_mut().unwrap_or(&mut self.globals)
    }

    /// Every name that means this value means another one from now on: the value was changed in place.
    pub(super) fn change_in_place(&mut self, old: DataId, new: DataId) {
        let frames = std::iter::once(&mut self.globals).chain(self.locals.as_mut());
        for value in frames.flat_map(FxHashMap::values_mut) {
            if matches!(value, Value::Data(id) if *id == old) {
                *value = Value::Data(new);
            }
        }
    }

    fn body(&mut self, body: &'a [Stmt]) {
        for statement in body {
            self.statements += 1;
            if self.statements > MAX_STATEMENTS {
                return;
            }
            with_stack(|| self.statement(statement));
        }
    }

    fn statement(&mut self, statement: &'a Stmt) {
        self.statement = statement.range();
        match statement {
            Stmt::FunctionDef(definition) => {
                let cell = self.cell;
                self.set(
                    definition.name.as_str(),
                    Value::Function(Function { definition, cell }),
                );
            }
            Stmt::Assign(assign) => {
                let value = self.eval(&assign.value);
                for target in &assign.targets {
                    self.assign(target, value.clone());
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    let value = self.eval(value);
                    self.assign(&assign.target, value);
                }
            }
            Stmt::AugAssign(assign) => {
                let old = self.eval(&assign.target);
                let value = self.eval(&assign.value);
                let value = self.combine(old, value, assign.op, assign.range);
                self.assign(&assign.target, value);
            }
            Stmt::Expr(expression) => {
                self.eval(&expression.value);
            }
            Stmt::Return(returned) => {
                let value = returned
                    .value
                    .as_deref()
                    .map_or(Value::Unknown, |value| self.eval(value));
                if self
                    .returned
                    .as_ref()
                    .is_none_or(|known| matches!(known, Value::Unknown))
                {
                    self.returned = Some(value);
                }
            }
            Stmt::Assert(assertion) => {
                self.eval(&assertion.test);
            }
            Stmt::Delete(delete) => delete.targets.iter().for_each(|target| self.delete(target)),
            Stmt::IpyEscapeCommand(command) => {
                let embedded = self.model.cell(self.cell).embedded(command.range.start());
                self.body(embedded.unwrap_or_default());
            }
            _ => self.compound(statement),
        }
    }

    fn compound(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::If(choice) => {
                self.eval(&choice.test);
                let mut bodies = vec![&*choice.body];
                for clause in &choice.elif_else_clauses {
                    if let Some(test) = &clause.test {
                        self.eval(test);
                    }
                    bodies.push(&clause.body);
                }
                let exhaustive = choice
                    .elif_else_clauses
                    .last()
                    .is_some_and(|last| last.test.is_none());
                self.branches(&bodies, exhaustive);
            }
            Stmt::For(each) => {
                let items = match self.eval(&each.iter) {
                    Value::Splitter { shuffles, stratified } => {
                        self.indices(&each.iter, shuffles, stratified)
                    }
                    items => items,
                };
                let item = Self::item_of(&items);
                self.assign(&each.target, item);
                self.loop_body(target_names(&each.target), &each.body);
                self.body(&each.orelse);
            }
            Stmt::While(each) => {
                self.eval(&each.test);
                self.loop_body(Vec::new(), &each.body);
                self.body(&each.orelse);
            }
            Stmt::With(with) => {
                for item in &with.items {
                    let value = self.eval(&item.context_expr);
                    if let Some(target) = &item.optional_vars {
                        self.assign(target, value);
                    }
                }
                self.body(&with.body);
            }
            Stmt::Try(attempt) => {
                self.body(&attempt.body);
                self.body(&attempt.orelse);
                let names = self.names().clone();
                for handler in &attempt.handlers {
                    let ast::ExceptHandler::ExceptHandler(handler) = handler;
                    self.body(&handler.body);
                    self.names().clone_from(&names);
                }
                self.body(&attempt.finalbody);
            }
            Stmt::Match(choice) => {
                self.eval(&choice.subject);
                let bodies: Vec<&[Stmt]> = choice.cases.iter().map(|case| &*case.body).collect();
                self.branches(&bodies, false);
            }
            _ => {}
        }
    }

    /// Walks each body from the same state; names on which they differ mean nothing known afterwards.
    fn branches(&mut self, bodies: &[&'a [Stmt]], exhaustive: bool) {
        let before = self.names().clone();
        let mut ends: Vec<Names<'a>> = Vec::new();
        for body in bodies {
            self.body(body);
            ends.push(std::mem::replace(self.names(), before.clone()));
        }
        if !exhaustive {
            ends.push(before);
        }
        let Some(mut joined) = ends.pop() else { return };
        for end in ends {
            for (name, value) in end {
                match joined.get_mut(name) {
                    Some(known) if known.is_same(&value) => {}
                    Some(known) => {
                        let either = self.either(known, &value);
                        *known = either;
                    }
                    None => {
                        joined.insert(name, value);
                    }
                }
            }
        }
        *self.names() = joined;
    }

    /// One of two values: the same rows with what either of them holds, else nothing that is known.
    fn either(&mut self, one: &Value<'a>, other: &Value<'a>) -> Value<'a> {
        let (Value::Data(one), Value::Data(other)) = (one, other) else {
            return Value::Unknown;
        };
        let other = self.learning.data(*other).clone();
        let known = self.learning.data(*one);
        if known.rows != other.rows {
            return Value::Unknown;
        }
        let alike = known.frame == other.frame && known.columns == other.columns;
        let frame = (!alike).then(|| self.learning.new_frame());
        Value::Data(self.learning.derive(*one, |data| {
            data.learn(&other.learned);
            data.exact &= other.exact;
            data.lagged = data.lagged.or(other.lagged);
            if let Some(frame) = frame {
                data.frame = frame;
                data.columns = Columns::Unknown;
            }
        }))
    }

    pub(super) fn loop_body(&mut self, targets: Vec<&'a str>, body: &'a [Stmt]) {
        self.loop_count += 1;
        let number = self.loop_count;
        self.loops.push(Loop { number, targets });
        self.body(body);
        self.loops.pop();
    }

    /// Walks something within a loop.
    pub(super) fn in_loop<R>(&mut self, targets: Vec<&'a str>, walk: impl FnOnce(&mut Self) -> R) -> R {
        self.loop_count += 1;
        let number = self.loop_count;
        self.loops.push(Loop { number, targets });
        let result = walk(self);
        self.loops.pop();
        result
    }

    pub(super) fn item_of(items: &Value<'a>) -> Value<'a> {
        match items {
            // A column of a table, whichever.
            Value::Names(_) => Value::Names(None),
            Value::Items(items) if items.len() > 1 && texts(items).is_some() => Value::Names(None),
            Value::Items(items) => items.first().cloned().unwrap_or(Value::Unknown),
            Value::Folds(split) => Value::Items(
                [
                    Value::Index(*split, Side::Train),
                    Value::Index(*split, Side::Test),
                ]
                .into(),
            ),
            _ => Value::Unknown,
        }
    }

    pub(super) fn assign(&mut self, target: &'a Expr, value: Value<'a>) {
        match target {
            Expr::Name(name) => self.set(name.id.as_str(), value),
            Expr::Tuple(ast::ExprTuple { elts: targets, .. })
            | Expr::List(ast::ExprList { elts: targets, .. }) => {
                let items = match value {
                    Value::Items(items) if items.len() == targets.len() => items.to_vec(),
                    _ => vec![Value::Unknown; targets.len()],
                };
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item);
                }
            }
            Expr::Starred(starred) => self.assign(&starred.value, Value::Unknown),
            Expr::Subscript(subscript) => self.assign_part(subscript, &value),
            Expr::Attribute(attribute) => self.assign_attribute(attribute, &value),
            _ => {}
        }
    }

    /// `frame["column"] = value`, `frame[columns] = value`, `frame.loc[rows, "column"] = value`, `scores[k] = value`.
    fn assign_part(&mut self, target: &'a ast::ExprSubscript, value: &Value<'a>) {
        let (base, slice, located) = match &*target.value {
            Expr::Attribute(attribute)
                if matches!(attribute.attr.as_str(), "loc" | "iloc" | "at" | "iat") =>
            {
                let column = match &*target.slice {
                    Expr::Tuple(pair) => pair.elts.get(1),
                    _ => None,
                };
                (&*attribute.value, column, true)
            }
            base => (base, Some(&*target.slice), false),
        };
        if let (Value::Scores(scores), Expr::Name(name)) = (value, base) {
            let all = self.with_scores(name.id.as_str(), scores);
            self.set(name.id.as_str(), all);
            return;
        }
        let Value::Data(old) = self.eval(base) else { return };
        let columns = match slice.map(|slice| self.eval(slice)) {
            Some(Value::Text(column)) => Some(vec![column]),
            Some(Value::Items(items)) => texts(&items),
            _ => None,
        };
        self.write_columns(old, columns.as_deref(), value, located);
    }

    fn assign_attribute(&mut self, target: &'a ast::ExprAttribute, value: &Value<'a>) {
        if let Value::Data(old) = self.eval(&target.value) {
            match target.attr.as_str() {
                "columns" => {
                    let frame = self.learning.new_frame();
                    let new = self.learning.derive(old, |data| {
                        data.frame = frame;
                        data.columns = Columns::AllBut(Vec::new());
                    });
                    self.change_in_place(old, new);
                }
                "index" => {}
                column => self.write_columns(old, Some(&[column]), value, false),
            }
        }
    }

    fn write_columns(&mut self, old: DataId, columns: Option<&[&'a str]>, value: &Value<'a>, located: bool) {
        let written = match value {
            Value::Data(id) => Some(self.learning.data(*id).clone()),
            // `frame.loc[frame["age"].isna(), "age"] = frame["age"].mean()`
            Value::Figure(figure) if located => {
                let filled = self.learned_by_hand(old, figure.of, Lesson::Fill);
                Some(self.learning.data(filled).clone())
            }
            _ => None,
        };
        if let Some(written) = &written {
            let frame = self.learning.data(old).frame;
            self.learning.note_written(&written.learned, frame, columns);
        }
        let frame = self.learning.data(old).frame;
        let names = columns.into_iter().flatten();
        self.written.extend(names.map(|column| (frame, *column)));
        if let (Some(columns), Some(written), false) = (columns, &written, located)
            && written.frame == frame
            && let Columns::Only(from) = &written.columns
            && written.lagged.is_none()
        {
            for column in columns {
                self.learning.made.insert((frame, *column), from.clone());
            }
        } else if let Some(columns) = columns {
            for column in columns {
                self.learning.made.remove(&(frame, *column));
            }
        }
        let new = self.learning.derive(old, |data| {
            if let Some(columns) = columns {
                match &mut data.columns {
                    Columns::AllBut(dropped) => dropped.retain(|dropped| !columns.contains(dropped)),
                    Columns::Only(kept) | Columns::AtLeast(kept) => kept.extend(columns),
                    Columns::Unknown => {}
                }
            }
            if let Some(written) = written {
                data.learn(&written.learned);
                data.lagged = data.lagged.or(written.lagged);
            }
        });
        self.change_in_place(old, new);
    }

    pub(super) fn with_scores(&self, name: &str, more: &[EvaluationId]) -> Value<'a> {
        let mut all: SmallVec<[EvaluationId; 2]> = match self.get(name) {
            Value::Scores(known) => known,
            _ => SmallVec::new(),
        };
        for score in more {
            if !all.contains(score) {
                all.push(*score);
            }
        }
        Value::Scores(all)
    }

    fn delete(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => {
                self.names().remove(name.id.as_str());
            }
            Expr::Subscript(subscript) => {
                if let (Value::Data(old), Value::Text(column)) =
                    (self.eval(&subscript.value), self.eval(&subscript.slice))
                {
                    let new = self.without_columns(old, Some(&[column]));
                    self.change_in_place(old, new);
                }
            }
            _ => {}
        }
    }

    /// What a generator gives again and again is made of the rows that it was given.
    pub(super) fn yielded(&mut self, value: &Value<'a>) {
        let first = match value {
            Value::Items(items) => items.first(),
            value => Some(value),
        };
        if let (Some(Value::Data(id)), None) = (first, &self.returned) {
            self.returned = Some(self.unclear(*id));
        }
    }

    /// Follows a call of a function of the notebook.
    pub(super) fn call_function(
        &mut self,
        function: Function<'a>,
        positional: &[Value<'a>],
        keywords: &[(&'a str, Value<'a>)],
    ) -> Value<'a> {
        let definition = function.definition;
        let known = self
            .calls
            .iter()
            .any(|running| std::ptr::eq(*running, definition));
        if known || self.calls.len() >= MAX_CALLS {
            return Value::Unknown;
        }
        let mut locals = Names::default();
        let mut given = positional.iter();
        for parameter in definition.parameters.iter_non_variadic_params() {
            let name = parameter.name().as_str();
            let by_name = keywords
                .iter()
                .find(|(keyword, _)| *keyword == name)
                .map(|(_, value)| value);
            let value = match given.next().or(by_name) {
                Some(value) => value.clone(),
                None => parameter
                    .default()
                    .map_or(Value::Unknown, |default| self.eval(default)),
            };
            locals.insert(name, value);
        }
        let outer = (
            self.locals.replace(locals),
            self.returned.take(),
            self.cell,
            self.statement,
        );
        self.cell = function.cell;
        self.calls.push(definition);
        self.body(&definition.body);
        self.calls.pop();
        let value = self.returned.take();
        (self.locals, self.returned, self.cell, self.statement) = outer;
        value.unwrap_or(Value::Unknown)
    }
}

/// The names of a loop's target.
pub(super) fn target_names(target: &Expr) -> Vec<&str> {
    match target {
        Expr::Name(name) => vec![name.id.as_str()],
        Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
            elts.iter().flat_map(target_names).collect()
        }
        _ => Vec::new(),
    }
}
