//! What shell command lines do, by their first words.

pub(crate) mod script;

use nbvet_engine::Model;

/// Programs that only show something: a failure is seen and changes nothing.
const SHOWING: &[&str] = &[
    "cal",
    "cat",
    "cut",
    "date",
    "df",
    "diff",
    "dir",
    "du",
    "echo",
    "env",
    "file",
    "find",
    "free",
    "grep",
    "head",
    "help",
    "hostname",
    "htop",
    "id",
    "less",
    "ls",
    "lscpu",
    "lsb_release",
    "man",
    "more",
    "nproc",
    "nvcc",
    "nvidia-smi",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "sort",
    "stat",
    "tail",
    "test",
    "top",
    "tree",
    "true",
    "type",
    "uname",
    "uniq",
    "uptime",
    "wc",
    "where",
    "whereis",
    "which",
    "who",
    "whoami",
    "zcat",
];

/// Programs for which status 1 is an answer, not a failure.
const ANSWERING: &[&str] = &[
    "[", "cmp", "diff", "egrep", "fgrep", "grep", "pgrep", "pkill", "test", "which", "zgrep",
];

/// The first program of a command line, without variables, `sudo` and folders.
pub(crate) fn program(line: &str) -> Option<&str> {
    let word = line.split_whitespace().find(|word| {
        let assignment = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        !assignment && !matches!(*word, "sudo" | "time" | "nohup" | "env" | "!" | "(" | "{")
    })?;
    let word = word.trim_matches(|c| matches!(c, '"' | '\'' | ';' | '('));
    Some(word.rsplit('/').next().unwrap_or(word))
}

/// Programs that only make the way for the next one of their line.
const PREPARING: &[&str] = &[
    "[", "[[", "cd", "chmod", "export", "mkdir", "popd", "pushd", "rm", "set", "sleep", "source", "touch",
    "unset",
];

/// The program that a command line is written for: the first that neither only shows something nor makes the way.
pub(crate) fn main_program(line: &str) -> Option<&str> {
    let serves = |program: &&str| !PREPARING.contains(program) && !SHOWING.contains(program);
    let mut quote = None;
    let splits = |letter: char| {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            _ => {}
        }
        quote.is_none() && matches!(letter, '|' | ';' | '&' | '\n')
    };
    let mut programs = line.split(splits).filter_map(program);
    programs.find(serves).or_else(|| program(line))
}

fn parts(line: &str) -> impl Iterator<Item = &str> {
    line.split(['|', ';', '&', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// Every program of the line only shows something.
pub(crate) fn only_shows(line: &str) -> bool {
    let writes = line.contains('>') && !line.contains("/dev/null") && !line.contains("2>&1");
    !writes
        && parts(line).all(|part| {
            program(part).is_none_or(|program| SHOWING.contains(&program))
                || part.ends_with("--version")
                || part.ends_with("-V")
                || part.ends_with("--help")
        })
}

/// The line installs packages.
pub(crate) fn is_install(line: &str) -> bool {
    parts(line).any(|part| {
        let mut words = part.split_whitespace();
        let installs = words.any(|word| matches!(word, "install" | "add" | "update" | "upgrade"));
        installs
            && part.split_whitespace().any(|word| {
                let name = word.rsplit('/').next().unwrap_or(word);
                matches!(
                    name,
                    "uv" | "conda"
                        | "mamba"
                        | "micromamba"
                        | "apt"
                        | "apt-get"
                        | "yum"
                        | "dnf"
                        | "apk"
                        | "brew"
                        | "npm"
                        | "gem"
                ) || name.starts_with("pip")
                    || name.contains("pip")
            })
    })
}

/// The notebook reads `_exit_code` somewhere.
pub(crate) fn status_is_read(model: &Model<'_>) -> bool {
    model.references_named("_exit_code").next().is_some()
}

/// A status of 1 that is an answer: `grep` that found nothing.
pub(crate) fn is_answer(line: &str, status: i32) -> bool {
    // 128 + SIGPIPE: the reader of a pipe had enough.
    status == 141
        || (status == 1
            && parts(line)
                .last()
                .and_then(program)
                .is_some_and(|program| ANSWERING.contains(&program)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_behind_variables_and_sudo() {
        assert_eq!(program("CUDA_VISIBLE_DEVICES=0 python train.py"), Some("python"));
        assert_eq!(program("sudo /usr/bin/apt-get install x"), Some("apt-get"));
        assert_eq!(program(""), None);
    }

    #[test]
    fn the_program_that_matters_is_found_behind_those_that_serve_it() {
        for (line, wanted) in [
            ("[ -e f ] || curl -o f https://example.org/f", "curl"),
            ("mkdir -p d && cd d && wget https://example.org/f", "wget"),
            ("cat a | sort > b", "cat"),
            ("rm -f a; tar -xf b", "tar"),
            ("mkdir -p d && curl -o f 'https://example.org/?a=1&b=2'", "curl"),
            ("mkdir -p 'a; b'", "mkdir"),
        ] {
            assert_eq!(main_program(line), Some(wanted), "{line}");
        }
    }

    #[test]
    fn commands_that_only_show_are_told_from_commands_that_do() {
        assert!(only_shows("ls -l | head -3"));
        assert!(only_shows("python --version"));
        assert!(!only_shows("cat a > b"));
        assert!(!only_shows("ls && python train.py"));
        assert!(!only_shows("wget x"));
    }

    #[test]
    fn installs_are_known_in_their_forms() {
        for line in [
            "pip install x",
            "pip3 -q install x",
            "python -m pip install x",
            "uv pip install x",
            "conda install -y x",
        ] {
            assert!(is_install(line), "{line}");
        }
        assert!(!is_install("make install"));
    }
}
