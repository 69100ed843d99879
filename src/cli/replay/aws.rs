//! `replay --on aws`: the dead-letter queues of the installation.

use super::{Arguments, Failure, Judged};
use crate::cloud::Cloud;
use crate::queue::QueueError;
use crate::queue::dead::DeadLetter;
use crate::queue::sqs::dead::DeadLetters;

pub(super) async fn replay(
    arguments: &Arguments,
    cloud: &Cloud,
    judge: impl AsyncFn(Vec<DeadLetter>) -> Vec<Judged>,
) -> Result<Vec<Judged>, Failure> {
    let queues = arguments.queues();
    let dead = cloud.dead_letters(&queues).await.map_err(failure)?;
    let mut all = Vec::new();
    for queue in queues {
        let letters = dead.receive(queue, usize::from(arguments.limit)).await.map_err(failure)?;
        let mut letters = judge(letters).await;
        settle(arguments, &dead, &letters).await.map_err(failure)?;
        all.append(&mut letters);
    }
    Ok(all)
}

fn failure(QueueError(why): QueueError) -> Failure {
    Failure::environment(format!(
        "dead letters cannot be looked at or sent back: {why}; whatever was not sent back is in its \
         queue, and shows there again in some minutes"
    ))
}

/// Sends each letter before it is taken out: one that is sent twice makes one run, one that is not
/// sent is lost.
async fn settle(
    arguments: &Arguments,
    dead: &DeadLetters,
    letters: &[Judged],
) -> Result<(), QueueError> {
    for judged in letters {
        match judged.destination().filter(|_| !arguments.dry_run) {
            Some(to) => {
                dead.send(to, &judged.letter.body_to_send()).await?;
                dead.delete(&judged.letter).await?;
            }
            None => dead.give_back(&judged.letter).await?,
        }
    }
    Ok(())
}
