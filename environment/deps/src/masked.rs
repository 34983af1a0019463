//! Text of dependency files as it may be shown: credentials in URLs are left out.

use std::borrow::Cow;

/// Text with what may be secret in URLs replaced by `****`: users with their passwords, and what stands behind `?`, where
/// signed URLs have their keys.
///
/// A password may hold any character, also those that should be escaped. So where a `:` stands before it, all up to the
/// last `@` of the word is left out; else only what stands before the first `/`, so that in `git+https://host/x.git@main`
/// the revision is shown.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(['@', '?']) || !(text.contains("//") || text.contains(':')) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(without_queries(&without_users(text)))
}

/// A URL in the text names a user, mostly with a password or a token.
pub(crate) fn names_user(text: &str) -> bool {
    text.contains('@') && without_users(text) != text
}

fn without_users(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let (before, address) = word.split_at(address(word).unwrap_or(word.len()));
        shown.push_str(before);
        let end = user(address);
        if end.is_some() {
            shown.push_str("****");
        }
        shown.push_str(&address[end.unwrap_or_default()..]);
    }
    shown
}

/// Where in a word the first URL's host, or the user before it, begins: behind `//`, or behind the `https:` of a URL that
/// lacks them. An image's name with a tag, `host/name:tag@sha256:…`, is no URL.
fn address(word: &str) -> Option<usize> {
    let is_of_url = |at: &usize| {
        let before = &word.as_bytes()[..*at];
        let ends_with = |scheme: &str| {
            let end = before.len().checked_sub(scheme.len()).map(|from| &before[from..]);
            end.is_some_and(|end| end.eq_ignore_ascii_case(scheme.as_bytes()))
        };
        ["http", "https", "ftp"].into_iter().any(ends_with)
    };
    let scheme = word.match_indices(':').map(|(at, _)| at).find(is_of_url);
    let scheme = scheme.map(|at| at + 1);
    let at = scheme.into_iter().chain(word.find("//")).min()?;
    let slashes = word[at..]
        .bytes()
        .take_while(|byte| matches!(byte, b'/' | b'\\'))
        .count();
    Some(at + slashes)
}

/// Where the user ends that an address begins with.
fn user(address: &str) -> Option<usize> {
    let last = address.rfind('@')?;
    if address[..last].contains(':') {
        return Some(last);
    }
    let authority = address.split('/').next().unwrap_or_default();
    authority.rfind('@')
}

/// The text with the query of the URL in each word as `?****`.
fn without_queries(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let url = address(word).unwrap_or(word.len());
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
            ("https://u:p@host?a=//b d?e", "https://****@host?**** d?e"),
            ("https://u:p@host?a=//b@c d?e", "https://****@c d?e"),
            (
                "-i https://user:p/ss@w0rd@host/simple",
                "-i https://****@host/simple",
            ),
            (
                "--index-url=https://u:a?b@host/simple",
                "--index-url=https://****@host/simple",
            ),
            ("six @ https:u:sec2@host/x.whl", "six @ https:****@host/x.whl"),
            ("six@HTTPS:/u:sec2@host/x.whl", "six@HTTPS:/****@host/x.whl"),
            ("x @ git+https:u:sec2@host/x.git@v1", "x @ git+https:****@v1"),
            ("https://u:sec#ret@host", "https://****@host"),
            ("https://tok#en@host/a", "https://****@host/a"),
            ("https://me@mail.example:a/b@host/a", "https://****@host/a"),
            ("https://a/b,https://u:p@host", "https://****@host"),
            (
                "x @ git+https://host/x.git@0123abc#egg=x",
                "x @ git+https://host/x.git@0123abc#egg=x",
            ),
            ("quay.io/a/b:1@sha256:00", "quay.io/a/b:1@sha256:00"),
            ("httpd:2.4@sha256:00", "httpd:2.4@sha256:00"),
            ("GET https://host:8443/x: 503", "GET https://host:8443/x: 503"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn a_query_may_be_secret_and_names_no_user() {
        assert!(names_user("six @ https://u:p@host/x.whl"));
        assert!(names_user("https:u:p@host/x.whl"));
        assert!(!names_user("six @ https://host/x.whl?a=b"));
    }
}
