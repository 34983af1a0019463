//! The text of a `requirements.in` from what was inferred: lines to be looked at, and what needs a person as comments.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

use pep508_rs::PackageName;

use super::{At, Candidate, Inference, Inferred, Need, Origin, Why, table};

/// Places that are named for one module; more are counted.
const MOST_PLACES: usize = 3;

impl Inference {
    /// A `requirements.in` for `subject`, as the notebook is called, to be looked at and compiled.
    pub fn proposal(&self, subject: &str) -> String {
        let mut text = format!(
            "# From the imports of {}, as nbvet reads them. Look at it, then pin it:\n\
             #   uv pip compile requirements.in --generate-hashes -o requirements.txt\n",
            subject.replace(char::is_control, "?")
        );
        let lines = self.lines();
        if !lines.is_empty() {
            text.push('\n');
        }
        for line in lines.values() {
            line.write(&mut text);
        }
        self.choices(&mut text);
        self.unknown(&mut text);
        self.told(&mut text);
        text
    }

    /// One line a distribution, by its name.
    fn lines(&self) -> BTreeMap<PackageName, Line<'_>> {
        let mut lines: BTreeMap<PackageName, Line<'_>> = BTreeMap::new();
        let in_base = self.in_base();
        for (name, asked) in &self.requests.lines {
            if in_base.contains(name) && !asked.limits {
                continue;
            }
            let line = lines.entry(name.clone()).or_default();
            line.text.clone_from(&asked.text);
            line.why.push(match &asked.renamed {
                Some(renamed) => format!("pip install {renamed}{}", places(&asked.places)),
                None => format!("pip install{}", places(&asked.places)),
            });
        }
        for inferred in &self.modules {
            let (name, text, others) = match &inferred.origin {
                Origin::Distribution { name, why } => (name.clone(), spelled(inferred, name, *why), &[][..]),
                Origin::Ambiguous {
                    candidates,
                    preferred: true,
                } => match candidates.first() {
                    Some(first) => match table::normalised(first.name) {
                        Some(name) => (name, first.name.to_owned(), candidates.as_slice()),
                        None => continue,
                    },
                    None => continue,
                },
                _ => continue,
            };
            if inferred.need == Need::TypesOnly {
                continue;
            }
            let line = lines.entry(name).or_default();
            if line.text.is_empty() {
                line.text = text;
            }
            line.why.push(import(inferred));
            line.others.extend(others);
        }
        lines
    }

    fn in_base(&self) -> HashSet<&PackageName> {
        let origins = self.modules.iter().map(|inferred| &inferred.origin);
        let names = origins.filter_map(|origin| match origin {
            Origin::InBase { name, .. } => Some(name),
            _ => None,
        });
        names.collect()
    }

    /// The notebook itself says which version.
    fn is_limited(&self, name: &PackageName) -> bool {
        self.requests.lines.get(name).is_some_and(|line| line.limits)
    }

    fn choices(&self, text: &mut String) {
        let open = self.needed().filter_map(|inferred| match &inferred.origin {
            Origin::Ambiguous {
                candidates,
                preferred: false,
            } => Some((inferred, candidates)),
            _ => None,
        });
        for (index, (inferred, candidates)) in open.enumerate() {
            if index == 0 {
                text.push_str("\n# Several distributions have these: take the `#` from one line each.\n");
            }
            let _ = writeln!(text, "# {}", import(inferred));
            for Candidate { name, when } in candidates {
                let _ = writeln!(text, "#{name}  # {when}");
            }
        }
    }

    fn unknown(&self, text: &mut String) {
        let unknown = self
            .needed()
            .filter(|inferred| inferred.origin == Origin::Unknown);
        for (index, inferred) in unknown.enumerate() {
            if index == 0 {
                text.push_str(
                    "\n# nbvet does not know which distribution has these: add its name as a line. It is not always\n\
                     # the module's, and a distribution of that name may be somebody else's.\n",
                );
            }
            let _ = writeln!(text, "#   {}", import(inferred));
        }
    }

    /// What needs no line, and why.
    fn told(&self, text: &mut String) {
        let mut lines = Vec::new();
        for inferred in self.needed() {
            match &inferred.origin {
                Origin::Elsewhere(why) => lines.push(format!("{}: {why}", import(inferred))),
                Origin::Removed { since, instead } if *since == "3.0" => {
                    lines.push(format!(
                        "{}: a module of Python 2; now {instead}",
                        import(inferred)
                    ));
                }
                Origin::Removed { since, instead } => lines.push(format!(
                    "{}: Python 3.{} does not have it (gone in {since}); use {instead}",
                    import(inferred),
                    self.minor
                )),
                Origin::InBase { name, version } if !self.is_limited(name) => lines.push(format!(
                    "{}: the base image has {name} {version}",
                    import(inferred)
                )),
                _ => {}
            }
        }
        for (shown, why, at) in &self.requests.others {
            lines.push(format!("{shown} ({at}): {why}"));
        }
        if !lines.is_empty() {
            text.push_str("\n# Not proposed:\n");
        }
        for line in lines {
            let _ = writeln!(text, "#   {line}");
        }
    }

    fn needed(&self) -> impl Iterator<Item = &Inferred> {
        let needed = |inferred: &&Inferred| inferred.need != Need::TypesOnly;
        self.modules.iter().filter(needed)
    }
}

/// One line of the proposal.
#[derive(Default)]
struct Line<'i> {
    text: String,
    /// What wants it.
    why: Vec<String>,
    /// It is the first of these.
    others: Vec<&'i Candidate>,
}

impl Line<'_> {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "{}  # {}", self.text, self.why.join("; "));
        if let [first, others @ ..] = self.others.as_slice() {
            let _ = writeln!(text, "#   {}. Instead of it:", first.when);
            for other in others {
                let _ = writeln!(text, "#   {}: {}", other.name, other.when);
            }
        }
    }
}

/// The distribution's name as the table writes it.
fn spelled(inferred: &Inferred, name: &PackageName, why: Why) -> String {
    let known = table::longest(&inferred.module).map(|(_, known)| known);
    match (why, known) {
        (Why::Table, Some(table::Known::One { name, limit, .. })) => format!("{name}{limit}"),
        _ => name.to_string(),
    }
}

/// `import sklearn (cell 2)`.
fn import(inferred: &Inferred) -> String {
    let tried = match inferred.need {
        Need::Optional => ", goes on without",
        Need::Needed | Need::TypesOnly => "",
    };
    let module = inferred.module.replace(char::is_control, "?");
    format!("import {module}{}{tried}", places(&inferred.places))
}

fn places(places: &[At]) -> String {
    let mut shown: Vec<String> = Vec::new();
    let mut more = 0;
    for at in places {
        let at = at.to_string();
        if shown.contains(&at) {
            continue;
        }
        if shown.len() < MOST_PLACES {
            shown.push(at);
        } else {
            more += 1;
        }
    }
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    if shown.is_empty() {
        return String::new();
    }
    // A place in a file has a comma in it.
    let between = if shown.iter().any(|at| at.contains(',')) {
        "; "
    } else {
        ", "
    };
    format!(" ({}{more})", shown.join(between))
}
