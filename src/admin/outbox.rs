//! `/api/outbox`: what clients are still to be told of ended sessions, and what was given up (OpenID Connect Back-Channel
//! Logout 1.0).

use super::input::Parameters;
use super::{finish, ok};
use crate::domain::client::hex;
use crate::domain::logout::LogoutNotice;
use crate::domain::secret::TokenHash;
use crate::store;
use crate::web::extract::{Edge, Query};
use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

/// Notices, in no order of time.
#[derive(Serialize, ToSchema)]
pub struct NoticePage {
    /// How many wait, all pages together.
    waiting: i64,
    /// How many were given up in the last seven days.
    given_up: i64,
    /// The notices.
    notices: Vec<NoticeDocument>,
    /// What to send as `after` for the next page; missing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What a client is to be told: a session that it knows has ended.
#[derive(Serialize, ToSchema)]
pub struct NoticeDocument {
    /// Its identifier.
    id: String,
    /// The client.
    client_id: String,
    /// The subject of the user, as this server knows it.
    user_id: String,
    /// What the client knows the session by.
    sid: String,
    /// `waiting` or `given_up`.
    state: &'static str,
    /// Attempts that were begun.
    attempts: i64,
    /// When the session ended, as RFC 3339 has it.
    ended_at: String,
    /// When the next attempt is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    /// When it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    given_up_at: Option<String>,
    /// What went wrong at the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl From<LogoutNotice> for NoticeDocument {
    fn from(notice: LogoutNotice) -> Self {
        Self {
            id: hex(notice.id.as_bytes()),
            client_id: notice.client_id.to_string(),
            user_id: notice.user_id.to_string(),
            sid: notice.sid.to_string(),
            state: if notice.given_up_at.is_some() { "given_up" } else { "waiting" },
            attempts: notice.attempts,
            ended_at: notice.created_at.rfc3339(),
            due_at: notice.given_up_at.is_none().then(|| notice.due_at.rfc3339()),
            given_up_at: notice.given_up_at.map(|at| at.rfc3339()),
            problem: notice.problem,
        }
    }
}

/// What clients are still to be told of ended sessions, and what was given up.
#[utoipa::path(
    get, path = "/api/outbox", tag = "outbox", operation_id = "listOutbox",
    params(
        ("after" = Option<String>, Query, description = "After this one: next of the page before"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 500, description = "Entries of a page; 50 where it is missing"),
    ),
    responses((status = 200, description = "A page of notices", body = NoticePage)),
)]
pub async fn list(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let mut parameters = Parameters::of(query, &["after", "limit"])?;
        let after =
            parameters.read("after", |text| TokenHash::from_hex(text).ok_or_else(|| "it is no identifier".to_owned()));
        let limit = parameters.limit();
        parameters.finish()?;
        let read = move |db: &mut store::Db| {
            Ok((store::logout_outbox::count(db)?, store::logout_outbox::page(db, after.as_ref(), limit + 1)?))
        };
        let ((waiting, given_up), mut notices) = edge.store.read(read).await?;
        let has_more = notices.len() as i64 > limit;
        notices.truncate(usize::try_from(limit).unwrap_or(0));
        let next = notices.last().filter(|_| has_more).map(|last| hex(last.id.as_bytes()));
        let notices = notices.into_iter().map(NoticeDocument::from).collect();
        Ok(ok(&NoticePage { waiting, given_up, notices, next }))
    };
    finish(&edge, result.await)
}
