//! Tests of what the head decides: a job's life, its workers' deaths, and a random walk of all of it over a real store.

mod cuts;
mod databases;
mod halves;
mod life;
mod walk;

use super::*;
use crate::cluster::caller::Class;
use crate::head::record::{Half, Opened, SplitRecord};
use crate::head::splits::Granted;

pub(super) const PLAN: &str = "version: 1\nname: shop\nsource: { url: \"postgresql://a/shop\" }\ntarget: { url: \"postgresql://b/shop\" }\n\
     limits: { source_connections: 80, target_connections: 80 }\n";

pub(super) fn head() -> Core {
    Core::recover(Loaded::default(), 1, 1_000)
}

pub(super) fn plan(name: &str) -> String {
    PLAN.replace("shop", name)
}

pub(super) fn submit(core: &mut Core, name: &str) -> String {
    let submission = Submission { plan: plan(name), id: None, by: "ann".to_owned() };
    core.submit(submission).expect("a plan").0.id
}

/// A worker of all classes says what it runs.
pub(super) fn beat(core: &mut Core, worker: &str, slots: u32, children: &[ChildState]) -> Vec<Order> {
    core.beat(Beat { children: children.to_vec(), ..a_beat(worker, slots) }).expect("a sound beat")
}

/// A worker of these classes says what it runs.
pub(super) fn beat_as(
    core: &mut Core,
    worker: &str,
    classes: &[Class],
    slots: u32,
    children: &[ChildState],
) -> Vec<Order> {
    let beat = Beat { classes: classes.to_vec(), children: children.to_vec(), ..a_beat(worker, slots) };
    core.beat(beat).expect("a sound beat")
}

/// What a worker of all classes says that runs nothing.
pub(super) fn a_beat(worker: &str, slots: u32) -> Beat {
    Beat {
        worker: worker.to_owned(),
        instance: String::new(),
        number: 0,
        classes: vec![Class::Scout, Class::Mover, Class::Validator],
        zone: String::new(),
        version: String::new(),
        slots,
        draining: false,
        children: Vec::new(),
        network: "here".to_owned(),
    }
}

pub(super) fn running(order: &Order) -> ChildState {
    ChildState { task: order.task.clone(), ending: None }
}

pub(super) fn ended(order: &Order, exit_code: u32) -> ChildState {
    ChildState { task: order.task.clone(), ending: Some(Ending { exit_code, said: "it broke".to_owned() }) }
}

pub(super) fn name(worker: &str, job: &str, attempt: u32) -> TaskName {
    TaskName { worker: worker.to_owned(), job: job.to_owned(), attempt }
}

pub(super) fn opened(connections: u32) -> Opened {
    Opened {
        brief_json: b"{}".to_vec(),
        shared: true,
        separate: false,
        source_connections: connections,
        target_connections: connections,
        complete: false,
        closed: false,
    }
}

/// Opens a job and offers `count` splits.
pub(super) fn open(core: &mut Core, task: &TaskName, count: u32, connections: u32) {
    core.open(task, opened(connections)).expect("its own job");
    let splits = (0..count).map(|split| offered(split, 100, false, Half::Copy, vec![split as u8])).collect();
    core.offer(task, splits, true).expect("its own job");
}

pub(super) fn take(core: &mut Core, task: &TaskName) -> Option<Granted> {
    core.next(task, 1).expect("its own job").granted.pop()
}

/// Lets time pass, second by second: a head that is not asked for longer takes it that it hung itself.
pub(super) fn pass(core: &mut Core, until: Millis) {
    while core.now < until {
        core.set_time(until.min(core.now + 1_000));
        core.tick();
    }
}
