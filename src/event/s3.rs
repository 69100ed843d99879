//! An object that was created in S3, told by an S3 notification or through EventBridge.
//!
//! The two disagree in spelling: a notification form-encodes the key (`+` is a space) and writes
//! `eTag` and `versionId`; EventBridge sends the key as it is and writes `etag` and `version-id`
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>).

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Event, Occurrence, Unreadable, Values, time_of, typed};
use crate::identity::quote;

const KIND: &str = "S3 event";
/// Bytes of an object key at most, as S3 has it.
const KEY_BYTES_MAX: usize = 1024;
/// Characters of the other texts (names, tags, ids) at most: S3's are far shorter.
const TEXT_CHARS_MAX: usize = 1024;

/// An object that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The bucket's name.
    pub bucket: String,
    /// The key, decoded. Opaque text: never a path.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The entity tag, without quotes.
    pub etag: Option<String>,
    /// The version, in a versioned bucket.
    pub version_id: Option<String>,
    /// Orders the events of one key; two writes never share one.
    pub sequencer: Option<String>,
    /// When S3 saw it.
    pub time: Option<Timestamp>,
}

impl Object {
    pub(super) fn occurrence(&self) -> Occurrence {
        Occurrence::new(
            "s3",
            [
                self.bucket.clone(),
                self.key.clone(),
                self.version_id.clone().unwrap_or_default(),
                self.sequencer.clone().unwrap_or_default(),
            ],
        )
    }

    pub(super) fn values(&self) -> Values {
        let mut values = Values::from([
            ("bucket".to_owned(), self.bucket.clone()),
            ("key".to_owned(), self.key.clone()),
            ("size".to_owned(), self.size.to_string()),
        ]);
        for (name, value) in [("etag", &self.etag), ("versionId", &self.version_id)] {
            if let Some(value) = value {
                values.insert(name.to_owned(), value.clone());
            }
        }
        values
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_source: Option<String>,
    event_name: Option<String>,
    event_time: Option<String>,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Wire,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

/// The object in both spellings.
#[derive(Deserialize)]
struct Wire {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(alias = "eTag", default, deserialize_with = "filled")]
    etag: Option<String>,
    #[serde(alias = "versionId", rename = "version-id", default, deserialize_with = "filled")]
    version_id: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    sequencer: Option<String>,
}

/// An empty text tells nothing apart: it is as good as none.
fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.trim_matches('"').is_empty()))
}

/// Reads one record of a notification.
pub(super) fn read_record(record: &Value) -> Result<Event, Unreadable> {
    let source = record.get("eventSource").and_then(Value::as_str);
    if record.get("s3").is_none() {
        let source = source.unwrap_or("an unnamed source");
        return Err(Unreadable::UnknownKind(format!("a record from `{}`", quote(source))));
    }
    let record: Record = typed(KIND, record)?;
    if let Some(source) = record.event_source.as_deref().filter(|source| *source != "aws:s3") {
        let kind = format!("an S3 record from `{}`", quote(source));
        return Err(Unreadable::UnknownKind(kind));
    }
    let name = record.event_name.unwrap_or_default();
    // Old configurations prefix it; the wire does not.
    if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return Err(Unreadable::UnknownKind(format!(
            "S3's `{}`, which is no ObjectCreated event",
            quote(&name)
        )));
    }
    let key = decode_form(&record.s3.object.key)?;
    let time = record.event_time.and_then(|time| time.parse().ok());
    object(record.s3.bucket.name, key, record.s3.object, time).map(Event::S3)
}

/// Reads "Object Created" from EventBridge.
pub(super) fn read_envelope(envelope: &EventBridgeEvent<Value>) -> Result<Object, Unreadable> {
    let entity: Entity = typed(KIND, &envelope.detail)?;
    let key = entity.object.key.clone();
    object(entity.bucket.name, key, entity.object, time_of(envelope))
}

fn object(
    bucket: String,
    key: String,
    wire: Wire,
    time: Option<Timestamp>,
) -> Result<Object, Unreadable> {
    if bucket.is_empty() || key.is_empty() || key.len() > KEY_BYTES_MAX || key.contains('\0') {
        let problem = format!("bucket and key must be set, the key within {KEY_BYTES_MAX} bytes");
        return Err(Unreadable::malformed(KIND, problem));
    }
    let texts =
        [Some(&bucket), wire.etag.as_ref(), wire.version_id.as_ref(), wire.sequencer.as_ref()];
    if texts.into_iter().flatten().any(|text| text.len() > TEXT_CHARS_MAX) {
        return Err(Unreadable::malformed(KIND, "a field is longer than S3 makes it"));
    }
    // A write without version and sequencer cannot be told from the next one to the same key.
    if wire.version_id.is_none() && wire.sequencer.is_none() && wire.etag.is_none() {
        let problem = "it has none of sequencer, version id and etag, so a repetition of it could \
                       not be told from a new write";
        return Err(Unreadable::malformed(KIND, problem));
    }
    let etag = wire.etag.map(|etag| etag.trim_matches('"').to_owned());
    // The etag stands in for a sequencer that is missing (some S3-compatible stores).
    let sequencer = wire.sequencer.or_else(|| etag.clone());
    Ok(Object { bucket, key, size: wire.size, etag, version_id: wire.version_id, sequencer, time })
}

/// Decodes `application/x-www-form-urlencoded` text, strictly UTF-8.
fn decode_form(text: &str) -> Result<String, Unreadable> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(|key| key.into_owned())
        .map_err(|_| Unreadable::malformed(KIND, "the key is not UTF-8 once decoded"))
}
