//! The table: its client, made when it is first needed, and its reads.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::item::{self, Item};
use crate::ledger::LedgerError;

/// Items in one BatchGetItem call, at most
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
pub(super) const BATCH_MAX: usize = 100;
/// Calls for the items of one batch at most, while DynamoDB leaves some out.
const BATCH_TRIES: u32 = 6;
/// The pause before the second call; it doubles.
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// A table of one account and region.
#[derive(Debug)]
pub(super) struct Table {
    config: SdkConfig,
    client: OnceLock<Client>,
    name: String,
}

/// One partition of an index, and which of its keys.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    /// The index.
    pub(super) index: Index,
    /// The value of its hash attribute.
    pub(super) hash: String,
    /// Keys up to this number of the index `due`, or from it on of the index `job`.
    pub(super) bound: Option<i64>,
    /// Rising numbers; falling ones without it.
    pub(super) rising: bool,
    /// Keys in one page at most.
    pub(super) page: Option<usize>,
}

/// The indexes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Index {
    /// Open runs by alarm time.
    Due,
    /// A job's runs by the time of their claim.
    Job,
}

impl Index {
    /// Its name, and its hash and range attributes.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Due => ("due", "ds", "du"),
            Self::Job => ("job", "jb", "ct"),
        }
    }

    /// Its range attribute.
    pub(super) fn range(self) -> &'static str {
        self.names().2
    }

    fn condition(self, bounded: bool) -> &'static str {
        match (self, bounded) {
            (Self::Due, false) => "ds = :hash",
            (Self::Due, true) => "ds = :hash AND du <= :bound",
            (Self::Job, false) => "jb = :hash",
            (Self::Job, true) => "jb = :hash AND ct >= :bound",
        }
    }
}

impl Table {
    pub(super) fn new(config: &SdkConfig, name: String) -> Self {
        Self { config: config.clone(), client: OnceLock::new(), name }
    }

    pub(super) fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The item with this key, as last written.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Item>, LedgerError> {
        let get = self.client().get_item().table_name(&self.name).set_key(Some(item::key(key)));
        let got = get.consistent_read(true).send().await.map_err(|error| self.failed(&error))?;
        Ok(got.item)
    }

    /// The items with these keys, as last written, in any order.
    pub(super) async fn get_all(&self, keys: BTreeSet<String>) -> Result<Vec<Item>, LedgerError> {
        let keys: Vec<Item> = keys.iter().map(|key| item::key(key)).collect();
        let mut items = Vec::new();
        for batch in keys.chunks(BATCH_MAX) {
            self.get_batch(batch.to_vec(), &mut items).await?;
        }
        Ok(items)
    }

    /// DynamoDB answers with as much as it can and names the rest, which is asked for again.
    async fn get_batch(&self, keys: Vec<Item>, items: &mut Vec<Item>) -> Result<(), LedgerError> {
        let mut wanted = keys;
        for again in 0..BATCH_TRIES {
            if again > 0 {
                tokio::time::sleep(BATCH_PAUSE * 2u32.pow(again - 1)).await;
            }
            let asked = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true);
            let asked = asked.build().map_err(|error| self.malformed(&error))?;
            let batch = self.client().batch_get_item().request_items(&self.name, asked);
            let got = batch.send().await.map_err(|error| self.failed(&error))?;
            items.extend(got.responses.unwrap_or_default().into_values().flatten());
            let left = got.unprocessed_keys.unwrap_or_default();
            wanted = left.into_values().flat_map(|left| left.keys).collect();
            if wanted.is_empty() {
                return Ok(());
            }
        }
        Err(self.overloaded())
    }

    /// One page of a partition's keys, and where the next one begins.
    pub(super) async fn query(
        &self,
        partition: &Partition,
        from: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), LedgerError> {
        let bound = partition.bound.map(item::number);
        let mut query = self
            .client()
            .query()
            .table_name(&self.name)
            .index_name(partition.index.names().0)
            .key_condition_expression(partition.index.condition(bound.is_some()))
            .expression_attribute_values(":hash", item::text(&partition.hash))
            .scan_index_forward(partition.rising)
            .set_limit(partition.page.map(|page| i32::try_from(page).unwrap_or(i32::MAX)))
            .set_exclusive_start_key(from);
        if let Some(bound) = bound {
            query = query.expression_attribute_values(":bound", bound);
        }
        let page = query.send().await.map_err(|error| self.failed(&error))?;
        Ok((page.items.unwrap_or_default(), page.last_evaluated_key.filter(|key| !key.is_empty())))
    }
}
