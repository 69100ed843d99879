//! A moto server: answers as AWS does, for the adapters to be tried against something we did not
//! write. Started once for all tests, and gone when they are.

#![expect(clippy::expect_used, reason = "a test may fail by panic")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;

use aws_config::{Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A server that runs.
struct Server {
    endpoint: String,
    _child: Child,
    /// The server ends when this closes: with the test process.
    _lifeline: ChildStdin,
}

static SERVER: LazyLock<Server> = LazyLock::new(start);

fn start() -> Server {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/moto/bin/python");
    assert!(python.exists(), "moto is not installed: `make test` installs it");
    let mut child = Command::new(python)
        .arg(root.join("tests/moto/server.py"))
        .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("moto starts");
    let lifeline = child.stdin.take().expect("its standard input");
    let mut port = String::new();
    let stdout = child.stdout.take().expect("its standard output");
    BufReader::new(stdout).read_line(&mut port).expect("its port");
    let endpoint = format!("http://127.0.0.1:{}", port.trim());
    Server { endpoint, _child: child, _lifeline: lifeline }
}

/// Where the server is.
pub(crate) fn endpoint() -> &'static str {
    &SERVER.endpoint
}

/// The connection to it.
pub(crate) async fn connect() -> SdkConfig {
    connect_to(endpoint()).await
}

/// The connection to another server on this machine.
pub(crate) async fn connect_to(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("testing", "testing", None, None, "tests");
    longshore::aws::connect()
        .await
        .into_builder()
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Asks a service that has no client here. moto looks at nothing of a signature but the name in it.
pub(crate) async fn ask(
    service: &str,
    method: &str,
    path: &str,
    target: Option<&str>,
    body: String,
) {
    let address = endpoint().trim_start_matches("http://");
    let stream = TcpStream::connect(address).await.expect("moto");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(async move { drop(connection.await) });
    let credential = format!("Credential=testing/20261126/eu-west-1/{service}/aws4_request");
    let mut request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("host", address)
        .header("authorization", format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host"));
    if let Some(target) = target {
        request = request.header("x-amz-target", target);
        request = request.header("content-type", "application/x-amz-json-1.1");
    }
    let request = request.body(Full::new(Bytes::from(body))).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    let status = answer.status();
    let told = answer.into_body().collect().await.expect("its body").to_bytes();
    let told = String::from_utf8_lossy(&told);
    assert!(status.is_success(), "{service} {path}: {status}: {told}");
}

/// A name no other test has.
pub(crate) fn fresh(what: &str) -> String {
    format!("{what}-{}", uuid::Uuid::new_v4().simple())
}

#[tokio::test]
async fn a_queue_of_motos_takes_and_gives_a_message() {
    let sqs = aws_sdk_sqs::Client::new(&connect().await);
    let queue = sqs.create_queue().queue_name(fresh("probe")).send().await.expect("a queue");
    let url = queue.queue_url().expect("its url");
    sqs.send_message().queue_url(url).message_body("{}").send().await.expect("sent");
    let received = sqs.receive_message().queue_url(url).send().await.expect("received");
    assert_eq!(received.messages().len(), 1);
}
