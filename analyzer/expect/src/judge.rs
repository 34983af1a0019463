//! Whether a value is what was expected, by what was found out about it. Each reason says what is there and what was
//! expected.

use nbvet_report::{Answer, Expectation, Extreme, Literal};

use crate::{types, words::words, written::Checked};

/// Whether a class that inherits from the expected one will do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exactness {
    /// It will.
    #[default]
    Subclasses,
    /// Only the expected one itself.
    Exact,
}

/// Labels that are named; the others are counted.
const NAMED: usize = 5;

/// What does not hold; empty where all does.
pub(crate) fn judge(checked: &Checked, answer: &Answer, exactness: Exactness) -> Vec<String> {
    let Checked { expectation, pattern } = checked;
    if answer.interrupted {
        return vec![format!(
            "looking at it took too long and was stopped (a time-out), expected {}",
            words(expectation)
        )];
    }
    let of_value = of_value(expectation);
    if !answer.found && of_value {
        return vec![missing_value(expectation)];
    }
    let judged = Judged { expectation, answer };
    if let Some(reason) = judged.class(exactness) {
        return vec![reason];
    }
    if judged.is_none() && of_value && expectation.type_name.is_none() && expectation.equals.is_none() {
        return vec![format!("it is None, expected {}", words(expectation))];
    }
    let mut reasons = Vec::new();
    reasons.extend(judged.shape());
    reasons.extend(judged.bounds());
    reasons.extend(judged.empty());
    reasons.extend(judged.gaps());
    reasons.extend(judged.columns());
    reasons.extend(judged.dtypes());
    reasons.extend(judged.equals());
    reasons.extend(judged.contains());
    if let Some(pattern) = pattern {
        reasons.extend(judged.matches(pattern));
    }
    reasons.extend(judged.length());
    reasons.extend(judged.order());
    reasons.extend(judged.unique());
    reasons.extend(judged.expression());
    reasons
}

/// Whether anything but an expression is expected, which needs no value.
fn of_value(expectation: &Expectation) -> bool {
    let without = Expectation {
        expression: None,
        ..expectation.clone()
    };
    !words(&without).is_empty()
}

fn missing_value(expectation: &Expectation) -> String {
    let expected = words(expectation);
    match &expectation.name {
        Some(name) => format!("there is no `{name}` after the cell, expected {expected}"),
        None => format!("the cell has no value, its last line is no expression; expected {expected}"),
    }
}

struct Judged<'a> {
    expectation: &'a Expectation,
    answer: &'a Answer,
}

impl Judged<'_> {
    /// The value's own class, as it is shown.
    fn kind(&self) -> &str {
        self.answer.types.first().map_or("?", String::as_str)
    }

    fn is_none(&self) -> bool {
        self.kind() == "NoneType"
    }

    /// Why something could not be found out.
    fn failure(&self, of: &str) -> Option<&str> {
        let failure = self.answer.failures.iter().find(|failure| failure.of == of)?;
        Some(&failure.reason)
    }

    fn unknown(&self, of: &str, what: &str, expected: &str) -> String {
        match self.failure(of) {
            Some(reason) => format!("{what} could not be found out ({reason}), expected {expected}"),
            None => format!("a {} has no {what}, expected {expected}", self.kind()),
        }
    }

    fn class(&self, exactness: Exactness) -> Option<String> {
        let wanted = self.expectation.type_name.as_ref()?;
        let classes = match exactness {
            Exactness::Subclasses => &self.answer.types[..],
            Exactness::Exact => &self.answer.types[..self.answer.types.len().min(1)],
        };
        let fits = types::is_type(classes, wanted);
        let only = if exactness == Exactness::Exact && types::is_type(&self.answer.types, wanted) {
            " itself, and no class that inherits from it"
        } else {
            ""
        };
        (!fits).then(|| format!("type is {}, expected {wanted}{only}", self.kind()))
    }

    fn shape(&self) -> Option<String> {
        let wanted = self.expectation.shape.as_ref()?;
        match &self.answer.shape {
            None => Some(self.unknown("shape", "shape", &wanted.to_string())),
            Some(sizes) if wanted.matches(sizes) => None,
            Some(sizes) => Some(format!("shape is {}, expected {wanted}", tuple(sizes))),
        }
    }

    fn bounds(&self) -> Vec<String> {
        let Expectation {
            min_value,
            max_value,
            range,
            ..
        } = self.expectation;
        let low = range.map(|[low, _]| low).or(*min_value);
        let high = range.map(|[_, high]| high).or(*max_value);
        if low.is_none() && high.is_none() {
            return Vec::new();
        }
        let expected = match (low, high) {
            (Some(low), Some(high)) => format!("from {low} to {high}"),
            (Some(low), None) => format!("at least {low}"),
            (None, Some(high)) => format!("at most {high}"),
            (None, None) => String::new(),
        };
        let Some([smallest, largest]) = self.answer.range else {
            return vec![self.unknown("range", "numbers", &expected)];
        };
        let mut reasons = Vec::new();
        if low.is_some_and(|low| smallest.value() < low.0) {
            reasons.push(format!(
                "smallest number is {}, expected {expected}",
                extreme(smallest)
            ));
        }
        if high.is_some_and(|high| largest.value() > high.0) {
            reasons.push(format!(
                "largest number is {}, expected {expected}",
                extreme(largest)
            ));
        }
        reasons
    }

    fn empty(&self) -> Option<String> {
        if self.expectation.not_empty != Some(true) {
            return None;
        }
        let by_shape = self.answer.shape.as_ref().filter(|sizes| !sizes.is_empty());
        if let Some(sizes) = by_shape {
            let reason = || format!("shape is {}, expected something in it", tuple(sizes));
            return sizes.contains(&0).then(reason);
        }
        match self.answer.length {
            None => Some(self.unknown("length", "length", "not empty")),
            Some(0) => Some(format!("the {} is empty, expected something in it", self.kind())),
            Some(_) => None,
        }
    }

    fn gaps(&self) -> Option<String> {
        if self.expectation.no_nan != Some(true) {
            return None;
        }
        match &self.answer.missing {
            None => Some(self.unknown("missing", "values that could be missing", "no NaN")),
            Some(missing) if missing.count == 0 => None,
            Some(missing) if missing.of == 1 => Some(format!("it is {}, expected no NaN", self.shown())),
            Some(missing) => Some(format!(
                "{} of {} values are NaN, None or null, expected no NaN",
                missing.count, missing.of
            )),
        }
    }

    fn shown(&self) -> String {
        let shown = self.answer.shown.clone();
        shown.unwrap_or_else(|| format!("a {}", self.kind()))
    }

    fn columns(&self) -> Option<String> {
        let wanted = self.expectation.columns.as_ref()?;
        let Some(columns) = &self.answer.columns else {
            return Some(self.unknown("columns", "columns", &listed(wanted)));
        };
        let have: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        if have == *wanted {
            return None;
        }
        let gone: Vec<String> = wanted
            .iter()
            .filter(|name| !have.contains(name))
            .cloned()
            .collect();
        let more: Vec<String> = have
            .iter()
            .filter(|name| !wanted.contains(name))
            .cloned()
            .collect();
        let difference = match (&gone[..], &more[..]) {
            ([], []) => "in another order, or some twice".to_owned(),
            ([], more) => format!("not expected: {}", listed(more)),
            (gone, []) => format!("missing: {}", listed(gone)),
            (gone, more) => format!("missing: {}; not expected: {}", listed(gone), listed(more)),
        };
        Some(format!(
            "columns are {}, expected {} ({difference})",
            listed(&have),
            listed(wanted)
        ))
    }

    fn dtypes(&self) -> Vec<String> {
        let Some(wanted) = &self.expectation.dtypes else {
            return Vec::new();
        };
        let Some(columns) = &self.answer.columns else {
            return vec![self.unknown("columns", "columns", "dtypes of them")];
        };
        let one = |(name, dtype): (&String, &String)| match columns.iter().find(|column| column.name == *name)
        {
            None => Some(format!(
                "there is no column `{name}`, expected one of dtype {dtype}"
            )),
            Some(column) if types::is_dtype(&column.dtype, dtype) => None,
            Some(column) => Some(format!(
                "column `{name}` has dtype {}, expected {dtype}",
                column.dtype
            )),
        };
        wanted.iter().filter_map(one).collect()
    }

    fn equals(&self) -> Option<String> {
        let wanted = self.expectation.equals.as_ref()?;
        let Some(found) = &self.answer.equals else {
            let reason = self.failure("equals").unwrap_or("nothing was answered");
            return Some(format!("it could not be compared ({reason}), expected {wanted}"));
        };
        if found.holds {
            return None;
        }
        let at = found.at.as_deref().unwrap_or_default();
        let actual = found.actual.as_deref().unwrap_or("something else");
        let expected = found.expected.clone().unwrap_or_else(|| wanted.to_string());
        let within = self
            .expectation
            .tolerance
            .map_or_else(String::new, |tolerance| format!(" within {tolerance}"));
        Some(if at.is_empty() {
            format!("it is {actual}, expected {expected}{within}")
        } else {
            format!("{at} is {actual}, expected {expected}{within}")
        })
    }

    fn contains(&self) -> Option<String> {
        let wanted = self.expectation.contains.as_ref()?;
        match &self.answer.lacks {
            None => {
                let reason = self.failure("contains").unwrap_or("nothing was answered");
                Some(format!(
                    "its parts could not be seen ({reason}), expected {wanted} in it"
                ))
            }
            Some(lacks) if lacks.is_empty() => None,
            Some(lacks) => {
                let lacks: Vec<String> = lacks.iter().map(Literal::to_string).collect();
                Some(format!(
                    "{} has no {}, expected it there",
                    self.shown(),
                    lacks.join(", ")
                ))
            }
        }
    }

    fn matches(&self, pattern: &regex::Regex) -> Option<String> {
        let Some(text) = &self.answer.text else {
            return Some(self.unknown("text", "text", &format!("one that matches `{pattern}`")));
        };
        if pattern.is_match(text) {
            return None;
        }
        let cut = if self.answer.text_cut {
            " in the beginning that was looked at"
        } else {
            ""
        };
        Some(format!(
            "text is {}, expected a match of `{pattern}`{cut}",
            Literal::Text(start(text))
        ))
    }

    fn length(&self) -> Option<String> {
        let wanted = self.expectation.length?;
        match self.answer.length {
            Some(length) if length == wanted => None,
            Some(length) => Some(format!("length is {length}, expected {wanted}")),
            None => Some(self.unknown("length", "length", &wanted.to_string())),
        }
    }

    fn order(&self) -> Option<String> {
        let wanted = self.expectation.monotone?;
        match &self.answer.orders {
            None => Some(self.unknown("order", "order", wanted.as_str())),
            Some(orders) if orders.contains(&wanted) => None,
            Some(orders) => {
                let is = orders.first().map_or("in no order", |order| order.as_str());
                Some(format!("values are {is}, expected {}", wanted.as_str()))
            }
        }
    }

    fn unique(&self) -> Option<String> {
        if self.expectation.unique != Some(true) {
            return None;
        }
        match self.answer.repeated {
            Some(0) => None,
            Some(1) => Some("1 value is there again, expected each once".to_owned()),
            Some(count) => Some(format!("{count} values are there again, expected each once")),
            None => Some(self.unknown("repeated", "values that could repeat", "each once")),
        }
    }

    fn expression(&self) -> Option<String> {
        let text = self.expectation.expression.as_deref()?.trim();
        let Some(found) = &self.answer.expression else {
            let reason = self.failure("expression").unwrap_or("nothing was answered");
            return Some(format!("`{text}` raised {reason}, expected it to be true"));
        };
        if found.holds {
            return None;
        }
        let actual = found.actual.as_deref().unwrap_or_default();
        Some(match (&found.at, &found.expected) {
            (Some(left), Some(right)) => {
                format!("`{text}` is false: `{left}` is {actual}, the other side {right}")
            }
            _ => format!("`{text}` is {actual}, expected it to be true"),
        })
    }
}

fn extreme(end: Extreme) -> String {
    end.value().to_string()
}

/// `(3, 2)`, and `(3,)` for one.
fn tuple(sizes: &[u64]) -> String {
    let texts: Vec<String> = sizes.iter().map(u64::to_string).collect();
    match &texts[..] {
        [one] => format!("({one},)"),
        all => format!("({})", all.join(", ")),
    }
}

fn listed(names: &[String]) -> String {
    match names.len() {
        0 => "none".to_owned(),
        count if count > NAMED => format!("{} and {} more", names[..NAMED].join(", "), count - NAMED),
        _ => names.join(", "),
    }
}

fn start(text: &str) -> String {
    const LONGEST: usize = 80;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
