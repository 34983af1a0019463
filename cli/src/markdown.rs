//! A rule's page for a terminal: headings, code and inline code set off by colour. Only what those pages use.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

const HEADING: Style = Style::new().bold();
const CODE: Style = AnsiColor::Cyan.on_default();
const RULE: Style = Style::new().dimmed();

/// The page with colours; without them it is still readable.
pub(crate) fn page(markdown: &str) -> String {
    let mut out = String::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            fenced = !fenced;
            let title = info.trim();
            if fenced && !title.is_empty() {
                let _ = writeln!(out, "    {RULE}{title}:{RULE:#}");
            }
        } else if fenced {
            let _ = writeln!(out, "    {}", coloured(CODE, line));
        } else if line.starts_with('#') {
            let _ = writeln!(out, "{}", coloured(HEADING, line.trim_start_matches('#').trim()));
        } else {
            let _ = writeln!(out, "{}", inline(line));
        }
    }
    out
}

fn coloured(style: Style, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{style}{text}{style:#}")
    }
}

/// Colours what stands between backticks, and keeps them: without colours they still say "code".
fn inline(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let last = parts.len() - 1;
    let mut out = String::new();
    for (index, part) in parts.iter().enumerate() {
        let closed = index % 2 == 1 && index < last;
        if closed {
            let _ = write!(out, "{CODE}`{part}`{CODE:#}");
        } else {
            out.push_str(if index % 2 == 1 { "`" } else { "" });
            out.push_str(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_readable_without_colours() {
        let text = page("Says `x` is.\n\n# Why\nan ` alone\n```python bad\nx = 1\n\n```\n");
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            plain,
            "Says `x` is.\n\nWhy\nan ` alone\n    python bad:\n    x = 1\n    \n"
        );
    }
}
