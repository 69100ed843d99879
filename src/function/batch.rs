//! A batch of SQS: its messages are handled side by side, and those that must come again named.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tracing::warn;

use super::{Answer, Request, deliver};
use crate::backend::{Backend, PortError};
use crate::dispatch::Invocation;
use crate::ecs::Ecs;
use crate::event::Delivery;
use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::metrics::Measure;
use crate::queue::{Queue, QueueName};

/// Messages of one batch that are worked on at a time.
const AT_ONCE: usize = 10;
/// No message is begun when less than this is left of the invocation.
const TIME_TO_BEGIN: SignedDuration = SignedDuration::from_secs(10);
/// What is left for the answer when a message is given up.
const TIME_TO_ANSWER: SignedDuration = SignedDuration::from_secs(3);
/// Handles every message for which there is time.
pub(super) async fn answer_batch<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    queue: QueueName,
    deliveries: &[Delivery],
    request: Request<'_>,
) -> Answer {
    let clock = request.clock;
    let work = deliveries.iter().map(|delivery| async move {
        let nonce = format!("{}/{}", request.nonce, delivery.id);
        let now = clock();
        let time_left = request.deadline.duration_since(now);
        let delivered = if time_left < TIME_TO_BEGIN {
            Err("no time is left".to_owned())
        } else {
            let invocation = Invocation { now, nonce: &nonce, clock };
            let work = deliver(backend, jobs, queue, delivery, invocation);
            in_time(work, time_left - TIME_TO_ANSWER).await
        };
        if let Err(reason) = &delivered {
            let receives = delivery.receives;
            warn!(queue = queue.as_str(), delivery = delivery.id, reason, receives, "comes again");
        }
        (delivery, delivered)
    });
    let all: Vec<_> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    let mut answer = Answer { json: Value::Null, measures: Vec::new() };
    let mut failures = Vec::new();
    for (delivery, delivered) in all {
        match delivered {
            Ok(measures) => answer.measures.extend(measures),
            Err(_) => failures.push(json!({ "itemIdentifier": delivery.id })),
        }
    }
    answer.json = json!({ "batchItemFailures": failures });
    answer
}

/// Lets one message neither panic nor take so long that its neighbours are lost with it: whatever
/// it has done by then may be done again.
async fn in_time(
    work: impl Future<Output = Result<Vec<Measure>, PortError>>,
    limit: SignedDuration,
) -> Result<Vec<Measure>, String> {
    let limit = Duration::try_from(limit).unwrap_or_default();
    match tokio::time::timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(Ok(delivered))) => Ok(delivered),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(_)) => Err("it made the function panic".to_owned()),
        Err(_) => Err("it took too long".to_owned()),
    }
}
