//! Refusals of protected resources (RFC 6750 §3).

use super::{record, status, with_retry};
use crate::domain::refusal::{self, Refusal};
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};

/// A refusal. Without a token the challenge names no error (RFC 6750 §3.1).
pub fn refuse(edge: &Edge, refusal: &Refusal) -> HttpResponse {
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
    if status.is_server_error() {
        return builder.json(serde_json::json!({ "error": rule.code, "error_description": rule.description }));
    }
    let description = format!("{} (reference {reference})", rule.description);
    let challenge = match rule.code {
        "" => "Bearer realm=\"authward\"".to_owned(),
        "insufficient_scope" => {
            format!(
                "Bearer realm=\"authward\", error=\"insufficient_scope\", error_description=\"{description}\", scope=\"openid\""
            )
        }
        code => format!("Bearer realm=\"authward\", error=\"{code}\", error_description=\"{description}\""),
    };
    builder.insert_header((header::WWW_AUTHENTICATE, challenge));
    if rule.code.is_empty() {
        return builder.finish();
    }
    builder.json(serde_json::json!({ "error": rule.code, "error_description": description }))
}
