//! Sensei beside other tools: `make bench`, or `cargo run --release --example bench -- --only pg-verified`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sensei_bench::run(sensei_bench::Arguments::from_command_line())
}
