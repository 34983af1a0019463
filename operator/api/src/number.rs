//! Values that the format of Kubernetes has no type for: decimals, durations and any JSON. How they look on the wire,
//! and their schemas.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number as a resource carries it: a whole one, or a decimal in quotes. It is read whatever stands there, since one
/// object that cannot be read would hide all others; what it means is asked later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quoted {
    /// `3`.
    Whole(i64),
    /// `"0.01"`.
    Text(String),
}

impl Quoted {
    /// The number; `None` where the text is none, or one that is not finite.
    #[expect(
        clippy::cast_precision_loss,
        reason = "limits are compared as floating numbers"
    )]
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl Serialize for Quoted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Quoted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl de::Visitor<'_> for Read {
            type Value = Quoted;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or a decimal in quotes")
            }
            fn visit_i64<E>(self, number: i64) -> Result<Quoted, E> {
                Ok(Quoted::Whole(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Quoted, E> {
                Ok(i64::try_from(number).map_or_else(|_| Quoted::Text(number.to_string()), Quoted::Whole))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Quoted, E> {
                Ok(Quoted::Text(number.to_string()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Quoted, E> {
                Ok(Quoted::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// The schema of a decimal that may be negative.
pub fn decimal(_: &mut SchemaGenerator) -> Schema {
    quoted(r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$")
}

/// The schema of a decimal from zero on.
pub fn positive_decimal(_: &mut SchemaGenerator) -> Schema {
    quoted(r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$")
}

fn quoted(pattern: &str) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "pattern": pattern,
        "maxLength": 64
    })
}

/// Two decimals, the smaller one first.
pub fn range(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "items": {
            "description": "A whole number, or a decimal in quotes.",
            "x-kubernetes-int-or-string": true,
            "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$",
            "maxLength": 64
        }
    })
}

/// The schema of a duration in Go's form that is longer than nothing.
pub fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 64,
        "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
        "x-kubernetes-validations": [{
            "rule": "duration(self) > duration('0s')",
            "message": "a duration is longer than nothing: 90s, 45m, 1h30m"
        }]
    })
}

/// The schema of any JSON, `null` among it.
pub fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-preserve-unknown-fields": true,
        "nullable": true
    })
}

/// The schema of names with any JSON.
pub fn any_members(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true
    })
}

/// The schema of a list of any objects.
pub fn any_objects(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "description": "Any object.",
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true
        }
    })
}
