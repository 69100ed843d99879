//! The connection to AWS that every client shares: credentials, region, endpoint, one HTTP client.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::sdk_config::SharedHttpClient;

pub(crate) mod failure;
pub mod lambda;
pub mod logs;
pub(crate) mod signed;

/// Tries of one call at most, the first included; the SDKs wait longer each time.
const TRIES: u32 = 3;
/// How long one try may take: a function has a minute for everything.
const TRY_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Connects people as their environment says: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL` and all
/// else of <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>.
pub async fn connect() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .retry_config(retries())
        .timeout_config(timeouts())
        .load()
        .await
}

// One client for every service: connections and certificates are shared, and the certificates read
// when the first call is made.
fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(TRIES)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(TRY_TIMEOUT)
        .build()
}
