//! Stored outputs, under nbformat 4's names whatever the file's format: read when asked for, and written in the shape
//! of the file's own format.

use serde_json::{Map, Value, json};

use crate::json;

/// One output of a code cell. Texts over many lines are joined.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// What was written to stdout or stderr.
    Stream {
        /// `stdout` or `stderr`.
        name: String,
        /// What.
        text: String,
    },
    /// Something shown while the cell ran.
    DisplayData {
        /// By MIME type.
        data: Map<String, Value>,
        /// Of the data.
        metadata: Map<String, Value>,
    },
    /// The value of the cell's last expression.
    ExecuteResult {
        /// By MIME type.
        data: Map<String, Value>,
        /// Of the data.
        metadata: Map<String, Value>,
        /// The `n` of `Out[n]`.
        execution_count: Option<u32>,
    },
    /// An exception.
    Error {
        /// Its class.
        ename: String,
        /// What it says.
        evalue: String,
        /// As shown, with ANSI colours.
        traceback: Vec<String>,
    },
    /// Something that is none of these.
    Unknown(Value),
}

/// The outputs in a raw list.
pub(crate) fn parse(raw: &str, format: (u32, u32)) -> Vec<Output> {
    let items = json::items(raw).map_or_else(
        // What only Python accepts makes the list unreadable as it stands.
        || match json::value(raw) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        |items| {
            items
                .into_iter()
                .map(|raw| json::value(raw).unwrap_or_default())
                .collect()
        },
    );
    let read = if format.0 >= 4 { from_current } else { from_old };
    items
        .into_iter()
        .map(|value| read(&value).unwrap_or(Output::Unknown(value)))
        .collect()
}

fn from_current(value: &Value) -> Option<Output> {
    let metadata = || object(value.get("metadata"));
    let data = || Some(value.get("data")?.as_object()?.iter().map(joined_entry).collect());
    Some(match value.get("output_type")?.as_str()? {
        "stream" => Output::Stream {
            name: value.get("name")?.as_str()?.to_owned(),
            text: joined(value.get("text")?)?,
        },
        "display_data" => Output::DisplayData {
            data: data()?,
            metadata: metadata(),
        },
        "execute_result" => Output::ExecuteResult {
            data: data()?,
            metadata: metadata(),
            execution_count: count(value.get("execution_count")),
        },
        "error" => error(value)?,
        _ => return None,
    })
}

fn error(value: &Value) -> Option<Output> {
    let lines = value.get("traceback")?.as_array()?;
    Some(Output::Error {
        ename: value.get("ename")?.as_str()?.to_owned(),
        evalue: value.get("evalue")?.as_str()?.to_owned(),
        traceback: lines
            .iter()
            .map(|line| Some(line.as_str()?.to_owned()))
            .collect::<Option<_>>()?,
    })
}

/// nbformat 3 wrote MIME types by short names, beside the other members.
const SHORT_NAMES: [(&str, &str); 8] = [
    ("text", "text/plain"),
    ("html", "text/html"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpeg", "image/jpeg"),
    ("latex", "text/latex"),
    ("json", "application/json"),
    ("javascript", "application/javascript"),
];

fn from_old(value: &Value) -> Option<Output> {
    let metadata = || object(value.get("metadata"));
    Some(match value.get("output_type")?.as_str()? {
        "stream" => Output::Stream {
            name: value
                .get("stream")
                .map_or(Some("stdout"), Value::as_str)?
                .to_owned(),
            text: joined(value.get("text")?)?,
        },
        "display_data" => Output::DisplayData {
            data: old_data(value)?,
            metadata: metadata(),
        },
        "pyout" => Output::ExecuteResult {
            data: old_data(value)?,
            metadata: metadata(),
            execution_count: count(value.get("prompt_number")),
        },
        "pyerr" => error(value)?,
        _ => return None,
    })
}

fn old_data(value: &Value) -> Option<Map<String, Value>> {
    let members = value.as_object()?.iter();
    let data =
        members.filter(|(key, _)| !matches!(key.as_str(), "output_type" | "prompt_number" | "metadata"));
    let long = |key: &String| {
        SHORT_NAMES
            .iter()
            .find(|(short, _)| short == key)
            .map_or(key.clone(), |(_, long)| (*long).to_owned())
    };
    Some(
        data.map(|(key, value)| joined_entry((&long(key), value)))
            .map(parsed_json)
            .collect(),
    )
}

/// nbformat 3 wrote JSON as a text.
fn parsed_json((mime, value): (String, Value)) -> (String, Value) {
    let parsed = match &value {
        Value::String(text) if mime == "application/json" => json::value(text),
        _ => None,
    };
    (mime, parsed.unwrap_or(value))
}

fn object(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn count(value: Option<&Value>) -> Option<u32> {
    u32::try_from(value?.as_u64()?).ok()
}

/// A text, or a list of texts.
fn joined(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => lines.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn joined_entry((mime, value): (&String, &Value)) -> (String, Value) {
    let text = if is_json(mime) {
        None
    } else {
        joined(value).map(Value::String)
    };
    (mime.clone(), text.unwrap_or_else(|| value.clone()))
}

/// A type whose lists are lists, not lines.
fn is_json(mime: &str) -> bool {
    mime == "application/json" || (mime.starts_with("application/") && mime.ends_with("+json"))
}

/// The output as the file's format writes it.
pub(crate) fn to_value(output: &Output, format: (u32, u32), lines: Lines) -> Value {
    if format.0 >= 4 {
        to_current(output, lines)
    } else {
        to_old(output, lines)
    }
}

/// How a file writes texts of many lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// A list of lines.
    List,
    /// One text.
    Joined,
}

impl Lines {
    /// The text in this way.
    pub(crate) fn value(self, text: &str) -> Value {
        match self {
            Self::List => text.split_inclusive('\n').map(Value::from).collect(),
            Self::Joined => Value::from(text),
        }
    }

    /// Pictures are not text: they stay whole.
    fn entry(self, (mime, value): (&String, &Value)) -> (String, Value) {
        let is_text =
            mime.starts_with("text/") || matches!(mime.as_str(), "application/javascript" | "image/svg+xml");
        let value = match value {
            Value::String(text) if is_text => self.value(text),
            // The format has only text there; a notebook that shows something else is still to be a notebook.
            other if !other.is_string() && !is_json(mime) => Value::String(other.to_string()),
            other => other.clone(),
        };
        (mime.clone(), value)
    }
}

fn to_current(output: &Output, lines: Lines) -> Value {
    let bundle =
        |data: &Map<String, Value>| data.iter().map(|entry| lines.entry(entry)).collect::<Map<_, _>>();
    match output {
        Output::Stream { name, text } => {
            json!({"name": name, "output_type": "stream", "text": lines.value(text)})
        }
        Output::DisplayData { data, metadata } => {
            json!({"data": bundle(data), "metadata": metadata, "output_type": "display_data"})
        }
        Output::ExecuteResult {
            data,
            metadata,
            execution_count,
        } => json!({
            "data": bundle(data),
            "execution_count": execution_count,
            "metadata": metadata,
            "output_type": "execute_result",
        }),
        Output::Error {
            ename,
            evalue,
            traceback,
        } => {
            json!({"ename": ename, "evalue": evalue, "output_type": "error", "traceback": traceback})
        }
        Output::Unknown(value) => value.clone(),
    }
}

fn to_old(output: &Output, lines: Lines) -> Value {
    match output {
        Output::Stream { name, text } => {
            json!({"output_type": "stream", "stream": name, "text": lines.value(text)})
        }
        Output::DisplayData { data, metadata } => {
            old_bundle(data, metadata, &[("output_type", json!("display_data"))], lines)
        }
        Output::ExecuteResult {
            data,
            metadata,
            execution_count,
        } => {
            let members = [
                ("output_type", json!("pyout")),
                ("prompt_number", json!(execution_count)),
            ];
            old_bundle(data, metadata, &members, lines)
        }
        Output::Error {
            ename,
            evalue,
            traceback,
        } => {
            json!({"ename": ename, "evalue": evalue, "output_type": "pyerr", "traceback": traceback})
        }
        Output::Unknown(value) => value.clone(),
    }
}

fn old_bundle(
    data: &Map<String, Value>,
    metadata: &Map<String, Value>,
    members: &[(&str, Value)],
    lines: Lines,
) -> Value {
    let mut bundle: Map<String, Value> = data.iter().map(|entry| old_entry(entry, lines)).collect();
    bundle.insert("metadata".to_owned(), Value::Object(metadata.clone()));
    bundle.extend(
        members
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone())),
    );
    Value::Object(bundle)
}

fn old_entry((mime, value): (&String, &Value), lines: Lines) -> (String, Value) {
    let short = SHORT_NAMES
        .iter()
        .find(|(_, long)| long == mime)
        .map_or(mime.as_str(), |(short, _)| *short);
    let value = if mime == "application/json" {
        lines.value(&value.to_string())
    } else {
        lines.entry((mime, value)).1
    };
    (short.to_owned(), value)
}
