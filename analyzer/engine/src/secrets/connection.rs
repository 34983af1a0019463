//! Passwords in addresses: `postgresql://user:password@host/base`.

use super::{Secret, chance};

/// Passwords that are no secret: everybody tries them first, and examples have them.
const KNOWN: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "pw",
    "secret",
    "admin",
    "root",
    "postgres",
    "mysql",
    "guest",
    "user",
    "username",
    "test",
    "changeme",
    "default",
    "token",
    "key",
    "neo4j",
    "mongo",
    "redis",
    "rabbitmq",
    "minio",
    "minioadmin",
    "docker",
    "letmein",
    "x-oauth-basic",
    "scott",
    "tiger",
];

/// Longer ones are no part of an address.
const LONGEST: usize = 200;

pub(super) fn passwords(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let is_inside = |byte: &u8| {
            !matches!(
                byte,
                b'/' | b'"' | b'\'' | b'`' | b'\\' | b'<' | b'>' | b'?' | b'#' | b',' | b'|'
            ) && !byte.is_ascii_whitespace()
        };
        let length = text.as_bytes()[start..]
            .iter()
            .take(LONGEST)
            .take_while(|byte| is_inside(byte))
            .count();
        // `is_inside` ends before any byte of a character of several bytes only by chance.
        let Some(address) = text.get(start..start + length) else {
            continue;
        };
        let Some((login, host)) = address.rsplit_once('@') else {
            continue;
        };
        let Some((user, password)) = login.split_once(':') else {
            continue;
        };
        if is_secret(user, password) && is_far(host) && is_scheme(&text[..at]) {
            let hidden = start + user.len() + 1;
            found.push(Secret {
                kind: "an address with a password",
                hidden: hidden..hidden + password.len(),
                range: hidden..hidden + password.len(),
            });
        }
    }
    found
}

/// The word before `://`.
fn is_scheme(before: &str) -> bool {
    before.ends_with(|last: char| last.is_ascii_alphanumeric())
}

fn is_secret(user: &str, password: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    let is_placeholder = password.contains(['{', '}', '$', '%', '*', '(', '[', ':'])
        || KNOWN.contains(&lower.as_str())
        || KNOWN.iter().any(|known| known.len() > 3 && lower.contains(known))
        || lower.contains("your")
        || lower.eq_ignore_ascii_case(user);
    let has = |is: fn(&u8) -> bool| password.as_bytes().iter().any(is);
    let has_letter = has(u8::is_ascii_alphabetic);
    // Words of a language have no digits, and capitals at most at their beginning.
    let is_word = !has(u8::is_ascii_digit)
        && (password.len() < 12 || !password.as_bytes()[1..].iter().any(u8::is_ascii_uppercase));
    password.len() >= 8 && has_letter && !is_word && !is_placeholder && chance::is_no_example(password)
}

/// A host that others may reach: no name of this machine or of a neighbouring container.
fn is_far(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let is_near = ["localhost", "127.", "0.0.0.0", "192.168.", "10.", "host.docker"]
        .iter()
        .any(|start| name.starts_with(start));
    let is_example =
        name.contains("example") || name.contains("your") || name.rsplit('.').next() == Some("local");
    name.contains('.') && !name.contains(['{', '$', '%']) && !is_near && !is_example
}
