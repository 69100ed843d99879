//! What becomes of tasks when whoever watches them is interrupted.

use super::reporter::Reporter;
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupts::{Interrupt, Interrupts};
use crate::cli::output::WARN;
use crate::cli::stop;
use crate::identity::RunId;
use crate::local::Local;
use crate::run::Run;

/// What the first Ctrl-C means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum OnInterrupt {
    /// Stop the tasks.
    Stop,
    /// Ask whether to, where a person can answer.
    Ask,
}

/// The first Ctrl-C asks the tasks to stop, the second does not wait until they have.
pub(super) async fn heed(
    interrupt: Interrupt,
    interrupts: &mut Interrupts,
    on_interrupt: OnInterrupt,
    local: &Local,
    open: &[Run],
    reporter: &Reporter,
) -> Result<(), Failure> {
    let asks = on_interrupt == OnInterrupt::Ask && interrupt.count == 1;
    if asks && reporter.pause(interrupts.ask_to_stop(interrupt)).await == Some(false) {
        return Err(leave(reporter, open, goes_on));
    }
    if interrupt.count > 1 {
        return Err(leave(reporter, open, is_being_stopped));
    }
    reporter.say(&format!(
        "{WARN}stopping the tasks, which may take each its stopTimeout; Ctrl-C again leaves without \
         waiting for them{WARN:#}"
    ));
    let wish = stop::wish(None);
    for run in open {
        local.ask_to_stop(&run.id, wish.clone()).await?;
    }
    Ok(())
}

/// Leaves tasks to their supervisors, and says how to see what becomes of each.
fn leave(reporter: &Reporter, open: &[Run], what: impl Fn(&RunId) -> String) -> Failure {
    reporter.finish();
    let told: Vec<String> = open.iter().map(|run| what(&run.id)).collect();
    let message = format!("left before the end; {}", told.join("; "));
    Failure { exit: Exit::Interrupted, message }
}

fn goes_on(id: &RunId) -> String {
    format!("{id} goes on: `longshore show {id}` tells how, `longshore stop {id}` stops it")
}

fn is_being_stopped(id: &RunId) -> String {
    format!("{id} is being stopped: `longshore show {id}` tells how it ends")
}
