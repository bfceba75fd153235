//! A process that hosts timely must not outlive a panic: a half-dead dataflow waits for ever.

use std::process;

/// Exit code of a process that ended itself after a panic; chosen to differ from every documented one.
pub const PANIC_EXIT_CODE: i32 = 70;

/// Installs the hook that prints the panic and ends the process at once. A panic inside the guarded decoding of a damaged
/// Parquet file is caught where it happens and becomes an error.
pub fn end_process_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if sensei_storage::parquet::is_guarded() {
            return;
        }
        print(info);
        process::exit(PANIC_EXIT_CODE);
    }));
}
