//! Brings together what is known of a lease when its time has closed on every side, and gives it out.

use std::collections::BTreeMap;

use differential_dataflow::VecCollection;
use sensei_storage::Digest;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

use crate::flow::difference::Difference;
use crate::flow::digest::Summed;
use crate::flow::event::{Lease, Outcome, Request};
use crate::flow::port::Outlet;
use crate::flow::write::Written;

#[derive(Default)]
struct Open {
    expected: Option<Summed>,
    actual: Option<Digest>,
    written: Option<Written>,
    difference: Digest,
}

/// Emits [`Request::Done`] or [`Request::Refused`] per lease. `difference` has an entry for a lease only where its sides do not cancel.
pub(crate) fn verdict<'scope>(
    expected: StreamVec<'scope, Lease, Summed>,
    actual: StreamVec<'scope, Lease, Summed>,
    written: StreamVec<'scope, Lease, Written>,
    difference: VecCollection<'scope, Lease, Lease, Difference>,
    outlet: Outlet<Request>,
) {
    let mut builder = OperatorBuilder::new("Verdict".to_owned(), expected.scope());
    let mut expected = builder.new_input(expected, Pipeline);
    let mut actual = builder.new_input(actual, Pipeline);
    let mut written = builder.new_input(written, Pipeline);
    let mut difference = builder.new_input(difference.inner, Pipeline);
    builder.build(move |_capabilities| {
        let mut open: BTreeMap<Lease, Open> = BTreeMap::new();
        move |frontiers| {
            expected.for_each(|time, data| open.entry(*time.time()).or_default().expected = data.pop());
            actual.for_each(|time, data| {
                open.entry(*time.time()).or_default().actual = data.pop().map(|summed| summed.digest);
            });
            written.for_each(|time, data| open.entry(*time.time()).or_default().written = data.pop());
            difference.for_each(|_, data| {
                for (lease, _, difference) in data.drain(..) {
                    open.entry(lease).or_default().difference += difference.0;
                }
            });
            let complete = |lease: &Lease| frontiers.iter().all(|frontier| !frontier.less_equal(lease));
            let leases: Vec<Lease> = open.keys().copied().filter(complete).collect();
            for lease in leases {
                let state = open.remove(&lease).expect("listed above");
                let _ = outlet.send(outcome(lease, state));
            }
        }
    });
}

fn outcome(lease: Lease, state: Open) -> Request {
    let expected = state.expected.expect("the expected side closes with its sum");
    let written = state.written.expect("a lease's time closes after its commit");
    let Some(commit) = written.committed.commit.clone() else { return Request::Refused { lease } };
    let actual = state.actual.or(written.committed.known).expect("the actual side closes with its sum");
    Request::Done(Outcome {
        lease,
        counts: expected.counts,
        commit,
        expected: expected.digest,
        actual,
        difference: state.difference,
    })
}
