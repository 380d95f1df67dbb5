//! Usage: who calls what how often, with what outcome: what is counted, in which periods, and what may be asked about it.
//!
//! A key holds no personal data: a client, an endpoint of the route table, a grant type, a resource, an outcome. Each has
//! few values, and those that strangers choose (an unknown client, a path that does not exist) are one.

use super::id::ClientId;
use super::secret::TokenHash;
use super::time::{Lifetime, Timestamp};
use std::time::Duration;

/// Upper bounds of the latency buckets, in milliseconds; the last bucket has none.
pub const LATENCY_BOUNDS_MS: [u32; 10] = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500];
/// How many latency buckets there are.
pub const LATENCY_BUCKETS: usize = LATENCY_BOUNDS_MS.len() + 1;
/// The outcome of a request that did what it was asked for.
pub const OK: &str = "ok";
/// Outcomes that are a success: ours, and the status classes that protected resources may report.
pub const SUCCESSES: [&str; 4] = [OK, "1xx", "2xx", "3xx"];
/// What is shown in the place of a client that is unknown or did not say who it is.
pub const UNKNOWN: &str = "unknown";
/// What is shown in the place of what was not told apart, because too much came at once.
pub const OTHER: &str = "other";

/// A period of the rollups, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
}

impl Period {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Hour, Self::Day];

    /// The name in the database and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// From its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == text)
    }

    /// How long it is.
    pub const fn length(self) -> Lifetime {
        match self {
            Self::Hour => Lifetime::hours(1),
            Self::Day => Lifetime::days(1),
        }
    }

    /// The start of the period that `at` is in.
    pub const fn start_of(self, at: Timestamp) -> Timestamp {
        Timestamp::from_seconds(at.seconds().saturating_sub(at.seconds().rem_euclid(self.length().as_seconds())))
    }

    /// The first start that is not before `at`.
    pub const fn end_at(self, at: Timestamp) -> Timestamp {
        let start = self.start_of(at);
        if start.seconds() == at.seconds() { at } else { start.plus(self.length()) }
    }
}

/// Who counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// This server, its own endpoints.
    Server,
    /// A protected resource, its own endpoints.
    Resource,
}

impl Source {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Resource => "resource",
        }
    }

    /// The most combinations that the rollup of one period tells apart: of this server, or of one protected resource. What
    /// is beyond is counted as [`OTHER`].
    pub const fn most_rows(self) -> i64 {
        match self {
            Self::Server => 20_000,
            Self::Resource => 2_000,
        }
    }
}

/// What a count is attributed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageKey {
    /// Who counted.
    pub source: Source,
    /// The client, or [`UNKNOWN`], or [`OTHER`].
    pub client: ClientId,
    /// Method and path as the route table writes it: `POST /token`.
    pub endpoint: String,
    /// The grant type; empty where none was used.
    pub grant: String,
    /// The identifier of the protected resource; empty where none was meant.
    pub resource: String,
    /// [`OK`], an error code, or a status class.
    pub outcome: String,
}

impl UsageKey {
    /// What is counted in its place where there are too many: who counted stays, and the resource that did.
    pub fn other(&self) -> Self {
        let resource = match self.source {
            Source::Server => OTHER,
            Source::Resource => &self.resource,
        };
        Self {
            source: self.source,
            client: ClientId::new(OTHER),
            endpoint: OTHER.to_owned(),
            grant: OTHER.to_owned(),
            resource: resource.to_owned(),
            outcome: OTHER.to_owned(),
        }
    }
}

/// A number of requests with their latencies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests.
    pub requests: u64,
    /// The time that those in the buckets took together, in microseconds.
    pub duration_us: u64,
    /// Requests by latency, as [`LATENCY_BOUNDS_MS`] bounds them. Their sum is [`Self::requests`], or less where a protected
    /// resource reports no latencies.
    pub latency: [u64; LATENCY_BUCKETS],
}

impl Tally {
    /// One more request that took this long.
    pub fn note(&mut self, took: Duration) {
        self.requests = self.requests.saturating_add(1);
        self.duration_us = self.duration_us.saturating_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let bucket = &mut self.latency[bucket_of(took)];
        *bucket = bucket.saturating_add(1);
    }

    /// All that `other` has.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.duration_us = self.duration_us.saturating_add(other.duration_us);
        for (mine, others) in self.latency.iter_mut().zip(other.latency) {
            *mine = mine.saturating_add(others);
        }
    }

    /// The requests whose latency is known.
    pub fn timed(&self) -> u64 {
        self.latency.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The mean latency in milliseconds, where any is known.
    #[allow(clippy::cast_precision_loss, reason = "a mean for people")]
    pub fn mean_ms(&self) -> Option<f64> {
        let timed = self.timed();
        (timed > 0).then(|| self.duration_us as f64 / 1000.0 / timed as f64)
    }

    /// The latency in milliseconds that a share `q` (0 to 1) of the requests did not exceed, interpolated within its bucket;
    /// for the last bucket its lower bound.
    #[allow(clippy::cast_precision_loss, reason = "an estimate for people")]
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        let timed = self.timed();
        if timed == 0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * timed as f64;
        let (mut below, mut lower) = (0.0, 0.0);
        for (count, bound) in self.latency.iter().zip(LATENCY_BOUNDS_MS) {
            let (count, upper) = (*count as f64, f64::from(bound));
            if count > 0.0 && below + count >= rank {
                return Some(lower + (upper - lower) * ((rank - below) / count).clamp(0.0, 1.0));
            }
            (below, lower) = (below + count, upper);
        }
        Some(lower)
    }
}

fn bucket_of(took: Duration) -> usize {
    LATENCY_BOUNDS_MS
        .iter()
        .position(|bound| took <= Duration::from_millis(u64::from(*bound)))
        .unwrap_or(LATENCY_BUCKETS - 1)
}

/// A tally of one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEntry {
    /// The start of the hour.
    pub hour: Timestamp,
    /// What it is attributed to.
    pub key: UsageKey,
    /// How much.
    pub tally: Tally,
}

/// What is added to the rollups as a whole, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageBatch {
    /// Its identity: a batch that was taken before is not added again.
    pub id: TokenHash,
    /// When its identity may be forgotten.
    pub forgotten_at: Timestamp,
    /// How long rollups are kept.
    pub retention: Retention,
    /// The most rows of a period, see [`Source::most_rows`].
    pub most_rows: i64,
    /// The tallies.
    pub entries: Vec<UsageEntry>,
}

/// How long rollups are kept, counted from the end of their period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Those of hours.
    pub hours: Lifetime,
    /// Those of days.
    pub days: Lifetime,
}

impl Retention {
    /// When the rollup of the period that begins at `start` ends.
    pub const fn end_of(self, period: Period, start: Timestamp) -> Timestamp {
        let kept = match period {
            Period::Hour => self.hours,
            Period::Day => self.days,
        };
        start.plus(period.length()).plus(kept)
    }
}

/// What usage can be told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The start of the period.
    Time,
    /// Who counted.
    Source,
    /// The client.
    Client,
    /// The protected resource.
    Resource,
    /// Method and path.
    Endpoint,
    /// The grant type.
    Grant,
    /// The outcome.
    Outcome,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Time, Self::Source, Self::Client, Self::Resource, Self::Endpoint, Self::Grant, Self::Outcome];

    /// What a name is, in words.
    pub const NAMES: &'static str = "it is one of time, source, client, resource, endpoint, grant, outcome";

    /// The name on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Source => "source",
            Self::Client => "client",
            Self::Resource => "resource",
            Self::Endpoint => "endpoint",
            Self::Grant => "grant",
            Self::Outcome => "outcome",
        }
    }

    /// From its name; `api` is another word for `resource`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = if text == "api" { "resource" } else { text };
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == text)
    }
}

/// Which counts are meant: those that equal every value that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Who counted.
    pub source: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The protected resource.
    pub resource: Option<String>,
    /// Method and path.
    pub endpoint: Option<String>,
    /// The grant type.
    pub grant: Option<String>,
    /// The outcome.
    pub outcome: Option<String>,
}

/// What is asked of the rollups: from `since` to before `until`, both starts of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQuery {
    /// Which rollups.
    pub period: Period,
    /// The first start.
    pub since: Timestamp,
    /// The first start that is not meant any more.
    pub until: Timestamp,
    /// What is told apart.
    pub by: Vec<Dimension>,
    /// Which counts are meant.
    pub filter: UsageFilter,
}

/// A sum over some rollups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageTotal {
    /// The value of each dimension that was asked for, in that order; a time is in seconds since the epoch.
    pub values: Vec<String>,
    /// The sum.
    pub tally: Tally,
    /// The requests among them whose outcome is a success.
    pub succeeded: u64,
}

/// A rule about what is called, over a window that ends now.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRule {
    /// Its name, in logs and in the webhook; unique.
    pub name: String,
    /// When it holds.
    pub condition: AlertCondition,
    /// The window.
    pub window: Lifetime,
    /// Which counts are meant.
    pub filter: UsageFilter,
}

/// When an alert rule holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AlertCondition {
    /// More requests than this in the window.
    Above(u64),
    /// Fewer requests than this in the window: a silence, where it is 1.
    Below(u64),
    /// A greater share of failed requests (0 to 1), once there are enough requests to speak of a share.
    FailedShare {
        /// The share.
        above: f64,
        /// The requests that a share is judged from.
        of_at_least: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_at_full_hours_and_at_midnight_in_utc() {
        let at = |seconds| Timestamp::from_seconds(seconds);
        // 15 January 2027, 08:59:59 UTC.
        assert_eq!(Period::Hour.start_of(at(1_800_003_599)), at(1_800_000_000));
        assert_eq!(Period::Hour.start_of(at(1_800_000_000)), at(1_800_000_000));
        assert_eq!(Period::Day.start_of(at(1_800_003_599)), at(1_799_971_200));
        assert_eq!(Period::Hour.end_at(at(1_800_000_000)), at(1_800_000_000));
        assert_eq!(Period::Hour.end_at(at(1_800_000_001)), at(1_800_003_600));
        assert_eq!(Period::Day.start_of(at(-1)), at(-86_400));
    }

    #[test]
    fn a_latency_is_in_the_first_bucket_that_holds_it() {
        let cases = [(0, 0), (1_000, 0), (1_001, 1), (5_000, 1), (1_000_000, 8), (2_500_000, 9), (2_500_001, 10)];
        for (micros, bucket) in cases {
            let mut tally = Tally::default();
            tally.note(Duration::from_micros(micros));
            assert_eq!(tally.latency.iter().position(|count| *count == 1), Some(bucket), "{micros}");
            assert_eq!((tally.requests, tally.timed(), tally.duration_us), (1, 1, micros));
        }
    }

    #[test]
    fn quantiles_lie_within_the_bucket_that_holds_them() {
        let mut tally = Tally::default();
        assert_eq!((tally.quantile_ms(0.5), tally.mean_ms()), (None, None));
        for micros in [400, 600, 800, 7_000] {
            tally.note(Duration::from_micros(micros));
        }
        assert!((tally.quantile_ms(0.75).unwrap() - 1.0).abs() < 1e-9);
        assert!((5.0..=10.0).contains(&tally.quantile_ms(0.95).unwrap()));
        assert!((tally.mean_ms().unwrap() - 2.2).abs() < 1e-9);
        tally = Tally::default();
        tally.note(Duration::from_secs(60));
        assert_eq!(tally.quantile_ms(0.5), Some(2500.0));
    }
}
