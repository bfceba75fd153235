//! Keeps as many workers as there is work for: looks, decides, launches and retires, every few seconds, each pool by itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::MissedTickBehavior;

use super::Head;
use super::core::{CONNECTIONS_PER_SLOT, Core};
use super::scale::{
    Carried, DECIDE_EVERY_MS, Decision, Demand, Instance, InstanceState, Provider, ProviderError, Rate, Settings,
    Snapshot, Worker, WorkerState, decide, divide,
};
use super::view::{ScaledPoolView, WorkerView};
use crate::clock::now_ms;
use crate::cluster::caller::{Class, words};

/// A pool that is kept as large as there is work for it.
pub struct ScaledPool {
    /// The classes of its workers. No two pools have the same.
    pub classes: Vec<Class>,
    /// How large it may be, and how it grows and shrinks.
    pub settings: Settings,
    /// Where its workers come from.
    pub provider: Arc<dyn Provider>,
}

/// Has as many workers for a head as there is work for, for ever. What goes wrong once is tried again.
pub async fn autoscale(head: Head, pools: Vec<ScaledPool>) {
    let classes: Vec<Vec<Class>> = pools.iter().map(|pool| pool.classes.clone()).collect();
    let scalers = pools.into_iter().map(|pool| Scaler::new(head.clone(), pool));
    head.until_it_leads().await;
    // Each in its own time, so that a provider that does not answer holds up its own pool only.
    join_all(scalers.enumerate().map(|(index, scaler)| scaler.run(index, &classes))).await;
}

struct Scaler {
    head: Head,
    pool: ScaledPool,
    carried: Carried,
    /// When each worker was launched, and since when it has had nothing to do.
    seen: HashMap<String, (i64, Option<i64>)>,
    /// What a worker moves of each job, and how many of its bytes were left when that was last looked at.
    rates: BTreeMap<String, (Rate, u64)>,
}

impl Scaler {
    fn new(head: Head, pool: ScaledPool) -> Scaler {
        Scaler { head, pool, carried: Carried::default(), seen: HashMap::new(), rates: BTreeMap::new() }
    }

    /// Scales this pool, which is that with this index among all of these, for ever.
    async fn run(mut self, index: usize, classes: &[Vec<Class>]) {
        let classes: Vec<&[Class]> = classes.iter().map(Vec::as_slice).collect();
        let mut tick = tokio::time::interval(Duration::from_millis(DECIDE_EVERY_MS.cast_unsigned()));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            // A head that does not lead leaves the pools to the one that does.
            let Ok((load, views)) = self.head.call(|core| Ok((core.load(), core.pool().workers))).await else {
                continue;
            };
            if let Some(demand) = divide(&classes, &load).into_iter().nth(index) {
                self.round(demand, &views).await;
            }
        }
    }

    fn name(&self) -> String {
        words(&self.pool.classes).join(",")
    }

    async fn round(&mut self, demand: Demand, views: &[WorkerView]) {
        if let Err(error) = self.try_round(demand, views).await {
            tracing::warn!("pool {} is left as it is: {error}; {}", self.name(), error.hint);
        }
    }

    async fn try_round(&mut self, demand: Demand, views: &[WorkerView]) -> std::result::Result<(), ProviderError> {
        let now = now_ms();
        let instances = self.pool.provider.list().await?;
        let workers = instances.iter().map(|instance| self.worker(instance, views, now)).collect();
        self.seen.retain(|id, _| instances.iter().any(|instance| instance.id == *id));
        let demand = self.measured(demand, views, now);
        let decision = decide(&self.pool.settings, &Snapshot { now, demand, workers, carried: self.carried });
        self.carried = decision.carried;
        let launched = self.carry_out(&decision).await;
        let known = instances.into_iter().map(|instance| instance.id);
        self.note(decision, known.chain(launched.iter().flatten().cloned()).collect()).await;
        launched.map(drop)
    }

    /// Has the head know what was decided, for people.
    async fn note(&self, decision: Decision, workers: Vec<String>) {
        let (name, settings) = (self.name(), &self.pool.settings);
        let (launch, retire) = (decision.launch, decision.retire.len());
        let changes = launch > 0 || retire > 0 || !decision.abandon.is_empty();
        let view = ScaledPoolView {
            classes: words(&self.pool.classes),
            workers_min: settings.workers_min,
            workers_max: settings.workers_max,
            workers_wanted: decision.target,
            why: decision.why,
            workers,
        };
        let noted = self.head.call(move |core: &mut Core| {
            if changes {
                core.note_scaling(&name, launch, retire, &view.why);
            }
            core.note_pool(view);
            Ok(())
        });
        // Only a note.
        let _ = noted.await;
    }

    /// Names of those that were launched, as far as they have any by now.
    async fn carry_out(&mut self, decision: &Decision) -> std::result::Result<Vec<String>, ProviderError> {
        let leave = [&*decision.retire, &*decision.abandon].concat();
        if !leave.is_empty() {
            self.pool.provider.retire(&leave).await?;
        }
        if decision.launch == 0 {
            return Ok(Vec::new());
        }
        let launched = self.pool.provider.launch(decision.launch).await?;
        let now = now_ms();
        self.seen.extend(launched.iter().map(|id| (id.clone(), (now, None))));
        Ok(launched)
    }

    fn worker(&mut self, instance: &Instance, views: &[WorkerView], now: i64) -> Worker {
        let view = views.iter().find(|view| view.id == instance.id);
        let (launched_at, idle_since) =
            self.seen.entry(instance.id.clone()).or_insert((instance.launched_at.unwrap_or(now), None));
        let busy = view.map_or(0, |view| view.slots_busy);
        *idle_since = match view {
            Some(_) if busy == 0 => idle_since.or(Some(now)),
            _ => None,
        };
        let state = match (instance.state, view) {
            (InstanceState::Stopping, _) => WorkerState::Draining,
            (_, Some(view)) if view.state == "draining" => WorkerState::Draining,
            (_, Some(_)) => WorkerState::Ready,
            (_, None) => WorkerState::Launching,
        };
        Worker {
            id: instance.id.clone(),
            launched_at: *launched_at,
            state,
            slots_busy: busy,
            idle_since: *idle_since,
            jobs: view.map_or_else(Vec::new, |view| view.jobs.clone()),
        }
    }

    /// Adds to each job's demand what workers like these were measured to move, whoever started them.
    fn measured(&mut self, mut demand: Demand, views: &[WorkerView], now: i64) -> Demand {
        let writes = self.pool.classes.contains(&Class::Mover);
        self.rates.retain(|id, _| demand.jobs.iter().any(|job| job.id == *id));
        for job in &mut demand.jobs {
            let works = |view: &&WorkerView| view.jobs.contains(&job.id) && view.is(Class::Mover) == writes;
            let workers = views.iter().filter(works).count() as u32;
            let (rate, left) = self.rates.entry(job.id.clone()).or_insert((Rate::default(), job.bytes_left));
            rate.moved(left.saturating_sub(job.bytes_left));
            rate.tick(now, workers);
            *left = job.bytes_left;
            job.bytes_per_s_per_worker = rate.bytes_per_s_per_worker();
            job.connections_per_worker = self.pool.settings.slots_per_worker * CONNECTIONS_PER_SLOT;
        }
        demand
    }
}
