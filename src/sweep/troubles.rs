//! What fails while many runs are looked at.

use tracing::warn;

use crate::backend::PortError;

/// What failed. One run that cannot be looked at must not hide the others: they are looked at all
/// the same, and the first failure is told at the end.
#[derive(Default)]
pub(super) struct Troubles {
    first: Option<PortError>,
}

impl Troubles {
    pub(super) fn note(&mut self, error: PortError) {
        match self.first {
            None => self.first = Some(error),
            Some(_) => warn!(%error, "failed as well"),
        }
    }

    pub(super) fn none_or_first(self) -> Result<(), PortError> {
        self.first.map_or(Ok(()), Err)
    }
}
