//! The rotation plan: which steps the stored keys need now. Pure; carried out by the service with conditional updates,
//! so that any number of nodes may follow the same plan.
//!
//! The life of a key: `Next` (published, not signing) -> `Active` (signing) -> `Retiring` (published until the last
//! token it signed has expired) -> `Retired` (kept for a while to be listed) -> gone. Two rules make it safe:
//! - a key signs only after it has been published for longer than anybody may cache the JWKS, except where its
//!   algorithm has no signing key at all;
//! - a key stays published until the longest token that it may have signed has expired, and a leeway longer.

use crate::domain::id::KeyId;
use crate::domain::key::{Algorithm, KeyState, SigningKey};
use crate::domain::time::{Lifetime, Timestamp};

/// Added to the longest lifetime of a token: other nodes may sign with the old key until they look again, and verifiers'
/// clocks differ.
pub const LEEWAY: Lifetime = Lifetime::seconds(60);

/// How long a retired key is kept so that it can be listed.
const LISTED_AFTER_RETIREMENT: Lifetime = Lifetime::days(30);

/// When keys change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPolicy {
    /// The algorithms to hold keys for. The first is the default for access tokens.
    pub algorithms: Vec<Algorithm>,
    /// How long a key signs.
    pub rotate_every: Lifetime,
    /// How long before its first use a key is published. Where this is not longer than `jwks_max_age`, that and a
    /// minute count instead.
    pub publish_ahead: Lifetime,
    /// How long others may cache the JWKS (`Cache-Control: max-age`).
    pub jwks_max_age: Lifetime,
    /// The longest lifetime of any token that is signed.
    pub longest_token: Lifetime,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            algorithms: Algorithm::ALL.to_vec(),
            rotate_every: Lifetime::days(30),
            publish_ahead: Lifetime::hours(24),
            jwks_max_age: Lifetime::minutes(15),
            longest_token: Lifetime::hours(24),
        }
    }
}

impl KeyPolicy {
    /// How long a key is really published before it signs: longer than anybody caches a JWKS without it, and than
    /// another node takes to look again.
    pub fn published_before_use(&self) -> Lifetime {
        self.publish_ahead.max(Lifetime::seconds(self.jwks_max_age.as_seconds().saturating_add(LEEWAY.as_seconds())))
    }

    /// When a key that stops signing at `now` leaves the JWKS.
    pub fn retires_at(&self, now: Timestamp) -> Timestamp {
        now.plus(self.longest_token).plus(LEEWAY)
    }

    /// When a `Next` key made at `created_at` may sign.
    pub fn usable_at(&self, created_at: Timestamp) -> Timestamp {
        created_at.plus(self.published_before_use())
    }
}

/// One change of one key. Each is one conditional update, or one unique insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make a key that signs at once: its algorithm has none.
    MakeActive(Algorithm),
    /// Make and publish the key that will sign next.
    MakeNext(Algorithm),
    /// `next` begins to sign, and what signed before begins to retire.
    Promote {
        /// The key that begins to sign.
        next: KeyId,
        /// The key that signed before; `None` where there was none.
        active: Option<KeyId>,
    },
    /// Stops signing without a successor: its algorithm is not wanted any more.
    StopSigning(KeyId),
    /// Leaves the JWKS.
    Retire(KeyId),
    /// Leaves the store.
    Remove(KeyId),
}

/// What is due at `now`. Steps of one algorithm depend on no other step of the same plan.
pub fn plan(keys: &[SigningKey], policy: &KeyPolicy, now: Timestamp) -> Vec<Step> {
    let signing = Algorithm::ALL.into_iter().filter_map(|algorithm| plan_signing(keys, algorithm, policy, now));
    let leaving = keys.iter().filter_map(|key| plan_leaving(key, policy, now));
    signing.chain(leaving).collect()
}

fn plan_signing(keys: &[SigningKey], algorithm: Algorithm, policy: &KeyPolicy, now: Timestamp) -> Option<Step> {
    let in_state = |state| keys.iter().find(|key| key.algorithm == algorithm && key.state == state);
    match (in_state(KeyState::Active), in_state(KeyState::Next), policy.algorithms.contains(&algorithm)) {
        (None, None, true) => Some(Step::MakeActive(algorithm)),
        // Nothing signs: a key that is known for a while is better than one that nobody has seen.
        (None, Some(next), true) => Some(Step::Promote { next: next.id.clone(), active: None }),
        (Some(active), None, true) => {
            is_due(active, policy.published_before_use(), policy, now).then_some(Step::MakeNext(algorithm))
        }
        (Some(active), Some(next), true) => is_usable(next, policy, now)
            .then(|| Step::Promote { next: next.id.clone(), active: Some(active.id.clone()) }),
        (Some(active), None, false) => {
            is_due(active, Lifetime::seconds(0), policy, now).then(|| Step::StopSigning(active.id.clone()))
        }
        (_, Some(next), false) => Some(Step::Remove(next.id.clone())),
        (None, None, false) => None,
    }
}

/// Whether a key has signed for as long as it should, less `ahead`. A key dated in the future is due as well: it comes
/// from a time when the clock was wrong.
fn is_due(active: &SigningKey, ahead: Lifetime, policy: &KeyPolicy, now: Timestamp) -> bool {
    let since = active.activated_at.unwrap_or(active.created_at);
    since.plus(policy.rotate_every).minus(ahead).is_past(now) || is_misdated(since, policy, now)
}

fn is_usable(next: &SigningKey, policy: &KeyPolicy, now: Timestamp) -> bool {
    policy.usable_at(next.created_at).is_past(now)
}

/// Further in the future than clocks of nodes differ.
fn is_misdated(at: Timestamp, policy: &KeyPolicy, now: Timestamp) -> bool {
    at.since(now) > policy.published_before_use().as_seconds()
}

fn plan_leaving(key: &SigningKey, policy: &KeyPolicy, now: Timestamp) -> Option<Step> {
    let is_wanted = policy.algorithms.contains(&key.algorithm);
    match key.state {
        // It never signed, so it can go; the next plan makes another with the right date.
        KeyState::Next if is_wanted && is_misdated(key.created_at, policy, now) => Some(Step::Remove(key.id.clone())),
        KeyState::Next | KeyState::Active => None,
        KeyState::Retiring => leaves_at(key, policy).is_past(now).then(|| Step::Retire(key.id.clone())),
        KeyState::Retired => {
            leaves_at(key, policy).plus(LISTED_AFTER_RETIREMENT).is_past(now).then(|| Step::Remove(key.id.clone()))
        }
    }
}

fn leaves_at(key: &SigningKey, policy: &KeyPolicy) -> Timestamp {
    key.retires_at.unwrap_or_else(|| policy.retires_at(key.retiring_at.unwrap_or(key.created_at)))
}
