//! Markup that a notebook wrote (HTML outputs, text cells), as markup that can do nothing: ammonia keeps the tags of
//! text and tables and takes away scripts, styles, forms, frames, addresses of pictures and names of ours.

use std::{borrow::Cow, sync::OnceLock};

use ammonia::Builder;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{
    code,
    markup::{Markup, escaped, text},
};
use crate::harmless_block;

/// Bytes of one piece that are looked at.
const MOST_BYTES: usize = 300_000;
/// Tags that may be open at once: who nests deeper wants to find out what breaks.
const DEEPEST: usize = 100;

const TAGS: &[&str] = &[
    "a",
    "abbr",
    "b",
    "bdi",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Whose content is no text for people.
const WITH_CONTENT: &[&str] = &[
    "script", "style", "title", "template", "iframe", "noscript", "noembed", "noframes", "object", "svg",
    "math",
];

/// Attributes of any tag, by what they may hold.
const NUMBERS: &[&str] = &["colspan", "rowspan", "span", "start"];

/// A text that was taken in, and what had to stay outside.
#[derive(Debug, Default)]
pub(super) struct Sanitized {
    /// Empty where nothing that can be seen is left.
    pub(super) markup: Markup,
    /// The notebook's markup had parts that act, such as scripts.
    pub(super) lost_active: bool,
    /// Bytes that were cut off.
    pub(super) cut: usize,
}

/// HTML of an output.
pub(super) fn html(any: &str) -> Sanitized {
    let shown = code::beginning(any, MOST_BYTES);
    let lost_active = has_active_parts(shown);
    let cut = any.len() - shown.len();
    let clean = sanitizer()
        .clean(&harmless_block(&not_too_deep(shown)))
        .to_string();
    Sanitized {
        markup: if is_visible(&clean) {
            Markup::trusted(clean)
        } else {
            Markup::default()
        },
        lost_active,
        cut,
    }
}

/// Markdown of a text cell or an output; its headings stand below those of the page.
pub(super) fn markdown(any: &str) -> Sanitized {
    let shown = code::beginning(any, MOST_BYTES);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut made = String::new();
    pulldown_cmark::html::push_html(&mut made, Parser::new_ext(shown, options).map(lower_heading));
    let mut sanitized = html(&made);
    sanitized.lost_active = has_active_parts(shown);
    sanitized.cut += any.len() - shown.len();
    sanitized
}

/// A rule's own page: ours, so its code may have colours.
pub(super) fn rule_page(markdown: &str) -> Markup {
    let mut out = Markup::default();
    let mut prose = Vec::new();
    let mut fenced: Option<(String, String)> = None;
    let flush = |prose: &mut Vec<Event<'_>>, out: &mut Markup| {
        let mut made = String::new();
        pulldown_cmark::html::push_html(&mut made, prose.drain(..));
        out.push(Markup::trusted(sanitizer().clean(&made).to_string()));
    };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match (event, &mut fenced) {
            (Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))), _) => {
                flush(&mut prose, &mut out);
                fenced = Some((info.into_string(), String::new()));
            }
            (Event::Text(more), Some((_, code))) => code.push_str(&more),
            (Event::End(TagEnd::CodeBlock), Some((info, source))) => {
                out.push(example(info, source));
                fenced = None;
            }
            (event, _) => prose.push(lower_heading(event)),
        }
    }
    flush(&mut prose, &mut out);
    out
}

/// `python bad`, and what is bad.
fn example(info: &str, source: &str) -> Markup {
    let (class, word) = if info.ends_with("bad") {
        ("sample bad", "Reported")
    } else if info.ends_with("good") {
        ("sample good", "Not reported")
    } else {
        return code::plain(source.trim_end(), "sample");
    };
    Markup::from([
        super::markup::tag("p", &[("class", "sample-name")], text(word)),
        code::plain(source.trim_end(), class),
    ])
}

fn lower_heading(event: Event<'_>) -> Event<'_> {
    let lower = |level| match level {
        HeadingLevel::H1 => HeadingLevel::H4,
        HeadingLevel::H2 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    };
    match event {
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: lower(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        other => other,
    }
}

/// Whether anything is left to see: text, a picture or a line.
fn is_visible(clean: &str) -> bool {
    let mut in_tag = false;
    clean.contains("<img") || clean.contains("<hr") || {
        clean.chars().any(|c| {
            match c {
                '<' => in_tag = true,
                '>' if in_tag => in_tag = false,
                c if !in_tag && !c.is_whitespace() => return true,
                _ => {}
            }
            false
        })
    }
}

/// Parts that a notebook shows by acting. Looked for in the text as it is: it is said, and decides nothing.
fn has_active_parts(any: &str) -> bool {
    const ACTIVE: &[&str] = &[
        "<script",
        "<iframe",
        "<object",
        "<embed",
        "<form",
        "<video",
        "<audio",
        "<canvas",
        "<input",
        "javascript:",
        "onerror",
        "onload",
        "onclick",
    ];
    let lower = any.to_ascii_lowercase();
    ACTIVE.iter().any(|part| lower.contains(part))
}

/// Markup whose tags nest deeper than anybody's is shown as the text that it is.
fn not_too_deep(any: &str) -> Cow<'_, str> {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    for (at, _) in any.match_indices('<') {
        match any.as_bytes().get(at + 1) {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(c) if c.is_ascii_alphabetic() && !is_void(&any[at + 1..]) => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            _ => {}
        }
    }
    if deepest > DEEPEST {
        Cow::Owned(escaped(any))
    } else {
        Cow::Borrowed(any)
    }
}

/// Tags that nobody closes do not nest.
fn is_void(name: &str) -> bool {
    const VOID: &[&str] = &[
        "br", "hr", "img", "col", "input", "meta", "link", "p", "li", "td", "th", "tr", "wbr",
    ];
    let end = name
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(name.len());
    VOID.iter().any(|void| name[..end].eq_ignore_ascii_case(void))
}

fn sanitizer() -> &'static Builder<'static> {
    static SANITIZER: OnceLock<Builder<'static>> = OnceLock::new();
    SANITIZER.get_or_init(|| {
        let mut builder = Builder::empty();
        builder
            .tags(TAGS.iter().copied().collect())
            .clean_content_tags(WITH_CONTENT.iter().copied().collect())
            .generic_attributes(
                NUMBERS
                    .iter()
                    .copied()
                    .chain(["title", "alt", "scope", "align"])
                    .collect(),
            )
            .add_tag_attributes("a", ["href"])
            .add_tag_attributes("img", ["src"])
            .add_tag_attributes("details", ["open"])
            .add_allowed_classes("table", ["dataframe"])
            .url_schemes(["http", "https", "mailto", "data"].into_iter().collect())
            .url_relative(ammonia::UrlRelative::Deny)
            .link_rel(Some("noopener noreferrer nofollow"))
            .attribute_filter(|tag, name, value| allowed(tag, name, value).then_some(Cow::Borrowed(value)));
        builder
    })
}

/// A picture is in the page or not there; a link may lead to where a person who clicks wants to go.
fn allowed(tag: &str, name: &str, value: &str) -> bool {
    const PICTURES: &[&str] = &["png", "jpeg", "gif", "webp", "svg+xml"];
    let lower = value.trim_start().to_ascii_lowercase();
    match (tag, name) {
        ("img", "src") => PICTURES
            .iter()
            .any(|kind| lower.starts_with(&format!("data:image/{kind};base64,"))),
        (_, "href") => ["http://", "https://", "mailto:"]
            .iter()
            .any(|scheme| lower.starts_with(scheme)),
        (_, name) if NUMBERS.contains(&name) => value.len() <= 4 && value.chars().all(|c| c.is_ascii_digit()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn check(hostile: &str, clean: &str) {
        assert_eq!(html(hostile).markup.into_string(), clean);
    }

    #[test]
    fn a_table_of_pandas_stays_a_table() {
        check(
            "<div>\n<style scoped>\n .dataframe td {color: red}\n</style>\n<table border=\"1\" class=\"dataframe\">\
             <thead><tr style=\"text-align: right;\"><th></th><th>a</th></tr></thead></table>\n</div>",
            "<div>\n\n<table class=\"dataframe\"><thead><tr><th></th><th>a</th></tr></thead></table>\n</div>",
        );
    }

    #[test]
    fn what_acts_is_taken_away() {
        check("<script>document.title='x'</script>", "");
        check(
            "<b onclick=\"x()\" id=\"n0\" class=\"skip\" style=\"position:fixed\">b</b>",
            "<b>b</b>",
        );
        check("<img src=x onerror=alert(1)>", "<img>");
        check(
            "<img src=\"https://example.org/a.png\" alt=\"a\">",
            "<img alt=\"a\">",
        );
        check(
            "<a href=\"javascript:alert(1)\">a</a>",
            "<a rel=\"noopener noreferrer nofollow\">a</a>",
        );
        check(
            "<a href=\"/logout\">a</a>",
            "<a rel=\"noopener noreferrer nofollow\">a</a>",
        );
        check(
            "<iframe srcdoc=\"<p>x\"></iframe><meta http-equiv=refresh content=0><base href=//x>",
            "",
        );
        check("<svg><script>1</script><a xlink:href=\"javascript:1\"></svg>", "");
        check("<form action=//x><input name=a><button>go</button></form>", "go");
    }

    #[test]
    fn markup_that_would_close_ours_is_closed_itself() {
        check("</div></main></body><b>x", "<b>x</b>");
        check("<!-- <p>", "");
        check(
            "<table><tr><td>a",
            "<table><tbody><tr><td>a</td></tr></tbody></table>",
        );
        check(
            "<p title='\"><script>'>a",
            "<p title=\"&quot;&gt;&lt;script&gt;\">a</p>",
        );
    }

    #[test]
    fn what_was_left_out_is_known() {
        assert!(html("<DIV><Script>1</Script>x</DIV>").lost_active);
        assert!(!html("<div>x</div>").lost_active);
        assert_eq!(html(&"x".repeat(MOST_BYTES + 7)).cut, 7);
    }

    #[test]
    fn text_cells_become_markup_below_the_pages_headings() {
        assert_eq!(
            markdown("# A <script>1</script>\n\n|a|\n|-|\n|`1`|\n\n![x](http://example.org/x.png)")
                .markup
                .into_string(),
            "<h4>A </h4>\n<table><thead><tr><th>a</th></tr></thead><tbody>\n<tr><td><code>1</code></td></tr>\n</tbody></table>\n\
             <p><img alt=\"x\"></p>\n"
        );
    }

    #[test]
    fn a_rules_page_has_its_examples() {
        let page = rule_page("Says.\n\n## Why\n\n```python bad\nx = 1\n```\n").into_string();
        assert_eq!(
            page,
            "<p>Says.</p>\n<h5>Why</h5>\n<p class=\"sample-name\">Reported</p><pre class=\"sample bad\"><code>x = \
             <span class=\"tn\">1</span></code></pre>"
        );
    }

    #[test]
    fn markup_made_to_be_slow_is_not() {
        let since = Instant::now();
        for unit in [
            "<b>",
            "<a href=x>",
            "<table>",
            "<div",
            "<font><p>",
            "</p>",
            "<table><b>",
            "&#",
            "<!--",
            "[",
            "*a_",
            "> ",
        ] {
            // A quarter: without optimisation the whole takes a minute on a slow machine, all of it linear.
            let hostile = unit.repeat(MOST_BYTES / 4 / unit.len());
            html(&hostile);
            markdown(&hostile);
        }
        assert!(since.elapsed() < Duration::from_mins(1), "{:?}", since.elapsed());
    }
}
