//! A CSV file, in any dialect.

#![no_main]

use sensei_storage::CsvOptions;

/// A choice of dialects: the first byte of an input names one.
fn dialect(choice: u8) -> CsvOptions {
    let choice = usize::from(choice);
    CsvOptions {
        delimiter: [',', ';', '\t', '|'][choice % 4],
        quote: ['"', '\''][choice / 4 % 2],
        header: choice / 8 % 2 == 0,
        null: ["", "NULL"][choice / 16 % 2].to_owned(),
        encoding: ["utf-8", "latin1", "utf-16le", "shift_jis", "gb18030", "iso-2022-jp", "utf-16be", "windows-1252"]
            [choice / 32]
            .to_owned(),
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, file)) = bytes.split_first() else { return };
    sensei_fuzz::read_file("csv", ".csv", dialect(*choice), file);
});
