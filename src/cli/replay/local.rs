//! `replay` on this machine: what was rejected.

use super::{Arguments, Common, Failure, Judged};
use crate::jobs::Jobs;
use crate::local::Local;
use crate::queue::dead::DeadQueue;

pub(super) fn replay(
    common: &Common,
    arguments: &Arguments,
    jobs: Option<&Jobs>,
    local: &Local,
) -> Result<Vec<Judged>, Failure> {
    if !arguments.queues().contains(&DeadQueue::Reject) {
        return Ok(Vec::new());
    }
    let letters = local.dead_letters(usize::from(arguments.limit))?;
    let letters = Judged::all(letters, jobs, common);
    if !arguments.dry_run {
        for judged in &letters {
            if let Some(to) = judged.destination() {
                local.send_back(&judged.letter, to)?;
            }
        }
    }
    Ok(letters)
}
