//! One worker's graph: read, project, check, digest, write, commit, read back, digest, difference, verdict.
//!
//! Each worker thread is a timely instance of its own. A snapshot exchanges no rows between workers, and a shared
//! frontier would make every commit wait for the slowest split of any worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use differential_dataflow::AsCollection;
use timely::dataflow::Scope;
use timely::dataflow::operators::vec::Map;

use crate::flow::difference::Difference;
use crate::flow::digest::{Summed, digest};
use crate::flow::event::{Committed, Feed, Lease, Request};
use crate::flow::feed::feed;
use crate::flow::port::{Inlet, Outlet};
use crate::flow::project::project;
use crate::flow::readback::read_back;
use crate::flow::verdict::verdict;
use crate::flow::write::write;
use crate::hash::RowHasher;
use crate::project::Projection;
use crate::times::Times;

/// How long a worker sleeps at most before it looks at the stop flag again. Work wakes it at once.
const PARK_MAX: Duration = Duration::from_millis(50);

/// What one worker needs: the tables it will meet, and its doors to the world outside.
pub struct Cell {
    /// Transformation of each table, by table index.
    pub projections: Arc<Vec<Projection>>,
    /// Row hasher of each table, by table index.
    pub hashers: Arc<Vec<RowHasher>>,
    /// Source rows come in here.
    pub feed: Inlet<Feed>,
    /// Answers to [`Request::Commit`] come in here.
    pub committed: Inlet<Committed>,
    /// Rows read back come in here.
    pub read_back: Inlet<Feed>,
    /// Everything the graph wants goes out here.
    pub requests: Outlet<Request>,
    /// Where the time of the operators is booked.
    pub times: Arc<Times>,
    /// Set to make the worker leave at once, whatever is open. Nothing more is committed by it.
    pub stop: Arc<AtomicBool>,
}

impl Cell {
    /// Runs on the calling thread until every lease is complete and the feed has ended, or until stopped.
    ///
    /// # Panics
    /// On a broken invariant of our own. The process must not outlive that: install a panic hook that ends it.
    pub fn run(self) {
        let stop = self.stop.clone();
        timely::execute_directly(move |worker| {
            let index = worker.next_dataflow_index();
            worker.dataflow(|scope| self.build(scope));
            while worker.has_dataflows() {
                if stop.load(Ordering::Relaxed) {
                    // Safe here and only here: the instance has one worker, so no other waits on this frontier.
                    worker.drop_dataflow(index);
                    return;
                }
                worker.step_or_park(Some(PARK_MAX));
            }
        });
    }

    fn build(self, scope: Scope<'_, Lease>) {
        let rows = project(
            feed(scope, self.feed),
            self.projections,
            self.hashers.clone(),
            self.times.clone(),
            self.requests.clone(),
        );
        let expected = digest(rows.clone(), "DigestExpected", self.hashers.clone(), self.times.clone());
        let written = write(rows, self.requests.clone(), self.committed);
        let back = read_back(written.clone(), self.requests.clone(), self.read_back);
        let actual = digest(back, "DigestActual", self.hashers, self.times);
        let known =
            written.clone().flat_map(|written| written.committed.known.map(|digest| (written.committed.lease, digest)));
        let owed =
            written.clone().flat_map(|written| written.committed.owed.map(|digest| (written.committed.lease, digest)));
        let plus = as_differences(expected.clone());
        let minus = as_differences(actual.clone());
        let (known, owed) = (differences(known), differences(owed));
        let difference = plus
            .as_collection()
            .concat(owed.as_collection())
            .concat(minus.as_collection().negate())
            .concat(known.as_collection().negate());
        verdict(expected, actual, written, difference.consolidate(), self.requests);
    }
}

type Differences<'scope> = timely::dataflow::StreamVec<'scope, Lease, (Lease, Lease, Difference)>;

fn as_differences(sums: timely::dataflow::StreamVec<'_, Lease, Summed>) -> Differences<'_> {
    use timely::dataflow::channels::pact::Pipeline;
    use timely::dataflow::operators::generic::operator::Operator;
    sums.unary(Pipeline, "AsDifference", |_, _| {
        |input, output| {
            input.for_each(|time, data| {
                let lease = *time.time();
                output.session(&time).give_iterator(data.drain(..).map(|s| (lease, lease, Difference(s.digest))));
            });
        }
    })
}

fn differences(known: timely::dataflow::StreamVec<'_, Lease, (Lease, sensei_storage::Digest)>) -> Differences<'_> {
    known.map(|(lease, digest)| (lease, lease, Difference(digest)))
}
