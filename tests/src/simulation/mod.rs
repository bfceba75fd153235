//! A pool of workers that exists only in numbers, to see what the head's scaling does over hours within milliseconds.
//!
//! In reading order: a [`Scenario`] says what comes, [`simulate`] lets the head's own decision function live through it,
//! a [`Run`] is what happened, and [`plot::svg`] draws it. [`simulate_pools`] is the same for several pools by class.
//!
//! **Invariant:** a scenario and a seed decide everything; the clock is virtual.

pub mod plot;
mod pool;
mod pools;
mod run;
mod scenario;
mod simulate;
mod work;

pub use pools::{PoolsScenario, simulate_pools};
pub use run::{Point, Run};
pub use scenario::{JobPlan, Scenario};
pub use simulate::simulate;
