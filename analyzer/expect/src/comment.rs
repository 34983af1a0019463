//! The language of comments: `# expect: shape (-1, 10), no NaN` of the cell's value, `# expect: df: length 3` of a
//! name, `# expect: df.shape == (3, 2)` as an expression of Python.

use nbvet_report::{Decimal, Expectation, Literal, Order};

use crate::{
    fault::Fault,
    literal::{literal, number, pairs, words},
};

/// What begins a comment that is an expectation.
const MARKER: &str = "expect:";

/// First words of what can be expected.
const KNOWN: [&str; 19] = [
    "type",
    "shape",
    "from",
    "min",
    "max",
    "not empty",
    "no NaN",
    "columns",
    "dtypes",
    "equals",
    "contains",
    "matches",
    "length",
    "increasing",
    "decreasing",
    "strictly increasing",
    "strictly decreasing",
    "unique",
    "within",
];

/// What a comment expects, from its text with the `#`; `None`: it is about something else.
pub fn in_comment(comment: &str, is_expression: &dyn Fn(&str) -> bool) -> Option<Result<Expectation, Fault>> {
    let text = comment.trim_start_matches('#').trim().strip_prefix(MARKER)?;
    Some(parse(text.trim(), is_expression))
}

fn parse(text: &str, is_expression: &dyn Fn(&str) -> bool) -> Result<Expectation, Fault> {
    if text.is_empty() {
        return Err(Fault::new(
            "",
            "nothing is expected: write what, such as `# expect: not empty`",
        ));
    }
    let (name, rest) = named(text);
    let mut expectation = Expectation {
        name: name.map(ToOwned::to_owned),
        ..Expectation::default()
    };
    let fault = match clauses(rest, &mut expectation) {
        Ok(()) => return Ok(expectation),
        Err(fault) => fault,
    };
    if is_expression(rest) {
        return Ok(Expectation {
            name: name.map(ToOwned::to_owned),
            expression: Some(rest.to_owned()),
            ..Expectation::default()
        });
    }
    Err(fault)
}

/// `df: rest`.
fn named(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((name, rest)) if is_name(name.trim()) && name.trim() != "lambda" => {
            (Some(name.trim()), rest.trim())
        }
        _ => (None, text),
    }
}

/// Whether a word can be a name of Python.
pub(crate) fn is_name(word: &str) -> bool {
    let mut characters = word.chars();
    characters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && characters.all(|c| c.is_alphanumeric() || c == '_')
}

fn clauses(text: &str, into: &mut Expectation) -> Result<(), Fault> {
    if let Some(value) = literal(text) {
        into.equals = Some(value);
        return Ok(());
    }
    split(text)
        .into_iter()
        .try_for_each(|part| clause(part.trim(), into))
}

/// The parts between commas that stand in no bracket and no quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    let mut parts = Vec::new();
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(mark), character) => {
                if mark == character {
                    quote = None;
                }
            }
            (None, '\'' | '"') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn clause(part: &str, into: &mut Expectation) -> Result<(), Fault> {
    let (word, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
    let rest = rest.trim();
    match (word, rest) {
        ("not", "empty") => set(&mut into.not_empty, true, part),
        ("no", "NaN" | "nan" | "NaNs" | "missing" | "nulls") => set(&mut into.no_nan, true, part),
        ("unique", "") => set(&mut into.unique, true, part),
        ("increasing", "") => set(&mut into.monotone, Order::Increasing, part),
        ("decreasing", "") => set(&mut into.monotone, Order::Decreasing, part),
        ("strictly", "increasing") => set(&mut into.monotone, Order::StrictlyIncreasing, part),
        ("strictly", "decreasing") => set(&mut into.monotone, Order::StrictlyDecreasing, part),
        ("type", name) if !name.is_empty() => set(&mut into.type_name, name.to_owned(), part),
        ("shape", sizes) => {
            let shape = sizes.parse().map_err(|_| written(part, "`shape (-1, 10)`"))?;
            set(&mut into.shape, shape, part)
        }
        ("min" | "minimum", low) => set(&mut into.min_value, decimal(low, part)?, part),
        ("max" | "maximum", high) => set(&mut into.max_value, decimal(high, part)?, part),
        ("from", bounds) => {
            let (low, high) = bounds
                .split_once(" to ")
                .ok_or_else(|| written(part, "`from 0 to 1`"))?;
            set(&mut into.range, [decimal(low, part)?, decimal(high, part)?], part)
        }
        ("length", length) => {
            let length = length.parse().map_err(|_| written(part, "`length 3`"))?;
            set(&mut into.length, length, part)
        }
        ("columns", columns) => {
            let columns = words(columns).ok_or_else(|| written(part, "`columns [a, b]`"))?;
            set(&mut into.columns, columns, part)
        }
        ("dtypes", dtypes) => {
            let dtypes = pairs(dtypes).ok_or_else(|| written(part, "`dtypes {a: int64, b: float64}`"))?;
            set(&mut into.dtypes, dtypes, part)
        }
        ("matches", pattern) => match literal(pattern) {
            Some(Literal::Text(pattern)) => set(&mut into.matches, pattern, part),
            _ => Err(written(part, "`matches \"^[0-9]+ rows\"`")),
        },
        ("equals", value) => {
            let value = tolerant(value, part, into)?;
            set(&mut into.equals, value, part)
        }
        ("contains", value) => {
            let value = tolerant(value, part, into)?;
            set(&mut into.contains, value, part)
        }
        _ => Err(unknown(part)),
    }
}

/// `0.93 within 0.01`.
fn tolerant(text: &str, part: &str, into: &mut Expectation) -> Result<Literal, Fault> {
    if let Some(value) = literal(text) {
        return Ok(value);
    }
    let both = text
        .rsplit_once(" within ")
        .and_then(|(value, tolerance)| Some((literal(value)?, tolerance)));
    let Some((value, tolerance)) = both else {
        return Err(written(
            part,
            "a number, a text in quotes, a list: `equals 0.93 within 0.01`",
        ));
    };
    set(&mut into.tolerance, decimal(tolerance, part)?, part)?;
    Ok(value)
}

fn decimal(text: &str, part: &str) -> Result<Decimal, Fault> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "limits are compared as floating numbers"
    )]
    match number(text.trim()) {
        Some(Literal::Whole(number)) => Ok(Decimal(number as f64)),
        Some(Literal::Number(number)) => Ok(Decimal(number)),
        _ => Err(written(part, "a number")),
    }
}

fn set<T>(field: &mut Option<T>, value: T, part: &str) -> Result<(), Fault> {
    if field.is_some() {
        return Err(Fault::new("", format!("`{part}`: this was said before")));
    }
    *field = Some(value);
    Ok(())
}

fn written(part: &str, form: &str) -> Fault {
    Fault::new("", format!("`{}` cannot be read: write {form}", short(part)))
}

fn unknown(part: &str) -> Fault {
    let word = part
        .split(|c: char| c.is_whitespace() || "(=<>".contains(c))
        .next();
    Fault {
        path: String::new(),
        message: format!(
            "`{}` is neither something that can be expected nor an expression of Python",
            short(part)
        ),
        unknown: word.map(ToOwned::to_owned),
        known: KNOWN.map(ToOwned::to_owned).to_vec(),
    }
}

fn short(part: &str) -> String {
    const LONGEST: usize = 60;
    if part.chars().count() <= LONGEST {
        return part.to_owned();
    }
    part.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    /// Names and numbers with operators between them: enough of Python here.
    fn is_expression(text: &str) -> bool {
        !text.contains(" is neither ") && ["==", ">", "<", "("].iter().any(|sign| text.contains(sign))
    }

    fn check(comment: &str, expected: &str) {
        let found = in_comment(comment, &is_expression).expect("it is an expectation");
        let shown = match found {
            Ok(found) => format!(
                "{}{}",
                found
                    .name
                    .as_deref()
                    .map_or(String::new(), |name| format!("{name}: ")),
                words(&found)
            ),
            Err(fault) => format!("fault: {fault}"),
        };
        assert_eq!(shown, expected, "{comment}");
    }

    #[test]
    fn what_can_be_expected_is_written_in_words() {
        check("# expect: shape (-1, 10), no NaN", "shape (-1, 10), no NaN");
        check("#expect: type DataFrame | None", "type DataFrame | None");
        check(
            "# expect: df: columns [a, 'b c'], not empty",
            "df: not empty, columns [a, b c]",
        );
        check("# expect: from 0 to 1, length 3", "from 0 to 1, length 3");
        check("# expect: min -1.5, max 1e3", "min -1.5, max 1000");
        check("# expect: dtypes {a: int64}", "dtypes {a: int64}");
        check("# expect: equals 0.93 within 0.01", "equals 0.93 within 0.01");
        check("# expect: contains 'a, b'", "contains 'a, b'");
        check(r#"# expect: matches "^\d+, ok""#, r#"matches "^\d+, ok""#);
        check(
            "# expect: strictly increasing, unique",
            "strictly increasing, unique",
        );
        check("# expect: 42", "equals 42");
        check("# expect: ['a', 1]", "equals ['a', 1]");
        check("# expect: score: 0.5", "score: equals 0.5");
    }

    #[test]
    fn anything_else_is_an_expression_of_python() {
        check("# expect: df.shape == (3, 2)", "df.shape == (3, 2)");
        check("# expect: score: value > 0.9", "score: value > 0.9");
        check("# expect: length > 3", "length > 3");
        check("# expect: max(losses) < 1", "max(losses) < 1");
    }

    #[test]
    fn what_can_be_read_in_no_way_is_told() {
        check(
            "# expect:",
            "fault: nothing is expected: write what, such as `# expect: not empty`",
        );
        check(
            "# expect: a good result",
            "fault: `a good result` is neither something that can be expected nor an expression of Python",
        );
        check(
            "# expect: lenght 3",
            "fault: `lenght 3` is neither something that can be expected nor an expression of Python",
        );
        check(
            "# expect: length three",
            "fault: `length three` cannot be read: write `length 3`",
        );
        check(
            "# expect: shape 3 by 2",
            "fault: `shape 3 by 2` cannot be read: write `shape (-1, 10)`",
        );
        check(
            "# expect: unique, unique",
            "fault: `unique`: this was said before",
        );
    }

    #[test]
    fn other_comments_are_none_of_ours() {
        for comment in ["# expected: 3", "# we expect: 3", "# Expect: 3", "# expects x"] {
            assert!(in_comment(comment, &is_expression).is_none(), "{comment}");
        }
    }
}
