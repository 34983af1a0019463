//! JSON outputs: by structure. The order of an object's members means nothing.

use serde_json::{Map, Value};

use crate::{
    difference::{Difference, excerpt},
    masks::{Counts, Flavour, Mask, count},
    options::Options,
    text,
};

/// Compares two values; `None` where they are equal.
pub(crate) fn compare(
    expected: &Value,
    actual: &Value,
    options: &Options,
    counts: &mut Counts,
) -> Option<Difference> {
    let mut accepted = Counts::new();
    let found = Walk {
        options,
        counts: &mut accepted,
        path: "$".to_owned(),
    }
    .value(expected, actual);
    if found.is_none() {
        for (mask, times) in accepted {
            count(counts, mask, times);
        }
    }
    found
}

struct Walk<'w> {
    options: &'w Options,
    counts: &'w mut Counts,
    path: String,
}

impl Walk<'_> {
    /// The first difference. `serde_json` has bounded how deep values are.
    fn value(&mut self, expected: &Value, actual: &Value) -> Option<Difference> {
        match (expected, actual) {
            (Value::Object(expected), Value::Object(actual)) => self.object(expected, actual),
            (Value::Array(expected), Value::Array(actual)) => self.array(expected, actual),
            (Value::String(expected), Value::String(actual)) => {
                let found = text::compare(expected, actual, Flavour::Markup, self.options, self.counts)?;
                Some(Difference {
                    place: Some(self.place(found.place.as_deref())),
                    ..found
                })
            }
            (expected, actual) if expected == actual => None,
            (Value::Number(wanted), Value::Number(given)) if self.accepts(wanted, given) => {
                count(self.counts, Mask::Numbers, 1);
                None
            }
            (expected, actual) => Some(self.different(Some(expected), Some(actual))),
        }
    }

    fn accepts(&self, wanted: &serde_json::Number, given: &serde_json::Number) -> bool {
        let numbers = wanted.as_f64().zip(given.as_f64());
        // Whole numbers are counts and ids.
        let fractions = wanted.is_f64() && given.is_f64();
        !self.options.is_exact()
            && fractions
            && numbers.is_some_and(|(wanted, given)| self.options.tolerance.accepts(wanted, given))
    }

    fn object(&mut self, expected: &Map<String, Value>, actual: &Map<String, Value>) -> Option<Difference> {
        for (key, value) in expected {
            let found = self.within(&member(key), |walk| match actual.get(key) {
                Some(given) => walk.value(value, given),
                None => Some(walk.different(Some(value), None)),
            });
            if found.is_some() {
                return found;
            }
        }
        let extra = actual.iter().find(|(key, _)| !expected.contains_key(*key))?;
        self.within(&member(extra.0), |walk| Some(walk.different(None, Some(extra.1))))
    }

    fn array(&mut self, expected: &[Value], actual: &[Value]) -> Option<Difference> {
        for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
            let found = self.within(&format!("[{index}]"), |walk| walk.value(expected, actual));
            if found.is_some() {
                return found;
            }
        }
        if expected.len() == actual.len() {
            return None;
        }
        let items = |list: &[Value]| format!("{} items", list.len());
        Some(Difference {
            place: Some(self.place(None)),
            expected: Some(items(expected)),
            actual: Some(items(actual)),
            diff: format!("- {}\n+ {}\n", items(expected), items(actual)),
            ..Difference::default()
        })
    }

    fn within(
        &mut self,
        step: &str,
        look: impl FnOnce(&mut Self) -> Option<Difference>,
    ) -> Option<Difference> {
        let length = self.path.len();
        self.path.push_str(step);
        let found = look(self);
        self.path.truncate(length);
        found
    }

    fn different(&self, expected: Option<&Value>, actual: Option<&Value>) -> Difference {
        let shown = |value: Option<&Value>| value.map(|value| excerpt(&value.to_string(), self.options));
        let (expected_text, actual_text) = (shown(expected), shown(actual));
        let line = |sign: char, text: &Option<String>| {
            text.as_ref()
                .map(|text| format!("{sign} {text}\n"))
                .unwrap_or_default()
        };
        let numbers = expected
            .and_then(Value::as_f64)
            .zip(actual.and_then(Value::as_f64));
        Difference {
            place: Some(self.place(None)),
            detail: numbers.map(|(wanted, given)| self.options.tolerance.told(wanted, given)),
            diff: line('-', &expected_text) + &line('+', &actual_text),
            expected: expected_text,
            actual: actual_text,
        }
    }

    fn place(&self, within: Option<&str>) -> String {
        let path = excerpt(&self.path, self.options);
        within.map_or_else(|| path.clone(), |within| format!("{path}, {within}"))
    }
}

fn member(key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_plain {
        format!(".{key}")
    } else {
        format!("[{}]", Value::from(key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expected: &Value, actual: &Value, told: &str) {
        let found = compare(expected, actual, &Options::default(), &mut Counts::new());
        let found = found.map_or_else(
            || "equal".to_owned(),
            |found| {
                let parts = [found.place, found.expected, found.actual];
                parts
                    .map(|part| part.unwrap_or_else(|| "-".to_owned()))
                    .join(" | ")
            },
        );
        assert_eq!(found, told);
    }

    #[test]
    fn members_have_no_order_and_fractions_a_tolerance() {
        check(
            &json!({"a": 0.5, "b": [1]}),
            &json!({"b": [1], "a": 0.50001}),
            "equal",
        );
        check(
            &json!({"a": 10_000}),
            &json!({"a": 10_001}),
            "$.a | 10000 | 10001",
        );
        check(&json!({"a": 1}), &json!({"a": 1.0}), "$.a | 1 | 1.0");
    }

    #[test]
    fn the_place_of_a_difference_is_told() {
        check(
            &json!({"data": [{"y": [1, 2]}, {"b c": null}]}),
            &json!({"data": [{"y": [1, 2]}, {"b c": 3}]}),
            "$.data[1][\"b c\"] | null | 3",
        );
        check(
            &json!({"a": [1]}),
            &json!({"a": [1, 2]}),
            "$.a | 1 items | 2 items",
        );
        check(&json!({}), &json!({"x": 1}), "$.x | - | 1");
    }

    #[test]
    fn ids_made_from_chance_are_accepted() {
        let id = |digit: char| json!({"id": format!("{digit}f0e8a52-3c1d-4f6a-9b7e-0a1b2c3d4e5f")});
        check(&id('1'), &id('2'), "equal");
    }
}
