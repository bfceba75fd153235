//! The asynchronous source: rows read outside the graph enter at their lease's time.

use std::collections::BTreeMap;

use sensei_storage::Batch;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, StreamVec};

use crate::flow::event::{Feed, Lease, Permit};
use crate::flow::port::{Arrival, Inlet};
use crate::refusal::Refusals;

/// Batches taken from the inlet before other operators get their turn.
const FUEL: usize = 16;

#[derive(Clone)]
pub(crate) enum Fed {
    Open { refused: Refusals },
    Rows { table: u32, batch: Batch, permit: Permit },
    Close { table: u32 },
}

/// Emits what arrives at `inlet`. A lease's capability is kept from its opening to its closing record, so a feed that
/// breaks off holds its time open for ever instead of looking complete.
pub(crate) fn feed<'scope>(scope: Scope<'scope, Lease>, mut inlet: Inlet<Feed>) -> StreamVec<'scope, Lease, Fed> {
    let mut builder = OperatorBuilder::new("Read".to_owned(), scope);
    let (mut output, stream) = builder.new_output::<Vec<Fed>>();
    let address = builder.operator_info().address;
    inlet.register(scope, &address);
    let again = scope.activator_for(address);
    builder.build_reschedule(move |mut capabilities| {
        let mut base = capabilities.pop();
        let mut open: BTreeMap<Lease, (Capability<Lease>, u32)> = BTreeMap::new();
        move |_frontiers| {
            for _ in 0..FUEL {
                match inlet.next() {
                    Arrival::Item(Feed::Open { lease, table, refused }) => {
                        let base = base.as_mut().expect("an inlet that delivers is not closed");
                        let capability = base.delayed(&lease);
                        output.activate().give(&capability, &mut vec![Fed::Open { refused }]);
                        open.insert(lease, (capability, table));
                        base.downgrade(&(lease + 1));
                    }
                    Arrival::Item(Feed::Rows { lease, batch, permit }) => {
                        let (capability, table) = open.get(&lease).expect("rows come after their lease opened");
                        output.activate().give(capability, &mut vec![Fed::Rows { table: *table, batch, permit }]);
                    }
                    Arrival::Item(Feed::Close { lease }) => {
                        let (capability, table) = open.remove(&lease).expect("a lease closes once, after it opened");
                        output.activate().give(&capability, &mut vec![Fed::Close { table }]);
                    }
                    Arrival::NothingYet => return !open.is_empty() || base.is_some(),
                    Arrival::Closed => {
                        base = None;
                        return !open.is_empty();
                    }
                }
            }
            again.activate();
            true
        }
    });
    stream
}
