//! ECS's "ECS Task State Change": where a task stands, in ECS's own JSON, read and written.
//!
//! Read tolerantly: ECS adds fields and values over time, so unknown ones are data, and a time
//! that cannot be read is a time we do not have
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>).

use std::fmt;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::{Unreadable, typed};

/// Where a task stands. Times are absent until they happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are ECS's own")]
pub struct TaskState {
    pub task_arn: String,
    pub cluster_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_definition_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    pub last_status: LastStatus,
    pub desired_status: LastStatus,
    /// Rises with every change of this task; a repeated event repeats it.
    pub version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_code: Option<StopCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_reason: Option<String>,
    pub containers: Vec<Container>,
    pub overrides: TaskOverride,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_provider_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<EphemeralStorage>,
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub platform_family: Option<String>,
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<NameValue>,
    #[serde(deserialize_with = "lenient_time", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient_time", skip_serializing_if = "Option::is_none")]
    pub connectivity_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient_time", skip_serializing_if = "Option::is_none")]
    pub pull_started_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient_time", skip_serializing_if = "Option::is_none")]
    pub pull_stopped_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient_time", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient_time", skip_serializing_if = "Option::is_none")]
    pub stopping_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient_time", skip_serializing_if = "Option::is_none")]
    pub execution_stopped_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient_time", skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
}

/// One container of the task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are ECS's own")]
pub struct Container {
    pub name: String,
    pub last_status: LastStatus,
    /// Absent when the container never ran or ECS never learned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
}

/// What the RunTask call changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are ECS's own")]
pub struct TaskOverride {
    pub container_overrides: Vec<ContainerOverride>,
}

/// What the RunTask call changed for one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are ECS's own")]
pub struct ContainerOverride {
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<NameValue>,
}

/// The task's own disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EphemeralStorage {
    /// GiB.
    #[serde(rename = "sizeInGiB")]
    pub size_in_gib: u32,
}

/// A name and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are ECS's own")]
pub struct NameValue {
    pub name: String,
    pub value: String,
}

/// Gives an enum of ECS's words its text both ways; a word we do not know is kept.
macro_rules! ecs_words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the names are ECS's own")]
        pub enum $name {
            $($variant,)*
            /// A word ECS did not have when this was written.
            Other(String),
        }
        impl $name {
            /// ECS's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self::from(String::deserialize(deserializer)?.as_str()))
            }
        }
    };
}

ecs_words! {
    /// A step of a task's life
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>).
    LastStatus {
        Provisioning = "PROVISIONING",
        Pending = "PENDING",
        Activating = "ACTIVATING",
        Running = "RUNNING",
        Deactivating = "DEACTIVATING",
        Stopping = "STOPPING",
        Deprovisioning = "DEPROVISIONING",
        Stopped = "STOPPED",
        Deleted = "DELETED",
    }
}

impl Default for LastStatus {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

ecs_words! {
    /// Why a task stopped (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>).
    StopCode {
        TaskFailedToStart = "TaskFailedToStart",
        EssentialContainerExited = "EssentialContainerExited",
        UserInitiated = "UserInitiated",
        ServiceSchedulerInitiated = "ServiceSchedulerInitiated",
        SpotInterruption = "SpotInterruption",
        TerminationNotice = "TerminationNotice",
        InfrastructureHealth = "InfrastructureHealth",
    }
}

/// The variable that every request sets, and that marks a task's main container as ours.
pub(crate) const RUN_ID_VARIABLE: &str = "LONGSHORE_RUN_ID";

impl TaskState {
    /// EventBridge's `detail-type`.
    pub const DETAIL_TYPE: &'static str = "ECS Task State Change";
    /// The source of a task state that sweep read itself and passes on to record.
    pub const OBSERVED_SOURCE: &'static str = "longshore.sweep";

    /// The main container: the one `named`, else the one that was given our variables, else the
    /// only one overridden or present.
    pub fn main_container(&self, named: Option<&str>) -> Option<&Container> {
        let overrides = &self.overrides.container_overrides;
        let marked = overrides
            .iter()
            .find(|over| over.environment.iter().any(|pair| pair.name == RUN_ID_VARIABLE));
        let single = match overrides.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let name = named.or(marked.or(single).map(|over| over.name.as_str()));
        match (name, self.containers.as_slice()) {
            (Some(name), containers) => containers.iter().find(|c| c.name == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// The event that tells of this state.
    pub fn to_event(&self, source: &str, id: &str, time: Timestamp) -> Value {
        json!({
            "version": "0",
            "id": id,
            "detail-type": Self::DETAIL_TYPE,
            "source": source,
            "account": self.cluster_arn.split(':').nth(4).unwrap_or_default(),
            "time": time.to_string(),
            "region": self.cluster_arn.split(':').nth(3).unwrap_or_default(),
            "resources": [&self.task_arn],
            "detail": self,
        })
    }
}

/// Reads the event's detail.
pub(super) fn read_envelope(envelope: EventBridgeEvent<Value>) -> Result<TaskState, Unreadable> {
    let malformed = |problem: String| Unreadable::malformed("ECS task state", problem);
    let state: TaskState = typed("ECS task state", &envelope.detail)?;
    for (name, value) in [("taskArn", &state.task_arn), ("clusterArn", &state.cluster_arn)] {
        if !value.starts_with("arn:") {
            return Err(malformed(format!("`{name}` is missing or no ARN")));
        }
    }
    Ok(state)
}

fn lenient_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(|text| text.parse().ok()))
}

/// What only a cost follows from must not keep a task's end from being read.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}
