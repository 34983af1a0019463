//! NB912 conflicting-constraint.

use nbvet_report::{Level, Row};

use crate::{
    policy::{Finding, Form, Review, Unclear, at, code, contradiction, count, each, forms_by_name, rule},
    requirements::Place,
};

rule! {
    /// A constraint that contradicts a requirement.
    ///
    /// ## Why it matters
    ///
    /// `-c` limits versions of what is installed. Where no version satisfies both the line and the constraint, pip stops
    /// with `ResolutionImpossible` in the middle of the build. Constraints of packages that nothing here names are not
    /// looked at.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// -c constraints.txt
    /// numpy==1.26.4
    /// # --- constraints.txt
    /// numpy>=2
    /// ```
    ///
    /// ```requirements good
    /// -c constraints.txt
    /// numpy==1.26.4
    /// # --- constraints.txt
    /// numpy<2
    /// scipy>=99
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Bring both to the version that was validated.
    "NB912" "conflicting-constraint",
    row: Row::From(Level::Production),
    raised_by: FailOnConflict,
    since: "0.1.0",
    check: check,
}

/// Lines and constraints of one name; the requirements first.
struct Hit<'a> {
    name: &'a str,
    forms: Vec<Form<'a>>,
    pair: Option<(usize, usize)>,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let all = |constraint| cx.entries().filter(move |entry| entry.constraint == constraint);
    if all(true).next().is_none() {
        return Vec::new();
    }
    let wanted = forms_by_name(all(false).filter(|entry| cx.applies(entry)));
    let mut limits = forms_by_name(all(true).filter(|entry| cx.applies(entry)));
    let mut hits = Vec::new();
    for (name, mut forms) in wanted {
        let Some(limits) = limits.remove(name) else {
            continue;
        };
        // Lines that contradict each other without a constraint have a rule of their own.
        if matches!(contradiction(&forms), Ok(None)) {
            forms.extend(limits);
            hits.extend(hit(name, forms));
        }
    }
    each(
        &hits,
        finding,
        |hit| (hit.place(), code(hit.name)),
        |rest| {
            format!(
                "constraints of {} contradict their lines",
                count(rest, "more package")
            )
        },
    )
}

fn hit<'a>(name: &'a str, forms: Vec<Form<'a>>) -> Option<Hit<'a>> {
    match contradiction(&forms) {
        Ok(None) => None,
        Ok(pair) => Some(Hit { name, forms, pair }),
        Err(Unclear::Together | Unclear::TooMany) => Some(Hit {
            name,
            forms,
            pair: None,
        }),
    }
}

impl<'a> Hit<'a> {
    /// The constraint; if it is several, the first of them.
    fn place(&self) -> &'a Place {
        let at = match self.pair {
            Some((_, second)) => second,
            None => self
                .forms
                .iter()
                .position(|form| form.first().constraint)
                .unwrap_or(0),
        };
        &self.forms[at].first().place
    }
}

fn finding(hit: &Hit<'_>) -> Finding {
    let Some((first, second)) = hit.pair else {
        let all: Vec<String> = hit
            .forms
            .iter()
            .take(5)
            .map(|form| code(&form.first().text))
            .collect();
        let message = format!(
            "no version of {} satisfies {} and all constraints of it",
            code(hit.name),
            all.join(", ")
        );
        return Finding::new(&RULE, hit.place(), message)
            .because(STOPS)
            .help(MEND);
    };
    let (one, other) = (hit.forms[first].first(), hit.forms[second].first());
    let what = if one.constraint {
        "the constraint"
    } else {
        "the requirement"
    };
    let message = format!(
        "the constraint {} contradicts {what} {} in {}",
        code(&other.text),
        code(&one.text),
        at(&one.place)
    );
    Finding::new(&RULE, &other.place, message)
        .because(STOPS)
        .help(MEND)
        .label(&one.place, format!("{} here", code(&one.text)))
}

const STOPS: &str = "No version satisfies both: the installation would stop with `ResolutionImpossible`.";
const MEND: &str = "bring the line and its constraint to the version that was validated";
