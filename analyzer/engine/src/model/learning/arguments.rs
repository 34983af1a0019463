//! The arguments of a call, as values.

use ruff_python_ast::{self as ast, Expr};

use super::{
    DataId,
    interpreter::Interpreter,
    values::{Value, texts},
};

/// Evaluated once, in the order in which they are written.
pub(super) struct Arguments<'a> {
    pub(super) call: &'a ast::ExprCall,
    pub(super) positional: Vec<Value<'a>>,
    pub(super) keywords: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Arguments<'a> {
    /// A keyword's value.
    pub(super) fn keyword(&self, name: &str) -> Option<&Value<'a>> {
        self.keywords
            .iter()
            .find(|(keyword, _)| *keyword == name)
            .map(|(_, value)| value)
    }

    /// A keyword's expression.
    pub(super) fn keyword_expression(&self, name: &str) -> Option<&'a Expr> {
        self.call
            .arguments
            .find_keyword(name)
            .map(|keyword| &keyword.value)
    }

    /// `name=True`, `name=1`.
    pub(super) fn is_on(&self, name: &str) -> bool {
        match self.keyword_expression(name) {
            Some(Expr::BooleanLiteral(literal)) => literal.value,
            Some(Expr::NumberLiteral(literal)) => {
                matches!(&literal.value, ast::Number::Int(number) if *number != 0)
            }
            _ => false,
        }
    }

    /// `name=False`, `name=0`.
    pub(super) fn is_off(&self, name: &str) -> bool {
        matches!(
            self.keyword_expression(name),
            Some(Expr::BooleanLiteral(_) | Expr::NumberLiteral(_))
        ) && !self.is_on(name)
    }

    /// `axis=1`, `axis="columns"`.
    pub(super) fn is_along_columns(&self) -> bool {
        self.is_on("axis")
            || matches!(self.keyword_expression("axis"), Some(Expr::StringLiteral(text)) if text.value.to_str() == "columns")
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Value<'a>> {
        self.positional
            .iter()
            .chain(self.keywords.iter().map(|(_, value)| value))
    }

    /// Rows are what it is about.
    pub(super) fn has_data_first(&self) -> bool {
        matches!(self.positional.first(), Some(Value::Data(_)))
    }

    /// The first argument with rows.
    pub(super) fn first_data(&self) -> Option<DataId> {
        self.all().find_map(|value| match value {
            Value::Data(id) => Some(*id),
            _ => None,
        })
    }
}

/// Names of columns given as one string or a list of them.
pub(super) fn column_names<'a>(value: &Value<'a>) -> Option<Vec<&'a str>> {
    match value {
        Value::Text(column) => Some(vec![column]),
        Value::Items(items) => texts(items),
        _ => None,
    }
}

impl<'a> Interpreter<'a, '_> {
    pub(super) fn arguments(&mut self, call: &'a ast::ExprCall) -> Arguments<'a> {
        let positional = call
            .arguments
            .args
            .iter()
            .map(|argument| self.eval(argument))
            .collect();
        let mut keywords = Vec::new();
        for keyword in &call.arguments.keywords {
            let value = self.eval(&keyword.value);
            if let Some(name) = &keyword.arg {
                keywords.push((name.as_str(), value));
            }
        }
        Arguments {
            call,
            positional,
            keywords,
        }
    }

    /// The argument at a position or by a name, as something with rows: what is not known becomes a table of its
    /// own, and stays it under its name.
    pub(super) fn data_argument(
        &mut self,
        arguments: &Arguments<'a>,
        position: usize,
        names: &[&str],
    ) -> Option<DataId> {
        let (value, expression) = match arguments.positional.get(position) {
            Some(value) => (value.clone(), &arguments.call.arguments.args[position]),
            None => names.iter().find_map(|name| {
                Some((
                    arguments.keyword(name)?.clone(),
                    arguments.keyword_expression(name)?,
                ))
            })?,
        };
        self.as_data(&value, expression)
    }

    pub(super) fn as_data(&mut self, value: &Value<'a>, expression: &'a Expr) -> Option<DataId> {
        match value {
            Value::Data(id) => Some(*id),
            Value::Groups(id) => match self.unclear(*id) {
                Value::Data(id) => Some(id),
                _ => None,
            },
            Value::Figure(_) | Value::Unknown | Value::Names(_) | Value::Items(_) | Value::Mask
                if !expression.is_none_literal_expr() && !expression.is_starred_expr() =>
            {
                let id = self.learning.new_source();
                if let Expr::Name(name) = expression {
                    self.set(name.id.as_str(), Value::Data(id));
                }
                Some(id)
            }
            _ => None,
        }
    }
}
