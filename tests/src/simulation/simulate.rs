//! The simulation: a queue of events, a virtual clock, and the head's own decision function.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use sensei_engine::head::scale::{Carried, DECIDE_EVERY_MS, Decision, Demand, Snapshot, WorkerState, decide};

use super::pool::{Member, Task, known};
use super::run::{Point, Run};
use super::scenario::Scenario;
use super::work::Job;
use crate::Random;

/// How long the head goes on believing in a worker that died.
const LEASE_MS: i64 = 10_000;
/// How long a retired worker takes to leave, at most.
const LEAVE_MS: usize = 2_000;

/// Lives through `scenario`.
pub fn simulate(scenario: &Scenario, random: Random) -> Run {
    let mut world = World::new(scenario, random);
    while let Some(Reverse((at_ms, _, event))) = world.events.pop() {
        world.now_ms = at_ms;
        if at_ms > scenario.horizon_ms || world.is_over() {
            break;
        }
        world.happen(event);
    }
    world.run
}

/// What happens at a moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Submitted(usize),
    Registered(u64),
    Done(u64, usize),
    Died(u64),
    Missed(u64),
    Left(u64),
    Decide,
}

struct World<'s> {
    scenario: &'s Scenario,
    random: Random,
    now_ms: i64,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    event_count: u64,
    jobs: Vec<Job>,
    members: BTreeMap<u64, Member>,
    member_count: u64,
    carried: Carried,
    /// Slots that work, on all workers.
    slots_busy: u32,
    run: Run,
}

impl<'s> World<'s> {
    fn new(scenario: &'s Scenario, random: Random) -> World<'s> {
        let mut world = World {
            scenario,
            random,
            now_ms: 0,
            events: BinaryHeap::new(),
            event_count: 0,
            jobs: Vec::new(),
            members: BTreeMap::new(),
            member_count: 0,
            carried: Carried::default(),
            slots_busy: 0,
            run: Run::default(),
        };
        for (index, job) in scenario.jobs.iter().enumerate() {
            world.plan(job.at_ms, Event::Submitted(index));
        }
        world.plan(0, Event::Decide);
        world
    }

    fn plan(&mut self, at_ms: i64, event: Event) {
        self.event_count += 1;
        self.events.push(Reverse((at_ms, self.event_count, event)));
    }

    fn is_over(&self) -> bool {
        let idle = self.scenario.jobs.is_empty().then_some(0);
        self.run.finished_ms.or(idle).is_some_and(|end_ms| self.now_ms > end_ms + self.scenario.tail_ms)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Submitted(index) => self.submitted(index),
            Event::Registered(id) => self.registered(id),
            Event::Done(id, slot) => self.done(id, slot),
            Event::Died(id) => self.died(id),
            Event::Missed(id) => self.missed(id),
            Event::Left(id) => drop(self.members.remove(&id)),
            Event::Decide => self.decide(),
        }
    }

    fn submitted(&mut self, index: usize) {
        self.jobs.push(Job::new(index, &self.scenario.jobs[index]));
        self.assign_all();
    }

    fn registered(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.state == WorkerState::Launching) else {
            return;
        };
        member.state = WorkerState::Ready;
        if self.scenario.life_ms > 0 {
            let even = (self.random.below(1 << 20) + 1) as f64 / f64::from(1 << 20);
            let life_ms = (-even.ln() * self.scenario.life_ms as f64) as i64;
            self.plan(self.now_ms + life_ms, Event::Died(id));
        }
        self.assign_all();
    }

    fn done(&mut self, id: u64, slot: usize) {
        let Some(member) = self.members.get_mut(&id).filter(|member| !member.dead) else { return };
        let mut task = member.tasks[slot].take().expect("what ends was begun");
        let job = &mut self.jobs[task.job];
        job.rate.moved(task.report(self.now_ms));
        let left = job.done(id, task.bytes);
        self.slots_busy -= 1;
        self.run.splits_done += 1;
        self.run.bytes_done += task.bytes;
        let is_done = job.is_done();
        if is_done {
            self.conclude(task.job);
        }
        if left || is_done { self.assign_all() } else { self.assign(id) }
    }

    fn conclude(&mut self, index: usize) {
        if let Some(member) = self.jobs[index].conductor.take().and_then(|id| self.members.get_mut(&id)) {
            member.conducts -= 1;
        }
        if self.jobs.len() == self.scenario.jobs.len() && self.jobs.iter().all(Job::is_done) {
            self.run.finished_ms = Some(self.now_ms);
        }
    }

    fn died(&mut self, id: u64) {
        if let Some(member) = self.members.get_mut(&id).filter(|member| member.state == WorkerState::Ready) {
            member.dead = true;
            self.plan(self.now_ms + LEASE_MS, Event::Missed(id));
        }
    }

    fn missed(&mut self, id: u64) {
        let Some(mut member) = self.members.remove(&id) else { return };
        for task in member.tasks.iter_mut().filter_map(Option::take) {
            self.jobs[task.job].lost(id, task.bytes);
            self.slots_busy -= 1;
            self.run.splits_lost += 1;
        }
        for job in self.jobs.iter_mut().filter(|job| job.conductor == Some(id)) {
            job.conductor = None;
        }
        self.assign_all();
    }

    fn assign_all(&mut self) {
        self.appoint_all(1);
        let ids: Vec<u64> = self.members.iter().filter(|(_, member)| member.takes_work()).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.assign(id));
    }

    fn appoint_all(&mut self, most: u32) {
        for index in 0..self.jobs.len() {
            if self.jobs[index].is_queued() {
                self.appoint(index, most);
            }
        }
    }

    /// A job is conducted by the worker that conducts the fewest, if those are fewer than `most`.
    fn appoint(&mut self, index: usize, most: u32) {
        let free = self.members.iter_mut().filter(|(_, member)| member.takes_work() && member.conducts < most);
        if let Some((id, member)) = free.min_by_key(|(id, member)| (member.conducts, member.slots_busy(), **id)) {
            member.conducts += 1;
            self.jobs[index].conductor = Some(*id);
        }
    }

    /// Jobs share a worker only if no other will come: a job that nobody may help is bound to its conductor's worker for good,
    /// and would wait there behind others while workers that came a moment later stand idle.
    fn share_conductors(&mut self) {
        if self.members.values().any(|member| member.state == WorkerState::Launching) {
            return;
        }
        let slots = self.scenario.settings.slots_per_worker;
        self.appoint_all(slots);
        self.assign_all();
    }

    /// Gives splits to the free slots of a worker.
    fn assign(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.takes_work()) else { return };
        let mut begun = Vec::new();
        for (slot, place) in member.tasks.iter_mut().enumerate().filter(|(_, place)| place.is_none()) {
            let offers = self.jobs.iter_mut().enumerate().filter(|(_, job)| job.offers(id));
            let Some((job, best)) = offers.max_by_key(|(index, job)| (job.preference(id), Reverse(*index))) else {
                break;
            };
            let Some(bytes) = best.take(id) else { break };
            self.run.over_budget =
                self.run.over_budget.max((best.slots.len() as u32).saturating_sub(best.workers_max()));
            let slower = 1.0 + self.scenario.jitter * self.random.below(1 << 20) as f64 / f64::from(1 << 20);
            self.slots_busy += 1;
            let share = self.scenario.database_bytes_per_s / f64::from(self.slots_busy);
            let took_ms = bytes as f64 * slower * 1_000.0 / share.min(self.scenario.bytes_per_s_per_slot);
            let ends_ms = self.now_ms + (took_ms as i64).max(1);
            *place = Some(Task { job, bytes, begun_ms: self.now_ms, ends_ms, reported: 0 });
            begun.push((ends_ms, slot));
        }
        member.note_idle(self.now_ms);
        begun.into_iter().for_each(|(ends_ms, slot)| self.plan(ends_ms, Event::Done(id, slot)));
    }

    fn decide(&mut self) {
        self.measure();
        let jobs = self.jobs.iter().filter(|job| job.conductor.is_some()).map(Job::demand).collect();
        let jobs_queued = self.jobs.iter().filter(|job| job.is_queued()).count() as u32;
        let demand = Demand { jobs_queued, jobs };
        let snapshot = Snapshot { now: self.now_ms, demand, workers: known(&self.members), carried: self.carried };
        let decision = decide(&self.scenario.settings, &snapshot);
        self.carried = decision.carried;
        self.record(&decision, jobs_queued);
        self.carry_out(&decision);
        self.share_conductors();
        self.plan(self.now_ms + DECIDE_EVERY_MS, Event::Decide);
    }

    fn measure(&mut self) {
        for member in self.members.values_mut().filter(|member| !member.dead) {
            member.note_idle(self.now_ms);
            for task in member.tasks.iter_mut().flatten() {
                self.jobs[task.job].rate.moved(task.report(self.now_ms));
            }
        }
        for job in self.jobs.iter_mut().filter(|job| !job.is_done()) {
            job.rate.tick(self.now_ms, job.slots.len() as u32);
        }
    }

    fn record(&mut self, decision: &Decision, jobs_queued: u32) {
        let count = |state| self.members.values().filter(|member| member.state == state).count() as u32;
        let busy = self.members.values().filter(|member| member.state == WorkerState::Ready && member.has_work());
        let conducted = self.jobs.iter().filter(|job| job.conductor.is_some());
        self.run.points.push(Point {
            at_ms: self.now_ms,
            target: decision.target,
            launching: count(WorkerState::Launching),
            ready: count(WorkerState::Ready),
            busy: busy.count() as u32,
            draining: count(WorkerState::Draining),
            launched: decision.launch,
            retired: decision.retire.len() as u32,
            abandoned: decision.abandon.len() as u32,
            budget: conducted.map(Job::workers_max).fold(jobs_queued, u32::saturating_add),
            bytes_left: self.jobs.iter().map(|job| job.bytes_left).sum(),
        });
    }

    fn carry_out(&mut self, decision: &Decision) {
        for id in decision.retire.iter().chain(&decision.abandon) {
            let id = id.parse().expect("ids are numbers here");
            let member = self.members.get_mut(&id).expect("only known workers are retired");
            self.run.busy_retired += u64::from(member.has_work());
            if let Some(since_ms) = member.idle_since {
                let rested_ms = self.now_ms - since_ms;
                self.run.rested_least_ms =
                    Some(self.run.rested_least_ms.map_or(rested_ms, |least| least.min(rested_ms)));
            }
            member.state = WorkerState::Draining;
            let leaves_ms = self.now_ms + self.random.below(LEAVE_MS) as i64;
            self.plan(leaves_ms, Event::Left(id));
        }
        (0..decision.launch).for_each(|_| self.launch());
    }

    fn launch(&mut self) {
        self.member_count += 1;
        let id = self.member_count;
        self.members.insert(id, Member::launched(self.now_ms, self.scenario.settings.slots_per_worker));
        if self.scenario.lost_launch_in == 0 || !self.random.once_in(self.scenario.lost_launch_in) {
            let (shortest, longest) = self.scenario.start_ms;
            let start_ms = shortest + self.random.below((longest - shortest + 1) as usize) as i64;
            self.plan(self.now_ms + start_ms, Event::Registered(id));
        }
    }
}
