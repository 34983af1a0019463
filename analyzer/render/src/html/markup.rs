//! HTML that is well formed and escaped by its making: a text becomes [`Markup`] only through [`text`], an attribute
//! only through [`tag`]. What the sanitizer returns and the page's own words are the two ways around it.

use std::fmt::Write as _;

use crate::harmless_block;

/// A piece of HTML in which every tag is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Markup(String);

/// Attributes of a tag, in their order.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// Any text, harmless and escaped.
pub(super) fn text(any: &str) -> Markup {
    Markup(escaped(&harmless_block(any)))
}

/// A sentence of rules or hosts: what stands between backticks is code.
pub(super) fn prose(any: &str) -> Markup {
    let parts: Vec<&str> = any.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return text(any);
    }
    let pieces = parts
        .iter()
        .enumerate()
        .map(|(position, part)| match position % 2 {
            0 => text(part),
            _ => tag("code", &[], text(part)),
        });
    pieces.collect()
}

/// Several lines of prose: a paragraph each, and what is indented as code.
pub(super) fn paragraphs(any: &str) -> Markup {
    let mut out = Markup::default();
    let mut code: Vec<&str> = Vec::new();
    let flush = |code: &mut Vec<&str>, out: &mut Markup| {
        if !code.is_empty() {
            out.push(tag("pre", &[("class", "sample")], text(&code.join("\n"))));
            code.clear();
        }
    };
    for line in any.lines() {
        if let Some(line) = line.strip_prefix("    ") {
            code.push(line);
        } else if !line.trim().is_empty() {
            flush(&mut code, &mut out);
            out.push(tag("p", &[], prose(line)));
        }
    }
    flush(&mut code, &mut out);
    out
}

/// A tag with its end.
#[expect(clippy::needless_pass_by_value, reason = "a piece has one place")]
pub(super) fn tag(name: &'static str, attributes: Attributes<'_>, inner: Markup) -> Markup {
    let mut out = opened(name, attributes);
    out += &inner.0;
    out += "</";
    out += name;
    out.push('>');
    Markup(out)
}

/// A tag that never has an end: `img`, `meta`, `hr`.
pub(super) fn void_tag(name: &'static str, attributes: Attributes<'_>) -> Markup {
    Markup(opened(name, attributes))
}

fn opened(name: &'static str, attributes: Attributes<'_>) -> String {
    let mut out = format!("<{name}");
    for (name, value) in attributes {
        let _ = write!(out, " {name}=\"{}\"", escaped(value));
    }
    out.push('>');
    out
}

/// A link within the page.
pub(super) fn link(anchor: &str, inner: Markup) -> Markup {
    tag("a", &[("href", &format!("#{anchor}"))], inner)
}

pub(super) fn escaped(any: &str) -> String {
    let mut out = String::with_capacity(any.len() + any.len() / 8);
    for c in any.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // HTML knows no such character.
            '\0' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

impl Markup {
    /// HTML of the page itself, or that the sanitizer has made.
    pub(super) fn trusted(html: impl Into<String>) -> Self {
        Self(html.into())
    }

    #[expect(clippy::needless_pass_by_value, reason = "a piece has one place")]
    pub(super) fn push(&mut self, more: Self) {
        self.0 += &more.0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl FromIterator<Markup> for Markup {
    fn from_iter<I: IntoIterator<Item = Self>>(pieces: I) -> Self {
        let mut out = Self::default();
        for piece in pieces {
            out.push(piece);
        }
        out
    }
}

impl<const N: usize> From<[Markup; N]> for Markup {
    fn from(pieces: [Markup; N]) -> Self {
        pieces.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markup: Markup, html: &str) {
        assert_eq!(markup.into_string(), html);
    }

    #[test]
    fn no_text_and_no_attribute_leaves_its_place() {
        check(
            tag("p", &[("title", "\"><script>'")], text("</p>&\u{1b}[2J\u{202e}")),
            "<p title=\"&quot;&gt;&lt;script&gt;&#39;\">&lt;/p&gt;&amp;␛[2J\u{fffd}</p>",
        );
    }

    #[test]
    fn backticks_make_code_where_they_come_in_pairs() {
        check(prose("`a<b` is"), "<code>a&lt;b</code> is");
        check(prose("one ` alone"), "one ` alone");
    }

    #[test]
    fn indented_lines_of_a_help_are_code() {
        check(
            paragraphs("write:\n    a = 1\n    b\nor not"),
            "<p>write:</p><pre class=\"sample\">a = 1\nb</pre><p>or not</p>",
        );
    }
}
