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
    /// Leaves the store. Only a retired key does, and no key leaves that state: this needs no condition.
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
        (_, Some(next), false) => Some(Step::Retire(next.id.clone())),
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
        KeyState::Next if is_wanted && is_misdated(key.created_at, policy, now) => Some(Step::Retire(key.id.clone())),
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

#[cfg(test)]
mod tests {
    use super::*;
    use Algorithm::{ES256, RS256};
    use KeyState::{Active, Next, Retired, Retiring};

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;
    /// When this table's story takes place, in seconds.
    const START: i64 = 1_800_000_000;

    fn policy() -> KeyPolicy {
        KeyPolicy { algorithms: vec![ES256], ..KeyPolicy::default() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(START + seconds)
    }

    /// A key that came into its state at `since`.
    fn key(id: &str, state: KeyState, since: i64) -> SigningKey {
        let (activated_at, retiring_at) = (Some(at(since)), Some(at(since)));
        let key = SigningKey {
            id: KeyId::new(id),
            algorithm: ES256,
            state,
            public_jwk: String::new(),
            sealed_private: Vec::new(),
            created_at: at(since),
            activated_at: None,
            retiring_at: None,
            retires_at: None,
        };
        match state {
            Next => key,
            Active => SigningKey { activated_at, ..key },
            Retiring | Retired => {
                SigningKey { activated_at, retiring_at, retires_at: Some(policy().retires_at(at(since))), ..key }
            }
        }
    }

    fn promote(next: &str, active: Option<&str>) -> Step {
        Step::Promote { next: KeyId::new(next), active: active.map(KeyId::new) }
    }

    #[test]
    fn each_key_takes_the_step_that_is_due() {
        let retired_after = DAY + 60;
        let table: Vec<(&str, Vec<SigningKey>, i64, Vec<Step>)> = vec![
            ("nothing is there", vec![], 0, vec![Step::MakeActive(ES256)]),
            ("a young key signs", vec![key("a", Active, 0)], 29 * DAY - 1, vec![]),
            ("the next key is due", vec![key("a", Active, 0)], 29 * DAY, vec![Step::MakeNext(ES256)]),
            ("the next key is too young", vec![key("a", Active, 0), key("b", Next, 29 * DAY)], 30 * DAY - 1, vec![]),
            (
                "the next key has been seen by all",
                vec![key("a", Active, 0), key("b", Next, 29 * DAY)],
                30 * DAY,
                vec![promote("b", Some("a"))],
            ),
            ("a key that was ordered waits its time", vec![key("a", Active, 0), key("b", Next, 0)], DAY - 1, vec![]),
            (
                "a key that was ordered does not wait for the schedule",
                vec![key("a", Active, 0), key("b", Next, 0)],
                DAY,
                vec![promote("b", Some("a"))],
            ),
            ("nothing signs, however young the next", vec![key("b", Next, 0)], 1, vec![promote("b", None)]),
            ("its last token may live", vec![key("a", Retiring, 0), key("b", Active, 0)], retired_after - 1, vec![]),
            (
                "its last token has expired",
                vec![key("a", Retiring, 0), key("b", Active, 0)],
                retired_after,
                vec![Step::Retire(KeyId::new("a"))],
            ),
            ("a retired key is listed", vec![key("a", Retired, 0), key("b", Active, DAY)], 30 * DAY - 1, vec![]),
            (
                "a retired key is forgotten",
                vec![key("a", Retired, 0), key("b", Active, 20 * DAY)],
                retired_after + 30 * DAY,
                vec![Step::Remove(KeyId::new("a"))],
            ),
            (
                "the clock went forward by a month: publish first, whatever is overdue",
                vec![key("a", Active, 0)],
                60 * DAY,
                vec![Step::MakeNext(ES256)],
            ),
            (
                "the clock went back by a year: the key is as good as old",
                vec![key("a", Active, 0)],
                -365 * DAY,
                vec![Step::MakeNext(ES256)],
            ),
            (
                "the clock went back by a year: a next key of that time would wait for a year",
                vec![key("a", Active, -366 * DAY), key("b", Next, 0)],
                -365 * DAY,
                vec![Step::Retire(KeyId::new("b"))],
            ),
            ("clocks of nodes differ by seconds", vec![key("a", Active, 0), key("b", Next, 0)], -30, vec![]),
        ];
        for (claim, keys, now, expected) in table {
            assert_eq!(plan(&keys, &policy(), at(now)), expected, "{claim}");
        }
    }

    #[test]
    fn an_algorithm_that_is_not_wanted_any_more_runs_out() {
        let unwanted = KeyPolicy { algorithms: vec![RS256], ..policy() };
        let others = |keys: &[SigningKey], now| {
            let mut steps = plan(keys, &unwanted, at(now));
            steps.retain(|step| *step != Step::MakeActive(RS256));
            steps
        };
        assert_eq!(others(&[key("a", Active, 0)], 29 * DAY), vec![]);
        assert_eq!(others(&[key("a", Active, 0)], 30 * DAY), vec![Step::StopSigning(KeyId::new("a"))]);
        assert_eq!(others(&[key("a", Active, 0), key("b", Next, 0)], 1), vec![Step::Retire(KeyId::new("b"))]);
    }

    #[test]
    fn a_key_is_published_for_longer_than_the_jwks_is_cached_whatever_is_configured() {
        let hasty = KeyPolicy { publish_ahead: Lifetime::seconds(0), jwks_max_age: Lifetime::minutes(15), ..policy() };
        let keys = [key("a", Active, 0), key("b", Next, 0)];
        assert_eq!(plan(&keys, &hasty, at(15 * 60)), vec![]);
        assert_eq!(plan(&keys, &hasty, at(16 * 60)), vec![promote("b", Some("a"))]);
    }

    #[test]
    fn times_at_the_ends_of_time_are_no_trouble() {
        for now in [i64::MIN, -1, 0, i64::MAX] {
            for state in [Next, Active, Retiring, Retired] {
                plan(&[key("a", state, 0)], &policy(), Timestamp::from_seconds(now));
            }
        }
    }
}
