//! Refusals of the admin API as problem documents (RFC 9457).

use super::{bearer, json, record, status, with_retry};
use crate::domain::refusal::{self, Refusal};
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem document (RFC 9457 §3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document (RFC 9457 §3).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A URI that identifies the rule; it leads to the rule in the page that describes the API.
    #[serde(rename = "type")]
    pub kind: String,
    /// The rule's sentence.
    pub title: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What was sent and what was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The rule's id.
    pub rule: &'static str,
    /// What `authward explain` takes.
    pub reference: String,
    /// Every member of the body that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Wrong>,
}

/// A member of a body that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Wrong {
    /// Which: `redirect_uris[0]`.
    pub field: String,
    /// What is wrong with it, in words.
    pub what: String,
}

/// A refusal.
pub fn refuse(edge: &Edge, refusal: &Refusal) -> HttpResponse {
    refuse_fields(edge, refusal, Vec::new())
}

/// A refusal that names every member that is wrong.
pub fn refuse_fields(edge: &Edge, refusal: &Refusal, errors: Vec<Wrong>) -> HttpResponse {
    let reference = record(edge, refusal);
    let rule = refusal.rule;
    let status = match rule.code {
        "" | "invalid_token" => StatusCode::UNAUTHORIZED,
        "insufficient_scope" => StatusCode::FORBIDDEN,
        _ => status(rule),
    };
    let mut builder = HttpResponse::build(status);
    with_retry(&mut builder, refusal);
    if rule.id == refusal::METHOD.id {
        builder.insert_header((header::ALLOW, refusal.expected.clone()));
    }
    match rule.code {
        "" | "invalid_token" | "insufficient_scope" => {
            builder.insert_header((header::WWW_AUTHENTICATE, bearer::challenge(refusal, &reference)));
        }
        // Where a client authenticates itself, there is no token to be asked for.
        "invalid_client" => {
            builder.insert_header((header::WWW_AUTHENTICATE, json::BASIC_CHALLENGE));
        }
        _ => {}
    }
    let is_ours = status.is_server_error() || refusal.sent.is_empty();
    let problem = Problem {
        kind: edge.issuer().endpoint(&format!("/api#{}", rule.id)),
        title: rule.description,
        status: status.as_u16(),
        detail: (!is_ours).then(|| format!("{} was sent; expected: {}", refusal.sent, refusal.expected)),
        rule: rule.id,
        reference: reference.to_string(),
        errors,
    };
    builder.content_type(MEDIA_TYPE).json(problem)
}
