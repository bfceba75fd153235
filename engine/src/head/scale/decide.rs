//! What to launch and what to retire, from what is known.

use super::want::{Want, want};
use super::why::why;
use super::{Carried, Decision, Millis, Settings, Snapshot, Worker, WorkerState};

/// Decides how the pool changes now. Call it every [`super::DECIDE_EVERY_MS`] and carry out what it says.
///
/// - The target is what moves the bytes left within the drain target, at least one worker per job, within the minimum,
///   the maximum and what the jobs' connections and splits have use for.
/// - Launches: at most `upscaling_speed` per worker there is, and `launches_max` on their way; nothing that is there in
///   any state, launches included, ever exceeds the ceiling because of a launch.
/// - Retirements: idle workers alone, longest idle first, after the idle timeout, and not within the cooldown after a
///   launch. Where a ceiling was lowered below what there is, idle workers go at once.
/// - A launch waits for the cooldown after a retirement unless every worker has work, or there are fewer than the minimum.
pub fn decide(settings: &Settings, snapshot: &Snapshot) -> Decision {
    let want = want(settings, &snapshot.demand);
    let pool = Pool::of(settings, snapshot);
    let launch = launches(settings, snapshot, &want, &pool);
    let retire = if launch > 0 { Vec::new() } else { retirements(settings, snapshot, &want, &pool) };
    let carried = carried(snapshot, launch, &retire);
    let why = why(settings, snapshot, &want);
    let abandon = pool.late.iter().map(|worker| worker.id.clone()).collect();
    Decision { launch, retire, abandon, wanted: want.wanted, target: want.target, why, carried }
}

/// The workers by what they are good for.
struct Pool<'s> {
    /// All that are there in any state, and may hold connections.
    present: u32,
    /// Those that will register.
    launching: u32,
    /// Those that should have registered by now.
    late: Vec<&'s Worker>,
    /// Those that take work.
    ready: u32,
    /// Those of them that have none, longest idle first.
    idle: Vec<(Millis, &'s Worker)>,
}

impl<'s> Pool<'s> {
    fn of(settings: &Settings, snapshot: &'s Snapshot) -> Pool<'s> {
        let mut pool = Pool { present: 0, launching: 0, late: Vec::new(), ready: 0, idle: Vec::new() };
        for worker in &snapshot.workers {
            pool.add(worker, worker.launched_at.saturating_add(settings.launch_timeout_ms) < snapshot.now);
        }
        pool.idle.sort_by_key(|(since, worker)| (*since, &worker.id));
        pool
    }

    fn add(&mut self, worker: &'s Worker, overdue: bool) {
        self.present += u32::from(worker.state != WorkerState::Gone);
        match worker.state {
            WorkerState::Launching if overdue => self.late.push(worker),
            WorkerState::Launching => self.launching += 1,
            WorkerState::Ready => {
                self.ready += 1;
                self.idle.extend(idle_since(worker).map(|since| (since, worker)));
            }
            WorkerState::Draining | WorkerState::Gone => {}
        }
    }

    /// Those that can be counted on.
    fn coming(&self) -> u32 {
        self.ready + self.launching
    }
}

fn idle_since(worker: &Worker) -> Option<Millis> {
    worker.idle_since.filter(|_| worker.slots_busy == 0 && worker.jobs.is_empty())
}

fn launches(settings: &Settings, snapshot: &Snapshot, want: &Want, pool: &Pool<'_>) -> u32 {
    let missing = want.target.saturating_sub(pool.coming());
    let below_min = pool.coming() < settings.workers_min;
    let pressing = below_min || pool.idle.is_empty();
    if !pressing && within(settings.cooldown_ms, snapshot.carried.retired_at, snapshot.now) {
        return 0;
    }
    let step = (settings.upscaling_speed * f64::from(pool.coming())).ceil() as u32;
    let room = want.ceiling.saturating_sub(pool.present);
    let on_their_way = pool.launching + pool.late.len() as u32;
    missing.min(step.max(1)).min(room).min(settings.launches_max.saturating_sub(on_their_way))
}

fn retirements(settings: &Settings, snapshot: &Snapshot, want: &Want, pool: &Pool<'_>) -> Vec<String> {
    // Workers on their way may never come: the minimum is kept by those that are there.
    let spare = pool.ready.saturating_sub(settings.workers_min.min(settings.workers_max));
    let surplus = pool.coming().saturating_sub(want.target).min(spare) as usize;
    let over = pool.present.saturating_sub(settings.workers_max) as usize;
    let launched_lately = within(settings.cooldown_ms, snapshot.carried.launched_at, snapshot.now);
    let rested = |since: Millis| snapshot.now.saturating_sub(since) >= settings.idle_timeout_ms;
    let may_go =
        |(rank, (since, _)): &(usize, &(Millis, &Worker))| *rank < over || (!launched_lately && rested(*since));
    let going = pool.idle.iter().take(surplus).enumerate().filter(may_go);
    going.map(|(_, (_, worker))| worker.id.clone()).collect()
}

fn within(cooldown_ms: Millis, last: Option<Millis>, now: Millis) -> bool {
    last.is_some_and(|last| now.saturating_sub(last) < cooldown_ms)
}

fn carried(snapshot: &Snapshot, launch: u32, retire: &[String]) -> Carried {
    let before = snapshot.carried;
    Carried {
        launched_at: if launch > 0 { Some(snapshot.now) } else { before.launched_at },
        retired_at: if retire.is_empty() { before.retired_at } else { Some(snapshot.now) },
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
