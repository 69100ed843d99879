//! The connection to AWS that every client shares: credentials, region, endpoint, one HTTP client.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

pub(crate) mod failure;

/// Tries of one call at most, the first included; the SDKs wait longer each time.
const TRIES: u32 = 3;
/// How long one try may take: a function has a minute for everything.
const TRY_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Connects as the environment says: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL` and all else
/// of <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>.
pub async fn connect() -> SdkConfig {
    // One client for every service: connections and certificates are shared, and the certificates
    // read when the first call is made.
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(TRY_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .timeout_config(timeouts)
        .load()
        .await
}
