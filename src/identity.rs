//! Who is who: every identity longshore makes is derived from what it stands for, so a repeated
//! delivery arrives at the same run, the same token and the same task.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use data_encoding::{BASE32_NOPAD, Encoding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Characters of a job name at most.
const JOB_NAME_CHARS_MAX: usize = 63;
/// Characters of a namespace at most: `started by` must stay under ECS's 128.
const NAMESPACE_CHARS_MAX: usize = 32;
/// Base32 characters kept of a hash: 100 bits.
const HASH_CHARS: usize = 20;
/// The highest attempt number that is ours.
pub const ATTEMPT_MAX: u32 = 99;

/// Why a name is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a job name.
    #[error(
        "`{0}` is no job name: use 1 to 63 lower-case letters, digits and dashes, a letter first"
    )]
    Job(String),
    /// Not a namespace.
    #[error(
        "`{0}` is no namespace: use 1 to 32 lower-case letters, digits and dashes, a letter first"
    )]
    Namespace(String),
    /// Not a run id.
    #[error("`{0}` is no run id: one looks like `nightly-report-` and 20 letters and digits")]
    Run(String),
    /// Not the holder of a slot.
    #[error("`{0}` holds no slot of ours: expected `run id/attempt`")]
    Holder(String),
    /// Not a `started by` of ours.
    #[error("`{0}` is not longshore's: expected `namespace/run id/attempt`")]
    StartedBy(String),
}

/// Cuts what a stranger sent before it is quoted in a message.
pub(crate) fn quote(text: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    shown.escape_debug().to_string()
}

fn is_name(text: &str, chars_max: usize) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= chars_max
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The name of an entry of jobs.yaml.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobName(String);

impl JsonSchema for JobName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JobName".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$" })
    }
}

/// What keeps two installations in one account, or two projects on one machine, apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Namespace(String);

/// The identity of one run: the job's name and a hash over job and occurrence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// Gives a validated text newtype its conversions.
macro_rules! text_newtype {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}
text_newtype!(JobName);
text_newtype!(Namespace);
text_newtype!(RunId);

/// So that a map by names is asked with any text.
impl Borrow<str> for JobName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_name(text, JOB_NAME_CHARS_MAX) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Job(quote(text)))
        }
    }
}

impl FromStr for Namespace {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_name(text, NAMESPACE_CHARS_MAX) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Namespace(quote(text)))
        }
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self("longshore".to_owned())
    }
}

impl FromStr for RunId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let ours = text.rsplit_once('-').is_some_and(|(job, hash)| {
            is_name(job, JOB_NAME_CHARS_MAX)
                && hash.len() == HASH_CHARS
                && hash.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
        });
        if ours { Ok(Self(text.to_owned())) } else { Err(NameError::Run(quote(text))) }
    }
}

impl RunId {
    /// The run of `job` for the occurrence made of `kind` and `parts`.
    pub fn derive(job: &JobName, kind: &str, parts: &[&str]) -> Self {
        let fields: Vec<&str> =
            [job.as_str(), kind].into_iter().chain(parts.iter().copied()).collect();
        Self(format!("{job}-{}", hash(&fields)))
    }

    /// The job this run belongs to.
    pub fn job(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(job, _)| job)
    }

    /// The same as a name: it was one when the id was made or read.
    pub fn job_name(&self) -> JobName {
        JobName(self.job().to_owned())
    }
}

/// Hashes fields so that no two different lists of fields meet: each is preceded by its length.
fn hash(fields: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for field in fields {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    let mut text = LOWER_BASE32.encode(&hasher.finalize());
    text.truncate(HASH_CHARS);
    text
}

static LOWER_BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = BASE32_NOPAD.specification();
    spec.symbols.make_ascii_lowercase();
    // The alphabet is a constant: were it wrong, upper case is still a base32.
    spec.encoding().unwrap_or(BASE32_NOPAD)
});

/// One attempt of a run, as the holder of one of its job's slots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// The run.
    pub run: RunId,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.run, self.attempt)
    }
}

impl FromStr for Holder {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let foreign = || NameError::Holder(quote(text));
        let (run, attempt) = text.split_once('/').ok_or_else(foreign)?;
        Ok(Self {
            run: run.parse().map_err(|_| foreign())?,
            attempt: to_attempt(attempt).ok_or_else(foreign)?,
        })
    }
}

/// An attempt's number as we write it: `01` and `+1` are not.
fn to_attempt(digits: &str) -> Option<u32> {
    let attempt: u32 = digits.parse().ok()?;
    (attempt.to_string() == digits && (1..=ATTEMPT_MAX).contains(&attempt)).then_some(attempt)
}

/// ECS's `startedBy`: which attempt of which run a task belongs to. At most 121 of ECS's 128
/// characters `[A-Za-z0-9/_-]`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedBy {
    /// The installation that started the task.
    pub namespace: Namespace,
    /// The run.
    pub run: RunId,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl fmt::Display for StartedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.run, self.attempt)
    }
}

impl FromStr for StartedBy {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let foreign = || NameError::StartedBy(quote(text));
        let mut parts = text.split('/');
        let (Some(namespace), Some(run), Some(digits), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(foreign());
        };
        Ok(Self {
            namespace: namespace.parse().map_err(|_| foreign())?,
            run: run.parse().map_err(|_| foreign())?,
            attempt: to_attempt(digits).ok_or_else(foreign)?,
        })
    }
}

/// RunTask's `clientToken`: at most 64 printable ASCII characters, scoped to the cluster
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>).
/// The namespace is part of the hash: two installations on one cluster never share a task.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientToken(String);

impl ClientToken {
    /// The token of one launch.
    pub fn new(namespace: &Namespace, run: &RunId, attempt: u32, launch: u32) -> Self {
        let hash = hash(&[namespace.as_str(), run.as_str()]);
        Self(format!("{hash}-{attempt}-{launch}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn run(job: &str, parts: &[&str]) -> RunId {
        RunId::derive(&job.parse().unwrap(), "s3", parts)
    }

    #[test]
    fn a_run_id_follows_from_job_kind_and_occurrence_alone() {
        let id = run("report", &["bucket", "key"]);
        assert_eq!(id, run("report", &["bucket", "key"]));
        assert_eq!(id.job(), "report");
        assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
        for other in [
            run("report", &["bucketk", "ey"]),
            run("report", &["bucket", "key", ""]),
            run("report-2", &["bucket", "key"]),
        ] {
            assert_ne!(id.as_str()[7..], other.as_str()[other.job().len() + 1..]);
        }
    }

    #[test]
    fn names_that_are_not_ours_are_refused() {
        for name in ["", "A", "1a", "-a", "../x", "a b", "ä", "a_b", "S#x", &"a".repeat(64)] {
            assert!(name.parse::<JobName>().is_err(), "{name}");
            assert!(name.parse::<Namespace>().is_err(), "{name}");
        }
        let id = run("report", &["x"]);
        for text in [
            "longshore".to_owned(),
            format!("longshore/{id}"),
            format!("longshore/{id}/0"),
            format!("longshore/{id}/01"),
            format!("longshore/{id}/+1"),
            format!("longshore/{id}/100"),
            format!("longshore/{id}/1/2"),
            "longshore/report-short/1".to_owned(),
            "ecs-svc/1234567890123456789".to_owned(),
        ] {
            assert!(text.parse::<StartedBy>().is_err(), "{text}");
        }
        for text in [format!("{id}"), format!("{id}/0"), format!("{id}/01"), "x/1".to_owned()] {
            assert!(text.parse::<Holder>().is_err(), "{text}");
        }
        let holder = Holder { run: id, attempt: 12 };
        assert_eq!(holder.to_string().parse::<Holder>().unwrap(), holder);
    }

    #[test]
    fn the_longest_identities_fit_what_ecs_allows() {
        let job = "j".repeat(JOB_NAME_CHARS_MAX);
        let started_by = StartedBy {
            namespace: "n".repeat(NAMESPACE_CHARS_MAX).parse().unwrap(),
            run: run(&job, &["x"]),
            attempt: ATTEMPT_MAX,
        };
        let text = started_by.to_string();
        assert!(text.len() <= 128, "{}", text.len());
        assert_eq!(text.parse::<StartedBy>().unwrap(), started_by);
        let token = ClientToken::new(&started_by.namespace, &started_by.run, ATTEMPT_MAX, 99);
        assert!(token.as_str().len() <= 64);
    }

    #[test]
    fn two_namespaces_never_share_a_token() {
        let id = run("report", &["x"]);
        let token = |namespace: &str| ClientToken::new(&namespace.parse().unwrap(), &id, 1, 1);
        assert_ne!(token("blue"), token("green"));
    }
}
