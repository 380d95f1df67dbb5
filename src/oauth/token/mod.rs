//! The token endpoint (RFC 6749 §3.2): read the request, authenticate the client, redeem what it presents, sign the answer.
//!
//! Each grant type is one file. Client authentication, scope rules, error mapping and answer writing exist once. What is
//! redeemed is redeemed in one transaction, which also stores what is not signed; signing happens after its commit, so no
//! lock is held meanwhile.

pub(super) mod access_token;
mod authorization_code;
mod client_credentials;
mod error;
mod password;
mod refresh_token;
mod request;
pub(super) mod response;

pub use error::TokenError;

use crate::web::answer::json;
use crate::web::client_credentials::authenticate;
use crate::web::extract::{Body, Edge};
use crate::web::middleware::Attribution;
use actix_web::HttpResponse;
use request::{Grant, TokenRequest};
use response::TokenResponse;

/// `POST /token`
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    match answer(&edge, body).await {
        Ok(response) => json::answer(&response),
        Err(error) => json::refuse(&edge, &error.refusal()),
    }
}

async fn answer(edge: &Edge, body: Body) -> Result<TokenResponse, TokenError> {
    let request = TokenRequest::parse(&edge.request, &body.0?)?;
    Attribution::note(&edge.request, |noted| noted.grant = Some(request.grant.name()));
    // Before anything is used up: without keys nothing could be answered.
    if edge.keys.jwks().is_err() {
        edge.keys.ensure().await?;
    }
    let client = authenticate(edge, &request.credentials).await?;
    if let Some(encryption) = client.encryption("id_token")
        && !matches!(request.grant, Grant::ClientCredentials(_))
    {
        let ready = edge.clients.require_recipient(&client, encryption).await;
        ready.map_err(|error| TokenError::Encryption(error, client.id.clone()))?;
    }
    match &request.grant {
        Grant::AuthorizationCode(exchange) => authorization_code::redeem(edge, client, exchange).await,
        Grant::RefreshToken(refresh) => refresh_token::redeem(edge, client, refresh).await,
        Grant::ClientCredentials(credentials) => client_credentials::issue(edge, client, credentials).await,
        Grant::Password(request) => password::issue(edge, client, request).await,
    }
}
