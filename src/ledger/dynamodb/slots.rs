//! The slots of a job with a concurrency limit: one item, a set of names, so that taking a slot
//! twice, or giving one back twice, is nothing.
//!
//! The set holds `<hash of the run id>/<attempt>`: the job is in the key, and 500 names of 22
//! bytes are written with 11 units, where whole run ids would take up to 45.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;

use super::item::{self, Item};
use super::table::Table;
use crate::identity::{Holder, JobName};
use crate::ledger::{LedgerError, Slot};

pub(super) async fn acquire(
    table: &Table,
    holder: &Holder,
    limit: u32,
) -> Result<Slot, LedgerError> {
    let key = item::slots_key(holder.run.job());
    let name = to_name(holder);
    let update = table
        .client()
        .update_item()
        .table_name(table.name())
        .set_key(Some(item::key(&key)))
        .update_expression("ADD hs :names")
        .condition_expression("attribute_not_exists(hs) OR contains(hs, :name) OR size(hs) < :n")
        .expression_attribute_values(":names", AttributeValue::Ss(vec![name.clone()]))
        .expression_attribute_values(":name", item::text(name))
        .expression_attribute_values(":n", item::number(limit))
        .return_values_on_condition_check_failure(AllOld);
    let Err(error) = update.send().await else { return Ok(Slot::Held) };
    let told = match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item.clone(),
        Some(_) | None => return Err(table.failed(&error)),
    };
    let standing = match told {
        Some(item) => Some(item),
        None => table.get(&key).await?,
    };
    Ok(Slot::Full(names_in(standing, holder.run.job())?))
}

pub(super) async fn release(table: &Table, holder: &Holder) -> Result<(), LedgerError> {
    let name = to_name(holder);
    let update = table
        .client()
        .update_item()
        .table_name(table.name())
        .set_key(Some(item::key(&item::slots_key(holder.run.job()))))
        .update_expression("DELETE hs :names")
        // An update makes the item it does not find.
        .condition_expression("contains(hs, :name)")
        .expression_attribute_values(":names", AttributeValue::Ss(vec![name.clone()]))
        .expression_attribute_values(":name", item::text(name));
    let Err(error) = update.send().await else { return Ok(()) };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
        Some(_) | None => Err(table.failed(&error)),
    }
}

pub(super) async fn holders(table: &Table, job: &JobName) -> Result<Vec<Holder>, LedgerError> {
    names_in(table.get(&item::slots_key(job.as_str())).await?, job.as_str())
}

fn names_in(item: Option<Item>, job: &str) -> Result<Vec<Holder>, LedgerError> {
    let Some(item) = item else { return Ok(Vec::new()) };
    let names = item.get("hs").and_then(|names| names.as_ss().ok());
    let holders = names.into_iter().flatten().map(|name| {
        let holder = format!("{job}-{name}").parse();
        holder.map_err(|_| item::unreadable(&item, "it has a holder that is none of longshore's"))
    });
    let mut holders = holders.collect::<Result<Vec<Holder>, LedgerError>>()?;
    holders.sort();
    Ok(holders)
}

fn to_name(holder: &Holder) -> String {
    let id = holder.run.as_str();
    let hash = id.rsplit_once('-').map_or(id, |(_, hash)| hash);
    format!("{hash}/{}", holder.attempt)
}
