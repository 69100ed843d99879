//! What a person can do about an error of SQS's or EventBridge's.

use std::error::Error;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use crate::aws::failure::causes;
use crate::queue::QueueError;

/// The queue's error for one of AWS's about `place`, after the SDK tried again where that may
/// help.
pub(super) fn failed<E>(place: &str, error: &SdkError<E>) -> QueueError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let said = error.message().unwrap_or("AWS says no more");
    QueueError(match error.code().unwrap_or_default() {
        "AWS.SimpleQueueService.NonExistentQueue"
        | "QueueDoesNotExist"
        | "ResourceNotFoundException" => format!(
            "there is no {place} in this account and region: deploy longshore there, or name its \
             namespace, region and account"
        ),
        "AccessDenied" | "AccessDeniedException" => {
            format!("access to {place} is denied: {said}; allow it in the role's policy")
        }
        "" => format!("{place}: {}", causes(error)),
        code => format!("{place}: {code}: {said}"),
    })
}
