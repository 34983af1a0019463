//! NB911 conflicting-requirement.

use nbvet_report::{Level, Row, Severity};

use crate::{
    Wanted,
    policy::{Finding, Form, Review, at, code, contradiction, count, each, forms_by_name, labelled, rule},
    requirements::Place,
};

rule! {
    /// One package on several lines, whose versions contradict each other.
    ///
    /// ## Why it matters
    ///
    /// No version satisfies both lines, so pip stops with `ResolutionImpossible`, after minutes of a build and without the
    /// lines. Names are compared as the index does (`Scikit_Learn` is `scikit-learn`), over all included files; lines
    /// whose markers never hold together do not contradict each other.
    ///
    /// Lines that say the same, or can both be satisfied, are told as a note, whatever the switches say: one of them is
    /// forgotten when the other is changed.
    ///
    /// Below production a contradiction is a note as well: the installation stops on it anyway. Whoever wants to be
    /// stopped before sets `fail-on-conflict`.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// numpy==1.26.4
    /// -r more.txt
    /// # --- more.txt
    /// NumPy>=2
    /// ```
    ///
    /// ```requirements bad
    /// numpy==1.26.4
    /// numpy==1.26.4
    /// ```
    ///
    /// ```requirements good
    /// numpy==1.26.4 ; python_version < "3.12"
    /// numpy==2.1.3 ; python_version >= "3.12"
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Name each package once, with the version that was validated.
    "NB911" "conflicting-requirement",
    row: Row::From(Level::Production),
    raised_by: FailOnConflict,
    since: "0.1.0",
    check: check,
}

/// What is wrong with the lines of one name.
struct Hit<'a> {
    name: &'a str,
    forms: Vec<Form<'a>>,
    kind: Kind,
}

enum Kind {
    /// Both lines, by their index.
    Contradict(usize, usize),
    /// No two do, but all together.
    TogetherNot,
    /// So many that they were not compared.
    TooMany,
    Repeated,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    // The tool that wrote a lock has resolved it, for all platforms at once.
    if cx.declared.format.is_lock() {
        return Vec::new();
    }
    let groups = forms_by_name(cx.requirements().filter(|entry| cx.applies(entry)));
    let hits: Vec<Hit<'_>> = groups
        .into_iter()
        .filter_map(|(name, forms)| hit(name, forms))
        .collect();
    let (repeated, contradicting): (Vec<_>, Vec<_>) = hits
        .into_iter()
        .partition(|hit| matches!(hit.kind, Kind::Repeated));
    let told = |hits: &[Hit<'_>], rest: fn(usize) -> String| {
        each(hits, finding, |hit| (hit.place(), code(hit.name)), rest)
    };
    let mut found = told(&contradicting, |rest| {
        format!("lines of {} contradict each other", count(rest, "more package"))
    });
    found.extend(told(&repeated, |rest| {
        format!("{} are named several times", count(rest, "more package"))
    }));
    found
}

fn hit<'a>(name: &'a str, forms: Vec<Form<'a>>) -> Option<Hit<'a>> {
    let lines: usize = forms.iter().map(Form::lines).sum();
    let kind = match contradiction(&forms) {
        Ok(Some((first, second))) => Kind::Contradict(first, second),
        Ok(None) if lines < 2 || !any_meet(&forms) => return None,
        Ok(None) => Kind::Repeated,
        Err(crate::policy::Unclear::Together) => Kind::TogetherNot,
        Err(crate::policy::Unclear::TooMany) => Kind::TooMany,
    };
    Some(Hit { name, forms, kind })
}

/// Two lines hold at once somewhere.
fn any_meet(forms: &[Form<'_>]) -> bool {
    forms
        .iter()
        .enumerate()
        .any(|(at, form)| form.lines() > 1 || forms[at + 1..].iter().any(|other| form.meets(other)))
}

impl<'a> Hit<'a> {
    /// The line that is one too many.
    fn place(&self) -> &'a Place {
        match self.kind {
            Kind::Contradict(_, second) => self.forms[second].first().place(),
            _ => self
                .others()
                .next()
                .unwrap_or_else(|| self.forms[0].first().place()),
        }
    }

    /// All lines but the first of all.
    fn others(&self) -> impl Iterator<Item = &'a Place> {
        self.forms.iter().flat_map(Form::places).skip(1)
    }
}

trait Placed<'a> {
    fn place(self) -> &'a Place;
}

impl<'a> Placed<'a> for &'a crate::Dependency {
    fn place(self) -> &'a Place {
        &self.place
    }
}

fn finding(hit: &Hit<'_>) -> Finding {
    let name = code(hit.name);
    let lines: Vec<&Place> = hit.forms.iter().flat_map(Form::places).collect();
    let named = |message: String| Finding::new(&RULE, hit.place(), message);
    let labels = |finding: Finding| {
        let others: Vec<&Place> = lines
            .iter()
            .copied()
            .filter(|place| *place != hit.place())
            .collect();
        labelled(
            finding,
            others
                .into_iter()
                .map(|place| (place, format!("{name} here too"))),
        )
    };
    match hit.kind {
        Kind::Contradict(first, second) => {
            let (one, other) = (hit.forms[first].first(), hit.forms[second].first());
            named(format!(
                "{} contradicts {} in {}",
                code(&other.text),
                code(&one.text),
                at(&one.place)
            ))
            .because(match (&one.wanted, &other.wanted) {
                (Wanted::Index(_), Wanted::Index(_)) => {
                    "No version satisfies both lines: the installation would stop with `ResolutionImpossible`."
                }
                _ => "Both name a file or a repository for one package: the installation would stop.",
            })
            .help("keep one of the lines, with the version that was validated")
            .label(&one.place, format!("{} here", code(&one.text)))
        }
        Kind::TogetherNot => labels(
            named(format!(
                "no version of {name} satisfies all of its {} lines",
                lines.len()
            ))
            .because("The installation would stop with `ResolutionImpossible`.")
            .help("keep one of the lines, with the version that was validated"),
        ),
        Kind::TooMany => labels(
            named(format!(
                "{name} is named with {} conditions, too many to compare",
                hit.forms.iter().map(Form::conditions).sum::<usize>()
            ))
            .because("Nobody can tell which version they ask for.")
            .help("name it once, with the version that was validated"),
        ),
        Kind::Repeated => labels(
            named(format!("{name} is named on {} lines", lines.len()))
                .because("They do not contradict each other, but one is forgotten when the other is changed.")
                .help("keep one of the lines")
                .at_most(Severity::Note),
        ),
    }
}
