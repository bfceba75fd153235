//! Leading, and waiting to: of all heads on one store one answers for the cluster, until it does not say so any more.

use std::time::Duration;

use super::Head;
use super::core::Core;
use super::keeper::{Keeper, is_fenced};
use super::store::Leadership;
use super::view::Standing;
use crate::clock::now_ms;
use crate::failure::{Doing, Result};

/// How long a leader may say nothing before another one takes over, by the store's clock.
const PATIENCE_MS: u64 = 6_000;
/// How often one that waits asks whether it may.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often a head is looked at that does not lead yet.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Head {
    /// Leads whenever nobody else does, for ever. `holder` names this process, `address` is where clients reach it.
    pub async fn lead_or_wait(&self, holder: &str, address: &str) {
        loop {
            if let Err(failure) = self.lead_once(holder, address).await {
                match is_fenced(&failure) {
                    true => tracing::warn!("another head leads now"),
                    false => tracing::warn!("the head does not lead: {failure}"),
                }
            }
            self.calls().take();
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    async fn lead_once(&self, holder: &str, address: &str) -> Result<()> {
        let store = &self.0.store;
        let term = match store.lead(holder, address, PATIENCE_MS).await.doing("asking to lead")? {
            Leadership::Mine { term } => term,
            Leadership::Theirs { address } => {
                let standing = Standing::Standby { leader: address };
                self.0.standing.send_if_modified(|now| std::mem::replace(now, standing.clone()) != standing);
                return Ok(());
            }
        };
        let led = self.lead(term).await;
        self.calls().take();
        self.0.standing.send_replace(Standing::Standby { leader: String::new() });
        led
    }

    async fn lead(&self, term: u64) -> Result<()> {
        let loaded = self.0.store.load().await.doing("reading what the head knows")?;
        let core = Core::recover(loaded, term, now_ms());
        let (keeper, calls) = Keeper::new(core, self.0.store.clone(), term);
        *self.calls() = Some(calls);
        self.0.standing.send_replace(Standing::Leading { term });
        tracing::info!(term, "this head leads");
        keeper.run().await
    }

    /// Resolves once this head leads.
    pub async fn until_it_leads(&self) {
        while self.stored().is_err() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Gives the leadership up, so that another head need not wait.
    pub(super) async fn resign(&self) {
        self.calls().take();
        if let Ok(term) = self.term() {
            // One that is fenced has nothing to give up; one whose store is away will be missed.
            let _ = self.0.store.resign(term).await;
        }
    }
}
