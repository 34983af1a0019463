//! What an exception or a warning says, as part of a headline: one line of it, and not a long one.

use std::borrow::Cow;

/// Letters of such a text that are shown.
const MOST: usize = 300;

/// Its first line that is not blank, cut where it is long.
pub(crate) fn of(text: &str) -> Cow<'_, str> {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    match line.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &line[..end])),
        None => Cow::Borrowed(line),
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_first_line_that_says_something_is_shown_and_not_without_end() {
        assert_eq!(of("\n \n 3 fits failed.\nmore"), "3 fits failed.");
        assert_eq!(of("\n"), "");
        assert_eq!(of(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(of(&"é".repeat(301)), "é".repeat(300) + "…");
    }
}
