//! Calls to services of which we ask a question or two each: a client of theirs would be a hundred
//! thousand lines to build. Sent, tried again and signed by what the clients themselves are made of.

use std::error::Error;
use std::fmt;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_ecs::config::ProvideCredentials;
use aws_sdk_ecs::config::http::{HttpRequest, HttpResponse};
use aws_sdk_ecs::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::HttpStatusCodeClassifier;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;

/// A service in a region.
pub(crate) struct Service<'a> {
    pub(crate) aws: &'a SdkConfig,
    /// Its name in signatures and hosts.
    pub(crate) name: &'static str,
    pub(crate) region: String,
}

/// What a service said instead of an answer.
#[derive(Debug)]
pub(crate) struct Refusal(ErrorMetadata);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

type Answer = Result<String, SdkError<Refusal, HttpResponse>>;

impl Service<'_> {
    /// Asks in AWS's JSON protocol (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>).
    pub(crate) async fn ask(
        &self,
        target: &str,
        question: &Value,
    ) -> Result<Value, SdkError<Refusal, HttpResponse>> {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let answer = self.send("POST", "/", &headers, question.to_string()).await?;
        serde_json::from_str(&answer).map_err(SdkError::construction_failure)
    }

    /// Gets what is at a path.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], String::new()).await
    }

    async fn send(
        &self,
        method: &'static str,
        path: &str,
        headers: &[(&'static str, &str)],
        body: String,
    ) -> Answer {
        let signed = self.sign(method, path, headers, body).await;
        let request = signed.map_err(SdkError::construction_failure)?;
        carry(self.aws, self.name, &self.endpoint(), request).await
    }

    /// Where it answers: where the environment or the profile says for it alone, or for everything.
    fn endpoint(&self) -> String {
        let Self { name, region, .. } = self;
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let fips = if self.aws.use_fips() == Some(true) { "-fips" } else { "" };
        let usual = || format!("https://{name}{fips}.{region}.amazonaws.com{suffix}");
        let told = self.told_endpoint();
        let told = told.or_else(|| self.aws.endpoint_url().map(str::to_owned));
        told.map_or_else(usual, |url| url.trim_end_matches('/').to_owned())
    }

    /// `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS` and the like
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>). What a program
    /// says of all services comes before it.
    fn told_endpoint(&self) -> Option<String> {
        if self.aws.get_origin("endpoint_url").is_client_config() {
            return None;
        }
        let id = match self.name {
            "logs" => "CloudWatch Logs",
            name => name,
        };
        let key = ServiceConfigKey::builder();
        let key = key.service_id(id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        self.aws.service_config()?.load_config(key.ok()?)
    }

    async fn sign(
        &self,
        method: &'static str,
        path: &str,
        headers: &[(&'static str, &str)],
        body: String,
    ) -> Result<HttpRequest, Box<dyn Error + Send + Sync>> {
        let credentials = self.aws.credentials_provider().ok_or("there are no credentials")?;
        let identity = credentials.provide_credentials().await?.into();
        let mut settings = SigningSettings::default();
        if self.name == "s3" {
            // Its paths are names of people's, and are signed as they are.
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.name)
            .time(SystemTime::now())
            .settings(settings)
            .build()?
            .into();
        let url = format!("{}{path}", self.endpoint());
        let signable = SignableRequest::new(
            method,
            url,
            headers.iter().copied(),
            SignableBody::Bytes(body.as_bytes()),
        )?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request = hyper::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body)?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(HttpRequest::try_from(request.map(Into::into))?)
    }
}

/// Gets what is at an address that is signed already.
pub(crate) async fn fetch(aws: &SdkConfig, url: &str) -> Answer {
    let parts = url.parse::<hyper::Uri>().map(hyper::Uri::into_parts);
    let parts = parts.map_err(SdkError::construction_failure)?;
    let (Some(scheme), Some(host), Some(path)) =
        (parts.scheme, parts.authority, parts.path_and_query)
    else {
        return Err(SdkError::construction_failure("the address is not a whole one"));
    };
    let request = hyper::Request::builder().method("GET").uri(path.as_str()).body(String::new());
    let request = request.map_err(SdkError::construction_failure)?;
    let request = HttpRequest::try_from(request.map(Into::into));
    let request = request.map_err(SdkError::construction_failure)?;
    carry(aws, "layers", &format!("{scheme}://{host}"), request).await
}

/// Sends a request and brings the answer, with the retries and limits that clients have.
async fn carry(
    aws: &SdkConfig,
    name: &'static str,
    endpoint: &str,
    request: HttpRequest,
) -> Answer {
    let Some(client) = aws.http_client() else {
        return Err(SdkError::construction_failure("there is no HTTP client"));
    };
    let mut operation = Operation::builder()
        .service_name(name)
        .operation_name("Ask")
        .http_client(client)
        .endpoint_url(endpoint)
        .no_auth()
        .retry_classifier(HttpStatusCodeClassifier::default());
    if let Some(retries) = aws.retry_config() {
        operation = operation.standard_retry(retries);
    }
    if let Some(timeouts) = aws.timeout_config() {
        operation = operation.timeout_config(timeouts.clone());
    }
    if let Some(sleep) = aws.sleep_impl() {
        operation = operation.sleep_impl(sleep);
    }
    operation
        .serializer(move |(): ()| {
            request.try_clone().ok_or_else(|| "a request is sent twice".into())
        })
        .deserializer(read)
        .build()
        .invoke(())
        .await
}

type Failure = OrchestratorError<Refusal>;

/// A whole answer, or what its error says in JSON or XML.
fn read(answer: &HttpResponse) -> Result<String, Failure> {
    let body = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default()).into_owned();
    if answer.status().is_success() {
        return Ok(body);
    }
    let header = answer.headers().get("x-amzn-errortype").unwrap_or_default();
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let text = |keys: &[&str]| keys.iter().find_map(|key| json[*key].as_str());
    let code = text(&["__type", "code"]).or(tag(&body, "Code")).unwrap_or(header);
    let message = text(&["message", "Message"]).or(tag(&body, "Message")).unwrap_or_default();
    // `com.amazonaws.logs#ResourceNotFoundException:http://..`
    let code = code.rsplit('#').next().unwrap_or(code).split(':').next().unwrap_or(code);
    let metadata = ErrorMetadata::builder().code(code).message(message).build();
    Err(Failure::operation(Refusal(metadata)))
}

/// What stands between an XML element's ends.
fn tag<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let rest = xml.split_once(&format!("<{name}>"))?.1;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
