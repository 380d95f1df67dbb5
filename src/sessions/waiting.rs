//! How many authorization requests may wait for their users. Anybody can have one stored, so each network has a rate,
//! and all together have a bound.
//!
//! Rates are counted by each node for itself, in memory. The number of all is read from the database by the job that
//! sweeps it, and between two turns of the job each node adds what it stored itself: nobody counts rows while a browser
//! waits.

use super::guard::network;
use crate::domain::time::Timestamp;
use crate::settings::Authorization;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The span of `limits.authorization.from_source`, in microseconds.
const MINUTE: i64 = 60_000_000;
/// The most networks that are remembered.
const MOST_SOURCES: usize = 10_000;

/// Why a request is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMany {
    /// Its network has stored too many.
    FromSource {
        /// How long to wait.
        seconds: i64,
    },
    /// As many are stored as may be.
    InAll,
}

/// Who may have how many stored. Clones share the counters.
#[derive(Clone)]
pub struct Waiting(Arc<Inner>);

struct Inner {
    limits: Authorization,
    /// How many are stored, as far as this node knows.
    stored: AtomicU64,
    /// When each network may have all of its minute again: microseconds since the epoch.
    rested_at: Mutex<HashMap<String, i64>>,
}

impl Waiting {
    /// Nothing is stored as far as is known.
    pub fn new(limits: Authorization) -> Self {
        Self(Arc::new(Inner { limits, stored: AtomicU64::new(0), rested_at: Mutex::default() }))
    }

    /// Takes a place for one that is stored now.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn take(&self, source: Option<IpAddr>, now: Timestamp) -> Result<(), TooMany> {
        if self.0.stored.load(Ordering::Relaxed) >= self.0.limits.most_stored {
            return Err(TooMany::InAll);
        }
        self.take_of(network(source), now)?;
        self.0.stored.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A minute's worth at once, and what has been used comes back evenly.
    fn take_of(&self, source: String, now: Timestamp) -> Result<(), TooMany> {
        let now = now.seconds().saturating_mul(1_000_000);
        let mut rested_at = self.0.rested_at.lock().unwrap_or_else(PoisonError::into_inner);
        if rested_at.len() >= MOST_SOURCES {
            rested_at.retain(|_, at| *at > now);
        }
        if rested_at.len() >= MOST_SOURCES {
            rested_at.clear();
        }
        let at = rested_at.entry(source).or_insert(now);
        // A clock that was set back makes nobody wait longer than a minute.
        let after = (*at).clamp(now, now.saturating_add(MINUTE)).saturating_add(MINUTE / self.0.limits.from_source);
        let beyond = after.saturating_sub(now) - MINUTE;
        if beyond > 0 {
            return Err(TooMany::FromSource { seconds: (beyond - 1) / 1_000_000 + 1 });
        }
        *at = after;
        Ok(())
    }

    /// Notes how many are stored in the database.
    pub fn note_stored(&self, count: u64) {
        if count >= self.0.limits.most_stored {
            tracing::warn!(count, "as many authorization requests wait as may be stored: no more sign-ins can begin");
        }
        self.0.stored.store(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn take(waiting: &Waiting, at: i64) -> Result<(), TooMany> {
        waiting.take(SOURCE, Timestamp::from_seconds(at))
    }

    #[test]
    fn a_minutes_worth_comes_at_once_and_then_evenly() {
        let waiting = Waiting::new(Authorization { from_source: 7, most_stored: 1000 });
        assert!((0..7).all(|_| take(&waiting, 1000).is_ok()));
        assert_eq!(take(&waiting, 1000), Err(TooMany::FromSource { seconds: 9 }));
        assert_eq!(take(&waiting, 1008), Err(TooMany::FromSource { seconds: 1 }));
        assert_eq!(take(&waiting, 1009), Ok(()));
        assert!(take(&waiting, 1009).is_err());
        assert_eq!(take(&waiting, 500), Err(TooMany::FromSource { seconds: 9 }), "a clock that was set back");
        assert!((0..7).all(|_| take(&waiting, 2000).is_ok()));
        assert!(take(&waiting, 2000).is_err());
    }

    #[test]
    fn networks_beyond_what_is_remembered_begin_anew() {
        let waiting = Waiting::new(Authorization { from_source: 1, most_stored: u64::MAX });
        for number in 0..20_000 {
            let source = IpAddr::from(std::net::Ipv4Addr::from(number));
            assert_eq!(waiting.take(Some(source), Timestamp::from_seconds(1000)), Ok(()));
        }
        assert!(waiting.0.rested_at.lock().unwrap().len() <= MOST_SOURCES);
    }
}
