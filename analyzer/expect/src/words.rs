//! Expectations in words: those of the comments, so that what is shown can be written.

use nbvet_report::Expectation;

/// All that is expected, without the value that it is expected of.
pub fn words(expectation: &Expectation) -> String {
    let Expectation {
        cell: _,
        cell_id: _,
        tag: _,
        name: _,
        type_name,
        shape,
        min_value,
        max_value,
        range,
        not_empty,
        no_nan,
        columns,
        dtypes,
        equals,
        contains,
        matches,
        length,
        monotone,
        unique,
        expression,
        tolerance,
    } = expectation;
    let within = tolerance.map_or_else(String::new, |tolerance| format!(" within {tolerance}"));
    let parts = [
        type_name.as_ref().map(|name| format!("type {name}")),
        shape.as_ref().map(|shape| format!("shape {shape}")),
        range.map(|[low, high]| format!("from {low} to {high}")),
        min_value.map(|low| format!("min {low}")),
        max_value.map(|high| format!("max {high}")),
        not_empty.filter(|set| *set).map(|_| "not empty".to_owned()),
        no_nan.filter(|set| *set).map(|_| "no NaN".to_owned()),
        columns
            .as_ref()
            .map(|columns| format!("columns [{}]", columns.join(", "))),
        dtypes.as_ref().map(|dtypes| {
            let dtypes: Vec<String> = dtypes
                .iter()
                .map(|(name, dtype)| format!("{name}: {dtype}"))
                .collect();
            format!("dtypes {{{}}}", dtypes.join(", "))
        }),
        equals.as_ref().map(|value| format!("equals {value}{within}")),
        contains.as_ref().map(|value| {
            let within = if equals.is_none() { &within } else { "" };
            format!("contains {value}{within}")
        }),
        matches.as_ref().map(|pattern| format!("matches \"{pattern}\"")),
        length.map(|length| format!("length {length}")),
        monotone.map(|order| order.as_str().to_owned()),
        unique.filter(|set| *set).map(|_| "unique".to_owned()),
        expression.as_ref().map(|expression| expression.trim().to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
