//! Prompts pasted with the code: `>>> ` and `... ` of Python, `In [1]: ` and `   ...: ` of IPython.

use super::{cleanup, lines::Line};

/// Takes Python's prompts from all lines where there is one, but not within triple-quoted texts, where an example
/// may stand.
pub(super) fn strip_classic(source: &str, lines: &mut [Line]) {
    if !lines
        .iter()
        .any(|line| python_prompt(line.text(source), ">>>").is_some())
    {
        return strip_continuations(source, lines);
    }
    let quoted = quoted_lines(source, lines);
    let is_prompt =
        |(line, quoted): (&Line, &bool)| !quoted && python_prompt(line.text(source), ">>>").is_some();
    if !lines.iter().zip(&quoted).any(is_prompt) {
        return;
    }
    let mut start = 0;
    for segment in quoted.chunk_by(|left, right| left == right) {
        let lines = &mut lines[start..start + segment.len()];
        start += segment.len();
        if !segment[0] && strip_segment(source, lines) {
            cleanup::dedent(source, lines);
        }
    }
}

/// IPython 8 looks at the second line too.
fn strip_continuations(source: &str, lines: &mut [Line]) {
    let strict = |text: &str| {
        python_prompt(text, "...").filter(|length| matches!(length, 4) || text.trim_end() == "...")
    };
    if lines
        .get(1)
        .is_some_and(|line| strict(line.text(source)).is_some())
    {
        for line in lines {
            line.start += strict(line.text(source)).map_or(0, |length| length);
        }
    }
}

fn strip_segment(source: &str, lines: &mut [Line]) -> bool {
    let mut stripped = false;
    for line in lines {
        if let Some(length) = any_python_prompt(line.text(source)) {
            line.start += length;
            stripped = true;
        }
    }
    stripped
}

fn any_python_prompt(text: &str) -> Option<usize> {
    python_prompt(text, ">>>").or_else(|| python_prompt(text, "..."))
}

/// Length of the prompt that the text begins with, white space around it included.
fn python_prompt(text: &str, prompt: &str) -> Option<usize> {
    let rest = text.trim_start().strip_prefix(prompt)?;
    let space = rest.starts_with([' ', '\t']);
    Some(text.len() - rest.len() + usize::from(space))
}

/// Which lines lie within a triple-quoted text that is to be kept as it is. IPython's own heuristic.
fn quoted_lines(source: &str, lines: &[Line]) -> Vec<bool> {
    let mut open: Option<&str> = None;
    let mut keeps = false;
    let mut seen_prompt = false;
    let mut quoted = Vec::with_capacity(lines.len());
    for line in lines {
        let text = line.text(source);
        let mut is_quoted = open.is_some() && keeps;
        for (offset, quote) in triple_quotes(text) {
            if open.is_none() {
                open = Some(quote);
                keeps = keeps_prompts(&text[..offset], seen_prompt);
                is_quoted = keeps;
            } else if open == Some(quote) {
                open = None;
                keeps = false;
            }
        }
        quoted.push(is_quoted);
        seen_prompt |= python_prompt(text, ">>>").is_some();
    }
    quoted
}

/// Whether the text that opens after `before` is a text by itself, and not one in pasted code.
fn keeps_prompts(before: &str, seen_prompt: bool) -> bool {
    let after_prompt = &before[python_prompt(before, ">>>").unwrap_or(0)..];
    let bare = &after_prompt[python_prompt(after_prompt, "...").unwrap_or(0)..];
    let had_prompt = bare.len() != before.len();
    let is_prefix = bare
        .trim()
        .chars()
        .all(|letter| matches!(letter.to_ascii_lowercase(), 'r' | 'u' | 'b' | 'f'));
    !(had_prompt && seen_prompt) && is_prefix
}

/// Offsets of `"""` and `'''` that no backslash precedes.
fn triple_quotes(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut position = 0;
    while let Some(step) = memchr::memchr2(b'"', b'\'', &text.as_bytes()[position..]) {
        position += step;
        let quote = text
            .get(position..position + 3)
            .filter(|quote| matches!(*quote, "\"\"\"" | "'''"));
        let escaped = position > 0 && text.as_bytes()[position - 1] == b'\\';
        if let Some(quote) = quote.filter(|_| !escaped) {
            found.push((position, quote));
            position += 3;
        } else {
            position += 1;
        }
    }
    found
}

/// Takes IPython's prompts from all lines where the first or the second has one.
pub(super) fn strip_ipython(source: &str, lines: &mut [Line]) {
    if lines
        .iter()
        .take(2)
        .any(|line| ipython_prompt(line.text(source)).is_some())
    {
        for line in lines {
            line.start += ipython_prompt(line.text(source)).unwrap_or(0);
        }
    }
}

fn ipython_prompt(text: &str) -> Option<usize> {
    let rest = input_prompt(text).or_else(|| continuation_prompt(text))?;
    Some(text.len() - rest.len())
}

/// `In [1]: `, in vi mode with `[nav] ` or `[ins] ` before it.
fn input_prompt(text: &str) -> Option<&str> {
    let vi = text
        .strip_prefix("[nav]")
        .or_else(|| text.strip_prefix("[ins]"))
        .unwrap_or(text);
    let rest = vi.strip_prefix(' ').unwrap_or(text).strip_prefix("In [")?;
    let digits = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
    if digits.len() == rest.len() {
        None
    } else {
        digits.strip_prefix("]: ")
    }
}

/// `   ...: `.
fn continuation_prompt(text: &str) -> Option<&str> {
    let dots = text.trim_start();
    let rest = dots.trim_start_matches('.');
    let rest = if dots.len() - rest.len() >= 3 {
        rest.strip_prefix(':')?
    } else {
        return None;
    };
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}
