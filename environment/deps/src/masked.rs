//! Text of dependency files as it may be shown: credentials in URLs are left out.

use std::borrow::Cow;

/// Text with what stands between `//` and the last `@` before the next `/` of each URL replaced by `****`.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains("//") || !text.contains('@') {
        return Cow::Borrowed(text);
    }
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
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::masked;

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
        ] {
            assert_eq!(masked(text), expected);
        }
    }
}
