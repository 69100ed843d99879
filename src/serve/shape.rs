//! A task as ECS tells of it: where it stands, framed by what its request and its definition said
//! once for all. Answers and events differ: in answers times are numbers, in events ISO strings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::wire::epoch;
use crate::ecs::local::served::ServedTask;
use crate::event::{LastStatus, StopCode, TaskState};

/// The times of a task in ECS's JSON.
const TIMES: [&str; 8] = [
    "createdAt",
    "connectivityAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppingAt",
    "executionStoppedAt",
    "stoppedAt",
];

/// What does not change while a task lives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Frame {
    /// `overrides`, as they were asked for.
    pub(super) overrides: Value,
    pub(super) interface: Option<Interface>,
    pub(super) architecture: String,
    pub(super) platform_version: Option<String>,
    pub(super) platform_family: Option<String>,
    pub(super) enable_execute_command: bool,
    pub(super) ephemeral_storage: Option<Value>,
    pub(super) container_id: String,
    pub(super) container_cpu: u32,
    pub(super) container_memory: Option<u32>,
    pub(super) container_memory_reservation: Option<u32>,
}

/// A task's network interface, as far as there is one here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Interface {
    pub(super) id: String,
    pub(super) subnet: String,
}

/// Who is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Answer,
    Event,
}

/// A task in an answer. Its tags are there when they were asked for.
pub(super) fn answer(task: &ServedTask, tags: Option<Value>) -> Value {
    let frame: Frame = serde_json::from_str(&task.frame).unwrap_or_default();
    let mut state = task.state.clone();
    // ECS says at once what is to become of a task that it was asked to stop.
    if let (Some(reason), false) = (&task.stop_reason, task.has_stopped()) {
        state.desired_status = LastStatus::Stopped;
        state.stop_code.get_or_insert(StopCode::UserInitiated);
        state.stopped_reason.get_or_insert(reason.clone());
    }
    render(&state, &frame, Form::Answer, tags)
}

/// A task that was just accepted, in RunTask's answer.
pub(super) fn accepted(state: &TaskState, frame: &Frame, tags: Value) -> Value {
    render(state, frame, Form::Answer, Some(tags))
}

/// The event of a step as EventBridge would bring it: the kept one, framed.
pub(super) fn event(mut kept: Value, frame: &str) -> Value {
    let frame: Frame = serde_json::from_str(frame).unwrap_or_default();
    let Some(detail) = kept.get("detail") else { return kept };
    let time: Option<Timestamp> =
        kept.get("time").and_then(Value::as_str).and_then(|text| text.parse().ok());
    if let (Ok(state), Some(time)) = (TaskState::deserialize(detail), time) {
        let mut detail = render(&state, &frame, Form::Event, None);
        detail["updatedAt"] = iso(time);
        kept["detail"] = detail;
        // EventBridge's own time has no fraction.
        kept["time"] = json!(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    kept
}

fn render(state: &TaskState, frame: &Frame, form: Form, tags: Option<Value>) -> Value {
    let mut task = match serde_json::to_value(state) {
        Ok(Value::Object(task)) => task,
        // A task's state is an object.
        Ok(_) | Err(_) => Map::new(),
    };
    let mut set = |name: &str, value: Value| {
        task.insert(name.to_owned(), value);
    };
    set("overrides", frame.overrides.clone());
    set("attributes", json!([{ "name": "ecs.cpu-architecture", "value": frame.architecture }]));
    set("enableExecuteCommand", json!(frame.enable_execute_command));
    let interface = frame.interface.as_ref();
    set("attachments", json!(interface.map(|known| attachment(state, known, form)).as_slice()));
    set("containers", containers(state, frame, form));
    for (name, value) in [
        ("platformVersion", json!(frame.platform_version)),
        ("platformFamily", json!(frame.platform_family)),
        ("ephemeralStorage", json!(frame.ephemeral_storage)),
    ] {
        if !value.is_null() {
            set(name, value);
        }
    }
    if let Some(started_at) = state.started_at {
        set("connectivity", json!("CONNECTED"));
        set("connectivityAt", json!(started_at));
    }
    if form == Form::Answer {
        set("healthStatus", json!("UNKNOWN"));
        set("tags", tags.unwrap_or(json!([])));
    }
    for name in TIMES {
        let time = task.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok());
        if let Some(time) = time {
            let shown = if form == Form::Answer { epoch(time) } else { iso(time) };
            task.insert(name.to_owned(), shown);
        }
    }
    Value::Object(task)
}

/// A time as ECS's events have it: to the millisecond.
fn iso(time: Timestamp) -> Value {
    json!(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// The network interface: of what AWS would tell, only what is true here.
fn attachment(state: &TaskState, interface: &Interface, form: Form) -> Value {
    let status = match &state.last_status {
        LastStatus::Provisioning => "PRECREATED",
        LastStatus::Stopped | LastStatus::Deleted => "DELETED",
        _ => "ATTACHED",
    };
    json!({
        "id": interface.id,
        "type": if form == Form::Event { "eni" } else { "ElasticNetworkInterface" },
        "status": status,
        "details": [{ "name": "subnetId", "value": interface.subnet }],
    })
}

fn containers(state: &TaskState, frame: &Frame, form: Form) -> Value {
    let arn = format!("{}/{}", state.task_arn.replace(":task/", ":container/"), frame.container_id);
    let more = |container| {
        let mut shown = json!(container);
        shown["containerArn"] = json!(arn);
        shown["taskArn"] = json!(state.task_arn);
        shown["cpu"] = json!(frame.container_cpu.to_string());
        for (name, size) in [
            ("memory", frame.container_memory),
            ("memoryReservation", frame.container_memory_reservation),
        ] {
            if let Some(size) = size {
                shown[name] = json!(size.to_string());
            }
        }
        let attached = frame.interface.iter();
        let interfaces: Vec<Value> =
            attached.map(|known| json!({ "attachmentId": known.id })).collect();
        shown["networkInterfaces"] = json!(interfaces);
        if form == Form::Answer {
            shown["healthStatus"] = json!("UNKNOWN");
        }
        shown
    };
    state.containers.iter().map(more).collect()
}

/// Whether a stopped task is still told of.
pub(super) fn is_remembered(
    state: &TaskState,
    remember: jiff::SignedDuration,
    now: Timestamp,
) -> bool {
    state.stopped_at.is_none_or(|stopped_at| now.duration_since(stopped_at) < remember)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Container;

    fn state() -> TaskState {
        TaskState {
            task_arn: "arn:aws:ecs:local:0:task/c/1".to_owned(),
            last_status: LastStatus::Running,
            desired_status: LastStatus::Running,
            version: 3,
            containers: vec![Container { name: "main".to_owned(), ..Container::default() }],
            created_at: Some(Timestamp::UNIX_EPOCH),
            started_at: Timestamp::from_millisecond(1_500).ok(),
            ..TaskState::default()
        }
    }

    fn frame() -> Frame {
        let interface = Interface { id: "eni".to_owned(), subnet: "subnet-1".to_owned() };
        Frame { interface: Some(interface), container_id: "c1".to_owned(), ..Frame::default() }
    }

    #[test]
    fn times_are_numbers_in_answers_and_text_in_events() {
        let shown = accepted(&state(), &frame(), json!([]));
        assert_eq!(
            (&shown["createdAt"], &shown["startedAt"], &shown["connectivityAt"]),
            (&json!(0.0), &json!(1.5), &json!(1.5))
        );
        assert_eq!(shown["attachments"][0]["type"], "ElasticNetworkInterface");
        assert_eq!(shown["containers"][0]["containerArn"], "arn:aws:ecs:local:0:container/c/1/c1");
        let time = Timestamp::UNIX_EPOCH;
        let kept = state().to_event("aws.ecs", "1", time);
        let told = event(kept, &json!(frame()).to_string());
        assert_eq!(told["detail"]["startedAt"], "1970-01-01T00:00:01.500Z");
        assert_eq!(told["detail"]["updatedAt"], "1970-01-01T00:00:00.000Z");
        assert_eq!(told["time"], "1970-01-01T00:00:00Z");
        assert_eq!(told["detail"]["attachments"][0]["type"], "eni");
        // ECS's events have neither.
        assert_eq!(
            (&told["detail"]["tags"], &told["detail"]["healthStatus"]),
            (&Value::Null, &Value::Null)
        );
    }
}
