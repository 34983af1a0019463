//! Lines joined by a backslash at their end, without comments; variables put in. By pip's `preprocess`.

/// A line as pip takes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Logical {
    /// Its first line in the file, from 1.
    pub(super) number: usize,
    pub(super) text: String,
}

/// The logical lines that are not empty.
pub(super) fn logical(text: &str) -> Vec<Logical> {
    let mut found = Vec::new();
    let mut joined: Option<Logical> = None;
    for (number, line) in (1..).zip(physical(text)) {
        let is_comment = line.trim_start_matches(is_space).starts_with('#');
        if line.ends_with('\\') && !is_comment {
            let whole = joined.get_or_insert_with(|| Logical {
                number,
                text: String::new(),
            });
            whole.text.push_str(line.trim_matches('\\'));
            continue;
        }
        let mut whole = joined.take().unwrap_or_else(|| Logical {
            number,
            text: String::new(),
        });
        if is_comment {
            // So that it is one also where it was joined to a line.
            whole.text.push(' ');
        }
        whole.text.push_str(line);
        found.push(whole);
    }
    found.extend(joined);
    for line in &mut found {
        line.text = without_comment(&line.text).trim_matches(is_space).to_owned();
    }
    found.retain(|line| !line.text.is_empty());
    found
}

/// What Python's `str.splitlines` takes for the end of a line.
fn physical(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(at) = rest.find(is_end) else {
            return Some(std::mem::take(&mut rest));
        };
        let line = &rest[..at];
        let ended = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(0, char::len_utf8)
        };
        rest = &rest[at + ended..];
        Some(line)
    })
}

/// White space to Python.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn without_comment(line: &str) -> &str {
    let mut before = None;
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_none_or(is_space) {
            return &line[..at];
        }
        before = Some(c);
    }
    line
}

/// The line with its `${NAME}` replaced by what `variable` gives; others stay.
pub(super) fn expanded(line: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut names = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("${") {
        rest = &rest[at + 2..];
        let length = rest
            .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
            .unwrap_or(rest.len());
        if length > 0 && rest[length..].starts_with('}') {
            names.push(&rest[..length]);
        }
    }
    let mut text = line.to_owned();
    for name in names {
        if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
            text = text.replace(&format!("${{{name}}}"), &value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_ends_what_was_joined_and_a_number_is_that_of_the_first_line() {
        let lines = logical("a \\\n# no\nb\\\\\n c\n\n  # only\nd # e\\\nf");
        let shown: Vec<(usize, &str)> = lines.iter().map(|line| (line.number, &*line.text)).collect();
        assert_eq!(shown, [(1, "a"), (3, "b c"), (7, "d")]);
    }
}
