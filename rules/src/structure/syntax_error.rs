//! NB924 syntax-error.

use std::borrow::Cow;

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits};

use crate::macros::rule;

rule! {
    /// A cell that Python cannot compile.
    ///
    /// ## Why it matters
    ///
    /// The cell raises `SyntaxError` before its first line runs, and nothing below it is reached. The other cells are
    /// still looked at: one bad cell does not silence a notebook.
    ///
    /// Cells tagged `raises-exception` or `skip-execution` are left alone.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// print "hello"
    /// ```
    ///
    /// ```python good
    /// print("hello")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Mend the line, or make the cell a markdown or raw cell if it is no code.
    "NB924" "syntax-error",
    group: Structure,
    row: Row::Certain,
    foresees_exception: true,
    since: "0.1.0",
    check: Check::Static(&SyntaxErrors),
}

struct SyntaxErrors;

impl StaticRule for SyntaxErrors {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        for cell in cx.model().parsed().cells() {
            let Some(error) = cell
                .error
                .as_ref()
                .filter(|_| !cell.may_raise() && !cell.is_skipped())
            else {
                continue;
            };
            let location = cx
                .model()
                .parsed()
                .notebook()
                .location(cell.cell.index, error.range.clone());
            let line = cell
                .cell
                .source
                .lines()
                .nth(location.line.saturating_sub(1) as usize)
                .unwrap_or_default();
            let mut finding = Finding::new(
                location,
                format!("this cell is not valid Python: {}", told(&error.message)),
            )
            .because("The cell raises SyntaxError, and the notebook stops here.")
            .about("syntax");
            let rest = cell.cell.source.get(error.range.start..).unwrap_or_default();
            if let Some(help) = advice(line, &error.message, rest) {
                finding = finding.help(help);
            }
            cx.report(finding);
        }
        report_refused(cx);
    }
}

/// The first statement of each cell that only the compiler refuses.
fn report_refused(cx: &mut Context<'_, '_>) {
    let mut places: Vec<_> = cx.model().refused().to_vec();
    places.sort_by_key(|(place, _)| *place);
    places.dedup_by_key(|(place, _)| place.cell);
    for (place, message) in places {
        let cell = cx.model().cell(place.cell);
        if cell.is_valid() && !cell.may_raise() && !cell.is_skipped() {
            let at = cx.model().location_of(place);
            cx.report(
                Finding::new(at, format!("this cell is not valid Python: {message}"))
                    .because("The cell raises SyntaxError, and the notebook stops here.")
                    .about("syntax"),
            );
        }
    }
}

/// The parser's message; a character that nobody sees is named.
fn told(message: &str) -> Cow<'_, str> {
    match invisible(message) {
        Some((letter, name)) => {
            let told = message.trim_end_matches(letter).trim_end();
            format!("{told}: {name} U+{:04X}", u32::from(letter)).into()
        }
        None => message.into(),
    }
}

/// The character that the message ends with, where it is not to be seen.
fn invisible(message: &str) -> Option<(char, &'static str)> {
    let letter = message.chars().next_back()?;
    let name = match letter {
        '\u{a0}' => "no-break space",
        '\u{ad}' => "soft hyphen",
        '\u{200b}' => "zero-width space",
        '\u{200c}' | '\u{200d}' => "zero-width joiner",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "mark of the text's direction"
        }
        '\u{2028}' | '\u{2029}' => "line separator",
        '\u{202f}' => "narrow no-break space",
        '\u{2060}' => "word joiner",
        '\u{3000}' => "wide space",
        '\u{feff}' => "byte-order mark",
        _ if letter.is_ascii() => return None,
        _ if letter.is_whitespace() => "space",
        _ if letter.is_control() => "control character",
        _ => return None,
    };
    Some((letter, name))
}

/// Well-known reasons for a line not to parse. `rest`: the source from the error on.
fn advice(line: &str, message: &str, rest: &str) -> Option<&'static str> {
    let line = line.trim_start();
    if invisible(message).is_some() {
        return Some("retype the space, or delete what cannot be seen: it came with text that was copied");
    }
    if line.starts_with("print ") {
        return Some("this is Python 2: write `print(…)`");
    }
    if line.starts_with("exec ") {
        return Some("this is Python 2: write `exec(…)`");
    }
    if line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>") || line.starts_with("=======") {
        return Some("this is a merge conflict: keep one side and delete the markers");
    }
    if line.contains("____") || line.contains("...?") || line.ends_with("= ?") {
        return Some("this looks like an exercise that is not filled in yet");
    }
    if line.contains('\u{201c}') || line.contains('\u{2018}') || line.contains('\u{2019}') {
        return Some("these are typographic quotes: write \" or '");
    }
    if message.ends_with(['\u{2212}', '\u{2013}', '\u{2014}']) {
        return Some("this is a typographic dash: write `-`");
    }
    let mut words = line.split_whitespace();
    let (first, second) = (words.next(), words.next());
    match (first, second) {
        (Some("pip" | "pip3"), Some("install" | "uninstall")) => {
            return Some("this is a command, not Python: write `%pip install …`");
        }
        (Some("conda"), Some("install")) => {
            return Some("this is a command, not Python: write `%conda install …`");
        }
        _ => {}
    }
    let asks = matches!(first, Some("if" | "elif" | "while" | "assert"));
    if asks && rest.starts_with('=') && !rest.starts_with("==") {
        return Some("`=` binds a name: compare by `==`");
    }
    (message == "Expected `:`, found newline").then_some("end the line with `:`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_named() {
        let message = |letter: char| format!("Got unexpected token {letter}");
        assert_eq!(
            told(&message('\u{a0}')),
            "Got unexpected token: no-break space U+00A0"
        );
        assert_eq!(told(&message('£')), "Got unexpected token £");
        assert!(
            advice("x =\u{a0}1", &message('\u{a0}'), "\u{a0}1").is_some_and(|help| help.contains("retype"))
        );
    }

    #[test]
    fn well_known_slips_are_told_how_to_mend_them() {
        let simple = "Simple statements must be separated by newlines or semicolons";
        for (line, message, rest, wanted) in [
            ("exec \"a\"", simple, "\"a\"", "`exec(…)`"),
            ("print 1", simple, "1", "`print(…)`"),
            ("pip install -q pandas", simple, "install", "`%pip install"),
            ("if x = 1:", "Expected `:`, found `=`", "= 1:", "`==`"),
            ("    while (x = 1):", "Expected `)`, found `=`", "= 1):", "`==`"),
            ("for i in x", "Expected `:`, found newline", "\n", "with `:`"),
        ] {
            let help = advice(line, message, rest).unwrap_or_default();
            assert!(help.contains(wanted), "{line}: {help}");
        }
        assert_eq!(advice("x = f(1 2)", "Expected `,`, found int", "2)"), None);
    }
}
