//! Names of types as people write them against names as values have them.

/// Whether a class, or one of those that it inherits from, is one of the types that are written, as in
/// `DataFrame`, `pandas.DataFrame`, `list[int]`, `int | None`.
pub(crate) fn is_type(classes: &[String], written: &str) -> bool {
    alternatives(written)
        .iter()
        .any(|wanted| classes.iter().any(|class| is_class(class, wanted)))
}

/// The types between `|`, without what is in brackets.
fn alternatives(written: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut outside = String::new();
    for character in written.chars() {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            other if depth == 0 => outside.push(other),
            _ => {}
        }
    }
    let named = outside.split('|').map(|one| match one.trim() {
        "None" => "NoneType".to_owned(),
        other => other.to_owned(),
    });
    named.collect()
}

/// Libraries move their classes between modules: with a module the first part and the last have to agree.
fn is_class(class: &str, wanted: &str) -> bool {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    if !wanted.contains('.') {
        return last(class) == wanted;
    }
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    class == wanted || (class.contains('.') && first(class) == first(wanted) && last(class) == last(wanted))
}

/// Whether what is written can be a type.
pub(crate) fn is_name(written: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && !word.starts_with(|c: char| c.is_ascii_digit())
            && word.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    !written.trim().is_empty()
        && alternatives(written)
            .iter()
            .all(|one| one.split('.').all(is_word))
}

/// Whether a data type is the one that is written, or of the family: `int`, `float`, `number`, `datetime`, `string`.
pub(crate) fn is_dtype(dtype: &str, written: &str) -> bool {
    if dtype == written {
        return true;
    }
    let lower = dtype.to_ascii_lowercase();
    let starts = |families: &[&str]| families.iter().any(|family| lower.starts_with(family));
    match written {
        "int" | "integer" => starts(&["int", "uint"]),
        "float" => starts(&["float", "double"]),
        "number" => starts(&["int", "uint", "float", "double", "decimal"]),
        "bool" => starts(&["bool"]),
        "datetime" => starts(&["datetime", "timestamp"]),
        "string" | "str" => starts(&["str", "utf8", "large_string"]),
        "category" | "categorical" => starts(&["categor", "enum"]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_last_name_and_by_its_library() {
        let frame = ["pandas.core.frame.DataFrame".to_owned(), "object".to_owned()];
        for written in [
            "DataFrame",
            "pandas.DataFrame",
            "Series | DataFrame",
            "DataFrame | None",
        ] {
            assert!(is_type(&frame, written), "{written}");
        }
        for written in ["polars.DataFrame", "Frame", "dataframe", "None", "core.DataFrame"] {
            assert!(!is_type(&frame, written), "{written}");
        }
        assert!(is_type(&["NoneType".to_owned()], "None"));
        assert!(is_type(&["list".to_owned()], "list[int]"));
    }

    #[test]
    fn what_is_no_name_is_no_type() {
        for written in ["int", "a.b.C", "int | None", "dict[str, int | None]"] {
            assert!(is_name(written), "{written}");
        }
        for written in ["", " ", "3", "a..b", "int |", "a b", "<int>"] {
            assert!(!is_name(written), "{written}");
        }
    }

    #[test]
    fn a_family_of_data_types_has_its_members() {
        for (dtype, written) in [
            ("int64", "int64"),
            ("Int64", "int"),
            ("uint8", "number"),
            ("datetime64[ns]", "datetime"),
            ("String", "string"),
        ] {
            assert!(is_dtype(dtype, written), "{dtype} {written}");
        }
        for (dtype, written) in [
            ("int64", "int32"),
            ("object", "str"),
            ("float64", "int"),
            ("bool", "number"),
        ] {
            assert!(!is_dtype(dtype, written), "{dtype} {written}");
        }
    }
}
