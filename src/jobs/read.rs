//! Exists because serde stops at the first mistake: here a mistake is noted, taken out of a copy
//! of the tree, and the rest is read again, so that one pass reports them all.

use std::fmt::Display;
use std::iter;
use std::mem;
use std::ops::Range;
use std::slice;

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::jobs::nearest::nearest;
use crate::jobs::problem::Problem;
use crate::jobs::yaml::{self, MAX_PROBLEMS, MERGE_KEY, Node, Path, Segment, Value};

/// The longest value that is quoted in full, in characters.
const MAX_QUOTED: usize = 60;

/// What came out of reading a document.
#[derive(Debug, Clone)]
pub struct Reading<T> {
    /// The document without the entries that have problems; `None` when nothing is left.
    pub value: Option<T>,
    /// Everything that is wrong, in the order of the source.
    pub problems: Vec<Problem>,
    /// The document as written, to look up where a value is; `None` when it is not YAML.
    pub tree: Option<Node>,
}

/// Reads a document and reports all its problems.
pub fn read<T: DeserializeOwned>(source: &str) -> Reading<T> {
    let (tree, mut problems) = yaml::parse(source);
    let value = tree.as_ref().and_then(|tree| read_tree(tree.clone(), &mut problems));
    problems.sort_by_key(Problem::position);
    Reading { value, problems, tree }
}

/// Something made up in place of what is at fault, for as long as other problems are looked for.
#[derive(PartialEq)]
struct Stub {
    /// The mapping that lacks a field, or the key that is not valid.
    place: Range<usize>,
    /// The entry.
    path: Path,
    /// The required field that is missing; none when the entry is there and only its key is bad.
    field: Option<&'static str>,
}

impl Stub {
    /// What goes on in place of an error, if something can.
    fn for_error(error: &Error, tree: &Node) -> Option<Self> {
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
    fn steps(&self) -> &[Segment] {
        match (self.field, self.path.segments().split_last()) {
            (Some(_), Some((_, mapping))) => mapping,
            _ => self.path.segments(),
        }
    }
}

fn read_tree<T: DeserializeOwned>(mut tree: Node, problems: &mut Vec<Problem>) -> Option<T> {
    let mut stubs: Vec<Stub> = Vec::new();
    let mut may_stub = true;
    for _ in 0..MAX_PROBLEMS {
        let error = match T::deserialize(Reader::new(&tree, &stubs)) {
            Ok(value) if stubs.is_empty() => return Some(value),
            Ok(_) => {
                // All is reported now, and nothing made up must get out.
                may_stub = false;
                for stub in mem::take(&mut stubs) {
                    if stub.steps().is_empty() {
                        return None;
                    }
                    prune(&mut tree, stub.steps(), None);
                }
                continue;
            }
            Err(error) => error,
        };
        let (path, meant) = (error.path(), error.meant());
        let stub = Stub::for_error(&error, &tree).filter(|stub| may_stub && !stubs.contains(stub));
        if !error.is_echo && !error.is_about(&stubs) {
            problems.push(error.into_problem());
        }
        match stub {
            Some(stub) => stubs.push(stub),
            None if prune(&mut tree, path.segments(), meant) => {}
            None => return None,
        }
    }
    problems.push(yaml::too_many_problems());
    None
}

/// Marks the value at `path` as unread. A misspelt key is corrected to what was `meant`, so that
/// it is not reported as missing as well.
fn prune(node: &mut Node, path: &[Segment], meant: Option<&str>) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let child = match (&mut node.value, first) {
        (Value::Sequence(items), Segment::Index(index)) => items.get_mut(*index),
        (Value::Mapping(entries), Segment::Key(key)) => {
            let live = |(name, value): &&mut (Node, Node)| {
                name.text() == Some(key) && value.value != Value::Unread
            };
            let Some((name, value)) = entries.iter_mut().find(live) else {
                return false;
            };
            if let (Some(meant), true) = (meant, rest.is_empty()) {
                let text = meant.to_owned();
                name.value = Value::Scalar { text, plain: true };
            }
            Some(value)
        }
        _ => None,
    };
    match child {
        Some(child) if rest.is_empty() => {
            child.value = Value::Unread;
            true
        }
        Some(child) => prune(child, rest, meant),
        None => false,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Error {
    message: String,
    remedy: Option<Box<str>>,
    kind: Kind,
    span: Option<Range<usize>>,
    /// The way to the value that has to go, innermost step first.
    steps: Vec<Segment>,
    /// Whether it comes only of what was left out before.
    is_echo: bool,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Value,
    Key,
    Missing(&'static str),
    /// A key that is not known, and the known one that may be meant.
    Unknown(Option<&'static str>),
}

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: None,
            kind: Kind::Value,
            span: None,
            steps: Vec::new(),
            is_echo: false,
        }
    }

    fn remedy(mut self, remedy: impl Into<Box<str>>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Places an error that has no place yet at `node`.
    fn at(mut self, node: &Node) -> Self {
        if self.span.is_none() {
            self.span = Some(node.span.clone());
            if node.text().is_none() && matches!(self.kind, Kind::Unknown(_)) {
                // Found in a copy of serde's, which does not say where the key is.
                self.kind = Kind::Value;
            }
            self.is_echo |= match (self.kind, &node.value) {
                (Kind::Missing(field), Value::Mapping(entries)) => {
                    entries.iter().any(|(key, value)| {
                        let is_cause =
                            key.text().is_some_and(|key| key == field || key == MERGE_KEY);
                        is_cause && value.value == Value::Unread
                    })
                }
                _ => node.has_unread(),
            };
        }
        self
    }

    /// Adds the step that led to the value at fault.
    fn within(mut self, step: Segment) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds the step by `key`, which is underlined when the value itself is not the place to
    /// look: because something is missing from it, or because there is nothing there.
    fn under(mut self, key: &Node) -> Self {
        let is_absent = matches!(self.kind, Kind::Missing(_))
            || self.span.as_ref().is_some_and(Range::is_empty);
        if self.steps.is_empty() && is_absent {
            self.span = Some(key.span.clone());
        }
        self.within(Segment::Key(key.text().unwrap_or_default().to_owned()))
    }

    /// Places an error in the entry of `key`, at the key.
    fn of_key(mut self, key: &Node) -> Self {
        if matches!(self.kind, Kind::Value) && !self.is_echo {
            self.kind = Kind::Key;
        }
        self.at(key).under(key)
    }

    fn path(&self) -> Path {
        self.steps.iter().rev().cloned().collect()
    }

    /// Whether it may come of a made-up value: only what else is missing can be told for sure.
    fn is_about(&self, stubs: &[Stub]) -> bool {
        let path = self.path();
        let holds = |stub: &Stub| stub.path != path && stub.path.starts_with(&path);
        matches!(self.kind, Kind::Value) && stubs.iter().any(holds)
    }

    fn meant(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Unknown(meant) => meant,
            _ => None,
        }
    }

    fn into_problem(self) -> Problem {
        let path = match self.kind {
            // The message names the key, so the path is that of the mapping.
            Kind::Unknown(_) => self.steps.iter().skip(1).rev().cloned().collect(),
            _ => self.path(),
        };
        Problem {
            span: self.span,
            remedy: self.remedy.map(String::from),
            ..Problem::error(path, self.message)
        }
    }
}

impl de::Error for Error {
    fn custom<M: Display>(message: M) -> Self {
        let message = message.to_string();
        // Derived by serde, with the name of a Rust type in it.
        if message.starts_with("data did not match any variant of untagged enum") {
            return Self::new("does not have any of the forms allowed here");
        }
        Self::new(message)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let must = describe_expected(&expected.to_string());
        Self::new(format!("{}, must be {must}", describe_found(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let must = describe_expected(&expected.to_string());
        Self::new(format!("has {}, must be {must}", count(length, "item")))
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        let error = Self::new(format!("is {}, must be {}", quote(found), one_of(expected)));
        match nearest(found, expected) {
            Some(meant) => error.remedy(format!("did you mean `{meant}`?")),
            None => error,
        }
    }

    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        let meant = nearest(found, expected);
        let remedy = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if expected.is_empty() => "remove it: no keys are allowed here".to_owned(),
            None => format!("the keys allowed here are {}", list(expected, "and")),
        };
        Self {
            kind: Kind::Unknown(meant),
            ..Self::new(format!("unknown key `{}`", shorten(found))).remedy(remedy)
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            kind: Kind::Missing(field),
            ..Self::new(format!("has no `{field}`")).remedy(format!("add `{field}:`"))
        }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("has `{field}` twice, under two names")).remedy("keep one of them")
    }
}

/// What a visitor was given, in the words of YAML.
fn describe_found(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("is {value}"),
        Unexpected::Unsigned(value) => format!("is {value}"),
        Unexpected::Signed(value) => format!("is {value}"),
        Unexpected::Float(value) => format!("is {value}"),
        Unexpected::Char(value) => format!("is {}", quote(&value.to_string())),
        Unexpected::Str(value) => format!("is {}", quote(value)),
        Unexpected::Unit | Unexpected::Option => "has no value".to_owned(),
        Unexpected::Seq | Unexpected::TupleVariant => "is a list".to_owned(),
        Unexpected::Map | Unexpected::StructVariant => "is a mapping".to_owned(),
        Unexpected::Other(other) => format!("is {other}"),
        _ => "is something else".to_owned(),
    }
}

/// What a visitor wanted, in the words of YAML: those that serde derives name Rust types.
fn describe_expected(expected: &str) -> String {
    let digits: String = expected.chars().filter(char::is_ascii_digit).collect();
    let words = match expected {
        "i8" | "i16" | "i32" | "i64" | "isize" | "u8" | "u16" | "u32" | "u64" | "usize" => {
            "a whole number"
        }
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a map" => "a mapping",
        "a sequence" => "a list",
        "unit" => "empty",
        _ if expected.starts_with("a nonzero ") => "a whole number other than 0",
        _ if expected.starts_with("struct ") => "a mapping",
        _ if expected.starts_with("enum ") || expected.ends_with(" identifier") => "a name",
        _ if expected.starts_with("tuple ")
            || expected.starts_with("a tuple ")
            || expected.starts_with("an array of length ") =>
        {
            return format!("a list of {digits} items");
        }
        _ => expected,
    };
    words.to_owned()
}

fn list(names: &[&str], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {conjunction} {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

fn one_of(names: &[&str]) -> String {
    let prefix = if names.len() > 1 { "one of " } else { "" };
    format!("{prefix}{}", list(names, "or"))
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A value as it is shown in a message: bare when that is clear.
fn quote(text: &str) -> String {
    let is_clear = |c: char| c.is_ascii_graphic() || c.is_alphanumeric();
    if !text.is_empty() && text.chars().all(is_clear) {
        return shorten(text);
    }
    format!("'{}'", shorten(text))
}

fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_QUOTED).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let escape = |c: char| {
        if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
    };
    shown.chars().map(escape).collect()
}

/// Reads one value of the tree.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    stubs: &'a [Stub],
}

impl<'a> Reader<'a> {
    fn new(node: &'a Node, stubs: &'a [Stub]) -> Self {
        Self { node, stubs }
    }

    fn error(self, message: impl Into<String>) -> Error {
        Error::new(message).at(self.node)
    }

    fn place<T>(self, read: Result<T, Error>) -> Result<T, Error> {
        read.map_err(|error| error.at(self.node))
    }

    fn mismatch(self, must: &str) -> Error {
        let is = match &self.node.value {
            _ if self.node.is_null() => "has no value".to_owned(),
            Value::Scalar { text, plain: true } => format!("is {}", quote(text)),
            Value::Scalar { .. } => "is a string".to_owned(),
            Value::Sequence(_) => "is a list".to_owned(),
            Value::Mapping(_) => "is a mapping".to_owned(),
            Value::Unread => "cannot be read".to_owned(),
        };
        self.error(format!("{is}, must be {must}"))
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

    fn bytes(self) -> Result<&'a [u8], Error> {
        self.string().map(str::as_bytes)
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
        let must = format!("a whole number from {min} to {max}");
        let text = self.plain(&must, is_integer)?;
        match text.parse::<i128>() {
            Ok(number) if is_integer(text) && (min..=max).contains(&number) => Ok(number),
            _ => {
                let error = self.mismatch(&must);
                match integer_remedy(text) {
                    Some(remedy) => Err(error.remedy(remedy)),
                    None => Err(error),
                }
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

    fn list(self) -> Result<Items<'a>, Error> {
        self.items("a list")
    }

    fn items(self, must: &str) -> Result<Items<'a>, Error> {
        match &self.node.value {
            Value::Sequence(items) => {
                Ok(Items { items: items.iter().enumerate(), stubs: self.stubs })
            }
            _ if self.node.is_null() => {
                let remedy = "write [] for an empty list, or leave the key out";
                Err(self.mismatch(must).remedy(remedy))
            }
            Value::Scalar { .. } => {
                Err(self.mismatch(must).remedy("write it as `- item` or `[item]`"))
            }
            _ => Err(self.mismatch(must)),
        }
    }

    fn entries(self) -> Result<Entries<'a>, Error> {
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
            _ => Err(self.mismatch("a mapping")),
        }
    }

    fn choice(self, names: &[&str]) -> Result<Choice<'a>, Error> {
        let stubs = self.stubs;
        match &self.node.value {
            Value::Scalar { .. } if !self.node.is_null() => Ok(Choice { name: self, value: None }),
            Value::Mapping(entries) => {
                let mut live = entries.iter().filter(|(_, value)| is_read(value));
                match (live.next(), live.next()) {
                    (Some((name, value)), None) => Ok(Choice {
                        name: Reader::new(name, stubs),
                        value: Some(Reader::new(value, stubs)),
                    }),
                    _ => Err(self.error(format!(
                        "has {}, must have one: {}",
                        count(entries.len(), "key"),
                        list(names, "or")
                    ))),
                }
            }
            _ => Err(self.mismatch(&one_of(names))),
        }
    }
}

fn is_read(node: &Node) -> bool {
    node.value != Value::Unread
}

/// Plain decimal digits: anything else that YAML takes for a number means different things to
/// different readers.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_padded = digits.len() > 1 && digits.starts_with('0');
    !digits.is_empty() && !is_padded && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_float(text: &str) -> bool {
    let (whole, rest) =
        text.split_at_checked(text.find(['.', 'e', 'E']).unwrap_or(text.len())).unwrap_or_default();
    let ends_in_digit = text.ends_with(|c: char| c.is_ascii_digit());
    let begins_fraction =
        rest.strip_prefix('.').is_none_or(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    is_integer(whole) && ends_in_digit && begins_fraction && text.parse::<f64>().is_ok()
}

fn integer_remedy(text: &str) -> Option<String> {
    let unsigned = text.trim_start_matches(['-', '+']);
    let lower = unsigned.to_ascii_lowercase();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let ungrouped = unsigned.replace('_', "");
    if is_integer(text) {
        None
    } else if ["0x", "0o", "0b"].iter().any(|prefix| lower.starts_with(prefix)) {
        Some("write it in decimal digits".to_owned())
    } else if is_digits(unsigned) && unsigned.starts_with('0') && unsigned.len() > 1 {
        Some("it looks octal: write it without the leading zero".to_owned())
    } else if is_digits(unsigned) {
        Some(format!("write {} without a sign", shorten(unsigned)))
    } else if is_digits(&ungrouped) {
        Some(format!("write {} without underscores", shorten(&ungrouped)))
    } else if is_digits(&unsigned.chars().take(1).collect::<String>())
        && unsigned.parse::<f64>().is_ok()
    {
        Some("write it in digits, without a fraction or an exponent".to_owned())
    } else {
        None
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
        deserialize_f32 visit_f64 float
        deserialize_f64 visit_f64 float
        deserialize_char visit_str string
        deserialize_str visit_str string
        deserialize_string visit_str string
        deserialize_bytes visit_bytes bytes
        deserialize_byte_buf visit_bytes bytes
        deserialize_seq visit_seq list
        deserialize_map visit_map entries
    }

    /// For types that take several forms. A plain scalar is what YAML makes of it, so a type that
    /// wants the text as written must ask for a string.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = match &self.node.value {
            Value::Sequence(_) => return self.deserialize_seq(visitor),
            Value::Mapping(_) => return self.deserialize_map(visitor),
            Value::Unread => return Err(self.mismatch("a value")),
            Value::Scalar { text, .. } => text,
        };
        let visited = match &self.node.value {
            Value::Scalar { plain: false, .. } => visitor.visit_str(text),
            _ if self.node.is_null() => visitor.visit_unit(),
            _ if text == "true" => visitor.visit_bool(true),
            _ if text == "false" => visitor.visit_bool(false),
            _ if is_integer(text) => match (text.parse::<u64>(), text.parse::<i64>()) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => visitor.visit_str(text),
            },
            _ if is_float(text) => visitor.visit_f64(self.float()?),
            _ => visitor.visit_str(text),
        };
        self.place(visited)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let visited =
            if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) };
        self.place(visited)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if !self.node.is_null() {
            return Err(self.mismatch("empty"));
        }
        self.place(visitor.visit_unit())
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.place(visitor.visit_newtype_struct(self))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let must = format!("a list of {}", count(length, "item"));
        let items = self.items(&must)?;
        let found = items.items.len();
        if found != length {
            let found = count(found, "item");
            return Err(self.error(format!("has {found}, must be {must}")));
        }
        self.place(visitor.visit_seq(items))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
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

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

struct Items<'a> {
    items: iter::Enumerate<slice::Iter<'a, Node>>,
    stubs: &'a [Stub],
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some((index, node)) = self.items.find(|(_, node)| is_read(node)) else {
            return Ok(None);
        };
        let item = seed.deserialize(Reader::new(node, self.stubs));
        item.map(Some).map_err(|error| error.at(node).within(Segment::Index(index)))
    }
}

struct Entries<'a> {
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
        self.value = self.entries.find(|(_, value)| is_read(value));
        if let Some((key, _)) = self.value {
            let is_stub = |stub: &Stub| stub.field.is_none() && stub.place == key.span;
            let read = if self.stubs.iter().any(is_stub) {
                seed.deserialize(Blank).map_err(|_| unfit_stub())
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
                let field: StrDeserializer<'_, Error> = field.into_deserializer();
                return seed.deserialize(field).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        match self.value {
            Some((key, value)) => seed
                .deserialize(Reader::new(value, self.stubs))
                .map_err(|error| error.at(value).under(key)),
            None => seed.deserialize(Blank).map_err(|_| unfit_stub()),
        }
    }
}

/// The field or key is reported already; that nothing could be made up for it is no news.
fn unfit_stub() -> Error {
    Error { is_echo: true, ..Error::new("has something missing") }
}

/// A chosen enum variant: `name`, or `name: value`.
struct Choice<'a> {
    name: Reader<'a>,
    value: Option<Reader<'a>>,
}

impl<'a> Choice<'a> {
    fn text(&self) -> &'a str {
        self.name.node.text().unwrap_or_default()
    }

    fn read_value<T>(self, read: impl FnOnce(Reader<'a>) -> Result<T, Error>) -> Result<T, Error> {
        let name = self.text();
        match self.value {
            Some(value) => read(value).map_err(|error| error.at(value.node).under(self.name.node)),
            None => Err(self
                .name
                .error(format!("is {}, which needs a value", quote(name)))
                .remedy(format!("write `{}: ...`", shorten(name)))),
        }
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
        self.read_value(|value| seed.deserialize(value))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        self.read_value(|value| de::Deserializer::deserialize_tuple(value, length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.read_value(|value| de::Deserializer::deserialize_map(value, visitor))
    }
}

/// Reads as some value of whatever type is asked for, if one can be made up.
#[derive(Clone, Copy)]
struct Blank;

impl IntoDeserializer<'_, Error> for Blank {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! make_up {
    ($($method:ident)* => $visit:ident($value:expr)) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit($value)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Blank {
    type Error = Error;

    make_up! { deserialize_bool => visit_bool(false) }
    make_up! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 => visit_u64(1)
    }
    make_up! { deserialize_f32 deserialize_f64 => visit_f64(1.0) }
    make_up! { deserialize_char deserialize_str deserialize_string => visit_str("x") }
    make_up! { deserialize_seq => visit_seq(SeqDeserializer::new(iter::empty::<Self>())) }
    make_up! { deserialize_map => visit_map(MapDeserializer::new(iter::empty::<(Self, Self)>())) }

    /// Whoever asks so openly checks the value later, and would complain about what was made up.
    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(unfit_stub())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let entries = fields.iter().map(|field| (*field, self));
        visitor.visit_map(MapDeserializer::new(entries))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let first = variants.first().copied().unwrap_or_default();
        let first: StrDeserializer<'_, Error> = first.into_deserializer();
        visitor.visit_enum(first)
    }

    forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::jobs::problem::{line_column, render};

    #[derive(Debug, Clone, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct File {
        version: u8,
        #[serde(default)]
        jobs: BTreeMap<Name, Job>,
        #[serde(default)]
        extra: Extra,
    }

    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    #[serde(try_from = "String")]
    struct Name(String);

    impl TryFrom<String> for Name {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            if text.contains('_') {
                Err(format!("{text} has an underscore"))
            } else {
                Ok(Self(text))
            }
        }
    }

    #[derive(Debug, Clone, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Job {
        image: String,
        cpu: u16,
        #[serde(default)]
        env: BTreeMap<String, String>,
        retry: Option<Retry>,
        #[serde(default)]
        triggers: Vec<Trigger>,
        #[serde(default)]
        privileged: bool,
        log_group: Option<Name>,
    }

    #[derive(Debug, Clone, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Retry {
        attempts: u8,
        #[serde(default)]
        on: Vec<Cause>,
    }

    #[derive(Debug, Clone, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Cause {
        Interruption,
        ExitCode(Vec<i32>),
        Slow { after: u32 },
    }

    #[derive(Debug, Clone, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Trigger {
        s3: Bucket,
    }

    #[derive(Debug, Clone, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Bucket {
        bucket: Name,
        prefix: String,
    }

    #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct Extra {
        ratio: f64,
        small: i8,
        large: u64,
        letter: char,
        pair: (u8, String),
        nothing: (),
        ports: BTreeMap<u16, String>,
        form: Option<Form>,
        nonzero: Option<std::num::NonZeroU32>,
        newtype: Wrapper,
    }

    #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
    struct Wrapper(u8);

    #[derive(Debug, Clone, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(i64),
        Text(String),
        Switch(bool),
    }

    const TEN_MISTAKES: &str = "\
version: 1
jobs:
  a:
    image:
    cpus: 256
    env: {DEBUG: yes, LEVEL: ~}
    retry:
      attempts: '3'
      on: [interuption, exitCode: [75, x]]
  bad_name:
    image: b
    cpu: 0x10
  c:
    image: c
    cpu: 1
    triggers:
      - s3: {}
";

    /// `line:column problem` of everything that is wrong with a source.
    fn list_problems(source: &str) -> Vec<String> {
        let problems = read::<File>(source).problems;
        problems
            .iter()
            .map(|problem| match &problem.span {
                Some(span) => {
                    let (line, column) = line_column(source, span.start);
                    format!("{line}:{column} {problem}")
                }
                None => problem.to_string(),
            })
            .collect()
    }

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        assert_eq!(list_problems(source), expected, "{source}");
    }

    #[track_caller]
    fn check_extra(line: &str, expected: &str) {
        let source = format!("version: 1\nextra:\n  {line}\n");
        let (column, rest) = expected.split_once(' ').unwrap();
        check(&source, &[&format!("3:{column} extra.{rest}")]);
    }

    /// A document with one job that lacks nothing, with `line` added to it.
    fn job(line: &str) -> String {
        format!("version: 1\njobs:\n  a: # é\n    image: b\n    {line}\n    cpu: 1\n")
    }

    #[track_caller]
    fn check_job(line: &str, expected: &[&str]) {
        check(&job(line), expected);
    }

    #[track_caller]
    fn read_well(source: &str) -> File {
        check(source, &[]);
        read(source).value.unwrap()
    }

    #[test]
    fn ten_mistakes_in_a_document_are_ten_problems() {
        check(
            TEN_MISTAKES,
            &[
                "4:5 jobs.a.image: has no value: write '' for an empty string",
                "5:5 jobs.a: unknown key `cpus`: did you mean `cpu`?",
                "6:30 jobs.a.env.LEVEL: has no value: write '' for an empty string",
                "8:17 jobs.a.retry.attempts: is a string: write 3 without quotes",
                "9:12 jobs.a.retry.on[0]: is interuption, must be one of `interruption`, \
                 `exitCode` or `slow`: did you mean `interruption`?",
                "9:40 jobs.a.retry.on[1].exitCode[1]: is x, must be a whole number from \
                 -2147483648 to 2147483647",
                "10:3 jobs.bad_name: bad_name has an underscore",
                "12:10 jobs.bad_name.cpu: is 0x10, must be a whole number from 0 to 65535: \
                 write it in decimal digits",
                "17:9 jobs.c.triggers[0].s3: has no `bucket`: add `bucket:`",
                "17:9 jobs.c.triggers[0].s3: has no `prefix`: add `prefix:`",
            ],
        );
    }

    #[test]
    fn a_scalar_that_does_not_fit_says_what_to_write() {
        let rows = [
            (
                "small: 010",
                "10 small: is 010, must be a whole number from -128 to 127: it looks octal: write it without the leading zero",
            ),
            (
                "small: 1_000",
                "10 small: is 1_000, must be a whole number from -128 to 127: write 1000 without underscores",
            ),
            (
                "small: 1e3",
                "10 small: is 1e3, must be a whole number from -128 to 127: write it in digits, without a fraction or an exponent",
            ),
            (
                "small: 1.0",
                "10 small: is 1.0, must be a whole number from -128 to 127: write it in digits, without a fraction or an exponent",
            ),
            (
                "small: +1",
                "10 small: is +1, must be a whole number from -128 to 127: write 1 without a sign",
            ),
            (
                "small: 0o17",
                "10 small: is 0o17, must be a whole number from -128 to 127: write it in decimal digits",
            ),
            ("small: 128", "10 small: is 128, must be a whole number from -128 to 127"),
            ("small: '-7'", "10 small: is a string: write -7 without quotes"),
            ("small: many", "10 small: is many, must be a whole number from -128 to 127"),
            ("small: [1]", "10 small: is a list, must be a whole number from -128 to 127"),
            ("small:", "3 small: has no value, must be a whole number from -128 to 127"),
            ("large: -1", "10 large: is -1, must be a whole number from 0 to 18446744073709551615"),
            (
                "large: 99999999999999999999999999999999999999999",
                "10 large: is 99999999999999999999999999999999999999999, must be a whole number from 0 to 18446744073709551615",
            ),
            ("nonzero: 0", "12 nonzero: is 0, must be a whole number other than 0"),
            ("ratio: .inf", "10 ratio: is .inf, must be a number"),
            ("ratio: '1.5'", "10 ratio: is a string: write 1.5 without quotes"),
            ("ratio: 1e999", "10 ratio: is 1e999, must be a number"),
            ("letter: ab", "11 letter: is ab, must be a character"),
            ("pair: [1]", "9 pair: has 1 item, must be a list of 2 items"),
            (
                "pair: x",
                "9 pair: is x, must be a list of 2 items: write it as `- item` or `[item]`",
            ),
            (
                "pair: ~",
                "9 pair: has no value, must be a list of 2 items: write [] for an empty list, or leave the key out",
            ),
            ("nothing: 1", "12 nothing: is 1, must be empty"),
            ("ports: {x: y}", "11 ports.x: is x, must be a whole number from 0 to 65535"),
            ("ports: {80: }", "11 ports.80: has no value: write '' for an empty string"),
            ("form: []", "9 form: does not have any of the forms allowed here"),
            ("newtype: 'a b'", "12 newtype: is a string, must be a whole number from 0 to 255"),
        ];
        for (line, expected) in rows {
            check_extra(line, expected);
        }
    }

    #[test]
    fn only_true_and_false_are_switches() {
        for text in ["yes", "on", "True", "TRUE", "no", "1"] {
            check_job(
                &format!("privileged: {text}"),
                &[&format!("5:17 jobs.a.privileged: is {text}: write true or false")],
            );
        }
        check_job(
            "privileged: 'true'",
            &["5:17 jobs.a.privileged: is a string: write true without quotes"],
        );
    }

    #[test]
    fn a_mapping_or_list_that_does_not_fit_says_what_it_must_be() {
        check_job("env: [a]", &["5:10 jobs.a.env: is a list, must be a mapping"]);
        check_job(
            "env:",
            &[
                "5:5 jobs.a.env: has no value, must be a mapping: write {} for an empty mapping, or leave the key out",
            ],
        );
        check_job(
            "triggers: s3",
            &["5:15 jobs.a.triggers: is s3, must be a list: write it as `- item` or `[item]`"],
        );
        check_job("triggers: {s3: {}}", &["5:15 jobs.a.triggers: is a mapping, must be a list"]);
        check_job("env: {A: {b: c}}", &["5:14 jobs.a.env.A: is a mapping, must be a string"]);
        check_job("retry: 3", &["5:12 jobs.a.retry: is 3, must be a mapping"]);
    }

    #[test]
    fn an_enum_that_does_not_fit_says_what_it_may_be() {
        let names = "`interruption`, `exitCode` or `slow`";
        let rows = [
            ("exitCode", "is exitCode, which needs a value: write `exitCode: ...`".to_owned()),
            (
                "{interruption: 1}",
                "is interruption, which takes no value: write `interruption`".to_owned(),
            ),
            ("{a: 1, b: 2}", format!("has 2 keys, must have one: {names}")),
            ("{}", format!("has 0 keys, must have one: {names}")),
            ("[]", format!("is a list, must be one of {names}")),
            ("~", format!("has no value, must be one of {names}")),
            ("{zzz: 1}", format!("is zzz, must be one of {names}")),
            (
                "{Slow: {after: 1}}",
                format!("is Slow, must be one of {names}: did you mean `slow`?"),
            ),
        ];
        for (text, expected) in rows {
            let problems = list_problems(&job(&format!("retry: {{attempts: 1, on: [{text}]}}")));
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            let (_, problem) = problems[0].split_once("jobs.a.retry.on[0]: ").unwrap();
            assert_eq!(problem, expected);
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest_or_all() {
        check_job(
            "retires: {attempts: 1}",
            &["5:5 jobs.a: unknown key `retires`: did you mean `retry`?"],
        );
        check_job("cp: 1", &["5:5 jobs.a: unknown key `cp`: did you mean `cpu`?"]);
        check_job("nev: {}", &["5:5 jobs.a: unknown key `nev`: did you mean `env`?"]);
        check_job(
            "log_group: x",
            &["5:5 jobs.a: unknown key `log_group`: did you mean `logGroup`?"],
        );
        check_job(
            "timeout: 5m",
            &[
                "5:5 jobs.a: unknown key `timeout`: the keys allowed here are `image`, `cpu`, `env`, `retry`, `triggers`, `privileged` and `logGroup`",
            ],
        );
    }

    #[test]
    fn everything_missing_is_reported_at_the_key_above() {
        check(
            "version: 1\njobs:\n  a: {}\n",
            &["3:3 jobs.a: has no `image`: add `image:`", "3:3 jobs.a: has no `cpu`: add `cpu:`"],
        );
        check("jobs: {}\n", &["1:1 the file has no `version`: add `version:`"]);
    }

    #[test]
    fn what_comes_only_of_another_problem_is_not_reported() {
        check(
            "version: 1\njobs:\n  a: {imag: b, cpu: x}\n",
            &[
                "3:7 jobs.a: unknown key `imag`: did you mean `image`?",
                "3:21 jobs.a.cpu: is x, must be a whole number from 0 to 65535",
            ],
        );
        check(
            "version: 1\njobs:\n  a: &a\n    image: b\n    cpu: 1\n  b:\n    <<: *a\n",
            &[
                "3:6 jobs.a: has the anchor `&a`: anchors are not supported: write it out or use `defaults:`",
                "7:5 jobs.b.\"<<\": is a merge key: merge keys are not supported: write it out or use `defaults:`",
                "7:9 jobs.b.\"<<\": is the alias `*a`: aliases are not supported: write it out or use `defaults:`",
            ],
        );
        check_job(
            "retry: {on: [bad], attempts: 1}",
            &[
                "5:18 jobs.a.retry.on[0]: is bad, must be one of `interruption`, `exitCode` or `slow`",
            ],
        );
    }

    #[test]
    fn what_has_problems_is_left_out_of_the_value() {
        let file = read::<File>(TEN_MISTAKES).value.unwrap();
        let names: Vec<&str> = file.jobs.keys().map(|name| name.0.as_str()).collect();
        assert_eq!(names, ["c"]);
        assert!(file.jobs[&Name("c".to_owned())].triggers.is_empty());
        let source =
            "version: 1\njobs:\n  a: {image: b, cpu: 1, privileged: yes}\n  b: {image: 1}\n";
        let file = read::<File>(source).value.unwrap();
        let names: Vec<&str> = file.jobs.keys().map(|name| name.0.as_str()).collect();
        assert_eq!(names, ["a"]);
        assert!(!file.jobs[&Name("a".to_owned())].privileged);
        assert_eq!(read::<File>("jobs: {}").value, None);
        assert_eq!(read::<File>("[]").value, None);
    }

    #[test]
    fn a_string_is_what_was_written() {
        let rows = [
            ("yes", "yes"),
            ("1", "1"),
            ("1.10", "1.10"),
            ("'~'", "~"),
            ("''", ""),
            ("\"\\u00e9\"", "é"),
            ("0x1F", "0x1F"),
            ("2024-01-01", "2024-01-01"),
        ];
        for (written, expected) in rows {
            let file = read_well(&job(&format!("env: {{N: {written}}}")));
            assert_eq!(file.jobs[&Name("a".to_owned())].env["N"], expected);
        }
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let file = read_well(
            "\u{feff}version: 255\r\nextra:\r\n  ratio: -1.5e3\r\n  small: -128\r\n  large: 18446744073709551615\r\n  letter: é\r\n  pair: [1, 1]\r\n  nothing:\r\n  ports: {80: http}\r\n  form: on\r\n  nonzero: 1\r\n  newtype: 3\r\n",
        );
        let expected = Extra {
            ratio: -1500.0,
            small: -128,
            large: u64::MAX,
            letter: 'é',
            pair: (1, "1".to_owned()),
            nothing: (),
            ports: BTreeMap::from([(80, "http".to_owned())]),
            form: Some(Form::Text("on".to_owned())),
            nonzero: std::num::NonZeroU32::new(1),
            newtype: Wrapper(3),
        };
        assert_eq!(file.extra, expected);
        let file = read_well(&job(
            "retry: {attempts: 1, on: [interruption, exitCode: [1, -1], slow: {after: 5}]}\n    logGroup: ~",
        ));
        let job = &file.jobs[&Name("a".to_owned())];
        let on = &job.retry.as_ref().unwrap().on;
        assert_eq!(
            *on,
            [Cause::Interruption, Cause::ExitCode(vec![1, -1]), Cause::Slow { after: 5 }]
        );
        assert_eq!(job.log_group, None);
    }

    #[test]
    fn more_problems_than_can_be_shown_end_the_list() {
        let source: String = (0..MAX_PROBLEMS + 50).map(|n| format!("k{n}: 1\n")).collect();
        let problems = list_problems(&source);
        assert_eq!(problems.len(), MAX_PROBLEMS + 1);
        assert_eq!(problems[0], "the file has more problems: correct these first");
    }

    #[test]
    fn problems_are_shown_with_their_lines() {
        let source = "version: 300\njobs:\n  a:\n    image: b\n    cpu: 1\n    retires: 3\n";
        let problems = read::<File>(source).problems;
        insta::assert_snapshot!(render(&problems, "jobs.yaml", source, false), @r"
        error: version: is 300, must be a whole number from 0 to 255
         --> jobs.yaml:1:10
          |
        1 | version: 300
          |          ^^^

        error: jobs.a: unknown key `retires`
         --> jobs.yaml:6:5
          |
        6 |     retires: 3
          |     ^^^^^^^
          |
          = help: did you mean `retry`?
        ");
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(source in ".{0,80}") {
            check_total(&source);
        }

        #[test]
        fn no_text_like_yaml_makes_reading_panic(
            source in "([a-c\u{feff}é字]|: |:|- |\n|\r\n|\n  |\t|\\[|\\]|\\{|\\}|,|&a |\\*a|!t |<<|'|\"|#|\\||>|\\?|---|~|[0-9._]){0,60}"
        ) {
            check_total(&source);
        }

        #[test]
        fn no_damage_to_a_document_makes_reading_panic(
            at in 0..TEN_MISTAKES.len(),
            length in 0..20_usize,
            text in "([a-c]|: |- |\n|\t|\\[|\\]|\\{|\\}|,|&a |\\*a|!t |<<|'|\"|[0-9]){0,5}",
        ) {
            let end = (at + length).min(TEN_MISTAKES.len());
            check_total(&format!("{}{text}{}", &TEN_MISTAKES[..at], &TEN_MISTAKES[end..]));
        }
    }

    /// Whatever the source, there is a value or a problem, and the problems can be shown.
    fn check_total(source: &str) {
        let reading = read::<File>(source);
        assert!(reading.value.is_some() || !reading.problems.is_empty());
        for problem in &reading.problems {
            if let Some(span) = &problem.span {
                assert!(source.get(span.clone()).is_some(), "{problem} at {span:?}");
            }
        }
        for colour in [false, true] {
            render(&reading.problems, "jobs.yaml", source, colour);
        }
    }
}
