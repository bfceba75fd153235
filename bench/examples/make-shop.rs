//! Writes the quickstart's shop database: `cargo run --release --example make-shop -- PATH`.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map(PathBuf::from).ok_or("give the path of the file to write")?;
    sensei_bench::shop::write(&path)?;
    Ok(())
}
