//! The public keys of clients: what they registered as `jwks`, or publish at their `jwks_uri` (RFC 7591 §2).
//!
//! A set that was fetched is kept for [`KEPT_FOR`]. It is fetched again where none of its keys fits, because the client may
//! have changed its keys, but no more often than every [`PAUSE`]; so is an address that did not answer. A fetch is bounded
//! in size and time, all fetches in number, and who waits for one waits beside the HTTP workers.

use crate::clock::Clock;
use crate::domain::client::Client;
use crate::domain::client_key::{ClientAlgorithm, Encryption};
use crate::domain::time::{Lifetime, Timestamp};
use crate::keys::{ForeignJws, KeySet, LARGEST_SET};
use crate::outbound::LazyFetcher;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use url::Url;

/// How long a fetched set is kept.
pub const KEPT_FOR: Lifetime = Lifetime::minutes(5);
/// How long an address is left alone after it was asked for other keys, or did not answer.
pub const PAUSE: Lifetime = Lifetime::seconds(5);
/// How long a fetch may take.
const LONGEST_FETCH: Duration = Duration::from_secs(5);
/// The most fetches at the same time.
const MOST_FETCHES: usize = 16;
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
    Fetch(String),
    /// None of its keys made the signature.
    #[error("none of the client's keys fits")]
    NoneFits,
}

/// The key sets of clients, as far as this node knows them. Clones share what they know.
#[derive(Clone)]
pub struct ClientKeys(Arc<Inner>);

struct Inner {
    fetcher: LazyFetcher,
    clock: Clock,
    /// By address: clients that share one are asked for once.
    kept: Mutex<HashMap<String, Arc<AsyncMutex<Kept>>>>,
    permits: Semaphore,
}

/// What is known of an address. Its lock is held over a fetch, so all who need it wait for the same one.
#[derive(Default)]
struct Kept {
    set: Option<(Arc<KeySet>, Timestamp)>,
    /// When it was last asked because no key fitted.
    renewed_at: Option<Timestamp>,
    /// When it last did not answer, and why.
    failed: Option<(Timestamp, String)>,
}

impl ClientKeys {
    /// Nothing is known and nothing is fetched yet.
    pub fn new(fetcher: LazyFetcher, clock: Clock) -> Self {
        let (kept, permits) = (Mutex::default(), Semaphore::new(MOST_FETCHES));
        Self(Arc::new(Inner { fetcher, clock, kept, permits }))
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
        let set = self.load(client, None).await?;
        if set.has_signed(jws, algorithm) {
            return Ok(());
        }
        let newer = self.load(client, Some(&set)).await?;
        if !Arc::ptr_eq(&set, &newer) && newer.has_signed(jws, algorithm) {
            Ok(())
        } else {
            Err(ClientKeysError::NoneFits)
        }
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
        let set = self.load(client, None).await?;
        if set.can_receive(encryption) { Ok(set) } else { self.load(client, Some(&set)).await }
    }

    /// The set at the client's `jwks_uri`; a newer one than `unfit`, where the address may be asked again.
    async fn load(&self, client: &Client, unfit: Option<&Arc<KeySet>>) -> Result<Arc<KeySet>, ClientKeysError> {
        let address = client.metadata.get("jwks_uri").and_then(serde_json::Value::as_str);
        let address = address.ok_or(ClientKeysError::NoneRegistered)?;
        let place = self.place(address);
        let mut kept = place.lock().await;
        let now = self.0.clock.now();
        // A clock that was set back makes nothing younger.
        let is_within = |since: Timestamp, span: Lifetime| (0..span.as_seconds()).contains(&now.since(since));
        let fresh = kept.set.as_ref().filter(|(_, at)| is_within(*at, KEPT_FOR)).map(|(set, _)| Arc::clone(set));
        if let Some(set) = fresh {
            let is_unfit = unfit.is_some_and(|unfit| Arc::ptr_eq(unfit, &set));
            if !is_unfit || kept.renewed_at.is_some_and(|at| is_within(at, PAUSE)) {
                return Ok(set);
            }
            kept.renewed_at = Some(now);
        }
        if let Some((_, failure)) = kept.failed.as_ref().filter(|(at, _)| is_within(*at, PAUSE)) {
            return Err(ClientKeysError::Fetch(failure.clone()));
        }
        let fetched = self.fetch(address, LARGEST_SET).await;
        match fetched.and_then(|body| KeySet::parse(&body).map_err(|error| error.to_string())) {
            Ok(set) => {
                let set = Arc::new(set);
                kept.set = Some((Arc::clone(&set), now));
                kept.failed = None;
                Ok(set)
            }
            Err(failure) => {
                kept.failed = Some((now, failure.clone()));
                Err(ClientKeysError::Fetch(failure))
            }
        }
    }

    fn place(&self, address: &str) -> Arc<AsyncMutex<Kept>> {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.get(address) {
            return Arc::clone(place);
        }
        if kept.len() >= MOST_KEPT {
            // Those in use stay: dropping one would let its address be asked again at once.
            kept.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(kept.entry(address.to_owned()).or_default())
    }

    /// What a client publishes at an address, at most `most` bytes of it; bounded in time, and all fetches in number.
    ///
    /// # Errors
    /// Why it could not be had, in words.
    pub(super) async fn fetch(&self, address: &str, most: usize) -> Result<Vec<u8>, String> {
        let _permit = self.0.permits.try_acquire().map_err(|_| "too many are fetched at the same time".to_owned())?;
        let url = Url::parse(address).map_err(|_| "it is not a URL".to_owned())?;
        let answer = async {
            let fetcher = self.0.fetcher.get().await?;
            fetcher.get(&url, most).await
        };
        let answer = tokio::time::timeout(LONGEST_FETCH, answer).await;
        let answer = answer.map_err(|_| "it takes too long".to_owned())?.map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(answer.body) } else { Err(format!("status {}", answer.status)) }
    }
}

/// `jwks`, where the client registered its keys themselves.
fn registered(client: &Client) -> Result<Option<KeySet>, ClientKeysError> {
    let set = client.metadata.get("jwks").map(KeySet::read).transpose();
    set.map_err(|error| ClientKeysError::Registered(error.to_string()))
}
