//! The recorder of refusals: gives each its short reference and keeps it for the developer of the client.
//!
//! Recording never holds up an answer: a refusal goes into a bounded buffer, and a job writes what waits a few times a
//! second. When more is refused than the buffer holds, the oldest explanations win and the rest is only logged, so a
//! flood of bad requests cannot fill the database. Those that matter to security become audit events on the same way, with
//! a bound of their own; what is beyond it is counted.

use crate::clock::Clock;
use crate::domain::audit;
use crate::domain::context::RequestContext;
use crate::domain::id::Reference;
use crate::domain::refusal::{REFUSAL_LIFETIME, RULES, Refusal, RefusalRecord};
use crate::domain::time::Timestamp;
use crate::entropy::Entropy;
use crate::store::{self, Store, StoreError};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The most refusals that wait to be written: four times a second, so at most 400 are kept a second.
const MOST_WAITING: usize = 100;

/// What waits to be written.
#[derive(Default)]
struct Waiting {
    records: Vec<RefusalRecord>,
    events: Vec<audit::Event>,
    audited: audit::Refusals,
}

/// The recorder. Clones share one buffer.
#[derive(Clone)]
pub struct Refusals {
    store: Store,
    entropy: Entropy,
    clock: Clock,
    /// Whether events hold the source address (`audit.source_address`).
    keeps_source: bool,
    waiting: Arc<Mutex<Waiting>>,
    /// Held while something is written, so that a second flush ends after the first.
    writing: Arc<tokio::sync::Mutex<()>>,
    /// How often each rule was applied, in the order of [`RULES`].
    counts: Arc<[AtomicU64]>,
}

impl Refusals {
    /// A recorder that writes to `store`.
    pub fn new(store: Store, (entropy, clock): (Entropy, Clock), keeps_source: bool) -> Self {
        let counts = RULES.iter().map(|_| AtomicU64::new(0)).collect();
        Self { store, entropy, clock, keeps_source, waiting: Arc::default(), writing: Arc::default(), counts }
    }

    /// Logs a refusal, keeps it to be explained, and gives the reference that people see.
    pub fn record(&self, refusal: &Refusal, context: &RequestContext, endpoint: &str) -> Reference {
        let reference = Reference::new(self.entropy.reference());
        let place = RULES.iter().position(|rule| rule.id == refusal.rule.id);
        if let Some(count) = place.and_then(|place| self.counts.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        tracing::info!(
            rule = refusal.rule.id,
            reference = reference.as_str(),
            client.id = refusal.client_id.as_ref().map(tracing::field::display),
            request.id = context.request_id,
            endpoint,
            "request refused"
        );
        let record = RefusalRecord {
            reference: reference.clone(),
            rule: refusal.rule.id.to_owned(),
            client_id: refusal.client_id.clone(),
            sent: refusal.sent.clone(),
            expected: refusal.expected.clone(),
            request_id: context.request_id.clone(),
            endpoint: endpoint.to_owned(),
            refused_at: context.now,
            expires_at: context.now.plus(REFUSAL_LIFETIME),
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(record, context.source.filter(|_| self.keeps_source));
        reference
    }

    /// How often each rule was applied since the process began, those that were not left out.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        RULES.iter().map(|rule| rule.id).zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    /// Writes what waits; afterwards everything that was recorded before can be found. Called a few times a second by a
    /// job, and once when the server stops.
    ///
    /// # Errors
    /// [`StoreError`] where it could not be written; what waited is dropped then, for it was logged.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let (records, events) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take(self.clock.now());
        if records.is_empty() && events.is_empty() {
            return Ok(());
        }
        let write = move |db: &mut store::Db| {
            store::refusals::insert_many(db, &records)?;
            store::audit::insert_all(db, &events)
        };
        self.store.write(write).await
    }
}

impl Waiting {
    fn push(&mut self, record: RefusalRecord, source: Option<IpAddr>) {
        if self.records.len() < MOST_WAITING {
            let events = self.audited.add(&record, source);
            self.events.extend(events);
            self.records.push(record);
        } else {
            self.audited.count(&record);
        }
    }

    fn take(&mut self, now: Timestamp) -> (Vec<RefusalRecord>, Vec<audit::Event>) {
        let counted = self.audited.turn(now);
        self.events.extend(counted);
        (std::mem::take(&mut self.records), std::mem::take(&mut self.events))
    }
}
