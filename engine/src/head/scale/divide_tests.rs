//! Which pool gets which work.

use super::*;

const ALL: &[Class] = &[Class::Scout, Class::Mover, Class::Validator];
const SCOUT_MOVER: &[Class] = &[Class::Scout, Class::Mover];
const MOVER: &[Class] = &[Class::Mover];
const VALIDATOR: &[Class] = &[Class::Validator];

fn job(separate: bool, splits_unread: u64) -> JobLoad {
    JobLoad {
        id: "orders".to_owned(),
        bytes_left: 9_000,
        splits_left: 9,
        splits_unread,
        shared: true,
        separate,
        source_connections: 40,
        target_connections: 21,
    }
}

/// Jobs that wait for a pool; and splits, connections to the target, and whether it may be helped, of its part in the job.
type Part = (u32, Option<(u64, u32, bool)>);

fn divided(pools: &[&[Class]], job: JobLoad) -> Vec<Part> {
    let demands = divide(pools, &Load { jobs_queued: 3, jobs: vec![job] });
    let part = |demand: &Demand| demand.jobs.first().map(|job| (job.splits_left, job.target_connections, job.shared));
    demands.iter().map(|demand| (demand.jobs_queued, part(demand))).collect()
}

#[test]
fn a_pool_of_all_classes_does_all_that_is_not_apart() {
    assert_eq!(divided(&[ALL], job(false, 0)), [(3, Some((9, 21, true)))]);
}

#[test]
fn who_writes_and_who_reads_back_share_the_connections_to_the_target() {
    assert_eq!(divided(&[SCOUT_MOVER, VALIDATOR], job(true, 4)), [(3, Some((5, 11, true))), (0, Some((4, 10, true)))]);
    let demand = &divide(&[VALIDATOR], &Load { jobs_queued: 0, jobs: vec![job(true, 4)] })[0].jobs[0];
    assert_eq!((demand.bytes_left, demand.source_connections), (9_000, u32::MAX), "it reads no source");
}

#[test]
fn validators_are_for_nothing_before_something_is_written_and_conductors_to_the_end() {
    assert_eq!(divided(&[SCOUT_MOVER, VALIDATOR], job(true, 0)), [(3, Some((9, 11, true))), (0, None)]);
    assert_eq!(divided(&[SCOUT_MOVER, VALIDATOR], job(true, 9))[0], (3, Some((0, 11, true))));
}

#[test]
fn a_job_that_is_not_apart_is_none_of_the_validators_and_of_no_mover_that_is_none() {
    assert_eq!(divided(&[ALL, VALIDATOR], job(false, 0)), [(3, Some((9, 21, true))), (0, None)]);
    assert_eq!(divided(&[ALL, MOVER], job(false, 0)), [(3, Some((9, 21, true))), (0, None)]);
}

#[test]
fn work_goes_to_the_pool_of_the_fewest_classes_and_of_equals_to_the_first() {
    assert_eq!(
        divided(&[SCOUT_MOVER, MOVER, VALIDATOR], job(true, 4)),
        [(3, Some((0, 21, false))), (0, Some((5, 11, true))), (0, Some((4, 10, true)))]
    );
    assert_eq!(divided(&[VALIDATOR, VALIDATOR], job(true, 4)), [(0, Some((4, 10, true))), (0, None)]);
}

#[test]
fn work_that_no_pool_may_do_is_nobodys() {
    assert_eq!(divided(&[MOVER], job(false, 0)), [(0, None)]);
    assert_eq!(divided(&[VALIDATOR], job(false, 0)), [(0, None)]);
    assert_eq!(divided(&[], job(false, 0)), []);
}
