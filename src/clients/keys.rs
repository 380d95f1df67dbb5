//! The public keys of clients: what they registered as `jwks`, or publish at their `jwks_uri` (RFC 7591 §2).
//!
//! A set that was fetched is kept for [`KEPT_FOR`]. It is fetched again where none of its keys fits, because the client
//! may have changed its keys, but no more often than every [`PAUSE`]; so is an address that did not answer. As long as
//! it does not answer the old set serves, up to [`SERVES_FOR`]. How much is fetched at the same time is the business of
//! [`super::published`].

use super::published::{self, Errand, Published, PublishedError, Purpose};
use crate::clock::Clock;
use crate::domain::client::Client;
use crate::domain::client_key::{ClientAlgorithm, Encryption};
use crate::domain::time::{Lifetime, Timestamp};
use crate::keys::{ForeignJws, KeySet, KeySetError, LARGEST_SET};
use crate::outbound::LazyFetcher;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Mutex as AsyncMutex;

/// How long a fetched set is kept.
pub const KEPT_FOR: Lifetime = Lifetime::minutes(5);
/// How long a fetched set serves where its address does not answer. RFC 7517 has no rule; an hour lets a client's
/// server be down for a while, and bounds how long a key serves that was taken away in that time.
pub const SERVES_FOR: Lifetime = Lifetime::hours(1);
/// How long an address is left alone after it was asked for other keys, or did not answer.
pub const PAUSE: Lifetime = Lifetime::seconds(5);
/// The most addresses whose sets are kept.
const MOST_KEPT: usize = 512;

/// Why a client's signature is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientKeysError {
    /// The client has registered no keys.
    #[error("the client has registered neither jwks nor jwks_uri")]
    NoneRegistered,
    /// What it has registered is no set of usable public keys.
    #[error("its jwks cannot be used: {0}")]
    Registered(String),
    /// What it publishes could not be had.
    #[error("the keys at its jwks_uri could not be had: {0}")]
    Published(#[from] PublishedError),
    /// None of its keys made the signature.
    #[error("none of the client's keys fits")]
    NoneFits,
}

impl ClientKeysError {
    /// Whether it says nothing about what the client sent, and ends by itself.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Published(error) if error.is_temporary())
    }
}

/// The key sets of clients, as far as this node knows them. Clones share what they know.
#[derive(Clone)]
pub struct ClientKeys(Arc<Inner>);

struct Inner {
    published: Published,
    clock: Clock,
    /// By address: clients that share one are asked for once.
    places: Mutex<HashMap<String, Arc<Place>>>,
}

/// An address.
struct Place {
    address: String,
    /// When a key from there last proved something, in seconds since the epoch; 0 where none ever did.
    served_at: AtomicI64,
    /// Its lock is held over a fetch, so all who need the set wait for the same one.
    kept: AsyncMutex<Kept>,
}

/// What is known of an address.
#[derive(Default)]
struct Kept {
    set: Option<(Arc<KeySet>, Timestamp)>,
    /// When it was last asked because no key fitted.
    renewed_at: Option<Timestamp>,
    /// When the set could last not be had, and why.
    failed: Option<(Timestamp, PublishedError)>,
}

impl ClientKeys {
    /// Nothing is known and nothing is fetched yet.
    pub fn new(fetcher: LazyFetcher, clock: Clock) -> Self {
        Self(Arc::new(Inner { published: Published::new(fetcher), clock, places: Mutex::default() }))
    }

    /// What fetches for clients.
    pub fn published(&self) -> &Published {
        &self.0.published
    }

    /// Checks that a key of the client has signed this with this algorithm.
    ///
    /// # Errors
    /// [`ClientKeysError`].
    pub async fn verify(
        &self,
        client: &Client,
        jws: &ForeignJws<'_>,
        algorithm: ClientAlgorithm,
    ) -> Result<(), ClientKeysError> {
        if let Some(set) = registered(client)? {
            return if set.has_signed(jws, algorithm) { Ok(()) } else { Err(ClientKeysError::NoneFits) };
        }
        let place = self.place(client)?;
        let set = self.load(client, &place, None).await?;
        if set.has_signed(jws, algorithm) {
            self.note_use(&place);
            return Ok(());
        }
        let newer = self.load(client, &place, Some(&set)).await?;
        if Arc::ptr_eq(&set, &newer) || !newer.has_signed(jws, algorithm) {
            return Err(ClientKeysError::NoneFits);
        }
        self.note_use(&place);
        Ok(())
    }

    /// The keys with one among them that can be encrypted to so, if the client has one now.
    ///
    /// # Errors
    /// [`ClientKeysError`].
    pub async fn for_encryption(
        &self,
        client: &Client,
        encryption: Encryption,
    ) -> Result<Arc<KeySet>, ClientKeysError> {
        if let Some(set) = registered(client)? {
            return Ok(Arc::new(set));
        }
        let place = self.place(client)?;
        let set = self.load(client, &place, None).await?;
        if set.can_receive(encryption) {
            self.note_use(&place);
            return Ok(set);
        }
        self.load(client, &place, Some(&set)).await
    }

    /// The set at an address; a newer one than `unfit`, where the address may be asked again.
    async fn load(
        &self,
        client: &Client,
        place: &Place,
        unfit: Option<&Arc<KeySet>>,
    ) -> Result<Arc<KeySet>, ClientKeysError> {
        let kept = tokio::time::timeout(published::LONGEST, place.kept.lock()).await;
        let mut kept = kept.map_err(|_| PublishedError::Busy)?;
        let now = self.0.clock.now();
        if let Some(known) = kept.known(unfit, now) {
            return Ok(known?);
        }
        let errand = Errand::of_client(Purpose::Keys, client);
        let fetched = self.0.published.fetch(&place.address, LARGEST_SET, errand).await;
        let unusable = |error: KeySetError| PublishedError::Unusable(error.to_string());
        match fetched.and_then(|body| KeySet::parse(&body).map_err(unusable)) {
            Ok(set) => Ok(kept.fetched(set, unfit.is_some(), now)),
            Err(failure) => {
                kept.note_failure(&failure, now);
                Ok(kept.in_spite_of(&failure, unfit, now)?)
            }
        }
    }

    fn place(&self, client: &Client) -> Result<Arc<Place>, ClientKeysError> {
        let address = client.metadata.get("jwks_uri").and_then(serde_json::Value::as_str);
        let address = address.ok_or(ClientKeysError::NoneRegistered)?;
        let mut places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(address) {
            return Ok(Arc::clone(place));
        }
        if places.len() >= MOST_KEPT {
            make_room(&mut places);
        }
        let place =
            Arc::new(Place { address: address.to_owned(), served_at: AtomicI64::new(0), kept: AsyncMutex::default() });
        places.insert(address.to_owned(), Arc::clone(&place));
        Ok(place)
    }

    fn note_use(&self, place: &Place) {
        place.served_at.store(self.0.clock.now().seconds(), Ordering::Relaxed);
    }
}

/// Forgets the address whose keys have served nobody for the longest time, those first that never served. Those in use
/// stay: dropping one would let its address be asked again at once.
fn make_room(places: &mut HashMap<String, Arc<Place>>) {
    let idle = places.values().filter(|place| Arc::strong_count(place) == 1);
    let least = idle.min_by_key(|place| place.served_at.load(Ordering::Relaxed)).map(|place| place.address.clone());
    if let Some(address) = least {
        places.remove(&address);
    }
}

impl Kept {
    /// What is known without asking; `None` where the address is to be asked now.
    fn known(&self, unfit: Option<&Arc<KeySet>>, now: Timestamp) -> Option<Result<Arc<KeySet>, PublishedError>> {
        let fresh = self.set_of(KEPT_FOR, now);
        if let Some(set) = fresh.filter(|set| !is_same(unfit, set)) {
            return Some(Ok(Arc::clone(set)));
        }
        if let Some((_, failure)) = self.failed.as_ref().filter(|(at, _)| is_within(*at, PAUSE, now)) {
            return Some(self.in_spite_of(failure, unfit, now));
        }
        let is_renewed = self.renewed_at.is_some_and(|at| is_within(at, PAUSE, now));
        fresh.filter(|_| is_renewed).map(|set| Ok(Arc::clone(set)))
    }

    /// The set of before where the address does not answer. Whoever publishes something else has taken its keys away.
    fn in_spite_of(
        &self,
        failure: &PublishedError,
        unfit: Option<&Arc<KeySet>>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, PublishedError> {
        let old = self.set_of(SERVES_FOR, now).filter(|set| failure.is_temporary() && !is_same(unfit, set));
        old.map(Arc::clone).ok_or_else(|| failure.clone())
    }

    fn set_of(&self, span: Lifetime, now: Timestamp) -> Option<&Arc<KeySet>> {
        self.set.as_ref().filter(|(_, at)| is_within(*at, span, now)).map(|(set, _)| set)
    }

    fn fetched(&mut self, set: KeySet, because_unfit: bool, now: Timestamp) -> Arc<KeySet> {
        let set = Arc::new(set);
        self.set = Some((Arc::clone(&set), now));
        self.failed = None;
        if because_unfit {
            self.renewed_at = Some(now);
        }
        set
    }

    fn note_failure(&mut self, failure: &PublishedError, now: Timestamp) {
        match failure {
            // The address was not asked.
            PublishedError::Busy => return,
            PublishedError::Unanswered(_) => {}
            PublishedError::Unusable(_) => self.set = self.set.take().filter(|(_, at)| is_within(*at, KEPT_FOR, now)),
        }
        self.failed = Some((now, failure.clone()));
    }
}

/// A clock that was set back makes nothing younger.
fn is_within(since: Timestamp, span: Lifetime, now: Timestamp) -> bool {
    (0..span.as_seconds()).contains(&now.since(since))
}

fn is_same(one: Option<&Arc<KeySet>>, other: &Arc<KeySet>) -> bool {
    one.is_some_and(|one| Arc::ptr_eq(one, other))
}

/// `jwks`, where the client registered its keys themselves.
fn registered(client: &Client) -> Result<Option<KeySet>, ClientKeysError> {
    let set = client.metadata.get("jwks").map(KeySet::read).transpose();
    set.map_err(|error| ClientKeysError::Registered(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever names many addresses displaces what served nobody, and of the rest what is longest out of use.
    #[test]
    fn room_is_made_where_keys_served_least() {
        let mut places = HashMap::new();
        for (address, served_at) in [("new", 200), ("old", 100), ("never", 0)] {
            let (address, served_at) = (address.to_owned(), AtomicI64::new(served_at));
            let place = Place { address: address.clone(), served_at, kept: AsyncMutex::default() };
            places.insert(address, Arc::new(place));
        }
        let held = Arc::clone(&places["old"]);
        let mut left = || {
            make_room(&mut places);
            let mut left: Vec<_> = places.keys().cloned().collect();
            left.sort();
            left
        };
        assert_eq!(left(), ["new", "old"]);
        assert_eq!(left(), ["old"]);
        assert_eq!(left(), ["old"], "in use");
        drop(held);
    }
}
