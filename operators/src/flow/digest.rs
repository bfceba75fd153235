//! Sums each lease's rows into one digest, given out when its closing record passes.

use std::collections::BTreeMap;
use std::sync::Arc;

use sensei_storage::Digest;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

use crate::flow::event::{Counts, Event, Lease};
use crate::hash::RowHasher;
use crate::times::{Step, Times};

#[derive(Clone, Debug)]
pub(crate) struct Summed {
    pub digest: Digest,
    pub counts: Counts,
}

/// `hashers`: by table index.
pub(crate) fn digest<'scope>(
    stream: StreamVec<'scope, Lease, Event>,
    name: &str,
    hashers: Arc<Vec<RowHasher>>,
    times: Arc<Times>,
) -> StreamVec<'scope, Lease, Summed> {
    stream.unary(Pipeline, name, move |_, _| {
        let mut open: BTreeMap<Lease, Digest> = BTreeMap::new();
        move |input, output| {
            input.for_each(|time, data| {
                for event in data.drain(..) {
                    match event {
                        Event::Rows { table, rows } => {
                            let hasher = &hashers[table as usize];
                            let digest = times.on(Step::Digest, || hasher.digest(&rows.batch));
                            *open.entry(*time.time()).or_default() += digest;
                        }
                        Event::Close { counts, .. } => {
                            let digest = open.remove(time.time()).unwrap_or_default();
                            output.session(&time).give(Summed { digest, counts });
                        }
                    }
                }
            });
        }
    })
}
