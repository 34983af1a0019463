//! What a cell put out. The richest form that needs no script is shown, pictures as part of the page; nothing of it
//! runs, and what is too large is cut and said.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use nbvet_notebook::Output;
use serde_json::{Map, Value};

use super::{
    ansi,
    code::{beginning, bytes, remark},
    markup::{Markup, tag, text, void_tag},
    rich,
};

/// Bytes of a text's beginning and of its end that are shown.
const HEAD: usize = 40_000;
const TAIL: usize = 20_000;
/// Bytes of a picture, as they stand in the page.
const MOST_PICTURE: usize = 3_000_000;
/// Outputs of one cell.
const MOST_OUTPUTS: usize = 200;
/// Lines from which on a text scrolls in a box of its own.
const LONG: usize = 30;

/// What outputs may still take of the page.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Room {
    pub(super) const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// The markup, or a word in its place where the page is full.
    pub(super) fn admit(&mut self, markup: Markup) -> Markup {
        match self.0.checked_sub(markup.len()) {
            Some(left) => {
                self.0 = left;
                markup
            }
            None => remark("Left out: the page is full."),
        }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.0 < HEAD + TAIL
    }
}

/// All outputs of a cell, in order.
pub(super) fn outputs(outputs: &[Output], room: &mut Room) -> Markup {
    let mut out = Markup::default();
    for output in outputs.iter().take(MOST_OUTPUTS) {
        if room.is_full() {
            out.push(remark("Further outputs are left out: the page is full."));
            return out;
        }
        out.push(room.admit(one(output)));
    }
    if outputs.len() > MOST_OUTPUTS {
        let left = outputs.len() - MOST_OUTPUTS;
        out.push(remark(&format!("{left} more outputs are not shown.")));
    }
    out
}

fn one(output: &Output) -> Markup {
    match output {
        Output::Stream { name, text } if name == "stderr" => terminal(text, "out stderr", "stderr"),
        Output::Stream { text, .. } => terminal(text, "out stdout", "stdout"),
        Output::DisplayData { data, .. } | Output::ExecuteResult { data, .. } => bundle(data),
        Output::Error {
            ename,
            evalue,
            traceback,
        } => {
            let told = traceback.join("\n");
            let told = if told.trim().is_empty() {
                format!("{ename}: {evalue}")
            } else {
                told
            };
            terminal(&told, "out raised", "traceback")
        }
        Output::Unknown(_) => remark("An output of a kind that is not known is left out."),
    }
}

/// Text as a terminal shows it. What is long is cut in its middle, and scrolls.
pub(super) fn terminal(any: &str, class: &str, name: &str) -> Markup {
    let (head, cut, tail) = cut_in_the_middle(any);
    let mut inner = ansi::coloured(head);
    if cut > 0 {
        let said = format!("\n… {} cut …\n", bytes(cut));
        inner.push(tag("i", &[("class", "cut")], text(&said)));
        inner.push(ansi::coloured(tail));
    }
    let block = tag("pre", &[], inner);
    let lines = head.lines().count() + tail.lines().count();
    if lines <= LONG {
        return tag("div", &[("class", class)], block);
    }
    let class = format!("{class} long");
    let label = format!("{name}, {lines} lines");
    let attributes = [
        ("class", class.as_str()),
        ("tabindex", "0"),
        ("role", "group"),
        ("aria-label", &label),
    ];
    tag("div", &attributes, block)
}

fn cut_in_the_middle(any: &str) -> (&str, usize, &str) {
    if any.len() <= HEAD + TAIL {
        return (any, 0, "");
    }
    let head = beginning(any, HEAD);
    let tail = &any[any.ceil_char_boundary(any.len() - TAIL)..];
    (head, any.len() - head.len() - tail.len(), tail)
}

/// The forms in which a result was given: the richest that can be shown.
fn bundle(data: &Map<String, Value>) -> Markup {
    let is_script =
        |mime: &String| mime.ends_with("javascript") || mime.contains("widget") || mime.contains("+json");
    let mut lost = data.keys().any(is_script);
    let form = |mime: &str| data.get(mime).and_then(Value::as_str);
    let mut shown = None;
    for (mime, convert) in [
        ("text/html", rich::html as fn(&str) -> rich::Sanitized),
        ("text/markdown", rich::markdown),
    ] {
        let Some(sanitized) = form(mime).map(convert).filter(|_| shown.is_none()) else {
            continue;
        };
        lost |= sanitized.lost_active;
        if !sanitized.markup.is_empty() {
            let mut block = tag("div", &[("class", "out rich")], sanitized.markup);
            if sanitized.cut > 0 {
                block.push(remark(&format!(
                    "Cut: {} more are not shown.",
                    bytes(sanitized.cut)
                )));
            }
            shown = Some(block);
        }
    }
    let shown = shown
        .or_else(|| picture(data))
        .or_else(|| form("text/latex").map(|any| terminal(any, "out result", "formula")))
        .or_else(|| form("text/plain").map(|any| terminal(any, "out result", "result")))
        .or_else(|| other(data));
    let mut block = shown.unwrap_or_default();
    if lost {
        block.push(remark(
            "This output has parts that act, such as scripts or widgets: they are left out, nothing of a notebook runs in this page.",
        ));
    } else if block.is_empty() {
        block = remark("An output without any form that can be shown is left out.");
    }
    block
}

/// A picture within the page, where its bytes are what its type says.
fn picture(data: &Map<String, Value>) -> Option<Markup> {
    let alt = data
        .get("text/plain")
        .and_then(Value::as_str)
        .map_or("picture", |any| beginning(any, 200));
    let vector = data.get("image/svg+xml").and_then(Value::as_str).map(|svg| {
        if svg.len() > MOST_PICTURE {
            return too_large(svg.len());
        }
        image("image/svg+xml", &STANDARD.encode(svg), alt)
    });
    vector.or_else(|| PICTURES.iter().find_map(|kind| raster(data, kind, alt)))
}

/// A type, and what its bytes begin with.
const PICTURES: [(&str, &[&[u8]]); 4] = [
    ("image/png", &[b"\x89PNG\r\n\x1a\n"]),
    ("image/jpeg", &[b"\xff\xd8\xff"]),
    ("image/gif", &[b"GIF87a", b"GIF89a"]),
    ("image/webp", &[b"RIFF"]),
];

fn raster(data: &Map<String, Value>, (mime, magic): &(&str, &[&[u8]]), alt: &str) -> Option<Markup> {
    let stored = data.get(*mime)?.as_str()?;
    if stored.len() > MOST_PICTURE {
        return Some(too_large(stored.len()));
    }
    let packed: String = stored.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let is_picture = STANDARD
        .decode(&packed)
        .is_ok_and(|decoded| magic.iter().any(|magic| decoded.starts_with(magic)));
    Some(if is_picture {
        image(mime, &packed, alt)
    } else {
        remark(&format!("An output that says it is {mime} is none."))
    })
}

fn image(mime: &str, base64: &str, alt: &str) -> Markup {
    let source = format!("data:{mime};base64,{base64}");
    let picture = void_tag("img", &[("src", &source), ("alt", alt)]);
    tag("div", &[("class", "out picture")], picture)
}

fn too_large(size: usize) -> Markup {
    remark(&format!("A picture of {} is left out.", bytes(size)))
}

/// JSON and unknown types: the first of them, as text.
fn other(data: &Map<String, Value>) -> Option<Markup> {
    let (mime, value) = data.iter().next()?;
    let told = match value {
        Value::String(told) => told.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    let label = tag("p", &[("class", "remark")], text(mime));
    Some(Markup::from([label, terminal(&told, "out result", "result")]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(data: &Value) -> String {
        let output = Output::DisplayData {
            data: data.as_object().cloned().unwrap_or_default(),
            metadata: Map::new(),
        };
        outputs(&[output], &mut Room::new(10_000_000)).into_string()
    }

    #[test]
    fn the_richest_form_that_needs_no_script_is_shown() {
        let table = shown(&json!({"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "one"}));
        assert!(table.contains("<td>1</td>") && !table.contains("one"), "{table}");
        let plot = shown(&json!({"text/html": "<div><script>draw()</script></div>", "text/plain": "Figure"}));
        assert!(
            plot.contains("<pre>Figure</pre>") && plot.contains("parts that act"),
            "{plot}"
        );
        let script = shown(&json!({"application/javascript": "alert(1)"}));
        assert!(script.contains("parts that act"), "{script}");
    }

    #[test]
    fn a_picture_is_one_by_its_bytes_and_not_by_its_word() {
        let png = STANDARD.encode(b"\x89PNG\r\n\x1a\nrest");
        let split = format!("{}\n{}", &png[..8], &png[8..]);
        let good = shown(&json!({"image/png": split, "text/plain": "<Figure \"1\">"}));
        assert_eq!(
            good,
            format!(
                "<div class=\"out picture\"><img src=\"data:image/png;base64,{png}\" alt=\"&lt;Figure &quot;1&quot;&gt;\"></div>"
            )
        );
        for forged in ["\" onerror=\"x()", "PHNjcmlwdD4=", ""] {
            let told = shown(&json!({"image/png": forged}));
            assert_eq!(
                told,
                "<p class=\"remark\">An output that says it is image/png is none.</p>"
            );
        }
    }

    #[test]
    fn a_vector_picture_is_an_image_which_runs_nothing() {
        let told = shown(&json!({"image/svg+xml": "<svg onload=\"x()\"/>"}));
        assert!(
            told.contains("<img src=\"data:image/svg+xml;base64,PHN2Z"),
            "{told}"
        );
    }

    #[test]
    fn a_hundred_megabytes_are_cut_and_said() {
        let stream = Output::Stream {
            name: "stdout".to_owned(),
            text: "x\n".repeat(50_000_000),
        };
        let told = outputs(&[stream], &mut Room::new(10_000_000)).into_string();
        assert!(
            told.len() < 100_000 && told.contains("… 99.9 MB cut …"),
            "{}",
            told.len()
        );
    }

    #[test]
    fn a_full_page_says_what_is_missing() {
        let stream = Output::Stream {
            name: "stdout".to_owned(),
            text: "x".repeat(30_000),
        };
        let told = outputs(&vec![stream; 9], &mut Room::new(100_000)).into_string();
        assert_eq!(told.matches("<pre>").count(), 2);
        assert!(told.ends_with("the page is full.</p>"), "{told}");
    }
}
