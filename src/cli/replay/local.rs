//! `replay` on this machine: what was rejected.

use super::{Arguments, Failure, Judged};
use crate::local::Local;
use crate::queue::dead::{DeadLetter, DeadQueue};

pub(super) async fn replay(
    arguments: &Arguments,
    local: &Local,
    judge: impl AsyncFn(Vec<DeadLetter>) -> Vec<Judged>,
) -> Result<Vec<Judged>, Failure> {
    if !arguments.queues().contains(&DeadQueue::Reject) {
        return Ok(Vec::new());
    }
    let letters = judge(local.dead_letters(usize::from(arguments.limit))?).await;
    if !arguments.dry_run {
        for judged in &letters {
            if let Some(to) = judged.destination() {
                local.send_back(&judged.letter, to)?;
            }
        }
    }
    Ok(letters)
}
