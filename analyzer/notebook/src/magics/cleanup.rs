//! What IPython takes from the beginnings of a cell's lines before anything else: empty lines, indentation, prompts.

use super::{lines::Line, prompts};

/// Cleans the lines; gives the number of empty ones at their beginning.
pub(super) fn clean(source: &str, lines: &mut [Line]) -> usize {
    let empty = lines.iter().take_while(|line| line.is_blank(source)).count();
    let lines = &mut lines[empty..];
    dedent(source, lines);
    strip_first_indent(source, lines);
    prompts::strip_classic(source, lines);
    prompts::strip_ipython(source, lines);
    empty
}

/// `textwrap.dedent`: what all lines that are not blank begin with. IPython 9.
pub(super) fn dedent(source: &str, lines: &mut [Line]) {
    let mut common: Option<&str> = None;
    for line in lines.iter().filter(|line| !line.is_blank(source)) {
        let own = indentation(line.text(source));
        common = Some(common.map_or(own, |common| shared(common, own)));
        if common == Some("") {
            return;
        }
    }
    take(source, lines, common.unwrap_or_default());
}

/// The first line's indentation, from every line that begins with it. IPython 8.
fn strip_first_indent(source: &str, lines: &mut [Line]) {
    let Some(first) = lines.first() else { return };
    let indent = indentation(first.text(source));
    take(source, lines, indent);
}

fn take(source: &str, lines: &mut [Line], indent: &str) {
    if indent.is_empty() {
        return;
    }
    for line in lines
        .iter_mut()
        .filter(|line| line.text(source).starts_with(indent))
    {
        line.start += indent.len();
    }
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn shared<'a>(left: &'a str, right: &str) -> &'a str {
    let length = left
        .bytes()
        .zip(right.bytes())
        .take_while(|(left, right)| left == right)
        .count();
    &left[..length]
}
