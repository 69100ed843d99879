//! A launch that is armed: whose it is to call RunTask, and who may change it meanwhile.

use jiff::SignedDuration;

use super::Invocation;
use crate::backend::Backend;
use crate::jobs::{Job, TaskRequest};
use crate::ledger::{self, Ledger, LedgerError, Updated};
use crate::policy;
use crate::run::{Run, State};

/// Which call of RunTask with one token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// The first.
    First,
    /// The first, of a run whose turn it is.
    Turn,
    /// One more: the first may have started a task.
    Again,
}

/// Arms the launch: from now on it is this invocation's to call RunTask, until its lease is over.
pub(super) fn arm<L, E, Q>(
    backend: &Backend<L, E, Q>,
    job: &Job,
    run: &mut Run,
    request: TaskRequest,
    invocation: Invocation<'_>,
) {
    if job.policy.concurrency.is_some() {
        run.take_slot();
    }
    run.arm(request, invocation.now, invocation.lease(&backend.timing), invocation.nonce);
    spread_alarm(run, backend.timing.lease);
}

/// Takes a launch over that somebody else armed and did not bring to an end.
pub(super) fn take_over<L, E, Q>(
    backend: &Backend<L, E, Q>,
    job: &Job,
    run: &mut Run,
    invocation: Invocation<'_>,
) {
    if job.policy.concurrency.is_some() {
        run.take_slot();
    }
    run.hold(invocation.lease(&backend.timing), invocation.nonce);
    spread_alarm(run, backend.timing.lease);
}

/// Sets the alarm of a launch some time after its lease, another time for each run: what was
/// throttled together would be throttled together again.
fn spread_alarm(run: &mut Run, lease: SignedDuration) {
    let share = policy::jitter(run);
    run.due = run.due.map(|due| due + lease.mul_f64(share));
}

/// Whether the launch is not ours any more: taking the slot took longer than the lease.
pub(super) fn is_late(run: &Run, invocation: Invocation<'_>) -> bool {
    matches!(run.state, State::Launching { lease } if lease <= (invocation.clock)())
}

/// Changes a launch that is armed, while it is ours: whoever took it over is calling RunTask with
/// the same token, and their answer counts.
pub(super) async fn update_ours<L: Ledger, E, Q>(
    backend: &Backend<L, E, Q>,
    run: Run,
    change: impl Fn(&mut Run),
) -> Result<Updated, LedgerError> {
    let (owner, launch) = (run.owner.clone(), run.launch().map(|launch| launch.number));
    ledger::update_held(&backend.ledger, run, |stored| {
        let ours = matches!(stored.state, State::Launching { .. })
            && stored.launch().map(|launch| launch.number) == launch
            && stored.owner == owner;
        if ours {
            change(stored);
        }
        ours
    })
    .await
}
