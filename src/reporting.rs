//! What protected resources report of the calls that they answered, so that "which client calls which API how often" is
//! true beyond this server's own endpoints.
//!
//! `POST /api/usage` takes batches of counts from a client that serves the resource. A batch is counted as a whole, once: its
//! id, within the client and the resource, is remembered longer than any of its counts may be old, so a resource whose
//! answer was lost sends the same batch again.

use crate::clients::parse_id;
use crate::domain::client::Client;
use crate::domain::id::ClientId;
use crate::domain::refusal::{self, Refusal};
use crate::domain::secret::TokenHash;
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::usage::{
    LATENCY_BOUNDS_MS, LATENCY_BUCKETS, Period, Source, Tally, UNKNOWN, UsageBatch, UsageEntry, UsageKey,
};
use crate::store::{self, StoreError};
use crate::web::answer::{self, problem};
use crate::web::client_credentials::{self, ClientError};
use crate::web::extract::{Edge, JsonBody};
use crate::web::forms::StrictForm;
use crate::web::middleware::Attribution;
use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The most entries of a batch.
const MOST_ENTRIES: usize = 500;
/// The most calls that one entry may stand for.
const MOST_CALLS: u64 = 1_000_000_000;
/// The longest id of a batch, in characters.
const LONGEST_BATCH_ID: usize = 128;
/// The longest endpoint, in characters.
const LONGEST_ENDPOINT: usize = 200;
/// How old a count may be: a resource that could not reach this server for some days loses nothing.
const OLDEST: Lifetime = Lifetime::days(7);
/// How far the clock of a resource may be ahead.
const AHEAD: Lifetime = Lifetime::minutes(5);
/// How long the id of a batch is remembered: longer than its counts may be old, so that none counts twice.
const REMEMBERED_FOR: Lifetime = Lifetime::days(8);
const OUTCOMES: [&str; 8] = ["ok", "denied", "error", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// A batch, as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    resource: String,
    batch_id: String,
    entries: Vec<Entry>,
}

/// Some calls of one client to one endpoint with one outcome within one hour.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    client_id: Option<String>,
    endpoint: String,
    outcome: String,
    count: u64,
    at: i64,
    latency: Option<BTreeMap<String, u64>>,
    duration_ms: Option<u64>,
}

/// What is answered.
#[derive(Serialize)]
struct Taken {
    batch_id: String,
    /// Whether it was counted before.
    repeated: bool,
    /// The calls of the batch.
    calls: u64,
}

/// Why a batch is not counted.
enum ReportError {
    /// The body did not come whole, or is no JSON by its header.
    Body(Refusal),
    /// No client stands behind it.
    Client(ClientError),
    /// It is no report: what is wrong, what was expected.
    Malformed(String, String),
    /// The client does not serve the resource.
    NotServed(String, ClientId),
    /// The database.
    Store(StoreError),
}

impl ReportError {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Body(refusal) => refusal.clone(),
            Self::Client(error) => error.refusal(),
            Self::Malformed(sent, expected) => Refusal::by(&refusal::USAGE_REPORT).because(sent, expected),
            Self::NotServed(resource, client) => Refusal::by(&refusal::USAGE_RESOURCE)
                .because(format!("resource {resource}"), "a resource that lists the client under served_by")
                .of(client),
            Self::Store(error) => answer::from_store(error),
        }
    }
}

impl From<ClientError> for ReportError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<StoreError> for ReportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// `POST /api/usage`
pub async fn post(edge: Edge, body: JsonBody) -> HttpResponse {
    match take(&edge, body).await {
        Ok(taken) => HttpResponse::Ok().json(taken),
        Err(error) => problem::refuse(&edge, &error.refusal()),
    }
}

async fn take(edge: &Edge, body: JsonBody) -> Result<Taken, ReportError> {
    // The body is no form, so credentials come in the header: the client is registered for client_secret_basic.
    let credentials = client_credentials::read(&edge.request, &StrictForm::default())?;
    let client = client_credentials::authenticate_confidential(edge, &credentials).await?;
    let body = body.0.map_err(ReportError::Body)?;
    let report: Report = serde_json::from_slice(&body)
        .map_err(|error| ReportError::Malformed(error.to_string(), "a report of calls".to_owned()))?;
    check_batch(&report)?;
    check_served(edge, &client, &report.resource).await?;
    Attribution::note(&edge.request, |noted| noted.resource = Some(report.resource.clone()));
    let known = known_clients(edge, &report.entries).await?;
    let entries = report
        .entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            counted(&report.resource, entry, &known, edge.context.now).map_err(|error| error.at(index))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let calls = entries.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.tally.requests));
    let batch = UsageBatch {
        id: identity(&client, &report),
        forgotten_at: edge.context.now.plus(REMEMBERED_FOR),
        retention: edge.settings.usage.retention,
        most_rows: Source::Resource.most_rows(),
        entries,
    };
    let is_new = edge.store.write(move |db| store::usage::add(db, &batch)).await?;
    Ok(Taken { batch_id: report.batch_id, repeated: !is_new, calls })
}

fn check_batch(report: &Report) -> Result<(), ReportError> {
    let is_id = (1..=LONGEST_BATCH_ID).contains(&report.batch_id.len())
        && report.batch_id.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_id {
        return Err(malformed("batch_id", &format!("1 to {LONGEST_BATCH_ID} visible ASCII characters")));
    }
    if !(1..=MOST_ENTRIES).contains(&report.entries.len()) {
        return Err(malformed(&format!("{} entries", report.entries.len()), &format!("1 to {MOST_ENTRIES} entries")));
    }
    Ok(())
}

/// RFC 8707 §2: identifiers are compared as they are.
async fn check_served(edge: &Edge, client: &Client, resource: &str) -> Result<(), ReportError> {
    let catalogue = edge.clients.catalogue().await?;
    let is_served = catalogue.find_resource(resource).is_some_and(|known| known.served_by.contains(&client.id));
    if is_served { Ok(()) } else { Err(ReportError::NotServed(resource.to_owned(), client.id.clone())) }
}

/// Two clients may use the same ids, and one client for two resources.
fn identity(client: &Client, report: &Report) -> TokenHash {
    TokenHash::of(&format!("resource {} {} {}", client.id, report.batch_id, report.resource))
}

/// Those of the named clients that are registered; what others are called is not kept.
async fn known_clients(edge: &Edge, entries: &[Entry]) -> Result<HashMap<String, ClientId>, ReportError> {
    let mut known = HashMap::new();
    let mut asked = std::collections::HashSet::new();
    for id in entries.iter().filter_map(|entry| entry.client_id.as_deref()) {
        if parse_id(id).is_none() {
            return Err(malformed("client_id", "1 to 255 visible ASCII characters, or null where nobody is known"));
        }
        if asked.insert(id)
            && let Some(client) = edge.clients.find(id).await?
        {
            known.insert(id.to_owned(), client.id.clone());
        }
    }
    Ok(known)
}

fn counted(
    resource: &str,
    entry: &Entry,
    known: &HashMap<String, ClientId>,
    now: Timestamp,
) -> Result<UsageEntry, ReportError> {
    let client = entry.client_id.as_ref().and_then(|id| known.get(id)).cloned();
    if !is_endpoint(&entry.endpoint) {
        let expected =
            format!("method and path as \"GET /orders/{{id}}\", without query, at most {LONGEST_ENDPOINT} bytes");
        return Err(malformed("endpoint", &expected));
    }
    if !OUTCOMES.contains(&entry.outcome.as_str()) {
        return Err(malformed("outcome", &OUTCOMES.join(", ")));
    }
    let at = Timestamp::from_seconds(entry.at);
    if at < now.minus(OLDEST) || at > now.plus(AHEAD) {
        return Err(malformed("at", "seconds since the epoch, at most 7 days old and not in the future"));
    }
    Ok(UsageEntry {
        hour: Period::Hour.start_of(at),
        key: UsageKey {
            source: Source::Resource,
            client: client.unwrap_or_else(|| ClientId::new(UNKNOWN)),
            endpoint: entry.endpoint.clone(),
            grant: String::new(),
            resource: resource.to_owned(),
            outcome: entry.outcome.clone(),
        },
        tally: tally(entry)?,
    })
}

/// A method and the template of a path: letters, a space, `/` and what may follow it, no query and no fragment.
fn is_endpoint(text: &str) -> bool {
    let Some((method, path)) = text.split_once(' ') else { return false };
    let is_method = (1..=16).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_path =
        path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"\\".contains(&byte));
    text.len() <= LONGEST_ENDPOINT && is_method && is_path
}

/// Latencies are reported by bucket with their sum, or not at all.
fn tally(entry: &Entry) -> Result<Tally, ReportError> {
    if !(1..=MOST_CALLS).contains(&entry.count) {
        return Err(malformed("count", &format!("1 to {MOST_CALLS}")));
    }
    let mut tally = Tally { requests: entry.count, ..Tally::default() };
    match (&entry.latency, entry.duration_ms) {
        (None, None) => {}
        (Some(latency), Some(duration)) => {
            for (bound, count) in latency {
                tally.latency[bucket(bound).ok_or_else(unknown_bucket)?] = *count;
            }
            let timed = latency.values().try_fold(0_u64, |sum, count| sum.checked_add(*count));
            if timed.is_none_or(|timed| timed > entry.count) {
                return Err(malformed("latency", "counts whose sum is at most count"));
            }
            let longest = entry.count.saturating_mul(24 * 3600 * 1000);
            if duration > longest {
                return Err(malformed("duration_ms", "what the calls took together, at most a day each"));
            }
            tally.duration_us = duration.saturating_mul(1000);
        }
        _ => return Err(malformed("latency without duration_ms, or the other way", "both or neither")),
    }
    Ok(tally)
}

fn bucket(bound: &str) -> Option<usize> {
    if bound == "inf" {
        return Some(LATENCY_BUCKETS - 1);
    }
    LATENCY_BOUNDS_MS.iter().position(|known| known.to_string() == bound)
}

fn unknown_bucket() -> ReportError {
    let bounds: Vec<String> = LATENCY_BOUNDS_MS.iter().map(u32::to_string).collect();
    malformed("latency", &format!("buckets named by their upper bound in milliseconds: {}, inf", bounds.join(", ")))
}

fn malformed(what: &str, expected: &str) -> ReportError {
    ReportError::Malformed(what.to_owned(), expected.to_owned())
}

impl ReportError {
    /// The same, with the entry that it is about.
    fn at(self, index: usize) -> Self {
        match self {
            Self::Malformed(what, expected) => Self::Malformed(format!("entries[{index}]: {what}"), expected),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_endpoint_is_a_method_and_the_template_of_a_path() {
        for good in ["GET /", "GET /orders/{id}", "POST /orders/:id/items", "DELETE /a/*", "PROPFIND /x"] {
            assert!(is_endpoint(good), "{good}");
        }
        let long = format!("GET /{}", "x".repeat(196));
        for bad in [
            "",
            "GET",
            "GET ",
            "get /",
            "GET orders",
            "GET /a b",
            "GET /a?b=c",
            "GET /a#b",
            "GET /é",
            "GET /\n",
            " /a",
            long.as_str(),
        ] {
            assert!(!is_endpoint(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(text in ".{0,200}", count in any::<u64>(), at in any::<i64>(), latency in any::<Option<(u64, u64)>>()) {
            let _ = serde_json::from_str::<Report>(&text);
            let latency = latency.map(|(one, two)| BTreeMap::from([("1".to_owned(), one), (text.clone(), two)]));
            let duration_ms = latency.as_ref().map(|_| count);
            let entry = Entry { client_id: None, endpoint: text, outcome: "ok".to_owned(), count, at, latency, duration_ms };
            let _ = counted("r", &entry, &HashMap::new(), Timestamp::from_seconds(0));
            if let Ok(tally) = tally(&entry) {
                prop_assert!(tally.timed() <= tally.requests && tally.requests <= MOST_CALLS);
            }
        }
    }
}
