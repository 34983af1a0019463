//! Text of dependency files as it may be shown: credentials in URLs are left out.

use std::borrow::Cow;

/// Text with what may be secret in URLs replaced by `****`: what stands between `//` and the last `@` before the next `/`,
/// and what stands behind `?`, where signed URLs have their keys.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains("//") || !text.contains(['@', '?']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(without_users(&without_queries(text)))
}

/// A URL in the text names a user, mostly with a password or a token.
pub(crate) fn names_user(text: &str) -> bool {
    text.contains("//") && text.contains('@') && without_users(text) != text
}

fn without_users(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("//") {
        let (before, after) = rest.split_at(at + 2);
        shown.push_str(before);
        let end = after
            .find(|c: char| matches!(c, '/' | '?' | '#') || c.is_whitespace())
            .unwrap_or(after.len());
        let (authority, behind) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                shown.push_str("****@");
                shown.push_str(host);
            }
            None => shown.push_str(authority),
        }
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

/// The text with the query of the URL in each word as `?****`.
fn without_queries(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let url = word.find("//").unwrap_or(word.len());
        let query = word[url..].find('?').map(|at| url + at);
        let Some(query) = query else {
            shown.push_str(word);
            continue;
        };
        let is_end = |c: char| c.is_whitespace() || matches!(c, '#' | '\'' | '"' | '`');
        let rest = &word[query..];
        shown.push_str(&word[..query]);
        shown.push_str("?****");
        shown.push_str(&rest[rest.find(is_end).unwrap_or(rest.len())..]);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{masked, names_user};

    #[test]
    fn credentials_are_left_out_wherever_a_url_stands() {
        for (text, expected) in [
            ("six==1.17.0", "six==1.17.0"),
            (
                "-i https://user:p@ss@host:8080/simple",
                "-i https://****@host:8080/simple",
            ),
            (
                "a @ git+ssh://git@host/x.git@main",
                "a @ git+ssh://****@host/x.git@main",
            ),
            ("https://token@host", "https://****@host"),
            ("https://host/a@b //x@y", "https://host/a@b //****@y"),
            (
                "x @ https://host/x.whl?token=word&b=c#sha256=00 ; why?",
                "x @ https://host/x.whl?****#sha256=00 ; why?",
            ),
            ("https://u:p@host?a=//b@c d?e", "https://****@host?**** d?e"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn a_query_may_be_secret_and_names_no_user() {
        assert!(names_user("six @ https://u:p@host/x.whl"));
        assert!(!names_user("six @ https://host/x.whl?a=b"));
    }
}
