//! The dispatch function held against a bare one built the same way: size as it is deployed, start,
//! first and warm invocation, peak memory. Runtime API and AWS are on loopback, so what is measured is ours.

#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark may fail by panic")]

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[path = "../tests/it/runtime_api.rs"]
mod runtime_api;

use runtime_api::Running;

/// Starts of each function.
const STARTS: usize = 31;
/// Warm invocations after each start.
const WARM: usize = 50;
const TIMEOUT: Duration = Duration::from_secs(60);

const JOBS: &str = "
defaults:
  cluster: batch
  network: { subnets: [subnet-0a1b2c3d4e5f60718], securityGroups: [sg-0a1b2c3d4e5f60718] }
jobs:
  upload:
    triggers: [{ s3: { bucket: uploads } }]
    task: { taskDefinition: upload, container: app, environment: { KEY: \"{{ key }}\" } }
";

/// What one start of a function gave.
struct Sample {
    start: Duration,
    first: Duration,
    warm: Duration,
    peak_kib: f64,
}

fn main() {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(run());
}

async fn run() {
    let aws = serve_aws().await;
    let folder = tempfile::tempdir().expect("a folder");
    let jobs = folder.path().join("jobs.yaml");
    std::fs::write(&jobs, JOBS).expect("jobs.yaml");
    let (dispatch, bare) = (built("lambda"), built("bare/release/bare"));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..STARTS {
        // In turn, so that a machine that slows down slows both.
        theirs.push(measure(function(&bare, &aws, &jobs), round).await);
        ours.push(measure(function(&dispatch, &aws, &jobs), round).await);
    }
    println!("{STARTS} starts of each in turn, {WARM} warm invocations after each; medians");
    println!("{:<28}{:>12}{:>12}{:>8}", "", "dispatch", "bare", "ratio");
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    line("zip, MB", megabytes(&built("lambda.zip")), megabytes(&built("bare/release/bare.zip")));
    row("start to first poll, ms", &ours, &theirs, |sample| millis(sample.start));
    // What else the machine does makes a start slower, never faster.
    let fastest = |samples: &[Sample]| samples.iter().map(|sample| sample.start).min();
    let fastest = |samples| fastest(samples).map_or(f64::NAN, millis);
    line("the fastest of them, ms", fastest(&ours), fastest(&theirs));
    row("first invocation, ms", &ours, &theirs, |sample| millis(sample.first));
    row("warm invocation, ms", &ours, &theirs, |sample| millis(sample.warm));
    row("peak memory, MiB", &ours, &theirs, |sample| sample.peak_kib / 1024.0);
}

fn row(name: &str, ours: &[Sample], theirs: &[Sample], figure: impl Fn(&Sample) -> f64) {
    line(name, median(ours.iter().map(&figure)), median(theirs.iter().map(&figure)));
}

fn line(name: &str, ours: f64, theirs: f64) {
    println!("{name:<28}{ours:>12.2}{theirs:>12.2}{:>8.2}", ours / theirs);
}

fn megabytes(file: &Path) -> f64 {
    let bytes = std::fs::metadata(file).expect("a file").len();
    f64::from(u32::try_from(bytes).expect("a file of no gigabytes")) / 1e6
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A program that `make bench` has built below the folder of this one.
fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("our own path");
    let release = own.ancestors().nth(2).expect("the profile's folder");
    let places = [release.join(name), release.with_file_name(name)];
    match places.into_iter().find(|place| place.exists()) {
        Some(program) => program,
        None => panic!("{name} is not built: `make bench` builds it"),
    }
}

fn function(program: &Path, aws: &str, jobs: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).envs([
        ("AWS_LAMBDA_FUNCTION_NAME", "dispatch"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("AWS_ENDPOINT_URL", aws),
        ("_HANDLER", "dispatch"),
        ("TABLE_NAME", "longshore-runs"),
        ("EVENTS_QUEUE_URL", "http://127.0.0.1/0/events"),
        ("STATES_QUEUE_URL", "http://127.0.0.1/0/states"),
        ("REJECT_QUEUE_URL", "http://127.0.0.1/0/reject"),
    ]);
    command.env("JOBS_FILE", jobs);
    command
}

async fn measure(command: Command, round: usize) -> Sample {
    let started = Instant::now();
    let mut function = Running::start(command, TIMEOUT).await;
    let start = function.first_poll().await.duration_since(started);
    let first = invoke(&mut function, &format!("{round}-first")).await;
    let mut warm = Vec::new();
    for number in 0..WARM {
        warm.push(invoke(&mut function, &format!("{round}-{number}")).await.as_secs_f64());
    }
    let peak_kib = peak_kib(function.child.id());
    Sample { start, first, warm: Duration::from_secs_f64(median(warm.into_iter())), peak_kib }
}

async fn invoke(function: &mut Running, key: &str) -> Duration {
    let body = json!({
        "version": "0", "id": key, "detail-type": "Object Created", "source": "aws.s3",
        "account": "123456789012", "time": jiff::Timestamp::now().to_string(),
        "region": "eu-west-1", "resources": ["arn:aws:s3:::uploads"],
        "detail": { "bucket": { "name": "uploads" },
                    "object": { "key": key, "size": 5, "sequencer": "00" } },
    });
    let payload = json!({ "Records": [{
        "messageId": key, "eventSource": "aws:sqs", "body": body.to_string(),
        "attributes": { "ApproximateReceiveCount": "1" },
    }] });
    let begun = Instant::now();
    let answer = function.invoke(&payload).await;
    assert_eq!(answer, Ok(json!({ "batchItemFailures": [] })), "{:?}", function.end());
    begun.elapsed()
}

/// The most memory the process ever had resident.
fn peak_kib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// An AWS where everything works at once.
async fn serve_aws() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let io = TokioIo::new(stream);
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(answer));
            tokio::spawn(connection);
        }
    });
    endpoint
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    let body: Value = match target.and_then(|target| target.rsplit('.').next()) {
        Some("RunTask") => json!({ "failures": [], "tasks": [{
            "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/batch/0123456789abcdef",
            "lastStatus": "PROVISIONING",
        }] }),
        _ => json!({}),
    };
    let body = Full::new(Bytes::from(body.to_string()));
    let response = Response::builder().header("content-type", "application/x-amz-json-1.1");
    Ok(response.body(body).expect("a response"))
}
