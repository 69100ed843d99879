//! Goes through what a value holds: the items of a list, the entries of a mapping, the choice of an
//! enum. What was left out after a problem is passed over.

use std::iter;
use std::ops::Range;
use std::slice;

use serde::de::{self, DeserializeSeed, Visitor};

use super::error::{Error, list, one_of, quote, shorten};
use super::reader::{NOT_READ, Reader};
use super::stub::{Stub, make_up, read_field};
use crate::jobs::yaml::{Node, Segment, Value};

impl<'a> Reader<'a> {
    pub(super) fn list(self) -> Result<Items<'a>, Error> {
        match &self.node.value {
            Value::Sequence(items) => {
                Ok(Items { items: items.iter().enumerate(), stubs: self.stubs })
            }
            _ if self.node.is_null() => {
                let remedy = "write [] for an empty list, or leave the key out";
                Err(self.mismatch("a list").remedy(remedy))
            }
            _ => Err(self.mismatch("a list").remedy("write it as `- item` or `[item]`")),
        }
    }

    pub(super) fn entries(self) -> Result<Entries<'a>, Error> {
        match &self.node.value {
            Value::Mapping(entries) => Ok(Entries {
                entries: entries.iter(),
                value: None,
                mapping: &self.node.span,
                remaining: self.stubs,
                stubs: self.stubs,
            }),
            _ if self.node.is_null() => {
                let remedy = "write {} for an empty mapping, or leave the key out";
                Err(self.mismatch("a mapping").remedy(remedy))
            }
            _ => Err(self
                .mismatch("a mapping")
                .remedy("write it as `key: value`, one for each line")),
        }
    }

    pub(super) fn choice(self, names: &[&str]) -> Result<Choice<'a>, Error> {
        let stubs = self.stubs;
        match &self.node.value {
            Value::Scalar { .. } if !self.node.is_null() => Ok(Choice { name: self, value: None }),
            Value::Mapping(entries) => {
                let mut live = entries.iter().filter(|(_, value)| value.is_read());
                match (live.next(), live.next()) {
                    (Some((name, value)), None) => Ok(Choice {
                        name: Reader::new(name, stubs),
                        value: Some(Reader::new(value, stubs)),
                    }),
                    _ => Err(self
                        .error(format!("has {} keys, must have one", entries.len()))
                        .remedy(format!("write one of {}", list(names, "or")))),
                }
            }
            _ => Err(self.mismatch(&one_of(names))),
        }
    }
}

pub(super) struct Items<'a> {
    items: iter::Enumerate<slice::Iter<'a, Node>>,
    stubs: &'a [Stub],
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some((index, node)) = self.items.find(|(_, node)| node.is_read()) else {
            return Ok(None);
        };
        let item = seed.deserialize(Reader::new(node, self.stubs));
        item.map(Some).map_err(|error| error.at(node).within(Segment::Index(index)))
    }
}

pub(super) struct Entries<'a> {
    entries: slice::Iter<'a, (Node, Node)>,
    /// The key and value whose key was just read; none for a stub.
    value: Option<&'a (Node, Node)>,
    mapping: &'a Range<usize>,
    /// The stubs not yet looked at for this mapping.
    remaining: &'a [Stub],
    stubs: &'a [Stub],
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.value = self.entries.find(|(_, value)| value.is_read());
        if let Some((key, _)) = self.value {
            let is_stub = |stub: &Stub| stub.field.is_none() && stub.place == key.span;
            let read = if self.stubs.iter().any(is_stub) {
                make_up(seed)
            } else {
                seed.deserialize(Reader::new(key, self.stubs))
            };
            return read.map(Some).map_err(|error| error.of_key(key));
        }
        while let Some((stub, rest)) = self.remaining.split_first() {
            self.remaining = rest;
            if let Some(field) = stub.field
                && stub.place == *self.mapping
            {
                return read_field(seed, field).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        match self.value {
            Some((key, value)) => seed
                .deserialize(Reader::new(value, self.stubs))
                .map_err(|error| error.at(value).under(key)),
            None => make_up(seed),
        }
    }
}

/// A chosen enum variant: `name`, or `name: value`.
pub(super) struct Choice<'a> {
    name: Reader<'a>,
    value: Option<Reader<'a>>,
}

impl<'a> Choice<'a> {
    fn text(&self) -> &'a str {
        self.name.node.text().unwrap_or_default()
    }
}

impl<'de> de::EnumAccess<'de> for Choice<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        // No step is added: without its only key a mapping is no choice, so all of it has to go.
        let variant = seed.deserialize(self.name);
        variant.map(|variant| (variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.value {
            None => Ok(()),
            Some(_) => {
                let name = self.text();
                let error = self.name.error(format!("is {}, which takes no value", quote(name)));
                Err(error.remedy(format!("write `{}`", shorten(name))))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        let name = self.text();
        match self.value {
            Some(value) => {
                seed.deserialize(value).map_err(|error| error.at(value.node).under(self.name.node))
            }
            None => Err(self
                .name
                .error(format!("is {}, which needs a value", quote(name)))
                .remedy(format!("write `{}: ...`", shorten(name)))),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _length: usize,
        _visitor: V,
    ) -> Result<V::Value, Error> {
        Err(self.name.error(NOT_READ))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        Err(self.name.error(NOT_READ))
    }
}
