//! Values as people write them in comments: JSON's and Python's forms of numbers, texts, lists, tuples and dicts.

use std::collections::BTreeMap;

use nbvet_report::Literal;

/// Nesting that nobody writes into a comment.
const MAX_DEPTH: usize = 30;

/// A whole text as one value; `None` where it is none.
pub(crate) fn literal(text: &str) -> Option<Literal> {
    let mut reader = Reader { rest: text.trim() };
    let value = reader.value(0)?;
    reader.rest.trim().is_empty().then_some(value)
}

/// A list in brackets, or none, of words that need no quotes.
pub(crate) fn words(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    if inner.trim().is_empty() {
        return Some(Vec::new());
    }
    let mut reader = Reader { rest: inner };
    let mut words = vec![reader.word(",")?];
    while reader.takes(",") {
        if reader.rest.trim().is_empty() {
            break;
        }
        words.push(reader.word(",")?);
    }
    reader.rest.trim().is_empty().then_some(words)
}

/// `{name: type, …}`, where neither needs quotes.
pub(crate) fn pairs(text: &str) -> Option<BTreeMap<String, String>> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut reader = Reader { rest: inner };
    let mut pairs = BTreeMap::new();
    loop {
        let name = reader.word(":")?;
        if !reader.takes(":") {
            return None;
        }
        pairs.insert(name, reader.word(",")?);
        if !reader.takes(",") {
            break;
        }
    }
    reader.rest.trim().is_empty().then_some(pairs)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start();
        let taken = rest.strip_prefix(sign);
        self.rest = taken.unwrap_or(rest);
        taken.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '[' => self.list("]", depth),
            '(' => self.list(")", depth),
            '{' => self.map(depth),
            '\'' | '"' => self.text().map(Literal::Text),
            _ => self.plain(),
        }
    }

    fn list(&mut self, end: &str, depth: usize) -> Option<Literal> {
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        while !self.takes(end) {
            items.push(self.value(depth + 1)?);
            if !self.takes(",") {
                return self.takes(end).then_some(Literal::List(items));
            }
        }
        Some(Literal::List(items))
    }

    fn map(&mut self, depth: usize) -> Option<Literal> {
        self.rest = &self.rest[1..];
        let mut members = BTreeMap::new();
        while !self.takes("}") {
            let key = match self.value(depth + 1)? {
                Literal::Text(text) => text,
                key @ (Literal::Whole(_) | Literal::Number(_) | Literal::Bool(_)) => key.to_string(),
                _ => return None,
            };
            if !self.takes(":") {
                return None;
            }
            members.insert(key, self.value(depth + 1)?);
            if !self.takes(",") {
                return self.takes("}").then_some(Literal::Map(members));
            }
        }
        Some(Literal::Map(members))
    }

    fn text(&mut self) -> Option<String> {
        let mark = self.rest.chars().next()?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    quoted @ ('\\' | '\'' | '"' | '/') => text.push(quoted),
                    // As in Python: what is no escape stays as it is, which regular expressions need.
                    other => text.extend(['\\', other]),
                },
                end if end == mark => {
                    self.rest = &self.rest[at + mark.len_utf8()..];
                    return Some(text);
                }
                other => text.push(other),
            }
        }
        None
    }

    /// A number or one of the words that are values.
    fn plain(&mut self) -> Option<Literal> {
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || ",:]})([{'\"".contains(c))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let value = match word {
            "None" | "null" => Literal::Null,
            "True" | "true" => Literal::Bool(true),
            "False" | "false" => Literal::Bool(false),
            word if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => number(word)?,
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    /// A text in quotes, or whatever stands before the sign.
    fn word(&mut self, until: &str) -> Option<String> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with(['\'', '"']) {
            return self.text();
        }
        let end = self.rest.find(until).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        let word = word.trim();
        (!word.is_empty()).then(|| word.to_owned())
    }
}

/// A number as Python writes it: `1_000`, `2.5`, `1e-3`.
pub(crate) fn number(word: &str) -> Option<Literal> {
    let word = word.replace('_', "");
    if let Ok(whole) = word.parse::<i64>() {
        return Some(Literal::Whole(whole));
    }
    let number = word.parse::<f64>().ok().filter(|number| number.is_finite())?;
    Some(Literal::Number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str) {
        assert_eq!(
            literal(text).map(|value| value.to_string()).as_deref(),
            (!shown.is_empty()).then_some(shown),
            "{text}"
        );
    }

    #[test]
    fn values_are_read_in_the_forms_of_json_and_of_python() {
        check("42", "42");
        check("-1_000.5", "-1000.5");
        check("1e-3", "0.001");
        check("'a\\'b'", "\"a'b\"");
        check(r#""\d+""#, r"'\\d+'");
        check(
            "[1, 'two', None, (True, false),]",
            "[1, 'two', None, [True, False]]",
        );
        check("{'a': 1, \"b\": [2], 3: null}", "{'3': None, 'a': 1, 'b': [2]}");
        check("()", "[]");
        for none in [
            "",
            "x",
            "1 2",
            "[1",
            "{1}",
            "'a",
            "1..2",
            "NaN",
            "[1 2]",
            &"[".repeat(100),
        ] {
            check(none, "");
        }
    }

    #[test]
    fn names_of_columns_need_no_quotes() {
        assert_eq!(
            words("[a, 'b, c', d e]"),
            Some(vec!["a".into(), "b, c".into(), "d e".into()])
        );
        assert_eq!(words("[]"), Some(Vec::new()));
        assert_eq!(words("a, b"), None);
        assert_eq!(words("[a,,b]"), None);
        let dtypes = pairs("{a: int64, 'b:c': float}").unwrap();
        assert_eq!(
            dtypes.into_iter().collect::<Vec<_>>(),
            [("a".into(), "int64".into()), ("b:c".into(), "float".into())]
        );
        assert_eq!(pairs("{a}"), None);
    }
}
