//! What uv says when it fails, in our words where it is known, shortened and without credentials where it is not.

use nbvet_deps::{Declared, masked, target::Target};

use super::ResolveError;
use crate::http::{cleaned, cut};

/// Of uv's explanation, at most.
const LINES: usize = 12;
const LINE: usize = 400;

/// The error behind what uv said.
pub(super) fn error(said: &str, declared: &Declared, target: &Target) -> ResolveError {
    let explanation = shortened(said);
    let file = declared.file.to_string();
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    if has(&[
        "no usable wheels",
        "building from source is disabled",
        "no matching wheel",
    ]) {
        return ResolveError::NeedsBuild {
            file,
            package: source_only(said),
            target: target.to_string(),
        };
    }
    if has(&["401", "403"]) && has(&["Unauthorized", "Forbidden", "credentials"]) {
        return ResolveError::Credentials { explanation };
    }
    if has(&["No solution found"]) {
        return ResolveError::Conflict { file, explanation };
    }
    if let Some((url, status)) = refused(&explanation) {
        return ResolveError::Status { url, status };
    }
    if has(&[
        "error sending request",
        "Failed to fetch",
        "Request failed after",
        "Could not connect",
    ]) {
        return ResolveError::Network { explanation };
    }
    if has(&["unexpected argument", "invalid value", "unrecognized subcommand"]) {
        return ResolveError::Usage { explanation };
    }
    ResolveError::Failed { explanation }
}

/// `docopt 0.6.2`, from "`docopt==0.6.2` has no usable wheels".
fn source_only(said: &str) -> Option<String> {
    let flat = cleaned(said);
    let (before, _) = flat.split_once(" has no usable wheels")?;
    let words: Vec<&str> = before.rsplit(' ').take(1).collect();
    let package = words.first()?.trim_matches('`').replace("==", " ");
    (!package.is_empty()).then(|| cut(&package, 80))
}

/// The URL and the status of `HTTP status client error (404 Not Found) for url (https://…)`; servers that fail are as
/// good as unreachable.
fn refused(explanation: &str) -> Option<(String, String)> {
    let (_, after) = explanation.split_once("HTTP status client error (")?;
    let (status, after) = after.split_once(") for url (")?;
    let (url, _) = after.split_once(')')?;
    // Those ask for another try.
    if ["408", "429"].iter().any(|again| status.starts_with(again)) {
        return None;
    }
    Some((url.to_owned(), status.to_owned()))
}

/// The lines that say why, one below the other, without uv's frame and hints on its options.
pub(super) fn shortened(said: &str) -> String {
    let frame = |letter: char| letter.is_whitespace() || "×╰─▶│├".contains(letter);
    let lines = masked(said);
    let lines = lines
        .lines()
        .map(|line| cleaned(line.trim_start_matches(frame)))
        .map(|line| {
            let line = line.strip_prefix("error: ").unwrap_or(&line);
            line.strip_prefix("cause: ").unwrap_or(line).to_owned()
        })
        .take_while(|line| !line.starts_with("hint:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty() && !is_noise(line));
    let mut lines: Vec<String> = lines.map(|line| cut(&line, LINE)).collect();
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("(and {more} more lines)"));
    }
    lines.join("\n")
}

fn is_noise(line: &str) -> bool {
    line.starts_with("No solution found when resolving dependencies") || line.starts_with("warning:")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(said: &str, expected: &Expect) {
        expected.assert_eq(&shortened(said));
    }

    #[test]
    fn an_explanation_is_shown_without_frame_hints_and_credentials() {
        check(
            "error: No solution found when resolving dependencies\n  cause: Because a==1 depends on b>=2\n         and you require b==1, no.\n\nhint: try --prerelease\n",
            &expect![[r#"
                Because a==1 depends on b>=2
                and you require b==1, no."#]],
        );
        check(
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of a==1\n      and you require a==1, no.\n",
            &expect![[r#"
                Because there is no version of a==1
                and you require a==1, no."#]],
        );
        check(
            "error: Failed to fetch: `https://u:secret@h/simple/six/`\n  Caused by: \x1b[31mno\u{202e}",
            &expect![[r#"
                Failed to fetch: `https://****@h/simple/six/`
                Caused by: [31mno"#]],
        );
        let long = format!("error: {}\n", "x".repeat(1000)).repeat(100);
        assert!(shortened(&long).len() < 6000);
    }

    #[test]
    fn the_package_that_is_source_alone_is_named() {
        let said = "cause: Because docopt==0.6.2 has no usable wheels and you require docopt==0.6.2, we";
        assert_eq!(source_only(said).as_deref(), Some("docopt 0.6.2"));
    }

    #[test]
    fn a_status_is_told_with_its_url_and_without_credentials() {
        let said = "error: Failed to download `x @ https://u:secret@h/x.whl`\n  Caused by: Failed to fetch: \
                    `https://u:secret@h/x.whl`\n  Caused by: HTTP status client error (404 Not Found) for url \
                    (https://u:secret@h/x.whl)\n";
        let told = refused(&shortened(said)).unwrap();
        assert_eq!(
            told,
            ("https://****@h/x.whl".to_owned(), "404 Not Found".to_owned())
        );
        let busy = "HTTP status client error (429 Too Many Requests) for url (https://h/x.whl)";
        assert_eq!(refused(busy), None);
        assert_eq!(
            refused(&shortened("error: error sending request for url (https://h/)")),
            None
        );
    }
}
