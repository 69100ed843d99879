//! What a function does with what it is invoked with: the same in Lambda and on one machine.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tracing::{error, warn};

use crate::backend::{Backend, PortError};
use crate::dispatch::{Clock, DispatchError, Dispatched, Invocation, dispatch};
use crate::ecs::Ecs;
use crate::event::{self, Delivery, Event, Unreadable};
use crate::identity::quote;
use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::metrics::Measure;
use crate::queue::{Message, Queue, QueueName};
use crate::record::{RecordError, Recorded, record};
use crate::sweep::sweep;

mod batch;

use batch::answer_batch;

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

/// What the events of one payload came to, whatever became of their neighbours.
#[derive(Debug, Default)]
struct Outcomes {
    handled: Vec<Handled>,
    measures: Vec<Measure>,
    /// Why some can never be acted upon.
    refused: Vec<String>,
    /// A port that failed: all of it must be tried again.
    failed: Option<PortError>,
}

/// Hands over every event, also after one that fails: it must not hurt its neighbours. Each
/// claims in a name of its own, since two of them may tell of the same thing.
async fn hand_over_all<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    queue: QueueName,
    events: &[Result<Event, Unreadable>],
    invocation: Invocation<'_>,
) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for (index, event) in events.iter().enumerate() {
        let nonce = format!("{}/{index}", invocation.nonce);
        let invocation = Invocation { nonce: &nonce, ..invocation };
        let handled = match event {
            Ok(event) => hand_over(backend, jobs, queue, event, invocation).await,
            Err(unreadable) => Err(NotHandled::Refused(unreadable.to_string())),
        };
        match handled {
            Ok(handled) => {
                outcomes.measures.extend(measures(&handled, &nonce));
                outcomes.handled.push(handled);
            }
            Err(NotHandled::Refused(reason)) => outcomes.refused.push(reason),
            Err(NotHandled::Port(error)) => match outcomes.failed {
                None => outcomes.failed = Some(error),
                Some(_) => warn!(queue = queue.as_str(), %error, "failed as well"),
            },
        }
    }
    outcomes
}

/// Handles everything in a message, and tells what is to be counted. What can never be acted upon
/// goes to the reject queue, with the reason; an error means that the message must be handed out
/// again.
pub async fn deliver<L: Ledger, E: Ecs, Q: Queue>(
    backend: &Backend<L, E, Q>,
    jobs: &Jobs,
    queue: QueueName,
    delivery: &Delivery,
    invocation: Invocation<'_>,
) -> Result<Vec<Measure>, PortError> {
    let Outcomes { mut measures, refused, failed, .. } =
        hand_over_all(backend, jobs, queue, &delivery.events, invocation).await;
    if let Some(error) = failed {
        return Err(error);
    }
    if let Some(reason) = sum_up(&refused) {
        error!(queue = queue.as_str(), delivery = delivery.id, reason, "message rejected");
        let rejected = Message::Rejected { body: delivery.body.clone(), reason };
        backend.queue.send(&rejected, SignedDuration::ZERO).await?;
        measures.push(Measure::MessageRejected(queue));
    }
    Ok(measures)
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
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What a repetition of the same invocation is known by.
    pub id: &'a str,
    /// A name no other invocation has, not even a repetition of this one.
    pub nonce: &'a str,
    /// What arrived.
    pub payload: &'a [u8],
    /// Tells the time.
    pub clock: &'a Clock<'a>,
    /// When the function is ended, whatever it does.
    pub deadline: Timestamp,
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
    request: Request<'_>,
) -> Result<Answer, NotHandled> {
    let now = (request.clock)();
    let queue = match function {
        Function::Dispatch => QueueName::Events,
        Function::Record => QueueName::States,
        // Whatever woke it, it looks at what is due.
        Function::Sweep => {
            let swept = sweep(backend, jobs, now).await?;
            return Ok(Answer { json: json!(swept), measures: vec![Measure::Swept(swept)] });
        }
    };
    let deliveries = event::read(request.payload, request.id);
    if deliveries.iter().all(|delivery| delivery.queued) {
        return Ok(answer_batch(backend, jobs, queue, &deliveries, request).await);
    }
    let events: Vec<_> = deliveries.into_iter().flat_map(|delivery| delivery.events).collect();
    let invocation = Invocation { now, nonce: request.nonce, clock: request.clock };
    let outcomes = hand_over_all(backend, jobs, queue, &events, invocation).await;
    match (outcomes.failed, sum_up(&outcomes.refused)) {
        (Some(error), _) => Err(error.into()),
        (None, Some(reason)) => Err(NotHandled::Refused(reason)),
        (None, None) => {
            let handled: Vec<Value> = outcomes.handled.iter().map(Handled::to_json).collect();
            Ok(Answer { json: json!({ "handled": handled }), measures: outcomes.measures })
        }
    }
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
            Self::Recorded(Recorded::Repeated(run)) => {
                json!({ "recorded": "repeated", "runId": run.id, "verdict": run.verdict() })
            }
            Self::Recorded(Recorded::Ignored(why)) => json!({ "recorded": why.name() }),
            Self::Recorded(Recorded::Foreign) => json!({ "recorded": "foreign" }),
            Self::Recorded(Recorded::UnknownRun) => json!({ "recorded": "unknownRun" }),
            Self::Recorded(Recorded::UnknownStatus) => json!({ "recorded": "unknownStatus" }),
        }
    }
}

/// What CloudWatch shall know of it; `nonce` is the name it was handed over in.
fn measures(handled: &Handled, nonce: &str) -> Vec<Measure> {
    match handled {
        Handled::Dispatched(dispatched) => dispatched
            .iter()
            .filter_map(|dispatched| Measure::of_launch(&dispatched.run, nonce))
            .collect(),
        Handled::Recorded(recorded) => Measure::of_recorded(recorded).into_iter().collect(),
    }
}
