//! What became of every try of one RunTask call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

use super::refusal;

/// Lets the SDK repeat what was not answered, but not what was throttled: who is next to call is
/// decided where the runs wait (`src/dispatch/turn.rs`). And remembers whether nothing was started
/// for sure, since a throttled try may follow one whose answer was lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries {
    one_is_in_doubt: Arc<AtomicBool>,
}

impl Tries {
    /// Whether some try failed otherwise than by being throttled.
    pub(super) fn one_is_in_doubt(&self) -> bool {
        self.one_is_in_doubt.load(Ordering::Relaxed)
    }
}

impl ClassifyRetry for Tries {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let answer = error.as_operation_error().and_then(|error| error.downcast_ref());
        if answer.is_some_and(|answer: &RunTaskError| refusal::is_throttled(answer)) {
            return RetryAction::RetryForbidden;
        }
        self.one_is_in_doubt.store(true, Ordering::Relaxed);
        RetryAction::NoActionIndicated
    }

    fn name(&self) -> &'static str {
        "throttled RunTask calls"
    }
}
