//! Expectations out of two good runs: what was so both times, with room where numbers may move. What differed is said
//! and not expected.

use std::fmt::Write as _;

use nbvet_report::{
    Answer, Decimal, Expectation, Extreme, Literal, Shape,
    hidden::{acts, escaped},
};
use serde_json::Value;

use crate::{check, comment::is_name, types};

/// Columns of a table that are named; of wider ones only the shape is expected.
const MAX_COLUMNS: usize = 100;
/// Numbers of equal runs may move by this share of their span.
const MARGIN: f64 = 0.05;
/// Numbers of unequal runs may move by this share.
const WIDE_MARGIN: f64 = 0.5;
/// How far floating numbers that were equal may be off.
const TOLERANCE: f64 = 1e-6;
/// Classes of values that say nothing about a result.
const TOOLS: [&str; 8] = [
    "module",
    "function",
    "type",
    "builtin_function_or_method",
    "method",
    "numpy.ufunc",
    "abc.ABCMeta",
    "generator",
];

/// One value as a run has shown it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The cell after which it was looked at.
    pub cell: u32,
    /// The name; `None`: the cell's value.
    pub name: Option<String>,
    /// What was found out.
    pub answer: Answer,
}

/// What is proposed for one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// What is expected of it, if anything was the same in both runs.
    pub expectation: Option<Expectation>,
    /// The value, in words.
    pub subject: String,
    /// What differed.
    pub unsteady: Vec<String>,
}

/// What both runs agree upon, in the order of the first. `id_of` gives the id of a cell, where it has one.
pub fn propose(first: &[Seen], second: &[Seen], id_of: &dyn Fn(u32) -> Option<String>) -> Vec<Proposal> {
    let of = |seen: &Seen| {
        let other = second
            .iter()
            .find(|other| other.cell == seen.cell && other.name == seen.name);
        one(seen, other, id_of)
    };
    let mut proposals: Vec<(&Seen, Proposal)> =
        first.iter().filter_map(|seen| Some((seen, of(seen)?))).collect();
    leave_out_shown_names(&mut proposals);
    proposals.into_iter().map(|(_, proposal)| proposal).collect()
}

/// A cell that ends with a name shows what the name holds: said once is enough.
fn leave_out_shown_names(proposals: &mut Vec<(&Seen, Proposal)>) {
    let says_the_same = |one: &Proposal, other: &Proposal| {
        let (Some(result), Some(named)) = (&one.expectation, &other.expectation) else {
            return one.expectation == other.expectation && one.unsteady == other.unsteady;
        };
        let named = Expectation {
            name: None,
            ..named.clone()
        };
        *result == named && one.unsteady == other.unsteady
    };
    let is_told = |seen: &Seen, proposal: &Proposal| {
        proposals.iter().any(|(other, named)| {
            other.cell == seen.cell && other.name.is_some() && says_the_same(proposal, named)
        })
    };
    let kept: Vec<bool> = proposals
        .iter()
        .map(|(seen, proposal)| seen.name.is_some() || !is_told(seen, proposal))
        .collect();
    let mut kept = kept.into_iter();
    proposals.retain(|_| kept.next().unwrap_or(true));
}

fn one(seen: &Seen, other: Option<&Seen>, id_of: &dyn Fn(u32) -> Option<String>) -> Option<Proposal> {
    let kind = seen.answer.types.first()?;
    // `globals()` takes names that nobody can write.
    let is_left_alone = |name: &str| name.starts_with('_') || !is_name(name);
    if TOOLS.contains(&kind.as_str()) || seen.name.as_deref().is_some_and(is_left_alone) {
        return None;
    }
    let value = seen
        .name
        .as_ref()
        .map_or("the result".to_owned(), |name| format!("`{name}`"));
    let mut proposal = Proposal {
        expectation: None,
        subject: format!("cell {}, {value}", seen.cell),
        unsteady: Vec::new(),
    };
    let Some(other) = other else {
        proposal.unsteady.push("it was there in one run only".to_owned());
        return Some(proposal);
    };
    let both = Both {
        first: &seen.answer,
        second: &other.answer,
    };
    if both.first.types != both.second.types {
        let other = both.second.types.first().map_or("?", String::as_str);
        proposal.unsteady.push(format!("type: {kind} and {other}"));
        return Some(proposal);
    }
    if kind == "NoneType" && seen.name.is_none() {
        // What `print` and `plt.show()` leave: nobody expects it.
        return None;
    }
    let id = id_of(seen.cell);
    let mut expectation = Expectation {
        cell: id.is_none().then_some(seen.cell),
        cell_id: id,
        name: seen.name.clone(),
        type_name: Some(short_type(kind)).filter(|name| types::is_name(name)),
        ..Expectation::default()
    };
    if kind != "NoneType" {
        both.fill(&mut expectation, &mut proposal.unsteady);
    }
    // What would be refused when it is read is not written.
    proposal.expectation = check(expectation, &|_| true)
        .ok()
        .map(|checked| checked.expectation().clone());
    Some(proposal)
}

/// `pandas.DataFrame`: the library and the class, as people write it; a class of the notebook by its own name.
fn short_type(kind: &str) -> String {
    let last = kind.rsplit('.').next().unwrap_or(kind);
    match kind.split('.').next() {
        Some("NoneType") => "None".to_owned(),
        Some("__main__") => last.to_owned(),
        Some(first) if first != last => format!("{first}.{last}"),
        _ => last.to_owned(),
    }
}

struct Both<'a> {
    first: &'a Answer,
    second: &'a Answer,
}

impl Both<'_> {
    fn fill(&self, into: &mut Expectation, unsteady: &mut Vec<String>) {
        if self.scalar(into, unsteady) || self.whole_numbers(into) {
            return;
        }
        self.sizes(into, unsteady);
        self.columns(into, unsteady);
        let whole = |answer: &Answer| {
            answer
                .missing
                .is_some_and(|missing| missing.count == 0 && missing.of > 0)
        };
        if whole(self.first) && whole(self.second) && (into.shape.is_some() || self.first.range.is_some()) {
            into.no_nan = Some(true);
        }
        self.range(into, unsteady);
    }

    /// One plain value; whether it is one.
    fn scalar(&self, into: &mut Expectation, unsteady: &mut Vec<String>) -> bool {
        let (Some(first), Some(second)) = (&self.first.scalar, &self.second.scalar) else {
            return false;
        };
        if first == second {
            into.equals = Some(first.clone());
            if matches!(first, Literal::Number(_)) {
                into.tolerance = Some(Decimal(TOLERANCE));
            }
            return true;
        }
        unsteady.push(format!("value: {first} and {second}"));
        if self.first.range.is_some() {
            into.no_nan = Some(true);
        }
        true
    }

    /// A few whole numbers, such as a shape: a range would say little of them. Whether it is that.
    fn whole_numbers(&self, into: &mut Expectation) -> bool {
        let (first, second) = (whole_numbers(self.first), whole_numbers(self.second));
        let same = first.is_some() && first == second;
        if same {
            into.equals = first.map(Literal::List);
        }
        same
    }

    fn sizes(&self, into: &mut Expectation, unsteady: &mut Vec<String>) {
        match (&self.first.shape, &self.second.shape) {
            (Some(first), Some(second)) if first.len() == second.len() && !first.is_empty() => {
                let sizes = first.iter().zip(second);
                let sizes = sizes.map(|(one, other)| {
                    if one == other {
                        i64::try_from(*one).unwrap_or(-1)
                    } else {
                        -1
                    }
                });
                let shape = Shape(sizes.collect());
                if first != second {
                    unsteady.push(format!("shape: {first:?} and {second:?}"));
                }
                into.shape = Some(shape);
            }
            (Some(first), Some(second)) if first != second => {
                unsteady.push(format!("shape: {first:?} and {second:?}"));
            }
            (None, None) => self.length(into, unsteady),
            _ => {}
        }
    }

    fn length(&self, into: &mut Expectation, unsteady: &mut Vec<String>) {
        if let (Some(first), Some(second)) = (self.first.length, self.second.length) {
            if first == second {
                into.length = Some(first);
            } else {
                unsteady.push(format!("length: {first} and {second}"));
                into.not_empty = (first > 0 && second > 0).then_some(true);
            }
        }
    }

    fn columns(&self, into: &mut Expectation, unsteady: &mut Vec<String>) {
        let (Some(first), Some(second)) = (&self.first.columns, &self.second.columns) else {
            return;
        };
        if first.len() > MAX_COLUMNS {
            return;
        }
        let names = |columns: &[nbvet_report::Column]| -> Vec<String> {
            columns.iter().map(|column| column.name.clone()).collect()
        };
        if names(first) != names(second) {
            unsteady.push("columns differ".to_owned());
            return;
        }
        into.columns = Some(names(first));
        let same = first.iter().zip(second).filter(|(one, other)| one == other);
        let dtypes: std::collections::BTreeMap<_, _> = same
            .map(|(one, _)| (one.name.clone(), one.dtype.clone()))
            .collect();
        into.dtypes = (!dtypes.is_empty()).then_some(dtypes);
    }

    fn range(&self, into: &mut Expectation, unsteady: &mut Vec<String>) {
        let (Some(first), Some(second)) = (self.first.range, self.second.range) else {
            return;
        };
        let [low, high] = [0, 1].map(|end| (first[end].value(), second[end].value()));
        let ends = [low.0.min(low.1), high.0.max(high.1)];
        if ends.iter().any(|end| !end.is_finite()) {
            return;
        }
        let same = first == second;
        if !same {
            unsteady.push(format!(
                "numbers: from {} to {} and from {} to {}",
                shown(first[0]),
                shown(first[1]),
                shown(second[0]),
                shown(second[1])
            ));
        }
        let share = if same { MARGIN } else { WIDE_MARGIN };
        let [low, high] = ends;
        let span = if high > low { high - low } else { high.abs() };
        let room = share * span;
        into.range = Some([
            Decimal(rounded(low - room, f64::floor)),
            Decimal(rounded(high + room, f64::ceil)),
        ]);
    }
}

/// The numbers of a short list or tuple, of which the short form shows all.
fn whole_numbers(answer: &Answer) -> Option<Vec<Literal>> {
    let is_sequence = matches!(answer.types.first().map(String::as_str), Some("list" | "tuple"));
    let shown = answer.shown.as_deref().filter(|_| is_sequence)?;
    let inner = shown.strip_prefix(['(', '['])?.strip_suffix([')', ']'])?;
    let numbers = inner.split(',').map(str::trim).filter(|item| !item.is_empty());
    let numbers: Vec<Literal> = numbers
        .map(|item| item.parse().ok().map(Literal::Whole))
        .collect::<Option<_>>()?;
    let all = u64::try_from(numbers.len()).ok();
    (!numbers.is_empty() && all == answer.length).then_some(numbers)
}

fn shown(end: Extreme) -> String {
    end.value().to_string()
}

/// Three digits are enough for a bound with a margin.
fn rounded(number: f64, towards: fn(f64) -> f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "exponents of floating numbers are small"
    )]
    let digits = 2 - number.abs().log10().floor() as i32;
    let text = if digits >= 0 {
        format!("{}e-{digits}", towards(number * 10_f64.powi(digits)))
    } else {
        format!("{}e{}", towards(number / 10_f64.powi(-digits)), -digits)
    };
    // By its decimal form, so that 0.3 is written as 0.3.
    text.parse().unwrap_or(number)
}

/// A file for these expectations, to lie beside the notebook.
pub fn to_yaml(notebook: &str, expectations: &[Expectation]) -> String {
    let name = notebook.replace(acts, " ");
    let mut text = format!(
        "# What is expected of {name}: proposed by `nbvet expect`, checked by `nbvet validate`.\nexpectedOutputs:"
    );
    if expectations.is_empty() {
        text.push_str(" []");
    }
    text.push('\n');
    for expectation in expectations {
        // Plain data with string keys.
        let Ok(Value::Object(fields)) = serde_json::to_value(expectation) else {
            continue;
        };
        for (index, (key, value)) in fields.iter().enumerate() {
            let start = if index == 0 { "-" } else { " " };
            // JSON is YAML.
            let _ = writeln!(text, "{start} {key}: {}", spaced(value));
        }
    }
    text
}

/// JSON with a blank behind commas and colons.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| {
                    let key = Value::String(key.clone()).to_string();
                    format!("{}: {}", escaped(&key), spaced(value))
                })
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        other => escaped(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sidecar, words, yaml};

    fn seen(answer: Value) -> Vec<Seen> {
        vec![Seen {
            cell: 2,
            name: Some("x".to_owned()),
            answer: serde_json::from_value(answer).unwrap(),
        }]
    }

    fn check(first: Value, second: Value, expected: &str, unsteady: &[&str]) {
        let proposals = propose(&seen(first), &seen(second), &|_| None);
        let [proposal] = &proposals[..] else {
            unreachable!("one value was seen")
        };
        let told = proposal.expectation.as_ref().map(words).unwrap_or_default();
        assert_eq!(told, expected);
        assert_eq!(proposal.unsteady, unsteady);
        let written: Vec<Expectation> = proposal.expectation.iter().cloned().collect();
        let read = sidecar(yaml(&to_yaml("a.ipynb", &written)).unwrap(), &|_| true).unwrap();
        let read: Vec<Expectation> = read
            .into_iter()
            .map(|(_, checked)| checked.expectation().clone())
            .collect();
        assert_eq!(read, written, "what is written is read as it was");
    }

    #[test]
    fn what_print_leaves_is_nothing_to_expect() {
        let mut result = seen(serde_json::json!({"types": ["NoneType", "object"]}));
        let proposed = |seen: &[Seen]| propose(seen, seen, &|_| None).len();
        assert_eq!(proposed(&result), 1, "a name that is None is told");
        result[0].name = None;
        assert_eq!(proposed(&result), 0);
    }

    #[test]
    fn a_name_that_a_cell_shows_is_expected_once_and_one_that_nobody_can_write_never() {
        let five = serde_json::json!({"found": true, "types": ["int", "object"], "scalar": 5});
        let names = |cell: u32, names: &[Option<&str>]| -> Vec<Seen> {
            let of = |name: Option<&str>| Seen {
                cell,
                name: name.map(str::to_owned),
                answer: serde_json::from_value(five.clone()).unwrap(),
            };
            names.iter().copied().map(of).collect()
        };
        let proposed = |seen: &[Seen]| -> Vec<String> {
            let proposals = propose(seen, seen, &|_| None);
            proposals.into_iter().map(|proposal| proposal.subject).collect()
        };
        let shown = names(1, &[None, Some("mean"), Some("weird name: x")]);
        assert_eq!(proposed(&shown), ["cell 1, `mean`"]);
        let mut elsewhere = names(1, &[Some("mean")]);
        elsewhere.extend(names(2, &[None]));
        assert_eq!(proposed(&elsewhere), ["cell 1, `mean`", "cell 2, the result"]);
    }

    #[test]
    fn a_few_whole_numbers_are_expected_as_they_are() {
        let of = |kind: &str, shown: &str, length: u64| {
            serde_json::json!({"found": true, "types": [kind, "object"], "shown": shown, "length": length,
                "range": [3, 5], "missing": {"count": 0, "of": length}})
        };
        for (given, expected) in [
            (of("tuple", "(5, 3)", 2), "type tuple, equals [5, 3]"),
            (of("tuple", "(5,)", 1), "type tuple, equals [5]"),
            (of("list", "[5, -3, 0]", 3), "type list, equals [5, -3, 0]"),
            (
                of("list", "[5, 3.5]", 2),
                "type list, from 2.9 to 5.1, no NaN, length 2",
            ),
            (
                of("list", "a list of 9", 9),
                "type list, from 2.9 to 5.1, no NaN, length 9",
            ),
        ] {
            check(given.clone(), given, expected, &[]);
        }
    }

    #[test]
    fn nothing_that_is_written_acts_on_who_reads_it() {
        let odd = "a\u{202e}b\u{2028}c\u{7f}\u{85}\u{1b}[2J\n";
        let text = serde_json::json!({"found": true, "types": ["str", "object"], "scalar": odd});
        let proposals = propose(&seen(text.clone()), &seen(text), &|_| None);
        let written: Vec<Expectation> = proposals.into_iter().filter_map(|one| one.expectation).collect();
        let yaml_text = to_yaml("a\u{2028}b\u{202e}.ipynb", &written);
        assert!(
            yaml_text.contains(r#""a\u202eb\u2028c\u007f\u0085\u001b[2J\n""#),
            "{yaml_text}"
        );
        let acting = |c: &char| *c != '\n' && acts(*c);
        assert_eq!(yaml_text.chars().find(acting), None);
        let read = sidecar(yaml(&yaml_text).unwrap(), &|_| true).unwrap();
        assert_eq!(
            read[0].1.expectation().equals,
            Some(Literal::Text(odd.to_owned()))
        );
    }

    #[test]
    fn what_both_runs_agree_upon_is_expected() {
        let table = serde_json::json!({"found": true, "types": ["pandas.core.frame.DataFrame", "object"], "shape": [40, 2],
            "columns": [{"name": "a: b", "dtype": "int64"}, {"name": "#c", "dtype": "float64"}],
            "missing": {"count": 0, "of": 80}, "range": [-1.5, 98.4]});
        check(
            table.clone(),
            table,
            "type pandas.DataFrame, shape (40, 2), from -6.5 to 104, no NaN, columns [a: b, #c], dtypes {#c: float64, a: b: int64}",
            &[],
        );
        let number = serde_json::json!({"found": true, "types": ["float", "object"], "scalar": 0.25, "range": [0.25, 0.25]});
        check(
            number.clone(),
            number,
            "type float, equals 0.25 within 0.000001",
            &[],
        );
        let text = serde_json::json!({"found": true, "types": ["str", "object"], "scalar": "a: 'b'\n#"});
        check(text.clone(), text, r#"type str, equals "a: 'b'\n#""#, &[]);
        let none = serde_json::json!({"found": true, "types": ["NoneType"]});
        check(none.clone(), none, "type None", &[]);
    }

    #[test]
    fn what_differs_is_left_open_and_said() {
        let of = |rows: u64, high: f64| {
            serde_json::json!({"found": true, "types": ["numpy.ndarray"], "shape": [rows, 3],
                "missing": {"count": 0, "of": 9}, "range": [0.0, high]})
        };
        check(
            of(4, 1.0),
            of(5, 1.2),
            "type numpy.ndarray, shape (-1, 3), from -0.6 to 1.8, no NaN",
            &[
                "shape: [4, 3] and [5, 3]",
                "numbers: from 0 to 1 and from 0 to 1.2",
            ],
        );
        let scalar = |value: f64| serde_json::json!({"found": true, "types": ["float"], "scalar": value, "range": [value, value]});
        check(
            scalar(0.5),
            scalar(0.75),
            "type float, no NaN",
            &["value: 0.5 and 0.75"],
        );
        let kind = |kind: &str| serde_json::json!({"found": true, "types": [kind], "length": 3});
        check(kind("list"), kind("set"), "", &["type: list and set"]);
    }
}
