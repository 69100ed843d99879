//! The three functions: `dispatch`, `record` or `sweep`, as `_HANDLER` says.

use std::cell::OnceCell;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use longshore::aws::lambda::Variable;
use longshore::backend::Backend;
use longshore::ecs::fargate::Fargate;
use longshore::function::{Function, NotHandled, Request, invoke};
use longshore::identity::{JobName, Namespace};
use longshore::jobs::{self, Jobs};
use longshore::ledger::dynamodb::DynamoLedger;
use longshore::policy::Timing;
use longshore::queue::sqs::{Queues, SqsQueue};
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::error;
use uuid::Uuid;

/// How long an invocation may take where the runtime does not say: the template's own timeout.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(60);
/// Whose log it is: not this program's name, which the level set for longshore would not reach.
const LOG: &str = "longshore::lambda";
/// Where the layer puts jobs.yaml.
const JOBS_FILE: &str = "/opt/jobs.yaml";

type AwsBackend = Backend<DynamoLedger, Fargate, SqsQueue>;

fn main() -> ExitCode {
    longshore::logging::init("longshore=info");
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(target: LOG, %error, "cannot start");
            ExitCode::FAILURE
        }
    }
}

/// Why the function cannot start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("neither _HANDLER nor LONGSHORE_FUNCTION is set: set one to dispatch, record or sweep")]
    NoFunction,
    #[error("{name} is not set: the function `{function}` needs it")]
    Missing { name: &'static str, function: String },
    #[error("{name}: {problem}")]
    Malformed { name: &'static str, problem: String },
    #[error("{file}: {problem}")]
    Jobs { file: String, problem: String },
    #[error("{0}")]
    Runtime(String),
}

/// The value of an environment variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What the environment says.
struct Settings {
    function: Function,
    namespace: Namespace,
    jobs: Jobs,
    table: String,
    queues: Queues,
}

fn start() -> Result<(), StartError> {
    let settings = Settings::read(variable)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Runtime(error.to_string()))?;
    runtime.block_on(serve(&settings)).map_err(|error| StartError::Runtime(error.to_string()))
}

async fn serve(settings: &Settings) -> Result<(), lambda_runtime::Error> {
    // Made by the first invocation: a function that starts polls at once.
    let backend = OnceCell::new();
    let answer = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let backend = backend.get_or_init(|| settings.connect());
        respond(settings, backend, event).await
    });
    lambda_runtime::run(answer).await
}

async fn respond(
    settings: &Settings,
    backend: &AwsBackend,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Value, Failure> {
    let request = Request {
        id: &event.context.request_id,
        nonce: &Uuid::new_v4().to_string(),
        payload: event.payload.get().as_bytes(),
        clock: &Timestamp::now,
        deadline: deadline(event.context.deadline, Timestamp::now()),
    };
    // Boxed: below it is a future for every call of every SDK.
    let answer = Box::pin(invoke(backend, &settings.jobs, settings.function, request)).await;
    match answer {
        Ok(answer) => {
            for measure in answer.measures {
                println!("{}", measure.to_emf(&settings.namespace, Timestamp::now()));
            }
            Ok(answer.json)
        }
        Err(failed) => {
            error!(target: LOG, error = %failed, request = event.context.request_id, "invocation failed");
            Err(Failure(failed))
        }
    }
}

/// When the invocation is ended. A runtime on a developer's machine may say 1970.
fn deadline(millis: u64, now: Timestamp) -> Timestamp {
    let told =
        i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    told.filter(|told| *told > now).unwrap_or(now + TIMEOUT)
}

impl Settings {
    fn read(variable: Variable) -> Result<Self, StartError> {
        let named = variable("LONGSHORE_FUNCTION").map(|name| ("LONGSHORE_FUNCTION", name));
        let (source, name) = named
            .or_else(|| variable("_HANDLER").map(|name| ("_HANDLER", name)))
            .ok_or(StartError::NoFunction)?;
        let function: Function = parse(source, &name)?;
        let required = |setting: &'static str| {
            variable(setting)
                .ok_or_else(|| StartError::Missing { name: setting, function: name.clone() })
        };
        let namespace = match variable("LONGSHORE_NAMESPACE") {
            Some(text) => parse("LONGSHORE_NAMESPACE", &text)?,
            None => Namespace::default(),
        };
        // Each function is given what its role may use, and refuses to start without it.
        let mut queues =
            Queues { events: Some(required("EVENTS_QUEUE_URL")?), ..Queues::default() };
        match function {
            Function::Dispatch => {
                queues.states = Some(required("STATES_QUEUE_URL")?);
                queues.reject = Some(required("REJECT_QUEUE_URL")?);
            }
            Function::Record => {
                queues.reject = Some(required("REJECT_QUEUE_URL")?);
                queues.bus = Some(required("EVENT_BUS_NAME")?);
            }
            Function::Sweep => queues.states = Some(required("STATES_QUEUE_URL")?),
        }
        let jobs = match function {
            Function::Dispatch | Function::Sweep => {
                read_jobs(&variable("JOBS_FILE").unwrap_or_else(|| JOBS_FILE.to_owned()))?
            }
            // It has all it needs in the run.
            Function::Record => Jobs::default(),
        };
        Ok(Self { function, namespace, jobs, table: required("TABLE_NAME")?, queues })
    }

    fn connect(&self) -> AwsBackend {
        let aws = longshore::aws::lambda::connect(variable);
        let jobs: Vec<JobName> = self.jobs.iter().map(|job| job.name.clone()).collect();
        Backend {
            ledger: DynamoLedger::new(&aws, self.table.clone(), jobs),
            ecs: Fargate::new(&aws),
            queue: SqsQueue::new(&aws, self.queues.clone()),
            namespace: self.namespace.clone(),
            timing: Timing::AWS,
            brake: Arc::default(),
        }
    }
}

fn parse<T: FromStr<Err: ToString>>(name: &'static str, text: &str) -> Result<T, StartError> {
    text.parse().map_err(|error: T::Err| StartError::Malformed { name, problem: error.to_string() })
}

fn read_jobs(file: &str) -> Result<Jobs, StartError> {
    let fail = |problem: String| StartError::Jobs { file: file.to_owned(), problem };
    let source = std::fs::read(file)
        .map_err(|error| fail(format!("{error}; the layer with jobs.yaml brings it")))?;
    let reading = jobs::read(&source, Timestamp::now());
    let problems = reading.problems;
    reading.jobs.ok_or_else(|| {
        let first = problems.first().map_or_else(String::new, |problem| problem.to_string());
        fail(format!("{first} ({} problems in all): `longshore check` shows them", problems.len()))
    })
}

/// An invocation that failed, named for whoever invoked.
#[derive(Debug)]
struct Failure(NotHandled);

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure.0 {
            NotHandled::Refused(_) => "Refused",
            NotHandled::Port(_) => "Unavailable",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.0.to_string() }
    }
}
