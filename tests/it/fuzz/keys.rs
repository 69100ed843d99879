//! Keys in form encoding, held against the slowest decoder there could be.

use longshore::event::{Event, read_body};
use proptest::prelude::*;
use serde_json::json;

use super::{config, corpus, mutated_text};

const WORDS: &[&str] =
    &["%", "+", "%2B", "%2b", "%00", "%0", "%g0", "%C3%BC", "%ff", "%%", "%25", "%ED%A0%80"];

/// What the key comes to, byte by byte; `None` where it is none.
fn decode(text: &str) -> Option<String> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = match after {
            [high, low, ..] if first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match pair {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(if first == b'+' { b' ' } else { first });
                rest = after;
            }
        }
    }
    let key = String::from_utf8(decoded).ok()?;
    (!key.is_empty() && key.len() <= 1024 && !key.contains('\0')).then_some(key)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_key_is_what_its_bytes_say_or_refused(text in mutated_text(corpus("keys"), WORDS)) {
        prop_assume!(!text.contains('\0'));
        let record = json!({ "Records": [{
            "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": "uploads" }, "object": { "key": text, "sequencer": "0A" } },
        }] });
        let read = read_body(record.to_string().as_bytes(), "m");
        let key = match read.as_slice() {
            [Ok(Event::S3(object))] => Some(object.key.clone()),
            [Err(_)] => None,
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        prop_assert_eq!(key, decode(&text));
    }
}
