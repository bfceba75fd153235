//! What the fuzz targets share: a file of given bytes, read to its end as a source.

use std::io::Write as _;
use std::sync::OnceLock;

use futures::StreamExt as _;
use sensei_storage::{
    CsvOptions, Endpoint, Field, Range, Result, Scan, SecretText, Sizing, Snapshot, Table, Traits, open_source,
};
use tokio::runtime::{Builder, Runtime};

/// Bytes of Arrow data per batch: small, so that short inputs make several.
const BATCH_BYTES: usize = 256;
/// Bytes of a piece, for the same reason.
const SPLIT_BYTES: u64 = 64;
/// Pieces of a table at most.
const SPLITS_MAX: u32 = 4;

/// Reads `bytes` as a file of the kind `scheme` names: every table, every row, whole and in pieces. Errors and faults are
/// fine; a panic, a hang or memory beyond the fuzzer's limit is not.
///
/// # Panics
/// If the temporary file cannot be written, or the pieces do not hold as many rows as the whole. Not asked of SQLite: in a
/// damaged file the order of keys that ranges rely on can be broken, which only `PRAGMA quick_check` looks at.
pub fn read_file(scheme: &str, suffix: &str, csv: CsvOptions, bytes: &[u8]) {
    let mut file = tempfile::Builder::new().suffix(suffix).tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room for the input");
    let url = SecretText::new(format!("{scheme}:{}", file.path().display()));
    let endpoint = Endpoint { url, schema: None, csv, connections_max: 1 };
    let _ = runtime().block_on(read_all(&endpoint, scheme != "sqlite"));
}

/// One for all inputs, so that its threads are started once.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_current_thread().enable_all().build().expect("a runtime"))
}

async fn read_all(endpoint: &Endpoint, is_ordered: bool) -> Result<()> {
    let source = open_source(endpoint)?;
    let catalog = source.catalog().await?;
    let snapshot = source.snapshot(1).await?;
    for table in &catalog.tables {
        // A table that cannot be read must not hide the next.
        let _ = read_table(snapshot.as_ref(), table, is_ordered).await;
    }
    Ok(())
}

async fn read_table(snapshot: &dyn Snapshot, table: &Table, is_ordered: bool) -> Result<()> {
    let mut rows = 0;
    for piece in snapshot.pieces(table, Sizing { split_bytes: SPLIT_BYTES, splits_max: SPLITS_MAX }).await? {
        rows += count(snapshot, table, piece.range).await?;
    }
    let whole = count(snapshot, table, Range::Whole).await?;
    assert!(!is_ordered || rows == whole, "{rows} rows in pieces, {whole} as a whole");
    Ok(())
}

/// Rows of a range, good and faulty.
async fn count(snapshot: &dyn Snapshot, table: &Table, range: Range) -> Result<usize> {
    let supported = table.columns.iter().filter_map(|column| {
        let (name, native) = (column.name.clone(), column.native.clone());
        let logical = column.logical.clone()?;
        Some(Field { name, logical, native, nullable: column.nullable, traits: Traits::default() })
    });
    let scan = Scan {
        table: table.name.clone(),
        fields: supported.collect(),
        key: table.primary_key.clone(),
        range,
        locator: false,
        form: sensei_storage::Form::Columns,
        batch_bytes: BATCH_BYTES,
    };
    let (mut batches, mut rows) = (snapshot.scan(scan).await?, 0);
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        rows += batch.rows.num_rows() + batch.faults.len();
    }
    Ok(rows)
}
