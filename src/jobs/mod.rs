//! What happens by itself: refusals and counters of usage are written, keys follow their plan, what has expired is
//! swept. Every step may run on any number of nodes at once, and a failing one is tried again at its next turn.

use crate::clients::{self, Clients};
use crate::clock::Clock;
use crate::domain::time::Lifetime;
use crate::keys::Keys;
use crate::logouts::Logouts;
use crate::refusals::Refusals;
use crate::sessions::waiting::Waiting;
use crate::store::{self, Store, StoreError};
use crate::usage::Usage;
use crate::usage::watching::Watcher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

const FLUSH_EVERY: Duration = Duration::from_millis(250);
const KEYS_EVERY: Duration = Duration::from_secs(5);
const WATCH_EVERY: Duration = Duration::from_mins(1);
/// What this node was not woken for: notices of commands and other nodes, and what is due again.
const LOGOUTS_EVERY: Duration = Duration::from_secs(5);
/// Clients that were removed elsewhere.
const CLIENTS_EVERY: Duration = Duration::from_hours(1);
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
    /// The counters of usage.
    pub usage: Usage,
    /// What tells clients of ended sessions.
    pub logouts: Logouts,
    /// The clients.
    pub clients: Clients,
    /// How many authorization requests may wait for their users.
    pub waiting: Waiting,
    /// The alert rules.
    pub watcher: Watcher,
    /// How often counts of usage are written.
    pub flush_usage_every: Duration,
    /// The clock.
    pub clock: Clock,
    /// How long audit events are kept.
    pub audit_kept: Lifetime,
    /// Whether the schema is still to be brought up to date, because the database could not be reached at the start.
    pub migration_is_due: Arc<AtomicBool>,
}

impl Jobs {
    /// Starts them on the current runtime. They end when `stop` turns true; the last refusals and counts are written
    /// then.
    pub fn start(self, stop: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        let (flush, usage, keys, watch, sweep) = (self.clone(), self.clone(), self.clone(), self.clone(), self);
        vec![
            tokio::spawn(deliver(sweep.logouts.clone(), stop.clone())),
            tokio::spawn(reread(sweep.clients.clone(), stop.clone())),
            tokio::spawn(every(FLUSH_EVERY, stop.clone(), move || {
                let jobs = flush.clone();
                async move { log("writing refusals", jobs.refusals.flush().await) }
            })),
            tokio::spawn(every(usage.flush_usage_every, stop.clone(), move || {
                let jobs = usage.clone();
                async move { log("writing counts of usage", jobs.usage.flush().await) }
            })),
            tokio::spawn(every(KEYS_EVERY, stop.clone(), move || {
                let jobs = keys.clone();
                async move {
                    log("migrating", jobs.migrate_if_due().await);
                    log("rotating keys", jobs.keys.tick().await);
                }
            })),
            tokio::spawn(every(WATCH_EVERY, stop.clone(), move || {
                let jobs = watch.clone();
                async move { log("judging alert rules", jobs.watcher.watch().await) }
            })),
            tokio::spawn(every(SWEEP_EVERY, stop.clone(), move || {
                let jobs = sweep.clone();
                async move { log("sweeping", jobs.sweep().await) }
            })),
        ]
    }

    /// Brings the schema up to date where that could not be done at the start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn migrate_if_due(&self) -> Result<(), StoreError> {
        if self.migration_is_due.load(Ordering::SeqCst) {
            let applied = store::migrate::run(&self.store).await?;
            self.migration_is_due.store(false, Ordering::SeqCst);
            tracing::info!(migrations = applied.len(), "the database is there, and its schema is current");
        }
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
                break;
            }
        }
        self.waiting.note_stored(self.store.read(store::interactions::count).await?);
        for _ in 0..SWEEP_STEPS {
            let removed = self.store.write(move |db| clients::registration::remove_unused(db, now, SWEEP_ROWS)).await?;
            if removed < SWEEP_ROWS.unsigned_abs() {
                break;
            }
        }
        let until = now.minus(self.audit_kept);
        for _ in 0..SWEEP_STEPS {
            let removed = self.store.write(move |db| store::sweep::audited(db, until, SWEEP_ROWS)).await?;
            if removed < SWEEP_ROWS.unsigned_abs() {
                break;
            }
        }
        Ok(())
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

/// Reads anew what all clients say together. Where there are very many that takes a while, so it is not run once more
/// at the end.
async fn reread(clients: Clients, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(CLIENTS_EVERY) => log("reading clients anew", clients.reread().await),
            _ = stop.changed() => return,
        }
    }
}

/// Delivers what stands in the outbox as soon as it is there. Unlike the others it is not run once more at the end: a
/// client that does not answer must hold up nobody.
async fn deliver(logouts: Logouts, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            result = logouts.deliver() => log("telling clients of ended sessions", result),
            _ = stop.changed() => return,
        }
        tokio::select! {
            () = logouts.woken() => {}
            () = tokio::time::sleep(LOGOUTS_EVERY) => {}
            _ = stop.changed() => return,
        }
    }
}

fn log(what: &str, result: Result<(), impl std::fmt::Display>) {
    if let Err(error) = result {
        tracing::warn!(cause = %error, "{what} failed; it is tried again");
    }
}
