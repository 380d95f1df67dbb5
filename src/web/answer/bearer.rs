//! Refusals of protected resources (RFC 6750 §3).

use super::{record, status, with_retry};
use crate::domain::id::Reference;
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
    builder.insert_header((header::WWW_AUTHENTICATE, challenge(refusal, &reference)));
    if rule.code.is_empty() {
        // Nothing is said of an error; the body is still what it is announced to be.
        return builder.json(serde_json::json!({}));
    }
    builder.json(serde_json::json!({ "error": rule.code, "error_description": description(refusal, &reference) }))
}

/// `WWW-Authenticate` (RFC 6750 §3): the error, and the scope where it is that which is missing.
pub(super) fn challenge(refusal: &Refusal, reference: &Reference) -> String {
    let description = description(refusal, reference);
    match refusal.rule.code {
        "" => "Bearer realm=\"authward\"".to_owned(),
        "insufficient_scope" => {
            // RFC 6750 §3: "the "scope" attribute with the scope necessary to access the protected resource".
            let scope = refusal.expected.strip_prefix("scope ").unwrap_or_default();
            format!(
                "Bearer realm=\"authward\", error=\"insufficient_scope\", error_description=\"{description}\", scope=\"{scope}\""
            )
        }
        code => format!("Bearer realm=\"authward\", error=\"{code}\", error_description=\"{description}\""),
    }
}

fn description(refusal: &Refusal, reference: &Reference) -> String {
    format!("{} (reference {reference})", refusal.rule.description)
}
