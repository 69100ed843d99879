//! The connection of a function, which Lambda tells all by environment variables: region, and
//! credentials of its role, for as long as the process lives
//! (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>). What people have
//! beside them, profiles, single sign-on, metadata services, stays out of the function's binary.
//!
//! A function with SnapStart asks a server for its credentials instead
//! (<https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials>);
//! there is none for programs that bring their own runtime.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_types::origin::Origin;
use aws_types::sdk_config::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::{http_client, retries, timeouts};

/// Gives a variable's value, if it is set.
pub type Variable = fn(&str) -> Option<String>;

/// Connects a function. Beside what Lambda sets it heeds `AWS_ENDPOINT_URL`,
/// `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT`
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>).
pub fn connect(variable: Variable) -> SdkConfig {
    let is_true = |name| variable(name).map(|value| value.eq_ignore_ascii_case("true"));
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(variable("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client())
        .retry_config(retries())
        .timeout_config(timeouts())
        .service_config(Environment(variable));
    // Without it DynamoDB's client takes the tries for a default, and puts its own in their place.
    config.insert_origin("retry_config", Origin::shared_config());
    config.set_use_fips(is_true("AWS_USE_FIPS_ENDPOINT"));
    config.set_use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"));
    config.build()
}

/// What the clients ask for by themselves: their service's setting, and then everyone's.
#[derive(Debug)]
struct Environment(Variable);

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().replace([' ', '-'], "_").to_uppercase();
        self.0(&format!("{}_{service}", key.env())).or_else(|| self.0(key.env()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn a_services_own_endpoint_comes_before_everyones() {
        let environment = Environment(|name| match name {
            "AWS_ENDPOINT_URL" => Some("http://everyone".to_owned()),
            "AWS_ENDPOINT_URL_API_GATEWAY" => Some("http://gateway".to_owned()),
            _ => None,
        });
        for (service, expected) in
            [("API Gateway", "http://gateway"), ("DynamoDB", "http://everyone")]
        {
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .build()
                .unwrap();
            assert_eq!(environment.load_config(key).as_deref(), Some(expected), "{service}");
        }
    }
}
