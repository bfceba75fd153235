//! Several pools by class that exist only in numbers: movers write, validators read back, and the head's own functions say how
//! many of each there are. Coarser than [`simulate`](super::simulate): time goes in steps, and a worker is in one job at a time.

use sensei_engine::cluster::caller::Class;
use sensei_engine::head::scale::{
    Carried, DECIDE_EVERY_MS, Decision, Demand, JobLoad, Load, Rate, Settings, Snapshot, Worker, WorkerState, decide,
    divide,
};

use super::run::{Point, Run};
use crate::Random;

/// Time goes in steps of this.
const STEP_MS: i64 = 500;
/// Splits that one slot of a mover may have written that are not read back, as in a worker's lanes.
const LANES: usize = 2;
/// Connections that one slot uses.
const CONNECTIONS_PER_SLOT: u32 = 2;

/// Pools, and what comes.
#[derive(Clone, Debug)]
pub struct PoolsScenario {
    /// What people set for each pool.
    pub pools: Vec<(Vec<Class>, Settings)>,
    /// When each job is submitted, and the bytes of its splits.
    pub jobs: Vec<(i64, Vec<u64>)>,
    /// Connections to each end that every job allows.
    pub connections: u32,
    /// Bytes per second that one slot writes, and that one reads back.
    pub bytes_per_s: (f64, f64),
    /// How long the pools are watched after the last job.
    pub tail_ms: i64,
    /// When it is given up.
    pub horizon_ms: i64,
}

/// Lives through `scenario`; what happened to each pool.
pub fn simulate_pools(scenario: &PoolsScenario, random: Random) -> Vec<Run> {
    let mut world = World::new(scenario, random);
    while world.now_ms <= scenario.horizon_ms {
        world.step();
        let finished_ms = world.runs[0].finished_ms;
        if finished_ms.is_some_and(|finished_ms| world.now_ms > finished_ms + scenario.tail_ms) {
            break;
        }
        world.now_ms += STEP_MS;
    }
    world.runs
}

struct World<'s> {
    scenario: &'s PoolsScenario,
    random: Random,
    now_ms: i64,
    jobs: Vec<Job>,
    members: Vec<Member>,
    launched: u64,
    scalers: Vec<Scaler>,
    runs: Vec<Run>,
}

#[derive(Default)]
struct Job {
    pending: Vec<u64>,
    unread: Vec<u64>,
    /// Splits that are copied or read back just now.
    open: [usize; 2],
    bytes_left: u64,
    splits_left: u64,
    /// The conductor's member; whether what it writes is read back by others.
    conducted: Option<bool>,
}

struct Member {
    id: u64,
    pool: usize,
    launched_ms: i64,
    registers_ms: i64,
    state: WorkerState,
    leaves_ms: i64,
    job: Option<usize>,
    /// Of each slot: the split's bytes, and those that are left of them.
    slots: Vec<Option<(u64, f64)>>,
    idle_since: Option<i64>,
}

#[derive(Default)]
struct Scaler {
    carried: Carried,
    rates: std::collections::BTreeMap<String, (Rate, u64)>,
}

impl Job {
    fn is_done(&self) -> bool {
        self.splits_left == 0
    }

    fn load(&self, index: usize, connections: u32) -> JobLoad {
        JobLoad {
            id: index.to_string(),
            bytes_left: self.bytes_left,
            splits_left: self.splits_left,
            splits_unread: (self.unread.len() + self.open[1]) as u64,
            shared: true,
            separate: self.conducted == Some(true),
            source_connections: connections,
            target_connections: connections,
        }
    }
}

impl<'s> World<'s> {
    fn new(scenario: &'s PoolsScenario, random: Random) -> World<'s> {
        let job = |(_, splits): &(i64, Vec<u64>)| Job {
            pending: splits.clone(),
            bytes_left: splits.iter().sum(),
            splits_left: splits.len() as u64,
            ..Job::default()
        };
        World {
            scenario,
            random,
            now_ms: 0,
            jobs: scenario.jobs.iter().map(job).collect(),
            members: Vec::new(),
            launched: 0,
            scalers: scenario.pools.iter().map(|_| Scaler::default()).collect(),
            runs: scenario.pools.iter().map(|_| Run::default()).collect(),
        }
    }

    fn step(&mut self) {
        self.come_and_go();
        self.give_work();
        if self.now_ms % DECIDE_EVERY_MS == 0 {
            self.decide();
        }
        self.work();
    }

    fn come_and_go(&mut self) {
        let now_ms = self.now_ms;
        self.members.retain(|member| member.state != WorkerState::Draining || member.leaves_ms > now_ms);
        for member in &mut self.members {
            if member.state == WorkerState::Launching && member.registers_ms <= now_ms {
                member.state = WorkerState::Ready;
            }
        }
    }

    fn is(&self, member: &Member, class: Class) -> bool {
        self.scenario.pools[member.pool].0.contains(&class)
    }

    /// The first worker that is free and does what is asked for.
    fn free(&self, may: impl Fn(&Member) -> bool) -> Option<usize> {
        self.members.iter().position(|member| member.state == WorkerState::Ready && member.job.is_none() && may(member))
    }

    fn give_work(&mut self) {
        for index in 0..self.jobs.len() {
            let job = &self.jobs[index];
            if self.scenario.jobs[index].0 > self.now_ms || job.is_done() {
                continue;
            }
            if job.conducted.is_none() {
                let conducts = |member: &Member| self.is(member, Class::Scout) && self.is(member, Class::Mover);
                let Some(conductor) = self.free(conducts) else { continue };
                self.jobs[index].conducted = Some(!self.is(&self.members[conductor], Class::Validator));
                self.members[conductor].job = Some(index);
            }
            self.add_helpers(index, true);
            self.add_helpers(index, false);
        }
    }

    /// Slots of a job's movers, or of those who read back for them.
    fn slots_of(&self, job: usize, writes: bool) -> usize {
        let does = |member: &&Member| member.job == Some(job) && self.is(member, Class::Mover) == writes;
        self.members.iter().filter(does).map(|member| member.slots.len()).sum()
    }

    fn add_helpers(&mut self, index: usize, writes: bool) {
        loop {
            let (job, separate) = (&self.jobs[index], self.jobs[index].conducted == Some(true));
            let (waits, open) = match writes {
                true => (job.pending.len(), job.pending.len() + job.open[0]),
                false => (job.unread.len(), job.unread.len() + job.open[1]),
            };
            let connections = match (writes, separate) {
                (true, false) => self.scenario.connections,
                (true, true) => self.scenario.connections - self.scenario.connections / 2,
                (false, _) => self.scenario.connections / 2,
            };
            let (slots, room) = (self.slots_of(index, writes), (connections / CONNECTIONS_PER_SLOT) as usize);
            if waits == 0 || open <= slots || (slots >= room && (writes || slots > 0)) {
                return;
            }
            let may = |member: &Member| match writes {
                true => self.is(member, Class::Mover) && (separate || self.is(member, Class::Validator)),
                false => self.is(member, Class::Validator) && !self.is(member, Class::Mover),
            };
            let Some(helper) = self.free(may) else { return };
            self.members[helper].job = Some(index);
        }
    }

    fn work(&mut self) {
        let (writing, reading) = self.scenario.bytes_per_s;
        for index in 0..self.members.len() {
            let Some(job) = self.members[index].job else { continue };
            let writes = self.is(&self.members[index], Class::Mover);
            let room = LANES * self.slots_of(job, true);
            let speed = if writes { writing } else { reading } * STEP_MS as f64 / 1_000.0;
            for slot in 0..self.members[index].slots.len() {
                let begun = self.members[index].slots[slot].or_else(|| self.take(job, writes, room));
                let left = begun.map(|(bytes, left)| (bytes, left - speed));
                let (slot, is_done) = (&mut self.members[index].slots[slot], left.is_some_and(|(_, left)| left <= 0.0));
                *slot = left.filter(|_| !is_done);
                if let (true, Some((bytes, _))) = (is_done, left) {
                    self.finish(job, writes, bytes);
                }
            }
        }
        for job in 0..self.jobs.len() {
            if self.jobs[job].is_done() {
                self.members.iter_mut().filter(|member| member.job == Some(job)).for_each(|member| member.job = None);
            }
        }
        if self.jobs.iter().all(Job::is_done) && self.runs[0].finished_ms.is_none() {
            self.runs[0].finished_ms = Some(self.now_ms);
        }
    }

    /// The next split of a job. Who writes waits while too much of it is not read back.
    fn take(&mut self, index: usize, writes: bool, room: usize) -> Option<(u64, f64)> {
        let job = &mut self.jobs[index];
        let is_full = job.unread.len() + job.open[1] + job.open[0] >= room;
        let bytes = match writes {
            true if is_full && job.conducted == Some(true) => None,
            true => job.pending.pop(),
            false => job.unread.pop(),
        }?;
        job.open[usize::from(!writes)] += 1;
        Some((bytes, bytes as f64))
    }

    fn finish(&mut self, index: usize, writes: bool, bytes: u64) {
        let job = &mut self.jobs[index];
        job.open[usize::from(!writes)] -= 1;
        if writes && job.conducted == Some(true) {
            return job.unread.push(bytes);
        }
        (job.bytes_left, job.splits_left) = (job.bytes_left - bytes, job.splits_left - 1);
        self.runs[0].splits_done += 1;
        self.runs[0].bytes_done += bytes;
    }

    fn decide(&mut self) {
        let there = |(index, job): &(usize, &Job)| self.scenario.jobs[*index].0 <= self.now_ms && !job.is_done();
        let load = Load {
            jobs_queued: self.jobs.iter().enumerate().filter(there).filter(|(_, job)| job.conducted.is_none()).count()
                as u32,
            jobs: self
                .jobs
                .iter()
                .enumerate()
                .filter(there)
                .filter(|(_, job)| job.conducted.is_some())
                .map(|(index, job)| job.load(index, self.scenario.connections))
                .collect(),
        };
        let classes: Vec<&[Class]> = self.scenario.pools.iter().map(|(classes, _)| &**classes).collect();
        for (pool, demand) in divide(&classes, &load).into_iter().enumerate() {
            self.decide_pool(pool, demand);
        }
    }

    fn decide_pool(&mut self, pool: usize, demand: Demand) {
        let settings = &self.scenario.pools[pool].1;
        let demand = self.measured(pool, demand);
        let now_ms = self.now_ms;
        let known = |member: &mut Member| {
            member.idle_since = match (member.state, member.job) {
                (WorkerState::Ready, None) => member.idle_since.or(Some(now_ms)),
                _ => None,
            };
            Worker {
                id: member.id.to_string(),
                launched_at: member.launched_ms,
                state: member.state,
                slots_busy: if member.job.is_some() { member.slots.len() as u32 } else { 0 },
                idle_since: member.idle_since,
                jobs: member.job.iter().map(usize::to_string).collect(),
            }
        };
        let workers = self.members.iter_mut().filter(|member| member.pool == pool).map(known).collect();
        let carried = self.scalers[pool].carried;
        let decision = decide(settings, &Snapshot { now: self.now_ms, demand, workers, carried });
        self.scalers[pool].carried = decision.carried;
        self.record(pool, &decision);
        self.carry_out(pool, &decision);
    }

    fn measured(&mut self, pool: usize, mut demand: Demand) -> Demand {
        for job in &mut demand.jobs {
            let index: usize = job.id.parse().expect("ids are numbers here");
            let writes = self.scenario.pools[pool].0.contains(&Class::Mover);
            let does = |member: &&Member| member.job == Some(index) && self.is(member, Class::Mover) == writes;
            let workers = self.members.iter().filter(does).count() as u32;
            let left = self.jobs[index].bytes_left;
            let (rate, before) = self.scalers[pool].rates.entry(job.id.clone()).or_insert((Rate::default(), left));
            rate.moved(*before - left);
            rate.tick(self.now_ms, workers);
            *before = left;
            job.bytes_per_s_per_worker = rate.bytes_per_s_per_worker();
            job.connections_per_worker = self.scenario.pools[pool].1.slots_per_worker * CONNECTIONS_PER_SLOT;
        }
        demand
    }

    fn record(&mut self, pool: usize, decision: &Decision) {
        let members = || self.members.iter().filter(|member| member.pool == pool);
        let count = |state| members().filter(|member| member.state == state).count() as u32;
        let point = Point {
            at_ms: self.now_ms,
            target: decision.target,
            launching: count(WorkerState::Launching),
            ready: count(WorkerState::Ready),
            busy: members().filter(|member| member.job.is_some()).count() as u32,
            draining: count(WorkerState::Draining),
            launched: decision.launch,
            retired: decision.retire.len() as u32,
            abandoned: decision.abandon.len() as u32,
            budget: u32::MAX,
            bytes_left: self.jobs.iter().map(|job| job.bytes_left).sum(),
        };
        self.runs[pool].points.push(point);
    }

    fn carry_out(&mut self, pool: usize, decision: &Decision) {
        for id in decision.retire.iter().chain(&decision.abandon) {
            let is_it = |member: &&mut Member| member.id.to_string() == *id;
            let member = self.members.iter_mut().find(is_it).expect("only known workers are retired");
            self.runs[pool].busy_retired += u64::from(member.job.is_some());
            member.state = WorkerState::Draining;
            member.leaves_ms = self.now_ms + self.random.below(2_000) as i64;
        }
        for _ in 0..decision.launch {
            self.launched += 1;
            self.members.push(Member {
                id: self.launched,
                pool,
                launched_ms: self.now_ms,
                registers_ms: self.now_ms + 500 + self.random.below(4_500) as i64,
                state: WorkerState::Launching,
                leaves_ms: 0,
                job: None,
                slots: vec![None; self.scenario.pools[pool].1.slots_per_worker as usize],
                idle_since: None,
            });
        }
    }
}
