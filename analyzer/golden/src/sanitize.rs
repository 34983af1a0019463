//! What users write themselves: patterns of texts that may differ, and the sanitize files of nbval, which are sections
//! of `regex` and `replace` in the form of an ini file.

use std::{borrow::Cow, fmt::Write as _};

use regex::{Regex, RegexBuilder};

/// Bytes that a compiled pattern may take.
const MAX_PATTERN: usize = 1 << 20;

/// A text that may differ.
#[derive(Debug, Clone)]
pub struct Pattern(pub(crate) Regex);

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadPattern {
    /// The line (1-based) of the file that it stands in; 1 where it stands by itself.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl Pattern {
    /// Compiles a pattern. It is matched in time linear in the text, whatever it says.
    pub fn new(pattern: &str) -> Result<Self, BadPattern> {
        compiled(pattern)
            .map(Self)
            .map_err(|message| BadPattern { line: 1, message })
    }
}

/// Replacements made on both sides before they are compared, in their order.
#[derive(Debug, Clone, Default)]
pub struct Sanitizer {
    steps: Vec<(Regex, String)>,
}

impl Sanitizer {
    /// Reads a sanitize file of nbval.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let mut steps = Vec::new();
        for section in sections(text)? {
            let missing = |key: &str| BadPattern {
                line: section.line,
                message: format!("section `{}` has no `{key}`", section.name),
            };
            let (line, regex) = section.regex.as_ref().ok_or_else(|| missing("regex"))?;
            let (_, replace) = section.replace.as_ref().ok_or_else(|| missing("replace"))?;
            let regex = compiled(regex).map_err(|message| BadPattern {
                line: *line,
                message: format!("section `{}`: {message}", section.name),
            })?;
            steps.push((regex, replacement(replace)));
        }
        Ok(Self { steps })
    }

    /// The steps of another file come after those of this one.
    pub fn extend(&mut self, other: Self) {
        self.steps.extend(other.steps);
    }

    pub(crate) fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for (regex, replace) in &self.steps {
            if let Cow::Owned(replaced) = regex.replace_all(&text, replace.as_str()) {
                text = Cow::Owned(replaced);
            }
        }
        text
    }
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    let regex = RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build();
    regex.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().rfind(|line| !line.trim().is_empty());
            let reason = last.unwrap_or("").trim().trim_start_matches("error: ");
            format!("this is no pattern: {reason}")
        }
    })
}

/// Python writes groups as `\1` and `\g<name>`, and a dollar sign means nothing in it.
fn replacement(python: &str) -> String {
    let mut out = String::new();
    let mut rest = python;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = after;
        match c {
            '$' => out += "$$",
            '\\' => {
                if let Some((name, tail)) = after.strip_prefix("g<").and_then(|named| named.split_once('>')) {
                    let _ = write!(out, "${{{name}}}");
                    rest = tail;
                } else {
                    let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                    let mut others = after.chars();
                    match (digits, others.next()) {
                        (0, Some('n')) => out.push('\n'),
                        (0, Some('t')) => out.push('\t'),
                        (0, Some(other)) => out.push(other),
                        (0, None) => out.push('\\'),
                        _ => {
                            let _ = write!(out, "${{{}}}", &after[..digits]);
                        }
                    }
                    rest = if digits > 0 {
                        &after[digits..]
                    } else {
                        others.as_str()
                    };
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// A section of an ini file, with the lines that its values stand in.
#[derive(Debug, Default)]
struct Section {
    name: String,
    line: usize,
    regex: Option<(usize, String)>,
    replace: Option<(usize, String)>,
}

/// As Python's configparser reads it: comments begin with `#` or `;`, values follow `:` or `=`, and an indented line
/// continues the value above it.
fn sections(text: &str) -> Result<Vec<Section>, BadPattern> {
    let mut sections: Vec<Section> = Vec::new();
    let mut open: Option<&'static str> = None;
    for (number, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let bad = |message: String| BadPattern {
            line: number + 1,
            message,
        };
        let line = raw.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let (true, Some(key), Some(section)) = (raw.starts_with([' ', '\t']), open, sections.last_mut()) {
            if let Some((_, value)) = section.value(key) {
                value.push('\n');
                value.push_str(line);
            }
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push(Section {
                name: name.to_owned(),
                line: number + 1,
                ..Section::default()
            });
            open = None;
            continue;
        }
        let section = sections
            .last_mut()
            .ok_or_else(|| bad("this stands before the first section: write `[name]` above it".to_owned()))?;
        let (key, value) = line
            .split_once([':', '='])
            .ok_or_else(|| bad("write `regex: …` or `replace: …` here".to_owned()))?;
        let key = match key.trim().to_ascii_lowercase().as_str() {
            "regex" => "regex",
            "replace" => "replace",
            other => {
                return Err(bad(format!(
                    "there is no `{other}` here, only `regex` and `replace`"
                )));
            }
        };
        *section.slot(key) = Some((number + 1, value.trim().to_owned()));
        open = Some(key);
    }
    Ok(sections)
}

impl Section {
    fn slot(&mut self, key: &str) -> &mut Option<(usize, String)> {
        if key == "regex" {
            &mut self.regex
        } else {
            &mut self.replace
        }
    }

    fn value(&mut self, key: &str) -> Option<&mut (usize, String)> {
        self.slot(key).as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, before: &str, after: &str) {
        assert_eq!(Sanitizer::parse(file).unwrap().apply(before), after);
    }

    fn told(file: &str) -> String {
        let error = Sanitizer::parse(file).unwrap_err();
        format!("{}: {}", error.line, error.message)
    }

    #[test]
    fn a_file_as_nbval_documents_it_is_read() {
        let file = "[Dates]\nregex: \\d{1,2}/\\d{1,2}/\\d{2,4}\nreplace: DATE-STAMP\n\n; addresses\n[Memory]\n\
                    regex = (<[a-zA-Z_][0-9a-zA-Z_.]* at )(0x[0-9a-fA-F]+)(>)\nreplace = \\1 MEMORY \\g<3>\n";
        check(
            file,
            "on 12/3/2024: <a.B at 0x7f1> $1",
            "on DATE-STAMP: <a.B at  MEMORY > $1",
        );
    }

    #[test]
    fn replacements_are_made_in_their_order_and_may_be_empty() {
        check(
            "[a]\nregex: a+\nreplace: b\n[b]\nregex: b\nreplace:\n",
            "xaay",
            "xy",
        );
    }

    #[test]
    fn an_indented_line_continues_the_value_above() {
        check("[a]\nregex: (?x)a\n  b\nreplace: c\n", "ab", "c");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert_eq!(
            told("[a]\nregex: (\nreplace: x\n"),
            "2: section `a`: this is no pattern: unclosed group"
        );
        assert_eq!(
            told("[a]\nregex: (?<=x)y\nreplace: x\n"),
            "2: section `a`: this is no pattern: look-around, including look-ahead and look-behind, is not supported"
        );
        assert_eq!(told("[a]\nregex: x\n"), "1: section `a` has no `replace`");
        assert_eq!(
            told("regex: x\n"),
            "1: this stands before the first section: write `[name]` above it"
        );
        assert_eq!(
            told("[a]\nregexp: x\n"),
            "2: there is no `regexp` here, only `regex` and `replace`"
        );
        assert_eq!(
            told("[a]\nregex: (a{1000}){1000}\nreplace: x"),
            "2: section `a`: the pattern is too large"
        );
    }
}
