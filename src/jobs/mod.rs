//! What happens by itself: a database that was away at the start is prepared, refusals are written, keys follow their plan,
//! what has expired is swept. Every step may run on any number of nodes at once, and a failing one is tried again at its
//! next turn.

use crate::clock::Clock;
use crate::keys::Keys;
use crate::refusals::Refusals;
use crate::store::{self, Store, StoreError, migrate};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

const PREPARE_EVERY: Duration = Duration::from_secs(1);
const FLUSH_EVERY: Duration = Duration::from_millis(250);
const KEYS_EVERY: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// Rows of a table that one step removes, and steps of one turn: a backlog ends in bounded steps.
const SWEEP_ROWS: i64 = 500;
const SWEEP_STEPS: usize = 20;

/// What the jobs work on.
#[derive(Clone)]
pub struct Jobs {
    /// The database.
    pub store: Store,
    /// The signing keys.
    pub keys: Keys,
    /// The recorder of refusals.
    pub refusals: Refusals,
    /// The clock.
    pub clock: Clock,
    /// Whether this server brings the schema up to date by itself.
    pub may_migrate: bool,
}

impl Jobs {
    /// Starts them on the current runtime. They end when `stop` turns true; the last refusals are written then.
    pub fn start(self, stop: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        let (prepare, flush, keys, sweep) = (self.clone(), self.clone(), self.clone(), self);
        vec![
            tokio::spawn(unless_stopped(stop.clone(), async move { prepare.prepare().await })),
            tokio::spawn(every(FLUSH_EVERY, stop.clone(), move || {
                let jobs = flush.clone();
                async move { log("writing refusals", jobs.refusals.flush().await) }
            })),
            tokio::spawn(every(KEYS_EVERY, stop.clone(), move || {
                let jobs = keys.clone();
                async move { log("rotating keys", jobs.keys.tick().await) }
            })),
            tokio::spawn(every(SWEEP_EVERY, stop.clone(), move || {
                let jobs = sweep.clone();
                async move { log("sweeping", jobs.sweep().await) }
            })),
        ]
    }

    /// Brings the schema up to date where the start could not, because the database was away; ends when it is current.
    /// Where this server may not migrate, there is nothing to do: it is ready as soon as somebody else has.
    async fn prepare(&self) {
        let mut ticks = tokio::time::interval(PREPARE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.may_migrate {
            ticks.tick().await;
            match self.prepare_once().await {
                Ok(()) => return,
                // Said once by whoever notices that the database is away.
                Err(StoreError::Unavailable(_)) => {}
                Err(error) => log("bringing the schema up to date", Err(error)),
            }
        }
    }

    async fn prepare_once(&self) -> Result<(), StoreError> {
        if migrate::pending(&self.store).await?.is_empty() {
            return Ok(());
        }
        let applied = migrate::run(&self.store).await?;
        tracing::info!(migrations = applied.len(), "the schema is current");
        log("loading the signing keys", self.keys.ensure().await);
        Ok(())
    }

    /// Removes what has expired.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for _ in 0..SWEEP_STEPS {
            let removed = self.store.write(move |db| store::sweep::expired(db, now, SWEEP_ROWS)).await?;
            if removed.iter().all(|(_, rows)| *rows < SWEEP_ROWS.unsigned_abs()) {
                return Ok(());
            }
        }
        Ok(())
    }
}

async fn unless_stopped(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stop.changed() => {}
    }
}

async fn every<F, Fut>(period: Duration, mut stop: watch::Receiver<bool>, mut work: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = ()>,
{
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => work().await,
            _ = stop.changed() => return work().await,
        }
    }
}

fn log(what: &str, result: Result<(), impl std::fmt::Display>) {
    if let Err(error) = result {
        tracing::warn!(cause = %error, "{what} failed; it is tried again");
    }
}
