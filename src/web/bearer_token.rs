//! The access token that a request to a protected resource of this server brings (RFC 6750 §2): one token in one way,
//! never in the query, and live.

use super::answer;
use super::extract::Edge;
use super::middleware::SeenClient;
use crate::domain::refusal::{self, Refusal};
use crate::tokens::{LiveAccessToken, NotLive};
use actix_web::HttpMessage as _;
use actix_web::http::header;
use std::sync::Arc;

/// The live access token of a request, from its header or, where the endpoint takes it so, from its form. Its client is noted
/// for the access log and the counters of usage.
///
/// # Errors
/// The [`Refusal`], in the terms of RFC 6750 §3.1.
pub async fn load(edge: &Edge, in_body: Option<&str>) -> Result<LiveAccessToken, Refusal> {
    let token = presented(edge, in_body)?;
    let token = edge.tokens.load_live(&token, edge.context.now).await.map_err(|error| refusal_of(&error))?;
    edge.request.extensions_mut().insert(SeenClient(Arc::clone(&token.client)));
    Ok(token)
}

fn refusal_of(error: &NotLive) -> Refusal {
    match error {
        NotLive::Unavailable(error) => answer::from_store(error),
        NotLive::Verification(_)
        | NotLive::Kind
        | NotLive::Unknown
        | NotLive::Revoked
        | NotLive::User
        | NotLive::Client
        | NotLive::Replaced => {
            Refusal::by(&refusal::TOKEN_INVALID).because(error.to_string(), "a live access token of this issuer")
        }
    }
}

/// The access token of a request as it was sent: one, in the header or, where the endpoint takes it so, in the form.
///
/// # Errors
/// The [`Refusal`], in the terms of RFC 6750 §3.1.
pub fn presented(edge: &Edge, in_body: Option<&str>) -> Result<String, Refusal> {
    let twice = |sent: &str| Refusal::by(&refusal::TOKEN_TWICE).because(sent, "Authorization: Bearer, once");
    if edge.request.query_string().split('&').any(|pair| pair.starts_with("access_token=")) {
        return Err(Refusal::by(&refusal::TOKEN_IN_QUERY).because("access_token in the query", "Authorization: Bearer"));
    }
    let headers: Vec<_> = edge.request.headers().get_all(header::AUTHORIZATION).collect();
    match (headers.as_slice(), in_body) {
        ([], None) => Err(Refusal::by(&refusal::TOKEN_MISSING).because("no token", "Authorization: Bearer")),
        ([], Some(token)) => Ok(token.to_owned()),
        ([_], Some(_)) => Err(twice("a token in the header and in the body")),
        ([one], None) => {
            let text = one.to_str().map_err(|_| twice("a header that is not text"))?;
            let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Refusal::by(&refusal::TOKEN_MISSING)
                    .because("another authorization scheme", "Authorization: Bearer"));
            }
            let token = token.trim();
            let is_token =
                !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
            if is_token { Ok(token.to_owned()) } else { Err(twice("a token outside the grammar of RFC 6750 §2.1")) }
        }
        _ => Err(twice("several Authorization headers")),
    }
}
