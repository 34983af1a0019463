//! Finds `pip install` within shell command lines, and what is asked for. Pure text: knows no environment.

use std::ops::Range;

/// One request to install, within a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Where it stands.
    pub(crate) range: Range<usize>,
    /// What is asked for.
    pub(crate) wanted: Vec<Wanted>,
}

/// One thing asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A requirement, path or address, as written.
    Requirement(String),
    /// A file of requirements.
    File(String),
    /// A folder or address to install for editing.
    Editable(String),
}

/// Options of `pip install` that take their value as the next word.
const OPTIONS_WITH_VALUE: [&str; 38] = [
    "-c",
    "--constraint",
    "--build-constraint",
    "-i",
    "--index-url",
    "--pypi-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-t",
    "--target",
    "--platform",
    "--python-version",
    "--implementation",
    "--abi",
    "--root",
    "--prefix",
    "--src",
    "--upgrade-strategy",
    "-C",
    "--config-settings",
    "--global-option",
    "--no-binary",
    "--only-binary",
    "--progress-bar",
    "--root-user-action",
    "--report",
    "--group",
    "--log",
    "--proxy",
    "--retries",
    "--timeout",
    "--exists-action",
    "--trusted-host",
    "--cert",
    "--client-cert",
    "--cache-dir",
    "--python",
];

/// The requests to install within a command line.
pub(crate) fn requests(line: &str) -> Vec<Request> {
    simple_commands(line)
        .into_iter()
        .filter_map(|range| {
            let wanted = wanted(&words(&line[range.clone()])?)?;
            Some(Request { range, wanted })
        })
        .collect()
}

/// What the words of one command ask for; `None` if it is no request to install.
pub(crate) fn wanted(words: &[String]) -> Option<Vec<Wanted>> {
    let mut words = words
        .iter()
        .map(String::as_str)
        .skip_while(|word| is_prefix(word))
        .peekable();
    let program = words.next()?.rsplit('/').next()?;
    let mut words: Vec<&str> = words.collect();
    if is_versioned(program, "python") {
        let module = words.iter().position(|word| *word == "-m")?;
        if words.get(module + 1) != Some(&"pip") || !words[..module].iter().all(|word| word.starts_with('-'))
        {
            return None;
        }
        words.drain(..module + 2);
    } else if program == "uv" {
        let pip = words.iter().position(|word| *word == "pip")?;
        words.drain(..=pip);
    } else if !is_versioned(program, "pip") {
        return None;
    }
    let install = words.iter().position(|word| !word.starts_with('-'))?;
    (words[install] == "install").then(|| arguments(&words[install + 1..]))
}

/// Environment assignments and words that only change how a command is run.
fn is_prefix(word: &str) -> bool {
    let assignment = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    assignment || matches!(word, "sudo" | "command" | "exec" | "time" | "-H" | "-E")
}

/// `pip`, `pip3`, `pip3.11`.
fn is_versioned(program: &str, name: &str) -> bool {
    program
        .strip_prefix(name)
        .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn arguments(words: &[&str]) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        if let Some((option, value)) = word
            .split_once('=')
            .filter(|(option, _)| option.starts_with("--"))
        {
            wanted.extend(valued(option, value));
        } else if matches!(word, "-r" | "--requirement" | "-e" | "--editable") {
            wanted.extend(words.next().and_then(|value| valued(word, value)));
        } else if OPTIONS_WITH_VALUE.contains(&word) {
            words.next();
        } else if let Some(file) = word.strip_prefix("-r").filter(|file| !file.is_empty()) {
            wanted.push(Wanted::File(file.to_owned()));
        } else if !word.starts_with('-') {
            wanted.push(Wanted::Requirement(word.to_owned()));
        }
    }
    wanted
}

fn valued(option: &str, value: &str) -> Option<Wanted> {
    match option {
        "-r" | "--requirement" => Some(Wanted::File(value.to_owned())),
        "-e" | "--editable" => Some(Wanted::Editable(value.to_owned())),
        _ => None,
    }
}

/// The words of a simple command, without its redirections and comment; `None` where the quotes do not close.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = shlex::split(command)?.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        let operator = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
        match operator.strip_prefix(['>', '<']) {
            // `> file`: the next word is the file. `>file` and `2>&1` hold it themselves.
            Some(target) if target.trim_start_matches('>').is_empty() => drop(words.next()),
            Some(_) => {}
            None => kept.push(word),
        }
    }
    Some(kept)
}

/// Where the simple commands of a line stand: between `&&`, `||`, `;`, `|`, `&` and line ends outside quotes.
fn simple_commands(line: &str) -> Vec<Range<usize>> {
    let bytes = line.as_bytes();
    let mut ranges = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            quote @ (b'\'' | b'"') => at = end_of_quote(bytes, at, quote),
            b';' | b'|' | b'\n' | b'(' | b')' | b'&' if !is_redirection(bytes, at) => {
                ranges.push(trimmed(line, start..at));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    ranges.push(trimmed(line, start.min(line.len())..line.len()));
    ranges.retain(|range| !range.is_empty());
    ranges
}

/// The `&` of `2>&1` and `&>file`. Parentheses within a quoted or expanded word do not matter here.
fn is_redirection(bytes: &[u8], at: usize) -> bool {
    bytes[at] == b'&'
        && (at.checked_sub(1).is_some_and(|before| bytes[before] == b'>') || bytes.get(at + 1) == Some(&b'>'))
}

fn end_of_quote(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' && quote == b'"' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

fn trimmed(line: &str, range: Range<usize>) -> Range<usize> {
    let text = &line[range.clone()];
    let start = range.start + (text.len() - text.trim_start().len());
    start..(start + text.trim().len())
}
