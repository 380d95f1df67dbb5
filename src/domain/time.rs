//! Points and spans of time, in whole seconds. Nothing here reads a clock: `now` is always an argument.

use serde::{Deserialize, Serialize};

/// A point in time: whole seconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This point moved later by `span`; saturates at the end of time.
    pub const fn plus(self, span: Lifetime) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This point moved earlier by `span`.
    pub const fn minus(self, span: Lifetime) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Seconds from `earlier` to this point; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether something that ends at this point is over at `now`: the end itself is outside.
    pub const fn is_past(self, now: Self) -> bool {
        now.0 >= self.0
    }
}

/// A span of time: whole seconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lifetime(i64);

impl Lifetime {
    /// From whole seconds; a negative number becomes zero.
    pub const fn seconds(seconds: i64) -> Self {
        Self(if seconds < 0 { 0 } else { seconds })
    }

    /// From whole minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// From whole hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours * 60)
    }

    /// From whole days.
    pub const fn days(days: i64) -> Self {
        Self::hours(days * 24)
    }

    /// The span in seconds.
    pub const fn as_seconds(self) -> i64 {
        self.0
    }
}
