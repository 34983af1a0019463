//! Cells that are a shell script: `%%bash`, `%%sh`.

use std::ops::Range;

use nbvet_engine::ParsedCell;

/// The script of a cell.
pub(crate) struct Script<'a> {
    source: &'a str,
    arguments: &'a str,
    is_bash: bool,
    magic: Range<usize>,
    /// Where it begins, in bytes of the cell's source.
    pub(crate) body_start: usize,
}

/// A command of a script, with the lines that continue it.
pub(crate) struct Line {
    /// Without comments and line ends.
    pub(crate) text: String,
    /// Where it stands, in bytes of the cell's source.
    pub(crate) span: Range<usize>,
    /// Within `if`, `for`, `while`, `case` or a function.
    pub(crate) in_block: bool,
}

/// The script of a `%%bash` or `%%sh` cell.
pub(crate) fn of_cell<'a>(cell: &'a ParsedCell<'a>) -> Option<Script<'a>> {
    let (magic, body_start) = cell.foreign()?;
    if !matches!(magic.name.as_str(), "bash" | "sh") {
        return None;
    }
    Some(Script {
        source: cell.cell.source.as_str(),
        arguments: magic.arguments.as_str(),
        is_bash: magic.name.as_str() == "bash",
        magic: magic.span.clone(),
        body_start,
    })
}

impl Script<'_> {
    /// The line of the magic.
    pub(crate) fn magic_line(&self) -> Range<usize> {
        self.magic.clone()
    }

    /// A run tells of each command that fails: bash can, on Linux.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_bash && cfg!(target_os = "linux")
    }

    /// `set -e` in any of its forms, `-e` for the shell itself, or a trap for errors; also where IPython is told not
    /// to raise, or to let the script run in the background.
    pub(crate) fn stops_at_errors(&self) -> bool {
        let told = self
            .arguments
            .split_whitespace()
            .any(|word| matches!(word, "--no-raise-error" | "--bg") || is_option_with_e(word));
        let body = self.source.get(self.body_start..).unwrap_or_default();
        let sets = |line: &str| {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("set") => words.any(|word| is_option_with_e(word) || word == "errexit"),
                Some("trap") => words.any(|word| word == "ERR"),
                _ => line.starts_with("#!") && line.split_whitespace().any(is_option_with_e),
            }
        };
        told || body.lines().any(|line| sets(line.trim()))
    }

    /// It looks at the status of a command: `if [ $? -ne 0 ]`.
    pub(crate) fn asks_for_status(&self) -> bool {
        self.source.contains("$?")
    }

    /// Its commands, in order; what is within a here-document is none.
    pub(crate) fn commands(&self) -> Vec<Line> {
        let mut found: Vec<Line> = Vec::new();
        let (mut depth, mut document, mut open) = (0usize, None::<String>, false);
        let mut start = self.body_start;
        for raw in self
            .source
            .get(self.body_start..)
            .unwrap_or_default()
            .split_inclusive('\n')
        {
            let span = start..start + raw.trim_end().len();
            start += raw.len();
            let line = raw.trim();
            if let Some(end) = &document {
                if line == end {
                    document = None;
                }
                continue;
            }
            let line = without_comment(line);
            if line.is_empty() {
                open = false;
                continue;
            }
            let first = line
                .split(|c: char| c.is_whitespace() || c == ';')
                .next()
                .unwrap_or_default();
            let closes = matches!(first, "fi" | "done" | "esac" | "}");
            depth = depth.saturating_sub(usize::from(closes));
            let continues = line.ends_with('\\') || line.ends_with('|') || line.ends_with("&&");
            match found.last_mut().filter(|_| open) {
                Some(last) => {
                    last.text = format!("{} {}", last.text.trim_end_matches('\\').trim_end(), line);
                    last.span.end = span.end;
                }
                None if !closes && !is_word_of_a_block(first) => found.push(Line {
                    text: line.to_owned(),
                    span: span.start + (raw.len() - raw.trim_start().len())..span.end,
                    in_block: depth > 0 || is_opening(first),
                }),
                None => {}
            }
            let whole = line.contains("; fi") || line.contains("; done") || line.ends_with('}');
            depth += usize::from((is_opening(first) || line.ends_with('{')) && !whole);
            open = continues;
            document = here_document(line);
        }
        found
    }
}

fn is_option_with_e(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|letters| {
        letters.len() < 8 && letters.contains('e') && letters.chars().all(char::is_alphabetic)
    })
}

fn is_opening(word: &str) -> bool {
    matches!(word, "if" | "for" | "while" | "until" | "case" | "function")
}

fn is_word_of_a_block(word: &str) -> bool {
    matches!(word, "then" | "else" | "elif" | "do" | "{" | "}" | ")" | "(")
}

fn without_comment(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    line.split(" #").next().unwrap_or(line).trim_end()
}

/// The word that ends a here-document which this line begins.
fn here_document(line: &str) -> Option<String> {
    let (_, after) = line.split_once("<<")?;
    let word = after.trim_start_matches(['-', ' ']).split_whitespace().next()?;
    let word = word.trim_matches(['\'', '"', '\\']);
    (!word.is_empty() && !after.starts_with('<')).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(body: &str) -> Vec<(String, bool)> {
        let script = Script {
            source: body,
            arguments: "",
            is_bash: true,
            magic: 0..0,
            body_start: 0,
        };
        script
            .commands()
            .into_iter()
            .map(|line| (line.text, line.in_block))
            .collect()
    }

    #[test]
    fn lines_that_go_on_are_one_command() {
        let found = commands("curl -L \\\n  -o a.zip\nunzip a.zip &&\n rm a.zip # done\n");
        let texts: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["curl -L -o a.zip", "unzip a.zip && rm a.zip"]);
    }

    #[test]
    fn here_documents_are_no_commands_and_blocks_are_known() {
        let found = commands("cat > a <<EOF\nrm x\nEOF\nfor i in 1 2; do\n  make $i\ndone\necho end\n");
        let wanted = [
            ("cat > a <<EOF", false),
            ("for i in 1 2; do", true),
            ("make $i", true),
            ("echo end", false),
        ];
        assert_eq!(found, wanted.map(|(text, in_block)| (text.to_owned(), in_block)));
    }

    #[test]
    fn options_that_stop_at_errors_are_known_in_their_forms() {
        for (arguments, body) in [
            ("-e", ""),
            ("", "set -euo pipefail"),
            ("", "set -o errexit"),
            ("", "trap 'exit 1' ERR"),
            ("--no-raise-error", ""),
        ] {
            let script = Script {
                is_bash: true,
                source: body,
                arguments,
                magic: 0..0,
                body_start: 0,
            };
            assert!(script.stops_at_errors(), "{arguments} {body}");
        }
    }
}
