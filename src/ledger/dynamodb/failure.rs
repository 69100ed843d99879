//! What a person or a retry can do about an error of DynamoDB's.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::table::Table;
use crate::aws::failure::causes;
use crate::ledger::LedgerError;

impl Table {
    /// The ledger's error for one of DynamoDB's, after the SDK tried again where that may help.
    pub(super) fn failed<E>(&self, error: &SdkError<E>) -> LedgerError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let table = self.name();
        let code = error.code().unwrap_or_default();
        let said = error.message().unwrap_or("DynamoDB says no more");
        match code {
            "ResourceNotFoundException" => LedgerError::Unusable(format!(
                "there is no table `{table}` with longshore's indexes in this account and region: \
                 deploy longshore there, or name its namespace, region and account"
            )),
            "AccessDeniedException" => LedgerError::Unusable(format!(
                "access to table `{table}` is denied: {said}; allow it in the role's policy"
            )),
            "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "IncompleteSignatureException"
            | "MissingAuthenticationTokenException"
            | "MissingAuthenticationToken"
            | "ExpiredTokenException" => LedgerError::Unusable(format!(
                "table `{table}` does not take these credentials: {said}; log in again, or set \
                 others"
            )),
            "ValidationException" => LedgerError::Unusable(format!(
                "table `{table}` refuses what longshore asks: {said}; its key must be `pk` and its \
                 indexes `due` and `job`, as in template.yaml"
            )),
            "" => LedgerError::Unavailable(format!("table `{table}`: {}", causes(error))),
            code => LedgerError::Unavailable(format!("table `{table}`: {code}: {said}")),
        }
    }

    /// DynamoDB kept leaving items out.
    pub(super) fn overloaded(&self) -> LedgerError {
        let reason = "DynamoDB has no capacity for all that is asked of it at once";
        LedgerError::Unavailable(format!("table `{}`: {reason}", self.name()))
    }

    /// A request that the SDK would not build.
    pub(super) fn malformed(&self, error: &impl Error) -> LedgerError {
        LedgerError::Unusable(format!("table `{}`: {error}", self.name()))
    }
}
