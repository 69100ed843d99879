//! The first event of a new project: what its trigger would send, to try before there is one.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Plan};

/// The event, as `explain` and `local` read it.
pub(super) fn first(plan: &Plan, now: Timestamp) -> String {
    let answer = |answer| plan.answers.get(&answer).map_or("", String::as_str);
    let time = now.strftime("%Y-%m-%dT%H:%M:00Z").to_string();
    let event = if plan.answers.contains_key(&Answer::Bucket) {
        object(answer(Answer::Bucket), answer(Answer::Prefix), answer(Answer::Region), &time)
    } else {
        let job = answer(Answer::Job);
        let schedule = format!("{}-{job}", plan.namespace);
        json!({ "job": job, "schedule": schedule, "scheduledTime": time })
    };
    format!("{event:#}\n")
}

/// As EventBridge tells of an object
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>).
fn object(bucket: &str, prefix: &str, region: &str, time: &str) -> Value {
    json!({
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000001",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": time,
        "region": region,
        "resources": [format!("arn:aws:s3:::{bucket}")],
        "detail": {
            "version": "0",
            "bucket": { "name": bucket },
            "object": {
                "key": format!("{prefix}first.txt"),
                "size": 1,
                "etag": "0cc175b9c0f1b6a831c399e269772661",
                "sequencer": "0000000000000001",
            },
            "reason": "PutObject",
        },
    })
}
