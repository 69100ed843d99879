//! Between a client and a server: counts calls, loses answers after their effect, holds calls for
//! ever, answers itself.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::moto;

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// moto does it, and the connection breaks before the answer.
    LoseAnswer,
    /// moto never hears of it; this status and JSON are the answer.
    Answer(u16, String),
    /// The call goes no further, and whoever waits for it is told: before the server hears of it,
    /// or once it has done what was asked.
    Hold {
        /// Whether the server does it.
        done: bool,
        /// Who is told.
        reached: Arc<Notify>,
    },
    /// The answer comes without the item that a failed condition met.
    LeaveItemOut,
}

/// What was called, and what shall happen to calls.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    endpoint: String,
    /// Whom it speaks for.
    server: String,
    calls: Arc<Mutex<Vec<String>>>,
    faults: Arc<Mutex<Vec<(&'static str, Fault)>>>,
    /// What is answered to every call of a name, the last one first.
    standing: Arc<Mutex<Vec<(String, u16, String)>>>,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost")]
struct Lost;

type Answered = Result<Response<Full<Bytes>>, Lost>;

impl Proxy {
    /// Listens until the test's runtime ends.
    pub(crate) async fn start() -> Self {
        Self::before(moto::endpoint()).await
    }

    /// One that speaks for this server.
    pub(crate) async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = server.to_owned();
        let proxy = Self {
            endpoint,
            server,
            calls: Arc::default(),
            faults: Arc::default(),
            standing: Arc::default(),
        };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = serving.clone();
                let answer = service_fn(move |request| {
                    let proxy = proxy.clone();
                    async move { proxy.answer(request).await }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer);
                // A lost answer ends it with an error, as it should.
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        proxy
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The next call of this name meets the fault.
    pub(crate) fn next(&self, call: &'static str, fault: Fault) {
        self.faults.lock().unwrap().push((call, fault));
    }

    /// From now on nobody may do this: `ec2:DescribeSubnets`.
    pub(crate) fn refuse(&self, permission: &str) {
        let call = permission.split(':').nth(1).unwrap();
        let (status, body) = refusal(permission);
        self.always(call, status, &body);
    }

    /// From now on every call of this name has this answer.
    pub(crate) fn always(&self, call: &str, status: u16, body: &str) {
        self.standing.lock().unwrap().push((call.to_owned(), status, body.to_owned()));
    }

    /// The names of the calls since this was last asked.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    async fn answer(&self, request: Request<Incoming>) -> Answered {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let call = name_of(&head, &body);
        let request = Request::from_parts(head, Full::new(body));
        let standing = {
            let standing = self.standing.lock().unwrap();
            standing.iter().rev().find(|(name, ..)| *name == call).cloned()
        };
        if let Some((call, status, body)) = standing {
            self.calls.lock().unwrap().push(call);
            return Ok(answer(status, &body));
        }
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let place = faults.iter().position(|(name, _)| *name == call);
            place.map(|place| faults.remove(place).1)
        };
        self.calls.lock().unwrap().push(call);
        match fault {
            None => Ok(self.forward(request).await),
            Some(Fault::LoseAnswer) => {
                self.forward(request).await;
                Err(Lost)
            }
            Some(Fault::Hold { done, reached }) => {
                if done {
                    self.forward(request).await;
                }
                reached.notify_one();
                std::future::pending().await
            }
            Some(Fault::LeaveItemOut) => {
                let (head, body) = self.forward(request).await.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let mut value: serde_json::Value = serde_json::from_slice(&body).unwrap();
                value.as_object_mut().unwrap().remove("Item").unwrap();
                Ok(answer(head.status.as_u16(), &value.to_string()))
            }
            Some(Fault::Answer(status, body)) => Ok(answer(status, &body)),
        }
    }

    async fn forward(&self, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        let address = self.server.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        Response::from_parts(head, Full::new(body.collect().await.unwrap().to_bytes()))
    }
}

fn answer(status: u16, body: &str) -> Response<Full<Bytes>> {
    let answer = Response::builder().status(status).header("x-amzn-requestid", "1");
    let answer = answer.header("content-type", "application/x-amz-json-1.0");
    answer.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

/// What is called, in each of AWS's protocols: a header, a parameter of the body, or the path.
fn name_of(head: &hyper::http::request::Parts, body: &[u8]) -> String {
    if let Some(target) = head.headers.get("x-amz-target") {
        return target.to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    }
    let body = String::from_utf8_lossy(body);
    let parameter = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    match parameter {
        Some(action) => action.to_owned(),
        None => match head.uri.path().split('/').nth(1) {
            Some("schedules") => "GetSchedule".to_owned(),
            Some("2015-03-31") => "GetFunctionConfiguration".to_owned(),
            _ if head.uri.query() == Some("notification=") => "GetBucketNotification".to_owned(),
            _ => head.uri.path().to_owned(),
        },
    }
}

/// What AWS answers whoever lacks a permission, in the words of the service's protocol.
fn refusal(permission: &str) -> (u16, String) {
    let message = format!(
        "User: arn:aws:iam::123456789012:user/nobody is not authorized to perform: {permission} \
         because no identity-based policy allows it"
    );
    let error =
        |code: &str| format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    match permission.split(':').next() {
        Some("ec2") => {
            let error = error("UnauthorizedOperation");
            (403, format!("<Response><Errors>{error}</Errors></Response>"))
        }
        Some("iam") => (403, format!("<ErrorResponse>{}</ErrorResponse>", error("AccessDenied"))),
        Some("s3") => (403, error("AccessDenied")),
        _ => {
            let error =
                serde_json::json!({ "__type": "AccessDeniedException", "message": message });
            (400, error.to_string())
        }
    }
}
