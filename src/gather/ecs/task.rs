//! The task of a run that is asked about.

use aws_sdk_ecs::types::Task;

use crate::diagnosis::evidence::RunSeen;

/// What ECS says of it.
pub(in crate::gather) struct TaskSeen {
    stop_code: Option<String>,
    reasons: Vec<String>,
}

impl TaskSeen {
    pub(super) fn of(task: Task) -> Self {
        let containers = task.containers.unwrap_or_default().into_iter();
        let own = containers.filter_map(|container| container.reason);
        Self {
            stop_code: task.stop_code.map(|code| code.as_str().to_owned()),
            reasons: task.stopped_reason.into_iter().chain(own).collect(),
        }
    }

    /// Adds what the ledger does not know, or not yet.
    pub(in crate::gather) fn complete(self, run: &mut RunSeen) {
        run.stop_code = run.stop_code.take().or(self.stop_code);
        for reason in self.reasons {
            if !run.reasons.iter().any(|known| known.contains(reason.as_str())) {
                run.reasons.push(reason);
            }
        }
    }
}

/// The cluster that a task's ARN names: `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.
pub(super) fn cluster_of(task: &str) -> Option<&str> {
    task.split(":task/").nth(1)?.split_once('/').map(|(cluster, _)| cluster)
}
