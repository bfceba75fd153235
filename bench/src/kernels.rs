//! The hot kernels on rows of TPC-H lineitem's shape: canonical encoding with keyed BLAKE3, and the projection that
//! checks what a target can hold. One core, no I/O.

use std::hint::black_box;

use arrow_array::RecordBatch;
use sensei_operators::{ColumnSpec, Input, Projection, RowHasher};
use sensei_storage::{Batch, Field, LogicalType, RowsBuilder, System, text};

/// Rows in one batch: about a mebibyte of line items.
pub const ROWS: usize = 8192;

/// One kernel, ready to run on one batch.
pub struct Kernel {
    /// Its name.
    pub name: &'static str,
    /// Runs it once over [`ROWS`] rows.
    pub run: Box<dyn Fn()>,
}

/// All kernels.
///
/// # Panics
/// If the rows do not fit their own columns: a bug.
pub fn all() -> Vec<Kernel> {
    let types = || fields().into_iter().map(|field| field.logical).collect();
    let (digester, identifier) =
        (RowHasher::new([7; 32], types(), vec![0, 3]), RowHasher::new([7; 32], types(), vec![0, 3]));
    let batch = rows();
    let (digested, identified, projected) = (batch.clone(), batch.clone(), batch);
    let projection = projection();
    let digest = move || {
        black_box(digester.digest(black_box(&digested)));
    };
    let identities = move || {
        black_box(identifier.identities(black_box(&identified)));
    };
    let project = move || {
        black_box(projection.apply(Batch { rows: black_box(projected.clone()), faults: Vec::new() }));
    };
    vec![
        Kernel { name: "digest", run: Box::new(digest) },
        Kernel { name: "identities", run: Box::new(identities) },
        Kernel { name: "project", run: Box::new(project) },
    ]
}

fn projection() -> Projection {
    let column = |(index, to): (usize, Field)| ColumnSpec {
        input: Input::Column(index),
        from: to.logical.clone(),
        mask: None,
        cleaning: None,
        lossy: false,
        to,
    };
    let columns = fields().into_iter().enumerate().map(column).collect();
    let projection = Projection::compile(fields(), vec![0, 3], None, columns, System::Postgresql);
    projection.expect("plain columns compile")
}

fn fields() -> Vec<Field> {
    use LogicalType::{Date, Decimal, Int32, Int64, Text};
    let price = Decimal { precision: 15, scale: 2 };
    let text = |chars| Text { max_chars: Some(chars) };
    let types = [Int64, Int64, Int64, Int32, price.clone(), price.clone(), price.clone(), price, text(1), text(1)];
    let types = types.into_iter().chain([Date, Date, Date, text(25), text(10), text(44)]);
    let field = |(index, logical): (usize, LogicalType)| Field {
        name: format!("c{index}"),
        native: logical.to_string(),
        logical,
        nullable: false,
        traits: sensei_storage::Traits::default(),
    };
    types.enumerate().map(field).collect()
}

/// Cells of one row as text, different in every row.
fn cells(row: usize) -> Vec<String> {
    let mut cells: Vec<String> = [row, row * 7, row * 13 % 10_000, row % 7].iter().map(usize::to_string).collect();
    cells.extend(
        [row % 50, row * 131 % 100_000, row % 11, row % 9].iter().map(|cents| format!("{cents}.{:02}", row % 100)),
    );
    cells.extend(["N".to_owned(), "O".to_owned()]);
    cells.extend([1, 15, 28].iter().map(|day| format!("199{}-0{}-{day:02}", row % 8, 1 + row % 9)));
    cells.extend(["DELIVER IN PERSON        ".to_owned(), "TRUCK     ".to_owned()]);
    cells.push(format!("carefully final deposits {row}"));
    cells
}

fn rows() -> RecordBatch {
    let fields = fields();
    let mut builder = RowsBuilder::new(&fields, false);
    for row in 0..ROWS {
        for ((cell, field), column) in cells(row).iter().zip(&fields).zip(&mut builder.columns) {
            text::parse(&field.logical, cell, column).expect("a cell that fits its column");
        }
        builder.end_row();
    }
    builder.finish().expect("even columns").rows
}
