//! `/api/audit`: the audit events.

use super::input::Parameters;
use super::{ApiError, finish, ok};
use crate::domain::audit::{EventDocument, EventKind, Filter, Position};
use crate::domain::id::{ClientId, UserId};
use crate::domain::time::Timestamp;
use crate::store;
use crate::web::extract::{Edge, Query};
use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

const PARAMETERS: [&str; 9] =
    ["since", "until", "kind", "actor", "client_id", "user_id", "reference", "before", "limit"];

/// Events, newest first.
#[derive(Serialize, ToSchema)]
pub struct EventPage {
    /// The events.
    events: Vec<EventDocument>,
    /// What to send as `before` for the page of older events; missing where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What was done, by whom, and when, newest first.
#[utoipa::path(
    get, path = "/api/audit", tag = "audit", operation_id = "listEvents",
    params(
        ("since" = Option<String>, Query, description = "Not before: 2027-06-30, or 2027-06-30T12:00:00Z"),
        ("until" = Option<String>, Query, description = "Before"),
        ("kind" = Option<String>, Query, description = "What happened, such as sign_in_failed"),
        ("actor" = Option<String>, Query, description = "Who did it: a subject, a client_id, a command, or a kind of actor"),
        ("client_id" = Option<String>, Query, description = "The client that it is about"),
        ("user_id" = Option<String>, Query, description = "The subject of the user that it is about"),
        ("reference" = Option<String>, Query, description = "The reference of a refusal, or the id of a request"),
        ("before" = Option<String>, Query, description = "Older than this place: next of the page before"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 500, description = "Entries of a page; 50 where it is missing"),
    ),
    responses((status = 200, description = "A page of events", body = EventPage)),
)]
pub async fn list(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let (filter, limit) = read(query)?;
        let mut events = edge.store.read(move |db| store::audit::list(db, &filter, limit + 1)).await?;
        let has_more = events.len() as i64 > limit;
        events.truncate(usize::try_from(limit).unwrap_or(0));
        let next = events.last().filter(|_| has_more).map(|last| last.position().to_string());
        Ok(ok(&EventPage { events: events.into_iter().map(EventDocument::from).collect(), next }))
    };
    finish(&edge, result.await)
}

fn read(query: Query) -> Result<(Filter, i64), ApiError> {
    let mut parameters = Parameters::of(query, &PARAMETERS)?;
    let time = |text: &str| Timestamp::parse(text).ok_or_else(|| "it is no day and no time of RFC 3339".to_owned());
    let filter = Filter {
        since: parameters.read("since", time),
        until: parameters.read("until", time),
        kind: parameters.read("kind", |text| EventKind::parse(text).ok_or_else(|| "there is no such kind".to_owned())),
        actor: parameters.text("actor"),
        client_id: parameters.text("client_id").map(ClientId::new),
        user_id: parameters.text("user_id").map(UserId::new),
        reference: parameters.text("reference"),
        before: parameters.read("before", |text| Position::parse(text).ok_or_else(|| "it is no place".to_owned())),
    };
    let limit = parameters.limit();
    parameters.finish()?;
    Ok((filter, limit))
}
