//! Reads one value of the tree as what its type asks for, and says what to write when it is not.

use serde::de::{self, Visitor};
use serde::forward_to_deserialize_any;

use super::error::{Error, quote, shorten};
use super::scalar::{integer_remedy, is_float, is_integer};
use super::stub::Stub;
use crate::jobs::yaml::{Node, Value};

/// Said of types that jobs.yaml does not have.
pub(super) const NOT_READ: &str = "is of a type that is not read";

/// Reads one value of the tree.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) node: &'a Node,
    pub(super) stubs: &'a [Stub],
}

impl<'a> Reader<'a> {
    pub(super) fn new(node: &'a Node, stubs: &'a [Stub]) -> Self {
        Self { node, stubs }
    }

    pub(super) fn error(self, message: impl Into<String>) -> Error {
        Error::new(message).at(self.node)
    }

    fn place<T>(self, read: Result<T, Error>) -> Result<T, Error> {
        read.map_err(|error| error.at(self.node))
    }

    pub(super) fn mismatch(self, must: &str) -> Error {
        let is = match &self.node.value {
            _ if self.node.is_null() => "has no value".to_owned(),
            Value::Scalar { text, plain: true } => format!("is {}", quote(text)),
            Value::Scalar { .. } => "is a string".to_owned(),
            Value::Sequence(_) => "is a list".to_owned(),
            Value::Mapping(_) => "is a mapping".to_owned(),
            Value::Unread => "cannot be read".to_owned(),
        };
        self.error(format!("{is}, must be {must}")).remedy(format!("write {must}"))
    }

    /// The text of a value that must be written without quotes.
    fn plain(self, must: &str, fits: impl Fn(&str) -> bool) -> Result<&'a str, Error> {
        match &self.node.value {
            Value::Scalar { text, plain: true } if !self.node.is_null() => Ok(text),
            Value::Scalar { text, plain: false } if fits(text) => Err(self
                .error("is a string")
                .remedy(format!("write {} without quotes", shorten(text)))),
            _ => Err(self.mismatch(must)),
        }
    }

    fn string(self) -> Result<&'a str, Error> {
        match &self.node.value {
            _ if self.node.is_null() => {
                Err(self.error("has no value").remedy("write '' for an empty string"))
            }
            Value::Scalar { text, .. } => Ok(text),
            _ => Err(self.mismatch("a string")),
        }
    }

    fn boolean(self) -> Result<bool, Error> {
        let fits = |text: &str| matches!(text, "true" | "false");
        match self.plain("true or false", fits)? {
            "true" => Ok(true),
            "false" => Ok(false),
            text => Err(self.error(format!("is {}", quote(text))).remedy("write true or false")),
        }
    }

    fn integer(self, min: i128, max: i128) -> Result<i128, Error> {
        // The width of a Rust type is nobody's limit; what is lower is checked, and told, later.
        let must = match min {
            _ if max < i32::MAX.into() => format!("a whole number from {min} to {max}"),
            0 => "a whole number, not below 0".to_owned(),
            _ => "a whole number".to_owned(),
        };
        let text = self.plain(&must, is_integer)?;
        match text.parse::<i128>() {
            Ok(number) if is_integer(text) && (min..=max).contains(&number) => Ok(number),
            parsed => {
                let error = match parsed {
                    Ok(number) if number > max && is_integer(text) && max >= i32::MAX.into() => {
                        self.mismatch("a smaller whole number")
                    }
                    _ => self.mismatch(&must),
                };
                Err(match integer_remedy(text) {
                    Some(remedy) => error.remedy(remedy),
                    None => error,
                })
            }
        }
    }

    fn float(self) -> Result<f64, Error> {
        let text = self.plain("a number", is_float)?;
        match text.parse::<f64>() {
            Ok(number) if is_float(text) && number.is_finite() => Ok(number),
            _ => Err(self.mismatch("a number")),
        }
    }
}

macro_rules! read_integers {
    ($($method:ident $visit:ident $type:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = self.integer($type::MIN.into(), $type::MAX.into())?;
            match $type::try_from(number) {
                Ok(number) => self.place(visitor.$visit(number)),
                Err(_) => Err(self.mismatch("a smaller number")),
            }
        }
    )*};
}

macro_rules! read_as {
    ($($method:ident $visit:ident $read:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.place(visitor.$visit(self.$read()?))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Error;

    read_integers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
    }
    read_as! {
        deserialize_bool visit_bool boolean
        deserialize_f64 visit_f64 float
        deserialize_str visit_str string
        deserialize_string visit_str string
        deserialize_seq visit_seq list
        deserialize_map visit_map entries
    }

    /// Every type in jobs.yaml says what it is, so what YAML makes of a plain scalar never counts.
    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(self.error(NOT_READ))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let visited =
            if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) };
        self.place(visited)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.place(visitor.visit_enum(self.choice(variants)?))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.node.text().ok_or_else(|| self.mismatch("a name"))?;
        self.place(visitor.visit_str(text))
    }

    forward_to_deserialize_any! {
        f32 char bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct ignored_any
    }
}
