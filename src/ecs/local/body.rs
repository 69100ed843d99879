//! What a task is besides its row: a group of processes or a container. Noted in the row, so that
//! it can be ended by somebody else when its supervisor is gone.

use std::fs;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use super::container::Container;

/// A task's processes or container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Body {
    /// A process and all it started.
    Processes(Group),
    /// A container.
    Container(Container),
}

/// A process group of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    /// Its leader's process id, which is the group's.
    leader: i32,
    /// When the kernel says that the leader started, where it says so: an id is used again.
    started: Option<String>,
}

impl Group {
    /// The group that this process leads.
    pub(super) fn of(leader: u32) -> Option<Self> {
        let leader = i32::try_from(leader).ok()?;
        Some(Self { leader, started: started(leader) })
    }

    /// Sends a signal to everybody in it; there may be nobody left.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.leader) {
            let _ = kill_process_group(group, signal);
        }
    }

    /// Whether the id has gone to another process since. While members of the group live, the
    /// kernel gives its id to nobody.
    fn is_another_now(&self) -> bool {
        let now = started(self.leader);
        now.is_some() && now != self.started
    }
}

impl Body {
    /// Ends it, whatever it does.
    pub(super) fn end(&self) {
        match self {
            Self::Processes(group) if group.is_another_now() => {}
            Self::Processes(group) => group.signal(Signal::KILL),
            Self::Container(container) => container.remove(),
        }
    }
}

/// When a process started, in the kernel's own count: field 22 of `/proc/PID/stat`, the 20th after
/// the name, which is in brackets and may hold anything.
fn started(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19).map(str::to_owned)
}
