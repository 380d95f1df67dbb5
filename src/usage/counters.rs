//! The counters in memory: a shard a thread.

use crate::domain::id::ClientId;
use crate::domain::time::Timestamp;
use crate::domain::usage::{OTHER, Period, Source, Tally, UNKNOWN, UsageEntry, UsageKey};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Shards. More threads than these share; HTTP workers are as many as cores.
const SHARDS: usize = 64;
/// The longest resource identifier that is told apart: what a column holds.
const LONGEST_VALUE: usize = 255;

/// An answered request, as it is counted.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// When it came.
    pub at: Timestamp,
    /// The client, where it is registered and has said who it is.
    pub client: Option<&'a ClientId>,
    /// Method and path, as the route table writes them.
    pub endpoint: &'static str,
    /// The grant type, where one was used.
    pub grant: Option<&'static str>,
    /// The protected resource, where a registered one was meant.
    pub resource: Option<&'a str>,
    /// `ok` or an error code.
    pub outcome: &'static str,
    /// How long the answer took.
    pub took: Duration,
}

/// What metrics tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Method and path, or [`OTHER`].
    pub endpoint: &'static str,
    /// The grant type; empty where none was used.
    pub grant: &'static str,
    /// `ok` or an error code.
    pub outcome: &'static str,
}

/// What is told apart within this node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    hour: Timestamp,
    client: Option<ClientId>,
    endpoint: &'static str,
    grant: &'static str,
    resource: Option<String>,
    outcome: &'static str,
}

#[derive(Default)]
struct Counted {
    by_key: HashMap<Key, Tally>,
    /// What came when there were too many keys, by hour.
    other: HashMap<Timestamp, Tally>,
}

/// On cache lines of its own, so that threads do not slow one another down.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<Counted>);

impl Shard {
    /// A thread that panicked while it held the lock had at worst not counted its request.
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Counters {
    shards: Box<[Shard]>,
    most_keys: usize,
    /// What was taken from the shards, since the process began. Held while it is taken, so that a sum of both never falls.
    taken: Mutex<BTreeMap<Seen, Tally>>,
}

thread_local! {
    static SHARD: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS
    };
}

impl Counters {
    pub(super) fn new(most_keys: usize) -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect(), most_keys, taken: Mutex::default() }
    }

    pub(super) fn count(&self, observation: &Observation<'_>) {
        let key = Key {
            hour: Period::Hour.start_of(observation.at),
            client: observation.client.cloned(),
            endpoint: observation.endpoint,
            grant: observation.grant.unwrap_or_default(),
            resource: observation.resource.map(cut),
            outcome: observation.outcome,
        };
        let shard = SHARD.try_with(|index| *index).unwrap_or(0);
        let mut counted = self.shards[shard].lock();
        counted.tally(key, self.most_keys).note(observation.took);
    }

    /// Everything counted so far; the counters begin anew.
    pub(super) fn take(&self) -> Vec<UsageEntry> {
        let mut all = Counted::default();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for shard in &self.shards {
            let counted = std::mem::take(&mut *shard.lock());
            counted.add_to(&mut taken);
            for (key, tally) in counted.by_key {
                all.tally(key, self.most_keys).add(&tally);
            }
            for (hour, tally) in counted.other {
                all.other.entry(hour).or_default().add(&tally);
            }
        }
        drop(taken);
        let others = all.other.into_iter().map(|(hour, tally)| UsageEntry { hour, key: other(), tally });
        all.by_key.into_iter().map(|(key, tally)| entry(key, tally)).chain(others).collect()
    }
}

impl Counters {
    /// Everything since the process began.
    pub(super) fn seen(&self) -> Vec<(Seen, Tally)> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = taken.clone();
        self.shards.iter().for_each(|shard| shard.lock().add_to(&mut all));
        all.into_iter().collect()
    }
}

impl Counted {
    fn add_to(&self, seen: &mut BTreeMap<Seen, Tally>) {
        for (key, tally) in &self.by_key {
            let key = Seen { endpoint: key.endpoint, grant: key.grant, outcome: key.outcome };
            seen.entry(key).or_default().add(tally);
        }
        for tally in self.other.values() {
            let key = Seen { endpoint: OTHER, grant: OTHER, outcome: OTHER };
            seen.entry(key).or_default().add(tally);
        }
    }

    fn tally(&mut self, key: Key, most_keys: usize) -> &mut Tally {
        if self.by_key.len() >= most_keys && !self.by_key.contains_key(&key) {
            return self.other.entry(key.hour).or_default();
        }
        self.by_key.entry(key).or_default()
    }
}

fn entry(key: Key, tally: Tally) -> UsageEntry {
    UsageEntry {
        hour: key.hour,
        key: UsageKey {
            source: Source::Server,
            client: key.client.unwrap_or_else(|| ClientId::new(UNKNOWN)),
            endpoint: key.endpoint.to_owned(),
            grant: key.grant.to_owned(),
            resource: key.resource.unwrap_or_default(),
            outcome: key.outcome.to_owned(),
        },
        tally,
    }
}

fn other() -> UsageKey {
    UsageKey {
        source: Source::Server,
        client: ClientId::new(OTHER),
        endpoint: OTHER.to_owned(),
        grant: OTHER.to_owned(),
        resource: OTHER.to_owned(),
        outcome: OTHER.to_owned(),
    }
}

/// At most what a column holds, at a character's end.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST_VALUE)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_800_014_400);

    fn seen<'a>(client: Option<&'a ClientId>, endpoint: &'static str, at: Timestamp) -> Observation<'a> {
        let took = Duration::from_millis(3);
        Observation { at, client, endpoint, grant: None, resource: None, outcome: "ok", took }
    }

    fn requests(entries: &[UsageEntry]) -> u64 {
        entries.iter().map(|entry| entry.tally.requests).sum()
    }

    #[test]
    fn what_many_threads_count_is_all_there_once() {
        let counters = Counters::new(100);
        let app = ClientId::new("app");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| counters.count(&seen(Some(&app), "POST /token", NOON))));
            }
        });
        let taken = counters.take();
        assert_eq!((taken.len(), requests(&taken), taken[0].tally.latency[1]), (1, 8000, 8000));
        assert!(counters.take().is_empty());
        let expected = Seen { endpoint: "POST /token", grant: "", outcome: "ok" };
        counters.count(&seen(Some(&app), "POST /token", NOON));
        let all = counters.seen();
        assert_eq!((all.len(), all[0].0, all[0].1.requests), (1, expected, 8001));
    }

    #[test]
    fn nothing_is_lost_to_a_thread_that_counts_during_a_flush() {
        let counters = Counters::new(100);
        let taken: u64 = std::thread::scope(|scope| {
            scope.spawn(|| (0..20_000).for_each(|_| counters.count(&seen(None, "GET /jwks", NOON))));
            (0..200).map(|_| requests(&counters.take())).sum()
        });
        assert_eq!(taken + requests(&counters.take()), 20_000);
    }

    #[test]
    fn more_keys_than_allowed_are_one() {
        let counters = Counters::new(16);
        for n in 0..100 {
            let id = ClientId::new(format!("client-{n}"));
            counters.count(&seen(Some(&id), "POST /token", NOON));
        }
        // One that is known stays told apart.
        counters.count(&seen(Some(&ClientId::new("client-3")), "POST /token", NOON));
        let taken = counters.take();
        assert_eq!((taken.len(), requests(&taken)), (17, 101));
        let others = taken.iter().find(|entry| entry.key.client.as_str() == OTHER).unwrap();
        assert_eq!((others.tally.requests, others.key.endpoint.as_str()), (84, OTHER));
        assert!(taken.iter().any(|entry| entry.key.client.as_str() == "client-3" && entry.tally.requests == 2));
    }

    #[test]
    fn a_request_counts_in_the_hour_in_which_it_came() {
        let counters = Counters::new(100);
        for second in [-1, 0, 3599, 3600] {
            let at = Timestamp::from_seconds(NOON.seconds() + second);
            counters.count(&seen(None, "GET /jwks", at));
        }
        let mut hours: Vec<_> = counters
            .take()
            .into_iter()
            .map(|entry| (entry.hour.seconds() - NOON.seconds(), entry.tally.requests))
            .collect();
        hours.sort_unstable();
        assert_eq!(hours, [(-3600, 1), (0, 2), (3600, 1)]);
    }

    #[test]
    fn a_long_resource_is_cut_at_a_character() {
        assert_eq!(cut(&"é".repeat(200)).len(), 254);
        assert_eq!(cut("https://api.example.com"), "https://api.example.com");
    }
}
