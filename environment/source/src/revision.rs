//! What is wanted of a repository: a branch, a tag, a whole name or a commit, in a form that git takes for nothing else.

use nbvet_report::step::plain;

use crate::SourceError;

const LONGEST: usize = 255;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Revision {
    /// Whatever the server's HEAD is.
    Head,
    /// A whole name: `refs/heads/main`.
    Ref(String),
    /// The name of a branch or a tag.
    Name(String),
    /// A commit: 40 or 64 hexadecimal digits.
    Commit(String),
}

impl Revision {
    pub(crate) fn read(text: Option<&str>) -> Result<Self, SourceError> {
        let Some(text) = text.filter(|text| !text.is_empty() && *text != "HEAD") else {
            return Ok(Self::Head);
        };
        if is_commit(text) {
            return Ok(Self::Commit(text.to_ascii_lowercase()));
        }
        if let Some(why) = wrong(text) {
            return Err(SourceError::Revision {
                revision: plain(text, 200),
                why,
            });
        }
        Ok(if text.starts_with("refs/") {
            Self::Ref(text.to_owned())
        } else {
            Self::Name(text.to_owned())
        })
    }
}

/// A whole digest, as git writes them.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What git's own rules for names say, and no name that begins with `-`.
fn wrong(text: &str) -> Option<&'static str> {
    let part_is_bad =
        |part: &str| part.is_empty() || part.starts_with('.') || part.strip_suffix(".lock").is_some();
    if text.len() > LONGEST {
        Some("it is longer than any name")
    } else if text.starts_with('-') {
        Some("it begins with `-`")
    } else if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        Some("it holds a space or a control character")
    } else if text.contains(['~', '^', ':', '?', '*', '[', '\\'])
        || text.contains("..")
        || text.contains("@{")
        || text == "@"
    {
        Some("it holds what means something to git; write the name of a branch or a tag, or the whole commit")
    } else if text.ends_with('.') || text.split('/').any(part_is_bad) {
        Some("no branch or tag can have this name")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_whole_names_and_commits_are_told_apart() {
        let read = |text: &str| Revision::read(Some(text)).unwrap();
        assert_eq!(Revision::read(None).unwrap(), Revision::Head);
        assert_eq!(read(""), Revision::Head);
        assert_eq!(read("HEAD"), Revision::Head);
        assert_eq!(read("main"), Revision::Name("main".to_owned()));
        assert_eq!(read("release/1.0"), Revision::Name("release/1.0".to_owned()));
        assert_eq!(read("v1.0"), Revision::Name("v1.0".to_owned()));
        assert_eq!(
            read("refs/heads/main"),
            Revision::Ref("refs/heads/main".to_owned())
        );
        assert_eq!(read(&"A".repeat(40)), Revision::Commit("a".repeat(40)));
        assert_eq!(read(&"a".repeat(64)), Revision::Commit("a".repeat(64)));
        assert_eq!(read(&"a".repeat(39)), Revision::Name("a".repeat(39)));
    }

    #[test]
    fn what_git_would_take_for_something_else_is_refused() {
        for text in [
            "-main",
            "--upload-pack=x",
            "a b",
            "a\nb",
            "a..b",
            "main~1",
            "main^",
            "main:x",
            "+main",
            "a*",
            "@{-1}",
            "@",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a.lock",
            "a.",
            "refs/heads/*",
            "a\\b",
            "[a]",
        ] {
            let refused = Revision::read(Some(text));
            if text == "+main" {
                // A name like others: it is only ever written behind `refs/heads/`.
                assert!(refused.is_ok());
            } else {
                assert!(refused.is_err(), "{text}");
            }
        }
        let long = "a".repeat(256);
        assert!(Revision::read(Some(&long)).is_err());
    }
}
