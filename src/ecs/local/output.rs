//! What a task prints: read for as long as anybody writes, kept up to a cap.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::log_times::Noter;

/// Bytes of output kept of one task.
const LOG_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// How long to read on after the task ended, for output that is still in the pipe.
const DRAIN: Duration = Duration::from_secs(2);

/// Starts a program whose two outputs go into one pipe, in the order they are written.
pub(super) fn spawn(mut command: Command) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let child = command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // `command` holds our ends of the pipe; they must go, or the reader would never see the end.
    drop(command);
    Ok((child, reader))
}

/// Copies the task's output into its log, up to the cap, until every writer is gone, and notes when
/// it came.
pub(super) fn keep(
    mut output: PipeReader,
    log: &File,
    mut times: Noter,
) -> io::Result<JoinHandle<()>> {
    let mut log = log.try_clone()?;
    Ok(thread::spawn(move || {
        let mut kept: u64 = 0;
        let mut chunk = [0; 8192];
        // A reader that stops would stop the task: past the cap the output is read and dropped.
        while let Ok(count @ 1..) = output.read(&mut chunk) {
            let bytes = chunk.get(..count).unwrap_or_default();
            if kept < LOG_BYTES_MAX
                && let Ok(log) = log.metadata()
            {
                // A log without its times is still a log.
                drop(times.note(log.len(), Timestamp::now()));
            }
            if kept < LOG_BYTES_MAX && log.write_all(bytes).is_ok() {
                kept += bytes.len() as u64;
                if kept >= LOG_BYTES_MAX {
                    let mib = LOG_BYTES_MAX / 1024 / 1024;
                    drop(writeln!(log, "\n[longshore: the log ends here, at {mib} MiB]"));
                }
            }
        }
    }))
}

/// Waits a little for the last output; a writer that escaped does not hold us up.
pub(super) fn drain(output: JoinHandle<()>) {
    let until = Instant::now() + DRAIN;
    while !output.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(2));
    }
}
