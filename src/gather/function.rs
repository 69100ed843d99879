//! The role of the function that starts tasks.

use serde_json::Value;

use super::inquiry::Inquiry;
use crate::aws::signed::Service;
use crate::diagnosis::Unseen;
use crate::identity::Namespace;

/// Its ARN; `None` where the installation is not deployed.
pub(super) async fn dispatch_role(
    inquiry: &Inquiry<'_>,
    namespace: &Namespace,
) -> Result<Option<String>, Unseen> {
    let region = inquiry.aws.region().map(ToString::to_string).unwrap_or_default();
    let lambda = Service { aws: inquiry.aws, name: "lambda", region };
    let path = format!("/2015-03-31/functions/{namespace}-dispatch/configuration");
    let permission = "lambda:GetFunctionConfiguration";
    let missing = ["ResourceNotFoundException"];
    let found = inquiry.ask_unless(permission, &missing, lambda.get(&path)).await?;
    let function: Value =
        found.and_then(|found| serde_json::from_str(&found).ok()).unwrap_or_default();
    Ok(function["Role"].as_str().map(str::to_owned))
}
