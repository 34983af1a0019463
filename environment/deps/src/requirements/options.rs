//! The options that pip takes in a requirements file, by the rules of `optparse`: shortened long names, values in the
//! same word or the next, several short ones in one word.

use std::fmt;

/// An option of a requirements file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opt {
    /// `--all-releases`
    AllReleases,
    /// `-C`, `--config-settings`
    ConfigSettings,
    /// `-c`, `--constraint`
    Constraint,
    /// `-e`, `--editable`
    Editable,
    /// `--extra-index-url`
    ExtraIndexUrl,
    /// `-f`, `--find-links`
    FindLinks,
    /// `--global-option`
    GlobalOption,
    /// `--hash`
    Hash,
    /// `-i`, `--index-url`
    IndexUrl,
    /// `--no-binary`
    NoBinary,
    /// `--no-index`
    NoIndex,
    /// `--no-require-hashes`
    NoRequireHashes,
    /// `--only-binary`
    OnlyBinary,
    /// `--only-final`
    OnlyFinal,
    /// `--pre`
    Pre,
    /// `--prefer-binary`
    PreferBinary,
    /// `--require-hashes`
    RequireHashes,
    /// `-r`, `--requirement`
    Requirement,
    /// `--trusted-host`
    TrustedHost,
    /// `--use-feature`
    UseFeature,
}

/// Long names, the usual one first; a short one; whether it takes a value.
const NAMES: &[(Opt, &[&str], Option<char>, bool)] = &[
    (Opt::AllReleases, &["--all-releases"], None, true),
    (
        Opt::ConfigSettings,
        &["--config-settings", "--config-setting"],
        Some('C'),
        true,
    ),
    (Opt::Constraint, &["--constraint"], Some('c'), true),
    (Opt::Editable, &["--editable"], Some('e'), true),
    (Opt::ExtraIndexUrl, &["--extra-index-url"], None, true),
    (Opt::FindLinks, &["--find-links"], Some('f'), true),
    (Opt::GlobalOption, &["--global-option"], None, true),
    (Opt::Hash, &["--hash"], None, true),
    (Opt::IndexUrl, &["--index-url", "--pypi-url"], Some('i'), true),
    (Opt::NoBinary, &["--no-binary"], None, true),
    (Opt::NoIndex, &["--no-index"], None, false),
    (Opt::NoRequireHashes, &["--no-require-hashes"], None, false),
    (Opt::OnlyBinary, &["--only-binary"], None, true),
    (Opt::OnlyFinal, &["--only-final"], None, true),
    (Opt::Pre, &["--pre"], None, false),
    (Opt::PreferBinary, &["--prefer-binary"], None, false),
    (Opt::RequireHashes, &["--require-hashes"], None, false),
    (Opt::Requirement, &["--requirement"], Some('r'), true),
    (Opt::TrustedHost, &["--trusted-host"], None, true),
    (Opt::UseFeature, &["--use-feature"], None, true),
];

const STRONG: [&str; 3] = ["sha256", "sha384", "sha512"];

/// An option as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Which.
    pub opt: Opt,
    /// Its value; `None`: it takes none.
    pub value: Option<String>,
}

impl Opt {
    /// Its long name.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(opt, ..)| *opt == self)
            .map_or("", |(_, names, ..)| names[0])
    }

    fn takes_value(self) -> bool {
        NAMES.iter().any(|(opt, _, _, takes)| *opt == self && *takes)
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.opt.name())?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, "={value}"))
    }
}

/// The line's requirement, and the options behind it: they begin at the first word that begins with `-`.
pub(super) fn split(line: &str) -> (&str, &str) {
    let mut at = 0;
    for word in line.split(' ') {
        if word.starts_with('-') {
            // The blank between them is neither's.
            return (&line[..at.max(1) - 1], &line[at..]);
        }
        at += word.len() + 1;
    }
    (line, "")
}

/// The options among these words; words that are none are passed over, as pip does.
pub(super) fn parse(words: &[String]) -> Result<Vec<Given>, String> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if word.starts_with("--") {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (&**word, None),
            };
            let (opt, name) = long(name)?;
            found.push(given(opt, name, value, &mut words)?);
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            short(letters, &mut words, &mut found)?;
        }
    }
    Ok(found)
}

/// The option that the name stands for, whole or shortened, and its name in full.
fn long(name: &str) -> Result<(Opt, &'static str), String> {
    let all = || {
        NAMES
            .iter()
            .flat_map(|(opt, names, ..)| names.iter().map(|name| (*opt, *name)))
    };
    if let Some(found) = all().find(|(_, known)| *known == name) {
        return Ok(found);
    }
    let mut possible: Vec<_> = all().filter(|(_, known)| known.starts_with(name)).collect();
    possible.sort_unstable_by_key(|(_, name)| *name);
    match &possible[..] {
        [] => Err(format!("no such option: {name}")),
        [one] => Ok(*one),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, name)| *name).collect();
            Err(format!("ambiguous option: {name} ({}?)", names.join(", ")))
        }
    }
}

/// `-rfile`, `-r file`, or several letters, of which the first that takes a value has the rest.
fn short<'w>(
    letters: &str,
    words: &mut impl Iterator<Item = &'w String>,
    found: &mut Vec<Given>,
) -> Result<(), String> {
    for (at, letter) in letters.char_indices() {
        let known = NAMES.iter().find(|(_, _, short, _)| *short == Some(letter));
        let Some((opt, ..)) = known else {
            return Err(format!("no such option: -{letter}"));
        };
        let rest = &letters[at + letter.len_utf8()..];
        let value = (opt.takes_value() && !rest.is_empty()).then(|| rest.to_owned());
        let is_last = value.is_some();
        found.push(given(*opt, &format!("-{letter}"), value, words)?);
        if is_last {
            break;
        }
    }
    Ok(())
}

fn given<'w>(
    opt: Opt,
    name: &str,
    value: Option<String>,
    words: &mut impl Iterator<Item = &'w String>,
) -> Result<Given, String> {
    if !opt.takes_value() {
        return match value {
            Some(_) => Err(format!("{name} option does not take a value")),
            None => Ok(Given { opt, value: None }),
        };
    }
    let value = value
        .or_else(|| words.next().cloned())
        .ok_or_else(|| format!("{name} option requires 1 argument"))?;
    judge(opt, &value)?;
    Ok(Given {
        opt,
        value: Some(value),
    })
}

/// What pip refuses as it reads the option.
fn judge(opt: Opt, value: &str) -> Result<(), String> {
    match opt {
        Opt::Hash => match value.split_once(':') {
            None => Err("--hash needs an algorithm and a value, such as --hash=sha256:abcde…".to_owned()),
            Some((algorithm, _)) if !STRONG.contains(&algorithm) => Err(format!(
                "--hash must be one of {}, not `{algorithm}`",
                STRONG.join(", ")
            )),
            Some(_) => Ok(()),
        },
        Opt::ConfigSettings if !value.contains('=') => {
            Err("--config-settings needs a key and a value: KEY=VALUE".to_owned())
        }
        Opt::NoBinary | Opt::OnlyBinary if value.starts_with('-') => {
            Err("--no-binary and --only-binary need 1 argument".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let given = parse(&words)?;
        Ok(given
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn names_may_be_short_or_shortened_and_values_in_the_word_or_the_next() {
        let expected = "--requirement=a --index-url=u --requirement=b --pre --find-links=x";
        assert_eq!(
            shown(&[
                "-ra",
                "--index",
                "u",
                "--requirement",
                "b",
                "more",
                "--pre",
                "-fx"
            ])
            .as_deref(),
            Ok(expected)
        );
        assert_eq!(shown(&["--", "--nope"]).as_deref(), Ok(""));
        assert_eq!(
            shown(&["--pr"]),
            Err("ambiguous option: --pr (--pre, --prefer-binary?)".to_owned())
        );
        assert_eq!(
            shown(&["--pre=1"]),
            Err("--pre option does not take a value".to_owned())
        );
        assert_eq!(shown(&["-x"]), Err("no such option: -x".to_owned()));
    }

    #[test]
    fn a_line_is_its_requirement_and_its_options() {
        assert_eq!(split("six==1 --hash=a -x"), ("six==1", "--hash=a -x"));
        assert_eq!(split("-r a"), ("", "-r a"));
        assert_eq!(split("a-b ; c"), ("a-b ; c", ""));
        assert_eq!(split("a  -e"), ("a ", "-e"));
    }
}
