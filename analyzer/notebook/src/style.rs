//! How a file is written - indentation, separators, escapes - and new values written the same way.

use std::fmt::Write as _;

use serde_json::Value;

/// The way of writing found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Style {
    /// One step of indentation; `None` where the file is on one line.
    unit: Option<String>,
    newline: &'static str,
    colon: &'static str,
    /// Between items on one line.
    comma: &'static str,
    /// Characters beyond ASCII are written as escapes.
    ascii: bool,
}

impl Style {
    /// Looks at the text of a JSON object.
    pub(crate) fn of(text: &str) -> Self {
        let inner = text.trim_start().strip_prefix('{').unwrap_or_default();
        let gap = &inner[..inner.len() - inner.trim_start().len()];
        let unit = gap.rfind('\n').map(|end| gap[end + 1..].to_owned());
        let spaced = first_colon(inner).is_none_or(|after| after.starts_with(' '));
        Self {
            unit,
            newline: if gap.contains("\r\n") { "\r\n" } else { "\n" },
            colon: if spaced { ": " } else { ":" },
            comma: if spaced { ", " } else { "," },
            ascii: text.is_ascii() && has_unicode_escape(text),
        }
    }

    /// The same, but all on one line.
    pub(crate) fn inline(&self) -> Self {
        Self {
            unit: None,
            ..self.clone()
        }
    }

    /// A value whose first line is indented by `indent`.
    pub(crate) fn write(&self, value: &Value, indent: &str) -> String {
        let mut text = String::new();
        self.value(value, &mut indent.to_owned(), &mut text);
        text
    }

    /// A string's content, without the quotes.
    pub(crate) fn escaped(&self, string: &str) -> String {
        let mut text = String::new();
        self.string(string, &mut text);
        text[1..text.len() - 1].to_owned()
    }

    /// What stands between two items on one line.
    pub(crate) fn comma(&self) -> &'static str {
        self.comma
    }

    /// `"key": value`, without what separates it from others.
    pub(crate) fn member(&self, key: &str, value: &str) -> String {
        format!("\"{key}\"{}{value}", self.colon)
    }

    /// What stands between one member of an object and the next.
    pub(crate) fn separator(&self, indent: &str) -> String {
        match self.unit {
            Some(_) => format!(",{}{indent}", self.newline),
            None => self.comma.to_owned(),
        }
    }

    fn value(&self, value: &Value, indent: &mut String, text: &mut String) {
        match value {
            Value::Array(items) => self.list(['[', ']'], items, indent, text, |style, item, indent, text| {
                style.value(item, indent, text);
            }),
            Value::Object(members) => {
                let members: Vec<_> = members.iter().collect();
                self.list(
                    ['{', '}'],
                    &members,
                    indent,
                    text,
                    |style, (key, value), indent, text| {
                        style.string(key, text);
                        text.push_str(style.colon);
                        style.value(value, indent, text);
                    },
                );
            }
            Value::String(string) => self.string(string, text),
            Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
        }
    }

    fn list<T>(
        &self,
        [open, close]: [char; 2],
        items: &[T],
        indent: &mut String,
        text: &mut String,
        write: impl Fn(&Self, &T, &mut String, &mut String),
    ) {
        text.push(open);
        let outer = indent.len();
        indent.push_str(self.unit.as_deref().unwrap_or_default());
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                text.push_str(if self.unit.is_some() { "," } else { self.comma });
            }
            self.line_break(indent, text);
            write(self, item, indent, text);
        }
        indent.truncate(outer);
        if !items.is_empty() {
            self.line_break(indent, text);
        }
        text.push(close);
    }

    fn line_break(&self, indent: &str, text: &mut String) {
        if self.unit.is_some() {
            text.push_str(self.newline);
            text.push_str(indent);
        }
    }

    /// As Python's json module escapes.
    fn string(&self, string: &str, text: &mut String) {
        text.push('"');
        for character in string.chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\u{8}' => text.push_str("\\b"),
                '\u{c}' => text.push_str("\\f"),
                control if control < ' ' => push_escapes(control, text),
                other if self.ascii && !matches!(other, ' '..='~') => push_escapes(other, text),
                other => text.push(other),
            }
        }
        text.push('"');
    }
}

fn push_escapes(character: char, text: &mut String) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        write!(text, "\\u{unit:04x}").expect("writing to a String does not fail");
    }
}

/// What follows the first colon after a key.
fn first_colon(inner: &str) -> Option<&str> {
    let key = inner.trim_start().strip_prefix('"')?;
    key[key.find('"')? + 1..].trim_start().strip_prefix(':')
}

/// Whether a printable character is written as an escape somewhere.
fn has_unicode_escape(text: &str) -> bool {
    memchr::memmem::find_iter(text.as_bytes(), b"\\u").any(|start| {
        let digits = text
            .get(start + 2..start + 6)
            .and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let before = text.as_bytes()[..start]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        digits.is_some_and(|unit| unit > 0x7f) && before.is_multiple_of(2)
    })
}
