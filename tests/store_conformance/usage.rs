//! Rollups of usage: batches are added once, nodes add up, and sums are those of the tallies.

use crate::harness::Database;
use crate::samples::{NOW, later};
use authward::domain::id::ClientId;
use authward::domain::secret::TokenHash;
use authward::domain::time::{Lifetime, Timestamp};
use authward::domain::usage::{
    Dimension, Period, Retention, Source, Tally, UsageBatch, UsageEntry, UsageFilter, UsageKey, UsageQuery,
};
use authward::store::{Store, StoreError, alerts, usage};
use std::time::Duration;

const RETENTION: Retention = Retention { hours: Lifetime::days(14), days: Lifetime::days(400) };

/// One request of the client `app` in the hour of `at`.
pub fn batch(id: &str, at: Timestamp, retention: Retention, forgotten_at: Timestamp) -> UsageBatch {
    let entries = vec![entry("app", "POST /token", "ok", at, 1)];
    UsageBatch { id: TokenHash::of(id), forgotten_at, retention, most_rows: 20, entries }
}

fn batch_of(id: &str, entries: Vec<UsageEntry>) -> UsageBatch {
    UsageBatch { entries, ..batch(id, NOW, RETENTION, later(86_400)) }
}

fn entry(client: &str, endpoint: &str, outcome: &str, at: Timestamp, requests: usize) -> UsageEntry {
    let mut tally = Tally::default();
    (0..requests).for_each(|n| tally.note(Duration::from_millis(n as u64 % 3000)));
    let key = UsageKey {
        source: Source::Server,
        client: ClientId::new(client),
        endpoint: endpoint.to_owned(),
        grant: "refresh_token".to_owned(),
        resource: "https://api.example.com".to_owned(),
        outcome: outcome.to_owned(),
    };
    UsageEntry { hour: Period::Hour.start_of(at), key, tally }
}

fn query(period: Period, by: &[Dimension]) -> UsageQuery {
    let (since, until) = (Period::Day.start_of(NOW), later(2 * 86_400));
    UsageQuery { period, since, until, by: by.to_vec(), filter: UsageFilter::default() }
}

async fn add(store: &Store, batch: &UsageBatch) -> Result<bool, StoreError> {
    let batch = batch.clone();
    store.write(move |db| usage::add(db, &batch)).await
}

/// Requests by the values of the dimensions, sorted.
async fn sums(db: &Database, query: &UsageQuery) -> Vec<(Vec<String>, u64, u64)> {
    let query = query.clone();
    let totals = db.read(move |db| usage::totals(db, &query, 1000)).await;
    let mut sums: Vec<_> =
        totals.into_iter().map(|total| (total.values, total.tally.requests, total.succeeded)).collect();
    sums.sort();
    sums
}

async fn requests(db: &Database, period: Period) -> u64 {
    sums(db, &query(period, &[])).await.iter().map(|(_, requests, _)| requests).sum()
}

on_every_database! {
    async fn tallies_are_summed_by_hour_and_by_day(db: Database) {
        let entries = vec![
            entry("app", "POST /token", "ok", NOW, 5),
            entry("app", "POST /token", "ok", later(3600), 2),
            entry("app", "POST /token", "invalid_grant", NOW, 3),
            entry("App", "GET /userinfo", "ok", later(86_400), 4),
        ];
        let (one, two) = (batch_of("one", entries.clone()), batch_of("two", entries));
        assert!(db.write(move |db| usage::add(db, &one)).await);
        assert!(db.write(move |db| usage::add(db, &two)).await);
        let words = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        for period in Period::ALL {
            assert_eq!(sums(&db, &query(period, &[])).await, [(vec![], 28, 22)]);
            let by = query(period, &[Dimension::Client, Dimension::Outcome]);
            assert_eq!(sums(&db, &by).await, [
                (words(&["App", "ok"]), 8, 8),
                (words(&["app", "invalid_grant"]), 6, 0),
                (words(&["app", "ok"]), 14, 14),
            ]);
        }
        let midnight = Period::Day.start_of(NOW).seconds();
        let days = sums(&db, &query(Period::Day, &[Dimension::Time])).await;
        assert_eq!(days, [(vec![midnight.to_string()], 20, 14), (vec![(midnight + 86_400).to_string()], 8, 8)]);
        let hours = sums(&db, &query(Period::Hour, &[Dimension::Time])).await;
        assert_eq!(hours.iter().map(|(_, requests, _)| *requests).collect::<Vec<_>>(), [16, 4, 8]);
        let narrow = |filter: UsageFilter| UsageQuery { filter, ..query(Period::Hour, &[Dimension::Endpoint]) };
        let filters = [
            (UsageFilter { client: Some("app".to_owned()), ..UsageFilter::default() }, 20),
            (UsageFilter { endpoint: Some("GET /userinfo".to_owned()), ..UsageFilter::default() }, 8),
            (UsageFilter { outcome: Some("invalid_grant".to_owned()), ..UsageFilter::default() }, 6),
            (UsageFilter { grant: Some("refresh_token".to_owned()), ..UsageFilter::default() }, 28),
            (UsageFilter { resource: Some("https://api.example.com".to_owned()), ..UsageFilter::default() }, 28),
            (UsageFilter { source: Some("resource".to_owned()), ..UsageFilter::default() }, 0),
            (UsageFilter { client: Some("app\0".to_owned()), ..UsageFilter::default() }, 0),
            (UsageFilter { client: Some("app ".to_owned()), ..UsageFilter::default() }, 0),
        ];
        for (filter, expected) in filters {
            let found = sums(&db, &narrow(filter.clone())).await;
            assert_eq!(found.iter().map(|(_, requests, _)| requests).sum::<u64>(), expected, "{filter:?}");
        }
    }

    async fn latencies_are_summed_by_bucket(db: Database) {
        let whole = entry("app", "POST /token", "ok", NOW, 3000);
        let expected = whole.tally;
        for name in ["one", "two"] {
            let batch = batch_of(name, vec![whole.clone()]);
            db.write(move |db| usage::add(db, &batch)).await;
        }
        let query = query(Period::Hour, &[]);
        let found = db.read(move |db| usage::totals(db, &query, 1)).await;
        let mut twice = expected;
        twice.add(&expected);
        assert_eq!(found[0].tally, twice);
        assert!(expected.latency.iter().all(|count| *count > 0), "{expected:?}");
    }

    async fn a_batch_counts_once_however_often_and_wherever_it_is_sent(db: Database) {
        let stores = [db.store.clone(), db.another_store()];
        let running: Vec<_> = (0..40)
            .map(|n| {
                let store = stores[n % 2].clone();
                tokio::spawn(async move { store.write(|db| usage::add(db, &batch("same", NOW, RETENTION, later(86_400)))).await })
            })
            .collect();
        let mut added = 0;
        for one in running {
            added += usize::from(one.await.unwrap().unwrap());
        }
        assert_eq!((added, requests(&db, Period::Hour).await, requests(&db, Period::Day).await), (1, 1, 1));
    }

    async fn two_nodes_that_add_to_the_same_rows_at_once_add_up(db: Database) {
        let stores = [db.store.clone(), db.another_store()];
        let running: Vec<_> = (0..24)
            .map(|n| {
                let store = stores[n % 2].clone();
                let of = |client: usize| entry(&format!("client-{client}"), "POST /token", "ok", NOW, client + 1);
                let mut entries: Vec<_> = (0..10).map(of).collect();
                entries.rotate_left(n % 10);
                let batch = batch_of(&format!("batch {n}"), entries);
                tokio::spawn(async move {
                    // A node that is told that the database is busy sends the same batch again.
                    while let Err(error) = add(&store, &batch).await {
                        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                    }
                })
            })
            .collect();
        for one in running {
            one.await.unwrap();
        }
        assert_eq!(requests(&db, Period::Hour).await, 24 * 55);
        assert_eq!(requests(&db, Period::Day).await, 24 * 55);
        let by_client = sums(&db, &query(Period::Hour, &[Dimension::Client])).await;
        assert_eq!(by_client.len(), 10);
        assert!(by_client.contains(&(vec!["client-7".to_owned()], 192, 192)));
    }

    async fn more_rows_than_a_period_may_have_are_one(db: Database) {
        let of = |resource: &str, from: i64, to: i64| {
            let one = |n: i64| {
                let mut entry = entry("app", &format!("GET /{n}"), "2xx", NOW, 1);
                (entry.key.source, entry.key.resource) = (Source::Resource, resource.to_owned());
                entry
            };
            batch_of(&format!("{resource} {from}"), (from..to).map(one).collect())
        };
        let most = 20;
        for batch in [of("https://a", 0, most + 30), of("https://a", most - 5, most + 5), of("https://b", 0, 3)] {
            assert!(db.write(move |db| usage::add(db, &batch)).await);
        }
        let filter = UsageFilter { resource: Some("https://a".to_owned()), ..UsageFilter::default() };
        let query = UsageQuery { filter, ..query(Period::Hour, &[Dimension::Endpoint, Dimension::Client]) };
        let rows = db.read(move |db| usage::totals(db, &query, 10_000)).await;
        assert_eq!(rows.len() as i64, most + 1);
        assert_eq!(rows.iter().map(|row| row.tally.requests).sum::<u64>() as i64, most + 40);
        let others = rows.iter().find(|row| row.values == ["other", "other"]).unwrap();
        assert!(others.tally.requests >= 30, "{others:?}");
        assert_eq!(requests(&db, Period::Day).await as i64, most + 43);
    }

    async fn a_batch_that_fails_half_way_leaves_nothing(db: Database) {
        // The second key is longer than its column on MySQL and impossible as text on PostgreSQL; SQLite takes it.
        let entries = vec![
            entry("app", "POST /token", "ok", NOW, 1),
            entry(&format!("{}\0", "x".repeat(300)), "POST /token", "ok", NOW, 1),
        ];
        let bad = batch_of("bad", entries);
        let outcome = db.store.write(move |db| usage::add(db, &bad)).await;
        let added = u64::from(outcome.is_ok()) * 2;
        assert_eq!((requests(&db, Period::Hour).await, requests(&db, Period::Day).await), (added, added));
        if outcome.is_err() {
            assert!(db.write(|db| usage::add(db, &batch("bad", NOW, RETENTION, later(1)))).await);
        }
    }

    async fn a_rule_is_watched_by_one_node_until_its_lease_is_over(db: Database) {
        let stores = [db.store.clone(), db.another_store()];
        let running: Vec<_> = (0..20)
            .map(|n| {
                let store = stores[n % 2].clone();
                tokio::spawn(async move { store.write(move |db| alerts::hold(db, "busy", &format!("node {n}"), NOW)).await })
            })
            .collect();
        let mut holders = Vec::new();
        for (n, one) in running.into_iter().enumerate() {
            holders.extend(one.await.unwrap().unwrap().then_some(n));
        }
        assert_eq!(holders.len(), 1);
        let holder = format!("node {}", holders[0]);
        let hold = async |node: &str, seconds| {
            let node = node.to_owned();
            db.write(move |db| alerts::hold(db, "busy", &node, later(seconds))).await
        };
        let change = async |node: &str, is_firing| {
            let node = node.to_owned();
            db.write(move |db| alerts::change(db, "busy", &node, is_firing, NOW)).await
        };
        assert!(hold(&holder, 60).await && !hold("other", 239).await);
        assert!(!change("other", true).await && !change(&holder, false).await);
        assert!(change(&holder, true).await && !change(&holder, true).await);
        assert!(hold("other", 240).await && !hold(&holder, 241).await);
        assert!(!change(&holder, false).await && change("other", false).await);
    }
}
