//! The public keys (RFC 7517, OpenID Connect Discovery §3).

use crate::web::answer::{self, json};
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use actix_web::http::header;

/// `GET /jwks`
pub async fn get(edge: Edge) -> HttpResponse {
    if edge.keys.jwks().is_err()
        && let Err(error) = edge.keys.ensure().await
    {
        return json::refuse(&edge, &answer::from_keys(&error));
    }
    let jwks = match edge.keys.jwks() {
        Ok(jwks) => jwks,
        Err(error) => return json::refuse(&edge, &answer::from_keys(&error)),
    };
    let cache = format!("public, max-age={}", jwks.max_age.as_seconds());
    let is_known =
        edge.header(header::IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|tag| tag.trim() == jwks.etag));
    let mut builder = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    builder.insert_header((header::CACHE_CONTROL, cache)).insert_header((header::ETAG, jwks.etag.clone()));
    if is_known {
        return builder.finish();
    }
    builder.content_type("application/jwk-set+json").body(jwks.bytes.to_vec())
}
