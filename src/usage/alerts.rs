//! Alert rules: a rate, an error share, a silence, over a window that ends now.
//!
//! The rollups are read once a minute; what they gained since is what happened since. So a rule sees what all nodes counted
//! and what protected resources reported, at most a flush late. What a rule says changes when it begins and ends to hold;
//! the database lets one node announce each change. A node that has just started knows nothing of the past: rules about too
//! little begin to be judged when a whole window has been watched.

use crate::domain::time::Timestamp;
use crate::domain::usage::{AlertCondition, AlertRule};
use std::collections::{BTreeMap, VecDeque};

/// Requests, and those among them that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests.
    pub requests: u64,
    /// Failed ones.
    pub failed: u64,
}

/// What one rule has watched.
#[derive(Debug, Default)]
pub struct Watch {
    /// When it began.
    began: Option<Timestamp>,
    /// The sums by hour, as they were read last.
    known: BTreeMap<Timestamp, Load>,
    /// What was gained, and when it was seen.
    gained: VecDeque<(Timestamp, Load)>,
}

/// What a rule says now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Too little has been watched.
    Unknown,
    /// All is well.
    Quiet(Load),
    /// The rule holds.
    Firing(Load),
}

impl Watch {
    /// Takes the sums by hour as they are at `now`, and judges.
    pub fn judge(&mut self, rule: &AlertRule, sums: BTreeMap<Timestamp, Load>, now: Timestamp) -> Verdict {
        let began = match self.began {
            Some(began) => {
                self.gained.push_back((now, self.gain(&sums)));
                began
            }
            None => *self.began.insert(now),
        };
        self.known = sums;
        while self.gained.front().is_some_and(|(at, _)| now.since(*at) >= rule.window.as_seconds()) {
            self.gained.pop_front();
        }
        let load = self.gained.iter().fold(Load::default(), |sum, (_, load)| Load {
            requests: sum.requests.saturating_add(load.requests),
            failed: sum.failed.saturating_add(load.failed),
        });
        let is_whole = now.since(began) >= rule.window.as_seconds();
        judge(rule.condition, load, is_whole)
    }

    fn gain(&self, sums: &BTreeMap<Timestamp, Load>) -> Load {
        let mut gain = Load::default();
        for (hour, load) in sums {
            let known = self.known.get(hour).copied().unwrap_or_default();
            gain.requests = gain.requests.saturating_add(load.requests.saturating_sub(known.requests));
            gain.failed = gain.failed.saturating_add(load.failed.saturating_sub(known.failed));
        }
        gain
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share that is compared with one that a person chose")]
fn judge(condition: AlertCondition, load: Load, is_whole: bool) -> Verdict {
    let holds = match condition {
        AlertCondition::Above(most) => Some(load.requests > most),
        AlertCondition::Below(least) => is_whole.then_some(load.requests < least),
        AlertCondition::FailedShare { above, of_at_least } => {
            Some(load.requests >= of_at_least && load.failed as f64 > above * load.requests as f64)
        }
    };
    match holds {
        None => Verdict::Unknown,
        Some(true) => Verdict::Firing(load),
        Some(false) => Verdict::Quiet(load),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Lifetime;
    use crate::domain::usage::UsageFilter;

    const NOON: i64 = 1_800_014_400;

    fn rule(condition: AlertCondition) -> AlertRule {
        AlertRule { name: "a".to_owned(), condition, window: Lifetime::minutes(10), filter: UsageFilter::default() }
    }

    /// What a rule says, minute by minute, of the sums of the current hour: requests and failures.
    fn verdicts(condition: AlertCondition, sums: &[(u64, u64)]) -> Vec<Verdict> {
        let (rule, mut watch) = (rule(condition), Watch::default());
        let judge = |(minute, (requests, failed)): (usize, &(u64, u64))| {
            let now = Timestamp::from_seconds(NOON + 60 * minute as i64);
            let load = Load { requests: *requests, failed: *failed };
            watch.judge(&rule, BTreeMap::from([(Timestamp::from_seconds(NOON), load)]), now)
        };
        sums.iter().enumerate().map(judge).collect()
    }

    fn load(requests: u64, failed: u64) -> Load {
        Load { requests, failed }
    }

    #[test]
    fn what_was_there_when_watching_began_is_not_new() {
        let told = verdicts(AlertCondition::Above(5), &[(100, 0), (103, 0), (106, 0), (106, 0)]);
        let (quiet, firing) = (Verdict::Quiet, Verdict::Firing);
        assert_eq!(told, [quiet(load(0, 0)), quiet(load(3, 0)), firing(load(6, 0)), firing(load(6, 0))]);
    }

    #[test]
    fn a_rate_is_that_of_the_window_and_ends_with_it() {
        let mut sums = vec![(0, 0), (50, 0)];
        sums.extend([(50, 0); 11]);
        let told = verdicts(AlertCondition::Above(5), &sums);
        let firing = told.iter().filter(|verdict| matches!(verdict, Verdict::Firing(_))).count();
        assert_eq!((firing, told[11], told[12]), (10, Verdict::Quiet(load(0, 0)), Verdict::Quiet(load(0, 0))));
    }

    #[test]
    fn a_silence_is_judged_after_a_whole_window() {
        let told = verdicts(AlertCondition::Below(1), &[(7, 0); 12]);
        assert!(told[..10].iter().all(|verdict| *verdict == Verdict::Unknown));
        assert_eq!(told[10..], [Verdict::Firing(load(0, 0)); 2]);
    }

    #[test]
    fn a_share_needs_enough_requests() {
        let condition = AlertCondition::FailedShare { above: 0.5, of_at_least: 10 };
        let told = verdicts(condition, &[(0, 0), (9, 9), (20, 10), (20, 11)]);
        assert_eq!(
            told[1..],
            [Verdict::Quiet(load(9, 9)), Verdict::Quiet(load(20, 10)), Verdict::Firing(load(20, 11))]
        );
    }

    #[test]
    fn a_new_hour_begins_at_nothing_and_the_old_one_still_counts() {
        let (rule, mut watch) = (rule(AlertCondition::Above(1000)), Watch::default());
        let hour = |n: i64| Timestamp::from_seconds(NOON + 3600 * n);
        let at = |seconds| Timestamp::from_seconds(NOON + seconds);
        watch.judge(&rule, BTreeMap::from([(hour(0), load(10, 1))]), at(3540));
        let sums = BTreeMap::from([(hour(0), load(15, 2)), (hour(1), load(4, 4))]);
        assert_eq!(watch.judge(&rule, sums, at(3600)), Verdict::Quiet(load(9, 5)));
    }
}
