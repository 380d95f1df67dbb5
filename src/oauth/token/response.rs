//! The answer of the token endpoint (RFC 6749 §5.1, RFC 9068, OIDC Core §3.1.3.3): signs what was issued.

use super::error::TokenError;
use crate::domain::client::Client;
use crate::domain::grant::Grant;
use crate::domain::key::Algorithm;
use crate::domain::resource::AccessTokenType;
use crate::domain::scope::{OPENID, ScopeSet};
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::tokens;
use crate::tokens::access_token::{self, AccessTokenClaims};
use crate::tokens::id_token::{self, IdTokenClaims};
use crate::web::extract::Edge;
use crate::web::middleware::Attribution;
use serde::Serialize;

/// RFC 6749 §5.1
#[derive(Serialize)]
pub(super) struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    scope: String,
}

/// What is issued.
pub(super) struct Issuance {
    pub grant: Grant,
    pub user: User,
    pub scopes: ScopeSet,
    pub nonce: Option<String>,
    pub resources: Vec<String>,
    pub refresh_token: Option<Secret>,
}

/// Signs and puts the answer together. Holds no lock and no transaction.
pub(super) async fn sign(edge: &Edge, client: &Client, issuance: &Issuance) -> Result<TokenResponse, TokenError> {
    let audience = audience(edge, client, issuance);
    let lifetime = tokens::access_lifetime(&edge.settings, client);
    let (grant, now) = (&issuance.grant, edge.context.now);
    let claims = AccessTokenClaims {
        grant_id: &grant.id,
        issuer: edge.issuer().as_str(),
        subject: issuance.user.id.as_str(),
        audience: &audience,
        client_id: client.id.as_str(),
        scopes: &issuance.scopes,
        auth_time: grant.auth_time,
        issued_at: now,
        lifetime,
    };
    let access_token = access_token::mint(&edge.keys, &edge.entropy, typ(edge, &audience).await?, &claims)?;
    let id_token = match issuance.scopes.contains(OPENID) {
        true => Some(id_token(edge, client, issuance, &access_token)?),
        false => None,
    };
    Attribution::note(&edge.request, |noted| noted.resource = audience.into_iter().next());
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: lifetime.as_seconds(),
        refresh_token: issuance.refresh_token.as_ref().map(|token| token.reveal().to_owned()),
        id_token,
        scope: issuance.scopes.to_string(),
    })
}

fn id_token(edge: &Edge, client: &Client, issuance: &Issuance, access_token: &str) -> Result<String, TokenError> {
    // OpenID Connect Registration §2: RS256 where the client registered nothing else.
    let algorithm = Algorithm::parse(&client.id_token_algorithm).unwrap_or(Algorithm::RS256);
    let claims = IdTokenClaims {
        issuer: edge.issuer().as_str(),
        subject: issuance.user.id.as_str(),
        client_id: client.id.as_str(),
        nonce: issuance.nonce.as_deref(),
        auth_time: issuance.grant.auth_time,
        sid: issuance.grant.sid.as_str(),
        issued_at: edge.context.now,
        lifetime: edge.settings.tokens.id_token_lifetime,
        access_token,
    };
    Ok(id_token::mint(&edge.keys, algorithm, &claims)?)
}

/// RFC 8707 §2.2, RFC 9068 §3: what this request asks for, else what was granted, else the client's default, else the issuer.
fn audience(edge: &Edge, client: &Client, issuance: &Issuance) -> Vec<String> {
    let asked = if issuance.resources.is_empty() { &issuance.grant.resources } else { &issuance.resources };
    if !asked.is_empty() {
        return asked.clone();
    }
    vec![client.default_resource.clone().unwrap_or_else(|| edge.issuer().as_str().to_owned())]
}

/// `typ` is `at+jwt` (RFC 9068 §2.1) unless every resource of the token wants `JWT`.
async fn typ(edge: &Edge, audience: &[String]) -> Result<&'static str, TokenError> {
    let catalogue = edge.clients.catalogue().await?;
    let wants_jwt = |uri: &String| {
        catalogue.find_resource(uri).is_some_and(|resource| resource.access_token_type == AccessTokenType::Jwt)
    };
    Ok(if audience.iter().all(wants_jwt) { "JWT" } else { access_token::TYP })
}

/// The first resource of a token request that the authorization request did not name (RFC 8707 §2.2).
pub(super) fn first_foreign_resource<'a>(asked: &'a [String], granted: &[String]) -> Option<&'a str> {
    asked.iter().find(|uri| !granted.contains(uri)).map(String::as_str)
}
