//! One pass over the file's JSON that keeps the raw spans of what matters and skips the rest unseen: outputs are most
//! of a notebook's bytes. Skipping does not recurse, so no depth of nesting can overflow the stack.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A value of the expected shape, or what is there in its place.
#[derive(Debug)]
pub(crate) enum Shape<T> {
    /// As expected.
    Good(T),
    /// Something else: "a number".
    Wrong(&'static str),
}

/// An object that is read member by member; where a key is repeated, the last one counts, as in Python.
pub(crate) trait FromMembers<'de>: Default {
    /// Takes one member's value.
    fn member<A: MapAccess<'de>>(&mut self, key: &Key<'de>, map: &mut A) -> Result<(), A::Error>;
}

/// The file's top level.
#[derive(Debug, Default)]
pub(crate) struct RawNotebook<'a> {
    pub(crate) cells: Option<Shape<List<Shape<RawCell<'a>>>>>,
    pub(crate) worksheets: Option<Shape<List<Shape<RawWorksheet<'a>>>>>,
    pub(crate) metadata: Option<&'a RawValue>,
    pub(crate) nbformat: Option<&'a RawValue>,
    pub(crate) nbformat_minor: Option<&'a RawValue>,
}

/// The container of cells in nbformat 2 and 3.
#[derive(Debug, Default)]
pub(crate) struct RawWorksheet<'a> {
    pub(crate) cells: Option<Shape<List<Shape<RawCell<'a>>>>>,
}

/// One cell's members, unread.
#[derive(Debug, Default)]
pub(crate) struct RawCell<'a> {
    /// The first text of the cell that is known to lie in the file.
    pub(crate) anchor: Option<&'a str>,
    pub(crate) cell_type: Option<&'a RawValue>,
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) source: Option<&'a RawValue>,
    pub(crate) input: Option<&'a RawValue>,
    pub(crate) metadata: Option<&'a RawValue>,
    pub(crate) outputs: Option<&'a RawValue>,
    pub(crate) execution_count: Option<&'a RawValue>,
    pub(crate) prompt_number: Option<&'a RawValue>,
    pub(crate) language: Option<&'a RawValue>,
}

impl<'de> FromMembers<'de> for RawNotebook<'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match key.0.as_ref() {
            "cells" => self.cells = Some(map.next_value()?),
            "worksheets" => self.worksheets = Some(map.next_value()?),
            "metadata" => self.metadata = Some(map.next_value()?),
            "nbformat" => self.nbformat = Some(map.next_value()?),
            "nbformat_minor" => self.nbformat_minor = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> FromMembers<'de> for RawWorksheet<'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match key.0.as_ref() {
            "cells" => self.cells = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> FromMembers<'de> for RawCell<'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &Key<'de>, map: &mut A) -> Result<(), A::Error> {
        if let (None, Cow::Borrowed(text)) = (self.anchor, &key.0) {
            self.anchor = Some(text);
        }
        let member = match key.0.as_ref() {
            "cell_type" => &mut self.cell_type,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "input" => &mut self.input,
            "metadata" => &mut self.metadata,
            "outputs" => &mut self.outputs,
            "execution_count" => &mut self.execution_count,
            "prompt_number" => &mut self.prompt_number,
            "language" => &mut self.language,
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *member = Some(map.next_value()?);
        Ok(())
    }
}

/// A list, item by item.
#[derive(Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

/// A member's name; borrowed from the file unless it is written with escapes.
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The arms of a visitor for scalars, which are never what is expected.
macro_rules! wrong_scalars {
    () => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Shape::Wrong("true or false"))
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Shape::Wrong("a number"))
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Shape::Wrong("a number"))
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Shape::Wrong("a number"))
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Shape::Wrong("a text"))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Shape::Wrong("null"))
        }
    };
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: FromMembers<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Shape<T>;
    wrong_scalars!();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = T::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            object.member(&key, &mut map)?;
        }
        Ok(Shape::Good(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Wrong("a list"))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Shape<List<T>>;
    wrong_scalars!();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Shape::Wrong("an object"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Shape::Good(List(items)))
    }
}

macro_rules! from_members {
    ($($object:ident),*) => {$(
        impl<'de> Deserialize<'de> for Shape<$object<'de>> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ObjectVisitor(PhantomData))
            }
        }
    )*};
}

from_members!(RawNotebook, RawWorksheet, RawCell, RawMembers);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shape<List<T>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// Every member of an object, unread, in the file's order.
#[derive(Default)]
pub(crate) struct RawMembers<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> FromMembers<'de> for RawMembers<'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &Key<'de>, map: &mut A) -> Result<(), A::Error> {
        self.0.push((key.0.clone(), map.next_value()?));
        Ok(())
    }
}
