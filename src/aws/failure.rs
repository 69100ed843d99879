//! What became of a call to AWS that failed, as far as its caller must know.

use std::error::Error;
use std::fmt;

use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};

/// Characters of a message that are kept.
const MESSAGE_CHARS_MAX: usize = 500;
/// Codes of answers that say "not now": throttling, and credentials that are being renewed. Every
/// answer with status 429, or 500 and above, says so too.
const UNAVAILABLE: [&str; 14] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "PriorRequestNotComplete",
    "RequestExpired",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "RequestTimeoutException",
    "RequestTimeTooSkewed",
    "SlowDown",
    "TooManyRequestsException",
    "UnrecognizedClientException",
];
/// Codes of answers that say "you may not".
const DENIED: [&str; 4] =
    ["AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"];

/// What the SDK says, after a long way, when no provider had any.
const NO_CREDENTIALS: &str = "an error occurred while loading credentials";

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What it means.
    pub(crate) kind: FailureKind,
    /// AWS's code; empty without an answer.
    pub(crate) code: String,
    /// AWS's message, or what went wrong on the way.
    pub(crate) message: String,
}

/// What a failed call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// It was never sent: it had no effect.
    Unsent,
    /// It was sent, and its answer is not known: it may have had its effect.
    Unanswered,
    /// AWS could not do it for now. An earlier try of the same call may have had its effect.
    Unavailable,
    /// A permission is missing.
    Denied,
    /// AWS will not do it as it is.
    Rejected,
}

impl Failure {
    /// Reads the SDK's error.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let SdkError::ServiceError(answer) = error else {
            let kind = match error {
                SdkError::ConstructionFailure(_) => FailureKind::Unsent,
                _ => FailureKind::Unanswered,
            };
            return Self { kind, code: String::new(), message: shorten(&causes(error)) };
        };
        let code = answer.err().code().unwrap_or_default().to_owned();
        let message = match answer.err().message() {
            Some(message) => message,
            None if code.is_empty() => "an answer without a code",
            None => "no further reason",
        };
        // What follows is for `aws sts decode-authorization-message`, and long.
        let message = message.split("Encoded authorization failure").next().unwrap_or(message);
        let kind = kind_of(answer.raw().status().as_u16(), &code);
        Self { kind, message: shorten(message.trim_end()), code }
    }

    /// The action that AWS's message says was denied: the role to be passed, say, is denied under
    /// another than the call's.
    pub(crate) fn denied_action(&self) -> Option<&str> {
        let named = self.message.split("perform: ").nth(1)?.split(' ').next()?;
        Some(named).filter(|action| action.contains(':'))
    }

    /// For people: what became of the call that needs this permission.
    pub(crate) fn to_text(&self, action: &str) -> String {
        match self.kind {
            FailureKind::Denied => self.to_denial(action),
            FailureKind::Rejected => {
                let service = action.split(':').next().unwrap_or_default().to_uppercase();
                format!("{service} refuses {action}: {self}")
            }
            FailureKind::Unsent | FailureKind::Unanswered | FailureKind::Unavailable => {
                format!("{action}: {self}")
            }
        }
    }

    /// For people who lack the permission, be it a function's or their own.
    fn to_denial(&self, action: &str) -> String {
        let action = self.denied_action().unwrap_or(action);
        format!(
            "longshore may not do {action}: allow it; what its functions need, `longshore render` \
             writes ({self})"
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code.as_str() {
            "" => f.write_str(&self.message),
            code => write!(f, "{code}: {}", self.message),
        }
    }
}

fn kind_of(status: u16, code: &str) -> FailureKind {
    let unavailable = UNAVAILABLE.contains(&code) || code.contains("Throttl");
    match status {
        _ if DENIED.contains(&code) => FailureKind::Denied,
        429 | 500.. => FailureKind::Unavailable,
        _ if unavailable => FailureKind::Unavailable,
        // An error without a code is no answer of AWS: something between us answered.
        _ if code.is_empty() => FailureKind::Unanswered,
        _ => FailureKind::Rejected,
    }
}

/// An error and what caused it; where that is a lack of credentials, how to get some. Never its debug
/// form, which holds the answer's body.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    match text.split_once(NO_CREDENTIALS) {
        Some((_, why)) => format!(
            "there are no AWS credentials: name a profile with AWS_PROFILE, or sign in with `aws \
             sso login` ({})",
            why.trim_start_matches(": ")
        ),
        None => text,
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_by_its_code_before_its_status() {
        for (status, code, expected) in [
            (400, "ThrottlingException", FailureKind::Unavailable),
            (503, "RequestLimitExceeded", FailureKind::Unavailable),
            (400, "ExpiredTokenException", FailureKind::Unavailable),
            (429, "Anything", FailureKind::Unavailable),
            (500, "ServerException", FailureKind::Unavailable),
            (400, "AccessDeniedException", FailureKind::Denied),
            (403, "UnauthorizedOperation", FailureKind::Denied),
            (400, "InvalidParameterException", FailureKind::Rejected),
            (403, "", FailureKind::Unanswered),
        ] {
            assert_eq!(kind_of(status, code), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_denial_names_the_action_that_was_denied() {
        let message = "User: arn:aws:sts::1:assumed-role/d is not authorized to perform: \
                       iam:PassRole on resource: arn:aws:iam::1:role/exec";
        let denied = |message: &str| Failure {
            kind: FailureKind::Denied,
            code: "AccessDeniedException".to_owned(),
            message: message.to_owned(),
        };
        assert!(denied(message).to_text("ecs:RunTask").contains("may not do iam:PassRole: "));
        assert!(denied("no").to_text("ecs:RunTask").contains("may not do ecs:RunTask: "));
    }

    #[test]
    fn who_has_no_credentials_is_told_how_to_get_some() {
        #[derive(Debug, thiserror::Error)]
        #[error("dispatch failure")]
        struct Dispatch(#[source] Credentials);
        #[derive(Debug, thiserror::Error)]
        #[error("an error occurred while loading credentials")]
        struct Credentials(#[source] std::io::Error);
        let error = Dispatch(Credentials(std::io::Error::other("IMDS is disabled")));
        let told = causes(&error);
        assert!(told.starts_with("there are no AWS credentials: name a profile"), "{told}");
        assert!(told.ends_with("(IMDS is disabled)"), "{told}");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "ü".repeat(MESSAGE_CHARS_MAX + 1);
        assert_eq!(shorten(&long), "ü".repeat(MESSAGE_CHARS_MAX) + "...");
        assert_eq!(shorten("short"), "short");
    }
}
