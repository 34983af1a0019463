//! Which names magics bind, and which magics may bind any. What a magic does is taken from IPython's documentation
//! of its built-in magics and from that of the kernels named.

use ruff_python_ast::{IpyEscapeKind, visitor::Visitor};
use ruff_text_size::TextRange;

use super::flow::Flow;
use crate::beside;

/// Line magics of IPython, ipykernel and common extensions that bind no name of the notebook.
const HARMLESS_LINE_MAGICS: &[&str] = &[
    "alias",
    "alias_magic",
    "autoawait",
    "autocall",
    "automagic",
    "autoreload",
    "aimport",
    "bookmark",
    "cat",
    "cd",
    "clear",
    "colors",
    "conda",
    "config",
    "connect_info",
    "cp",
    "debug",
    "dhist",
    "dirs",
    "doctest_mode",
    "ed",
    "edit",
    "env",
    "gui",
    "hist",
    "history",
    "inline",
    "killbgscripts",
    "ldir",
    "less",
    "lf",
    "lk",
    "ll",
    // Puts a file's text into the cell for its author to run.
    "load",
    "load_ext",
    "logoff",
    "logon",
    "logstart",
    "logstate",
    "logstop",
    "lprun",
    "ls",
    "lsmagic",
    "lx",
    "magic",
    "mamba",
    "man",
    "matplotlib",
    "memit",
    "micromamba",
    "mkdir",
    "more",
    "mprun",
    "mv",
    "notebook",
    "page",
    "pastebin",
    "pdb",
    "pdef",
    "pdoc",
    "pfile",
    "pinfo",
    "pinfo2",
    "pip",
    "popd",
    "pprint",
    "precision",
    "prun",
    "psearch",
    "psource",
    "pushd",
    "pwd",
    "pycat",
    "qtconsole",
    "quickref",
    "recall",
    "rehashx",
    "reload_ext",
    "rerun",
    "reset_selective",
    "rm",
    "rmdir",
    "save",
    "sc",
    "set_env",
    "sx",
    "system",
    "tb",
    "tensorboard",
    "time",
    "timeit",
    "unalias",
    "unload_ext",
    "uv",
    "watermark",
    "who",
    "who_ls",
    "whos",
    "writefile",
    "xdel",
    "xmode",
];

/// Cell magics whose body is not Python and that bind nothing unless an option says so.
const HARMLESS_CELL_MAGICS: &[&str] = &[
    "!",
    "HTML",
    "SVG",
    "bash",
    "cmd",
    "file",
    "html",
    "javascript",
    "js",
    "latex",
    "markdown",
    "perl",
    "python2",
    "ruby",
    "script",
    "sh",
    "svg",
    "sx",
    "system",
    "writefile",
    "R",
    "bigquery",
    "sql",
    "mermaid",
];

/// The first line of a Python-bodied cell: `%%capture name` and its like.
pub(super) fn cell_magic<'a>(flow: &mut Flow<'a, '_>, name: &str, arguments: &'a str) {
    match name {
        "capture" => bind_first_word(flow, arguments),
        "time" | "timeit" | "prun" | "debug" => {}
        _ => flow.env.open = true,
    }
}

/// A cell in another language.
pub(super) fn foreign_cell<'a>(flow: &mut Flow<'a, '_>, name: &str, arguments: &'a str) {
    match name {
        "bigquery" => bind_first_word(flow, arguments),
        "bash" | "sh" | "script" | "perl" | "ruby" | "cmd" => {
            bind_options(flow, arguments, &["--out", "--err", "--proc"]);
        }
        "R" => bind_options(flow, arguments, &["-o", "--output"]),
        "sql" => bind_sql(flow, arguments),
        _ if HARMLESS_CELL_MAGICS.contains(&name) => {}
        _ => flow.env.open = true,
    }
}

/// `!command`, `%magic`, `name?`, as a statement or on the right of `=`.
pub(super) fn escape<'a>(flow: &mut Flow<'a, '_>, kind: IpyEscapeKind, value: &'a str, range: TextRange) {
    match kind {
        IpyEscapeKind::Magic => line_magic(flow, value, Some(range)),
        // Below the first line there is no such magic: the cell stops here.
        IpyEscapeKind::Magic2
        | IpyEscapeKind::Shell
        | IpyEscapeKind::ShCap
        | IpyEscapeKind::Help
        | IpyEscapeKind::Help2
        | IpyEscapeKind::Quote
        | IpyEscapeKind::Quote2
        | IpyEscapeKind::Paren => {}
    }
}

/// A line magic without its `%`. `range`: where its line stands, to find the code within it.
pub(super) fn line_magic<'a>(flow: &mut Flow<'a, '_>, line: &'a str, range: Option<TextRange>) {
    let line = line.trim_start();
    let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match name {
        "time" | "timeit" | "prun" | "memit" | "mprun" | "lprun" => run_embedded(flow, name, range),
        "capture" => bind_first_word(flow, arguments),
        "store" => restore(flow, arguments),
        "sql" => bind_sql(flow, arguments),
        "run" => run_file(flow, arguments, range),
        "reset" => flow.env.open = true,
        _ if HARMLESS_LINE_MAGICS.contains(&name) => {}
        _ => flow.env.open = true,
    }
}

/// The code of `%time f(x)`: `%time` runs it in the notebook's namespace, the others leave nothing behind.
fn run_embedded(flow: &mut Flow<'_, '_>, name: &str, range: Option<TextRange>) {
    let body = range.and_then(|range| flow.model.cell(flow.cell).embedded(range.start()));
    let Some(body) = body else {
        flow.env.open |= name == "time" && range.is_some();
        return;
    };
    if name == "time" {
        flow.visit_body(body);
    } else {
        let mark = flow.env.mark();
        flow.visit_body(body);
        flow.env.rewind(&mark);
    }
}

/// `%run helpers.ipynb` binds what that file binds, where it could be read, else perhaps anything.
fn run_file(flow: &mut Flow<'_, '_>, arguments: &str, range: Option<TextRange>) {
    let parsed = flow.model.parsed();
    let exports = beside::run_target(arguments).and_then(|file| parsed.exports(&file));
    flow.env.open |= exports.is_none_or(|exports| exports.open);
    for name in exports.into_iter().flat_map(|exports| &exports.names) {
        flow.bind_by_magic(name, range.unwrap_or_default());
    }
}

fn bind_first_word<'a>(flow: &mut Flow<'a, '_>, arguments: &'a str) {
    if let Some(word) = arguments.split_whitespace().find(|word| !word.starts_with('-')) {
        bind_word(flow, word);
    }
}

/// `%store -r a b` binds names, and without any all that were ever stored; without `-r` it binds nothing.
fn restore<'a>(flow: &mut Flow<'a, '_>, arguments: &'a str) {
    if !arguments.split_whitespace().any(|word| word == "-r") {
        return;
    }
    let mut names = arguments
        .split_whitespace()
        .filter(|word| *word != "-r")
        .peekable();
    flow.env.open |= names.peek().is_none();
    names.for_each(|name| bind_word(flow, name));
}

/// `--out name` and `--out=name`.
fn bind_options<'a>(flow: &mut Flow<'a, '_>, arguments: &'a str, options: &[&str]) {
    let mut words = arguments.split_whitespace();
    while let Some(word) = words.next() {
        let (option, value) = word
            .split_once('=')
            .map_or((word, None), |(option, value)| (option, Some(value)));
        if options.contains(&option)
            && let Some(names) = value.or_else(|| words.next())
        {
            names.split(',').for_each(|name| bind_word(flow, name));
        }
    }
}

/// `%sql name << SELECT …`.
fn bind_sql<'a>(flow: &mut Flow<'a, '_>, arguments: &'a str) {
    let mut words = arguments.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if words.peek() == Some(&"<<") {
            bind_word(flow, word);
        }
    }
}

fn bind_word<'a>(flow: &mut Flow<'a, '_>, word: &'a str) {
    let mut characters = word.chars();
    let starts = characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_');
    if starts && characters.all(|character| character.is_alphanumeric() || character == '_') {
        flow.bind_by_magic(word, TextRange::default());
    }
}
