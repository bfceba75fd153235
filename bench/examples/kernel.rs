//! Runs one kernel so many times, for tools that count instructions: `kernel NAME TIMES`; without arguments, names the
//! kernels.
#![allow(clippy::print_stdout, reason = "its output is read by a script")]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let kernels = sensei_bench::kernels::all();
    let Some(name) = arguments.next() else {
        kernels.iter().for_each(|kernel| println!("{}", kernel.name));
        return Ok(());
    };
    let times: usize = arguments.next().ok_or("how many times?")?.parse()?;
    let kernel = kernels.iter().find(|kernel| kernel.name == name).ok_or("no such kernel")?;
    (0..times).for_each(|_| (kernel.run)());
    Ok(())
}
