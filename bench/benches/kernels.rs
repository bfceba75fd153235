//! The hot kernels by wall time. By instruction counts, which a busy machine does not change: `make bench-kernels`.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sensei_bench::kernels;

fn lineitem(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lineitem");
    group.throughput(Throughput::Elements(kernels::ROWS as u64));
    for kernel in kernels::all() {
        group.bench_function(kernel.name, |bench| bench.iter(&kernel.run));
    }
    group.finish();
}

criterion_group!(all, lineitem);
criterion_main!(all);
