//! awsJson 1.1, as ECS speaks it: the operation is a header, the parameters are the body, an error
//! is a body with `__type`
//! (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>).

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::ledger::LedgerError;

/// What `X-Amz-Target` begins with.
const SERVICE: &str = "AmazonEC2ContainerServiceV20141113.";

/// A call's parameters, as they came.
pub(super) type Parameters = Map<String, Value>;

/// An error that the caller gets, under ECS's own name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0}")]
    Client(String),
    #[error("{0}")]
    InvalidParameter(String),
    /// The client token belongs to a request with other parameters; these are its tasks.
    #[error("{message}")]
    Conflict { message: String, resource_ids: Vec<String> },
    #[error("{0}")]
    ResourceNotFound(String),
    #[error("{0}")]
    AccessDenied(String),
    #[error("{0}")]
    Serialization(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    UnknownOperation(String),
    #[error("{0}")]
    Throttling(String),
    #[error("{0}")]
    Server(String),
}

impl ApiError {
    /// A parameter that is not as it must be.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidParameter(message.into())
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::TooLarge(_) => 413,
            Self::Server(_) => 500,
            Self::Client(_)
            | Self::InvalidParameter(_)
            | Self::Conflict { .. }
            | Self::ResourceNotFound(_)
            | Self::AccessDenied(_)
            | Self::Serialization(_)
            | Self::UnknownOperation(_)
            | Self::Throttling(_) => 400,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Client(_) => "ClientException",
            Self::InvalidParameter(_) => "InvalidParameterException",
            Self::Conflict { .. } => "ConflictException",
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::AccessDenied(_) => "AccessDeniedException",
            Self::Serialization(_) => "SerializationException",
            Self::TooLarge(_) => "RequestEntityTooLargeException",
            Self::UnknownOperation(_) => "UnknownOperationException",
            Self::Throttling(_) => "ThrottlingException",
            Self::Server(_) => "ServerException",
        }
    }

    /// The body of the answer.
    pub(super) fn to_json(&self) -> Value {
        let mut body = json!({ "__type": self.name(), "message": self.to_string() });
        if let (Self::Conflict { resource_ids, .. }, Some(body)) = (self, body.as_object_mut()) {
            body.insert("resourceIds".to_owned(), json!(resource_ids));
        }
        body
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        Self::Server(error.to_string())
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Server(error.to_string())
    }
}

/// An operation's name, out of `X-Amz-Target`.
pub(super) fn operation(target: Option<&str>) -> Result<&str, ApiError> {
    target.and_then(|target| target.strip_prefix(SERVICE)).ok_or_else(|| {
        ApiError::UnknownOperation(format!(
            "the header X-Amz-Target must name an operation of ECS, like {SERVICE}RunTask"
        ))
    })
}

/// The parameters in a body. No body is no parameters; `null` is an absent one.
pub(super) fn parameters(body: &[u8]) -> Result<Parameters, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut parameters)) => {
            parameters.retain(|_, value| drop_nulls(value));
            Ok(parameters)
        }
        Ok(_) => Err(ApiError::Serialization("the body is no JSON object".to_owned())),
        Err(error) => Err(ApiError::Serialization(format!("the body is no JSON: {error}"))),
    }
}

/// Takes every `null` out of objects; whether anything is left.
fn drop_nulls(value: &mut Value) -> bool {
    match value {
        Value::Null => return false,
        Value::Object(map) => map.retain(|_, value| drop_nulls(value)),
        Value::Array(list) => list.retain_mut(drop_nulls),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    true
}

/// Reads the parameters that an operation knows; like ECS it does not mind others.
pub(super) fn read<T: DeserializeOwned>(parameters: &Parameters) -> Result<T, ApiError> {
    T::deserialize(&Value::Object(parameters.clone()))
        .map_err(|error| ApiError::Serialization(error.to_string()))
}

/// A time as ECS's answers have it: seconds since 1970, to the millisecond.
pub(super) fn epoch(time: Timestamp) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit into 53 bits")]
    let millis = time.as_millisecond() as f64;
    json!(millis / 1000.0)
}

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// A page of a list: what is asked for, and the place in the list where the last one ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    pub(super) size: usize,
    pub(super) after: Option<T>,
}

impl<T: FromStr + Display> Page<T> {
    /// Most entries on one page.
    const SIZE_MAX: i64 = 100;

    /// Reads `maxResults` and `nextToken`.
    pub(super) fn read(size: Option<i64>, token: Option<&str>) -> Result<Self, ApiError> {
        let size = size.unwrap_or(Self::SIZE_MAX);
        if !(1..=Self::SIZE_MAX).contains(&size) {
            return Err(ApiError::invalid("maxResults must be between 1 and 100."));
        }
        let after = token.map(str::parse).transpose();
        let after = after.map_err(|_| ApiError::invalid("Invalid token."))?;
        Ok(Self { size: usize::try_from(size).unwrap_or(1), after })
    }

    /// Puts a page of the `entries`, each with its place, into an answer.
    pub(super) fn answer(self, name: &str, entries: Vec<(T, String)>) -> Value {
        let more = entries.len() > self.size;
        let page: Vec<(T, String)> = entries.into_iter().take(self.size).collect();
        let last = page.last().filter(|_| more).map(|(place, _)| place.to_string());
        let mut answer = Map::new();
        let names: Vec<String> = page.into_iter().map(|(_, name)| name).collect();
        answer.insert(name.to_owned(), json!(names));
        if let Some(last) = last {
            answer.insert("nextToken".to_owned(), json!(last));
        }
        Value::Object(answer)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn the_target_names_an_operation_of_ecs() {
        for (target, expected) in [
            (Some("AmazonEC2ContainerServiceV20141113.RunTask"), Some("RunTask")),
            (Some("AmazonSQS.SendMessage"), None),
            (Some(""), None),
            (None, None),
        ] {
            assert_eq!(operation(target).ok(), expected, "{target:?}");
        }
    }

    #[test]
    fn a_body_is_one_object_and_null_is_an_absent_parameter() {
        for (body, expected) in [
            ("", Some(json!({}))),
            (" \n", Some(json!({}))),
            (r#"{"a":null,"b":{"c":null,"d":[null,1]}}"#, Some(json!({ "b": { "d": [1] } }))),
            ("[]", None),
            ("{", None),
            ("\u{0}", None),
        ] {
            let read = parameters(body.as_bytes()).map(Value::Object);
            assert_eq!(read.clone().ok(), expected, "{body:?}");
            if let Err(error) = read {
                assert!(matches!(error, ApiError::Serialization(_)), "{error:?}");
            }
        }
    }

    #[test]
    fn a_page_says_where_it_ended_only_if_there_is_more() {
        let entries = |count: i64| (1..=count).map(|n| (n * 10, format!("t{n}"))).collect();
        let page = Page::<i64>::read(Some(2), None).unwrap();
        assert_eq!(page.clone().answer("arns", entries(2)), json!({ "arns": ["t1", "t2"] }));
        assert_eq!(
            page.answer("arns", entries(3)),
            json!({ "arns": ["t1", "t2"], "nextToken": "20" })
        );
        assert_eq!(Page::read(None, Some("20")).unwrap(), Page { size: 100, after: Some(20) });
        for (size, token) in [(Some(0), None), (Some(101), None), (None, Some("x"))] {
            assert!(Page::<i64>::read(size, token).is_err(), "{size:?} {token:?}");
        }
    }

    #[test]
    fn an_error_is_ecss_own_json() {
        let conflict =
            ApiError::Conflict { message: "used".to_owned(), resource_ids: vec!["arn".to_owned()] };
        assert_eq!(
            conflict.to_json(),
            json!({ "__type": "ConflictException", "message": "used", "resourceIds": ["arn"] })
        );
        assert_eq!((conflict.status(), ApiError::Server(String::new()).status()), (400, 500));
    }
}
