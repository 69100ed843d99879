//! What a person at the keyboard, or whoever shuts the machine down, tells a command that waits.

use std::io::{self, IsTerminal};
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::exit::Failure;
use super::output;

/// Ctrl-C and SIGTERM. They are heard from the moment this is made, also while something else is
/// being done.
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    count: u32,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interrupt {
    /// How many there have been; the first is 1.
    pub(super) count: u32,
    /// Whether a person may have pressed a key: SIGTERM comes from a program, which answers nothing.
    pub(super) by_key: bool,
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

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Interrupt {
        let by_key = tokio::select! {
            _ = self.interrupt.recv() => true,
            _ = self.terminate.recv() => false,
        };
        self.count += 1;
        Interrupt { count: self.count, by_key }
    }

    /// Asks whoever pressed Ctrl-C whether the task shall stop; `None` where nobody can answer.
    /// Another Ctrl-C is a no, as is anything but y.
    pub(super) async fn ask_to_stop(&mut self, interrupt: Interrupt) -> Option<bool> {
        let can_answer = io::stdin().is_terminal() && io::stderr().is_terminal();
        if !interrupt.by_key || !can_answer {
            return None;
        }
        output::print_aside("\nstop the task? y stops it, anything else leaves it running: ");
        let (tell, told) = oneshot::channel();
        // A thread of its own: it may wait for a line that never comes, and ends with the process.
        thread::spawn(move || {
            let mut line = String::new();
            let read = io::stdin().read_line(&mut line);
            // Whoever asked may have been interrupted meanwhile.
            let _ = tell.send(read.is_ok() && ["y", "yes"].contains(&line.trim()));
        });
        tokio::select! {
            answer = told => Some(answer.unwrap_or(false)),
            _ = self.next() => Some(false),
        }
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
            for (count, by_key, kind, number) in [
                (1, true, SignalKind::interrupt(), Number::INT),
                (2, false, SignalKind::terminate(), Number::TERM),
            ] {
                let mut other = signal(kind).unwrap();
                kill_process(getpid(), number).unwrap();
                // Once another listener has heard it, it has been told to all there were.
                other.recv().await;
                let heard = tokio::time::timeout(Duration::from_secs(20), interrupts.next()).await;
                assert_eq!(heard.ok(), Some(Interrupt { count, by_key }));
            }
        });
    }
}
