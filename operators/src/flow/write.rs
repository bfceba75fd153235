//! The sink: hands rows to the writer outside, and asks for the commit only when the frontier has passed the lease
//! and its closing record agrees with the rows that were sent. Neither is trusted alone.

use std::collections::BTreeMap;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

use crate::flow::event::{Committed, Event, Lease, Request};
use crate::flow::port::{Arrival, Inlet, Outlet};

struct Open {
    capability: Capability<Lease>,
    sent: u64,
    closed: Option<u64>,
    asked: bool,
}

#[derive(Clone)]
pub(crate) struct Written {
    pub table: u32,
    pub committed: std::sync::Arc<Committed>,
}

pub(crate) fn write<'scope>(
    stream: StreamVec<'scope, Lease, Event>,
    outlet: Outlet<Request>,
    mut inlet: Inlet<Committed>,
) -> StreamVec<'scope, Lease, Written> {
    let scope = stream.scope();
    let mut builder = OperatorBuilder::new("Write".to_owned(), scope);
    let mut input = builder.new_input(stream, Pipeline);
    let (mut output, written) = builder.new_output::<Vec<Written>>();
    inlet.register(scope, &builder.operator_info().address);
    builder.build_reschedule(move |_capabilities| {
        let mut open: BTreeMap<Lease, (Open, u32)> = BTreeMap::new();
        move |frontiers| {
            input.for_each(|time, data| {
                let lease = *time.time();
                for event in data.drain(..) {
                    let table = match &event {
                        Event::Rows { table, .. } | Event::Close { table, .. } => *table,
                    };
                    let fresh = || (Open { capability: time.retain(0), sent: 0, closed: None, asked: false }, table);
                    let (state, _) = open.entry(lease).or_insert_with(fresh);
                    match event {
                        Event::Rows { rows, .. } => {
                            state.sent += rows.batch.num_rows() as u64;
                            let _ = outlet.send(Request::Write { lease, rows });
                        }
                        Event::Close { counts, .. } => state.closed = Some(counts.passed),
                    }
                }
            });
            for (lease, (state, _)) in &mut open {
                let passed = !frontiers[0].less_equal(lease);
                if passed && !state.asked {
                    let counted = state.closed.expect("a lease's time closes after its closing record");
                    assert_eq!(state.sent, counted, "rows sent to the writer and rows counted by the projection");
                    state.asked = true;
                    let _ = outlet.send(Request::Commit { lease: *lease, rows: state.sent });
                }
            }
            while let Arrival::Item(committed) = inlet.next() {
                let (state, table) = open.remove(&committed.lease).expect("a commit answers an open lease");
                let committed = std::sync::Arc::new(committed);
                output.activate().give(&state.capability, &mut vec![Written { table, committed }]);
            }
            !open.is_empty()
        }
    });
    written
}
