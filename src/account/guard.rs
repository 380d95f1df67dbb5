//! Guessing of passwords is slowed: by account and source, by source, and by account over all sources.
//!
//! A browser that signed in to the account before carries a device mark and is counted apart, so the guesses of others
//! never hold up the owner. When an account is guessed at from everywhere, each strange source keeps one free attempt.

use crate::domain::id::UserId;
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::throttle::{Throttle, ThrottleRule};
use crate::domain::time::Timestamp;
use crate::domain::user::LoginName;
use crate::keys::KeysError;
use crate::settings::Login as LoginLimits;
use crate::store::{self, Db, StoreError};
use crate::web::csrf::Binding;
use crate::web::extract::Edge;
use std::net::IpAddr;

/// The counters of one attempt.
#[derive(Clone, Copy)]
pub(super) struct Guard {
    /// A known device with this account, or this account from this source.
    pair: TokenHash,
    /// The source, unless the device is known.
    source: Option<TokenHash>,
    /// The account over all sources, unless the device is known.
    account: Option<TokenHash>,
    limits: LoginLimits,
}

impl Guard {
    /// For an attempt on an account (by its id, under whatever spelling; by the typed name where there is none).
    pub(super) fn new(edge: &Edge, user: Option<&UserId>, name: Option<&LoginName>) -> Result<Self, KeysError> {
        let account = match (user, name) {
            (Some(user), _) => format!("user {user}"),
            (None, name) => format!("name {name:?}"),
        };
        let limits = edge.settings.limits.login;
        if let Some(device) = user.map(|user| known_device(edge, user)).transpose()?.flatten() {
            let pair = TokenHash::of(&format!("login device {} {account}", device.reveal()));
            return Ok(Self { pair, source: None, account: None, limits });
        }
        let source = edge.context.source.map_or_else(|| "unknown".to_owned(), network);
        Ok(Self {
            pair: TokenHash::of(&format!("login {account} from {source}")),
            source: Some(TokenHash::of(&format!("login from {source}"))),
            account: Some(TokenHash::of(&format!("login {account}"))),
            limits,
        })
    }

    fn subjects(&self) -> Vec<TokenHash> {
        [Some(self.pair), self.source, self.account].into_iter().flatten().collect()
    }

    /// How many seconds this attempt must wait.
    pub(super) fn wait(&self, db: &mut Db, now: Timestamp) -> Result<i64, StoreError> {
        let found = store::throttles::find(db, &self.subjects())?;
        let of = |subject: TokenHash| found.iter().find(|throttle| throttle.subject == subject);
        let source = self.source.map_or(0, |subject| self.limits.source.wait(of(subject), now));
        let is_under_attack = self.account.is_some_and(|subject| self.limits.account.wait(of(subject), now) > 0);
        let pair = self.pair_rule(is_under_attack).wait(of(self.pair), now);
        Ok(pair.max(source))
    }

    /// An account that is guessed at from everywhere leaves each strange source one free attempt.
    fn pair_rule(&self, is_under_attack: bool) -> ThrottleRule {
        let free = if is_under_attack { 1 } else { self.limits.account_source.free };
        ThrottleRule { free, ..self.limits.account_source }
    }

    /// Counts a failure.
    pub(super) fn failed(&self, db: &mut Db, now: Timestamp) -> Result<(), StoreError> {
        let found: Vec<Throttle> = store::throttles::find(db, &self.subjects())?;
        let rules = [
            (Some(self.pair), self.limits.account_source),
            (self.source, self.limits.source),
            (self.account, self.limits.account),
        ];
        for (subject, rule) in rules {
            if let Some(subject) = subject {
                let before = found.iter().find(|throttle| throttle.subject == subject);
                store::throttles::save(db, &rule.failed(subject, before, now))?;
            }
        }
        Ok(())
    }

    /// Forgets the failures of this device or source with this account.
    pub(super) fn succeeded(&self, db: &mut Db) -> Result<(), StoreError> {
        store::throttles::forget(db, &[self.pair])
    }
}

/// The value of a device mark for `user`: a random id and its proof, good for this account only.
pub(super) fn device_mark(edge: &Edge, user: &UserId) -> Result<Secret, KeysError> {
    let id = Secret::new(crate::domain::client::hex(&edge.entropy.bytes::<8>()));
    let proof = Binding { form: "device", browser: &id, transaction: user.as_str() }.token(&edge.keys)?;
    Ok(Secret::new(format!("{}.{proof}", id.reveal())))
}

/// The id of this browser's mark, if it is one for `user`.
fn known_device(edge: &Edge, user: &UserId) -> Result<Option<Secret>, KeysError> {
    let Some(mark) = edge.cookie(crate::web::cookies::CookieKind::Device) else { return Ok(None) };
    let Some((id, proof)) = mark.reveal().split_once('.') else { return Ok(None) };
    let id = Secret::new(id);
    let is_genuine =
        Binding { form: "device", browser: &id, transaction: user.as_str() }.is_met_by(proof, &edge.keys)?;
    Ok(is_genuine.then_some(id))
}

/// A source is an IPv4 address or an IPv6 /64: one customer has a whole /64 to guess from.
fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.to_string(),
            None => ip.segments()[..4].iter().map(|part| format!("{part:x}")).collect::<Vec<_>>().join(":"),
        },
    }
}
