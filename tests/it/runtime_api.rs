//! Lambda's Runtime API on loopback, for programs that poll it: tests and benchmarks.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may fail by panic")]

use std::convert::Infallible;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// What an invocation may take: far more than it needs, so that only a hang meets it.
const LIMIT: Duration = Duration::from_secs(50);

/// What the function posted: its answer, or its error.
type Posted = Result<Value, Value>;

/// A function that runs, and its Runtime API.
pub(crate) struct Running {
    pub(crate) child: Child,
    payloads: mpsc::UnboundedSender<String>,
    answers: mpsc::UnboundedReceiver<Posted>,
    polls: mpsc::UnboundedReceiver<Instant>,
}

/// The Runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
struct RuntimeApi {
    payloads: Mutex<mpsc::UnboundedReceiver<String>>,
    answers: mpsc::UnboundedSender<Posted>,
    polls: mpsc::UnboundedSender<Instant>,
    /// How long an invocation may take.
    time: Duration,
}

impl Running {
    /// Starts the program; every invocation may take `time`.
    pub(crate) async fn start(mut program: Command, time: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let (payloads, to_poll) = mpsc::unbounded_channel();
        let (posted, answers) = mpsc::unbounded_channel();
        let (polled, polls) = mpsc::unbounded_channel();
        let api =
            RuntimeApi { payloads: Mutex::new(to_poll), answers: posted, polls: polled, time };
        tokio::spawn(serve(listener, Arc::new(api)));
        let child = program
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the function starts");
        Self { child, payloads, answers, polls }
    }

    /// Invokes the function and waits for what it posts.
    pub(crate) async fn invoke(&mut self, payload: &Value) -> Posted {
        self.payloads.send(payload.to_string()).expect("the Runtime API lives");
        match tokio::time::timeout(LIMIT, self.answers.recv()).await {
            Ok(Some(posted)) => posted,
            Ok(None) | Err(_) => panic!("no answer: {}", self.end().1),
        }
    }

    /// When it asked for something to do for the first time.
    pub(crate) async fn first_poll(&mut self) -> Instant {
        match tokio::time::timeout(LIMIT, self.polls.recv()).await {
            Ok(Some(at)) => at,
            Ok(None) | Err(_) => panic!("it never polled: {}", self.end().1),
        }
    }

    /// Ends the function and returns what it printed: metrics and logs.
    pub(crate) fn end(&mut self) -> (String, String) {
        drop(self.child.kill());
        drop(self.child.wait());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).expect("its standard output");
        }
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).expect("its standard error");
        }
        (stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn serve(listener: TcpListener, api: Arc<RuntimeApi>) {
    while let Ok((stream, _)) = listener.accept().await {
        let api = Arc::clone(&api);
        let answer = service_fn(move |request| respond(Arc::clone(&api), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer);
        tokio::spawn(connection);
    }
}

async fn respond(
    api: Arc<RuntimeApi>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET {
        // Nobody may be listening.
        let _ = api.polls.send(Instant::now());
        let Some(payload) = api.payloads.lock().await.recv().await else {
            std::future::pending::<()>().await;
            panic!("nothing is ever pending for ever");
        };
        let deadline = jiff::Timestamp::now().as_millisecond()
            + i64::try_from(api.time.as_millis()).unwrap_or(i64::MAX);
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", uuid::Uuid::new_v4().to_string())
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:0:function:f")
            .body(Full::new(Bytes::from(payload)));
        return Ok(response.expect("a response"));
    }
    let failed = request.uri().path().ends_with("/error");
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let value: Value = serde_json::from_slice(&body).expect("JSON");
    drop(api.answers.send(if failed { Err(value) } else { Ok(value) }));
    let accepted = Response::builder().status(202).body(Full::new(Bytes::new()));
    Ok(accepted.expect("a response"))
}
