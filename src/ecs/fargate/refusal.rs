//! What RunTask's errors mean for a launch: which of them say that nothing was started, which say
//! nothing, and what people can do about the others.
//!
//! The exceptions: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>.

use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::run_task::RunTaskError as SdkRunTaskError;

use super::tries::Tries;
use crate::aws::failure::{Failure, FailureKind};
use crate::ecs::RunTaskError;
use crate::jobs::{TaskRequest, TaskSource};

/// What ECS says of a quota that is used up.
const QUOTA: &str = "reached the limit on the number of";
/// What EC2 says when it has no time for what ECS asks of it about subnets and security groups; ECS
/// passes it on as an InvalidParameterException (<https://github.com/reproio/wrapbox/issues/32>).
const THROTTLED: [&str; 4] =
    ["throttling", "rate exceeded", "request limit exceeded", "requestlimitexceeded"];
/// And when it is out of order (<https://github.com/reproio/wrapbox/issues/43>).
const OUT_OF_ORDER: &str = "internal error";

/// What the launch of `request` should do about `error`.
pub(super) fn of(
    error: &SdkError<SdkRunTaskError, HttpResponse>,
    tries: &Tries,
    request: &TaskRequest,
) -> RunTaskError {
    if let Some(SdkRunTaskError::ConflictException(conflict)) = error.as_service_error() {
        return RunTaskError::Conflict(conflict.resource_ids().to_vec());
    }
    let failure = Failure::of(error);
    let text = normal(&failure.message);
    let has = |part: &str| text.contains(part);
    match failure.kind {
        FailureKind::Unsent => RunTaskError::Unsent(failure.to_string()),
        FailureKind::Unanswered => RunTaskError::Unknown(failure.to_string()),
        // Tasks end, and quotas are raised: that is a matter of waiting, whatever code it has.
        _ if has(QUOTA) => RunTaskError::Refused(failure.to_string()),
        _ if error.as_service_error().is_some_and(is_throttled) && !tries.one_is_in_doubt() => {
            RunTaskError::Throttled(failure.to_string())
        }
        FailureKind::Unavailable => RunTaskError::Unknown(failure.to_string()),
        _ if THROTTLED.into_iter().any(has) => RunTaskError::Unknown(failure.to_string()),
        FailureKind::Rejected if has(OUT_OF_ORDER) => RunTaskError::Refused(failure.to_string()),
        _ if failure.code == "ClientException" && has("provisioning") => {
            RunTaskError::Refused(failure.to_string())
        }
        _ if is_about_the_revision(error) && matches!(request.source, TaskSource::Inline(_)) => {
            RunTaskError::Refused(format!("{failure}; the next launch registers it anew"))
        }
        FailureKind::Denied => RunTaskError::Invalid(failure.to_text("ecs:RunTask")),
        FailureKind::Rejected => {
            let remedy = remedy(&failure.code, &text, request);
            RunTaskError::Invalid(format!("ECS refuses the task: {failure}; {remedy}"))
        }
    }
}

/// Whether ECS had no time for the call, or EC2 none for what ECS asked of it: that is passed on
/// under another name.
pub(super) fn is_throttled(answer: &SdkRunTaskError) -> bool {
    let code = answer.code().unwrap_or_default();
    let text = normal(answer.message().unwrap_or_default());
    let by_code = code.contains("Throttl")
        || ["TooManyRequestsException", "RequestLimitExceeded", "SlowDown"].contains(&code);
    by_code && !text.contains(QUOTA) || THROTTLED.iter().any(|part| text.contains(part))
}

/// Whether the revision is what ECS did not find: somebody deregistered it.
pub(super) fn is_about_the_revision(error: &SdkError<SdkRunTaskError, HttpResponse>) -> bool {
    let Some(answer) = error.as_service_error() else { return false };
    let text = normal(answer.message().unwrap_or_default());
    let named = text.contains("taskdefinition") || text.contains("task definition");
    // A container or a role of the definition may be at fault too, in other words.
    let gone = ["inactive", "not found", "unable to describe"];
    named && gone.iter().any(|part| text.contains(part))
}

/// What people can do about it.
fn remedy(code: &str, text: &str, request: &TaskRequest) -> String {
    let TaskRequest { cluster, container, .. } = request;
    let definition = request.source.family();
    let version = request.platform_version.as_deref().unwrap_or("LATEST");
    match code {
        "ClusterNotFoundException" => format!(
            "correct `cluster: {cluster}`, or make it: `aws ecs create-cluster --cluster-name \
             {cluster}`"
        ),
        "PlatformUnknownException" => {
            format!("correct `platformVersion: {version}`, or leave it out for Fargate's latest")
        }
        "PlatformTaskDefinitionIncompatibilityException" => format!(
            "platform version {version} lacks what the task definition needs: leave \
             `platformVersion` out for Fargate's latest"
        ),
        "UnsupportedFeatureException" => {
            "this Region's Fargate does not offer what the task asks for: change it, or the Region"
                .to_owned()
        }
        "BlockedException" => "the account is blocked: ask AWS Support".to_owned(),
        _ => remedy_by_text(text, cluster, container, definition),
    }
}

/// The exceptions that can mean many things say which in their text.
fn remedy_by_text(text: &str, cluster: &str, container: &str, definition: &str) -> String {
    let has = |part: &str| text.contains(part);
    if has("above your limit") || has("blocked") {
        return "ask for more Fargate vCPUs in Service Quotas".to_owned();
    }
    if has("cluster not found") || has("referenced cluster was inactive") {
        return format!("make the cluster: `aws ecs create-cluster --cluster-name {cluster}`");
    }
    if has("capacity provider") {
        return format!(
            "give the cluster Fargate's: `aws ecs put-cluster-capacity-providers --cluster \
             {cluster} --capacity-providers FARGATE FARGATE_SPOT \
             --default-capacity-provider-strategy capacityProvider=FARGATE`"
        );
    }
    if has("override for container") {
        return format!("correct `container: {container}`: `{definition}` has no such container");
    }
    if has("unable to assume the role") {
        return "let ecs-tasks.amazonaws.com assume the role, and longshore's role pass it"
            .to_owned();
    }
    if has("taskdefinition") || has("task definition") {
        return format!("correct `taskDefinition: {definition}`, or register it");
    }
    if has("network configuration") {
        return "give the job a `network`".to_owned();
    }
    if has("subnet") || has("security group") || has("securitygroup") {
        return "correct the job's `network`".to_owned();
    }
    "correct the job in jobs.yaml".to_owned()
}

/// AWS writes the same text with other apostrophes and cases from place to place.
fn normal(text: &str) -> String {
    text.replace('\u{2019}', "'").to_lowercase()
}
