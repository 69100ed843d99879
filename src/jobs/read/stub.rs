//! What is made up for a missing field or an invalid key, so that what is wrong around it shows too.

use std::iter;
use std::ops::Range;

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::error::{Error, Kind};
use crate::jobs::yaml::{Node, Path, Segment};

/// Something made up in place of what is at fault, for as long as other problems are looked for.
#[derive(PartialEq)]
pub(super) struct Stub {
    /// The mapping that lacks a field, or the key that is not valid.
    pub(super) place: Range<usize>,
    /// The entry.
    path: Path,
    /// The required field that is missing; none when the entry is there and only its key is bad.
    pub(super) field: Option<&'static str>,
}

impl Stub {
    /// What goes on in place of an error, if something can.
    pub(super) fn for_error(error: &Error, tree: &Node) -> Option<Self> {
        let path = error.path();
        match error.kind {
            Kind::Missing(field) => Some(Self {
                place: tree.find(&path)?.span.clone(),
                path: path.key(field),
                field: Some(field),
            }),
            Kind::Key => Some(Self { place: error.span.clone()?, path, field: None }),
            Kind::Value | Kind::Unknown(_) => None,
        }
    }

    /// The steps to what has to be left out because of what was made up.
    pub(super) fn steps(&self) -> &[Segment] {
        match (self.field, self.path.segments().split_last()) {
            (Some(_), Some((_, mapping))) => mapping,
            _ => self.path.segments(),
        }
    }

    /// Whether an error may come of this: only what else is missing can be told for sure.
    pub(super) fn explains(&self, error: &Error) -> bool {
        let path = error.path();
        matches!(error.kind, Kind::Value) && self.path != path && self.path.starts_with(&path)
    }
}

/// Reads the name of a field that is missing.
pub(super) fn read_field<'de, S: DeserializeSeed<'de>>(
    seed: S,
    field: &'static str,
) -> Result<S::Value, Error> {
    let name: StrDeserializer<'_, Error> = field.into_deserializer();
    seed.deserialize(name)
}

/// Makes up a value. The field or key is reported already; that there is nothing that fits is no
/// news.
pub(super) fn make_up<'de, S: DeserializeSeed<'de>>(seed: S) -> Result<S::Value, Error> {
    seed.deserialize(Blank).map_err(|_| Error::echo())
}

/// Reads as some value of the types that jobs.yaml requires or has for keys.
#[derive(Clone, Copy)]
struct Blank;

impl IntoDeserializer<'_, Error> for Blank {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for Blank {
    type Error = Error;

    /// Other types have nothing that surely fits.
    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::echo())
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u8(1)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u16(1)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u32(1)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(1)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str("x")
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(MapDeserializer::new(iter::empty::<(Self, Self)>()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(MapDeserializer::new(fields.iter().map(|field| (*field, self))))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct enum identifier ignored_any
    }
}
