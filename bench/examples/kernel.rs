//! Runs one kernel so many times, for tools that count instructions: `kernel NAME TIMES`; without arguments, names
//! the kernels and the platform, whose vector instructions BLAKE3 chooses its code by.
#![allow(clippy::print_stdout, reason = "its output is read by a script")]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let kernels = sensei_bench::kernels::all();
    let Some(name) = arguments.next() else {
        println!("platform {}", platform());
        kernels.iter().for_each(|kernel| println!("kernel {}", kernel.name));
        return Ok(());
    };
    let times: usize = arguments.next().ok_or("how many times?")?.parse()?;
    let kernel = kernels.iter().find(|kernel| kernel.name == name).ok_or("no such kernel")?;
    (0..times).for_each(|_| (kernel.run)());
    Ok(())
}

/// The architecture with those vector instructions that this process may use, which are fewer under an emulator.
fn platform() -> String {
    let mut platform = std::env::consts::ARCH.to_owned();
    #[cfg(target_arch = "x86_64")]
    for (name, has) in [
        ("sse4.1", std::is_x86_feature_detected!("sse4.1")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("avx512vl", std::is_x86_feature_detected!("avx512vl")),
    ] {
        if has {
            platform = platform + "+" + name;
        }
    }
    platform
}
