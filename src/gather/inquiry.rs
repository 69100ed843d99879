//! One question to AWS after another, each with a bounded time, each answered, refused or failed by
//! itself.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};

use super::Progress;
use crate::aws::failure::{Failure, FailureKind};
use crate::diagnosis::Unseen;

/// How long one question may take, with all its tries and pages.
pub(super) const LIMIT: Duration = Duration::from_secs(12);
/// How long all of them together may take: answers lead to more questions.
const LIMIT_OF_ALL: Duration = Duration::from_secs(40);

/// What is asked over one connection, and how far it is.
pub(super) struct Inquiry<'a> {
    pub(super) aws: &'a SdkConfig,
    since: Instant,
    progress: Cell<Progress>,
    /// Whether AWS said anything at all, be it no.
    heard: Cell<bool>,
    failure: RefCell<Option<String>>,
    tell: &'a dyn Fn(Progress),
}

impl<'a> Inquiry<'a> {
    pub(super) fn new(aws: &'a SdkConfig, tell: &'a dyn Fn(Progress)) -> Self {
        Self {
            aws,
            since: Instant::now(),
            progress: Cell::default(),
            heard: Cell::new(false),
            failure: RefCell::default(),
            tell,
        }
    }

    /// Asks what needs this permission.
    pub(super) async fn ask<T, E>(
        &self,
        permission: &str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Unseen>
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        self.ask_unless(permission, &[], call).await?.ok_or_else(|| {
            // No code stands for a thing that is missing here.
            Unseen::Failed(format!("{permission}: no answer"))
        })
    }

    /// The same for one thing, which these codes, or the beginning of a message, say is missing.
    pub(super) async fn ask_unless<T, E>(
        &self,
        permission: &str,
        missing: &[&str],
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<Option<T>, Unseen>
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        self.count(|progress| progress.asked += 1);
        let left = LIMIT_OF_ALL.saturating_sub(self.since.elapsed());
        let answer = within(LIMIT.min(left), permission, call).await;
        self.count(|progress| progress.answered += 1);
        match answer {
            Ok(Ok(answer)) => {
                self.heard.set(true);
                Ok(Some(answer))
            }
            Ok(Err(error)) => self.fail(permission, missing, &Failure::of(&error)),
            Err(unseen) => {
                self.failure.borrow_mut().get_or_insert(unseen.to_string());
                Err(unseen)
            }
        }
    }

    fn fail<T>(
        &self,
        permission: &str,
        missing: &[&str],
        failure: &Failure,
    ) -> Result<Option<T>, Unseen> {
        let says = |word: &str| failure.code == word || failure.message.starts_with(word);
        let heard = matches!(failure.kind, FailureKind::Denied | FailureKind::Rejected);
        self.heard.set(self.heard.get() || heard);
        if missing.iter().any(|word| says(word)) {
            return Ok(None);
        }
        let unseen = match failure.kind {
            FailureKind::Denied => {
                Unseen::Refused(failure.denied_action().unwrap_or(permission).to_owned())
            }
            _ => Unseen::Failed(format!("{permission}: {failure}")),
        };
        if !heard {
            self.failure.borrow_mut().get_or_insert(failure.to_string());
        }
        Err(unseen)
    }

    /// Why nothing can be said, if AWS said nothing at all.
    pub(super) fn silence(&self) -> Option<String> {
        if self.heard.get() { None } else { self.failure.borrow().clone() }
    }

    fn count(&self, change: impl Fn(&mut Progress)) {
        let mut progress = self.progress.get();
        change(&mut progress);
        self.progress.set(progress);
        (self.tell)(progress);
    }
}

/// Waits for an answer, but not for ever.
pub(super) async fn within<T>(
    limit: Duration,
    permission: &str,
    call: impl Future<Output = T>,
) -> Result<T, Unseen> {
    let late = |_| Unseen::Failed(format!("{permission}: no answer in time"));
    tokio::time::timeout(limit, call).await.map_err(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_answer_in_time_is_not_known() {
        let late = within(Duration::ZERO, "ec2:DescribeVpcs", std::future::pending::<()>()).await;
        let expected = Unseen::Failed("ec2:DescribeVpcs: no answer in time".to_owned());
        assert_eq!(late, Err(expected));
    }
}
