//! The clock: the only reader of system time. Everything else is given a [`Timestamp`] or asks here.

use crate::domain::time::{Lifetime, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// System time, or a time that a test sets.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Seconds since the epoch that stand still until they are moved.
    Virtual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now` until it is moved.
    pub fn standing_at(now: Timestamp) -> Self {
        Self::Virtual(Arc::new(AtomicI64::new(now.seconds())))
    }

    /// The current time. A machine whose clock stands before 1970 counts as standing at 1970.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_seconds(system_seconds()),
            Self::Virtual(seconds) => Timestamp::from_seconds(seconds.load(Ordering::SeqCst)),
        }
    }

    /// Moves a virtual clock forward; does nothing to the system's.
    pub fn advance(&self, span: Lifetime) {
        if let Self::Virtual(seconds) = self {
            seconds.fetch_add(span.as_seconds(), Ordering::SeqCst);
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads system time")]
fn system_seconds() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// A stopwatch for durations in logs, and for how long a connection may be quiet; never for decisions about tokens,
/// codes or sessions.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts now.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads system time")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Time since the start.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads system time")]
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}
