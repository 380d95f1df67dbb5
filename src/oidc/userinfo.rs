//! Userinfo (OIDC Core §5.3): a protected resource of this server (RFC 6750).
//!
//! An access token is valid here if it is ours, live, has scope `openid`, its grant still stands and its user is in use.
//! Its audience may be an API: the authorization server that issued it is always one that it may be shown to.

use crate::domain::claims;
use crate::domain::id::{ClientId, GrantId};
use crate::domain::refusal::{self, Refusal};
use crate::domain::scope::{OPENID, ScopeSet};
use crate::domain::user::User;
use crate::keys::{Expected, VerifyError};
use crate::store::{self, StoreError};
use crate::tokens::access_token;
use crate::web::answer::{self, bearer};
use crate::web::extract::{Body, Edge};
use crate::web::middleware::Attribution;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde_json::{Map, Value};

/// `GET /userinfo`
pub async fn get(edge: Edge) -> HttpResponse {
    respond(&edge, None).await
}

/// `POST /userinfo`, with the token in the header or the body (RFC 6750 §2.2).
pub async fn post(edge: Edge, body: Option<Body>) -> HttpResponse {
    let has_form =
        edge.header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let form = match body.filter(|_| has_form) {
        None => None,
        Some(Body(Ok(form))) if form.is_repeated("access_token") => {
            return bearer::refuse(
                &edge,
                &Refusal::by(&refusal::TOKEN_TWICE).because("access_token more than once", "one token"),
            );
        }
        Some(Body(Ok(form))) => form.find("access_token").map(str::to_owned),
        Some(Body(Err(refusal))) => return bearer::refuse(&edge, &refusal),
    };
    respond(&edge, form).await
}

async fn respond(edge: &Edge, in_body: Option<String>) -> HttpResponse {
    match claims_of(edge, in_body).await {
        Ok(claims) => HttpResponse::Ok().json(claims),
        Err(refusal) => bearer::refuse(edge, &refusal),
    }
}

async fn claims_of(edge: &Edge, in_body: Option<String>) -> Result<Map<String, Value>, Refusal> {
    let token = presented(edge, in_body)?;
    let claims = verify(edge, &token).await?;
    note_client(edge, &claims);
    let grant_id = access_token::grant_of(&claims).ok_or_else(|| invalid("a token that is no access token"))?;
    let scopes =
        claims.get("scope").and_then(Value::as_str).and_then(|text| ScopeSet::parse(text).ok()).unwrap_or_default();
    if !scopes.contains(OPENID) {
        return Err(Refusal::by(&refusal::TOKEN_SCOPE).because(format!("a token with scope {scopes}"), "scope openid"));
    }
    let user = find_user(edge, grant_id, &claims).await?;
    Ok(claims::for_scopes(&user, &scopes))
}

/// The client that the token was issued to, for the counters of usage.
fn note_client(edge: &Edge, claims: &Map<String, Value>) {
    let client = claims.get("client_id").and_then(Value::as_str).map(ClientId::new);
    Attribution::note(&edge.request, |noted| noted.client = client);
}

/// Access tokens are `at+jwt`, or `JWT` where a resource wants it so; ID tokens are `JWT` too, but name no grant.
async fn verify(edge: &Edge, token: &str) -> Result<Map<String, Value>, Refusal> {
    let expected = |typ| Expected { typ, issuer: edge.issuer().as_str(), audience: None };
    let now = edge.context.now;
    let result = match edge.keys.verify(token, &expected(access_token::TYP), now).await {
        Err(VerifyError::Type) => edge.keys.verify(token, &expected("JWT"), now).await,
        other => other,
    };
    result.map_err(|error| match error {
        VerifyError::Unavailable(cause) => answer::from_store(&StoreError::Unavailable(cause)),
        other => invalid(&other.to_string()),
    })
}

/// A revoked grant ends its access tokens here at once.
async fn find_user(edge: &Edge, grant_id: GrantId, token: &Map<String, Value>) -> Result<User, Refusal> {
    let found = edge.store.read(move |db| {
        let Some(grant) = store::grants::find(db, &grant_id)?.filter(|grant| grant.revoked_at.is_none()) else {
            return Ok(None);
        };
        store::users::find(db, &grant.user_id)
    });
    let user = found.await.map_err(|error| answer::from_store(&error))?;
    let user = user.filter(|user| {
        user.disabled_at.is_none() && token.get("sub").and_then(Value::as_str) == Some(user.id.as_str())
    });
    user.ok_or_else(|| invalid("a token whose grant was revoked or whose account is disabled"))
}

fn invalid(sent: &str) -> Refusal {
    Refusal::by(&refusal::TOKEN_INVALID).because(sent, "a live access token of this issuer")
}

/// RFC 6750 §2: one token in one way, never in the query.
fn presented(edge: &Edge, in_body: Option<String>) -> Result<String, Refusal> {
    let twice = |sent: &str| Refusal::by(&refusal::TOKEN_TWICE).because(sent, "Authorization: Bearer, once");
    if edge.request.query_string().split('&').any(|pair| pair.starts_with("access_token=")) {
        return Err(Refusal::by(&refusal::TOKEN_IN_QUERY).because("access_token in the query", "Authorization: Bearer"));
    }
    let headers: Vec<_> = edge.request.headers().get_all(header::AUTHORIZATION).collect();
    match (headers.as_slice(), in_body) {
        ([], None) => Err(Refusal::by(&refusal::TOKEN_MISSING).because("no token", "Authorization: Bearer")),
        ([], Some(token)) => Ok(token),
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
