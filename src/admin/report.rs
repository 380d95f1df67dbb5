//! `GET /api/usage`: the report of `authward usage`, for programs.

use super::input::Parameters;
use super::{ApiError, finish, ok};
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::usage::{Dimension, Period, UsageFilter};
use crate::usage::report::Question;
use crate::web::extract::{Edge, Query};
use actix_web::HttpResponse;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

const PARAMETERS: [&str; 12] =
    ["last", "since", "until", "period", "by", "client", "resource", "endpoint", "grant", "outcome", "source", "limit"];
/// The range where none is named.
const USUAL: Lifetime = Lifetime::hours(24);

/// Who called what how often over a range, beside the range of the same length before.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageReport {
    /// The start of the first period.
    since: String,
    /// The end of the last period.
    until: String,
    /// The start of the range that everything is compared with.
    compared_since: String,
    /// `hour` or `day`.
    period: String,
    /// What is told apart.
    by: Vec<String>,
    /// One line a combination of values, the most requests first; by time where that is told apart.
    lines: Vec<UsageLine>,
    /// Everything together, also what is on no line.
    total: UsageLine,
    /// Whether there are more lines than were asked for.
    is_truncated: bool,
}

/// The figures of one combination of values.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageLine {
    /// The start of the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// `server` or `resource`: who counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// The client.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    /// The protected resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    /// Method and path.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// The grant type.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    /// `ok`, an error code, or what the resource said.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    /// Requests.
    requests: u64,
    /// Requests in the range before; null where time is told apart.
    before: Option<u64>,
    /// The change against the range before, as a share; null where there was nothing before.
    change: Option<f64>,
    /// Requests whose outcome is no success.
    failed: u64,
    /// The same as a share.
    failed_share: Option<f64>,
    /// Milliseconds on average.
    mean_ms: Option<f64>,
    /// Half of the requests took no longer.
    p50_ms: Option<f64>,
    /// 95 of 100 took no longer.
    p95_ms: Option<f64>,
    /// 99 of 100 took no longer.
    p99_ms: Option<f64>,
    /// Requests by the upper bound of their bucket in milliseconds; the last is `inf`.
    latency: BTreeMap<String, u64>,
}

/// Who called which API how often, with what outcome: whole hours or days in UTC. What other nodes counted since their last
/// flush (`usage.flush_every`) is not in it yet.
#[utoipa::path(
    get, path = "/api/usage", tag = "usage", operation_id = "usage",
    params(
        ("last" = Option<String>, Query, description = "The range that ends now, such as 24h, 7d, 4w; not together with since"),
        ("since" = Option<String>, Query, description = "The start of the range: 2027-06-30, or 2027-06-30T12:00:00Z"),
        ("until" = Option<String>, Query, description = "The end of the range, which is outside; now where it is missing"),
        ("period" = Option<String>, Query, description = "hour or day; hours for up to three days where it is missing"),
        ("by" = Option<String>, Query, description = "What is told apart, separated by commas: time, source, client, resource, endpoint, grant, outcome; client,resource,endpoint where it is missing"),
        ("client" = Option<String>, Query, description = "Only this client"),
        ("resource" = Option<String>, Query, description = "Only this protected resource"),
        ("endpoint" = Option<String>, Query, description = "Only this endpoint, such as POST /token"),
        ("grant" = Option<String>, Query, description = "Only this grant type"),
        ("outcome" = Option<String>, Query, description = "Only this outcome, such as ok"),
        ("source" = Option<String>, Query, description = "Only what this server counted (server), or what protected resources reported (resource)"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 500, description = "The most lines; 50 where it is missing"),
    ),
    responses((status = 200, description = "The report", body = UsageReport)),
)]
pub async fn get(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let question = read(query, edge.context.now)?;
        Ok(ok(&edge.usage.report(question).await?))
    };
    finish(&edge, result.await)
}

fn read(query: Query, now: Timestamp) -> Result<Question, ApiError> {
    let mut parameters = Parameters::of(query, &PARAMETERS)?;
    let time = |text: &str| Timestamp::parse(text).ok_or_else(|| "it is no day and no time of RFC 3339".to_owned());
    let last = parameters.read("last", |text| Lifetime::parse(text).ok_or_else(|| Lifetime::FORM.to_owned()));
    let since = parameters.read("since", time);
    // The current second is part of what happened until now.
    let until = parameters.read("until", time).unwrap_or(now.plus(Lifetime::seconds(1)));
    let period = parameters.read("period", |text| match text {
        "hour" => Ok(Period::Hour),
        "day" => Ok(Period::Day),
        _ => Err("it is hour or day".to_owned()),
    });
    let by = parameters.read("by", |text| {
        let names =
            text.split(',').map(|name| Dimension::parse(name.trim()).ok_or_else(|| Dimension::NAMES.to_owned()));
        names.collect::<Result<Vec<_>, _>>()
    });
    let source = parameters.read("source", |text| match text {
        "server" | "resource" => Ok(text.to_owned()),
        _ => Err("it is server or resource".to_owned()),
    });
    let filter = UsageFilter {
        source,
        client: parameters.text("client"),
        resource: parameters.text("resource"),
        endpoint: parameters.text("endpoint"),
        grant: parameters.text("grant"),
        outcome: parameters.text("outcome"),
    };
    let most = usize::try_from(parameters.limit()).unwrap_or(1);
    parameters.finish()?;
    if since.is_some() && last.is_some() {
        return Err(ApiError::field("last", "it stands beside since"));
    }
    let since = since.unwrap_or(until.minus(last.unwrap_or(USUAL)));
    if since >= until {
        return Err(ApiError::field("since", "it is not before until"));
    }
    let by = by.unwrap_or_else(|| vec![Dimension::Client, Dimension::Resource, Dimension::Endpoint]);
    Ok(Question { since, until, period, by, filter, most })
}
