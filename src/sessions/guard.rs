//! Guessing of passwords is slowed: by account and source, by source, and by account over all sources. The login page, the
//! change of a password and the password grant count in the same way.
//!
//! A browser that signed in to the account before carries a device mark and is counted apart, so the guesses of others
//! never hold up the owner. When an account is guessed at from everywhere, each strange source keeps one free attempt.

use crate::domain::id::UserId;
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::throttle::{Throttle, ThrottleRule};
use crate::domain::time::Timestamp;
use crate::domain::user::LoginName;
use crate::settings::Login as LoginLimits;
use crate::store::{self, Db, StoreError};
use std::net::IpAddr;

/// Where an attempt comes from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The address; `None` where there is none.
    pub address: Option<IpAddr>,
    /// The id of a device that signed in to this very account before, as its mark proves.
    pub device: Option<Secret>,
}

/// The counters of one attempt.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
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
    pub fn new(limits: LoginLimits, user: Option<&UserId>, name: Option<&LoginName>, source: &Source) -> Self {
        let account = match (user, name) {
            (Some(user), _) => format!("user {user}"),
            (None, name) => format!("name {name:?}"),
        };
        if let Some(device) = &source.device {
            let pair = TokenHash::of(&format!("login device {} {account}", device.reveal()));
            return Self { pair, source: None, account: None, limits };
        }
        let address = source.address.map_or_else(|| "unknown".to_owned(), network);
        Self {
            pair: TokenHash::of(&format!("login {account} from {address}")),
            source: Some(TokenHash::of(&format!("login from {address}"))),
            account: Some(TokenHash::of(&format!("login {account}"))),
            limits,
        }
    }

    fn subjects(&self) -> Vec<TokenHash> {
        [Some(self.pair), self.source, self.account].into_iter().flatten().collect()
    }

    /// How many seconds this attempt must wait.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn wait(&self, db: &mut Db, now: Timestamp) -> Result<i64, StoreError> {
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
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn failed(&self, db: &mut Db, now: Timestamp) -> Result<(), StoreError> {
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
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn succeeded(&self, db: &mut Db) -> Result<(), StoreError> {
        store::throttles::forget(db, &[self.pair])
    }
}

/// A source is an IPv4 address or an IPv6 /64: one customer has a whole /64 to guess from.
pub fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.to_string(),
            None => ip.segments()[..4].iter().map(|part| format!("{part:x}")).collect::<Vec<_>>().join(":"),
        },
    }
}
