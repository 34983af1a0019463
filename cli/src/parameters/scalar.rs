//! What a word means: on the command line by Python's `int` and `float`, as papermill tries them; in a file by the
//! rules of YAML 1.1 that `PyYAML` follows.

use nbvet_notebook::Literal;

/// More digits than that are no int for Python either.
const MAX_DIGITS: usize = 4300;

/// The value of a word on the command line.
pub(crate) fn of_argument(word: &str) -> Literal {
    match word {
        "True" => Literal::Bool(true),
        "False" => Literal::Bool(false),
        "None" => Literal::None,
        word => python_int(word)
            .or_else(|| python_float(word))
            .unwrap_or_else(|| Literal::Str(word.to_owned())),
    }
}

/// As `int(word)`.
fn python_int(word: &str) -> Option<Literal> {
    let (negative, digits) = signed(word.trim());
    let digits = without_underscores(digits)?;
    let is_int = !digits.is_empty() && digits.len() <= MAX_DIGITS && all(&digits, |c| c.is_ascii_digit());
    is_int.then(|| decimal(negative, &digits))
}

/// As `float(word)`.
fn python_float(word: &str) -> Option<Literal> {
    without_underscores(word.trim())?.parse().ok().map(Literal::Float)
}

/// Underscores stand between digits only.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let between = |at: usize| {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    let well_placed = memchr_all(bytes).all(between);
    well_placed.then(|| text.replace('_', ""))
}

fn memchr_all(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'_')
        .map(|(at, _)| at)
}

/// The value of a plain word in a file. `json`: numbers are those of JSON too, such as `1e3`.
pub(crate) fn of_plain(word: &str, json: bool) -> Literal {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => Literal::None,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Literal::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Literal::Bool(false),
        word => yaml_int(word)
            .or_else(|| yaml_float(word))
            .or_else(|| json_float(word).filter(|_| json))
            .unwrap_or_else(|| Literal::Str(word.to_owned())),
    }
}

/// A whole number of YAML 1.1: also `0b1`, `0x1F`, `017` and `1:30` to the base of 60.
pub(crate) fn yaml_int(word: &str) -> Option<Literal> {
    let (negative, text) = signed(word);
    let digits = text.replace('_', "");
    let based = |digits: &str, base: u32| {
        let number = u128::from_str_radix(digits, base).ok()?;
        Some(decimal(negative, &number.to_string()))
    };
    if text == "0" {
        return Some(decimal(false, "0"));
    }
    if let Some(rest) = digits.strip_prefix("0b") {
        return based(rest, 2);
    }
    if let Some(rest) = digits.strip_prefix("0x") {
        return based(rest, 16);
    }
    if text.starts_with('0') {
        return based(&digits, 8).filter(|_| all(text, |c| c == '_' || c.is_ascii_digit()));
    }
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if all(&digits, |c| c.is_ascii_digit()) {
        return Some(decimal(negative, &digits));
    }
    let number = sexagesimal(&digits)?;
    (number.fract() == 0.0).then(|| decimal(negative, &format!("{number:.0}")))
}

/// A number of YAML 1.1 with a point: also `.5`, `1.5e+3`, `.inf`, `-.inf`, `.nan` and `1:30.5`.
pub(crate) fn yaml_float(word: &str) -> Option<Literal> {
    let (negative, text) = signed(word);
    let sign = if negative { -1.0 } else { 1.0 };
    let lower = text.to_ascii_lowercase();
    let in_one_case = text == lower || text == text.to_ascii_uppercase() || text[1..].starts_with(['I', 'N']);
    match lower.as_str() {
        ".inf" if in_one_case => return Some(Literal::Float(sign * f64::INFINITY)),
        ".nan" if in_one_case && text.len() == word.len() => return Some(Literal::Float(f64::NAN)),
        _ => {}
    }
    let digits = text.replace('_', "");
    if text.starts_with('.') && text.len() != word.len() || !digits.contains('.') {
        return None;
    }
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits.as_str(), None),
    };
    let exponent_is_signed = exponent.is_none_or(|exponent| {
        exponent
            .strip_prefix(['+', '-'])
            .is_some_and(|rest| !rest.is_empty() && all(rest, |c| c.is_ascii_digit()))
    });
    if !exponent_is_signed || !mantissa.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number = if mantissa.contains(':') && exponent.is_none() {
        sexagesimal(mantissa)?
    } else if all(mantissa, |c| c == '.' || c.is_ascii_digit()) {
        digits.parse().ok()?
    } else {
        return None;
    };
    Some(Literal::Float(sign * number))
}

/// A number as JSON writes it.
fn json_float(word: &str) -> Option<Literal> {
    serde_json::from_str::<f64>(word).ok().map(Literal::Float)
}

/// `1:30` is 90, `1:30.5` is 90.5.
fn sexagesimal(text: &str) -> Option<f64> {
    let (first, rest) = text.split_once(':')?;
    if first.is_empty() || !all(first, |c| c.is_ascii_digit()) {
        return None;
    }
    let mut number: f64 = first.parse().ok()?;
    let (whole, fraction) = rest
        .split_once('.')
        .map_or((rest, None), |(whole, part)| (whole, Some(part)));
    for part in whole.split(':') {
        let sixties: f64 = part.parse().ok()?;
        let is_part = part.len() <= 2 && all(part, |c| c.is_ascii_digit()) && sixties < 60.0;
        number = is_part.then_some(number * 60.0 + sixties)?;
    }
    match fraction {
        None | Some("") => Some(number),
        Some(part) if all(part, |c| c.is_ascii_digit()) => {
            Some(number + format!("0.{part}").parse::<f64>().ok()?)
        }
        Some(_) => None,
    }
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Digits as Python writes the number.
fn decimal(negative: bool, digits: &str) -> Literal {
    let digits = digits.trim_start_matches('0');
    Literal::Int(match (digits, negative) {
        ("", _) => "0".to_owned(),
        (digits, true) => format!("-{digits}"),
        (digits, false) => digits.to_owned(),
    })
}

fn all(text: &str, is: impl Fn(char) -> bool) -> bool {
    text.chars().all(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(of: impl Fn(&str) -> Literal, pairs: &[(&str, &str)]) {
        for (word, expected) in pairs {
            assert_eq!(of(word).to_string(), *expected, "{word}");
        }
    }

    #[test]
    fn words_of_the_command_line_are_what_python_makes_of_them() {
        check(
            of_argument,
            &[
                ("1", "1"),
                ("-007", "-7"),
                (" +1_000 ", "1000"),
                ("1__0", "\"1__0\""),
                ("_1", "\"_1\""),
                ("1.50", "1.5"),
                (".5", "0.5"),
                ("1e3", "1000.0"),
                ("1_0.5", "10.5"),
                ("nan", "float('nan')"),
                ("-Infinity", "float('-inf')"),
                ("True", "True"),
                ("true", "\"true\""),
                ("None", "None"),
                ("0x10", "\"0x10\""),
                ("", "\"\""),
                ("[1, 2]", "\"[1, 2]\""),
                ("123456789012345678901234567890", "123456789012345678901234567890"),
            ],
        );
    }

    #[test]
    fn words_of_a_file_are_what_pyyaml_makes_of_them() {
        check(
            |word| of_plain(word, false),
            &[
                ("1", "1"),
                ("0", "0"),
                ("017", "15"),
                ("019", "\"019\""),
                ("0x1F", "31"),
                ("-0b11", "-3"),
                ("1_000", "1000"),
                ("1:30", "90"),
                ("1:90", "\"1:90\""),
                ("1.", "1.0"),
                ("1.5e+3", "1500.0"),
                ("1e3", "\"1e3\""),
                ("1.5e3", "\"1.5e3\""),
                (".5", "0.5"),
                ("-.5", "\"-.5\""),
                ("-.inf", "float('-inf')"),
                (".NaN", "float('nan')"),
                ("1:30.5", "90.5"),
                ("yes", "True"),
                ("Off", "False"),
                ("y", "\"y\""),
                ("~", "None"),
                ("2020-01-01", "\"2020-01-01\""),
                (".", "\".\""),
                ("é", "\"\\xe9\""),
            ],
        );
        check(
            |word| of_plain(word, true),
            &[("1e3", "1000.0"), ("-1.5E2", "-150.0")],
        );
    }
}
