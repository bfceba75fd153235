//! Tests of Parquet as source and target.

use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field as ArrowField, Schema, TimeUnit};
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;

use super::*;
use crate::batch::{Batch, Fault};
use crate::catalog::{Field, TargetTable};
use crate::column::ColumnBuilder;
use crate::rows::arrow_schema;
use crate::split::SplitId;
use crate::target::{Begin, Commit, OnExisting, Target, Token, Write};
use crate::text;
use crate::types::LogicalType;

const JOB: &str = "job-1";

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(future)
}

/// Every logical type with values at its edges, as text; `None` is NULL.
fn samples() -> Vec<(LogicalType, Vec<Option<&'static str>>)> {
    use LogicalType as L;
    let list = |element| L::Array(Box::new(element));
    vec![
        (L::Boolean, vec![Some("true"), Some("false"), None]),
        (L::Int16, vec![Some("-32768"), Some("32767"), None]),
        (L::Int32, vec![Some("-2147483648"), Some("2147483647"), None]),
        (L::Int64, vec![Some("-9223372036854775808"), Some("9223372036854775807"), None]),
        (L::Float32, vec![Some("NaN"), Some("-0"), Some("3.4028235e38")]),
        (L::Float64, vec![Some("-Infinity"), Some("5e-324"), None]),
        (L::Decimal { precision: 5, scale: 2 }, vec![Some("-999.99"), Some("0.01"), None]),
        (
            L::Decimal { precision: 38, scale: 0 },
            vec![Some("99999999999999999999999999999999999999"), Some("-1"), None],
        ),
        (L::Decimal { precision: 60, scale: 30 }, vec![Some("1.000000000000000000000000000001"), Some("NaN"), None]),
        (L::Decimal { precision: 5, scale: -2 }, vec![Some("1234500"), Some("0"), None]),
        (L::Numeric, vec![Some("1.50"), Some("Infinity"), None]),
        (L::TEXT, vec![Some(""), Some("né𝄞\n\0"), None]),
        (L::Text { max_chars: Some(3) }, vec![Some("abc"), Some(""), None]),
        (L::Bytes, vec![Some("\\x"), Some("\\x00ff"), None]),
        (L::Date, vec![Some("infinity"), Some("0044-03-15 BC"), None]),
        (L::Time, vec![Some("24:00:00"), Some("00:00:00.000001"), None]),
        (L::Timestamp, vec![Some("-infinity"), Some("2024-02-29 12:00:00.5"), None]),
        (L::TimestampTz, vec![Some("infinity"), Some("1969-12-31 23:59:59.999999+00"), None]),
        (L::Interval, vec![Some("P1Y2M3DT-4H5M6.5S"), Some("PT0S"), None]),
        (L::Uuid, vec![Some("00112233-4455-6677-8899-aabbccddeeff"), None, None]),
        (L::Json, vec![Some("{\"a\": 1,  \"a\":2}"), Some("null"), None]),
        (L::Jsonb, vec![Some("{\"a\": 1}"), Some("[]"), None]),
        (list(L::Int32), vec![Some("[1,null,3]"), Some("[]"), None]),
        (list(L::Decimal { precision: 4, scale: 1 }), vec![Some("[\"1.5\",null]"), Some("[]"), None]),
        (list(L::Interval), vec![Some("[\"P1D\"]"), Some("[]"), None]),
        (list(L::Uuid), vec![Some("[\"00112233-4455-6677-8899-aabbccddeeff\"]"), Some("[]"), None]),
    ]
}

fn field(name: &str, logical: LogicalType) -> Field {
    Field {
        name: name.to_owned(),
        native: native_type(&logical),
        logical,
        nullable: true,
        traits: crate::Traits::default(),
    }
}

fn table(name: &str, fields: Vec<Field>) -> TargetTable {
    TargetTable { name: name.to_owned(), fields, create: true, ..TargetTable::default() }
}

/// Three rows with every logical type, and the table they belong to.
fn everything() -> (TargetTable, RecordBatch) {
    let samples = samples();
    let named = |(index, (logical, _)): (usize, &(LogicalType, _))| field(&format!("c{index}"), logical.clone());
    let fields: Vec<Field> = samples.iter().enumerate().map(named).collect();
    let column = |(logical, values): &(LogicalType, Vec<Option<&str>>)| -> ArrayRef {
        let mut builder = ColumnBuilder::new(logical);
        for value in values {
            match value {
                Some(value) => text::parse(logical, value, &mut builder).unwrap(),
                None => builder.append_null(),
            }
        }
        builder.finish()
    };
    let rows = RecordBatch::try_new(arrow_schema(&fields, false), samples.iter().map(column).collect()).unwrap();
    (table("everything", fields), rows)
}

fn scan_of(table: &str, fields: &[Field], range: Range) -> Scan {
    let fields = fields.to_vec();
    Scan {
        table: table.to_owned(),
        fields,
        key: Vec::new(),
        range,
        locator: false,
        form: crate::Form::Columns,
        batch_bytes: 1 << 20,
    }
}

async fn write_split(target: &ParquetFolder, table: &TargetTable, split: u32, rows: &[RecordBatch]) -> Result<Commit> {
    write_as(target, table, 1, split, rows).await
}

async fn write_as(
    target: &ParquetFolder,
    table: &TargetTable,
    generation: u64,
    split: u32,
    rows: &[RecordBatch],
) -> Result<Commit> {
    let table = Arc::new(table.clone());
    let write = Write { job: JOB.to_owned(), generation, split: SplitId(split), table, replace: false, evict: false };
    let Begin::Writer(mut writer) = target.begin(write).await? else { panic!("nothing was committed") };
    for batch in rows {
        writer.write(batch).await?;
    }
    writer.commit(rows.iter().map(|batch| batch.num_rows() as u64).sum()).await
}

async fn read(source: &ParquetFolder, table: &str) -> Result<Vec<Batch>> {
    let catalog = source.catalog().await?;
    let found = catalog.tables.iter().find(|found| found.name == table).expect("the table is listed");
    let fields: Vec<_> =
        found.columns.iter().filter_map(|column| Some(field(&column.name, column.logical.clone()?))).collect();
    let snapshot = source.snapshot(2).await?;
    let mut batches = Vec::new();
    for piece in snapshot.pieces(found, Sizing { split_bytes: 1, splits_max: 1000 }).await? {
        let scan = snapshot.scan(scan_of(table, &fields, piece.range)).await?;
        batches.extend(scan.try_collect::<Vec<_>>().await?);
    }
    Ok(batches)
}

/// A target in a folder of its own.
fn local() -> (tempfile::TempDir, ParquetFolder) {
    let place = tempfile::tempdir().unwrap();
    let target = ParquetFolder::open(place.path().join("out").to_str().unwrap(), Access::Write).unwrap();
    (place, target)
}

#[test]
fn every_logical_type_comes_back_as_it_went() {
    let (_place, on_disk) = local();
    let in_memory = ParquetFolder::open("memory:", Access::Write).unwrap();
    let (table, rows) = everything();
    for target in [on_disk, in_memory] {
        run(async {
            target.prepare(JOB, std::slice::from_ref(&table), OnExisting::Fail).await.unwrap();
            target.fence(JOB, 1).await.unwrap();
            let commit = write_split(&target, &table, 0, std::slice::from_ref(&rows)).await.unwrap();
            let scan = scan_of(&table.name, &table.fields, Range::Whole);
            let back: Vec<_> = target.read_back(scan, commit.clone()).await.unwrap().try_collect().await.unwrap();
            assert_eq!(back.len(), 1);
            assert_eq!((&back[0].rows, &back[0].faults), (&rows, &vec![]));

            assert!(target.catalog().await.unwrap().tables.is_empty(), "unfinished tables are not visible");
            target.finish(JOB, &[(table.clone(), vec![commit])]).await.unwrap();
            let listed = target.catalog().await.unwrap();
            let types: Vec<_> = listed.tables[0].columns.iter().map(|column| column.logical.clone().unwrap()).collect();
            assert_eq!(types, table.fields.iter().map(|field| field.logical.clone()).collect::<Vec<_>>());
            assert_eq!(read(&target, &table.name).await.unwrap()[0].rows, rows);
        });
    }
}

#[test]
fn a_manifest_is_written_once_and_names_the_files() {
    let (place, target) = local();
    let (table, rows) = everything();
    run(async {
        target.prepare(JOB, std::slice::from_ref(&table), OnExisting::Fail).await.unwrap();
        let second = write_split(&target, &table, 1, std::slice::from_ref(&rows)).await.unwrap();
        let first = write_split(&target, &table, 0, &[rows.clone(), rows.clone()]).await.unwrap();
        let done = [(table.clone(), vec![second, first])];
        target.finish(JOB, &done).await.unwrap();
        target.finish(JOB, &done).await.unwrap();
        let manifest = fs::read(place.path().join("out/everything/_manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["files"][0]["path"], "everything/part-00000-1.parquet");
        assert_eq!(manifest["files"][0]["rows"], 6);
        let changed = [(table.clone(), vec![])];
        assert!(matches!(target.finish(JOB, &changed).await, Err(Error::Exists { .. })));
        assert_eq!(target.occupied(&[table.name.clone(), "other".to_owned()]).await.unwrap(), ["everything"]);
        let again = write_split(&target, &table, 0, &[]).await;
        assert!(matches!(again, Err(Error::Exists { .. })), "a finished table is not written again");
        let markers = place.path().join("out/_sensei");
        let left =
            fs::read_dir(&markers).map(|entries| entries.filter(|e| e.as_ref().unwrap().path().is_file()).count());
        assert_eq!(left.unwrap_or(0), 0, "markers are removed");
        // A stray file does not belong to the table.
        fs::copy(
            place.path().join("out/everything/part-00000-1.parquet"),
            place.path().join("out/everything/x.parquet"),
        )
        .unwrap();
        let count: usize = read(&target, "everything").await.unwrap().iter().map(|batch| batch.rows.num_rows()).sum();
        assert_eq!(count, 9);
    });
}

#[test]
fn an_empty_table_keeps_its_columns() {
    let (_place, target) = local();
    let (table, _) = everything();
    run(async {
        target.prepare(JOB, std::slice::from_ref(&table), OnExisting::Fail).await.unwrap();
        target.finish(JOB, &[(table.clone(), vec![])]).await.unwrap();
        let listed = target.catalog().await.unwrap();
        assert_eq!(listed.tables[0].columns.len(), table.fields.len());
        assert!(read(&target, &table.name).await.unwrap().is_empty());
    });
}

#[test]
fn a_tampered_part_is_found_before_a_row_of_it_is_read() {
    let (place, target) = local();
    let (table, rows) = everything();
    run(async {
        let commit = write_split(&target, &table, 0, &[rows]).await.unwrap();
        let file = place.path().join("out/everything/part-00000-1.parquet");
        let good = fs::read(&file).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        for bytes in [&flipped[..], &good[..good.len() - 1]] {
            fs::write(&file, bytes).unwrap();
            let scan = scan_of(&table.name, &table.fields, Range::Whole);
            let error = target.read_back(scan, commit.clone()).await.err().expect("tampering is found");
            assert!(matches!(error, Error::Corrupt { .. }) && error.to_string().contains("part-00000"), "{error}");
        }
    });
}

#[test]
fn rewriting_a_split_replaces_it_and_dropping_a_writer_leaves_nothing() {
    let (place, target) = local();
    let (table, rows) = everything();
    run(async {
        write_split(&target, &table, 0, std::slice::from_ref(&rows)).await.unwrap();
        let commit = write_split(&target, &table, 0, &[rows.clone(), rows.clone()]).await.unwrap();
        let write = Write {
            job: JOB.to_owned(),
            generation: 1,
            split: SplitId(1),
            table: Arc::new(table.clone()),
            replace: false,
            evict: false,
        };
        let Begin::Writer(mut writer) = target.begin(write).await.unwrap() else { panic!() };
        writer.write(&rows).await.unwrap();
        drop(writer);
        let scan = scan_of(&table.name, &table.fields, Range::Whole);
        let back: Vec<Batch> = target.read_back(scan, commit).await.unwrap().try_collect().await.unwrap();
        assert_eq!(back.iter().map(|batch| batch.rows.num_rows()).sum::<usize>(), 6);
    });
    assert_eq!(fs::read_dir(place.path().join("out/everything")).unwrap().count(), 1);
}

#[test]
fn each_generation_has_its_own_parts_and_the_last_remain() {
    let (place, target) = local();
    let (table, rows) = everything();
    let names = || {
        let entries = fs::read_dir(place.path().join("out/everything")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    run(async {
        let kept = write_as(&target, &table, 1, 0, std::slice::from_ref(&rows)).await.unwrap();
        let old = write_as(&target, &table, 1, 1, std::slice::from_ref(&rows)).await.unwrap();
        let new = write_as(&target, &table, 2, 1, &[rows.clone(), rows.clone()]).await.unwrap();
        let scan = scan_of(&table.name, &table.fields, Range::Whole);
        let back: Vec<Batch> = target.read_back(scan, old).await.unwrap().try_collect().await.unwrap();
        assert_eq!(back.iter().map(|batch| batch.rows.num_rows()).sum::<usize>(), 3, "the other is not replaced");
        fs::write(place.path().join("out/everything/part-of-another.parquet"), "not ours").unwrap();
        assert_eq!(names().len(), 4);
        target.finish(JOB, &[(table.clone(), vec![kept, new])]).await.unwrap();
        let left = ["_manifest.json", "part-00000-1.parquet", "part-00001-2.parquet", "part-of-another.parquet"];
        assert_eq!(names(), left);
        let count: usize = read(&target, &table.name).await.unwrap().iter().map(|batch| batch.rows.num_rows()).sum();
        assert_eq!(count, 9);
    });
}

#[test]
fn a_long_split_goes_out_in_parts_and_row_groups() {
    let (_place, target) = local();
    let table = table("long", vec![field("id", LogicalType::Int64), field("noise", LogicalType::Bytes)]);
    run(async {
        let mut seed = 1u64;
        let mut batches = Vec::new();
        for batch in 0..24u64 {
            let ids = arrow_array::Int64Array::from_iter_values((0..1000).map(|n| (batch * 1000 + n) as i64));
            let mut noise = arrow_array::builder::BinaryBuilder::new();
            for _ in 0..1000 {
                // Bytes that do not compress (xorshift), so that parts fill up.
                let bytes: Vec<u8> = (0..128)
                    .flat_map(|_| {
                        seed ^= seed << 13;
                        seed ^= seed >> 7;
                        seed ^= seed << 17;
                        seed.to_le_bytes()
                    })
                    .collect();
                noise.append_value(bytes);
            }
            let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(noise.finish())];
            batches.push(RecordBatch::try_new(arrow_schema(&table.fields, false), columns).unwrap());
        }
        let commit = write_split(&target, &table, 0, &batches).await.unwrap();
        let scan = Scan { batch_bytes: 256 << 10, ..scan_of("long", &table.fields, Range::Whole) };
        let back: Vec<Batch> = target.read_back(scan, commit.clone()).await.unwrap().try_collect().await.unwrap();
        let largest = back.iter().map(|batch| batch.rows.num_rows()).max().unwrap();
        assert!(largest < 400, "batches of {largest} rows are not about 256 KiB");
        let rows: Vec<_> = back.into_iter().map(|batch| batch.rows).collect();
        let schema = arrow_schema(&table.fields, false);
        let joined = arrow_select::concat::concat_batches(&schema, &rows).unwrap();
        assert_eq!(joined, arrow_select::concat::concat_batches(&schema, &batches).unwrap());
        target.finish(JOB, &[(table.clone(), vec![commit])]).await.unwrap();
        let found = target.catalog().await.unwrap().tables.remove(0);
        let sizing = Sizing { split_bytes: 8 << 20, splits_max: 100 };
        let pieces = target.snapshot(1).await.unwrap().pieces(&found, sizing).await.unwrap();
        assert!(pieces.len() >= 3, "{pieces:?}");
        assert_eq!(pieces.iter().map(|piece| piece.rows_estimate).sum::<u64>(), 24_000);
    });
}

#[test]
fn a_newer_generation_fences_older_writers() {
    let (_place, target) = local();
    let (table, rows) = everything();
    run(async {
        target.fence(JOB, 1).await.unwrap();
        let write = Write {
            job: JOB.to_owned(),
            generation: 1,
            split: SplitId(0),
            table: Arc::new(table.clone()),
            replace: false,
            evict: false,
        };
        let Begin::Writer(mut writer) = target.begin(write).await.unwrap() else { panic!() };
        writer.write(&rows).await.unwrap();
        target.fence(JOB, 2).await.unwrap();
        assert!(matches!(writer.commit(3).await, Err(Error::Fenced { mine: 1, .. })));
        assert!(matches!(target.fence(JOB, 1).await, Err(Error::Fenced { .. })));
        assert!(target.occupied(&[table.name]).await.unwrap().is_empty());
    });
}

#[test]
fn preparing_empties_a_table_once_per_job() {
    let (_place, target) = local();
    let (table, rows) = everything();
    let tables = std::slice::from_ref(&table);
    run(async {
        write_split(&target, &table, 7, std::slice::from_ref(&rows)).await.unwrap();
        assert!(matches!(target.prepare(JOB, tables, OnExisting::Fail).await, Err(Error::Exists { .. })));
        assert!(matches!(target.prepare(JOB, tables, OnExisting::Append).await, Err(Error::Unsupported { .. })));
        target.prepare(JOB, tables, OnExisting::Truncate).await.unwrap();
        assert!(target.occupied(std::slice::from_ref(&table.name)).await.unwrap().is_empty());
        write_split(&target, &table, 0, &[rows]).await.unwrap();
        target.prepare(JOB, tables, OnExisting::Truncate).await.unwrap();
        assert_eq!(
            target.occupied(std::slice::from_ref(&table.name)).await.unwrap(),
            ["everything"],
            "resuming empties nothing"
        );
        let named = |name: &str| TargetTable { name: name.to_owned(), ..table.clone() };
        assert!(target.prepare("other", &[named("a/b")], OnExisting::Fail).await.is_err());
        assert!(target.prepare("other", &[named("_x")], OnExisting::Fail).await.is_err());
    });
}

#[test]
fn values_that_parquet_cannot_hold_are_refused_without_being_told() {
    let (_place, target) = local();
    let decimal = LogicalType::Decimal { precision: 5, scale: 2 };
    let mut fields = vec![field("price", decimal.clone())];
    let rows = |text: Option<&str>| {
        let mut column = ColumnBuilder::new(&decimal);
        match text {
            Some(text) => text::parse(&decimal, text, &mut column).unwrap(),
            None => column.append_null(),
        }
        RecordBatch::try_new(arrow_schema(&[field("price", decimal.clone())], false), vec![column.finish()]).unwrap()
    };
    run(async {
        let error = write_split(&target, &table("t", fields.clone()), 0, &[rows(Some("NaN"))]).await.unwrap_err();
        assert!(matches!(&error, Error::RefusedRow { column: Some(column), .. } if column == "price"), "{error}");
        fields[0].nullable = false;
        let error = write_split(&target, &table("t", fields), 0, &[rows(None)]).await.unwrap_err();
        assert!(matches!(&error, Error::RefusedRow { .. }), "{error}");
    });
}

/// Writes one column as another program would, without our metadata, and reads it.
fn foreign(array: ArrayRef) -> (Option<LogicalType>, Vec<String>, Vec<Fault>) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("t.parquet");
    let schema = Arc::new(Schema::new(vec![ArrowField::new("c", array.data_type().clone(), true)]));
    let mut writer = ArrowWriter::try_new(fs::File::create(&path).unwrap(), schema.clone(), None).unwrap();
    writer.write(&RecordBatch::try_new(schema, vec![array]).unwrap()).unwrap();
    writer.close().unwrap();
    let source = ParquetFolder::open(path.to_str().unwrap(), Access::Read).unwrap();
    run(async {
        let logical = source.catalog().await.unwrap().tables[0].columns[0].logical.clone();
        let Some(logical) = logical else { return (None, vec![], vec![]) };
        let (mut values, mut faults) = (Vec::new(), Vec::new());
        for batch in read(&source, "t").await.unwrap() {
            for row in 0..batch.rows.num_rows() {
                let mut text = String::new();
                match batch.rows.column(0).is_null(row) {
                    true => text.push_str("NULL"),
                    false => text::render(&logical, batch.rows.column(0).as_ref(), row, &mut text),
                }
                values.push(text);
            }
            faults.extend(batch.faults);
        }
        (Some(logical), values, faults)
    })
}

#[test]
fn foreign_types_are_mapped_without_loss() {
    use arrow_array as a;
    let check = |array: ArrayRef, logical: &str, values: &[&str], faults: usize| {
        let found = foreign(array.clone());
        let told = found.0.map(|logical| logical.to_string()).unwrap_or_default();
        assert_eq!(
            (told.as_str(), found.1, found.2.len()),
            (logical, values.iter().map(|v| v.to_string()).collect(), faults)
        );
    };
    check(Arc::new(a::UInt8Array::from(vec![Some(255), None])), "int16", &["255", "NULL"], 0);
    check(Arc::new(a::UInt16Array::from(vec![65535])), "int32", &["65535"], 0);
    check(Arc::new(a::UInt32Array::from(vec![u32::MAX])), "int64", &["4294967295"], 0);
    check(Arc::new(a::UInt64Array::from(vec![u64::MAX])), "decimal(20,0)", &["18446744073709551615"], 0);
    check(Arc::new(a::LargeStringArray::from(vec!["x"])), "text", &["x"], 0);
    check(
        Arc::new(a::StringViewArray::from(vec!["a longer text than twelve"])),
        "text",
        &["a longer text than twelve"],
        0,
    );
    check(Arc::new(a::DictionaryArray::<a::types::Int8Type>::from_iter(["x", "y", "x"])), "text", &["x", "y", "x"], 0);
    check(Arc::new(a::Time32MillisecondArray::from(vec![1])), "time", &["00:00:00.001"], 0);
    check(Arc::new(a::Time64NanosecondArray::from(vec![1_000, 1_001])), "time", &["00:00:00.000001"], 1);
    let seconds = a::TimestampSecondArray::from(vec![0, i64::MAX]);
    check(Arc::new(seconds), "timestamp", &["1970-01-01 00:00:00"], 1);
    let nanos = a::TimestampNanosecondArray::from(vec![Some(1_000), Some(1), None]).with_timezone("+02:00");
    check(Arc::new(nanos), "timestamptz", &["1970-01-01 00:00:00.000001+00", "NULL"], 1);
    let wide = a::Decimal256Array::from(vec![arrow_buffer::i256::from(-150)]).with_precision_and_scale(60, 2).unwrap();
    check(Arc::new(wide), "decimal(60,2)", &["-1.50"], 0);
    let lists =
        a::LargeListArray::from_iter_primitive::<a::types::UInt8Type, _, _>(vec![Some(vec![Some(7), None]), None]);
    check(Arc::new(lists), "int16[]", &["[7,null]", "NULL"], 0);
    check(Arc::new(a::DurationSecondArray::from(vec![1])), "", &[], 0);
    check(Arc::new(a::IntervalYearMonthArray::from(vec![1])), "", &[], 0);
}

#[test]
fn a_row_that_does_not_fit_is_named_by_its_position() {
    let nanos = arrow_array::TimestampNanosecondArray::from(vec![0, 1]);
    let (_, _, faults) = foreign(Arc::new(nanos));
    let expected = Fault {
        key: Some("row 2 of t.parquet".to_owned()),
        column: "c".to_owned(),
        reason: "finer than a microsecond".to_owned(),
    };
    assert_eq!(faults, [expected]);
    assert_eq!(schema::stored(&LogicalType::Timestamp), DataType::Timestamp(TimeUnit::Microsecond, None));
}

#[test]
fn a_file_that_changes_under_a_snapshot_is_told() {
    let (place, target) = local();
    let (table, rows) = everything();
    run(async {
        let commit = write_split(&target, &table, 0, &[rows]).await.unwrap();
        target.finish(JOB, &[(table.clone(), vec![commit.clone()])]).await.unwrap();
        let snapshot = target.snapshot(1).await.unwrap();
        let Token::Parquet { path, .. } = &commit.token else { panic!() };
        let file = place.path().join("out").join(path);
        let mut bytes = fs::read(&file).unwrap();
        bytes.push(0);
        fs::write(&file, bytes).unwrap();
        let scan = snapshot.scan(scan_of(&table.name, &table.fields, Range::Whole)).await;
        assert!(matches!(scan.err(), Some(Error::Corrupt { .. })), "the manifest knows the content");
        assert!(matches!(target.snapshot(1).await, Err(Error::Corrupt { .. })), "the manifest knows the size");
    });
}

#[test]
fn bytes_that_are_no_parquet_are_corrupt() {
    let folder = ObjectFolder::open("memory:").unwrap();
    let source = ParquetFolder::over(folder.clone(), None);
    run(async {
        for bytes in [&b""[..], b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b"hello, world"] {
            folder.store.put(&folder.path("t.parquet"), PutPayload::from(bytes.to_vec())).await.unwrap();
            let error = source.catalog().await.unwrap_err();
            assert!(matches!(&error, Error::Corrupt { what, .. } if what.contains("t.parquet")), "{error}");
        }
    });
}

#[test]
fn a_panic_while_decoding_is_corruption_of_the_file() {
    assert!(!is_guarded());
    let outcome: Result<()> = guard::guarded("file \"x\"", || {
        assert!(is_guarded());
        panic!("index out of bounds")
    });
    assert!(matches!(outcome, Err(Error::Corrupt { .. })));
    assert!(!is_guarded());
}

/// Damage anywhere in a file ends in rows, faults or an error, and never in the end of the process.
#[test]
fn any_flipped_bit_is_survived() {
    let (_place, target) = local();
    let (table, rows) = everything();
    let folder = ObjectFolder::open("memory:").unwrap();
    let damaged = ParquetFolder::over(folder.clone(), Some("t.parquet".to_owned()));
    run(async {
        let commit = write_split(&target, &table, 0, &[rows]).await.unwrap();
        let Token::Parquet { path, .. } = commit.token else { panic!() };
        let stored = target.folder.store.get(&target.folder.path(&path)).await.unwrap();
        let good = stored.bytes().await.unwrap();
        let mut refused = 0;
        for index in (0..good.len()).step_by(7) {
            let mut bytes = good.to_vec();
            bytes[index] ^= 1u8 << (index % 8);
            folder.store.put(&folder.path("t.parquet"), PutPayload::from(bytes)).await.unwrap();
            refused += usize::from(read(&damaged, "t").await.is_err());
        }
        assert!(refused > good.len() / 7 / 10, "only {refused} of {} damaged files were refused", good.len() / 7);
    });
}

/// Every file of the Parquet collections is read or refused; none panics past the guard or hangs.
#[test]
fn the_corpus_is_read_or_refused() {
    let root = std::env::var("SENSEI_CORPORA").unwrap_or_else(|_| "../../shared/corpora".to_owned());
    let root = Path::new(&root).join("parquet");
    if !root.exists() {
        println!("skipped: no corpus at {}, set SENSEI_CORPORA", root.display());
        return;
    }
    let (mut good, mut refused) = (Vec::new(), Vec::new());
    for folder in ["data", "bad_data", "shredded_variant"] {
        let mut paths: Vec<PathBuf> = fs::read_dir(root.join(folder)).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.to_string_lossy().contains(".parquet") && path.is_file()) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let folder = ObjectFolder::existing(path.parent().unwrap().to_str().unwrap()).unwrap();
            let source = ParquetFolder::over(folder, Some(name.clone()));
            let table = name.strip_suffix(".parquet").unwrap_or(&name).to_owned();
            match run(read(&source, &table)) {
                Ok(batches) => good.push((name, batches.iter().map(|b| b.rows.num_rows() + b.faults.len()).sum())),
                Err(error @ (Error::Corrupt { .. } | Error::Unsupported { .. } | Error::Invalid { .. })) => {
                    assert!(error.to_string().contains(&name), "{error} does not name {name}");
                    refused.push((name, error.to_string()));
                }
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
    for (name, rows) in &good {
        println!("{name}: {rows} rows");
    }
    for (name, why) in &refused {
        println!("{name}: {why}");
    }
    let rows = |name: &str| good.iter().find(|(found, _)| found == name).map(|(_, rows): &(String, usize)| *rows);
    assert_eq!(rows("alltypes_plain.parquet"), Some(8));
    assert_eq!(rows("int96_from_spark.parquet"), Some(6));
    assert_eq!(rows("delta_binary_packed.parquet"), Some(200));
    assert!(refused.iter().any(|(name, why)| name.contains("encrypt") && why.contains("encrypted")));
    assert!(refused.iter().any(|(name, _)| name == "datapage_v1-corrupt-checksum.parquet"));
    assert!(good.len() >= 50, "only {} of the collection's files were read", good.len());
}
