//! A view of the source that shows chosen rows only, so that a job over it is about these rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use sensei_operators::KeyPicker;
use sensei_storage::{Batches, Longest, Piece, Result, Scan, Sizing, Snapshot, Table};

/// Another snapshot's rows, by table only those with certain keys. Other tables are whole.
pub(super) struct Chosen {
    pub inner: Arc<dyn Snapshot>,
    pub pickers: BTreeMap<String, Arc<KeyPicker>>,
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

    async fn scan(&self, scan: Scan) -> Result<Batches> {
        let picker = self.pickers.get(&scan.table).cloned();
        let batches = self.inner.scan(scan).await?;
        Ok(match picker {
            Some(picker) => batches.map(move |batch| batch.map(|batch| picker.pick(batch))).boxed(),
            None => batches,
        })
    }
}
