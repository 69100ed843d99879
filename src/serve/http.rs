//! One HTTP request to one answer: what is asked for, what goes wrong on request, and how the
//! answer leaves.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::faults::{After, Before, Trouble};
use super::wire::{self, ApiError, Parameters};
use super::{Server, definitions, tags};

/// Bytes of a request's body, at most.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Where faults are asked for.
const FAULTS_PATH: &str = "/longshore/faults";
/// What answers are.
const AWS_JSON: &str = "application/x-amz-json-1.1";
/// Between the half of an answer and its breaking off, so that the half arrives.
const CUT_PAUSE: Duration = Duration::from_millis(20);

/// The connection is closed without an answer, because that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed: a fault was asked for")]
pub(super) struct Closed;

type Body = UnsyncBoxBody<Bytes, Closed>;

impl Server {
    /// Answers one request.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Closed> {
        if let Err(error) = self.check_host(&request) {
            return Ok(error_answer(&error));
        }
        if request.uri().path() == FAULTS_PATH {
            return Ok(self.answer_faults(request).await);
        }
        let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
        let operation = match wire::operation(target) {
            Ok(operation) => operation.to_owned(),
            Err(error) => return Ok(error_answer(&error)),
        };
        let read = body(request).await.and_then(|body| wire::parameters(&body));
        let trouble = self.faults.take(&operation, Timestamp::now());
        tokio::time::sleep(trouble.delay).await;
        let result = match (read, &trouble.before) {
            (_, Some(Before::Close)) => return Err(Closed),
            (_, Some(Before::Answer(error))) => Err(error.clone()),
            (Err(error), None) => Err(error),
            (Ok(parameters), None) => self.call(&operation, &parameters, &trouble).await,
        };
        match (result, trouble.after) {
            (_, Some(After::Lost)) => Err(Closed),
            (Ok(answer), None) => Ok(json_answer(StatusCode::OK, AWS_JSON, &answer)),
            (Ok(answer), Some(After::Truncated)) => Ok(cut_answer(&answer)),
            (Err(error), _) => Ok(error_answer(&error)),
        }
    }

    async fn call(
        &self,
        operation: &str,
        parameters: &Parameters,
        trouble: &Trouble,
    ) -> Result<Value, ApiError> {
        let now = Timestamp::now();
        match operation {
            "RunTask" => self.run_task(parameters, trouble.failing.as_ref(), now),
            "DescribeTasks" => self.describe_tasks(parameters, now),
            "ListTasks" => self.list_tasks(parameters, trouble.list_delay, now),
            "StopTask" => self.stop_task(parameters, now).await,
            "RegisterTaskDefinition" => {
                self.change(|sqlite| definitions::register(sqlite, parameters, now))
            }
            "DeregisterTaskDefinition" => {
                self.change(|sqlite| definitions::deregister(sqlite, parameters))
            }
            "DescribeTaskDefinition" => {
                self.read(|sqlite| definitions::describe(sqlite, parameters))
            }
            "ListTaskDefinitions" => self.read(|sqlite| definitions::list(sqlite, parameters)),
            "TagResource" => self.change(|sqlite| tags::tag_resource(sqlite, parameters)),
            "UntagResource" => self.change(|sqlite| tags::untag_resource(sqlite, parameters)),
            "ListTagsForResource" => self.read(|sqlite| tags::list(sqlite, parameters)),
            other => Err(ApiError::UnknownOperation(format!(
                "longshore does not do {other}; it does {}",
                super::OPERATIONS.join(", ")
            ))),
        }
    }

    /// Keeps web pages out: a name that a stranger made to mean this machine is not its own.
    fn check_host(&self, request: &Request<Incoming>) -> Result<(), ApiError> {
        if !self.is_loopback() {
            return Ok(());
        }
        let host = request.headers().get(HOST).and_then(|value| value.to_str().ok());
        let host = host.or(request.uri().host()).unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, port)| {
            // An IPv6 address without a port ends with a bracket.
            if port.ends_with(']') { host } else { name }
        });
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        if bare == "localhost" || bare.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        Err(ApiError::AccessDenied(
            "the Host must be localhost or an IP address, so that web pages cannot get here"
                .to_owned(),
        ))
    }

    async fn answer_faults(&self, request: Request<Incoming>) -> Response<Body> {
        let json = |value: &Value| json_answer(StatusCode::OK, "application/json", value);
        match *request.method() {
            Method::GET => json(&self.faults.to_json()),
            Method::DELETE => {
                self.faults.clear();
                json(&self.faults.to_json())
            }
            Method::POST if !is_json(&request) => {
                bad_fault("say Content-Type: application/json, so that no web page asks for faults")
            }
            Method::POST => match body(request).await {
                Err(error) => error_answer(&error),
                Ok(body) => match self.faults.add(&body) {
                    Ok(()) => json(&self.faults.to_json()),
                    Err(problem) => bad_fault(&problem),
                },
            },
            _ => bad_fault("faults take GET, POST and DELETE"),
        }
    }
}

fn is_json(request: &Request<Incoming>) -> bool {
    let content = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content.is_some_and(|content| content.split(';').next() == Some("application/json"))
}

async fn body(request: Request<Incoming>) -> Result<Bytes, ApiError> {
    let limited = Limited::new(request.into_body(), BODY_BYTES_MAX);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(ApiError::TooLarge("a body has at most 1 MiB".to_owned()))
        }
        Err(error) => Err(ApiError::Serialization(format!("the body breaks off: {error}"))),
    }
}

fn error_answer(error: &ApiError) -> Response<Body> {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    json_answer(status, AWS_JSON, &error.to_json())
}

fn bad_fault(problem: &str) -> Response<Body> {
    json_answer(StatusCode::BAD_REQUEST, "application/json", &json!({ "message": problem }))
}

fn json_answer(status: StatusCode, content: &'static str, value: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(value.to_string()));
    respond(status, content, body.map_err(|never: Infallible| match never {}).boxed_unsync())
}

/// A good answer whose second half never comes.
fn cut_answer(value: &Value) -> Response<Body> {
    let whole = Bytes::from(value.to_string());
    let half = whole.slice(..whole.len() / 2);
    let parts = stream::unfold(Some(half), |part| async {
        match part {
            Some(half) if !half.is_empty() => Some((Ok(Frame::data(half)), Some(Bytes::new()))),
            Some(_) => {
                tokio::time::sleep(CUT_PAUSE).await;
                Some((Err(Closed), None))
            }
            None => None,
        }
    });
    let mut response = respond(StatusCode::OK, AWS_JSON, StreamBody::new(parts).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, whole.len().into());
    response
}

fn respond(status: StatusCode, content: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content));
    if let Ok(id) = Uuid::new_v4().to_string().parse() {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
