//! Private keys, and keys of storage accounts and of AWS.

use super::{
    Secret,
    chance::{is_mixed, is_random},
};

const END: &str = "PRIVATE KEY-----";

/// Fewer characters hold no key.
const SHORTEST_KEY: usize = 100;

/// Lines of keys have 64 characters, or 76.
const SHORTEST_LINE: usize = 60;

/// `ENCRYPTED PRIVATE KEY-----` and the like are no longer.
const LONGEST_NAME: usize = 40;

/// Bytes that are looked at for the key's end.
const LONGEST_KEY: usize = 16 * 1024;

/// `-----BEGIN PRIVATE KEY-----`, the key, `-----END PRIVATE KEY-----`.
pub(super) fn private_keys(text: &str) -> Vec<Secret> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(start) = text[from..].find("-----BEGIN ").map(|at| from + at) {
        from = start + "-----BEGIN ".len();
        let head = beginning(&text[from..], LONGEST_NAME).find(END);
        let Some(body) = head.map(|at| from + at + END.len()) else {
            continue;
        };
        let rest = beginning(&text[body..], LONGEST_KEY);
        let end = body + end_of_key(rest);
        from = body;
        let key = &text[body..end];
        // Code that speaks of the marks is no key.
        if is_key(key) && (!key.contains("-----END") || has_line(key)) {
            found.push(Secret {
                kind: "a private key",
                hidden: body..end,
                range: start..end,
            });
            from = end;
        }
    }
    found
}

/// Where the next mark of a key begins, its end or that of another one: `-----END` alone may stand within a list of
/// its lines. What is behind the next mark is not looked at, so that many marks cost no more than their length.
fn end_of_key(rest: &str) -> usize {
    let mark = rest.find(END);
    mark.and_then(|mark| rest[..mark].rfind("-----"))
        .unwrap_or(rest.len())
}

/// It has a line of a key: nothing but base64, as long as such lines are.
fn has_line(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/')))
        .any(|word| word.len() >= SHORTEST_LINE && is_mixed(word) && is_random(word))
}

/// The first bytes of a text, or a few less.
fn beginning(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// Lines of base64, which a string may hold with `\n` between them.
fn is_key(text: &str) -> bool {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let letters: String = text
        .replace("\\n", "\n")
        .chars()
        .filter(|c| is_base64(*c))
        .take(2 * SHORTEST_KEY)
        .collect();
    letters.len() >= SHORTEST_KEY && is_mixed(&letters) && is_random(&letters)
}

const ACCOUNT: &str = "AccountKey=";
/// 64 bytes in base64.
const ACCOUNT_KEY: usize = 88;

/// `AccountKey=…==` in a connection string of Azure.
pub(super) fn account_keys(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(ACCOUNT) {
        let start = at + ACCOUNT.len();
        let key = text.get(start..start + ACCOUNT_KEY);
        let Some(letters) = key.and_then(|key| key.strip_suffix("==")) else {
            continue;
        };
        let is_base64 = letters
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
        if is_base64 && is_mixed(letters) && is_random(letters) {
            found.push(Secret {
                kind: "the key of an Azure storage account",
                hidden: start..start + ACCOUNT_KEY,
                range: at..start + ACCOUNT_KEY,
            });
        }
    }
    found
}

/// The names under which AWS looks for it, in code, in its environment and in its file. Nothing in the value says
/// what it is.
const AWS_NAMES: &[&str] = &["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"];
const AWS_KEY: usize = 40;

/// `aws_secret_access_key = "…"`, with whatever may stand between a name and its value.
pub(super) fn aws_keys(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    for (at, name) in AWS_NAMES.iter().flat_map(|name| text.match_indices(name)) {
        let after = at + name.len();
        let between = text.as_bytes()[after..].iter().take(LONGEST_GAP);
        let is_between = |byte: &&u8| {
            matches!(
                byte,
                b' ' | b'=' | b':' | b'"' | b'\'' | b'\\' | b']' | b',' | b'%'
            )
        };
        let start = after + between.take_while(is_between).count();
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let value = text.as_bytes()[start..].iter().take(AWS_KEY + 1);
        let length = value.take_while(|byte| is_base64(byte)).count();
        let Some(key) = text
            .get(start..start + AWS_KEY)
            .filter(|_| length == AWS_KEY && start > after)
        else {
            continue;
        };
        if is_mixed(key) && is_random(key) {
            found.push(Secret {
                kind: "an AWS secret access key",
                hidden: start..start + AWS_KEY,
                range: start..start + AWS_KEY,
            });
        }
    }
    found
}

/// Bytes between a name and its value.
const LONGEST_GAP: usize = 12;
