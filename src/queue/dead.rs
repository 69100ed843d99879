//! Dead letters: messages that no function could do anything with, where they lie, what is in them
//! and where they belong.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::QueueName;
use crate::event::{Event, Rerun, Unreadable, read_body};
use crate::identity::{Namespace, StartedBy};
use crate::jobs::Jobs;

/// A queue that nobody receives from but people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadQueue {
    /// What dispatch failed with again and again, and what rules and schedules could not deliver.
    Events,
    /// The same of record.
    States,
    /// What can never be acted upon, with the reason.
    Reject,
}

impl DeadQueue {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Events, Self::States, Self::Reject];

    /// Its name, after the namespace's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events-dead",
            Self::States => "states-dead",
            Self::Reject => QueueName::Reject.as_str(),
        }
    }
}

/// A message that lies in such a queue.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Where it lies.
    pub queue: DeadQueue,
    /// The message's id.
    pub id: String,
    /// What takes it out of its queue.
    pub handle: String,
    /// What was sent in the first place.
    pub body: String,
    /// Why it lies here, where that is known.
    pub reason: Option<String>,
    /// How many times it was received, as its queue counts.
    pub receives: u32,
    /// When it was sent.
    pub first_seen: Timestamp,
}

/// What is in a letter, without what it says: values of events are nobody's to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The kinds of its events.
    pub kinds: BTreeSet<&'static str>,
    /// What happened, one text for each event that may start a run.
    pub occurrences: Vec<String>,
    /// The jobs, as far as jobs.yaml or a run's id tells.
    pub jobs: BTreeSet<String>,
    /// Where it belongs; or why it would only come back.
    pub destination: Result<QueueName, String>,
}

impl DeadLetter {
    /// A letter of the reject queue says what was sent and why it was rejected; one of another
    /// queue is what was sent.
    pub fn unwrap(queue: DeadQueue, message: String) -> (String, Option<String>) {
        let rejected = (queue == DeadQueue::Reject)
            .then(|| serde_json::from_str::<Value>(&message).ok())
            .flatten();
        let field = |name: &str| {
            let value = rejected.as_ref()?.get(name)?;
            value.as_str().map(str::to_owned)
        };
        match field("body") {
            Some(body) => (body, field("reason")),
            None => (message, None),
        }
    }

    /// The run that a person wants once more, if the letter is about nothing else.
    pub fn rerun(&self) -> Option<Rerun> {
        match read_body(self.body.as_bytes(), &self.id).as_slice() {
            [Ok(Event::Rerun(rerun))] => Some(rerun.clone()),
            _ => None,
        }
    }

    /// Looks into it. Without `jobs` nobody here knows what is wanted, and what can be read is good
    /// to be sent back.
    pub fn contents(&self, jobs: Option<&Jobs>, namespace: &Namespace) -> Contents {
        let events = read_body(self.body.as_bytes(), &self.id);
        let mut contents = Contents {
            kinds: BTreeSet::new(),
            occurrences: Vec::new(),
            jobs: BTreeSet::new(),
            destination: Err(String::new()),
        };
        for event in &events {
            let destination = match event {
                Ok(event) => contents.note(event, jobs, namespace),
                Err(unreadable) => Err(self.explain(unreadable)),
            };
            // One event that is wanted is enough: its neighbours are known by then.
            if contents.destination.is_err() {
                contents.destination = destination;
            }
        }
        contents
    }

    fn explain(&self, unreadable: &Unreadable) -> String {
        format!("its {} bytes cannot be read: {unreadable}", self.body.len())
    }

    /// What is sent back. A person's event without a key was known by its message, which will be
    /// another one: it gets the old one's id, so that it makes one run if it is sent back twice.
    pub fn body_to_send(&self) -> Cow<'_, str> {
        let events = read_body(self.body.as_bytes(), &self.id);
        let key = match events.as_slice() {
            [Ok(Event::Manual(manual))] => &manual.key,
            [Ok(Event::Rerun(rerun))] => &rerun.key,
            _ => return Cow::Borrowed(&self.body),
        };
        match serde_json::from_str(&self.body) {
            Ok(Value::Object(mut object))
                if object.contains_key("job") || object.contains_key("rerun") =>
            {
                object.insert("key".to_owned(), key.as_str().into());
                Cow::Owned(Value::Object(object).to_string())
            }
            // Within an envelope it is known by that one's id, which stays.
            _ => Cow::Borrowed(&self.body),
        }
    }
}

impl Contents {
    /// Notes what an event is about, and says where it belongs.
    fn note(
        &mut self,
        event: &Event,
        jobs: Option<&Jobs>,
        namespace: &Namespace,
    ) -> Result<QueueName, String> {
        self.kinds.insert(event.kind());
        self.occurrences.extend(event.occurrence().map(|occurrence| occurrence.to_string()));
        match event {
            Event::TaskState(state) => {
                let started_by = state.started_by.as_deref().unwrap_or_default();
                let ours = started_by.parse::<StartedBy>().ok();
                self.jobs.extend(ours.map(|ours| ours.run.job().to_owned()));
                Ok(QueueName::States)
            }
            Event::Observation(observation) => {
                self.jobs.insert(observation.run.job().to_owned());
                Ok(QueueName::States)
            }
            Event::Reminder(reminder) => {
                self.jobs.insert(reminder.run.job().to_owned());
                Ok(QueueName::Events)
            }
            Event::Rerun(rerun) => {
                self.jobs.insert(rerun.run.job().to_owned());
                Ok(QueueName::Events)
            }
            Event::Schedule(_) | Event::S3(_) | Event::Manual(_) => {
                let Some(jobs) = jobs else { return Ok(QueueName::Events) };
                let wanting = jobs.wanting(event, namespace).map_err(|error| error.to_string())?;
                self.jobs.extend(wanting.iter().map(|wanted| wanted.job.name.to_string()));
                Ok(QueueName::Events)
            }
            Event::Test => Ok(QueueName::Events),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn letter(queue: DeadQueue, message: &Value) -> DeadLetter {
        let (body, reason) = DeadLetter::unwrap(queue, message.to_string());
        DeadLetter {
            queue,
            id: "m-1".to_owned(),
            handle: String::new(),
            body,
            reason,
            receives: 1,
            first_seen: Timestamp::UNIX_EPOCH,
        }
    }

    fn jobs() -> Jobs {
        let text = "defaults: { network: { subnets: [subnet-0a1b2c3d4e5f60718], \
                    securityGroups: [sg-0a1b2c3d4e5f60718] } }\n\
                    jobs:\n  report:\n    parameters: { day: { pattern: '[0-9]+' } }\n    \
                    task: { image: alpine, command: [a] }\n";
        crate::jobs::read(text.as_bytes(), Timestamp::UNIX_EPOCH).jobs.unwrap()
    }

    #[test]
    fn a_letter_goes_where_its_kind_belongs_if_somebody_there_can_act_upon_it() {
        let run = format!("report-{}", "a".repeat(20));
        let asked = |day: &str| json!({ "job": "report", "parameters": { "day": day } });
        let rejected = |body: &Value| json!({ "reason": "for a reason", "body": body.to_string() });
        let observation = json!({ "longshore": "observation", "run": run, "attempt": 1,
                                  "observed": "lost", "task": null, "reason": "gone" });
        let reminder = json!({ "longshore": "reminder", "run": run, "attempt": 1 });
        for (queue, message, kind, destination) in [
            (DeadQueue::Events, asked("1"), "manual", Ok("events")),
            (DeadQueue::Reject, rejected(&asked("1")), "manual", Ok("events")),
            (DeadQueue::Reject, rejected(&asked("hunter2")), "manual", Err("must match `[0-9]+`")),
            (DeadQueue::Reject, rejected(&json!({ "job": "reprt" })), "manual", Err("`report`?")),
            (DeadQueue::Reject, rejected(&json!({ "rerun": run })), "rerun", Ok("events")),
            (DeadQueue::Events, reminder, "reminder", Ok("events")),
            // Whoever sent it into the wrong queue.
            (DeadQueue::Events, observation.clone(), "observation", Ok("states")),
            (DeadQueue::Reject, rejected(&observation), "observation", Ok("states")),
            (DeadQueue::Reject, json!({ "reason": "r", "body": "hunter2" }), "", Err("7 bytes")),
            (DeadQueue::States, json!({ "hello": "hunter2" }), "", Err("unknown_kind")),
        ] {
            let contents = letter(queue, &message).contents(Some(&jobs()), &Namespace::default());
            assert_eq!(contents.kinds.first().copied().unwrap_or_default(), kind, "{message}");
            match destination {
                Ok(queue) => {
                    let to = contents.destination.as_ref().map(|to| to.as_str());
                    assert_eq!(to, Ok(queue), "{message}");
                }
                Err(part) => {
                    let why = contents.destination.as_ref().unwrap_err();
                    assert!(why.contains(part), "{why}");
                }
            }
            assert!(!format!("{contents:?}").contains("hunter2"), "{contents:?}");
        }
        let unknown = letter(DeadQueue::Events, &json!({ "job": "reprt" }));
        assert_eq!(
            unknown.contents(None, &Namespace::default()).destination,
            Ok(QueueName::Events)
        );
    }

    #[test]
    fn what_was_known_by_its_message_stays_known_by_it() {
        let run = format!("report-{}", "a".repeat(20));
        for (body, key) in [
            (json!({ "job": "report" }), "m-1"),
            (json!({ "job": "report", "key": null }), "m-1"),
            (json!({ "job": "report", "key": "own" }), "own"),
            (json!({ "rerun": run }), "m-1"),
        ] {
            let sent = letter(DeadQueue::Events, &body).body_to_send().into_owned();
            let event = read_body(sent.as_bytes(), "m-2").remove(0).unwrap();
            let parts = event.occurrence().unwrap().parts;
            assert_eq!(parts.last().map(String::as_str), Some(key), "{body}");
        }
        // An envelope has an id of its own, and nothing in it is touched.
        let enveloped = json!({ "Type": "Notification", "MessageId": "n-1",
                                "Message": json!({ "job": "report" }).to_string() });
        let letter = letter(DeadQueue::Events, &enveloped);
        assert_eq!(letter.body_to_send(), enveloped.to_string());
    }
}
