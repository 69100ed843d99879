//! Several partitions of an index read as one, in order, page by page.

use std::cmp::Ordering;
use std::collections::VecDeque;

use futures_util::future::try_join_all;

use super::item::{self, Item};
use super::table::{Partition, Table};
use crate::identity::RunId;
use crate::ledger::LedgerError;

/// Pages asked for at the same time, at most.
const AT_ONCE_MAX: usize = 16;

/// A key of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) id: RunId,
    /// The number it is ordered by.
    pub(super) at: i64,
}

/// Partitions that are read side by side, all in the same direction.
pub(super) struct Merge<'a> {
    table: &'a Table,
    readers: Vec<Reader>,
    rising: bool,
}

/// How far one partition is read.
struct Reader {
    partition: Partition,
    hits: VecDeque<Hit>,
    next: Next,
}

enum Next {
    Begin,
    From(Item),
    Nothing,
}

impl<'a> Merge<'a> {
    pub(super) fn new(
        table: &'a Table,
        rising: bool,
        partitions: impl IntoIterator<Item = Partition>,
    ) -> Self {
        let reader = |partition| Reader { partition, hits: VecDeque::new(), next: Next::Begin };
        Self { table, readers: partitions.into_iter().map(reader).collect(), rising }
    }

    /// The next `size` keys that are `wanted`, and those after them with the same number as the
    /// last: their order is not the index's to tell. None when there are no more.
    pub(super) async fn chunk(
        &mut self,
        size: usize,
        wanted: &(impl Fn(&RunId) -> bool + Sync),
    ) -> Result<Vec<Hit>, LedgerError> {
        let mut hits: Vec<Hit> = Vec::new();
        loop {
            self.fill(wanted).await?;
            let Some(reader) = self.foremost() else { return Ok(hits) };
            let front = reader.hits.front();
            let tied = front.map(|hit| hit.at) == hits.last().map(|hit| hit.at);
            if hits.len() >= size && !tied {
                return Ok(hits);
            }
            hits.extend(reader.hits.pop_front());
        }
    }

    /// Reads on where a partition's keys are used up: the next in order may be one of its.
    async fn fill(&mut self, wanted: &(impl Fn(&RunId) -> bool + Sync)) -> Result<(), LedgerError> {
        let mut empty: Vec<&mut Reader> =
            self.readers.iter_mut().filter(|reader| reader.is_used_up()).collect();
        for readers in empty.chunks_mut(AT_ONCE_MAX) {
            try_join_all(readers.iter_mut().map(|reader| reader.read_on(self.table, wanted)))
                .await?;
        }
        Ok(())
    }

    fn foremost(&mut self) -> Option<&mut Reader> {
        let rising = self.rising;
        let readers = self.readers.iter_mut().filter(|reader| !reader.hits.is_empty());
        readers.min_by(|a, b| match (a.hits.front(), b.hits.front()) {
            (Some(a), Some(b)) if rising => a.at.cmp(&b.at),
            (Some(a), Some(b)) => b.at.cmp(&a.at),
            (_, _) => Ordering::Equal,
        })
    }
}

impl Reader {
    fn is_used_up(&self) -> bool {
        self.hits.is_empty() && !matches!(self.next, Next::Nothing)
    }

    /// Reads pages until one has a key that is wanted.
    async fn read_on(
        &mut self,
        table: &Table,
        wanted: &(impl Fn(&RunId) -> bool + Sync),
    ) -> Result<(), LedgerError> {
        while self.is_used_up() {
            let from = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Begin => None,
                Next::From(key) => Some(key),
                Next::Nothing => return Ok(()),
            };
            let (items, next) = table.query(&self.partition, from).await?;
            self.next = next.map_or(Next::Nothing, Next::From);
            for item in &items {
                let hit = self.to_hit(item)?;
                if wanted(&hit.id) {
                    self.hits.push_back(hit);
                }
            }
        }
        Ok(())
    }

    fn to_hit(&self, item: &Item) -> Result<Hit, LedgerError> {
        let id = item::run_id(item)?;
        let range = self.partition.index.range();
        let at = item.get(range).and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
        let at = at.ok_or_else(|| item::unreadable(item, &format!("`{range}` is no number")))?;
        Ok(Hit { id, at })
    }
}
