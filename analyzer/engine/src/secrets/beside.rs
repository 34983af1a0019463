//! What stands beside a secret and is most likely one too. It is no finding, and is masked where the other one is shown.

use std::ops::Range;

use super::{Secret, chance::is_mixed, tokens::AWS};

/// Names of arguments and variables, or parts of them, in small letters.
const NAMES: &[&str] = &[
    "password", "passwd", "pwd", "secret", "token", "api_key", "apikey",
];

/// Bytes that may follow such a part in a name: `secret` of `secret_access_key`.
const LONGEST_REST: usize = 40;

/// The length of the secret that belongs to an access key of AWS.
const AWS_SECRET: usize = 40;

/// The bytes to mask, besides those of the secrets that were found.
pub(super) fn hidden(text: &str, found: &[Secret]) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    if found.iter().any(|secret| secret.kind == AWS) {
        hidden.extend(aws_secrets(text));
    }
    let mut start = 0;
    let mut secrets = found.iter().peekable();
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        while secrets.next_if(|secret| secret.range.end <= start).is_some() {}
        if secrets.peek().is_some_and(|secret| secret.range.start < end) {
            hidden.extend(
                named(line)
                    .into_iter()
                    .map(|value| start + value.start..start + value.end),
            );
        }
        start = end;
    }
    hidden
}

fn aws_secrets(text: &str) -> Vec<Range<usize>> {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+');
    let mut start = 0;
    let mut hidden = Vec::new();
    for word in text.as_bytes().split(|byte| !is_base64(*byte)) {
        let range = start..start + word.len();
        start = range.end + 1;
        if word.len() == AWS_SECRET && is_mixed(&text[range.clone()]) {
            hidden.push(range);
        }
    }
    hidden
}

/// The texts in quotes that a line gives to the names.
fn named(line: &str) -> Vec<Range<usize>> {
    let lower = line.to_ascii_lowercase();
    let mut hidden = Vec::new();
    for name in NAMES {
        let mut done = 0;
        for (at, _) in lower.match_indices(name) {
            if at >= done
                && let Some(value) = value(line, at + name.len())
            {
                done = value.end;
                hidden.push(value);
            }
        }
    }
    hidden
}

/// The text in quotes behind a name and `=` or `:`.
fn value(line: &str, name: usize) -> Option<Range<usize>> {
    let rest = &line[name..];
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let part = rest.bytes().take(LONGEST_REST).take_while(is_part).count();
    let given = rest[part..].trim_start_matches(['\\', '"', '\'', ']', ' ']);
    let given = given.strip_prefix(['=', ':'])?.trim_start();
    let bare = given.trim_start_matches(['r', 'R', 'b', 'B', 'f', 'F', 'u', 'U']);
    let text = bare.trim_start_matches('\\');
    let is_escaped = text.len() < bare.len();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let text = text.trim_start_matches(quote);
    let mut before = false;
    let length = text
        .find(|c| {
            let ends = c == quote && !before;
            before = c == '\\' && !before && !is_escaped;
            ends
        })
        .unwrap_or(text.len());
    let start = line.len() - text.len();
    Some(start..start + length)
}
