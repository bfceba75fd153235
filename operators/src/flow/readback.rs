//! Reads each commit back from the target: the actual side is what the target says it holds, never what was sent.

use std::collections::BTreeMap;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

use crate::flow::event::{Counts, Event, Feed, Lease, Request, Rows};
use crate::flow::port::{Arrival, Inlet, Outlet};
use crate::flow::write::Written;

struct Open {
    capability: Capability<Lease>,
    table: u32,
    rows: u64,
}

/// Emits the rows that arrive at `inlet` for the leases in `stream`; a lease whose actual digest is known is not read, nor
/// one that committed nothing.
pub(crate) fn read_back<'scope>(
    stream: StreamVec<'scope, Lease, Written>,
    outlet: Outlet<Request>,
    mut inlet: Inlet<Feed>,
) -> StreamVec<'scope, Lease, Event> {
    let scope = stream.scope();
    let mut builder = OperatorBuilder::new("ReadBack".to_owned(), scope);
    let mut input = builder.new_input(stream, Pipeline);
    let (mut output, rows) = builder.new_output::<Vec<Event>>();
    inlet.register(scope, &builder.operator_info().address);
    builder.build_reschedule(move |_capabilities| {
        let mut open: BTreeMap<Lease, Open> = BTreeMap::new();
        move |_frontiers| {
            input.for_each(|time, data| {
                for Written { table, committed } in data.drain(..) {
                    let lease = *time.time();
                    let (None, Some(commit)) = (committed.known, &committed.commit) else { continue };
                    open.insert(lease, Open { capability: time.retain(0), table, rows: 0 });
                    let _ = outlet.send(Request::ReadBack { lease, commit: commit.clone() });
                }
            });
            while let Arrival::Item(feed) = inlet.next() {
                match feed {
                    Feed::Open { .. } => unreachable!("the read-back of a lease is opened by its commit"),
                    Feed::Rows { lease, batch, permit } => {
                        let state = open.get_mut(&lease).expect("rows answer an open read-back");
                        state.rows += batch.rows.num_rows() as u64;
                        let event = Event::Rows { table: state.table, rows: Rows { batch: batch.rows, permit } };
                        output.activate().give(&state.capability, &mut vec![event]);
                    }
                    Feed::Close { lease } => {
                        let state = open.remove(&lease).expect("a read-back closes once");
                        let counts = Counts { read: state.rows, ..Counts::default() };
                        output
                            .activate()
                            .give(&state.capability, &mut vec![Event::Close { table: state.table, counts }]);
                    }
                }
            }
            !open.is_empty()
        }
    });
    rows
}
