//! Failures to prove who a client is, on this node, by the client and the network that it comes from, and by the
//! network alone. Guessing a secret of a machine is hopeless work; this bounds what it costs.
//!
//! Whoever fails is told so only after it was counted: to look and to count are one step under one lock, so of any
//! number of guesses at once as many pass as may.

use crate::domain::secret::TokenHash;
use crate::domain::throttle::{Counted, Throttle, ThrottleRule};
use crate::domain::time::{Lifetime, Timestamp};
use crate::sessions::guard::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What one network may fail to know of one client.
const OF_CLIENT: ThrottleRule =
    ThrottleRule { free: 20, longest_wait: Lifetime::seconds(60), memory: Lifetime::minutes(10) };
/// What one network may fail to know of all clients. More is free here, because many clients may stand behind one
/// address.
const OF_NETWORK: ThrottleRule = ThrottleRule { free: 500, ..OF_CLIENT };
const MOST_COUNTED: usize = 10_000;

/// One counter that an attempt is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    subject: TokenHash,
    rule: ThrottleRule,
}

impl Limit {
    /// Of one client at a source.
    pub(super) fn of_client(client_id: &str, source: Option<IpAddr>) -> Self {
        Self { subject: TokenHash::of(&format!("client {client_id:?} from {}", network(source))), rule: OF_CLIENT }
    }

    /// Of all clients at a source.
    pub(super) fn of_network(source: Option<IpAddr>) -> Self {
        Self { subject: TokenHash::of(&format!("clients from {}", network(source))), rule: OF_NETWORK }
    }

    /// Of initial access tokens at a source.
    pub(super) fn of_initial_access_tokens(source: Option<IpAddr>) -> Self {
        Self { subject: TokenHash::of(&format!("initial access tokens from {}", network(source))), rule: OF_CLIENT }
    }
}

/// Too many failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany {
    /// How long to wait.
    pub(super) seconds: i64,
}

/// The counters. They are forgotten with the process, and all at once where there are too many.
#[derive(Default)]
pub(crate) struct Guesses(Mutex<HashMap<TokenHash, Throttle>>);

impl Guesses {
    /// Whether an attempt may be made.
    pub(super) fn check(&self, limits: &[Limit], now: Timestamp) -> Result<(), TooMany> {
        allow(&self.counted(), limits, now)
    }

    /// Counts an attempt as a failure at each of its counters, unless it must wait.
    pub(super) fn take(&self, limits: &[Limit], now: Timestamp) -> Result<Vec<Counted>, TooMany> {
        let mut counted = self.counted();
        allow(&counted, limits, now)?;
        if counted.len() >= MOST_COUNTED {
            counted.retain(|_, throttle| !throttle.expires_at.is_past(now));
        }
        if counted.len() >= MOST_COUNTED {
            counted.clear();
        }
        let mut count = |limit: &Limit| {
            let taken = limit.rule.count(limit.subject, counted.get(&limit.subject), now);
            counted.insert(limit.subject, taken.after.clone());
            taken
        };
        Ok(limits.iter().map(&mut count).collect())
    }

    /// What was taken was no failure.
    pub(super) fn give_back(&self, taken: &[Counted]) {
        let mut counted = self.counted();
        for one in taken {
            let subject = one.after.subject;
            match one.given_back(counted.get(&subject)) {
                Some(throttle) => counted.insert(subject, throttle),
                None => counted.remove(&subject),
            };
        }
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<TokenHash, Throttle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn allow(counted: &HashMap<TokenHash, Throttle>, limits: &[Limit], now: Timestamp) -> Result<(), TooMany> {
    let waits = limits.iter().map(|limit| limit.rule.wait(counted.get(&limit.subject), now));
    match waits.max().unwrap_or(0) {
        0 => Ok(()),
        seconds => Err(TooMany { seconds }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1000);

    fn limits(client_id: &str) -> [Limit; 2] {
        let source = Some(IpAddr::from([192, 0, 2, 1]));
        [Limit::of_client(client_id, source), Limit::of_network(source)]
    }

    #[test]
    fn an_attempt_is_counted_at_every_counter_or_at_none() {
        let guesses = Guesses::default();
        for _ in 0..OF_CLIENT.free {
            guesses.take(&limits("a"), NOW).unwrap();
        }
        for _ in 0..200 {
            assert_eq!(guesses.take(&limits("a"), NOW), Err(TooMany { seconds: 1 }));
        }
        for n in OF_CLIENT.free..OF_NETWORK.free {
            guesses.take(&limits(&format!("client {n}")), NOW).unwrap();
        }
        assert_eq!(guesses.take(&limits("fresh"), NOW), Err(TooMany { seconds: 1 }));
        assert_eq!(guesses.check(&limits("b")[..1], NOW), Ok(()), "it has a counter of its own");
    }

    #[test]
    fn what_is_given_back_was_never_counted() {
        let guesses = Guesses::default();
        for _ in 0..1000 {
            let taken = guesses.take(&limits("a"), NOW).unwrap();
            guesses.give_back(&taken);
        }
        assert!(guesses.counted().is_empty());
    }

    #[test]
    fn a_neighbour_in_the_same_ipv6_network_is_the_same_source() {
        let of = |text: &str| Limit::of_network(Some(text.parse().unwrap())).subject;
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
