//! Lines of one package, and whether any version satisfies those that hold at once.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use pep508_rs::MarkerTree;

use super::versions::common;
use crate::{Dependency, Specifier, Wanted, requirements::Place};

/// Lines of one package that ask for the same under the same marker.
pub(crate) struct Form<'a> {
    lines: Vec<&'a Dependency>,
}

/// Different forms of one package that are compared, each with each; that there are more is told.
const MOST_FORMS: usize = 32;
/// Conditions in several of them, at most.
const MOST_CONDITIONS: usize = 64;
/// Conditions on one line, at most: each may be tried against each.
const MOST_ALONE: usize = 256;

/// Why no two lines can be named although something is wrong.
pub(crate) enum Unclear {
    /// No two contradict each other, but all together do.
    Together,
    /// There are too many to compare.
    TooMany,
}

impl<'a> Form<'a> {
    pub(crate) fn lines(&self) -> usize {
        self.lines.len()
    }

    /// How many conditions on the version it has.
    pub(crate) fn conditions(&self) -> usize {
        match &self.first().wanted {
            Wanted::Index(specifiers) => specifiers.len(),
            _ => 1,
        }
    }

    pub(crate) fn first(&self) -> &'a Dependency {
        self.lines[0]
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = &'a Place> {
        self.lines.iter().map(|line| &line.place)
    }

    /// There is an environment in which both hold.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        !self.first().marker.is_disjoint(&other.first().marker)
    }

    fn is_of_index(&self) -> bool {
        matches!(self.lines[0].wanted, Wanted::Index(_))
    }

    /// Something satisfies both; what cannot be known from the lines does.
    fn agrees(&self, other: &Self) -> bool {
        match (&self.first().wanted, &other.first().wanted) {
            (Wanted::Index(one), Wanted::Index(other)) => {
                let all: Vec<&Specifier> = one.iter().chain(other).collect();
                common(&all).is_some()
            }
            // The file's own version is not known here.
            (Wanted::Index(_), _) | (_, Wanted::Index(_)) => true,
            (one, other) => one == other,
        }
    }
}

/// Lines by the package's name, as the index compares names, with lines that ask for the same together.
pub(crate) fn forms_by_name<'a>(
    entries: impl Iterator<Item = &'a Dependency>,
) -> BTreeMap<&'a str, Vec<Form<'a>>> {
    let mut groups: BTreeMap<&str, Vec<Form<'_>>> = BTreeMap::new();
    let mut known: HashMap<(&str, String, MarkerTree), usize> = HashMap::new();
    for entry in entries {
        let Some(name) = &entry.name else {
            continue;
        };
        let forms = groups.entry(name.as_ref()).or_default();
        let key = (name.as_ref(), written(&entry.wanted), entry.marker.clone());
        if let Some(at) = known.get(&key) {
            forms[*at].lines.push(entry);
        } else {
            known.insert(key, forms.len());
            forms.push(Form { lines: vec![entry] });
        }
    }
    groups
}

/// The same text for what asks for the same.
fn written(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Index(specifiers) => {
            let mut parts: Vec<String> = specifiers.iter().map(ToString::to_string).collect();
            parts.sort_unstable();
            parts.dedup();
            parts.join(",")
        }
        other => {
            let mut text = String::new();
            let _ = write!(text, "{other:?}");
            text
        }
    }
}

/// Two of them that contradict each other.
pub(crate) fn contradiction(forms: &[Form<'_>]) -> Result<Option<(usize, usize)>, Unclear> {
    let most = if forms.len() > 1 {
        MOST_CONDITIONS
    } else {
        MOST_ALONE
    };
    let conditions: usize = forms.iter().map(Form::conditions).sum();
    if forms.len() > MOST_FORMS || conditions > most {
        return Err(Unclear::TooMany);
    }
    // If one version satisfies all, it satisfies any two.
    let all_agree = all_agree(forms);
    for (second, form) in forms.iter().enumerate() {
        for (first, earlier) in forms[..second].iter().enumerate() {
            let is_known = all_agree && form.is_of_index() && earlier.is_of_index();
            if !is_known && earlier.meets(form) && !earlier.agrees(form) {
                return Ok(Some((first, second)));
            }
        }
    }
    if !all_agree && hold_together(forms) {
        return Err(Unclear::Together);
    }
    Ok(None)
}

fn hold_together(forms: &[Form<'_>]) -> bool {
    let mut together = MarkerTree::TRUE;
    for form in forms {
        together.and(form.first().marker.clone());
    }
    !together.is_false()
}

fn all_agree(forms: &[Form<'_>]) -> bool {
    let specifiers = forms.iter().filter_map(|form| match &form.first().wanted {
        Wanted::Index(specifiers) => Some(specifiers),
        _ => None,
    });
    let all: Vec<&Specifier> = specifiers.flatten().collect();
    common(&all).is_some()
}
