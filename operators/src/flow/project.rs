//! Applies each table's projection; rejected rows leave here, and the closing record learns the counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

use crate::flow::event::{Counts, Event, Lease, Request, Rows};
use crate::flow::feed::Fed;
use crate::flow::port::Outlet;
use crate::project::Projection;

/// `projections`: by table index.
pub(crate) fn project<'scope>(
    stream: StreamVec<'scope, Lease, Fed>,
    projections: Arc<Vec<Projection>>,
    outlet: Outlet<Request>,
) -> StreamVec<'scope, Lease, Event> {
    stream.unary(Pipeline, "Project", move |_, _| {
        let mut open: BTreeMap<Lease, Counts> = BTreeMap::new();
        move |input, output| {
            input.for_each(|time, data| {
                let lease = *time.time();
                let mut session = output.session(&time);
                for fed in data.drain(..) {
                    session.give(match fed {
                        Fed::Close { table } => Event::Close { table, counts: open.remove(&lease).unwrap_or_default() },
                        Fed::Rows { table, batch, permit } => {
                            let projected = projections[table as usize].apply(batch);
                            let counts = open.entry(lease).or_default();
                            counts.filtered += projected.filtered;
                            counts.rejected += projected.faults.len() as u64;
                            counts.passed += projected.rows.num_rows() as u64;
                            counts.read = counts.rejected + counts.passed;
                            for (column, rows) in projected.lossy {
                                *counts.lossy.entry(column).or_default() += rows;
                            }
                            if !projected.faults.is_empty() {
                                let (faults, permit) = (projected.faults, permit.clone());
                                // Nobody listens any more only when the process is on its way out.
                                let _ = outlet.send(Request::Reject { lease, faults, permit });
                            }
                            Event::Rows { table, rows: Rows { batch: projected.rows, permit } }
                        }
                    });
                }
            });
        }
    })
}
