//! What an author expects of a value, and what came of it. One form for every place that an expectation is written
//! in; whether it makes sense is checked where it is read.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Literal;

/// What is expected of the value of a cell, or of a name after it. What is not set is not checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Expectation {
    /// Index of the cell, 0-based over all cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<u32>,
    /// The cell's id, where the file has ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell_id: Option<String>,
    /// Every code cell with this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The name whose value is meant; unset: the value of the cell's last expression. With neither cell, id nor tag: its
    /// value at the end of the notebook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The class, or one that it inherits from: `DataFrame`, `pandas.DataFrame`, `int | None`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Sizes of its dimensions; -1 stands for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// No number in it is smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_value: Option<Decimal>,
    /// No number in it is larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_value: Option<Decimal>,
    /// Both bounds at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[Decimal; 2]>,
    /// `true`: it has at least one row, item or character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_empty: Option<bool>,
    /// `true`: none of its values is NaN, `None` or null.
    #[serde(rename = "noNaN", skip_serializing_if = "Option::is_none")]
    pub no_nan: Option<bool>,
    /// Its columns: these and no others, in this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Data types of some of its columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtypes: Option<BTreeMap<String, String>>,
    /// It equals this, numbers within the tolerance.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub equals: Option<Literal>,
    /// This is a part of it: of a text, an item, a key, a column; of a list each item.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub contains: Option<Literal>,
    /// A regular expression that matches somewhere in its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// `len()` of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// The order of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monotone: Option<Order>,
    /// `true`: no value, or row of a table, is there twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<bool>,
    /// A Python expression over `value` and the notebook's names that is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// How far numbers of `equals` and `contains` may be off, absolutely and as a share of numbers over 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Decimal>,
}

/// `null` is a value here, and not the same as nothing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Literal>, D::Error> {
    Literal::deserialize(deserializer).map(Some)
}

/// The order of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// None is smaller than the one before it.
    Increasing,
    /// Each is larger than the one before it.
    StrictlyIncreasing,
    /// None is larger than the one before it.
    Decreasing,
    /// Each is smaller than the one before it.
    StrictlyDecreasing,
}

impl Order {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Increasing => "increasing",
            Self::StrictlyIncreasing => "strictly increasing",
            Self::Decreasing => "decreasing",
            Self::StrictlyDecreasing => "strictly decreasing",
        }
    }
}

/// A number that may be written as text, as resources of Kubernetes write decimals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decimal(pub f64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Decimal {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "only what fits exactly is written as a whole number"
    )]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() < 1e15 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl de::Visitor<'_> for Read {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a finite number")
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Decimal, E> {
                if number.is_finite() {
                    Ok(Decimal(number))
                } else {
                    Err(E::invalid_value(de::Unexpected::Float(number), &self))
                }
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "limits are compared as floating numbers"
            )]
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
                Ok(Decimal(number as f64))
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "limits are compared as floating numbers"
            )]
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Decimal, E> {
                Ok(Decimal(number as f64))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                let number = text
                    .trim()
                    .parse::<f64>()
                    .ok()
                    .filter(|number| number.is_finite());
                number
                    .map(Decimal)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Decimal")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or a decimal as text.",
            "type": ["number", "string"],
            "pattern": r"^\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*$"
        })
    }
}

/// Sizes of dimensions; -1 stands for any. Written `"-1,10"`, `"(-1, 10)"` or as a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape(pub Vec<i64>);

impl Shape {
    /// Whether these are such sizes.
    pub fn matches(&self, sizes: &[u64]) -> bool {
        self.0.len() == sizes.len()
            && self
                .0
                .iter()
                .zip(sizes)
                .all(|(want, have)| *want == -1 || u64::try_from(*want) == Ok(*have))
    }
}

/// A tuple, as Python writes it.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        match &sizes[..] {
            [one] => write!(f, "({one},)"),
            all => write!(f, "({})", all.join(", ")),
        }
    }
}

/// What is wrong with a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoShape;

impl fmt::Display for NoShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHAPE)
    }
}

const SHAPE: &str = "a shape such as \"-1,10\" or [-1, 10], where -1 stands for any size";
/// numpy takes no more dimensions.
const MAX_DIMENSIONS: usize = 64;

impl FromStr for Shape {
    type Err = NoShape;

    fn from_str(text: &str) -> Result<Self, NoShape> {
        let text = text.trim();
        let inner = text
            .strip_prefix('(')
            .map_or(Some(text), |rest| rest.strip_suffix(')'))
            .ok_or(NoShape)?
            .trim();
        let inner = inner.strip_suffix(',').unwrap_or(inner);
        if inner.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let sizes: Result<Vec<i64>, _> = inner.split(',').map(|size| size.trim().parse()).collect();
        Self::checked(sizes.map_err(|_| NoShape)?)
    }
}

impl Shape {
    fn checked(sizes: Vec<i64>) -> Result<Self, NoShape> {
        let good = sizes.len() <= MAX_DIMENSIONS && sizes.iter().all(|size| *size >= -1);
        good.then_some(Self(sizes)).ok_or(NoShape)
    }
}

impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> de::Visitor<'de> for Read {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SHAPE)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Shape, E> {
                text.parse()
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
                let mut sizes = Vec::new();
                while let Some(size) = items.next_element()? {
                    sizes.push(size);
                    if sizes.len() > MAX_DIMENSIONS {
                        return Err(de::Error::invalid_length(sizes.len(), &self));
                    }
                }
                Shape::checked(sizes).map_err(|_| de::Error::invalid_value(de::Unexpected::Seq, &Read))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Shape {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Shape")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Sizes of dimensions; -1 stands for any: \"-1,10\" or [-1, 10].",
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "integer", "minimum": -1}, "maxItems": MAX_DIMENSIONS}
            ]
        })
    }
}

/// One expectation of one value, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpectationResult {
    /// Where it is written: "a comment in cell 3", "nbvet.toml:12".
    pub written: String,
    /// The cell that it speaks of, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<u32>,
    /// Line of that cell (1-based) that it is written in, or is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The value: "the result" or "`df`".
    pub subject: String,
    /// All that is expected, in words.
    pub expected: String,
    /// Whether it holds.
    pub status: ExpectationStatus,
    /// What does not hold, or why nothing is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// What came of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectationStatus {
    /// It holds.
    Met,
    /// It does not.
    Unmet,
    /// Nobody knows: its cell is not there or did not come to its end.
    NotChecked,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_text_as_people_write_it() {
        for text in ["-1,10", "(-1, 10)", " -1 , 10 ", "(-1, 10,)"] {
            assert_eq!(text.parse(), Ok(Shape(vec![-1, 10])), "{text}");
        }
        assert_eq!("()".parse(), Ok(Shape(Vec::new())));
        assert_eq!("(3,)".parse(), Ok(Shape(vec![3])));
        for text in ["(1, 2", "-2", "1,,2", "a", "1.5"] {
            assert_eq!(text.parse::<Shape>(), Err(NoShape), "{text}");
        }
    }

    #[test]
    fn free_sizes_match_any_but_not_another_number_of_them() {
        let shape = Shape(vec![-1, 10]);
        assert!(shape.matches(&[7, 10]) && shape.matches(&[0, 10]));
        assert!(!shape.matches(&[7, 9]) && !shape.matches(&[10]) && !shape.matches(&[7, 10, 1]));
        assert_eq!(shape.to_string(), "(-1, 10)");
        assert_eq!(Shape(vec![5]).to_string(), "(5,)");
    }
}
