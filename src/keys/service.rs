//! The service itself: the ring of this node, and the steps that change the store.

use super::jwk::{Jwks, PublicKey};
use super::jwt::{self, Expected, Presented, Signer, VerifyError};
use super::master::MasterKey;
use super::resealing::{self, Replacement, Sealed};
use super::ring::{self, HMAC, Ring, Rows, SIGNING};
use super::rotation::{self, KeyPolicy, Step};
use super::sealing::{self, Owner, SecretSeal};
use super::{CryptoFailure, KeysError, Purpose};
use crate::clock::Clock;
use crate::domain::audit::{By, Event, EventKind};
use crate::domain::id::KeyId;
use crate::domain::key::{Algorithm, KeyState, SecretKey, SigningKey};
use crate::domain::time::Timestamp;
use crate::entropy::Entropy;
use crate::store::{Db, Store, StoreError, audit, secret_keys, signing_keys};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// How often an order of an operator is tried again when other nodes change the same keys at the same time.
const ATTEMPTS: usize = 3;
/// How long sealing anew may take: the secrets of a million clients take minutes.
const LONGEST_RESEALING: Duration = Duration::from_mins(30);
/// How long somebody waits for another who loads the keys: with a database that hangs, the answer still comes soon.
const LONGEST_TURN: Duration = Duration::from_secs(1);
/// A `kid` of ours: a thumbprint.
const KID_CHARACTERS: usize = 43;

/// The signing-key service. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct Keys(Arc<Service>);

struct Service {
    store: Store,
    master: MasterKey,
    clock: Clock,
    entropy: Entropy,
    policy: KeyPolicy,
    /// Replaced as a whole; the lock is held for as long as it takes to clone a pointer.
    ring: RwLock<Option<Arc<Ring>>>,
    /// Reads of the store follow one another, so an older ring never replaces a newer one. Inside: the second in which
    /// an unknown `kid` last made us read.
    reading: Mutex<Option<Timestamp>>,
    /// Held by whoever loads the keys for a request that found none: the others wait instead of making keys too.
    ensuring: Mutex<()>,
}

/// What an order to rotate came to, for one algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// For which algorithm.
    pub algorithm: Algorithm,
    /// What happened.
    pub outcome: RotationOutcome,
}

/// What happened to the key that is to sign next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationOutcome {
    /// It signs from now on.
    Promoted {
        /// The key that signs.
        kid: KeyId,
        /// The key that signed before.
        replaced: Option<KeyId>,
    },
    /// It is published and will sign by itself when everybody can know it.
    Waiting {
        /// The key that will sign.
        kid: KeyId,
        /// From when on.
        until: Timestamp,
    },
}

/// A key that was taken out of use at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// The key that is out of use.
    pub kid: KeyId,
    /// The key that signs instead, where it was signing.
    pub replaced_by: Option<KeyId>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// The service over `store`. Reads nothing yet.
    pub fn new(store: Store, master: MasterKey, clock: Clock, entropy: Entropy, policy: KeyPolicy) -> Self {
        // Only a second call in the same process finds one installed, and it is the same one.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let (ring, reading, ensuring) = (RwLock::new(None), Mutex::new(None), Mutex::new(()));
        Self(Arc::new(Service { store, master, clock, entropy, policy, ring, reading, ensuring }))
    }

    /// Loads the keys and makes the first ones where there are none; these sign at once. Several nodes may do so at the
    /// same time: they end with the same keys.
    ///
    /// # Errors
    /// [`KeysError::Store`]; [`KeysError::Sealing`] when a key was sealed under another master key;
    /// [`KeysError::NotReady`] when another caller has been at it for long.
    pub async fn ensure(&self) -> Result<(), KeysError> {
        let turn = tokio::time::timeout(LONGEST_TURN, self.0.ensuring.lock()).await;
        let _turn = turn.map_err(|_| KeysError::NotReady)?;
        self.follow_plan(is_needed_to_sign).await
    }

    /// Looks again at what other nodes did, and carries out the steps of the plan that are due. To be called every few
    /// seconds on every node.
    ///
    /// # Errors
    /// As [`Keys::ensure`]; the keys loaded before stay in use. Also [`KeysError::Sealing`] where they were sealed
    /// under another master key since: no step is taken then, because this node would make keys that others cannot
    /// open.
    pub async fn tick(&self) -> Result<(), KeysError> {
        self.follow_plan(|_| true).await
    }

    /// Reads all keys and opens those that sign, and changes nothing: whether the master key is theirs.
    ///
    /// # Errors
    /// As [`Keys::ensure`].
    pub async fn check(&self) -> Result<(), KeysError> {
        self.read_store().await.map(drop)
    }

    /// Publishes the next key of `algorithm` (of every algorithm where `None`) if there is none, and lets it sign if it
    /// has been published for long enough. With `force` it signs at once: verifiers that have cached the JWKS do not
    /// know it until they look again. `by` is who ordered it, for the audit.
    ///
    /// # Errors
    /// [`KeysError::NotConfigured`], [`KeysError::Busy`], [`KeysError::Store`]; [`KeysError::Sealing`] where the keys
    /// were sealed under another master key since this node loaded them.
    pub async fn rotate_now(
        &self,
        algorithm: Option<Algorithm>,
        force: bool,
        by: &By,
    ) -> Result<Vec<Rotated>, KeysError> {
        let wanted = match algorithm {
            Some(one) => vec![one],
            None => self.algorithms().to_vec(),
        };
        self.read_store().await?.require_own_seals()?;
        let mut rotated = Vec::with_capacity(wanted.len());
        for algorithm in wanted {
            self.require_configured(algorithm)?;
            let outcome =
                self.try_again(|made| self.rotate_one(algorithm, force, (made, by.clone())), algorithm).await?;
            rotated.push(Rotated { algorithm, outcome });
        }
        self.read_store().await?;
        Ok(rotated)
    }

    /// Takes a key out of use at once, because it may be known to others: it leaves the JWKS, and what it signed is
    /// refused from now on. A key that signs is replaced first.
    ///
    /// # Errors
    /// [`KeysError::Unknown`], [`KeysError::Busy`], [`KeysError::Store`], [`KeysError::Sealing`] as
    /// [`Keys::rotate_now`].
    pub async fn retire(&self, kid: &KeyId, by: &By) -> Result<Retired, KeysError> {
        self.read_store().await?.require_own_seals()?;
        let key = self.list().await?.into_iter().find(|key| key.id == *kid);
        let algorithm = key.ok_or_else(|| KeysError::Unknown(kid.clone()))?.algorithm;
        let replaced_by = self.try_again(|made| self.retire_one(kid.clone(), (made, by.clone())), algorithm).await?;
        self.read_store().await?;
        Ok(Retired { kid: kid.clone(), replaced_by })
    }

    /// Seals anew, under `new`, everything that is sealed under the master key of this service: signing keys of every
    /// state, secret keys of every purpose, and the secrets of clients that sign with them. All or nothing, in one
    /// transaction; what is under `new` already stays as it is, so this may be run again. `by` is who ordered it, for
    /// the audit. This service itself goes on with the master key that it has, as every other node does until it is
    /// started with `new`.
    ///
    /// # Errors
    /// [`KeysError::SameMasterKey`]; [`KeysError::Store`], with [`StoreError::Corrupt`] where something is sealed under
    /// neither key; [`KeysError::Busy`].
    pub async fn reseal(&self, new: &MasterKey, by: &By) -> Result<Sealed, KeysError> {
        let service = &self.0;
        if new.id() == service.master.id() {
            return Err(KeysError::SameMasterKey);
        }
        again(|| {
            let (old, new, entropy) = (service.master.clone(), new.clone(), service.entropy.clone());
            let (replacement, clock, by) = (Replacement { old, new, entropy }, service.clock.clone(), by.clone());
            let work = move |db: &mut Db| replacement.carry_out(db, &by.at(clock.now()));
            service.store.write_within(LONGEST_RESEALING, work)
        })
        .await
    }

    /// How much is sealed under each master key, by its id.
    ///
    /// # Errors
    /// [`KeysError::Store`]
    pub async fn seals(&self) -> Result<BTreeMap<String, Sealed>, KeysError> {
        Ok(self.0.store.read(resealing::count).await?)
    }

    /// Every stored key, in the order of algorithm and age, as the store knows them now.
    ///
    /// # Errors
    /// [`KeysError::Store`]
    pub async fn list(&self) -> Result<Vec<SigningKey>, KeysError> {
        let mut keys = self.0.store.read(signing_keys::list).await?;
        keys.sort_by_key(|key| (key.algorithm, key.created_at, key.id.clone()));
        Ok(keys)
    }

    /// Signs `claims` as a JWT of this `typ` with the active key of `algorithm`. Takes CPU only: about 25 µs for ES256
    /// and EdDSA, 1 ms for RS256 and PS256.
    ///
    /// # Errors
    /// [`KeysError::NotReady`], [`KeysError::NotConfigured`], [`KeysError::Crypto`].
    pub fn sign(&self, algorithm: Algorithm, typ: &str, claims: &impl serde::Serialize) -> Result<String, KeysError> {
        self.require_configured(algorithm)?;
        let ring = self.ring()?;
        let key = ring.active(algorithm).ok_or(KeysError::NotReady)?;
        let signer = key.signer.as_deref().ok_or(KeysError::NotReady)?;
        Ok(jwt::sign(signer, (algorithm, &key.record.id), typ, claims)?)
    }

    /// The algorithm of access tokens: the first of the policy.
    pub fn default_algorithm(&self) -> Algorithm {
        self.algorithms().first().copied().unwrap_or(Algorithm::ES256)
    }

    /// The algorithms that this server signs with.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.0.policy.algorithms
    }

    /// Verifies a token of ours and gives its claims. Key and algorithm come from our records by the token's `kid`; a
    /// `kid` that this node does not know yet makes it look again, at most once a second.
    ///
    /// # Errors
    /// [`VerifyError`]
    pub async fn verify(
        &self,
        jwt: &str,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, VerifyError> {
        let token = Presented::parse(jwt, expected)?;
        let kid = token.kid().filter(|kid| looks_like_kid(kid)).ok_or(VerifyError::UnknownKey)?;
        let ring = self.ring_that_knows(kid).await?;
        let key = ring.published(kid).ok_or(VerifyError::UnknownKey)?;
        token.verify((key.record.algorithm, &key.public.decoding), expected, now)
    }

    /// The key that a token names, where its tokens are accepted now. The token itself is not looked at any further.
    pub fn find_key_of(&self, jwt: &str) -> Option<KeyId> {
        jwt::kid_of(jwt).map(KeyId::new).filter(|kid| self.accepts(kid))
    }

    /// Whether tokens of this key are accepted now: it is published.
    pub fn accepts(&self, kid: &KeyId) -> bool {
        self.ring().is_ok_and(|ring| ring.published(kid.as_str()).is_some())
    }

    /// Verifies a token of ours like [`Keys::verify`], whether or not it has expired: for a hint at what was said
    /// before, never as a right to anything.
    ///
    /// # Errors
    /// [`VerifyError`]
    pub async fn verify_expired(&self, jwt: &str, expected: &Expected<'_>) -> Result<Map<String, Value>, VerifyError> {
        let token = Presented::parse(jwt, expected)?;
        let kid = token.kid().filter(|kid| looks_like_kid(kid)).ok_or(VerifyError::UnknownKey)?;
        let ring = self.ring_that_knows(kid).await?;
        let key = ring.published(kid).ok_or(VerifyError::UnknownKey)?;
        token.verify_expired((key.record.algorithm, &key.public.decoding), expected)
    }

    /// The published keys. While the first keys are being made there are none: verifiers would keep half a set.
    ///
    /// # Errors
    /// [`KeysError::NotReady`]
    pub fn jwks(&self) -> Result<Jwks, KeysError> {
        let ring = self.ring()?;
        let can_sign = self.algorithms().iter().all(|algorithm| ring.active(*algorithm).is_some());
        let has_secrets = Purpose::ALL.iter().all(|purpose| ring.secret(*purpose, None).is_some());
        if can_sign && has_secrets { Ok(ring.jwks.clone()) } else { Err(KeysError::NotReady) }
    }

    /// HMAC-SHA256 of `message` under the newest secret key of `purpose`, or under the one named; with that key's id.
    ///
    /// # Errors
    /// [`KeysError::NotReady`]; [`KeysError::Unknown`] when there is no such key.
    pub fn hmac(
        &self,
        purpose: Purpose,
        key_id: Option<&KeyId>,
        message: &[u8],
    ) -> Result<(KeyId, [u8; 32]), KeysError> {
        let ring = self.ring()?;
        let (id, key) = ring
            .secret(purpose, key_id)
            .ok_or_else(|| key_id.map_or(KeysError::NotReady, |id| KeysError::Unknown(id.clone())))?;
        let tag = hmac::sign(key, message);
        Ok((id.clone(), tag.as_ref().try_into().expect("a tag of HMAC-SHA256 has 32 bytes")))
    }

    /// How many keys this node knows, by algorithm and state.
    pub fn states(&self) -> Vec<(&'static str, &'static str, u64)> {
        let mut counts = BTreeMap::new();
        if let Ok(ring) = self.ring() {
            for record in ring.records() {
                *counts.entry((record.algorithm.as_str(), record.state.as_str())).or_insert(0) += 1;
            }
        }
        counts.into_iter().map(|((algorithm, state), count)| (algorithm, state, count)).collect()
    }

    /// What seals client secrets under the master key of this service.
    pub fn secret_seal(&self) -> SecretSeal {
        SecretSeal::new(self.0.master.clone(), self.0.entropy.clone())
    }

    fn ring(&self) -> Result<Arc<Ring>, KeysError> {
        self.0.ring.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(KeysError::NotReady)
    }

    fn require_configured(&self, algorithm: Algorithm) -> Result<(), KeysError> {
        let is_configured = self.algorithms().contains(&algorithm);
        if is_configured { Ok(()) } else { Err(KeysError::NotConfigured(algorithm)) }
    }

    /// The ring, read again if it does not know `kid` and no unknown `kid` made us read in this second.
    async fn ring_that_knows(&self, kid: &str) -> Result<Arc<Ring>, VerifyError> {
        let unavailable = |error: KeysError| VerifyError::Unavailable(error.to_string());
        let ring = self.ring().map_err(unavailable)?;
        if ring.published(kid).is_some() {
            return Ok(ring);
        }
        let mut last_read = self.0.reading.lock().await;
        // Whoever held the lock before us may have read what we miss.
        let ring = self.ring().map_err(unavailable)?;
        let now = self.0.clock.now();
        if ring.published(kid).is_some() || *last_read == Some(now) {
            return Ok(ring);
        }
        let ring = self.read_store_locked().await.map_err(unavailable)?;
        *last_read = Some(now);
        Ok(ring)
    }

    async fn read_store(&self) -> Result<Arc<Ring>, KeysError> {
        let _reading = self.0.reading.lock().await;
        self.read_store_locked().await
    }

    /// Reads the store and replaces the ring. The caller holds `reading`.
    async fn read_store_locked(&self) -> Result<Arc<Ring>, KeysError> {
        let rows = self.0.store.read(read_rows).await?;
        let before = self.ring().ok();
        let policy = &self.0.policy;
        let ring = Arc::new(Ring::build(rows, before.as_deref(), &self.0.master, policy.jwks_max_age)?);
        *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&ring));
        Ok(ring)
    }

    async fn follow_plan(&self, is_wanted: impl Fn(&Step) -> bool) -> Result<(), KeysError> {
        let ring = self.read_store().await?;
        ring.require_own_seals()?;
        let mut has_changed = false;
        for purpose in Purpose::ALL {
            if ring.secret(purpose, None).is_none() {
                self.make_secret(purpose).await?;
                has_changed = true;
            }
        }
        let plan = rotation::plan(&ring.records(), &self.0.policy, self.0.clock.now());
        let steps: Vec<Step> = plan.into_iter().filter(|step| is_wanted(step)).collect();
        // RSA keys take long to make, so all are made at the same time: the first start waits for the slowest only.
        let made = join_all(steps.iter().map(|step| self.make_for(step))).await;
        for (step, made) in steps.into_iter().zip(made) {
            self.carry_out(step, made?).await?;
            has_changed = true;
        }
        if has_changed {
            self.read_store().await?;
        }
        Ok(())
    }

    /// Makes the first secret key of a purpose; when another node was first, theirs counts.
    async fn make_secret(&self, purpose: Purpose) -> Result<(), KeysError> {
        let id = URL_SAFE_NO_PAD.encode(self.0.entropy.bytes::<12>());
        let bytes = Zeroizing::new(self.0.entropy.bytes::<32>());
        let owner = Owner { id: &id, algorithm: HMAC, purpose: purpose.as_str() };
        let sealed = sealing::seal(&self.0.master, &self.0.entropy, owner, bytes.as_slice());
        let created_at = self.0.clock.now();
        let key = SecretKey { id: KeyId::new(id), purpose: purpose.as_str().to_owned(), sealed, created_at };
        let made = Event::new(EventKind::KeyMade, &By::system(created_at))
            .with("kid", key.id.as_str())
            .with("purpose", purpose.as_str());
        let write = move |db: &mut Db| {
            secret_keys::insert(db, &key, 0)?;
            audit::insert(db, &made)
        };
        match self.0.store.write(write).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Carries out one step, if it still is a step of the plan when the transaction looks. What another node did
    /// meanwhile is no error.
    async fn carry_out(&self, step: Step, made: Option<SigningKey>) -> Result<(), KeysError> {
        let (clock, policy) = (self.0.clock.clone(), self.0.policy.clone());
        let written = self.0.store.write(move |db| {
            // The dates of the keys are taken here, not when the key was made: making one may have taken long.
            let now = clock.now();
            let keys = signing_keys::list(db)?;
            if !rotation::plan(&keys, &policy, now).contains(&step) {
                return Ok(());
            }
            apply(db, &step, &Moment { keys: &keys, made: made.as_ref(), policy: &policy, by: By::system(now) })
        });
        match written.await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The key pair that a step needs.
    async fn make_for(&self, step: &Step) -> Result<Option<SigningKey>, KeysError> {
        match step {
            Step::MakeActive(algorithm) | Step::MakeNext(algorithm) => self.make_key(*algorithm).await.map(Some),
            Step::Promote { .. } | Step::StopSigning(_) | Step::Retire(_) | Step::Remove(_) => Ok(None),
        }
    }

    /// Makes a key pair off the async workers, and seals it. State and dates are set when it is stored.
    async fn make_key(&self, algorithm: Algorithm) -> Result<SigningKey, KeysError> {
        let made = tokio::task::spawn_blocking(move || {
            let private = Signer::generate(algorithm)?;
            let signer = Signer::read(algorithm, &private)?;
            let public = PublicKey::describe(algorithm, &signer.public());
            let public = public.map_err(|_| CryptoFailure("describe a key"))?;
            Ok::<_, CryptoFailure>((private, public))
        });
        let (private, public) = made.await.map_err(|_| CryptoFailure("make a key"))??;
        let owner = Owner { id: public.id.as_str(), algorithm: algorithm.as_str(), purpose: SIGNING };
        let sealed_private = sealing::seal(&self.0.master, &self.0.entropy, owner, &private);
        Ok(SigningKey {
            public_jwk: public.to_json(),
            id: public.id,
            algorithm,
            state: KeyState::Next,
            sealed_private,
            created_at: self.0.clock.now(),
            activated_at: None,
            retiring_at: None,
            retires_at: None,
        })
    }

    /// Carries out an order with a key in hand that it may need.
    async fn try_again<T, F>(&self, order: impl Fn(SigningKey) -> F, algorithm: Algorithm) -> Result<T, KeysError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let made = self.make_key(algorithm).await?;
        again(|| order(made.clone())).await
    }

    async fn rotate_one(
        &self,
        algorithm: Algorithm,
        force: bool,
        (made, by): (SigningKey, By),
    ) -> Result<RotationOutcome, StoreError> {
        let (clock, policy) = (self.0.clock.clone(), self.0.policy.clone());
        let write = move |db: &mut Db| {
            let now = clock.now();
            let keys = signing_keys::list(db)?;
            let moment = Moment { keys: &keys, made: Some(&made), policy: &policy, by: by.at(now) };
            let in_state = |state| keys.iter().find(|key| key.algorithm == algorithm && key.state == state);
            let next = match in_state(KeyState::Next) {
                Some(next) => next.clone(),
                None => moment.insert_next(db)?,
            };
            let replaced = in_state(KeyState::Active).map(|key| key.id.clone());
            let until = policy.usable_at(next.created_at);
            if !force && replaced.is_some() && !until.is_past(now) {
                return Ok(RotationOutcome::Waiting { kid: next.id, until });
            }
            if let Some(active) = in_state(KeyState::Active) {
                moment.stop_signing(db, active)?;
            }
            moment.begin_to_sign(db, &next)?;
            Ok(RotationOutcome::Promoted { kid: next.id, replaced })
        };
        self.0.store.write(write).await
    }

    /// Gives the key that signs instead, where the retired one was signing.
    async fn retire_one(&self, kid: KeyId, (made, by): (SigningKey, By)) -> Result<Option<KeyId>, StoreError> {
        let (clock, policy) = (self.0.clock.clone(), self.0.policy.clone());
        let write = move |db: &mut Db| {
            let now = clock.now();
            let keys = signing_keys::list(db)?;
            let key = keys.iter().find(|key| key.id == kid).ok_or(StoreError::Conflict)?;
            let moment = Moment { keys: &keys, made: Some(&made), policy: &policy, by: by.at(now) };
            match key.state {
                KeyState::Retired => return Ok(None),
                KeyState::Next | KeyState::Retiring => {
                    moment.retire(db, key)?;
                    return Ok(None);
                }
                KeyState::Active => moment.retire(db, key)?,
            }
            let next = keys.iter().find(|next| next.algorithm == key.algorithm && next.state == KeyState::Next);
            match next {
                Some(next) => {
                    moment.begin_to_sign(db, next)?;
                    Ok(Some(next.id.clone()))
                }
                None => {
                    moment.insert_active(db)?;
                    Ok(Some(made.id.clone()))
                }
            }
        };
        self.0.store.write(write).await
    }
}

/// Carries out an order, and again when another node was in its way.
async fn again<T, F>(order: impl Fn() -> F) -> Result<T, KeysError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..ATTEMPTS {
        match order().await {
            Err(StoreError::Conflict) => {}
            outcome => return Ok(outcome?),
        }
    }
    Err(KeysError::Busy)
}

/// Without these nothing can be signed.
fn is_needed_to_sign(step: &Step) -> bool {
    matches!(step, Step::MakeActive(_) | Step::Promote { active: None, .. })
}

fn looks_like_kid(kid: &str) -> bool {
    kid.len() == KID_CHARACTERS && kid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn read_rows(db: &mut Db) -> Result<Rows, StoreError> {
    let signing = signing_keys::list(db)?;
    let mut secret = Vec::new();
    for purpose in Purpose::ALL {
        secret.extend(secret_keys::list(db, purpose.as_str())?.into_iter().map(|key| (purpose, key)));
    }
    Ok(Rows { signing, secret })
}

/// What a transaction that changes keys has in hand.
struct Moment<'a> {
    keys: &'a [SigningKey],
    made: Option<&'a SigningKey>,
    policy: &'a KeyPolicy,
    by: By,
}

fn apply(db: &mut Db, step: &Step, moment: &Moment<'_>) -> Result<(), StoreError> {
    match step {
        Step::MakeActive(_) => moment.insert_active(db),
        Step::MakeNext(_) => moment.insert_next(db).map(drop),
        Step::Promote { next, active } => {
            if let Some(active) = active {
                moment.stop_signing(db, moment.find(active)?)?;
            }
            moment.begin_to_sign(db, moment.find(next)?)
        }
        Step::StopSigning(kid) => moment.stop_signing(db, moment.find(kid)?),
        Step::Retire(kid) => moment.retire(db, moment.find(kid)?),
        Step::Remove(kid) => signing_keys::remove(db, kid).and_then(exactly_one),
    }
}

fn event(kind: EventKind, key: &SigningKey, by: &By) -> Event {
    Event::new(kind, by).with("kid", key.id.as_str()).with("algorithm", key.algorithm.as_str())
}

impl Moment<'_> {
    fn find(&self, kid: &KeyId) -> Result<&SigningKey, StoreError> {
        self.keys.iter().find(|key| key.id == *kid).ok_or(StoreError::Conflict)
    }

    /// The key that was made for this. Where another master key took the place of ours meanwhile, it is of no use: no
    /// node could open it after its next start.
    fn made(&self) -> Result<SigningKey, StoreError> {
        let made = self.made.ok_or(StoreError::Conflict)?;
        let mut in_use = self.keys.iter().filter(|key| ring::is_in_use(key.state));
        let is_sealed_alike = |key: &SigningKey| {
            sealing::master_of(ring::owner(key), &key.sealed_private)
                == sealing::master_of(ring::owner(made), &made.sealed_private)
        };
        exactly_one(in_use.all(is_sealed_alike)).map(|()| made.clone())
    }

    /// The date of publication is the date of the transaction that publishes.
    fn insert_next(&self, db: &mut Db) -> Result<SigningKey, StoreError> {
        let next = SigningKey { created_at: self.by.at, ..self.made()? };
        signing_keys::insert(db, &next)?;
        audit::insert(db, &event(EventKind::KeyMade, &next, &self.by))?;
        Ok(next)
    }

    fn insert_active(&self, db: &mut Db) -> Result<(), StoreError> {
        let made = self.made()?;
        let (created_at, activated_at) = (self.by.at, Some(self.by.at));
        let active = SigningKey { state: KeyState::Active, created_at, activated_at, ..made };
        signing_keys::insert(db, &active)?;
        let kinds = [EventKind::KeyMade, EventKind::KeyActivated];
        audit::insert_all(db, &kinds.map(|kind| event(kind, &active, &self.by)))
    }

    fn begin_to_sign(&self, db: &mut Db, key: &SigningKey) -> Result<(), StoreError> {
        self.change(db, key, SigningKey { state: KeyState::Active, activated_at: Some(self.by.at), ..key.clone() })
    }

    fn stop_signing(&self, db: &mut Db, key: &SigningKey) -> Result<(), StoreError> {
        let retires_at = Some(self.policy.retires_at(self.by.at));
        let retiring_at = Some(self.by.at);
        self.change(db, key, SigningKey { state: KeyState::Retiring, retiring_at, retires_at, ..key.clone() })
    }

    fn retire(&self, db: &mut Db, key: &SigningKey) -> Result<(), StoreError> {
        let now = self.by.at;
        let retiring_at = Some(key.retiring_at.unwrap_or(now));
        let retires_at = Some(key.retires_at.unwrap_or(now).min(now));
        self.change(db, key, SigningKey { state: KeyState::Retired, retiring_at, retires_at, ..key.clone() })
    }

    /// One conditional update: from the state that was read. A row that is not touched rolls everything back.
    fn change(&self, db: &mut Db, from: &SigningKey, to: SigningKey) -> Result<(), StoreError> {
        signing_keys::transition(db, &from.id, from.state, to.state, &to).and_then(exactly_one)?;
        let kind = match to.state {
            KeyState::Next => EventKind::KeyMade,
            KeyState::Active => EventKind::KeyActivated,
            KeyState::Retiring => EventKind::KeyRetiring,
            KeyState::Retired => EventKind::KeyRetired,
        };
        audit::insert(db, &event(kind, &to, &self.by))
    }
}

pub(super) fn exactly_one(touched: bool) -> Result<(), StoreError> {
    if touched { Ok(()) } else { Err(StoreError::Conflict) }
}
