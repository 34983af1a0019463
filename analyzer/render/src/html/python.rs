//! Python's words by kind, for colours. Takes any text, broken code and IPython's lines too, in one pass; where it is
//! wrong a word has the wrong colour and nothing else.

use std::ops::Range;

/// A word's kind; text that is none of these has no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Comment,
    String,
    Number,
    Keyword,
    Constant,
    Builtin,
    Definition,
    Decorator,
    Magic,
}

impl Kind {
    /// The class in the style sheet.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Comment => "tc",
            Self::String => "ts",
            Self::Number => "tn",
            Self::Keyword => "tk",
            Self::Constant => "to",
            Self::Builtin => "tb",
            Self::Definition => "td",
            Self::Decorator => "te",
            Self::Magic => "tm",
        }
    }
}

const KEYWORDS: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not",
    "or", "pass", "raise", "return", "try", "while", "with", "yield",
];
const CONSTANTS: &[&str] = &["False", "None", "True", "self", "cls"];
const BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "bool",
    "bytes",
    "dict",
    "display",
    "enumerate",
    "filter",
    "float",
    "frozenset",
    "getattr",
    "hasattr",
    "int",
    "isinstance",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "object",
    "open",
    "print",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "sorted",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "zip",
];
/// Cell magics whose cell is Python.
const PYTHON_MAGICS: &[&str] = &[
    "%%time",
    "%%timeit",
    "%%capture",
    "%%prun",
    "%%python",
    "%%python3",
];

/// The words of a cell's code that have a colour, in order.
pub(super) fn words(source: &str) -> Vec<(Range<usize>, Kind)> {
    let mut lexer = Lexer {
        source,
        at: 0,
        defines: false,
        line_start: true,
        found: Vec::new(),
    };
    let first = source.trim_start();
    if first.starts_with("%%") {
        let line_end = |from: usize| source[from..].find('\n').map_or(source.len(), |end| from + end);
        let start = source.len() - first.len();
        let name = first.split_whitespace().next().unwrap_or_default();
        lexer.found.push((start..line_end(start), Kind::Magic));
        if !PYTHON_MAGICS.contains(&name) {
            return lexer.found;
        }
        lexer.at = line_end(start);
    }
    while lexer.at < source.len() {
        lexer.step();
    }
    lexer.found
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    /// The word before was `def` or `class`.
    defines: bool,
    /// Nothing but blanks before in this line.
    line_start: bool,
    found: Vec<(Range<usize>, Kind)>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = &self.source[self.at..];
        let Some(c) = rest.chars().next() else { return };
        let line_start = self.line_start;
        self.line_start = c == '\n' || (line_start && c.is_whitespace());
        match c {
            '#' => self.take(line(rest), Some(Kind::Comment)),
            '%' | '!' | '?' if line_start => self.take(line(rest), Some(Kind::Magic)),
            '@' if line_start => {
                let name = |c: char| c == '.' || is_name(c);
                self.take(1 + run(&rest[1..], name), Some(Kind::Decorator));
            }
            '"' | '\'' => self.take(string(rest), Some(Kind::String)),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                self.take(number(rest), Some(Kind::Number));
            }
            '.' => self.take(1 + run(&rest[1..], is_name), None),
            _ if c.is_ascii_digit() => self.take(number(rest), Some(Kind::Number)),
            _ if is_name(c) => self.name(rest),
            _ => self.take(c.len_utf8(), None),
        }
    }

    fn name(&mut self, rest: &str) {
        let length = run(rest, is_name);
        let (word, after) = rest.split_at(length);
        let is_prefix = length <= 2 && word.chars().all(|c| "rRbBuUfFtT".contains(c));
        if is_prefix && after.starts_with(['"', '\'']) {
            self.take(length + string(after), Some(Kind::String));
            return;
        }
        let kind = if self.defines {
            Some(Kind::Definition)
        } else if KEYWORDS.contains(&word) {
            Some(Kind::Keyword)
        } else if CONSTANTS.contains(&word) {
            Some(Kind::Constant)
        } else {
            BUILTINS.contains(&word).then_some(Kind::Builtin)
        };
        self.defines = matches!(word, "def" | "class");
        self.take(length, kind);
    }

    fn take(&mut self, length: usize, kind: Option<Kind>) {
        let end = self.at + length;
        if let Some(kind) = kind {
            self.found.push((self.at..end, kind));
        }
        self.at = end;
    }
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Bytes of the longest beginning made of such characters.
fn run(rest: &str, mut is: impl FnMut(char) -> bool) -> usize {
    rest.find(|c| !is(c)).unwrap_or(rest.len())
}

fn line(rest: &str) -> usize {
    run(rest, |c| c != '\n')
}

fn number(rest: &str) -> usize {
    let mut last = ' ';
    run(rest, |c| {
        let is_exponent = matches!(last, 'e' | 'E') && matches!(c, '+' | '-');
        last = c;
        c == '.' || is_name(c) || is_exponent
    })
}

/// A string from its first quote to its last; one that is never closed ends with its line, or with the text.
fn string(rest: &str) -> usize {
    let quote = &rest[..1];
    let long = rest.starts_with(&quote.repeat(3));
    let end = if long { quote.repeat(3) } else { quote.to_owned() };
    let mut at = end.len();
    while let Some(c) = rest[at..].chars().next() {
        if rest[at..].starts_with(&end) {
            return at + end.len();
        }
        if c == '\n' && !long {
            return at;
        }
        at += c.len_utf8();
        if c == '\\' {
            at += rest[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[(&str, Kind)]) {
        let found = words(source);
        let shown: Vec<_> = found
            .iter()
            .map(|(at, kind)| (&source[at.clone()], *kind))
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn words_have_their_kinds() {
        check(
            "@a.b\nasync def f(x):\n    return 1.5e-3 + len(rb'\\'#') # end",
            &[
                ("@a.b", Kind::Decorator),
                ("async", Kind::Keyword),
                ("def", Kind::Keyword),
                ("f", Kind::Definition),
                ("return", Kind::Keyword),
                ("1.5e-3", Kind::Number),
                ("len", Kind::Builtin),
                ("rb'\\'#'", Kind::String),
                ("# end", Kind::Comment),
            ],
        );
    }

    #[test]
    fn an_attribute_is_no_keyword_and_no_builtin() {
        check("a.max().print", &[]);
    }

    #[test]
    fn magics_are_told_apart_from_operators() {
        check(
            "%time x\n!ls | wc\na %b",
            &[("%time x", Kind::Magic), ("!ls | wc", Kind::Magic)],
        );
        check("%%bash\nfor x in *", &[("%%bash", Kind::Magic)]);
        check(
            "%%time\nNone",
            &[("%%time", Kind::Magic), ("None", Kind::Constant)],
        );
    }

    #[test]
    fn broken_code_ends_nothing_but_itself() {
        check("x = 'open\nif", &[("'open", Kind::String), ("if", Kind::Keyword)]);
        check("'''a\nb", &[("'''a\nb", Kind::String)]);
        check("'\\", &[("'\\", Kind::String)]);
        check("é = \u{1f600}\0", &[]);
    }
}
