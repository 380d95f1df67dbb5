//! `limits.*`: bounds on what comes from outside.

use super::reader::Reader;
use crate::domain::throttle::ThrottleRule;
use crate::domain::time::Lifetime;
use std::time::Duration;

/// `limits.*`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body_bytes: usize,
    /// How long a request's head may take to arrive.
    pub head_timeout: Duration,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// Open connections.
    pub max_connections: usize,
    /// Guessing of passwords.
    pub login: Login,
    /// Clients that anybody registers.
    pub registration: Registration,
    /// Authorization requests that wait for their users.
    pub authorization: Authorization,
}

/// `limits.login.*`: one rule a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// Failures from one source to one account.
    pub account_source: ThrottleRule,
    /// Failures from one source to any account.
    pub source: ThrottleRule,
    /// Failures to one account from all sources.
    pub account: ThrottleRule,
}

/// `limits.registration.*`: how many clients anybody may register (RFC 7591 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// Within an hour, from one source.
    pub from_source: u64,
    /// Within an hour, from all sources.
    pub per_hour: u64,
    /// In all.
    pub most_clients: u64,
    /// How long one stays that nobody uses.
    pub unused_lifetime: Lifetime,
}

/// `limits.authorization.*`: authorization requests that are stored while their users sign in or consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authorization {
    /// Within a minute, from one source.
    pub from_source: i64,
    /// In all.
    pub most_stored: u64,
}

impl Limits {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            body_bytes: reader.count("limits.body_bytes", 1024..=16_777_216),
            head_timeout: reader.duration("limits.head_timeout", 1..=300),
            body_timeout: reader.duration("limits.body_timeout", 1..=300),
            max_connections: reader.count("limits.max_connections", 16..=1_000_000),
            login: Login::read(reader),
            registration: Registration::read(reader),
            authorization: Authorization::read(reader),
        }
    }
}

impl Registration {
    fn read(reader: &mut Reader) -> Self {
        let mut count = |key| reader.count(key, 1..=1_000_000) as u64;
        Self {
            from_source: count("limits.registration.from_source"),
            per_hour: count("limits.registration.per_hour"),
            most_clients: count("limits.registration.most_clients"),
            unused_lifetime: reader.lifetime("limits.registration.unused_lifetime", 3600..=31_536_000),
        }
    }
}

impl Authorization {
    fn read(reader: &mut Reader) -> Self {
        Self {
            from_source: reader.number("limits.authorization.from_source", 1..=1_000_000),
            most_stored: reader.count("limits.authorization.most_stored", 1..=100_000_000) as u64,
        }
    }
}

impl Login {
    fn read(reader: &mut Reader) -> Self {
        let longest_wait = reader.lifetime("limits.login.longest_wait", 1..=3600);
        let memory = reader.lifetime("limits.login.memory", 60..=86_400);
        let mut rule = |key| ThrottleRule { free: reader.number(key, 1..=1_000_000), longest_wait, memory };
        let login = Self {
            account_source: rule("limits.login.account_source_free"),
            source: rule("limits.login.source_free"),
            account: rule("limits.login.account_free"),
        };
        if longest_wait >= memory {
            reader.object("limits.login.longest_wait", "it must be less than limits.login.memory");
        }
        login
    }
}
