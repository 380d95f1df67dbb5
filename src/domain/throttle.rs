//! Throttling of guesses: slows whoever guesses, and never locks out the owner.
//!
//! Failures are counted per account and source, per source, and per account over all sources. A browser that has signed
//! in to the account before brings a device mark and is counted apart, so that nobody else's guesses hold it up. What
//! is refused is refused before a password hash is computed, and the wait is bounded.
//!
//! An attempt counts as a failure from its beginning and is given back when it was none: otherwise as many as begin
//! before the first one has failed would all be free.

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
    /// How many seconds from `now` the next attempt must wait: 0 within the free ones, then 1, 2, 4, … up to the
    /// longest.
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

    /// Counts an attempt as one more failure.
    pub fn count(&self, subject: TokenHash, before: Option<&Throttle>, now: Timestamp) -> Counted {
        let remembered = before.filter(|throttle| now.since(throttle.last_failed_at) < self.memory.as_seconds());
        let after = Throttle {
            subject,
            failures: remembered.map_or(0, |throttle| throttle.failures).saturating_add(1),
            last_failed_at: now,
            expires_at: now.plus(self.memory),
        };
        Counted { before: before.cloned(), after }
    }
}

/// An attempt that is counted as a failure at one counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The counter as it was; `None` where there was none.
    pub before: Option<Throttle>,
    /// The counter with this attempt.
    pub after: Throttle,
}

impl Counted {
    /// What the counter, which is `current` now, becomes without this attempt; `None` where nothing is left of it. As
    /// it was before, its time too, unless others have counted since.
    pub fn given_back(&self, current: Option<&Throttle>) -> Option<Throttle> {
        let current = current?;
        if *current == self.after {
            return self.before.clone();
        }
        (current.failures > 1).then(|| Throttle { failures: current.failures - 1, ..current.clone() })
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
    fn an_attempt_that_is_given_back_leaves_no_trace() {
        let (before, now) = (after(7, 1000), Timestamp::from_seconds(1100));
        let counted = RULE.count(before.subject, Some(&before), now);
        assert_eq!((counted.after.failures, counted.after.last_failed_at), (8, now));
        assert_eq!(counted.given_back(Some(&counted.after)), Some(before));
        let first = RULE.count(TokenHash::of("x"), None, now);
        assert_eq!(first.given_back(Some(&first.after)), None);
        assert_eq!(first.given_back(None), None, "it was forgotten meanwhile");
    }

    #[test]
    fn what_others_have_counted_since_stays_when_an_attempt_is_given_back() {
        let now = Timestamp::from_seconds(1100);
        let mine = RULE.count(TokenHash::of("x"), Some(&after(1, 1000)), now);
        let theirs = RULE.count(TokenHash::of("x"), Some(&mine.after), now.plus(Lifetime::seconds(1)));
        let left = mine.given_back(Some(&theirs.after));
        assert_eq!(left, Some(Throttle { failures: 2, ..theirs.after }));
    }

    #[test]
    fn a_clock_that_went_backwards_waits_no_longer_than_the_longest() {
        assert_eq!(RULE.wait(Some(&after(40, 100_000)), Timestamp::from_seconds(1000)), 60);
    }
}
