//! Throttling of guesses: slows whoever guesses, and never locks out the owner.
//!
//! Failures are counted per account and source, per source, and per account over all sources. A browser that has signed
//! in to the account before brings a device mark and is counted apart, so that nobody else's guesses hold it up. What is
//! refused is refused before a password hash is computed, and the wait is bounded.

use super::secret::TokenHash;
use super::time::{Lifetime, Timestamp};

/// A counter of failures. Its subject is a hash, so the table tells nothing about who tried what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    /// SHA-256 of what is counted: its primary key.
    pub subject: TokenHash,
    /// Failures in a row, forgotten after the rule's memory.
    pub failures: i64,
    /// When the last one happened.
    pub last_failed_at: Timestamp,
    /// When the row may be swept.
    pub expires_at: Timestamp,
}

/// How many failures are free, and how the wait grows after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleRule {
    /// Failures without any wait.
    pub free: i64,
    /// The longest wait.
    pub longest_wait: Lifetime,
    /// After this long without failure everything is forgotten.
    pub memory: Lifetime,
}

impl ThrottleRule {
    /// How many seconds from `now` the next attempt must wait: 0 within the free ones, then 1, 2, 4, … up to the longest.
    pub fn wait(&self, throttle: Option<&Throttle>, now: Timestamp) -> i64 {
        let Some(throttle) = throttle.filter(|throttle| now.since(throttle.last_failed_at) < self.memory.as_seconds())
        else {
            return 0;
        };
        let beyond = throttle.failures - self.free;
        if beyond < 0 {
            return 0;
        }
        let span = 1_i64.checked_shl(u32::try_from(beyond.min(30)).unwrap_or(30)).unwrap_or(i64::MAX);
        let until = throttle.last_failed_at.plus(Lifetime::seconds(span.min(self.longest_wait.as_seconds())));
        until.since(now).clamp(0, self.longest_wait.as_seconds())
    }

    /// The counter after one more failure.
    pub fn failed(&self, subject: TokenHash, before: Option<&Throttle>, now: Timestamp) -> Throttle {
        let remembered = before.filter(|throttle| now.since(throttle.last_failed_at) < self.memory.as_seconds());
        Throttle {
            subject,
            failures: remembered.map_or(0, |throttle| throttle.failures).saturating_add(1),
            last_failed_at: now,
            expires_at: now.plus(self.memory),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: ThrottleRule =
        ThrottleRule { free: 3, longest_wait: Lifetime::seconds(60), memory: Lifetime::hours(1) };

    fn after(failures: i64, at: i64) -> Throttle {
        let at = Timestamp::from_seconds(at);
        Throttle { subject: TokenHash::of("x"), failures, last_failed_at: at, expires_at: at }
    }

    #[test]
    fn the_wait_grows_is_bounded_and_ends() {
        let wait =
            |failures, later: i64| RULE.wait(Some(&after(failures, 1000)), Timestamp::from_seconds(1000 + later));
        assert_eq!(wait(2, 0), 0);
        assert_eq!(wait(3, 0), 1);
        assert_eq!(wait(4, 0), 2);
        assert_eq!(wait(4, 2), 0);
        assert_eq!(wait(8, 0), 32);
        assert_eq!(wait(9, 0), 60);
        assert_eq!(wait(i64::MAX, 0), 60);
        assert_eq!(wait(50, 3600), 0, "forgotten");
    }

    #[test]
    fn a_clock_that_went_backwards_waits_no_longer_than_the_longest() {
        assert_eq!(RULE.wait(Some(&after(40, 100_000)), Timestamp::from_seconds(1000)), 60);
    }
}
