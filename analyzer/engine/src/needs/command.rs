//! Commands that install packages, within lines of the shell. Pure text: knows no environment.

/// Whose command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// `pip install`, `python -m pip install`, `uv pip install`.
    Pip,
    /// `conda install`, `mamba install`.
    Conda,
}

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wanted {
    /// A requirement, a path or an address, as written and without its quotes.
    Requirement(String),
    /// `-r file`.
    File(String),
    /// `-e folder`.
    Editable(String),
}

/// Options of `pip install`, of `uv pip install` and of `conda install` that take the next word.
const WITH_VALUE: &[&str] = &[
    "-C",
    "-c",
    "-f",
    "-i",
    "-n",
    "-p",
    "-t",
    "--abi",
    "--cache-dir",
    "--cert",
    "--channel",
    "--client-cert",
    "--config-settings",
    "--constraint",
    "--exists-action",
    "--extra-index-url",
    "--find-links",
    "--global-option",
    "--implementation",
    "--index-url",
    "--log",
    "--name",
    "--no-binary",
    "--only-binary",
    "--platform",
    "--prefix",
    "--progress-bar",
    "--proxy",
    "--python",
    "--python-version",
    "--report",
    "--retries",
    "--root",
    "--src",
    "--target",
    "--timeout",
    "--trusted-host",
    "--upgrade-strategy",
];

/// The requests to install within a line of the shell, or a `%pip` line without its `%`.
pub fn requests(line: &str) -> Vec<(Tool, Vec<Wanted>)> {
    commands(line)
        .iter()
        .filter_map(|words| request(words))
        .filter(|(_, wanted)| !wanted.is_empty())
        .collect()
}

/// The commands of a line, each as its words: quotes are taken off, comments and redirections left out.
/// `pip install x>=1` stays one word: what it means for its author, though a shell would write to a file `=1`.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '\\') => match letters.next() {
                Some('\n' | '\r') | None => end(&mut word, &mut commands),
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            (None, '#') if word.is_none() => break,
            (None, '&') if word.as_ref().is_some_and(|word| word.ends_with('>')) => {
                word.get_or_insert_default().push(letter);
            }
            (None, '|' | ';' | '&' | '\n' | '(' | ')') => {
                end(&mut word, &mut commands);
                commands.push(Vec::new());
            }
            (None, _) if letter.is_whitespace() => end(&mut word, &mut commands),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    end(&mut word, &mut commands);
    commands
}

fn end(word: &mut Option<String>, commands: &mut [Vec<String>]) {
    if let (Some(word), Some(command)) = (word.take(), commands.last_mut()) {
        command.push(word);
    }
}

/// What the words of one command ask for; `None` if it installs nothing.
pub(super) fn request(words: &[String]) -> Option<(Tool, Vec<Wanted>)> {
    let mut words = words
        .iter()
        .map(String::as_str)
        .skip_while(|word| is_prefix(word));
    let program = words.next()?.rsplit('/').next()?;
    let rest: Vec<&str> = words.collect();
    let (tool, rest) = if is_versioned(program, "pip") {
        (Tool::Pip, rest.as_slice())
    } else if is_versioned(program, "python") || matches!(program, "{sys.executable}" | "$sys.executable") {
        let pip = rest.windows(2).position(|two| two == ["-m", "pip"])?;
        (Tool::Pip, &rest[pip + 2..])
    } else if program == "uv" {
        (Tool::Pip, rest.strip_prefix(&["pip"])?)
    } else if matches!(program, "conda" | "mamba" | "micromamba") {
        (Tool::Conda, rest.as_slice())
    } else {
        return None;
    };
    let verb = rest.iter().position(|word| !word.starts_with('-'))?;
    (rest[verb] == "install").then(|| (tool, wanted(&rest[verb + 1..])))
}

/// Environment assignments and words that only change how a command is run.
fn is_prefix(word: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    matches!(word, "sudo" | "command" | "exec" | "time" | "yes" | "-H" | "-E")
        || word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

/// `pip`, `pip3`, `pip3.11`.
fn is_versioned(program: &str, name: &str) -> bool {
    program
        .strip_prefix(name)
        .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn wanted(words: &[&str]) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let long = word
            .split_once('=')
            .filter(|(option, _)| option.starts_with("--"));
        if let Some((option, value)) = long {
            wanted.extend(valued(option, value));
        } else if matches!(
            word,
            "-r" | "--requirement" | "--requirements" | "-e" | "--editable"
        ) {
            wanted.extend(words.next().and_then(|value| valued(word, value)));
        } else if WITH_VALUE.contains(&word) || matches!(word, ">" | ">>" | "2>" | "&>") {
            words.next();
        } else if let Some(file) = word.strip_prefix("-r").filter(|file| !file.is_empty()) {
            wanted.extend(valued("-r", file));
        } else if !word.starts_with('-') && !is_redirection(word) && is_constant(word) {
            wanted.push(Wanted::Requirement(word.to_owned()));
        }
    }
    wanted
}

fn valued(option: &str, value: &str) -> Option<Wanted> {
    if !is_constant(value) {
        return None;
    }
    match option {
        "-r" | "--requirement" | "--requirements" | "--file" => Some(Wanted::File(value.to_owned())),
        "-e" | "--editable" => Some(Wanted::Editable(value.to_owned())),
        _ => None,
    }
}

/// `>/dev/null`, `2>&1`.
fn is_redirection(word: &str) -> bool {
    word.trim_start_matches(|first: char| first.is_ascii_digit() || first == '&')
        .starts_with(['>', '<'])
}

/// It holds nothing that the shell or IPython would put in.
fn is_constant(word: &str) -> bool {
    !word.is_empty() && !word.contains(['$', '{', '}', '`'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[&str]) {
        let found = requests(line).into_iter().flat_map(|(tool, wanted)| {
            wanted.into_iter().map(move |wanted| match (tool, wanted) {
                (Tool::Pip, Wanted::Requirement(text)) => text,
                (Tool::Conda, Wanted::Requirement(text)) => format!("conda {text}"),
                (_, Wanted::File(file)) => format!("-r {file}"),
                (_, Wanted::Editable(folder)) => format!("-e {folder}"),
            })
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{line}");
    }

    #[test]
    fn every_way_to_call_pip_is_known() {
        for line in [
            "pip install six",
            "pip3.11 --quiet install six",
            "python -m pip install six",
            "python3 -u -m pip install six",
            "{sys.executable} -m pip install six",
            "/opt/conda/bin/pip install six",
            "uv pip install six",
            "sudo -H PIP_NO_INPUT=1 pip install six",
            "cd x && pip install six | tail -n 1",
            "(pip install six)",
            "pip install -q six 2>&1 > log",
            "pip install six>/dev/null",
            "pip install --index-url https://x/simple -t out six # why",
            "pip install \\\n  six",
        ] {
            let expected = if line.contains("six>") {
                "six>/dev/null"
            } else {
                "six"
            };
            check(line, &[expected]);
        }
    }

    #[test]
    fn requirements_keep_what_they_say() {
        check(
            "pip install 'a[x]>=1,<2' \"b; python_version<'3.9'\" c~=1.0 git+https://h/d.git@v1#egg=d",
            &[
                "a[x]>=1,<2",
                "b; python_version<'3.9'",
                "c~=1.0",
                "git+https://h/d.git@v1#egg=d",
            ],
        );
        check(
            "pip install -r a.txt -rb.txt --requirement=c.txt -e .",
            &["-r a.txt", "-r b.txt", "-r c.txt", "-e ."],
        );
        check("conda install -y -c conda-forge gdal=3.6", &["conda gdal=3.6"]);
    }

    #[test]
    fn what_installs_nothing_known_is_left_out() {
        for line in [
            "",
            "pip list",
            "pip uninstall six",
            "pip install",
            "pip install $NAME {name}",
            "echo pip install six",
            "apt-get install six",
            "npm install six",
            "# pip install six",
            "uv add six",
            "pip install '",
        ] {
            check(line, &[]);
        }
    }
}
