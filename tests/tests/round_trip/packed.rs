//! A row hashed as its server sent it has the hash of its columns: a comparison that begins with one ends with the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::TryStreamExt;
use sensei_operators::RowHasher;
use sensei_storage::{
    Batch, Column, CsvOptions, Endpoint, Field, Form, Packing, Range, Scan, SecretText, Snapshot, Table, open_source,
    packed,
};

/// Several batches for most tables.
const BATCH_BYTES: usize = 16 << 10;

/// Compares the two hashes of every row of every column, table by table; returns the types that were packed.
pub async fn hashes_alike(url: &str) -> BTreeSet<String> {
    let (url, schema) = (SecretText::new(url), None);
    let endpoint = Endpoint { url, schema, csv: CsvOptions::default(), connections_max: 2 };
    let source = open_source(&endpoint).unwrap();
    let catalog = source.catalog().await.unwrap();
    let snapshot = source.snapshot(2).await.unwrap();
    let mut types = BTreeSet::new();
    for table in &catalog.tables {
        let fields: Vec<Field> = table.columns.iter().filter_map(field).collect();
        for field in &fields {
            if compare(&snapshot, table, std::slice::from_ref(field)).await {
                types.insert(field.logical.to_string());
            }
        }
        let packable: Vec<Field> =
            fields.into_iter().filter(|field| types.contains(&field.logical.to_string())).collect();
        assert!(packable.is_empty() || compare(&snapshot, table, &packable).await, "{}", table.name);
    }
    types
}

/// A column as it is read by default.
fn field(column: &Column) -> Option<Field> {
    let Column { name, native, nullable, traits, .. } = column.clone();
    Some(Field { name, logical: column.logical.clone()?, native, nullable, traits })
}

/// Whether these columns were packed. The identity is every other column, from the last to the first.
async fn compare(snapshot: &Arc<dyn Snapshot>, table: &Table, fields: &[Field]) -> bool {
    let identity: Vec<usize> = (0..fields.len()).rev().step_by(2).collect();
    let types = fields.iter().map(|field| field.logical.clone()).collect();
    let hasher = RowHasher::new([3; 32], types, identity.clone());
    let scan = |form| Scan {
        table: table.name.clone(),
        fields: fields.to_vec(),
        key: Vec::new(),
        range: Range::Whole,
        locator: false,
        form,
        batch_bytes: BATCH_BYTES,
    };
    let packing = |tuple| Form::Packed(Packing { canonical: true, identity: identity.clone(), tuple });
    let batches = |form| async { snapshot.scan(scan(form)).await.unwrap().try_collect::<Vec<_>>().await.unwrap() };
    let (in_columns, as_bytes) = (batches(Form::Columns).await, batches(packing(false)).await);
    let what = format!("table {}, {fields:?}", table.name);
    for packed in [&as_bytes, &batches(packing(true)).await] {
        assert_eq!(faults(&in_columns), faults(packed), "{what}");
        assert_eq!(hashes(&hasher, &in_columns), hashes(&hasher, packed), "{what}");
    }
    !as_bytes.is_empty() && as_bytes.iter().all(|batch| packed::is_packed(&batch.rows))
}

fn faults(batches: &[Batch]) -> Vec<&sensei_storage::Fault> {
    batches.iter().flat_map(|batch| &batch.faults).collect()
}

fn hashes(hasher: &RowHasher, batches: &[Batch]) -> Vec<([u8; 32], [u8; 32])> {
    let mut hashes = Vec::new();
    for batch in batches {
        hasher.for_each_identified(&batch.rows, |_, identity, hash| hashes.push((*identity, *hash)));
    }
    hashes
}
