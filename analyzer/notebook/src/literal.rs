//! Values as Python source, in papermill's way of writing them.

use std::fmt::{self, Write as _};

use serde_json::Value;

/// A value that Python has a literal for.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of any size, in decimal digits.
    Int(String),
    /// A floating-point number, finite or not.
    Float(f64),
    /// Text.
    Str(String),
    /// A list.
    List(Vec<Literal>),
    /// A dict; its keys are text.
    Dict(Vec<(String, Literal)>),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(digits) => f.write_str(digits),
            Self::Float(number) if number.is_nan() => f.write_str("float('nan')"),
            Self::Float(number) if number.is_infinite() => f.write_str(if *number < 0.0 {
                "float('-inf')"
            } else {
                "float('inf')"
            }),
            Self::Float(number) => f.write_str(&repr(*number)),
            Self::Str(text) => f.write_str(&quoted(text)),
            Self::List(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { ", " } else { "" })?;
                }
                f.write_char(']')
            }
            Self::Dict(entries) => {
                f.write_char('{')?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    let separator = if index > 0 { ", " } else { "" };
                    write!(f, "{separator}{}: {value}", quoted(key))?;
                }
                f.write_char('}')
            }
        }
    }
}

impl Literal {
    /// What `str()` makes of it in Python, for scalars.
    pub fn to_text(&self) -> String {
        match self {
            Self::Str(text) => text.clone(),
            Self::Float(number) if number.is_nan() => "nan".to_owned(),
            Self::Float(number) if number.is_infinite() => {
                if *number < 0.0 { "-inf" } else { "inf" }.to_owned()
            }
            other => other.to_string(),
        }
    }
}

impl From<&Value> for Literal {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::None,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) if number.is_f64() => Self::Float(number.as_f64().unwrap_or_default()),
            Value::Number(number) => Self::Int(number.to_string()),
            Value::String(text) => Self::Str(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from(value)));
                Self::Dict(members.collect())
            }
        }
    }
}

/// As Python's `repr` writes a finite number: the shortest digits that read back the same.
fn repr(number: f64) -> String {
    // Rust finds the same digits: `-1.2345e-7`.
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// As papermill writes text: what `unicode_escape` makes of it, between double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        // Writing to a String cannot fail.
        let _ = match character {
            '\\' => quoted.write_str("\\\\"),
            '"' => quoted.write_str("\\\""),
            '\n' => quoted.write_str("\\n"),
            '\r' => quoted.write_str("\\r"),
            '\t' => quoted.write_str("\\t"),
            ' '..='~' => quoted.write_char(character),
            '\0'..='\u{ff}' => write!(quoted, "\\x{:02x}", u32::from(character)),
            '\u{100}'..='\u{ffff}' => write!(quoted, "\\u{:04x}", u32::from(character)),
            _ => write!(quoted, "\\U{:08x}", u32::from(character)),
        };
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(literal: &Literal, expected: &str) {
        assert_eq!(literal.to_string(), expected);
    }

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        for (number, expected) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (1e300, "1e+300"),
            (-0.0, "-0.0"),
            (5e-324, "5e-324"),
            (f64::NAN, "float('nan')"),
            (f64::NEG_INFINITY, "float('-inf')"),
        ] {
            check(&Literal::Float(number), expected);
        }
    }

    #[test]
    fn text_is_escaped_so_that_no_text_ends_its_quotes() {
        check(&Literal::Str("a\"b\\'\n".to_owned()), r#""a\"b\\'\n""#);
        check(
            &Literal::Str("\u{7}é€😀\u{7f}".to_owned()),
            r#""\x07\xe9\u20ac\U0001f600\x7f""#,
        );
    }

    #[test]
    fn collections_hold_literals() {
        let value = json!({"a": [1, 2.5, null, true], "b\"": {}});
        check(
            &Literal::from(&value),
            r#"{"a": [1, 2.5, None, True], "b\"": {}}"#,
        );
    }
}
