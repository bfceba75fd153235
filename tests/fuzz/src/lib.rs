//! What the fuzz targets share: a file of given bytes, read to its end as a source.

use std::io::Write;

use futures::StreamExt;
use sensei_storage::{CsvOptions, Endpoint, Field, Scan, SecretText, Sizing, Traits, open_source};

/// Bytes of Arrow data per batch: small, so that short inputs make several.
const BATCH_BYTES: usize = 256;

/// Reads `bytes` as a file of the kind `scheme` names, every table and every row. Errors and faults are fine; a panic, a
/// hang or memory beyond the fuzzer's limit is not.
///
/// # Panics
/// If the temporary file cannot be written.
pub fn read_file(scheme: &str, suffix: &str, bytes: &[u8]) {
    let mut file = tempfile::Builder::new().suffix(suffix).tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room for the input");
    let url = SecretText::new(format!("{scheme}:{}", file.path().display()));
    let endpoint = Endpoint { url, schema: None, csv: CsvOptions::default(), connections_max: 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _ = runtime.block_on(read_all(&endpoint));
}

async fn read_all(endpoint: &Endpoint) -> sensei_storage::Result<()> {
    let source = open_source(endpoint)?;
    let catalog = source.catalog().await?;
    let snapshot = source.snapshot(1).await?;
    for table in &catalog.tables {
        let supported = table.columns.iter().filter_map(|column| {
            let (name, native) = (column.name.clone(), column.native.clone());
            let logical = column.logical.clone()?;
            Some(Field { name, logical, native, nullable: column.nullable, traits: Traits::default() })
        });
        let fields: Vec<Field> = supported.collect();
        for piece in snapshot.pieces(table, Sizing { split_bytes: 1 << 10, splits_max: 4 }).await? {
            let (name, key) = (table.name.clone(), table.primary_key.clone());
            let scan = Scan {
                table: name,
                fields: fields.clone(),
                key,
                range: piece.range,
                locator: false,
                batch_bytes: BATCH_BYTES,
            };
            let mut batches = snapshot.scan(scan).await?;
            while let Some(batch) = batches.next().await {
                batch?;
            }
        }
    }
    Ok(())
}
