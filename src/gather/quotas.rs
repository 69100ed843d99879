//! How many vCPUs the account may run on Fargate.

use aws_sdk_servicequotas::Client;

use super::inquiry::Inquiry;
use crate::diagnosis::Unseen;

/// Fargate's quotas by capacity provider
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>).
const CODES: [(&str, &str); 2] = [("FARGATE", "L-3032A538"), ("FARGATE_SPOT", "L-36FBB829")];

/// vCPUs at most, by capacity provider.
pub(super) type Most = [(&'static str, Result<f64, Unseen>); 2];

/// Asks for both.
pub(super) async fn vcpus_max(inquiry: &Inquiry<'_>) -> Most {
    let client = Client::new(inquiry.aws);
    let ask = async |code: &str| {
        let call = client.get_service_quota().service_code("fargate").quota_code(code).send();
        let found = inquiry.ask("servicequotas:GetServiceQuota", call).await?;
        let value = found.quota.and_then(|quota| quota.value);
        value.ok_or_else(|| Unseen::Failed("the quota has no value".to_owned()))
    };
    let [(on_demand, first), (spot, second)] = CODES;
    let (first, second) = tokio::join!(ask(first), ask(second));
    [(on_demand, first), (spot, second)]
}
