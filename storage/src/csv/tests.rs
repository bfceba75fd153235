//! Tests of reading CSV.

use std::fs;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use futures::TryStreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::batch::{Batch, Fault, LOCATOR};
use crate::catalog::Field;

/// What a scan gave: rows of cells, and faults.
type Rows = (Vec<Vec<Option<String>>>, Vec<Fault>);

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// One file named `t.csv` in a folder of its own.
fn place(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), bytes).unwrap();
    folder
}

fn fields(table: &Table) -> Vec<Field> {
    let field = |column: &Column| Field {
        name: column.name.clone(),
        logical: column.logical.clone().unwrap(),
        native: column.native.clone(),
        nullable: true,
        traits: crate::Traits::default(),
    };
    table.columns.iter().map(field).collect()
}

fn scan_of(table: &str, fields: Vec<Field>, range: Range) -> Scan {
    Scan {
        table: table.to_owned(),
        fields,
        key: Vec::new(),
        range,
        locator: false,
        form: crate::Form::Columns,
        batch_bytes: 64,
    }
}

fn rows(batches: Vec<Batch>) -> Rows {
    let mut all: Rows = Default::default();
    for batch in batches {
        for row in 0..batch.rows.num_rows() {
            let text = |array: &arrow_array::ArrayRef| {
                array.is_valid(row).then(|| array.as_string::<i32>().value(row).to_owned())
            };
            all.0.push(batch.rows.columns().iter().map(text).collect());
        }
        all.1.extend(batch.faults);
    }
    all
}

/// Reads the only table of `bytes` in pieces of about `split_bytes`.
fn read(bytes: &[u8], options: &CsvOptions, split_bytes: u64) -> Result<Rows> {
    let folder = place(bytes);
    let files = CsvFiles::open(folder.path().join("t.csv"), options)?;
    run(async {
        let table = files.catalog().await?.tables.remove(0);
        let snapshot = files.snapshot(1).await?;
        let mut all: Rows = Default::default();
        for piece in snapshot.pieces(&table, Sizing { split_bytes, splits_max: 1000 }).await? {
            let scan = scan_of("t", fields(&table), piece.range);
            let (good, bad) = rows(snapshot.scan(scan).await?.try_collect().await?);
            assert_eq!(piece.rows_estimate as usize, good.len() + bad.len());
            all.0.extend(good);
            all.1.extend(bad);
        }
        Ok(all)
    })
}

fn read_default(text: &str) -> Result<Rows> {
    read(text.as_bytes(), &CsvOptions::default(), 1 << 20)
}

fn cells(rows: &[&[Option<&str>]]) -> Vec<Vec<Option<String>>> {
    rows.iter().map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect()).collect()
}

#[test]
fn an_unquoted_empty_cell_is_null_and_a_quoted_one_is_text() {
    let (good, bad) = read_default("a,b,c\n,\"\",x\n").unwrap();
    assert_eq!(good, cells(&[&[None, Some(""), Some("x")]]));
    assert!(bad.is_empty());
}

#[test]
fn the_null_token_counts_only_unquoted() {
    let options = CsvOptions { null: "\\N".to_owned(), ..CsvOptions::default() };
    let (good, _) = read(b"a,b,c\n\\N,\"\\N\",\n", &options, 1 << 20).unwrap();
    assert_eq!(good, cells(&[&[None, Some("\\N"), Some("")]]));
}

#[test]
fn line_ends_may_be_mixed_and_quoted() {
    let (good, bad) = read_default("\u{feff}a,b\r\n1,2\n3,4\r5,\"x\r\ny\n\"\"z\"\"\"\r\n\r\n7,8").unwrap();
    let expected = cells(&[
        &[Some("1"), Some("2")],
        &[Some("3"), Some("4")],
        &[Some("5"), Some("x\r\ny\n\"z\"")],
        &[Some("7"), Some("8")],
    ]);
    assert_eq!(good, expected);
    assert!(bad.is_empty());
}

#[test]
fn a_blank_line_is_a_row_of_a_single_column() {
    let (good, _) = read_default("a\n\nx\n").unwrap();
    assert_eq!(good, cells(&[&[None], &[Some("x")]]));
}

#[test]
fn faulty_rows_are_set_apart_with_their_line() {
    let (good, bad) = read(
        b"a,b,c,d\n1,2,3,4\n1,2,3\n\"x\ny\",2,3,4\n1,2,3,4,5\n1,\"2\"x,3,4\n1,2,\xff,4\n5,6,7,8\n",
        &CsvOptions::default(),
        1 << 20,
    )
    .unwrap();
    assert_eq!(good.len(), 3);
    let told: Vec<_> = bad.iter().map(|f| (f.key.as_deref().unwrap(), f.column.as_str(), f.reason.as_str())).collect();
    assert_eq!(
        told,
        [
            ("line 3", "", "has 3 cells, the header names 4"),
            ("line 6", "", "has 5 cells, the header names 4"),
            ("line 7", "", "text follows a closing quote"),
            ("line 8", "c", "invalid UTF-8"),
        ]
    );
}

#[test]
fn an_open_quote_at_the_end_is_damage() {
    let error = read_default("a,b\n1,2\n3,\"4\n5,6\n").unwrap_err();
    let Error::Corrupt { what, why } = error else { panic!("{error}") };
    assert!(what.contains("t.csv"), "{what}");
    assert_eq!(why, "in the record at line 3, a quoted cell is never closed");
}

#[test]
fn a_record_without_end_stops_at_the_limit() {
    let input = std::io::Read::chain(&b"\""[..], std::io::repeat(b'x'));
    let syntax = record::Syntax { delimiter: b',', quote: b'"' };
    let mut records = record::RecordReader::new(input, syntax, 0, 1);
    let stop = records.next(&mut Record::default()).unwrap_err();
    assert!(matches!(stop, record::Stop::Damaged { line: 1, .. }));
}

#[test]
fn headers_must_name_every_column_once() {
    for (text, why) in [
        ("", "no header line"),
        ("\n1\n", "no header line"),
        ("a,,c\n", "column 2 has no name"),
        ("a,b,a\n", "two columns are named \"a\""),
    ] {
        let error = read_default(text).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains(why), "{error}");
    }
    let utf16 = read(b"\xff\xfea\0,\0b\0\n\0", &CsvOptions::default(), 1 << 20).unwrap_err();
    assert!(utf16.to_string().contains("utf-16"), "{utf16}");
}

#[test]
fn without_a_header_columns_are_numbered_and_the_first_line_is_a_row() {
    let options = CsvOptions { header: false, delimiter: ';', quote: '\'', ..CsvOptions::default() };
    let (good, _) = read(b"1;'a;b'\n2;c\n", &options, 1 << 20).unwrap();
    assert_eq!(good, cells(&[&[Some("1"), Some("a;b")], &[Some("2"), Some("c")]]));
}

#[test]
fn encodings_are_decoded() {
    let text = "näme,b\nGrüße,\"x\r\ny\"\n,ß\n";
    let expected = cells(&[&[Some("Grüße"), Some("x\r\ny")], &[None, Some("ß")]]);
    let utf16: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let latin1: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let gbk = encoding_rs::GB18030.encode(text).0.into_owned();
    for (label, bytes) in [("utf-16", utf16), ("latin1", latin1), ("gb18030", gbk)] {
        let options = CsvOptions { encoding: label.to_owned(), ..CsvOptions::default() };
        assert_eq!(read(&bytes, &options, 1).unwrap(), (expected.clone(), vec![]), "{label}");
    }
}

#[test]
fn an_invalid_sequence_faults_its_row_only() {
    let options = CsvOptions { encoding: "shift_jis".to_owned(), ..CsvOptions::default() };
    let (good, bad) = read(b"a,b\n1,\x83A\n2,\xff\xff\n3,z\n", &options, 1).unwrap();
    assert_eq!(good, cells(&[&[Some("1"), Some("ア")], &[Some("3"), Some("z")]]));
    assert_eq!((bad[0].key.as_deref(), bad[0].reason.as_str()), (Some("line 3"), "invalid Shift_JIS"));
}

#[test]
fn a_long_file_in_utf16_is_decoded_across_reads() {
    let text: String = std::iter::once("a,b\n".to_owned()).chain((0..20_000).map(|n| format!("{n},𝄞é\n"))).collect();
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let options = CsvOptions { encoding: "utf-16le".to_owned(), ..CsvOptions::default() };
    let (good, bad) = read(&bytes, &options, 1000).unwrap();
    assert_eq!((good.len(), bad.len()), (20_000, 0));
    assert!(good.iter().enumerate().all(|(n, row)| *row == [Some(n.to_string()), Some("𝄞é".to_owned())]));
}

#[test]
fn options_are_checked_and_unknown_ones_refused() {
    let refused = |options: CsvOptions| CsvFiles::open("x", &options).is_err();
    assert!(refused(CsvOptions { delimiter: '"', ..CsvOptions::default() }));
    assert!(refused(CsvOptions { delimiter: 'é', ..CsvOptions::default() }));
    assert!(refused(CsvOptions { quote: '\n', ..CsvOptions::default() }));
    assert!(refused(CsvOptions { encoding: "klingon".to_owned(), ..CsvOptions::default() }));
    assert!(serde_json::from_value::<CsvOptions>(json!({ "delimeter": ";" })).is_err());
    assert_eq!(serde_json::from_value::<CsvOptions>(json!({ "delimiter": ";" })).unwrap().quote, '"');
}

#[test]
fn typed_fields_are_parsed_and_the_locator_is_the_line() {
    let folder = place(b"n,d\n1,2024-02-29\nx,2024-03-01\n3,2024-02-30\n");
    let files = CsvFiles::open(folder.path(), &CsvOptions::default()).unwrap();
    run(async {
        let snapshot = files.snapshot(1).await.unwrap();
        let field = |name: &str, logical| Field {
            name: name.to_owned(),
            logical,
            native: String::new(),
            nullable: true,
            traits: crate::Traits::default(),
        };
        let fields = vec![field("d", LogicalType::Date), field("n", LogicalType::Int32)];
        let scan = Scan { locator: true, ..scan_of("t", fields, Range::Whole) };
        let batches: Vec<_> = snapshot.scan(scan).await.unwrap().try_collect().await.unwrap();
        let batch = &batches[0];
        assert_eq!(batch.rows.num_rows(), 1);
        assert_eq!(batch.rows.column_by_name(LOCATOR).unwrap().as_string::<i32>().value(0), "line 2");
        let told: Vec<_> = batch.faults.iter().map(|f| (f.key.as_deref().unwrap(), f.column.as_str())).collect();
        assert_eq!(told, [("line 3", "n"), ("line 4", "d")]);
    });
}

#[test]
fn a_folder_is_a_table_per_file_and_other_files_are_named() {
    let folder = place(b"a\n1\n");
    fs::write(folder.path().join("s.CSV"), "b\n2\n").unwrap();
    fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let files = CsvFiles::open(folder.path(), &CsvOptions::default()).unwrap();
    let catalog = run(files.catalog()).unwrap();
    assert_eq!(catalog.tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["s", "t"]);
    assert_eq!(catalog.not_carried, ["file \"notes.txt\""]);
    fs::write(folder.path().join("t.CSV"), "a\n1\n").unwrap();
    assert!(matches!(run(files.catalog()), Err(Error::Invalid { .. })));
}

#[test]
fn a_file_that_changes_under_a_snapshot_is_told() {
    let folder = place(b"a\n1\n");
    let files = CsvFiles::open(folder.path(), &CsvOptions::default()).unwrap();
    run(async {
        let table = files.catalog().await.unwrap().tables.remove(0);
        let snapshot = files.snapshot(1).await.unwrap();
        let id = snapshot.id();
        fs::write(folder.path().join("t.csv"), "a\n1\n2\n").unwrap();
        let scan = scan_of("t", fields(&table), Range::Whole);
        let read: Result<Vec<_>> = snapshot.scan(scan).await.unwrap().try_collect().await;
        assert!(matches!(read, Err(Error::Changed { .. })), "{read:?}");
        assert_ne!(files.snapshot(1).await.unwrap().id(), id);
    });
}

/// The csv-spectrum collection: each file's rows as objects, beside what its authors expect.
#[test]
fn csv_spectrum_reads_as_its_authors_say() {
    let root = std::env::var("SENSEI_CORPORA").unwrap_or_else(|_| "../../shared/corpora".to_owned());
    let root = Path::new(&root).join("csv/csv-spectrum");
    if !root.exists() {
        println!("skipped: no corpus at {}, set SENSEI_CORPORA", root.display());
        return;
    }
    let mut seen = 0;
    for entry in fs::read_dir(root.join("csvs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let expected = fs::read(root.join("json").join(format!("{name}.json"))).unwrap();
        let mut expected = String::from_utf8(expected).unwrap();
        if !fs::read(&path).unwrap().contains(&b'\r') {
            // Some copies of the collection lost their CRs to a line end conversion.
            expected = expected.replace("\\r\\n", "\\n");
        }
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let files = CsvFiles::open(&path, &CsvOptions::default()).unwrap();
        let found = run(async {
            let table = files.catalog().await.unwrap().tables.remove(0);
            let scan = scan_of(&name, fields(&table), Range::Whole);
            let batches = files.snapshot(1).await.unwrap().scan(scan).await.unwrap();
            let (good, bad) = rows(batches.try_collect().await.unwrap());
            assert!(bad.is_empty(), "{name}: {bad:?}");
            // The collection knows no NULL: to it every empty cell is an empty string.
            let object = |row: &Vec<Option<String>>| -> Value {
                let cells = table.columns.iter().zip(row);
                cells.map(|(c, cell)| (c.name.clone(), json!(cell.clone().unwrap_or_default()))).collect()
            };
            Value::Array(good.iter().map(object).collect())
        });
        assert_eq!(found, expected, "{name}");
        seen += 1;
    }
    assert!(seen >= 11, "only {seen} files");
}

/// Writes cells as a careful CSV writer would: NULL bare, text quoted where it must be, sometimes where it need not.
fn write(rows: &[Vec<Option<String>>], line_ends: &[&str], quote_all: bool) -> String {
    let mut text = (0..rows[0].len()).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",") + "\n";
    for (number, row) in rows.iter().enumerate() {
        let cell = |cell: &Option<String>| match cell {
            None => String::new(),
            Some(text) if quote_all || text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            Some(text) => text.clone(),
        };
        text += &row.iter().map(cell).collect::<Vec<_>>().join(",");
        text += line_ends[number % line_ends.len()];
    }
    text
}

fn any_rows() -> impl Strategy<Value = Vec<Vec<Option<String>>>> {
    let cell = proptest::option::weighted(0.8, "[a-z,\"\n\r é𝄞]{0,12}");
    (1usize..5)
        .prop_flat_map(move |width| proptest::collection::vec(proptest::collection::vec(cell.clone(), width), 1..40))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_written_is_read_back_whatever_the_split(
        rows in any_rows(), split_bytes in 1u64..400, quote_all: bool, mixed: bool
    ) {
        // After a lone CR, a bare NULL that is a whole row cannot be told from CRLF.
        let line_ends: &[&str] = if mixed && rows[0].len() > 1 { &["\n", "\r\n", "\r"] } else { &["\n"] };
        let text = write(&rows, line_ends, quote_all);
        let (good, bad) = read(text.as_bytes(), &CsvOptions::default(), split_bytes).unwrap();
        prop_assert!(bad.is_empty());
        prop_assert_eq!(good, rows);
    }

    #[test]
    fn any_bytes_at_all_end_in_rows_faults_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut file = b"a,b\n".to_vec();
        file.extend(bytes);
        let _ = read(&file, &CsvOptions::default(), 20);
    }
}

#[test]
fn numbers_count_by_the_room_they_take_also_where_their_row_is_faulty() {
    let folder = place(format!("n,i\n{}", "1e131071,1\n1e131071,x\n".repeat(20)).as_bytes());
    let files = CsvFiles::open(folder.path().join("t.csv"), &CsvOptions::default()).unwrap();
    let batches: Vec<Batch> = run(async {
        let table = files.catalog().await.unwrap().tables.remove(0);
        let mut fields = fields(&table);
        (fields[0].logical, fields[1].logical) = (LogicalType::Numeric, LogicalType::Int64);
        let scan = Scan { batch_bytes: 1 << 18, ..scan_of("t", fields, Range::Whole) };
        files.snapshot(1).await.unwrap().scan(scan).await.unwrap().try_collect().await.unwrap()
    });
    assert!(
        batches.iter().all(|batch| batch.rows.num_rows() + batch.faults.len() == 8),
        "eight numbers fill a wide batch"
    );
    assert_eq!(batches.len(), 5);
}
