//! A YAML or JSON document as Python values, with the meaning that the safe loader of `PyYAML` gives it (dates stay
//! text). Bounded in depth and size: aliases cannot make a small file large.

use std::{collections::HashMap, iter::Peekable};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use nbvet_notebook::Literal;

use super::scalar;

/// Nesting that is read.
const MAX_DEPTH: usize = 50;
/// Values that are read, those behind aliases counted each time.
const MAX_VALUES: usize = 200_000;
const CORE: &str = "tag:yaml.org,2002:";

#[derive(Debug, thiserror::Error)]
pub(crate) enum YamlError {
    #[error("{0}")]
    Syntax(#[from] ScanError),
    #[error("it ends too early")]
    Ended,
    #[error("line {0}: it is nested more than {MAX_DEPTH} deep")]
    TooDeep(usize),
    #[error("it holds more than {MAX_VALUES} values")]
    TooLarge,
    #[error("line {0}: `{1}` cannot be written as a plain Python value")]
    Tag(usize, String),
    #[error("line {0}: a list or mapping cannot be a name")]
    Key(usize),
    #[error("line {0}: `<<` needs a mapping")]
    Merge(usize),
}

/// The one document in the text; `None` where it is empty. `json`: numbers are those of JSON too.
pub(crate) fn parse(text: &str, json: bool) -> Result<Literal, YamlError> {
    let mut reader = Reader {
        events: Parser::new_from_str(text).peekable(),
        anchors: HashMap::new(),
        values: 0,
        json,
    };
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(Literal::None),
            (Event::StreamStart | Event::DocumentStart(..) | Event::Comment(..), _) => {}
            (event, span) => return reader.node(event, span, 0).map(|node| node.value),
        }
    }
}

struct Reader<'a, E: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> {
    events: Peekable<E>,
    anchors: HashMap<usize, Literal>,
    values: usize,
    json: bool,
}

/// A value, and whether it was the plain word `<<`.
struct Node {
    value: Literal,
    merges: bool,
}

impl From<Literal> for Node {
    fn from(value: Literal) -> Self {
        Self { value, merges: false }
    }
}

impl<'a, E: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> Reader<'a, E> {
    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        loop {
            match self.events.next().ok_or(YamlError::Ended)?? {
                (Event::Comment(..), _) => {}
                next => return Ok(next),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        self.count(1)?;
        let line = span.start.line();
        if depth > MAX_DEPTH {
            return Err(YamlError::TooDeep(line));
        }
        match event {
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned().ok_or(YamlError::Ended)?;
                self.count(size(&value))?;
                Ok(value.into())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let merges = style == ScalarStyle::Plain && tag.is_none() && text == "<<";
                let value = scalar_value(&text, style, tag.as_deref(), line, self.json)?;
                self.keep(anchor, &value);
                Ok(Node { value, merges })
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_tag(tag.as_deref(), "seq", line)?;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?.value),
                    }
                }
                let value = Literal::List(items);
                self.keep(anchor, &value);
                Ok(value.into())
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_tag(tag.as_deref(), "map", line)?;
                let value = Literal::Dict(self.mapping(depth)?);
                self.keep(anchor, &value);
                Ok(value.into())
            }
            _ => Err(YamlError::Ended),
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<(String, Literal)>, YamlError> {
        let mut merged = Vec::new();
        let mut own: Vec<(String, Literal)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let line = span.start.line();
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?.value;
            if key.merges {
                merge(&mut merged, value, line)?;
            } else if matches!(key.value, Literal::List(_) | Literal::Dict(_)) {
                return Err(YamlError::Key(line));
            } else {
                put(&mut own, key.value.to_text(), value);
            }
        }
        // What is written in the mapping itself wins over what is merged into it.
        for (key, value) in own {
            put(&mut merged, key, value);
        }
        Ok(merged)
    }

    fn keep(&mut self, anchor: usize, value: &Literal) {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
    }

    fn count(&mut self, values: usize) -> Result<(), YamlError> {
        self.values += values;
        if self.values > MAX_VALUES {
            Err(YamlError::TooLarge)
        } else {
            Ok(())
        }
    }
}

/// The first of several mappings wins.
fn merge(into: &mut Vec<(String, Literal)>, value: Literal, line: usize) -> Result<(), YamlError> {
    let mappings = match value {
        Literal::List(items) => items,
        one => vec![one],
    };
    for mapping in mappings {
        let Literal::Dict(entries) = mapping else {
            return Err(YamlError::Merge(line));
        };
        for (key, value) in entries {
            if !into.iter().any(|(known, _)| *known == key) {
                into.push((key, value));
            }
        }
    }
    Ok(())
}

fn put(into: &mut Vec<(String, Literal)>, key: String, value: Literal) {
    match into.iter_mut().find(|(known, _)| *known == key) {
        Some((_, old)) => *old = value,
        None => into.push((key, value)),
    }
}

fn size(value: &Literal) -> usize {
    match value {
        Literal::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Literal::Dict(entries) => 1 + entries.iter().map(|(_, value)| size(value)).sum::<usize>(),
        _ => 1,
    }
}

fn scalar_value(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    line: usize,
    json: bool,
) -> Result<Literal, YamlError> {
    let Some(tag) = tag else {
        let plain = style == ScalarStyle::Plain;
        return Ok(if plain {
            scalar::of_plain(text, json)
        } else {
            Literal::Str(text.to_owned())
        });
    };
    let refused = || YamlError::Tag(line, format!("!!{} {text}", tag.suffix()));
    if tag.handle() != CORE {
        return Err(YamlError::Tag(line, shown(tag)));
    }
    match tag.suffix() {
        "str" => Ok(Literal::Str(text.to_owned())),
        "int" => scalar::yaml_int(text).ok_or_else(refused),
        "float" => scalar::yaml_float(text)
            .or_else(|| number(text))
            .ok_or_else(refused),
        "bool" | "null" => Some(scalar::of_plain(text, json))
            .filter(|value| matches!(value, Literal::Bool(_) | Literal::None))
            .ok_or_else(refused),
        _ => Err(refused()),
    }
}

fn shown(tag: &Tag) -> String {
    format!("{}{}", tag.handle(), tag.suffix())
}

fn number(text: &str) -> Option<Literal> {
    text.parse().ok().map(Literal::Float)
}

fn refuse_tag(tag: Option<&Tag>, own: &str, line: usize) -> Result<(), YamlError> {
    match tag {
        Some(tag) if tag.handle() != CORE || tag.suffix() != own => Err(YamlError::Tag(line, shown(tag))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match parse(text, false) {
            Ok(value) => value.to_string(),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn documents_become_python_values() {
        check("", "None");
        check("# only a comment\n", "None");
        check(
            "a: 1\nb: [x, 'y', \"1\"]\nc: {d: null}\n",
            r#"{"a": 1, "b": ["x", "y", "1"], "c": {"d": None}}"#,
        );
        check("{\"a\": 1.5, \"b\": [true]}", r#"{"a": 1.5, "b": [True]}"#);
        check("a: 1\na: 2\n", r#"{"a": 2}"#);
        check("1: x\ntrue: y\n", r#"{"1": "x", "True": "y"}"#);
        check("a: !!str 5\nb: !!float 5\n", r#"{"a": "5", "b": 5.0}"#);
        check("a: |\n  two\n  lines\n", r#"{"a": "two\nlines\n"}"#);
    }

    #[test]
    fn anchors_and_merges_are_followed() {
        check("a: &x [1]\nb: *x\n", r#"{"a": [1], "b": [1]}"#);
        check(
            "base: &b {k: 1, l: 2}\nc: {<<: *b, k: 3}\n",
            r#"{"base": {"k": 1, "l": 2}, "c": {"k": 3, "l": 2}}"#,
        );
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        check(
            "a: !!python/object:os.system x\n",
            "error: line 1: `!!python/object:os.system x` cannot be written as a plain Python value",
        );
        check(
            "? [1]\n: x\n",
            "error: line 1: a list or mapping cannot be a name",
        );
        assert!(matches!(
            parse("a: [1,\n", false),
            Err(YamlError::Syntax(_) | YamlError::Ended)
        ));
        assert!(matches!(
            parse(&"[".repeat(5000), false),
            Err(YamlError::TooDeep(_) | YamlError::Syntax(_))
        ));
    }

    #[test]
    fn aliases_do_not_make_a_small_file_large() {
        let level = |level: usize| {
            let before = format!("*a{}, ", level - 1).repeat(10);
            format!("a{level}: &a{level} [{before}]\n")
        };
        let first = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        let text: String = std::iter::once(first).chain((1..9).map(level)).collect();
        assert!(matches!(parse(&text, false), Err(YamlError::TooLarge)));
    }
}
