//! Answers: a refusal or a result as bytes, in the form its endpoint's readers expect.

pub mod bearer;
pub mod json;
pub mod page;
pub mod problem;
pub mod redirect;

use super::extract::Edge;
use crate::clients::encryption::EncryptionError;
use crate::domain::id::Reference;
use crate::domain::refusal::{self, Refusal, Rule};
use crate::store::StoreError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpMessage as _, HttpResponseBuilder};

/// Seconds after which a client may try again when the server could not answer.
pub const RETRY_AFTER_SECONDS: i64 = 5;

/// The status that a rule is answered with where HTTP itself carries the error.
pub fn status(rule: &Rule) -> StatusCode {
    match rule.id {
        id if is_client_authentication(id) => StatusCode::UNAUTHORIZED,
        id if id == refusal::THROTTLED.id => StatusCode::TOO_MANY_REQUESTS,
        id if id == refusal::UNAVAILABLE.id => StatusCode::SERVICE_UNAVAILABLE,
        id if id == refusal::INTERNAL.id => StatusCode::INTERNAL_SERVER_ERROR,
        id if id == refusal::BODY_TOO_LARGE.id => StatusCode::PAYLOAD_TOO_LARGE,
        id if id == refusal::CONTENT_TYPE_JSON.id => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        id if id == refusal::USAGE_RESOURCE.id => StatusCode::FORBIDDEN,
        id if id == refusal::METHOD.id => StatusCode::METHOD_NOT_ALLOWED,
        id if id == refusal::NOT_FOUND.id => StatusCode::NOT_FOUND,
        id if id == refusal::JSON_TYPE.id => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        id if id == refusal::UNKNOWN.id => StatusCode::NOT_FOUND,
        id if id == refusal::TAKEN.id || id == refusal::STATE.id => StatusCode::CONFLICT,
        id if id == refusal::ADMIN_ONLY.id || id == refusal::REGISTRATION_CLOSED.id => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Whether a client has not proven who it is, by whatever method: 401 with a challenge (RFC 6749 §5.2).
pub(super) fn is_client_authentication(id: &str) -> bool {
    id == refusal::CLIENT_AUTHENTICATION.id || id == refusal::CLIENT_ASSERTION.id
}

/// The outcome of a request, for the access log and the counters of usage.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The rule's id.
    pub rule: &'static str,
    /// The error code, as usage is counted by it; a refusal that names no error on the wire has one here.
    pub code: &'static str,
    /// The reference that was shown.
    pub reference: Reference,
}

/// Records a refusal and notes it for the access log. Every refusal passes here exactly once.
pub fn record(edge: &Edge, refusal: &Refusal) -> Reference {
    let reference = edge.refusals.record(refusal, &edge.context, &edge.endpoint());
    edge.request.extensions_mut().insert(Refused {
        rule: refusal.rule.id,
        code: if refusal.rule.code.is_empty() { "unauthorized" } else { refusal.rule.code },
        reference: reference.clone(),
    });
    reference
}

/// `Retry-After` for those refusals that end by themselves.
pub fn with_retry(builder: &mut HttpResponseBuilder, refusal: &Refusal) {
    let seconds = refusal.retry_after.or((refusal.rule.id == refusal::UNAVAILABLE.id).then_some(RETRY_AFTER_SECONDS));
    if let Some(seconds) = seconds {
        builder.insert_header((header::RETRY_AFTER, seconds.max(1).to_string()));
    }
}

/// What a failing database means to the outside: never "no such token", never "revoked". The cause is logged here.
pub fn from_store(error: &StoreError) -> Refusal {
    match error {
        StoreError::Unavailable(cause) => {
            tracing::error!(cause, "the database cannot be used right now");
            Refusal::by(&refusal::UNAVAILABLE)
        }
        StoreError::Conflict => {
            tracing::error!("a conflict in the database that no rule foresees");
            Refusal::by(&refusal::INTERNAL)
        }
        StoreError::Corrupt(cause) | StoreError::Failed(cause) => {
            tracing::error!(cause, "the database answered with something that must not be");
            Refusal::by(&refusal::INTERNAL)
        }
    }
}

/// What it means that nothing could be encrypted for a client. `registered`: the member of its metadata that wants it.
pub fn from_encryption(error: &EncryptionError, registered: &str) -> Refusal {
    let rule = if error.is_temporary() { &refusal::UNAVAILABLE } else { &refusal::ENCRYPTION };
    Refusal::by(rule).because(error.to_string(), format!("a public key of the client for {registered}"))
}

/// What a failing signing-key service means to the outside.
pub fn from_keys(error: &crate::keys::KeysError) -> Refusal {
    tracing::error!(cause = %error, "the signing keys cannot be used right now");
    match error {
        error if error.is_temporary() => Refusal::by(&refusal::UNAVAILABLE),
        _ => Refusal::by(&refusal::INTERNAL),
    }
}
