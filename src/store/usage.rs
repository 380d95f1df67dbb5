//! Rollups of usage: requests by hour and by day.
//!
//! A batch of tallies is added as a whole, once: its identity is a unique insert in the same transaction, so a batch whose
//! answer was lost is sent again and counted once. Any number of nodes add to the same rows, by an UPDATE that adds in SQL;
//! rows are visited in one order everywhere, so that nodes wait for each other rather than deadlock. A period has a bounded
//! number of rows ([`Source::most_rows`](crate::domain::usage::Source::most_rows)): what would be beyond is added to one row for all others.

use super::schema::{usage_batches, usage_rollups};
use super::{Db, StoreError, attempt, dialect, is_storable, save};
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use crate::domain::usage::{
    Dimension, LATENCY_BUCKETS, Period, SUCCESSES, Source, Tally, UsageBatch, UsageEntry, UsageKey, UsageQuery,
    UsageTotal,
};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// Adds a batch, unless it was added before; whether it was added now.
///
/// # Errors
/// [`StoreError`].
pub fn add(db: &mut Db, batch: &UsageBatch) -> Result<bool, StoreError> {
    match attempt(db, |db| remember(db, batch)) {
        Err(StoreError::Conflict) => return Ok(false),
        outcome => outcome?,
    }
    let mut room = Room { most_rows: batch.most_rows, left: HashMap::new() };
    let mut beyond = Vec::new();
    for rollup in rollups(&batch.entries) {
        if update(db, &rollup)? > 0 {
            continue;
        }
        if room.take(db, &rollup)? {
            add_row(db, &rollup, batch)?;
        } else {
            beyond.push(rollup);
        }
    }
    for others in sums(beyond.into_iter().map(|rollup| Rollup { key: rollup.key.other(), ..rollup })) {
        add_row(db, &others, batch)?;
    }
    Ok(true)
}

fn remember(db: &mut Db, batch: &UsageBatch) -> Result<(), StoreError> {
    let row = (
        usage_batches::id.eq(batch.id.as_bytes().as_slice()),
        usage_batches::expires_at.eq(batch.forgotten_at.seconds()),
    );
    diesel::insert_into(usage_batches::table).values(row).execute(db)?;
    Ok(())
}

/// What one row is to have more.
struct Rollup {
    period: Period,
    starts_at: Timestamp,
    key: UsageKey,
    tally: Tally,
}

/// Both periods of every tally.
fn rollups(entries: &[UsageEntry]) -> Vec<Rollup> {
    let of = |entry: &UsageEntry, period: Period| Rollup {
        period,
        starts_at: period.start_of(entry.hour),
        key: entry.key.clone(),
        tally: entry.tally,
    };
    sums(entries.iter().flat_map(|entry| Period::ALL.map(|period| of(entry, period))))
}

/// Each row once, in the order of their keys.
fn sums(rollups: impl Iterator<Item = Rollup>) -> Vec<Rollup> {
    let mut by_id: BTreeMap<[u8; 32], Rollup> = BTreeMap::new();
    for rollup in rollups {
        let tally = rollup.tally;
        by_id.entry(rollup.id()).and_modify(|known| known.tally.add(&tally)).or_insert(rollup);
    }
    by_id.into_values().collect()
}

impl Rollup {
    /// The primary key: the hash of what the row is about, each part with its length.
    fn id(&self) -> [u8; 32] {
        let start = self.starts_at.seconds().to_string();
        let key = &self.key;
        let parts = [
            self.period.as_str(),
            &start,
            key.source.as_str(),
            key.client.as_str(),
            &key.endpoint,
            &key.grant,
            &key.resource,
            &key.outcome,
        ];
        let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
        *TokenHash::of(&text).as_bytes()
    }
}

/// How many more rows a period may have, looked up where a row is missing.
struct Room {
    most_rows: i64,
    left: HashMap<(Period, Timestamp, Source, String), i64>,
}

impl Room {
    /// Takes the place of one row, if there is one left.
    fn take(&mut self, db: &mut Db, rollup: &Rollup) -> Result<bool, StoreError> {
        let source = rollup.key.source;
        let whose = match source {
            Source::Server => String::new(),
            Source::Resource => rollup.key.resource.clone(),
        };
        let left = match self.left.entry((rollup.period, rollup.starts_at, source, whose)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let there = count_rows(db, rollup)?;
                unknown.insert(self.most_rows - there)
            }
        };
        *left -= 1;
        Ok(*left >= 0)
    }
}

fn count_rows(db: &mut Db, rollup: &Rollup) -> Result<i64, StoreError> {
    use usage_rollups as t;
    let of_period = t::table
        .filter(t::period.eq(rollup.period.as_str()))
        .filter(t::starts_at.eq(rollup.starts_at.seconds()))
        .filter(t::source.eq(rollup.key.source.as_str()));
    Ok(match rollup.key.source {
        Source::Server => of_period.count().get_result(db)?,
        Source::Resource => of_period.filter(t::resource.eq(&rollup.key.resource)).count().get_result(db)?,
    })
}

fn add_row(db: &mut Db, rollup: &Rollup, batch: &UsageBatch) -> Result<(), StoreError> {
    let ends = batch.retention.end_of(rollup.period, rollup.starts_at);
    save(db, |db| update(db, rollup), |db| insert(db, rollup, ends))
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn update(db: &mut Db, rollup: &Rollup) -> Result<usize, StoreError> {
    use usage_rollups as t;
    let l = rollup.tally.latency.map(number);
    let sums = (
        t::requests.eq(t::requests + number(rollup.tally.requests)),
        t::duration_us.eq(t::duration_us + number(rollup.tally.duration_us)),
        t::latency_0.eq(t::latency_0 + l[0]),
        t::latency_1.eq(t::latency_1 + l[1]),
        t::latency_2.eq(t::latency_2 + l[2]),
        t::latency_3.eq(t::latency_3 + l[3]),
        t::latency_4.eq(t::latency_4 + l[4]),
        t::latency_5.eq(t::latency_5 + l[5]),
        t::latency_6.eq(t::latency_6 + l[6]),
        t::latency_7.eq(t::latency_7 + l[7]),
        t::latency_8.eq(t::latency_8 + l[8]),
        t::latency_9.eq(t::latency_9 + l[9]),
        t::latency_10.eq(t::latency_10 + l[10]),
    );
    Ok(diesel::update(t::table.find(rollup.id().as_slice())).set(sums).execute(db)?)
}

fn insert(db: &mut Db, rollup: &Rollup, ends: Timestamp) -> Result<usize, StoreError> {
    use usage_rollups as t;
    let (id, key) = (rollup.id(), &rollup.key);
    let l = rollup.tally.latency.map(number);
    let about = (
        t::id.eq(id.as_slice()),
        t::period.eq(rollup.period.as_str()),
        t::starts_at.eq(rollup.starts_at.seconds()),
        t::source.eq(key.source.as_str()),
        t::client_id.eq(key.client.as_str()),
        t::endpoint.eq(key.endpoint.as_str()),
        t::grant_type.eq(key.grant.as_str()),
        t::resource.eq(key.resource.as_str()),
        t::outcome.eq(key.outcome.as_str()),
        t::expires_at.eq(ends.seconds()),
    );
    let counts = (
        t::requests.eq(number(rollup.tally.requests)),
        t::duration_us.eq(number(rollup.tally.duration_us)),
        t::latency_0.eq(l[0]),
        t::latency_1.eq(l[1]),
        t::latency_2.eq(l[2]),
        t::latency_3.eq(l[3]),
        t::latency_4.eq(l[4]),
        t::latency_5.eq(l[5]),
        t::latency_6.eq(l[6]),
        t::latency_7.eq(l[7]),
        t::latency_8.eq(l[8]),
        t::latency_9.eq(l[9]),
        t::latency_10.eq(l[10]),
    );
    Ok(diesel::insert_into(t::table).values((about, counts)).execute(db)?)
}

/// What a row of sums is made of: the values of the dimensions, then the numbers.
type SumsRow = ((i64, String, String, String, String, String, String), (i64, i64, i64), Buckets);
type Buckets = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);

/// Sums by the dimensions of `query`, the greatest first, at most `most`.
///
/// # Errors
/// [`StoreError`].
pub fn totals(db: &mut Db, query: &UsageQuery, most: i64) -> Result<Vec<UsageTotal>, StoreError> {
    use usage_rollups as t;
    if !is_answerable(query) {
        return Ok(Vec::new());
    }
    let sum = |db: &Db, what: &str| sql::<BigInt>(&dialect::big_integer(db, &format!("SUM({what})")));
    let successes = SUCCESSES.map(|outcome| format!("'{outcome}'")).join(", ");
    let of = |dimension| sql::<Text>(if query.by.contains(&dimension) { column(dimension) } else { "''" });
    let start = if query.by.contains(&Dimension::Time) { "starts_at" } else { "0" };
    let latency = |db: &Db, bucket: usize| sum(db, &format!("latency_{bucket}"));
    let dimensions = (
        sql::<BigInt>(&dialect::big_integer(db, start)),
        of(Dimension::Source),
        of(Dimension::Client),
        of(Dimension::Resource),
        of(Dimension::Endpoint),
        of(Dimension::Grant),
        of(Dimension::Outcome),
    );
    let succeeded = format!("CASE WHEN outcome IN ({successes}) THEN requests ELSE 0 END");
    let numbers = (sum(db, "requests"), sum(db, "duration_us"), sum(db, &succeeded));
    let buckets = (
        latency(db, 0),
        latency(db, 1),
        latency(db, 2),
        latency(db, 3),
        latency(db, 4),
        latency(db, 5),
        latency(db, 6),
        latency(db, 7),
        latency(db, 8),
        latency(db, 9),
        latency(db, 10),
    );
    let mut statement = t::table
        .group_by(sql::<Text>(&grouping(query)))
        .select((dimensions, numbers, buckets))
        .filter(t::period.eq(query.period.as_str()))
        .filter(t::starts_at.ge(query.since.seconds()))
        .filter(t::starts_at.lt(query.until.seconds()))
        .order_by(sql::<Bool>("SUM(requests) DESC"))
        .limit(most)
        .into_boxed();
    let filter = &query.filter;
    if let Some(value) = &filter.source {
        statement = statement.filter(t::source.eq(value));
    }
    if let Some(value) = &filter.client {
        statement = statement.filter(t::client_id.eq(value));
    }
    if let Some(value) = &filter.resource {
        statement = statement.filter(t::resource.eq(value));
    }
    if let Some(value) = &filter.endpoint {
        statement = statement.filter(t::endpoint.eq(value));
    }
    if let Some(value) = &filter.grant {
        statement = statement.filter(t::grant_type.eq(value));
    }
    if let Some(value) = &filter.outcome {
        statement = statement.filter(t::outcome.eq(value));
    }
    let rows: Vec<SumsRow> = statement.load(db)?;
    rows.into_iter().map(|row| total(row, &query.by)).collect()
}

/// Whether the values that are filtered by can be stored at all.
fn is_answerable(query: &UsageQuery) -> bool {
    let filter = &query.filter;
    let values = [&filter.source, &filter.client, &filter.resource, &filter.endpoint, &filter.grant, &filter.outcome];
    values.into_iter().flatten().all(|value| is_storable(value))
}

const fn column(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Time => "starts_at",
        Dimension::Source => "source",
        Dimension::Client => "client_id",
        Dimension::Resource => "resource",
        Dimension::Endpoint => "endpoint",
        Dimension::Grant => "grant_type",
        Dimension::Outcome => "outcome",
    }
}

/// The period is one value by the filter; it stands there so that there is always something to group by.
fn grouping(query: &UsageQuery) -> String {
    let mut columns = vec!["period"];
    columns.extend(Dimension::ALL.into_iter().filter(|one| query.by.contains(one)).map(column));
    columns.join(", ")
}

fn total(row: SumsRow, by: &[Dimension]) -> Result<UsageTotal, StoreError> {
    let ((start, source, client, resource, endpoint, grant, outcome), (requests, duration, succeeded), b) = row;
    let number = |count: i64| u64::try_from(count).map_err(|_| StoreError::corrupt("usage_rollups"));
    let buckets: [i64; LATENCY_BUCKETS] = [b.0, b.1, b.2, b.3, b.4, b.5, b.6, b.7, b.8, b.9, b.10];
    let mut latency = [0; LATENCY_BUCKETS];
    for (bucket, count) in latency.iter_mut().zip(buckets) {
        *bucket = number(count)?;
    }
    let value = |dimension: &Dimension| match dimension {
        Dimension::Time => start.to_string(),
        Dimension::Source => source.clone(),
        Dimension::Client => client.clone(),
        Dimension::Resource => resource.clone(),
        Dimension::Endpoint => endpoint.clone(),
        Dimension::Grant => grant.clone(),
        Dimension::Outcome => outcome.clone(),
    };
    Ok(UsageTotal {
        values: by.iter().map(value).collect(),
        tally: Tally { requests: number(requests)?, duration_us: number(duration)?, latency },
        succeeded: number(succeeded)?,
    })
}
