//! The ledger of an account, in one DynamoDB table. Any number of functions may use it at once.
//!
//! | item | holds |
//! |---|---|
//! | `R#<run id>` | a run, as JSON text in one attribute, and what conditions and indexes need of it |
//! | `S#<job>` | who holds the job's slots, a string set |
//!
//! A claim is a put if there is no such item, a save an update if the revision is unchanged: one
//! write each, and no transaction. The rules stay in `run.rs`; DynamoDB compares one number.
//!
//! DynamoDB may have done what its lost answer does not tell, and then the SDK sends the call
//! again. Each claim and save has a name of its own that it leaves on the item: a condition that
//! fails on our own name is no failure.
//!
//! The two indexes are hints, a moment behind: what counts is the item. Nothing here scans.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use jiff::Timestamp;

use super::{Claim, Filter, Ledger, LedgerError, Saved, Slot};
use crate::identity::{Holder, JobName, RunId};
use crate::run::Run;

mod failure;
mod item;
mod list;
mod merge;
mod slots;
mod table;

use item::Item;
use table::Table;

/// The ledger in a DynamoDB table.
#[derive(Debug)]
pub struct DynamoLedger {
    table: Table,
    jobs: Vec<JobName>,
}

impl DynamoLedger {
    /// The ledger in this table. `jobs` are those of jobs.yaml: a list that names no job is one of
    /// these. Nothing is called before it is needed.
    pub fn new(config: &SdkConfig, table: String, jobs: Vec<JobName>) -> Self {
        Self { table: Table::new(config, table), jobs }
    }

    /// The run that stands where a condition failed: as the failure tells, or as a read does where
    /// it does not.
    async fn standing(&self, id: &RunId, told: Option<Item>) -> Result<Option<Item>, LedgerError> {
        match told {
            Some(item) => Ok(Some(item)),
            None => self.table.get(&item::run_key(id)).await,
        }
    }
}

impl Ledger for DynamoLedger {
    async fn claim(&self, run: &Run) -> Result<Claim, LedgerError> {
        let name = item::write_name();
        let put = self
            .table
            .client()
            .put_item()
            .table_name(self.table.name())
            .set_item(Some(item::of_run(run, &name)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(AllOld);
        let Err(error) = put.send().await else { return Ok(Claim::Won) };
        let told = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => failed.item.clone(),
            Some(_) | None => return Err(self.table.failed(&error)),
        };
        match self.standing(&run.id, told).await? {
            Some(earlier) if item::is_named(&earlier, &name) => Ok(Claim::Won),
            Some(earlier) => Ok(Claim::Known(Box::new(item::to_run(&earlier)?))),
            None => Err(LedgerError::Vanished(run.id.clone())),
        }
    }

    async fn load(&self, id: &RunId) -> Result<Option<Run>, LedgerError> {
        let found = self.table.get(&item::run_key(id)).await?;
        found.as_ref().map(item::to_run).transpose()
    }

    async fn load_all(&self, ids: &[RunId]) -> Result<Vec<Run>, LedgerError> {
        list::load_all(&self.table, ids).await
    }

    async fn save(&self, run: &mut Run) -> Result<Saved, LedgerError> {
        let name = item::write_name();
        let next = Run { revision: run.revision + 1, ..run.clone() };
        let change = item::change_to(&next, &name)?;
        let update = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(item::key(&item::run_key(&run.id))))
            .update_expression(change.expression)
            .condition_expression("rv = :expected")
            .set_expression_attribute_names(Some(change.names))
            .set_expression_attribute_values(Some(change.values))
            .expression_attribute_values(":expected", item::number(run.revision))
            .return_values_on_condition_check_failure(AllOld);
        if let Err(error) = update.send().await {
            let told = match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    failed.item.clone()
                }
                Some(_) | None => return Err(self.table.failed(&error)),
            };
            let standing = self.standing(&run.id, told).await?;
            if !standing.is_some_and(|standing| item::is_named(&standing, &name)) {
                return Ok(Saved::Outdated);
            }
        }
        run.revision = next.revision;
        Ok(Saved::Done)
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RunId>, LedgerError> {
        list::due(&self.table, now, limit).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Run>, LedgerError> {
        list::list(&self.table, &self.jobs, filter).await
    }

    async fn acquire(&self, holder: &Holder, limit: u32) -> Result<Slot, LedgerError> {
        slots::acquire(&self.table, holder, limit).await
    }

    async fn release(&self, holder: &Holder) -> Result<(), LedgerError> {
        slots::release(&self.table, holder).await
    }

    async fn holders(&self, job: &JobName) -> Result<Vec<Holder>, LedgerError> {
        slots::holders(&self.table, job).await
    }
}

/// Names and values of an expression.
type Texts = HashMap<String, String>;
