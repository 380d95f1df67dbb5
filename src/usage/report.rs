//! The report: who called what how often over a period, beside the period before. The command line, the admin page and the
//! admin API show the same one.

use super::Usage;
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::usage::{Dimension, LATENCY_BOUNDS_MS, Period, Tally, UsageFilter, UsageQuery, UsageTotal};
use crate::store::{self, Db, Store, StoreError};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The most lines of a report.
pub const MOST_LINES: usize = 10_000;
/// Ranges up to this long are answered by hours where nothing else is asked for.
const LONGEST_BY_HOUR: Lifetime = Lifetime::days(3);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// From the period that this is in.
    pub since: Timestamp,
    /// To the end of the period that the second before this is in.
    pub until: Timestamp,
    /// By hours or days; `None`: hours where the range is short and they are still kept.
    pub period: Option<Period>,
    /// What is told apart; repeated ones count once.
    pub by: Vec<Dimension>,
    /// Which counts are meant.
    pub filter: UsageFilter,
    /// At most so many lines, those with the most requests; at least 1, at most [`MOST_LINES`].
    pub most: usize,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The start of the first period.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// The end of the last period.
    #[serde(serialize_with = "rfc3339")]
    pub until: Timestamp,
    /// The start of the range of the same length before, which everything is compared with.
    #[serde(serialize_with = "rfc3339")]
    pub compared_since: Timestamp,
    /// `hour` or `day`.
    #[serde(serialize_with = "period_name")]
    pub period: Period,
    /// What is told apart.
    #[serde(serialize_with = "dimension_names")]
    pub by: Vec<Dimension>,
    /// One line a combination of values, the most requests first; by time where that is told apart.
    pub lines: Vec<Line>,
    /// Everything together, also what is on no line.
    pub total: Line,
    /// Whether there are more lines than were asked for.
    pub is_truncated: bool,
}

/// The figures of one combination of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The dimensions with their values. A time is RFC 3339; what does not apply is empty.
    pub values: Vec<(Dimension, String)>,
    /// Requests with their latencies.
    pub tally: Tally,
    /// The requests whose outcome is no success.
    pub failed: u64,
    /// The requests in the range before; `None` where time is told apart.
    pub before: Option<u64>,
}

impl Line {
    /// The change of the number of requests against the range before, as a share: 0.5 is half as many again. `None` where
    /// there was nothing before, or nothing is compared.
    #[allow(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn change(&self) -> Option<f64> {
        let before = self.before.filter(|before| *before > 0)? as f64;
        Some((self.tally.requests as f64 - before) / before)
    }

    /// The share of requests whose outcome is no success.
    #[allow(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn failed_share(&self) -> Option<f64> {
        (self.tally.requests > 0).then(|| self.failed as f64 / self.tally.requests as f64)
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (dimension, value) in &self.values {
            map.serialize_entry(dimension.as_str(), value)?;
        }
        map.serialize_entry("requests", &self.tally.requests)?;
        map.serialize_entry("before", &self.before)?;
        map.serialize_entry("change", &self.change())?;
        map.serialize_entry("failed", &self.failed)?;
        map.serialize_entry("failed_share", &self.failed_share())?;
        map.serialize_entry("mean_ms", &self.tally.mean_ms())?;
        map.serialize_entry("p50_ms", &self.tally.quantile_ms(0.5))?;
        map.serialize_entry("p95_ms", &self.tally.quantile_ms(0.95))?;
        map.serialize_entry("p99_ms", &self.tally.quantile_ms(0.99))?;
        map.serialize_entry("latency", &Buckets(&self.tally))?;
        map.end()
    }
}

/// Upper bound in milliseconds -> requests; the last is `inf`.
struct Buckets<'a>(&'a Tally);

impl Serialize for Buckets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bounds = LATENCY_BOUNDS_MS.iter().map(u32::to_string).chain(std::iter::once("inf".to_owned()));
        serializer.collect_map(bounds.zip(self.0.latency))
    }
}

impl Report {
    /// The lines as comma-separated values (RFC 4180), with a line of names.
    pub fn csv(&self) -> String {
        const NUMBERS: [&str; 8] =
            ["requests", "before", "change", "failed", "failed_share", "mean_ms", "p50_ms", "p95_ms"];
        let heads = self.by.iter().map(|dimension| dimension.as_str()).chain(NUMBERS);
        let mut text = heads.collect::<Vec<_>>().join(",") + "\r\n";
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
        for line in &self.lines {
            let mut cells: Vec<String> = line.values.iter().map(|(_, value)| quoted(value)).collect();
            cells.extend([
                line.tally.requests.to_string(),
                line.before.map_or_else(String::new, |before| before.to_string()),
                number(line.change()),
                line.failed.to_string(),
                number(line.failed_share()),
                number(line.tally.mean_ms()),
                number(line.tally.quantile_ms(0.5)),
                number(line.tally.quantile_ms(0.95)),
            ]);
            text += &(cells.join(",") + "\r\n");
        }
        text
    }
}

/// RFC 4180 §2. What a spreadsheet would take for a formula begins with an apostrophe: clients and protected resources
/// choose some of these values.
fn quoted(value: &str) -> String {
    let value =
        if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{value}") } else { value.to_owned() };
    if value.contains([',', '"', '\n', '\r']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

impl Usage {
    /// The report, with what this node counted until now. What other nodes counted since their last flush is not in it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report(&self, question: Question) -> Result<Report, StoreError> {
        self.flush().await?;
        answer(&self.0.store, question, self.0.clock.now(), self.0.retention.hours).await
    }
}

/// The report from what is in the database. Hours are kept for `hours_kept`.
///
/// # Errors
/// [`StoreError`].
pub async fn answer(
    store: &Store,
    question: Question,
    now: Timestamp,
    hours_kept: Lifetime,
) -> Result<Report, StoreError> {
    let query = query(&question, now, hours_kept);
    let most = question.most.clamp(1, MOST_LINES);
    store.read(move |db| read(db, &query, most)).await
}

/// Whole periods, at least one.
fn query(question: &Question, now: Timestamp, hours_kept: Lifetime) -> UsageQuery {
    let length = question.until.since(question.since);
    let is_short = length <= LONGEST_BY_HOUR.as_seconds();
    let are_hours_kept = question.since.minus(Lifetime::seconds(length)) >= now.minus(hours_kept);
    let by_itself = if is_short && are_hours_kept { Period::Hour } else { Period::Day };
    let period = question.period.unwrap_or(by_itself);
    let since = period.start_of(question.since);
    let until = period.end_at(question.until).max(since.plus(period.length()));
    let mut by: Vec<Dimension> = Vec::new();
    for dimension in &question.by {
        if !by.contains(dimension) {
            by.push(*dimension);
        }
    }
    UsageQuery { period, since, until, by, filter: question.filter.clone() }
}

fn read(db: &mut Db, query: &UsageQuery, most: usize) -> Result<Report, StoreError> {
    let length = Lifetime::seconds(query.until.since(query.since));
    let before = UsageQuery { since: query.since.minus(length), until: query.since, ..query.clone() };
    let is_compared = !query.by.contains(&Dimension::Time);
    let all = i64::try_from(MOST_LINES + 1).unwrap_or(i64::MAX);
    let now = store::usage::totals(db, query, all)?;
    let then = if is_compared { store::usage::totals(db, &before, all)? } else { Vec::new() };
    let whole = |query: &UsageQuery| UsageQuery { by: Vec::new(), ..query.clone() };
    let total = store::usage::totals(db, &whole(query), 1)?.pop();
    let total_then = store::usage::totals(db, &whole(&before), 1)?.pop();
    let mut lines = join(&query.by, now, then, is_compared);
    let is_truncated = lines.len() > most;
    sort(&mut lines, &query.by);
    lines.truncate(most);
    let mut total = line(&[], total.unwrap_or_else(nothing), is_compared);
    total.before = Some(total_then.map_or(0, |then| then.tally.requests));
    Ok(Report {
        since: query.since,
        until: query.until,
        compared_since: before.since,
        period: query.period,
        by: query.by.clone(),
        lines,
        total,
        is_truncated,
    })
}

/// One line for whatever was there in either range.
fn join(by: &[Dimension], now: Vec<UsageTotal>, then: Vec<UsageTotal>, is_compared: bool) -> Vec<Line> {
    let mut before: HashMap<Vec<String>, u64> =
        then.into_iter().map(|total| (total.values, total.tally.requests)).collect();
    let mut lines = Vec::new();
    for total in now {
        let requests_before = before.remove(&total.values).unwrap_or(0);
        let mut line = line(by, total, is_compared);
        line.before = line.before.map(|_| requests_before);
        lines.push(line);
    }
    for (values, requests) in before {
        let mut line = line(by, UsageTotal { values, ..nothing() }, is_compared);
        line.before = Some(requests);
        lines.push(line);
    }
    lines
}

fn nothing() -> UsageTotal {
    UsageTotal { values: Vec::new(), tally: Tally::default(), succeeded: 0 }
}

fn line(by: &[Dimension], total: UsageTotal, is_compared: bool) -> Line {
    let shown = |(dimension, value): (&Dimension, String)| match dimension {
        Dimension::Time => {
            (*dimension, value.parse().map_or(value, |seconds| written(Timestamp::from_seconds(seconds))))
        }
        _ => (*dimension, value),
    };
    Line {
        values: by.iter().zip(total.values).map(shown).collect(),
        failed: total.tally.requests.saturating_sub(total.succeeded),
        tally: total.tally,
        before: is_compared.then_some(0),
    }
}

/// By time where that is told apart; then the most requests, now or before; then by value, so that the order is always one.
fn sort(lines: &mut [Line], by: &[Dimension]) {
    let time = by.iter().position(|dimension| *dimension == Dimension::Time);
    let start = |line: &Line| time.and_then(|index| line.values.get(index).map(|(_, value)| value.clone()));
    lines.sort_by(|a, b| {
        let by_size = b.tally.requests.cmp(&a.tally.requests).then(b.before.cmp(&a.before));
        start(a).cmp(&start(b)).then(by_size).then_with(|| a.values.cmp(&b.values))
    });
}

/// `2027-06-30T12:00:00Z`
fn written(at: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at.seconds()).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| at.seconds().to_string())
}

fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&written(*at))
}

fn period_name<S: Serializer>(period: &Period, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(period.as_str())
}

fn dimension_names<S: Serializer>(by: &[Dimension], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(by.iter().map(|dimension| dimension.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_800_014_400;

    fn question(since: i64, until: i64, period: Option<Period>) -> Question {
        let (since, until) = (Timestamp::from_seconds(since), Timestamp::from_seconds(until));
        Question { since, until, period, by: vec![], filter: UsageFilter::default(), most: 10 }
    }

    fn asked(since: i64, until: i64, period: Option<Period>) -> (Period, i64, i64) {
        let now = Timestamp::from_seconds(NOON);
        let query = query(&question(since, until, period), now, Lifetime::days(14));
        (query.period, query.since.seconds() - NOON, query.until.seconds() - NOON)
    }

    #[test]
    fn a_question_is_about_whole_periods() {
        assert_eq!(asked(NOON - 5000, NOON - 1, None), (Period::Hour, -7200, 0));
        assert_eq!(asked(NOON, NOON, Some(Period::Hour)), (Period::Hour, 0, 3600));
        assert_eq!(asked(NOON - 7 * 86_400, NOON + 1, None), (Period::Day, -43_200 - 7 * 86_400, 43_200));
        // Hours that are gone are asked of the days.
        assert_eq!(asked(NOON - 20 * 86_400, NOON - 19 * 86_400, None).0, Period::Day);
    }

    #[test]
    fn what_was_there_before_only_has_a_line_with_no_requests() {
        let total = |client: &str, requests| UsageTotal {
            values: vec![client.to_owned()],
            tally: Tally { requests, ..Tally::default() },
            succeeded: requests,
        };
        let by = [Dimension::Client];
        let mut lines = join(&by, vec![total("a", 3), total("b", 6)], vec![total("b", 4), total("c", 1)], true);
        sort(&mut lines, &by);
        let told: Vec<_> = lines
            .iter()
            .map(|line| (line.values[0].1.as_str(), line.tally.requests, line.before, line.change()))
            .collect();
        assert_eq!(told, [("b", 6, Some(4), Some(0.5)), ("a", 3, Some(0), None), ("c", 0, Some(1), Some(-1.0))]);
    }
}
