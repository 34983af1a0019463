//! Requirements files by the grammar of pip's own reader (`pip/_internal/req/req_file.py`, 23.2 to 26.2), with the file
//! and line of each entry and the files that led there. What a requirement says is not looked at here.

mod decode;
mod lines;
mod options;
mod words;

use std::{collections::HashMap, rc::Rc, sync::Arc};

use lines::Logical;
pub use options::{Given, Opt};

/// Files that include each other, one in another, at most.
pub const MAX_DEPTH: usize = 10;
/// Files that are read, each as often as it is included: two that include each other's lines often would never end.
pub const MAX_FILES: usize = 1000;
/// Bytes of one file, at most.
pub const MAX_BYTES: usize = 1 << 20;
/// Bytes of all files that are read for one, at most.
const MAX_ALL_BYTES: usize = 32 << 20;
/// Entries of one file with all that it includes, at most.
pub const MAX_ENTRIES: usize = 100_000;

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was asked for.
    pub file: Arc<str>,
    /// Its first line there, from 1.
    pub line: usize,
    /// What included the file.
    pub included_by: Option<Arc<Self>>,
}

/// One entry: a logical line that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// The file was included by `-c`, or is a file of constraints itself.
    pub constraint: bool,
    /// What it says.
    pub kind: Kind,
    /// Its options, in their order: those of a requirement, or a line of options alone.
    pub options: Vec<Given>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A requirement, a URL or a path.
    Requirement(String),
    /// `-e`, with what follows it.
    Editable(String),
    /// Options for the whole installation.
    Options,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// pip would refuse the line.
    #[error("{file}:{line}: {message}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// The file's bytes are no text.
    #[error("{file}: {message}")]
    Encoding {
        /// The file.
        file: String,
        /// In which encoding it was read, and what is wrong.
        message: String,
    },
    /// The file is not there, or may not be read.
    #[error("{}{file} cannot be read: {message}", included_by.as_ref().map(|at| format!("{at}: ")).unwrap_or_default())]
    Missing {
        /// The file.
        file: String,
        /// What the caller said.
        message: String,
        /// `FILE:LINE` of the line that includes it.
        included_by: Option<String>,
    },
    /// More is asked for than any installation needs.
    #[error("{file}: more than {MAX_ENTRIES} entries")]
    TooManyEntries {
        /// The file with the entry that is one too many.
        file: String,
    },
    /// Files include others far too often.
    #[error("{file}: more than {MAX_FILES} files would be read, each as often as it is included")]
    TooMany {
        /// The file that is one too many.
        file: String,
    },
    /// Files include each other, or too many one in another.
    #[error(
        "{file}:{line}: `{included}` includes itself, or files include each other more than {MAX_DEPTH} deep"
    )]
    Recursive {
        /// The file with the line that includes.
        file: String,
        /// That line.
        line: usize,
        /// What it includes.
        included: String,
    },
}

impl Fault {
    /// What is wrong at a place.
    pub(crate) fn line(place: &Place, message: impl Into<String>) -> Self {
        Self::Line {
            file: place.file.to_string(),
            line: place.line,
            message: message.into(),
        }
    }
}

/// How files and variables are come by.
pub trait Source {
    /// The bytes of a file, named relative to where reading began; an error says why there are none.
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String>;
    /// A variable that `${NAME}` stands for.
    fn variable(&self, name: &str) -> Option<String>;
}

/// Reads a requirements file, or one of constraints, with all that it includes, in pip's order.
pub fn read(file: &str, constraint: bool, source: &mut dyn Source) -> Result<Vec<Entry>, Fault> {
    let mut reader = Reader::new(source);
    reader.file(&file.into(), constraint, None, 0)?;
    Ok(reader.entries)
}

/// Reads lines that stand in a file of another kind, each at its place, as if they were a requirements file there.
pub(crate) fn read_lines(lines: &[(Place, &str)], source: &mut dyn Source) -> Result<Vec<Entry>, Fault> {
    let mut reader = Reader::new(source);
    for (place, text) in lines {
        for line in lines::logical(text) {
            reader.line(&line.text, place.clone(), false, 0)?;
        }
    }
    Ok(reader.entries)
}

struct Reader<'s> {
    source: &'s mut dyn Source,
    entries: Vec<Entry>,
    files: usize,
    /// The lines of each file that was read: one that is included often is taken apart once.
    known: HashMap<Arc<str>, Rc<[Logical]>>,
    /// Bytes of all of them.
    bytes: usize,
}

impl<'s> Reader<'s> {
    fn new(source: &'s mut dyn Source) -> Self {
        Self {
            source,
            entries: Vec::new(),
            files: 0,
            known: HashMap::new(),
            bytes: 0,
        }
    }

    fn file(
        &mut self,
        file: &Arc<str>,
        constraint: bool,
        included_by: Option<&Arc<Place>>,
        depth: usize,
    ) -> Result<(), Fault> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(Fault::TooMany {
                file: file.to_string(),
            });
        }
        let lines = match self.known.get(file) {
            Some(lines) => Rc::clone(lines),
            None => self.lines_of(file, included_by)?,
        };
        for line in &*lines {
            let place = Place {
                file: Arc::clone(file),
                line: line.number,
                included_by: included_by.cloned(),
            };
            self.line(&line.text, place, constraint, depth)?;
        }
        Ok(())
    }

    fn lines_of(
        &mut self,
        file: &Arc<str>,
        included_by: Option<&Arc<Place>>,
    ) -> Result<Rc<[Logical]>, Fault> {
        let missing = |message: String| Fault::Missing {
            file: file.to_string(),
            message,
            included_by: included_by.map(|place| format!("{}:{}", place.file, place.line)),
        };
        let bytes = self.source.load(file).map_err(missing)?;
        self.bytes += bytes.len();
        if bytes.len() > MAX_BYTES {
            return Err(missing(format!("it is larger than {} KiB", MAX_BYTES >> 10)));
        }
        if self.bytes > MAX_ALL_BYTES {
            let most = MAX_ALL_BYTES >> 20;
            return Err(missing(format!(
                "with it, files of more than {most} MiB would be read"
            )));
        }
        let text = decode::decode(&bytes).map_err(|message| Fault::Encoding {
            file: file.to_string(),
            message,
        })?;
        let lines: Rc<[Logical]> = lines::logical(&text).into();
        self.known.insert(Arc::clone(file), Rc::clone(&lines));
        Ok(lines)
    }

    fn line(&mut self, text: &str, place: Place, constraint: bool, depth: usize) -> Result<(), Fault> {
        let text = lines::expanded(text, |name| self.source.variable(name));
        let entry = entry(&text, place, constraint)?;
        match included(&entry) {
            Some((name, constraint)) => self.include(&entry.place, name, constraint, depth)?,
            None if self.entries.len() == MAX_ENTRIES => {
                return Err(Fault::TooManyEntries {
                    file: entry.place.file.to_string(),
                });
            }
            None => self.entries.push(entry),
        }
        Ok(())
    }

    fn include(&mut self, place: &Place, name: &str, constraint: bool, depth: usize) -> Result<(), Fault> {
        let name = beside(&place.file, name);
        if depth == MAX_DEPTH || is_within(place, &name) {
            return Err(Fault::Recursive {
                file: place.file.to_string(),
                line: place.line,
                included: name,
            });
        }
        self.file(
            &name.into(),
            constraint,
            Some(&Arc::new(place.clone())),
            depth + 1,
        )
    }
}

/// The file is being read already.
fn is_within(place: &Place, name: &str) -> bool {
    let mut around = Some(place);
    while let Some(place) = around {
        if &*place.file == name {
            return true;
        }
        around = place.included_by.as_deref();
    }
    false
}

/// The file that a line includes, and whether by `-c`: the first `-r`, else the first `-c`.
fn included(entry: &Entry) -> Option<(&str, bool)> {
    let first = |wanted: Opt| {
        let found = entry.options.iter().find(|given| given.opt == wanted);
        found.and_then(|given| given.value.as_deref())
    };
    if entry.kind != Kind::Options {
        return None;
    }
    first(Opt::Requirement)
        .map(|name| (name, false))
        .or_else(|| first(Opt::Constraint).map(|name| (name, true)))
}

fn entry(text: &str, place: Place, constraint: bool) -> Result<Entry, Fault> {
    let (requirement, rest) = options::split(text);
    let fault = |message: String| Fault::line(&place, message);
    let words = words::split(rest).map_err(|error| fault(error.to_owned()))?;
    let options = options::parse(&words).map_err(fault)?;
    let editable = options.iter().find(|given| given.opt == Opt::Editable);
    let kind = match editable.and_then(|given| given.value.clone()) {
        _ if !requirement.is_empty() => Kind::Requirement(requirement.to_owned()),
        Some(editable) => Kind::Editable(editable),
        None => Kind::Options,
    };
    Ok(Entry {
        place,
        constraint,
        kind,
        options,
    })
}

/// A name as it stands in a file, seen from where reading began. URLs stay as they are.
fn beside(file: &str, name: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, _)) if !name.starts_with('/') && !is_url(name) => format!("{folder}/{name}"),
        _ => name.to_owned(),
    }
}

fn is_url(name: &str) -> bool {
    let scheme = name
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| ["http", "https", "file"].contains(&&*scheme))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Write as _};

    use expect_test::{Expect, expect};

    use super::*;

    struct Files(BTreeMap<&'static str, Vec<u8>>);

    impl Source for Files {
        fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
            self.0
                .get(file)
                .cloned()
                .ok_or_else(|| "there is no such file".to_owned())
        }

        fn variable(&self, name: &str) -> Option<String> {
            (name == "TOKEN").then(|| "secret".to_owned())
        }
    }

    fn check(files: &[(&'static str, &str)], expected: &Expect) {
        expected.assert_eq(&told(files));
    }

    fn told(files: &[(&'static str, &str)]) -> String {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let mut files = Files(files.iter().map(|(name, text)| (*name, bytes(text))).collect());
        let mut shown = String::new();
        match read("a/requirements.txt", false, &mut files) {
            Err(fault) => shown = format!("refused: {fault}\n"),
            Ok(entries) => {
                for Entry {
                    place,
                    constraint,
                    kind,
                    options,
                } in entries
                {
                    let constraint = if constraint { " -c" } else { "" };
                    let options: Vec<String> = options.iter().map(ToString::to_string).collect();
                    let _ = writeln!(
                        shown,
                        "{}:{}{constraint} {kind:?} {}",
                        place.file,
                        place.line,
                        options.join(" ")
                    );
                }
            }
        }
        shown
    }

    #[test]
    fn lines_are_joined_comments_left_out_and_variables_put_in() {
        check(
            &[(
                "a/requirements.txt",
                "# all\npandas==2.2.3 \\\n    --hash=sha256:aa \\\n    --hash sha256:bb  # why\n\nsix#egg\n-i https://${TOKEN}@x/${NOT}\n",
            )],
            &expect![[r#"
                a/requirements.txt:2 Requirement("pandas==2.2.3    ") --hash=sha256:aa --hash=sha256:bb
                a/requirements.txt:6 Requirement("six#egg") 
                a/requirements.txt:7 Options --index-url=https://secret@x/${NOT}
            "#]],
        );
    }

    #[test]
    fn included_files_are_read_where_they_are_named_and_constraints_stay_such() {
        check(
            &[
                ("a/requirements.txt", "one\n-r sub/b.txt\n-c c.txt\nlast\n"),
                ("a/sub/b.txt", "two\n-r ../c.txt\n"),
                ("a/sub/../c.txt", "three\n"),
                ("a/c.txt", "four==1\n-e ./here\n"),
            ],
            &expect![[r#"
                a/requirements.txt:1 Requirement("one") 
                a/sub/b.txt:1 Requirement("two") 
                a/sub/../c.txt:1 Requirement("three") 
                a/c.txt:1 -c Requirement("four==1") 
                a/c.txt:2 -c Editable("./here") --editable=./here
                a/requirements.txt:4 Requirement("last") 
            "#]],
        );
    }

    #[test]
    fn files_that_include_each_other_are_refused_with_the_line() {
        check(
            &[
                ("a/requirements.txt", "\n-r b.txt\n"),
                ("a/b.txt", "-c requirements.txt\n"),
            ],
            &expect![[r#"
                refused: a/b.txt:1: `a/requirements.txt` includes itself, or files include each other more than 10 deep
            "#]],
        );
    }

    #[test]
    fn files_that_include_others_without_end_are_refused() {
        let many = "-r b.txt\n".repeat(100);
        let more = "-r c.txt\n".repeat(100);
        check(
            &[
                ("a/requirements.txt", &many),
                ("a/b.txt", &more),
                ("a/c.txt", "six\n"),
            ],
            &expect![[r#"
                refused: a/c.txt: more than 1000 files would be read, each as often as it is included
            "#]],
        );
    }

    #[test]
    fn what_pip_refuses_is_refused_with_its_line() {
        for (text, expected) in [
            (
                "six --nope",
                "refused: a/requirements.txt:1: no such option: --nope\n",
            ),
            (
                "\n-r",
                "refused: a/requirements.txt:2: -r option requires 1 argument\n",
            ),
            (
                "six --hash=md5:00",
                "refused: a/requirements.txt:1: --hash must be one of sha256, sha384, sha512, not `md5`\n",
            ),
            (
                "-i 'x",
                "refused: a/requirements.txt:1: a quotation is not closed\n",
            ),
            (
                "-r missing.txt",
                "refused: a/requirements.txt:1: a/missing.txt cannot be read: there is no such file\n",
            ),
        ] {
            assert_eq!(told(&[("a/requirements.txt", text)]), expected);
        }
    }

    /// A mebibyte of comments, included a thousand times, took 10 seconds.
    #[test]
    fn a_file_that_is_included_often_is_read_and_taken_apart_once() {
        struct Counted(usize, String);

        impl Source for Counted {
            fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
                self.0 += 1;
                let text = if file == "all.txt" {
                    "-r big.txt\n".repeat(998)
                } else {
                    self.1.clone()
                };
                Ok(text.into_bytes())
            }

            fn variable(&self, _: &str) -> Option<String> {
                None
            }
        }

        let mut source = Counted(0, "# words\n".repeat(100_000) + "six\n");
        let entries = read("all.txt", false, &mut source).unwrap();
        assert_eq!((source.0, entries.len()), (2, 998));
        let first = entries[0].place.included_by.as_ref().unwrap();
        let last = entries[997].place.included_by.as_ref().unwrap();
        assert_eq!((first.line, last.line), (1, 998));
    }
}
