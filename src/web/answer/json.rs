//! JSON answers of the token endpoint and its family (RFC 6749 §5).

use super::{is_client_authentication, record, status, with_retry};
use crate::domain::refusal::{self, Refusal};
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;

/// How a client is asked to authenticate itself (RFC 7617 §2).
pub(super) const BASIC_CHALLENGE: &str = "Basic realm=\"authward\", charset=\"UTF-8\"";

/// The most characters that are said of what is wrong in a request.
const LONGEST_SAID: usize = 500;

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    error_description: String,
}

/// A result. The route's policy adds `no-store`.
pub fn answer(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::PRAGMA, "no-cache")).json(body)
}

/// A refusal that tells whoever asks what of the request is wrong, because nobody else could: a stranger has no way to look
/// the reference up.
pub fn refuse_saying(edge: &Edge, refusal: &Refusal, said: &str) -> HttpResponse {
    let reference = record(edge, refusal);
    // RFC 6749 §5.2: visible ASCII without quotes and backslashes. Single quotes stand for double ones.
    let plain = |c: char| match c {
        '"' => '\'',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    };
    let said: String = said.chars().take(LONGEST_SAID).map(plain).collect();
    HttpResponse::build(status(refusal.rule)).insert_header((header::PRAGMA, "no-cache")).json(ErrorBody {
        error: refusal.rule.code,
        error_description: format!("{}: {said} (reference {reference})", refusal.rule.description),
    })
}

/// A refusal (RFC 6749 §5.2). Failed client authentication is 401 with a challenge.
pub fn refuse(edge: &Edge, refusal: &Refusal) -> HttpResponse {
    let reference = record(edge, refusal);
    let mut builder = HttpResponse::build(status(refusal.rule));
    with_retry(&mut builder, refusal);
    if is_client_authentication(refusal.rule.id) {
        builder.insert_header((header::WWW_AUTHENTICATE, BASIC_CHALLENGE));
    }
    if refusal.rule.id == refusal::METHOD.id {
        builder.insert_header((header::ALLOW, refusal.expected.clone()));
    }
    builder.insert_header((header::PRAGMA, "no-cache")).json(ErrorBody {
        error: refusal.rule.code,
        error_description: format!("{} (reference {reference})", refusal.rule.description),
    })
}
