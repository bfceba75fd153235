//! Applies each table's projection; rejected rows leave here, and the closing record learns the counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

use crate::flow::event::{Counts, Event, Lease, Request, Rows};
use crate::flow::feed::Fed;
use crate::flow::port::Outlet;
use crate::hash::RowHasher;
use crate::project::{Projected, Projection};
use crate::refusal::Refusals;
use crate::times::{Step, Times};

#[derive(Default)]
struct Open {
    counts: Counts,
    refused: Refusals,
}

/// `projections`, `hashers`: by table index. The hashers tell rows that the target is known to refuse.
pub(crate) fn project<'scope>(
    stream: StreamVec<'scope, Lease, Fed>,
    projections: Arc<Vec<Projection>>,
    hashers: Arc<Vec<RowHasher>>,
    times: Arc<Times>,
    outlet: Outlet<Request>,
) -> StreamVec<'scope, Lease, Event> {
    stream.unary(Pipeline, "Project", move |_, _| {
        let mut open: BTreeMap<Lease, Open> = BTreeMap::new();
        move |input, output| {
            input.for_each(|time, data| {
                let lease = *time.time();
                let mut session = output.session(&time);
                for fed in data.drain(..) {
                    match fed {
                        Fed::Open { refused } => open.entry(lease).or_default().refused = refused,
                        Fed::Close { table } => {
                            let counts = open.remove(&lease).unwrap_or_default().counts;
                            session.give(Event::Close { table, counts });
                        }
                        Fed::Rows { table, batch, permit } => {
                            let index = table as usize;
                            let state = open.entry(lease).or_default();
                            let (projection, hasher) = (&projections[index], &hashers[index]);
                            let apply = || projection.apply_without(batch, hasher, &mut state.refused);
                            let projected = times.on(Step::Transform, apply);
                            state.counts.add(&projected);
                            let Projected { rows: batch, rejected, .. } = projected;
                            if !rejected.is_empty() {
                                let permit = permit.clone();
                                // Nobody listens any more only when the process is on its way out.
                                let _ = outlet.send(Request::Reject { lease, rejected, permit });
                            }
                            session.give(Event::Rows { table, rows: Rows { batch, permit } });
                        }
                    }
                }
            });
        }
    })
}

impl Counts {
    fn add(&mut self, projected: &Projected) {
        self.filtered += projected.filtered;
        self.rejected += projected.rejected.len() as u64;
        self.passed += projected.rows.num_rows() as u64;
        self.read = self.rejected + self.passed;
        for (column, rows) in &projected.lossy {
            *self.lossy.entry(column.clone()).or_default() += rows;
        }
    }
}
