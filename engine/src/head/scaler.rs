//! Keeps as many workers as there is work for: looks, decides, launches and retires, every few seconds.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::Head;
use super::core::{CONNECTIONS_PER_SLOT, Core};
use super::scale::{
    Carried, DECIDE_EVERY_MS, Decision, Demand, Instance, InstanceState, Provider, ProviderError, Rate, Settings,
    Snapshot, Worker, WorkerState, decide,
};
use super::view::WorkerView;
use crate::clock::now_ms;

/// Has as many workers for a head as there is work for, for ever. What goes wrong once is tried again.
pub async fn autoscale(head: Head, provider: &dyn Provider, settings: Settings) {
    let mut scaler =
        Scaler { head, settings, carried: Carried::default(), seen: HashMap::new(), rates: BTreeMap::new() };
    let mut tick = tokio::time::interval(Duration::from_millis(DECIDE_EVERY_MS.cast_unsigned()));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while head_waits(&scaler.head) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    loop {
        tick.tick().await;
        if let Err(error) = scaler.round(provider).await {
            tracing::warn!("the pool is left as it is: {error}");
        }
    }
}

/// How often a head that does not lead yet is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn head_waits(head: &Head) -> bool {
    head.stored().is_err()
}

struct Scaler {
    head: Head,
    settings: Settings,
    carried: Carried,
    /// When each worker was launched, and since when it has had nothing to do.
    seen: HashMap<String, (i64, Option<i64>)>,
    /// What a worker moves of each job, and how many of its bytes were left when that was last looked at.
    rates: BTreeMap<String, (Rate, u64)>,
}

impl Scaler {
    async fn round(&mut self, provider: &dyn Provider) -> std::result::Result<(), ProviderError> {
        // A head that does not lead leaves the pool to the one that does.
        let Ok((demand, views)) = self.head.call(|core| Ok((core.demand(), core.pool().workers))).await else {
            return Ok(());
        };
        let now = now_ms();
        let instances = provider.list().await?;
        let workers = instances.iter().map(|instance| self.worker(instance, &views, now)).collect();
        self.seen.retain(|id, _| instances.iter().any(|instance| instance.id == *id));
        let demand = self.demand(demand, &views, now);
        let decision = decide(&self.settings, &Snapshot { now, demand, workers, carried: self.carried });
        self.carry_out(provider, decision).await
    }

    async fn carry_out(
        &mut self,
        provider: &dyn Provider,
        decision: Decision,
    ) -> std::result::Result<(), ProviderError> {
        self.carried = decision.carried;
        let target = decision.target;
        let changes = decision.launch > 0 || !decision.retire.is_empty() || !decision.abandon.is_empty();
        let (launch, retire, why) = (decision.launch, decision.retire.len(), decision.why);
        let noted = self.head.call(move |core: &mut Core| {
            core.note_wanted(target);
            if changes {
                core.note_scaling(launch, retire, &why);
            }
            Ok(())
        });
        // Only a note.
        let _ = noted.await;
        let leave: Vec<String> = decision.retire.into_iter().chain(decision.abandon).collect();
        if !leave.is_empty() {
            provider.retire(&leave).await?;
        }
        if launch > 0 {
            let now = now_ms();
            for id in provider.launch(launch).await? {
                self.seen.insert(id, (now, None));
            }
        }
        Ok(())
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

    /// Adds to each job's demand what its workers were measured to move.
    fn demand(&mut self, mut demand: Demand, views: &[WorkerView], now: i64) -> Demand {
        self.rates.retain(|id, _| demand.jobs.iter().any(|job| job.id == *id));
        for job in &mut demand.jobs {
            let workers = views.iter().filter(|view| view.jobs.contains(&job.id)).count() as u32;
            let (rate, left) = self.rates.entry(job.id.clone()).or_insert((Rate::default(), job.bytes_left));
            rate.moved(left.saturating_sub(job.bytes_left));
            rate.tick(now, workers);
            *left = job.bytes_left;
            job.bytes_per_s_per_worker = rate.bytes_per_s_per_worker();
            job.connections_per_worker = self.settings.slots_per_worker * CONNECTIONS_PER_SLOT;
        }
        demand
    }
}
