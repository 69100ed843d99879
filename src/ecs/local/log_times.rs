//! When a task printed what: beside its log, a line for each second in which it printed, with the
//! time in milliseconds and how long the log was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

/// What comes within it of a noted time is as old as that.
const RESOLUTION: SignedDuration = SignedDuration::from_secs(1);

/// Notes the times of one log.
pub(super) struct Noter {
    file: File,
    noted: Option<Timestamp>,
}

/// The times of one log, in the order of its bytes.
#[derive(Clone, Debug, Default)]
pub struct LogTimes(Vec<(Timestamp, u64)>);

fn path(log: &Path) -> PathBuf {
    log.with_extension("times")
}

impl Noter {
    /// Goes on with the times of this log.
    pub(super) fn open(log: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path(log))?;
        Ok(Self { file, noted: None })
    }

    /// Notes that what follows these many bytes comes now.
    pub(super) fn note(&mut self, bytes: u64, now: Timestamp) -> io::Result<()> {
        if self.noted.is_some_and(|noted| now.duration_since(noted) < RESOLUTION && now >= noted) {
            return Ok(());
        }
        self.noted = Some(now);
        self.file.write_all(format!("{} {bytes}\n", now.as_millisecond()).as_bytes())
    }
}

impl LogTimes {
    /// The times of this log; none for a log that nobody noted times of.
    pub fn read(log: &Path) -> Self {
        let text = fs::read_to_string(path(log)).unwrap_or_default();
        let times = text.lines().filter_map(|line| {
            let (millis, bytes) = line.split_once(' ')?;
            let at = Timestamp::from_millisecond(millis.parse().ok()?).ok()?;
            Some((at, bytes.parse().ok()?))
        });
        Self(times.collect())
    }

    /// After how many bytes comes what was printed since then, a second more at most; `None` when
    /// nothing was.
    pub fn offset_since(&self, since: Timestamp) -> Option<u64> {
        if self.0.is_empty() {
            return Some(0);
        }
        let mut noted = self.0.iter();
        noted.find(|(at, _)| since.duration_since(*at) < RESOLUTION).map(|(_, bytes)| *bytes)
    }

    /// When the byte at this place was printed, to the second.
    pub fn at(&self, place: u64) -> Option<Timestamp> {
        let after = self.0.partition_point(|(_, bytes)| *bytes <= place);
        Some(self.0.get(after.checked_sub(1)?)?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap_or_default()
    }

    #[test]
    fn a_log_can_be_read_from_a_time_on() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("t.log");
        let mut noter = Noter::open(&log)?;
        for (millis, bytes) in [(10_000, 0), (10_500, 10), (11_200, 20), (60_000, 30)] {
            noter.note(bytes, at(millis))?;
        }
        let times = LogTimes::read(&log);
        for (since, offset) in [
            (0, Some(0)),
            (10_900, Some(0)),
            (11_000, Some(20)),
            (12_199, Some(20)),
            (30_000, Some(30)),
            (61_000, None),
        ] {
            assert_eq!(times.offset_since(at(since)), offset, "{since}");
        }
        for (place, millis) in [(0, 10_000), (15, 10_000), (20, 11_200), (99, 60_000)] {
            assert_eq!(times.at(place), Some(at(millis)), "{place}");
        }
        Ok(())
    }

    #[test]
    fn a_log_without_times_is_read_whole() {
        let times = LogTimes::read(Path::new("/nowhere/t.log"));
        assert_eq!((times.offset_since(at(5)), times.at(0)), (Some(0), None));
    }

    #[test]
    fn a_clock_that_was_put_back_is_noted_anew() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("t.log");
        let mut noter = Noter::open(&log)?;
        noter.note(0, at(50_000))?;
        noter.note(10, at(20_000))?;
        assert_eq!(LogTimes::read(&log).0, [(at(50_000), 0), (at(20_000), 10)]);
        Ok(())
    }
}
