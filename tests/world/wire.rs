//! Histories by wire: every message is JSON in a batch of SQS, as the functions get it, and what they
//! log, measure and tell is looked through for what must not be there.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use longshore::backend::Backend;
use longshore::event::{Event, Object, Schedule, TaskState};
use longshore::function::{Function, NotHandled, Request, invoke};
use longshore::jobs::Jobs;
use longshore::ledger::LedgerError;
use longshore::queue::QueueName;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::SECRET;
use crate::ports::{Port, lock};

/// What arrives for an event.
pub(crate) fn body(event: &Event) -> Value {
    match event {
        Event::Schedule(schedule) => input(schedule),
        Event::S3(object) => object_created(object),
        Event::Manual(manual) => manual.to_json(),
        Event::Rerun(rerun) => rerun.to_json(),
        Event::TaskState(state) => {
            let id = format!("{}/{}", state.task_arn, state.version);
            let time = state.stopped_at.or(state.started_at).or(state.created_at);
            state.to_event(TaskState::OBSERVED_SOURCE, &id, time.unwrap_or_default())
        }
        Event::Reminder(reminder) => reminder.to_json(),
        Event::Observation(observation) => observation.to_json(),
        Event::Test => json!({ "Event": "s3:TestEvent" }),
    }
}

fn input(schedule: &Schedule) -> Value {
    json!({ "job": schedule.job, "schedule": schedule.name,
            "scheduledTime": schedule.scheduled_time.to_string() })
}

fn object_created(object: &Object) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3",
        "account": "123456789012", "region": "eu-west-1",
        "time": object.time.unwrap_or_default().to_string(),
        "resources": [format!("arn:aws:s3:::{}", object.bucket)],
        "detail": { "bucket": { "name": object.bucket },
                    "object": { "key": object.key, "size": object.size,
                                "sequencer": object.sequencer } },
    })
}

/// One message, as a batch of one.
pub(crate) struct Batch {
    pub(crate) queue: QueueName,
    pub(crate) id: String,
    pub(crate) receives: u32,
    pub(crate) body: Value,
}

/// Invokes the function of the message's queue with it.
pub(crate) async fn hand_in(
    backend: &Backend<Port, Port, Port>,
    jobs: &Jobs,
    batch: Batch,
    nonce: &str,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<(), NotHandled> {
    let function = match batch.queue {
        QueueName::Events => Function::Dispatch,
        QueueName::States | QueueName::Reject => Function::Record,
    };
    let payload = json!({ "Records": [{
        "messageId": batch.id, "eventSource": "aws:sqs", "body": batch.body.to_string(),
        "attributes": { "ApproximateReceiveCount": batch.receives.to_string() },
    }] });
    let payload = payload.to_string();
    let request =
        Request { id: nonce, nonce, payload: payload.as_bytes(), clock, deadline: Timestamp::MAX };
    let answer = invoke(backend, jobs, function, request).await?;
    let now = clock();
    let mut world = lock(&backend.ledger.world);
    for measure in &answer.measures {
        let line = measure.to_emf(&backend.namespace, now).to_string();
        if line.contains(SECRET) {
            world.breaks(|| format!("measured: {line}"));
        }
    }
    // 12: what is returned was in the batch.
    let failed = answer.json["batchItemFailures"].as_array().cloned().unwrap_or_default();
    match failed.as_slice() {
        [] => Ok(()),
        [one] if one["itemIdentifier"] == batch.id => {
            let failed = LedgerError::Unavailable("it comes again".to_owned());
            Err(NotHandled::Port(failed.into()))
        }
        other => {
            world.breaks(|| format!("{other:?} was returned of a batch of {}", batch.id));
            Ok(())
        }
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
