//! Introspection (RFC 7662): a protected resource asks what a token means, and whether it still does.
//!
//! Only clients that authenticate themselves may ask, each about those tokens that are its business
//! ([`Client::may_introspect`]). About everything else, and about everything that is not live, the answer is the same, so
//! nobody learns from it whether a token exists.

use super::inquiry::{Inquiry, InquiryError};
use crate::domain::client::Client;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::tokens::access_token::Audience;
use crate::tokens::{LiveAccessToken, LiveRefreshToken, NotLive, refresh_token};
use crate::web::answer::json;
use crate::web::client_credentials;
use crate::web::extract::{Body, Edge};
use actix_web::HttpResponse;
use serde::Serialize;

/// `POST /introspect`
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    match answer(&edge, body).await {
        Ok(response) => response,
        Err(error) => json::refuse(&edge, &error.refusal()),
    }
}

/// RFC 7662 §2.2: "If the token is not active, does not exist on this server, or the protected resource is not allowed to
/// introspect this particular token", nothing more is said.
#[derive(Serialize)]
struct Inactive {
    active: bool,
}

/// What is said of an active token (RFC 7662 §2.2).
#[derive(Serialize)]
struct Active<'a> {
    active: bool,
    iss: &'a str,
    sub: &'a str,
    aud: Audience<'a>,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    /// Left out for refresh tokens: they are presented to nobody but this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    iat: Timestamp,
    exp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
}

async fn answer(edge: &Edge, body: Body) -> Result<HttpResponse, InquiryError> {
    let inquiry = Inquiry::parse(edge, body)?;
    let client = client_credentials::authenticate_confidential(edge, &inquiry.credentials).await?;
    let token = inquiry.token.reveal();
    if refresh_token::parse(token).is_some() {
        let found = if_live(edge.tokens.load_live_refresh_token(token, edge.context.now).await)?;
        // A refresh token is for its own client and this server; no protected resource has a use for one.
        return Ok(match found.filter(|found| found.family.client_id == client.id) {
            Some(found) => json::answer(&of_refresh_token(edge, &client, &found)),
            None => inactive(),
        });
    }
    match if_live(edge.tokens.load_live(token, edge.context.now).await)? {
        Some(found) if may_know(edge, &client, &found).await? => Ok(json::answer(&of_access_token(edge, &found))),
        _ => Ok(inactive()),
    }
}

fn inactive() -> HttpResponse {
    json::answer(&Inactive { active: false })
}

/// Why a token is not live is nobody's business; that nothing is known about it is no answer.
fn if_live<T>(loaded: Result<T, NotLive>) -> Result<Option<T>, InquiryError> {
    match loaded {
        Ok(token) => Ok(Some(token)),
        Err(NotLive::Unavailable(error)) => Err(error.into()),
        Err(
            NotLive::Verification(_)
            | NotLive::Kind
            | NotLive::Unknown
            | NotLive::Revoked
            | NotLive::User
            | NotLive::Client
            | NotLive::Replaced,
        ) => Ok(None),
    }
}

/// RFC 7662 §4: which protected resource may ask about which token.
async fn may_know(edge: &Edge, client: &Client, token: &LiveAccessToken) -> Result<bool, InquiryError> {
    let catalogue = edge.clients.catalogue().await?;
    Ok(client.may_introspect(&token.client.id, &token.audience, &catalogue.resources))
}

/// What the user is called everywhere would join the subjects of different sectors (OIDC Core §17.3).
fn username<'a>(client: &Client, user: &'a User) -> Option<&'a str> {
    client.pairwise_sector().is_none().then(|| user.username.as_str())
}

fn of_access_token<'a>(edge: &'a Edge, token: &'a LiveAccessToken) -> Active<'a> {
    Active {
        active: true,
        iss: edge.issuer().as_str(),
        sub: &token.subject,
        aud: Audience::of(&token.audience),
        client_id: token.client.id.as_str(),
        username: token.user.as_ref().and_then(|user| username(&token.client, user)),
        scope: token.scopes.to_string(),
        token_type: Some("Bearer"),
        iat: token.issued_at,
        exp: token.expires_at,
        jti: Some(&token.id),
        auth_time: token.auth_time,
    }
}

fn of_refresh_token<'a>(edge: &'a Edge, client: &Client, token: &'a LiveRefreshToken) -> Active<'a> {
    let family = &token.family;
    Active {
        active: true,
        iss: edge.issuer().as_str(),
        sub: &token.subject,
        aud: Audience::One(edge.issuer().as_str()),
        client_id: family.client_id.as_str(),
        username: username(client, &token.user),
        scope: family.scopes.to_string(),
        token_type: None,
        iat: family.position.rotated_at,
        exp: family.idle_expires_at.min(family.expires_at),
        jti: None,
        auth_time: Some(token.grant.auth_time),
    }
}
