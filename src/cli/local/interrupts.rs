//! What a person at the keyboard, or whoever shuts the machine down, tells `local`.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::Failure;

/// Ctrl-C and SIGTERM. They are heard from the moment this is made, also while something else is
/// being done.
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    count: u32,
}

impl Interrupts {
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::environment(format!("cannot listen to signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            count: 0,
        })
    }

    /// Waits for the next one; the first is 1.
    pub(super) async fn next(&mut self) -> u32 {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.count += 1;
        self.count
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use std::time::Duration;

    use rustix::process::{Signal as Number, getpid, kill_process};

    use super::*;

    #[test]
    fn an_interrupt_that_comes_while_nobody_waits_is_kept() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut interrupts = Interrupts::listen().unwrap();
            for (count, kind, number) in [
                (1, SignalKind::interrupt(), Number::INT),
                (2, SignalKind::terminate(), Number::TERM),
            ] {
                let mut other = signal(kind).unwrap();
                kill_process(getpid(), number).unwrap();
                // Once another listener has heard it, it has been told to all there were.
                other.recv().await;
                let heard = tokio::time::timeout(Duration::from_secs(20), interrupts.next()).await;
                assert_eq!(heard.ok(), Some(count));
            }
        });
    }
}
