//! The outputs of one cell against those of another: by stream and by MIME type, each in its order. Between stdout and
//! stderr, and between MIME types, order means nothing: Jupyter does not keep it either.

use std::collections::BTreeMap;

use nbvet_notebook::Output;
use nbvet_report::DiffType;
use serde_json::{Map, Value};

use crate::{
    difference::{Difference, excerpt},
    html, image, json,
    masks::{Counts, Flavour, Mask, count},
    options::Options,
    text,
};

/// One output that differs.
#[derive(Debug)]
pub(crate) struct Differing {
    pub(crate) kind: DiffType,
    pub(crate) output: String,
    pub(crate) difference: Difference,
}

/// What there is to compare under one name.
#[derive(Debug, Clone)]
enum Content<'o> {
    /// A stream, all of it.
    Stream(String),
    /// A value under a MIME type.
    Data(&'o Value),
    /// An exception: its class and what it says. How the traceback looks means nothing.
    Error(&'o str, &'o str),
    /// An output of no known kind.
    Unknown(&'o Value),
}

/// By name: `stdout`, `text/html`, `error`.
type Contents<'o> = BTreeMap<&'o str, Vec<Content<'o>>>;

/// Everything that differs between the outputs of two cells.
pub(crate) fn compare(
    expected: &[Output],
    actual: &[Output],
    options: &Options,
    counts: &mut Counts,
) -> Vec<Differing> {
    let (expected, actual) = (
        contents(expected, options, counts),
        contents(actual, options, counts),
    );
    let mut found = Vec::new();
    let names: std::collections::BTreeSet<&str> = expected.keys().chain(actual.keys()).copied().collect();
    for name in names {
        let empty = Vec::new();
        let (wanted, given) = (
            expected.get(name).unwrap_or(&empty),
            actual.get(name).unwrap_or(&empty),
        );
        for position in 0..wanted.len().max(given.len()) {
            let several = wanted.len().max(given.len()) > 1;
            let output = if several {
                format!("{name} {}", position + 1)
            } else {
                name.to_owned()
            };
            found.extend(one(
                output,
                name,
                wanted.get(position),
                given.get(position),
                options,
                counts,
            ));
        }
    }
    leave_out_plain_twins(&mut found);
    found
}

/// The text of a table or a picture that differs differs too, and says less.
fn leave_out_plain_twins(found: &mut Vec<Differing>) {
    let rich: Vec<String> = found
        .iter()
        .filter_map(|one| {
            one.output
                .strip_prefix("text/html")
                .map(|rest| format!("text/plain{rest}"))
        })
        .collect();
    found.retain(|one| !rich.contains(&one.output));
}

fn one(
    output: String,
    name: &str,
    wanted: Option<&Content<'_>>,
    given: Option<&Content<'_>>,
    options: &Options,
    counts: &mut Counts,
) -> Option<Differing> {
    let (kind, difference) = match (wanted, given) {
        (Some(wanted), Some(given)) => (DiffType::Content, differs(name, wanted, given, options, counts)?),
        (Some(wanted), None) => (DiffType::MissingOutput, alone(wanted, '-', options)),
        (None, Some(given)) => (DiffType::ExtraOutput, alone(given, '+', options)),
        (None, None) => return None,
    };
    Some(Differing {
        kind,
        output,
        difference,
    })
}

fn contents<'o>(outputs: &'o [Output], options: &Options, counts: &mut Counts) -> Contents<'o> {
    let mut contents = Contents::new();
    for output in outputs {
        match output {
            Output::Stream { name, text } => {
                if options.ignores("stream", name) {
                    continue;
                }
                match contents.entry(name).or_default().first_mut() {
                    Some(Content::Stream(before)) => before.push_str(text),
                    _ => contents
                        .entry(name)
                        .or_default()
                        .push(Content::Stream(text.clone())),
                }
            }
            Output::DisplayData { data, .. } => bundle(data, "display_data", &mut contents, options, counts),
            Output::ExecuteResult { data, .. } => {
                bundle(data, "execute_result", &mut contents, options, counts);
            }
            Output::Error { ename, evalue, .. } => {
                if !options.ignores("error", "error") {
                    contents
                        .entry("error")
                        .or_default()
                        .push(Content::Error(ename, evalue));
                }
            }
            Output::Unknown(value) => contents
                .entry("unknown")
                .or_default()
                .push(Content::Unknown(value)),
        }
    }
    // An empty stream is none.
    contents.retain(|_, all| {
        !all.iter()
            .all(|one| matches!(one, Content::Stream(text) if text.is_empty()))
    });
    contents
}

fn bundle<'o>(
    data: &'o Map<String, Value>,
    output_type: &str,
    contents: &mut Contents<'o>,
    options: &Options,
    counts: &mut Counts,
) {
    for (mime, value) in data {
        if options.ignores(output_type, mime) {
            continue;
        }
        if !options.is_exact() && mime.starts_with("application/vnd.jupyter.widget-") {
            count(counts, Mask::WidgetModels, 1);
            continue;
        }
        contents.entry(mime).or_default().push(Content::Data(value));
    }
}

fn differs(
    name: &str,
    wanted: &Content<'_>,
    given: &Content<'_>,
    options: &Options,
    counts: &mut Counts,
) -> Option<Difference> {
    match (wanted, given) {
        (Content::Stream(wanted), Content::Stream(given)) => {
            text::compare(wanted, given, Flavour::Plain, options, counts)
        }
        (Content::Error(wanted, wanted_value), Content::Error(given, given_value)) => {
            let (wanted, given) = (
                format!("{wanted}: {wanted_value}"),
                format!("{given}: {given_value}"),
            );
            text::compare(&wanted, &given, Flavour::Plain, options, counts)
        }
        (Content::Data(Value::String(wanted)), Content::Data(Value::String(given))) => match name {
            "text/html" | "image/svg+xml" => html::compare(wanted, given, options, counts),
            _ if name.starts_with("image/") || name == "application/pdf" => {
                image::compare(wanted, given, options, counts)
            }
            "text/plain" | "text/markdown" | "text/latex" => {
                text::compare(wanted, given, Flavour::Plain, options, counts)
            }
            _ => text::compare(wanted, given, Flavour::Markup, options, counts),
        },
        (
            Content::Data(wanted) | Content::Unknown(wanted),
            Content::Data(given) | Content::Unknown(given),
        ) => json::compare(wanted, given, options, counts),
        (wanted, given) => {
            let (expected, actual) = (first_line(wanted, options), first_line(given, options));
            Some(Difference {
                diff: format!("- {expected}\n+ {actual}\n"),
                expected: Some(expected),
                actual: Some(actual),
                ..Difference::default()
            })
        }
    }
}

/// An output that only one of the sides has.
fn alone(content: &Content<'_>, sign: char, options: &Options) -> Difference {
    let line = first_line(content, options);
    let diff = format!("{sign} {line}\n");
    let (expected, actual) = if sign == '-' {
        (Some(line), None)
    } else {
        (None, Some(line))
    };
    Difference {
        expected,
        actual,
        diff,
        ..Difference::default()
    }
}

fn first_line(content: &Content<'_>, options: &Options) -> String {
    match content {
        Content::Stream(text) | Content::Data(Value::String(text)) => {
            let text = text.trim_start();
            let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            if text.len() > 200 && text.bytes().take(200).all(is_code) {
                format!("{} characters of base64", text.len())
            } else {
                excerpt(text, options)
            }
        }
        Content::Data(value) | Content::Unknown(value) => excerpt(&value.to_string(), options),
        Content::Error(name, value) => excerpt(&format!("{name}: {value}"), options),
    }
}
