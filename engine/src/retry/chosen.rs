//! A view of the source that shows chosen rows only, so that a job over it is about these rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, future};
use sensei_operators::KeyPicker;
use sensei_storage::{Batches, Form, Longest, Piece, Range, Result, Scan, Sizing, Snapshot, Table};

use crate::lower::LoweredTable;

/// Another snapshot's rows, by table only those with certain keys. Other tables are whole.
pub(super) struct Chosen {
    inner: Arc<dyn Snapshot>,
    tables: BTreeMap<String, Choice>,
}

/// The rows to show of one table.
struct Choice {
    picker: Arc<KeyPicker>,
    /// Reads the whole table.
    whole: Scan,
}

impl Chosen {
    /// Shows what `pickers` pick of their tables, which are among `lowered`.
    pub fn new(
        inner: Arc<dyn Snapshot>,
        mut pickers: BTreeMap<String, Arc<KeyPicker>>,
        lowered: &[LoweredTable],
    ) -> Chosen {
        let choice = |table: &LoweredTable| {
            let picker = pickers.remove(&table.source)?;
            Some((table.source.clone(), Choice { picker, whole: table.source_scan(Range::Whole) }))
        };
        Chosen { inner, tables: lowered.iter().filter_map(choice).collect() }
    }
}

#[async_trait]
impl Snapshot for Chosen {
    fn id(&self) -> String {
        self.inner.id()
    }

    async fn pieces(&self, table: &Table, sizing: Sizing) -> Result<Vec<Piece>> {
        self.inner.pieces(table, sizing).await
    }

    async fn longest(&self, table: &str, columns: &[String]) -> Result<Option<Longest>> {
        self.inner.longest(table, columns).await
    }

    /// Chosen rows are told from others only by looking at all of them, in one scan that goes by no range.
    async fn count(&self, table: &str) -> Result<Option<u64>> {
        let Some(Choice { whole, .. }) = self.tables.get(table) else { return self.inner.count(table).await };
        let add = |rows, batch: sensei_storage::Batch| {
            future::ok(rows + batch.rows.num_rows() as u64 + batch.faults.len() as u64)
        };
        self.scan(whole.clone()).await?.try_fold(0, add).await.map(Some)
    }

    async fn scan(&self, scan: Scan) -> Result<Batches> {
        let Some(choice) = self.tables.get(&scan.table) else { return self.inner.scan(scan).await };
        let picker = choice.picker.clone();
        // It picks by what is in columns.
        let batches = self.inner.scan(Scan { form: Form::Columns, ..scan }).await?;
        Ok(batches.map(move |batch| batch.map(|batch| picker.pick(batch))).boxed())
    }
}
