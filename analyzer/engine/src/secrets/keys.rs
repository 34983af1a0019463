//! Private keys, and keys of storage accounts.

use super::{
    Secret,
    chance::{is_mixed, is_random},
};

const END: &str = "PRIVATE KEY-----";

/// Fewer characters hold no key.
const SHORTEST_KEY: usize = 100;

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
        let end = body + rest.find("-----END").unwrap_or(rest.len());
        from = body;
        let key = &text[body..end];
        if is_key(key) {
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
        let Some(key) = text.get(start..start + ACCOUNT_KEY) else {
            continue;
        };
        let letters = &key[..ACCOUNT_KEY - 2];
        let is_base64 = letters
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
        if key.ends_with("==") && is_base64 && is_mixed(letters) && is_random(letters) {
            found.push(Secret {
                kind: "the key of an Azure storage account",
                hidden: start..start + ACCOUNT_KEY,
                range: at..start + ACCOUNT_KEY,
            });
        }
    }
    found
}
