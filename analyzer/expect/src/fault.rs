//! What is wrong with something that an author wrote.

use std::fmt;

/// A fault with its place within what was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// The field: `expectedOutputs[2].minValue`; empty: the whole.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
    /// The word that nobody knows, where that is the fault.
    pub unknown: Option<String>,
    /// The words that are known in its place.
    pub known: Vec<String>,
}

impl Fault {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// The same fault, of a part of something.
    pub(crate) fn within(self, outer: &str) -> Self {
        let path = match &*self.path {
            "" => outer.to_owned(),
            inner => format!("{outer}.{inner}"),
        };
        Self { path, ..self }
    }

    /// What serde says, in words for people who do not know how it is made.
    pub(crate) fn of_serde(path: &str, message: &str) -> Self {
        let path = path
            .trim_start_matches('.')
            .trim_matches('?')
            .trim_end_matches('.');
        if let Some((name, rest)) = message
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split_once('`'))
        {
            // The path ends in the field itself, which is told by the message.
            let path = path
                .strip_suffix(name)
                .map_or(path, |path| path.trim_end_matches('.'));
            let known = quoted(rest);
            return Self {
                path: path.to_owned(),
                message: format!("there is no field `{name}`"),
                unknown: Some(name.to_owned()),
                known,
            };
        }
        if let Some((name, rest)) = message
            .strip_prefix("unknown variant `")
            .and_then(|rest| rest.split_once('`'))
        {
            let known = quoted(rest);
            return Self {
                path: path.to_owned(),
                message: format!("`{name}` is not known here; write {}", listed(&known)),
                unknown: Some(name.to_owned()),
                known,
            };
        }
        Self::new(path, plain(message))
    }
}

/// The words between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(ToOwned::to_owned)
        .collect()
}

fn listed(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

fn plain(message: &str) -> String {
    let wrong = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .and_then(|rest| rest.split_once(", expected "));
    let Some((found, wanted)) = wrong else {
        return message.to_owned();
    };
    let wanted = match wanted {
        "a boolean" => "`true` or `false`",
        "a string" => "text",
        "a sequence" => "a list",
        "a map" => "an object with fields",
        "u32" | "u64" => "a whole number that is not negative",
        "an array of length 2" | "fewer elements in array" => "a list of two numbers",
        other if other.starts_with("struct ") => "an object with fields",
        other => other,
    };
    format!("write {wanted} here, not {}", found.replace("null", "nothing"))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}
