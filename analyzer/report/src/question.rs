//! What the host asks about live values after a cell, and what the worker answers: facts on demand. Whether an answer
//! is what somebody expects is not said here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Literal, Order, ShareCount};

/// One question about one value. Its class and shape are told in any case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Which value; `None`: that of the cell's last expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What else is asked, besides comparisons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aspects: Vec<Aspect>,
    /// Is it equal to this?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Equals>,
    /// Are these parts of it?
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<Literal>,
    /// How far numbers may be off, absolutely and as a share of numbers over 1.
    pub tolerance: f64,
    /// Is this Python expression true? The value is `value` in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

/// The other side of a comparison. `null` is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Equals {
    /// What the value is compared with.
    pub to: Literal,
}

/// Something that takes time to find out about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// `len()` of it.
    Length,
    /// Names and data types of columns.
    Columns,
    /// The smallest and the largest number.
    Range,
    /// How many values are missing.
    Missing,
    /// The orders in which the values are.
    Order,
    /// How many values are there again.
    Repeated,
    /// The text of it: a `str` itself, else its `str()`.
    Text,
    /// A short plain value itself.
    Scalar,
}

/// What was found out about a value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Answer {
    /// There is such a value.
    pub found: bool,
    /// Its class and those that it inherits from, with their modules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// A short form of it for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// Sizes of its dimensions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<u64>>,
    /// `len()` of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Its columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Column>>,
    /// The one data type of an array or series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// The smallest and the largest of its numbers, those apart that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[Extreme; 2]>,
    /// Values that are NaN, `None` or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<ShareCount>,
    /// The orders that hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders: Option<Vec<Order>>,
    /// How many values are there again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated: Option<u64>,
    /// Its text, or the beginning of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Text was left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub text_cut: bool,
    /// A short plain value: a number, a short text, true, false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scalar: Option<Literal>,
    /// What the comparison came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<Holding>,
    /// What is not a part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Vec<Literal>>,
    /// What the expression came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<Holding>,
    /// What could not be found out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// It took too long and was stopped.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// Its label, as text.
    pub name: String,
    /// Its data type.
    pub dtype: String,
}

/// An end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Extreme {
    /// A finite number.
    Finite(f64),
    /// An infinity; no number of JSON.
    Infinite(Infinite),
}

/// The infinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Infinite {
    /// Positive.
    Inf,
    /// Negative.
    #[serde(rename = "-inf")]
    NegInf,
}

impl Extreme {
    /// As a floating number.
    pub const fn value(self) -> f64 {
        match self {
            Self::Finite(number) => number,
            Self::Infinite(Infinite::Inf) => f64::INFINITY,
            Self::Infinite(Infinite::NegInf) => f64::NEG_INFINITY,
        }
    }
}

/// Whether something is so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// It is.
    pub holds: bool,
    /// Where the first difference is: `[3]['a']`, or the expression's left side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// What would have to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

/// Something that could not be found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What was tried: `equals`, `expression`, an aspect.
    pub of: String,
    /// The exception, or why not.
    pub reason: String,
}
