//! What a function does with what it is invoked with: the same in Lambda and on one machine.

use std::panic::AssertUnwindSafe;
use std::str::FromStr;

use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::{error, warn};

use crate::backend::{Backend, PortError};
use crate::dispatch::{DispatchError, Dispatched, Invocation, dispatch};
use crate::ecs::Ecs;
use crate::event::{self, Delivery, Event};
use crate::identity::quote;
use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::metrics::Measure;
use crate::queue::{Message, Queue, QueueName};
use crate::record::{RecordError, Recorded, record};
use crate::sweep::sweep;

/// Messages of one batch that are worked on at a time.
const AT_ONCE: usize = 10;
/// Reasons told of one message at most: a file of a thousand bad records has one cause.
const REASONS_MAX: usize = 3;

/// The functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Starts tasks.
    Dispatch,
    /// Writes verdicts.
    Record,
    /// Notices what nobody reported.
    Sweep,
}

/// Not the name of a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no function of longshore: use `dispatch`, `record` or `sweep`")]
pub struct UnknownFunction(String);

impl FromStr for Function {
    type Err = UnknownFunction;
    fn from_str(text: &str) -> Result<Self, UnknownFunction> {
        match text {
            "dispatch" => Ok(Self::Dispatch),
            "record" => Ok(Self::Record),
            "sweep" => Ok(Self::Sweep),
            other => Err(UnknownFunction(quote(other))),
        }
    }
}

/// What became of an event.
#[derive(Clone, Debug)]
pub enum Handled {
    /// These runs were started, or found.
    Dispatched(Vec<Dispatched>),
    /// A task state or an observation was taken in.
    Recorded(Recorded),
}

/// Why an event was not handled.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotHandled {
    /// It never can be, for this reason: to the reject queue.
    #[error("{0}")]
    Refused(String),
    /// A port failed: try again.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<DispatchError> for NotHandled {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::Port(error) => Self::Port(error),
            refused => Self::Refused(refused.to_string()),
        }
    }
}

impl From<RecordError> for NotHandled {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Port(error) => Self::Port(error),
            refused => Self::Refused(refused.to_string()),
        }
    }
}

/// Gives an event to the use case whose queue it came from.
pub async fn hand_over<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    queue: QueueName,
    event: &Event,
    invocation: Invocation<'_>,
) -> Result<Handled, NotHandled> {
    match queue {
        QueueName::Events => {
            Ok(Handled::Dispatched(dispatch(backend, jobs, event, invocation).await?))
        }
        QueueName::States => Ok(Handled::Recorded(record(backend, event, invocation.now).await?)),
        QueueName::Reject => {
            Err(NotHandled::Refused("nobody receives from the reject queue".to_owned()))
        }
    }
}

/// Handles everything in a message. What can never be acted upon goes to the reject queue, with
/// the reason; an error means that the message must be handed out again.
pub async fn deliver<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    queue: QueueName,
    delivery: &Delivery,
    invocation: Invocation<'_>,
) -> Result<Delivered, PortError> {
    let mut delivered = Delivered::default();
    let mut reasons = Vec::new();
    for event in &delivery.events {
        let handled = match event {
            Ok(event) => hand_over(backend, jobs, queue, event, invocation).await,
            Err(unreadable) => Err(NotHandled::Refused(unreadable.to_string())),
        };
        match handled {
            Ok(handled) => delivered.handled.push(handled),
            Err(NotHandled::Refused(reason)) => reasons.push(reason),
            Err(NotHandled::Port(error)) => return Err(error),
        }
    }
    if let Some(reason) = sum_up(&reasons) {
        error!(queue = queue.as_str(), message = delivery.id, reason, "message rejected");
        let rejected = Message::Rejected { body: delivery.body.clone(), reason: reason.clone() };
        backend.queue.send(&rejected, jiff::SignedDuration::ZERO).await?;
        delivered.rejected = Some(reason);
    }
    Ok(delivered)
}

/// What became of a message.
#[derive(Clone, Debug, Default)]
pub struct Delivered {
    /// What was in it.
    pub handled: Vec<Handled>,
    /// Why something in it went to the reject queue.
    pub rejected: Option<String>,
}

fn sum_up(reasons: &[String]) -> Option<String> {
    let told = reasons.iter().take(REASONS_MAX).cloned().collect::<Vec<_>>().join("; ");
    match reasons.len().saturating_sub(REASONS_MAX) {
        _ if reasons.is_empty() => None,
        0 => Some(told),
        more => Some(format!("{told}; and {more} more")),
    }
}

/// An invocation of a function.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a, C> {
    /// Its own name.
    pub id: &'a str,
    /// What arrived.
    pub payload: &'a [u8],
    /// Tells the time.
    pub clock: C,
    /// No message is begun after this time: the function is about to be ended.
    pub no_more_after: Timestamp,
}

/// What an invocation came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// For whoever invoked.
    pub json: Value,
    /// For CloudWatch.
    pub measures: Vec<Measure>,
}

/// Answers an invocation: a batch of SQS with the messages to be handed out again
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>), an event that
/// came straight with what became of it, or an error.
pub async fn invoke<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    function: Function,
    request: Request<'_, impl Fn() -> Timestamp>,
) -> Result<Answer, NotHandled> {
    let queue = match function {
        Function::Dispatch => QueueName::Events,
        Function::Record => QueueName::States,
        // Whatever woke it, it looks at what is due.
        Function::Sweep => {
            let swept = sweep(backend, jobs, (request.clock)()).await?;
            return Ok(Answer { json: json!(swept), measures: vec![Measure::Swept(swept)] });
        }
    };
    let deliveries = event::read(request.payload, request.id);
    if deliveries.iter().all(|delivery| delivery.queued) {
        return Ok(answer_batch(backend, jobs, queue, &deliveries, request).await);
    }
    let mut handled = Vec::new();
    for event in deliveries.into_iter().flat_map(|delivery| delivery.events) {
        let event = event.map_err(|unreadable| NotHandled::Refused(unreadable.to_string()))?;
        let invocation = Invocation { now: (request.clock)(), nonce: request.id };
        handled.push(hand_over(backend, jobs, queue, &event, invocation).await?);
    }
    Ok(Answer {
        json: json!({ "handled": handled.iter().map(Handled::to_json).collect::<Vec<_>>() }),
        measures: handled.iter().flat_map(|handled| measures(handled, request.id)).collect(),
    })
}

async fn answer_batch<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    queue: QueueName,
    deliveries: &[Delivery],
    request: Request<'_, impl Fn() -> Timestamp>,
) -> Answer {
    let clock = &request.clock;
    let work = deliveries.iter().map(|delivery| async move {
        // Two messages of one batch may tell of the same event: each claims in its own name.
        let nonce = format!("{}/{}", request.id, delivery.id);
        let now = clock();
        if now >= request.no_more_after {
            warn!(queue = queue.as_str(), message = delivery.id, "no time left: it comes again");
            return (delivery, nonce, None);
        }
        let invocation = Invocation { now, nonce: &nonce };
        let work = deliver(backend, jobs, queue, delivery, invocation);
        // A message that makes us panic must not take its neighbours with it.
        let delivered = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(delivered)) => Some(delivered),
            Ok(Err(error)) => {
                let receives = delivery.receives;
                warn!(queue = queue.as_str(), message = delivery.id, %error, receives, "message comes again");
                None
            }
            Err(_) => {
                error!(queue = queue.as_str(), message = delivery.id, "panicked: message comes again");
                None
            }
        };
        (delivery, nonce, delivered)
    });
    let outcomes: Vec<_> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    let mut answer = Answer { json: Value::Null, measures: Vec::new() };
    let mut failures = Vec::new();
    for (delivery, nonce, delivered) in outcomes {
        let Some(delivered) = delivered else {
            failures.push(json!({ "itemIdentifier": delivery.id }));
            continue;
        };
        answer.measures.extend(delivered.handled.iter().flat_map(|one| measures(one, &nonce)));
        answer.measures.extend(delivered.rejected.map(|_| Measure::MessageRejected(queue)));
    }
    answer.json = json!({ "batchItemFailures": failures });
    answer
}

impl Handled {
    fn to_json(&self) -> Value {
        match self {
            Self::Dispatched(runs) => {
                let run = |dispatched: &Dispatched| {
                    let run = &dispatched.run;
                    json!({ "runId": run.id, "job": run.job, "new": dispatched.new,
                            "task": run.last_task(), "verdict": run.verdict() })
                };
                json!({ "runs": runs.iter().map(run).collect::<Vec<_>>() })
            }
            Self::Recorded(Recorded::Changed(run)) => {
                json!({ "recorded": "changed", "runId": run.id, "verdict": run.verdict() })
            }
            Self::Recorded(Recorded::Ignored(_)) => json!({ "recorded": "known" }),
            Self::Recorded(Recorded::Foreign) => json!({ "recorded": "foreign" }),
            Self::Recorded(Recorded::UnknownRun) => json!({ "recorded": "unknownRun" }),
            Self::Recorded(Recorded::UnknownStatus) => json!({ "recorded": "unknownStatus" }),
        }
    }
}

/// What CloudWatch shall know of it; `nonce` is the invocation's own.
fn measures(handled: &Handled, nonce: &str) -> Vec<Measure> {
    match handled {
        Handled::Dispatched(dispatched) => dispatched
            .iter()
            .filter_map(|dispatched| Measure::of_launch(&dispatched.run, nonce))
            .collect(),
        Handled::Recorded(recorded) => Measure::of_recorded(recorded).into_iter().collect(),
    }
}
