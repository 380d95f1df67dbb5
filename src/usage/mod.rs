//! Usage: which client calls which endpoint how often, with what outcome.
//!
//! Counting costs a request one uncontended lock and one look-up: every thread has a shard of its own, and only a flush comes
//! to it from outside. A flush empties the shards and adds what was in them to the rollups of hours and days, in batches that
//! are one transaction each. A batch that could not be written keeps its identity and is tried again before anything else,
//! so an answer that was lost is neither lost nor counted twice. What a node has counted since its last flush is lost when
//! it is killed, and only that.
//!
//! What may be told apart is bounded: between two flushes a node knows at most `usage.most_keys` keys, and counts what goes
//! beyond as [`OTHER`](crate::domain::usage::OTHER). [`report`] answers who called what how often.

pub mod alerts;
mod counters;
pub mod report;
pub mod watching;

pub use counters::{Observation, Seen};

use crate::clock::Clock;
use crate::domain::client::hex;
use crate::domain::secret::TokenHash;
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::usage::{Retention, Source, Tally, UsageBatch, UsageEntry};
use crate::entropy::Entropy;
use crate::settings;
use crate::store::{self, Store, StoreError};
use counters::Counters;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tokio::sync::Mutex;

/// The most tallies of a batch: a transaction that nobody has to wait for long.
const LARGEST_BATCH: usize = 256;
/// How long the identity of a batch is remembered; nothing is tried again that long.
const REMEMBERED_FOR: Lifetime = Lifetime::days(8);

/// The counters of this node. Clones share them.
#[derive(Clone)]
pub struct Usage(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    retention: Retention,
    counters: Counters,
    /// Names the batches of this process.
    node: String,
    next_batch: AtomicU64,
    /// What was taken from the counters and is not known to be written, in order. Held during a flush.
    waiting: Mutex<VecDeque<Arc<UsageBatch>>>,
    flushed_at: AtomicI64,
}

impl Usage {
    /// Counters that are flushed to `store`.
    pub fn new(store: Store, clock: Clock, entropy: &Entropy, settings: &settings::Usage) -> Self {
        Self(Arc::new(Inner {
            flushed_at: AtomicI64::new(clock.now().seconds()),
            store,
            clock,
            retention: settings.retention,
            counters: Counters::new(settings.most_keys),
            node: hex(&entropy.bytes::<16>()),
            next_batch: AtomicU64::new(0),
            waiting: Mutex::default(),
        }))
    }

    /// Counts an answered request.
    pub fn count(&self, observation: &Observation<'_>) {
        self.0.counters.count(observation);
    }

    /// Everything counted since the process began, without clients and resources.
    pub fn seen(&self) -> Vec<(Seen, Tally)> {
        self.0.counters.seen()
    }

    /// Adds everything counted so far to the rollups. What could not be written waits for the next flush.
    ///
    /// # Errors
    /// [`StoreError`] of the first batch that could not be written.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mut waiting = self.0.waiting.lock().await;
        self.write(&mut waiting).await?;
        // Only now, so that what waits while the database is away is bounded by the counters.
        waiting.extend(self.take());
        self.write(&mut waiting).await?;
        self.0.flushed_at.store(self.0.clock.now().seconds(), Ordering::Relaxed);
        Ok(())
    }

    /// When the last flush ended that wrote everything; at first, when the process began.
    pub fn flushed_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.flushed_at.load(Ordering::Relaxed))
    }

    async fn write(&self, waiting: &mut VecDeque<Arc<UsageBatch>>) -> Result<(), StoreError> {
        while let Some(batch) = waiting.front() {
            let batch = Arc::clone(batch);
            self.0.store.write(move |db| store::usage::add(db, &batch)).await?;
            waiting.pop_front();
        }
        Ok(())
    }

    fn take(&self) -> Vec<Arc<UsageBatch>> {
        let entries = self.0.counters.take();
        entries.chunks(LARGEST_BATCH).map(|entries| Arc::new(self.batch(entries))).collect()
    }

    fn batch(&self, entries: &[UsageEntry]) -> UsageBatch {
        let ordinal = self.0.next_batch.fetch_add(1, Ordering::Relaxed);
        UsageBatch {
            id: TokenHash::of(&format!("node {} {ordinal}", self.0.node)),
            forgotten_at: self.0.clock.now().plus(REMEMBERED_FOR),
            retention: self.0.retention,
            most_rows: Source::Server.most_rows(),
            entries: entries.to_vec(),
        }
    }
}
