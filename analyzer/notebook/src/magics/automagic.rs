//! Line magics without their `%`. IPython takes a cell of one line for one when its first word is a line magic, no
//! variable has that name, and it is no assignment. Variables are not known here: a line that reads as Python is
//! Python, but for a bare name that is hardly a variable.

use super::lines::Line;

/// Line magics of IPython 8 and 9 and of ipykernel, aliases such as `ls` among them.
const LINE_MAGICS: &[&str] = &[
    "alias",
    "alias_magic",
    "autoawait",
    "autocall",
    "automagic",
    "autosave",
    "bookmark",
    "cat",
    "cd",
    "clear",
    "code_wrap",
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
    "killbgscripts",
    "ldir",
    "less",
    "lf",
    "lk",
    "ll",
    "load",
    "load_ext",
    "loadpy",
    "logoff",
    "logon",
    "logstart",
    "logstate",
    "logstop",
    "ls",
    "lsmagic",
    "lx",
    "macro",
    "magic",
    "mamba",
    "man",
    "matplotlib",
    "micromamba",
    "mkdir",
    "more",
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
    "pylab",
    "qtconsole",
    "quickref",
    "recall",
    "rehashx",
    "reload_ext",
    "rep",
    "rerun",
    "reset",
    "reset_selective",
    "rm",
    "rmdir",
    "run",
    "save",
    "sc",
    "set_env",
    "subshell",
    "sx",
    "system",
    "tb",
    "time",
    "timeit",
    "unalias",
    "unload_ext",
    "uv",
    "who",
    "who_ls",
    "whos",
    "xdel",
    "xmode",
];

/// Those that make a likely name of a variable, or do nothing by themselves: alone in a cell they show the variable.
const LIKELY_VARIABLES: &[&str] = &[
    "alias",
    "cat",
    "clear",
    "code_wrap",
    "colors",
    "conda",
    "config",
    "cp",
    "debug",
    "ed",
    "edit",
    "env",
    "gui",
    "hist",
    "history",
    "less",
    "load",
    "macro",
    "magic",
    "man",
    "mkdir",
    "more",
    "mv",
    "notebook",
    "page",
    "precision",
    "recall",
    "rep",
    "reset",
    "rm",
    "run",
    "save",
    "sc",
    "subshell",
    "system",
    "tb",
    "time",
    "timeit",
    "uv",
];

pub(super) fn is_line_magic(name: &str) -> bool {
    LINE_MAGICS.binary_search(&name).is_ok()
}

/// The line magic that a cell's only line is, without the white space around it.
pub(super) fn command(source: &str, lines: &[Line]) -> Option<String> {
    let [line] = lines else { return None };
    let line = line.text(source).trim();
    let name_end = line.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '.' | '*')));
    let (name, rest) = line.split_at(name_end.unwrap_or(line.len()));
    let is_bare = rest.trim().is_empty() || rest.trim_start().starts_with('#');
    let is_python = if is_bare {
        LIKELY_VARIABLES.contains(&name)
    } else {
        reads_as_python(rest)
    };
    (is_line_magic(name) && !is_python).then(|| line.to_owned())
}

/// Whether the name followed by this is an expression or a statement of Python.
fn reads_as_python(rest: &str) -> bool {
    const WORDS: [&str; 8] = ["if", "in", "is", "and", "or", "not", "else", "for"];
    let arguments = rest.trim_start();
    let Some(first) = arguments.chars().next() else {
        return false;
    };
    if matches!(first, '=' | ',') || arguments.len() == rest.len() {
        return true;
    }
    if first.is_alphanumeric() || matches!(first, '_' | '"' | '\'' | '$' | '~' | '{') {
        let word = arguments
            .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
            .next();
        return word.is_some_and(|word| WORDS.contains(&word));
    }
    // `a - b` is Python, `ls -l` and `cd ..` are commands.
    let operand =
        arguments.trim_start_matches(['+', '-', '*', '/', '%', '&', '|', '^', '<', '>', '@', '!', '=']);
    first != '.' && (operand.len() == arguments.len() || operand.starts_with(char::is_whitespace))
}
