//! A rule's page for a terminal: headings, code and inline code set off by colour. Only what those pages use.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

const HEADING: Style = Style::new().bold();
const CODE: Style = AnsiColor::Cyan.on_default();
const RULE: Style = Style::new().dimmed();

/// The page with colours, its paragraphs wrapped to `width`; without the colours it is still readable.
pub(crate) fn page(markdown: &str, width: usize) -> String {
    let mut out = String::new();
    let mut paragraph = String::new();
    let mut fenced = false;
    for line in markdown.lines() {
        let fence = line.trim_start().strip_prefix("```");
        let text = fence.is_none() && !fenced && !line.trim().is_empty() && !line.starts_with('#');
        if !text || line.starts_with("- ") {
            flush(&mut out, &mut paragraph, width);
        }
        if let Some(info) = fence {
            fenced = !fenced;
            let title = info.trim();
            if fenced && !title.is_empty() {
                let _ = writeln!(out, "    {RULE}{title}:{RULE:#}");
            }
        } else if fenced {
            let _ = writeln!(out, "    {}", coloured(CODE, line));
        } else if line.starts_with('#') {
            let _ = writeln!(out, "{}", coloured(HEADING, line.trim_start_matches('#').trim()));
        } else if text {
            paragraph += if paragraph.is_empty() { "" } else { " " };
            paragraph += line.trim();
        } else {
            out.push('\n');
        }
    }
    flush(&mut out, &mut paragraph, width);
    out
}

/// Ends a paragraph: breaks it between words, then colours the inline code. Code that is broken over two lines
/// stays plain.
fn flush(out: &mut String, paragraph: &mut String, width: usize) {
    let mut line = String::new();
    for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            let _ = writeln!(out, "{}", inline(&line));
            line.clear();
        }
        line += if line.is_empty() { "" } else { " " };
        line += word;
    }
    if !line.is_empty() {
        let _ = writeln!(out, "{}", inline(&line));
    }
    paragraph.clear();
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
        let markdown =
            "Says `x` is.\n\n# Why\nan ` alone\nthat is long\n- item\n```python bad\nx = 1\n\n```\n";
        let plain = anstream::adapter::strip_str(&page(markdown, 14)).to_string();
        assert_eq!(
            plain,
            "Says `x` is.\n\nWhy\nan ` alone\nthat is long\n- item\n    python bad:\n    x = 1\n    \n"
        );
    }
}
