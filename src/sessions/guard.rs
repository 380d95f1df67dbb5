//! Guessing of passwords is slowed: by account and source, by source, and by account over all sources. The login page,
//! the change of a password and the password grant count in the same way.
//!
//! A browser that signed in to the account before carries a device mark and is counted apart, so the guesses of others
//! never hold up the owner. When an account is guessed at from everywhere, each strange source keeps one free attempt.
//!
//! An attempt is taken before its password is looked at ([`Guard::take`]): one transaction that holds the counters says
//! that it must wait, or counts it as a failure. So as many pass as may, on any number of nodes at once. Whoever was
//! right, or was not looked at, gives it back ([`Taken`]); whoever goes away before the answer does not.
//! Attempts of one node stand in line before that ([`super::line`]), so those that are right hold up nobody.

use super::line::Turn;
use crate::domain::id::UserId;
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::throttle::{Counted, Throttle, ThrottleRule};
use crate::domain::time::Timestamp;
use crate::domain::user::LoginName;
use crate::settings::Login as LoginLimits;
use crate::store::{self, Db, Store, StoreError};
use std::net::{IpAddr, Ipv6Addr};

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

/// Whether an attempt may be made.
#[derive(Debug)]
pub enum Admission {
    /// Not before so many seconds have passed.
    Wait(i64),
    /// It may, and is counted as a failure already.
    Taken(Taken),
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
        let address = network(source.address);
        Self {
            pair: TokenHash::of(&format!("login {account} from {address}")),
            source: Some(TokenHash::of(&format!("login from {address}"))),
            account: Some(TokenHash::of(&format!("login {account}"))),
            limits,
        }
    }

    /// The lines in which this attempt stands, and how many may be looked at in each at a time: as many as may fail.
    pub fn lines(&self) -> Vec<(TokenHash, u32)> {
        let rules = [
            (Some(self.pair), self.limits.account_source),
            (self.account, self.limits.account),
            (self.source, self.limits.source),
        ];
        let line = |(subject, rule): (Option<TokenHash>, ThrottleRule)| {
            subject.map(|subject| (subject, u32::try_from(rule.free).unwrap_or(u32::MAX)))
        };
        rules.into_iter().filter_map(line).collect()
    }

    fn subjects(&self) -> Vec<TokenHash> {
        [Some(self.pair), self.source, self.account].into_iter().flatten().collect()
    }

    /// Takes an attempt, unless it must wait. Who must is told so by looking, so that a flood of them holds no counter.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(self, store: &Store, now: Timestamp) -> Result<Admission, StoreError> {
        let find = move |db: &mut Db| Ok(self.wait(&store::throttles::find(db, &self.subjects())?, now));
        match store.read(find).await? {
            0 => store.write(move |db| self.take_held(db, now)).await,
            seconds => Ok(Admission::Wait(seconds)),
        }
    }

    fn take_held(&self, db: &mut Db, now: Timestamp) -> Result<Admission, StoreError> {
        loop {
            let found = store::throttles::hold(db, &self.subjects())?;
            let seconds = self.wait(&found, now);
            if seconds > 0 {
                return Ok(Admission::Wait(seconds));
            }
            let taken = self.count(&found, now);
            match store::attempt(db, |db| taken.store(db)) {
                Ok(()) => return Ok(Admission::Taken(taken)),
                // Somebody else has made a counter meanwhile; the next look finds and holds it.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// How many seconds this attempt must wait.
    fn wait(&self, found: &[Throttle], now: Timestamp) -> i64 {
        let of = |subject| find(found, subject);
        let source = self.source.map_or(0, |subject| self.limits.source.wait(of(subject), now));
        let is_under_attack = self.account.is_some_and(|subject| self.limits.account.wait(of(subject), now) > 0);
        let pair = self.pair_rule(is_under_attack).wait(of(self.pair), now);
        pair.max(source)
    }

    /// An account that is guessed at from everywhere leaves each strange source one free attempt.
    fn pair_rule(&self, is_under_attack: bool) -> ThrottleRule {
        let free = if is_under_attack { 1 } else { self.limits.account_source.free };
        ThrottleRule { free, ..self.limits.account_source }
    }

    fn count(&self, found: &[Throttle], now: Timestamp) -> Taken {
        let rules = [
            (Some(self.pair), self.limits.account_source),
            (self.source, self.limits.source),
            (self.account, self.limits.account),
        ];
        let count = |(subject, rule): (Option<TokenHash>, ThrottleRule)| {
            subject.map(|subject| rule.count(subject, find(found, subject), now))
        };
        Taken { pair: self.pair, counted: rules.into_iter().filter_map(count).collect(), _turn: None }
    }
}

fn find(found: &[Throttle], subject: TokenHash) -> Option<&Throttle> {
    found.iter().find(|throttle| throttle.subject == subject)
}

/// An attempt that is counted as a failure until it is known better.
#[derive(Debug, Clone)]
pub struct Taken {
    pair: TokenHash,
    counted: Vec<Counted>,
    /// Others wait until what comes of this attempt is written.
    _turn: Option<Turn>,
}

impl Taken {
    /// The same, which keeps its turn.
    #[must_use]
    pub fn in_turn(self, turn: Turn) -> Self {
        Self { _turn: Some(turn), ..self }
    }

    /// Counters that were found are held; one that was not may have been made by somebody else.
    fn store(&self, db: &mut Db) -> Result<(), StoreError> {
        for counted in &self.counted {
            match counted.before {
                Some(_) => store::throttles::save(db, &counted.after)?,
                None => store::throttles::insert(db, &counted.after)?,
            }
        }
        Ok(())
    }

    /// The password was right: the failures of this device or source with this account are forgotten, and the other
    /// counters are as if there had been no attempt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn succeeded(&self, db: &mut Db) -> Result<(), StoreError> {
        self.give_back(db)?;
        store::throttles::forget(db, &[self.pair])
    }

    /// There was no attempt after all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn give_back(&self, db: &mut Db) -> Result<(), StoreError> {
        let subjects: Vec<TokenHash> = self.counted.iter().map(|counted| counted.after.subject).collect();
        let held = store::throttles::hold(db, &subjects)?;
        for counted in &self.counted {
            let subject = counted.after.subject;
            let current = find(&held, subject);
            match counted.given_back(current) {
                Some(throttle) => store::throttles::save(db, &throttle)?,
                None if current.is_some() => store::throttles::forget(db, &[subject])?,
                None => {}
            }
        }
        Ok(())
    }
}

/// The network that is counted as one source: an IPv4 address or an IPv6 /64, because one customer has a whole /64 to
/// guess from. All of whom the address is not known are one.
pub fn network(source: Option<IpAddr>) -> String {
    let of_ipv6 =
        |ip: Ipv6Addr| ip.segments()[..4].iter().map(|part| format!("{part:x}")).collect::<Vec<_>>().join(":");
    match source.map(|ip| ip.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => of_ipv6(ip),
    }
}
