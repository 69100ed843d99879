//! What CloudWatch shall know, in its embedded metric format: one line of JSON on standard output,
//! from which Lambda's log makes metrics
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//! Pure.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::identity::{JobName, Namespace};
use crate::queue::QueueName;
use crate::record::Recorded;
use crate::run::{Ignored, Launch, Run, State, Verdict, Wait};
use crate::sweep::Swept;

/// CloudWatch's namespace for all of them.
const METRICS_NAMESPACE: &str = "longshore";

/// One thing measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A run ended.
    RunEnded {
        /// Of this job.
        job: JobName,
        /// So.
        verdict: Verdict,
        /// From the event, or the claim where the event has no time, to the last task's start.
        start_latency: Option<SignedDuration>,
        /// From the last task's start to its end.
        run_time: Option<SignedDuration>,
    },
    /// ECS refused to start a task of this job.
    LaunchRefused(JobName),
    /// A message went from this queue to the reject queue.
    MessageRejected(QueueName),
    /// A task of ours whose run is not in the ledger.
    UnknownRun,
    /// A second task in one attempt.
    SecondTask,
    /// A sweep was done.
    Swept(Swept),
}

impl Measure {
    /// What recording came to. Repeated news of a run's end counts once more: the first time may
    /// have failed after the verdict was saved, and then nothing was counted.
    pub fn of_recorded(recorded: &Recorded) -> Option<Self> {
        match recorded {
            Recorded::Changed(run) | Recorded::Repeated(run) => Some(Self::RunEnded {
                job: run.job.clone(),
                verdict: run.verdict()?,
                start_latency: start_latency(run),
                run_time: run.launch().and_then(Launch::ran),
            }),
            Recorded::UnknownRun => Some(Self::UnknownRun),
            Recorded::Ignored(Ignored::OtherTask) => Some(Self::SecondTask),
            Recorded::Ignored(Ignored::Known | Ignored::Late | Ignored::Ended)
            | Recorded::Foreign
            | Recorded::UnknownStatus => None,
        }
    }

    /// A launch that was refused by the invocation whose name is `nonce`.
    pub fn of_launch(run: &Run, nonce: &str) -> Option<Self> {
        let refused = matches!(run.state, State::Waiting { wait: Wait::Doubt, .. })
            && run.launch().is_some_and(|launch| launch.refusal.is_some());
        (refused && run.owner == nonce).then(|| Self::LaunchRefused(run.job.clone()))
    }

    /// The line for CloudWatch.
    pub fn to_emf(&self, namespace: &Namespace, now: Timestamp) -> Value {
        let mut line = Line::new(namespace);
        match self {
            Self::RunEnded { job, verdict, start_latency, run_time } => {
                line.dimension("Verdict", verdict.as_str());
                line.dimension("Job", job.as_str());
                line.metric("RunsEnded", "Count", 1);
                line.milliseconds("StartLatency", *start_latency);
                line.milliseconds("RunTime", *run_time);
            }
            Self::LaunchRefused(job) => {
                line.dimension("Job", job.as_str());
                line.metric("LaunchesRefused", "Count", 1);
            }
            Self::MessageRejected(queue) => {
                line.dimension("Queue", queue.as_str());
                line.metric("MessagesRejected", "Count", 1);
            }
            Self::UnknownRun => line.metric("UnknownRuns", "Count", 1),
            Self::SecondTask => line.metric("SecondTasks", "Count", 1),
            Self::Swept(swept) => {
                line.metric("Sweeps", "Count", 1);
                for (name, count) in [
                    ("RunsDue", swept.due),
                    ("RunsReminded", swept.reminded),
                    ("RunsTold", swept.told),
                    ("TasksStopped", swept.stopped),
                    ("SlotsFreed", swept.freed),
                    ("JobsThrottled", swept.throttled),
                ] {
                    line.metric(name, "Count", i64::try_from(count).unwrap_or(i64::MAX));
                }
            }
        }
        line.finish(now)
    }
}

fn start_latency(run: &Run) -> Option<SignedDuration> {
    let started = run.launch()?.times.started_at?;
    Some(started.duration_since(run.happened_at.unwrap_or(run.created_at)))
}

/// A line that is being written. Every metric is kept for the namespace alone, and once more for
/// each dimension that is added to those before it.
struct Line {
    fields: Map<String, Value>,
    dimensions: Vec<Vec<&'static str>>,
    metrics: Vec<Value>,
}

impl Line {
    fn new(namespace: &Namespace) -> Self {
        let fields = Map::from_iter([("Namespace".to_owned(), json!(namespace.as_str()))]);
        Self { fields, dimensions: vec![vec!["Namespace"]], metrics: Vec::new() }
    }

    fn dimension(&mut self, name: &'static str, value: &str) {
        let mut set = self.dimensions.last().cloned().unwrap_or_default();
        set.push(name);
        self.dimensions.push(set);
        self.fields.insert(name.to_owned(), json!(value));
    }

    fn metric(&mut self, name: &str, unit: &str, value: i64) {
        self.metrics.push(json!({ "Name": name, "Unit": unit }));
        self.fields.insert(name.to_owned(), json!(value));
    }

    /// A duration, if there is one; a clock that went backwards counts as none at all.
    fn milliseconds(&mut self, name: &str, duration: Option<SignedDuration>) {
        if let Some(duration) = duration {
            let millis = duration.max(SignedDuration::ZERO).as_millis();
            self.metric(name, "Milliseconds", i64::try_from(millis).unwrap_or(i64::MAX));
        }
    }

    fn finish(self, now: Timestamp) -> Value {
        let mut fields = self.fields;
        fields.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": METRICS_NAMESPACE,
                    "Dimensions": self.dimensions,
                    "Metrics": self.metrics,
                }],
            }),
        );
        Value::Object(fields)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_ended_is_counted_for_the_namespace_the_verdict_and_the_job() {
        let ended = Measure::RunEnded {
            job: "report".parse().unwrap(),
            verdict: Verdict::Failed,
            start_latency: Some(SignedDuration::from_millis(41_500)),
            run_time: Some(SignedDuration::from_secs(-1)),
        };
        let line =
            ended.to_emf(&Namespace::default(), Timestamp::from_second(1_795_000_000).unwrap());
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_795_000_000_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "longshore",
                        "Dimensions": [
                            ["Namespace"],
                            ["Namespace", "Verdict"],
                            ["Namespace", "Verdict", "Job"],
                        ],
                        "Metrics": [
                            { "Name": "RunsEnded", "Unit": "Count" },
                            { "Name": "StartLatency", "Unit": "Milliseconds" },
                            { "Name": "RunTime", "Unit": "Milliseconds" },
                        ],
                    }],
                },
                "Namespace": "longshore",
                "Verdict": "Failed",
                "Job": "report",
                "RunsEnded": 1,
                "StartLatency": 41_500,
                "RunTime": 0,
            })
        );
    }

    #[test]
    fn every_metric_that_is_named_has_its_value_in_the_line() {
        let job: JobName = "report".parse().unwrap();
        for measure in [
            Measure::LaunchRefused(job),
            Measure::MessageRejected(QueueName::Events),
            Measure::UnknownRun,
            Measure::SecondTask,
            Measure::Swept(Swept { due: 3, ..Swept::default() }),
        ] {
            let line = measure.to_emf(&Namespace::default(), Timestamp::UNIX_EPOCH);
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(line[metric["Name"].as_str().unwrap()].is_i64(), "{metric} in {line}");
            }
            for name in
                directive["Dimensions"].as_array().unwrap().last().unwrap().as_array().unwrap()
            {
                assert!(line[name.as_str().unwrap()].is_string(), "{name} in {line}");
            }
        }
    }
}
