//! POST to whoever is told of tasks: plain HTTP, one connection for each request.

use std::str::FromStr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderName};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long one POST may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where to POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
    /// With the query.
    path: String,
    url: String,
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEndpoint {
    /// It is for TLS.
    #[error("https is not spoken here, only http: put a proxy that speaks TLS between")]
    Tls,
    /// It is no URL.
    #[error("it must be a URL like http://127.0.0.1:8080/events")]
    NoUrl,
}

/// Why a POST has not been accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotPosted {
    /// Nobody answered.
    #[error("nobody answers: {0}")]
    Unreachable(String),
    /// Somebody did, and not with a 2xx.
    #[error("the answer is {0}")]
    Refused(u16),
}

impl FromStr for Endpoint {
    type Err = NoEndpoint;

    fn from_str(text: &str) -> Result<Self, NoEndpoint> {
        let uri: Uri = text.parse().map_err(|_| NoEndpoint::NoUrl)?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(NoEndpoint::Tls),
            _ => return Err(NoEndpoint::NoUrl),
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(NoEndpoint::NoUrl)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(80),
            path: path.to_owned(),
            url: text.to_owned(),
        })
    }
}

impl Endpoint {
    /// As it was written.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The last part of its path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// POSTs to its own path.
    pub(super) async fn post(
        &self,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<(), NotPosted> {
        self.post_to(&self.path, headers, body).await
    }

    /// POSTs to another path of its host; good is a 2xx.
    pub(super) async fn post_to(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<(), NotPosted> {
        let sent = tokio::time::timeout(PATIENCE, self.send(path, headers, body)).await;
        match sent {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(NotPosted::Refused(status.as_u16())),
            Ok(Err(problem)) => Err(NotPosted::Unreachable(problem)),
            Err(_) => Err(NotPosted::Unreachable("it takes too long".to_owned())),
        }
    }

    async fn send(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<StatusCode, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port));
        let stream = stream.await.map_err(|error| error.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let host = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        let mut request = Request::post(path).header(HOST, host);
        for (name, value) in headers {
            request = request.header(HeaderName::from_static(name), value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|e| e.to_string())?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = response.status();
            // Read, so that whoever answers is not cut off; what it says does not matter.
            let _ = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok(status)
        };
        tokio::pin!(exchange, connection);
        tokio::select! {
            answered = &mut exchange => answered,
            ended = &mut connection => match ended {
                // It may end in the moment of the answer.
                Ok(()) => exchange.await,
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_http_url() {
        for (text, host, port, path) in [
            ("http://127.0.0.1:8080/events?a=b", "127.0.0.1", 8080, "/events?a=b"),
            ("http://localhost", "localhost", 80, "/"),
            ("http://[::1]:99/x", "::1", 99, "/x"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            let found = (endpoint.host.as_str(), endpoint.port, endpoint.path.as_str());
            assert_eq!(found, (host, port, path), "{text}");
        }
        for (text, problem) in [
            ("https://example.com/", NoEndpoint::Tls),
            ("ftp://example.com/", NoEndpoint::NoUrl),
            ("localhost:80", NoEndpoint::NoUrl),
            ("/events", NoEndpoint::NoUrl),
            ("", NoEndpoint::NoUrl),
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(problem), "{text}");
        }
    }
}
