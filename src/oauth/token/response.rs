//! The answer of the token endpoint (RFC 6749 §5.1, RFC 9068, OIDC Core §3.1.3.3): signs what was issued.

use super::access_token::{Form, Settled};
use super::error::TokenError;
use crate::domain::claims as user_claims;
use crate::domain::client::Client;
use crate::domain::grant::Grant;
use crate::domain::id::Sid;
use crate::domain::key::Algorithm;
use crate::domain::scope::OPENID;
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::tokens::access_token::{self, AccessTokenClaims};
use crate::tokens::id_token::{self, IdTokenClaims};
use crate::tokens::subject;
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
    /// On whose behalf; `None` where the client acts for itself (RFC 6749 §4.4).
    pub granted: Option<Granted>,
    pub access_token: Settled,
    pub refresh_token: Option<Secret>,
}

/// What a user has granted.
pub(super) struct Granted {
    pub grant: Grant,
    pub user: User,
    /// For the ID token.
    pub nonce: Option<String>,
}

/// Signs and puts the answer together. Holds no lock and no transaction.
pub(super) async fn sign(edge: &Edge, client: &Client, issuance: &Issuance) -> Result<TokenResponse, TokenError> {
    let granted = issuance.granted.as_ref();
    let settled = &issuance.access_token;
    // RFC 9068 §2.2: without a resource owner "the value of sub SHOULD correspond to an identifier of the client".
    let subject = match granted {
        Some(granted) => subject::of(&edge.keys, client, &granted.user.id)?,
        None => client.id.to_string(),
    };
    let access_token = match &settled.form {
        Form::Opaque(token) => token.reveal().to_owned(),
        Form::Signed(typ) => {
            access_token::mint(&edge.keys, &edge.entropy, typ, &claims(edge, client, (issuance, &subject)))?
        }
    };
    let id_token = match granted.filter(|_| settled.scopes.contains(OPENID)) {
        Some(granted) => Some(id_token(edge, client, granted, (&subject, &access_token)).await?),
        None => None,
    };
    Attribution::note(&edge.request, |noted| noted.resource = settled.audience.first().cloned());
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: settled.lifetime.as_seconds(),
        refresh_token: issuance.refresh_token.as_ref().map(|token| token.reveal().to_owned()),
        id_token,
        scope: settled.scopes.to_string(),
    })
}

fn claims<'a>(
    edge: &'a Edge,
    client: &'a Client,
    (issuance, subject): (&'a Issuance, &'a str),
) -> AccessTokenClaims<'a> {
    let (granted, settled) = (issuance.granted.as_ref(), &issuance.access_token);
    AccessTokenClaims {
        grant_id: granted.map(|granted| &granted.grant.id),
        issuer: edge.issuer().as_str(),
        subject,
        audience: &settled.audience,
        client_id: client.id.as_str(),
        scopes: &settled.scopes,
        auth_time: granted.map(|granted| granted.grant.auth_time),
        issued_at: settled.issued_at,
        lifetime: settled.lifetime,
    }
}

async fn id_token(
    edge: &Edge,
    client: &Client,
    granted: &Granted,
    (subject, access_token): (&str, &str),
) -> Result<String, TokenError> {
    // OpenID Connect Registration §2: RS256 where the client registered nothing else.
    let algorithm = Algorithm::parse(&client.id_token_algorithm).unwrap_or(Algorithm::RS256);
    let claims = IdTokenClaims {
        issuer: edge.issuer().as_str(),
        subject,
        client_id: client.id.as_str(),
        nonce: granted.nonce.as_deref(),
        auth_time: granted.grant.auth_time,
        sid: granted.grant.session().map(Sid::as_str),
        issued_at: edge.context.now,
        lifetime: edge.settings.tokens.id_token_lifetime,
        access_token,
        about_user: user_claims::wished(&granted.user, &granted.grant.claims.id_token),
    };
    let signed = id_token::mint(&edge.keys, algorithm, &claims)?;
    let Some(encryption) = client.encryption("id_token") else { return Ok(signed) };
    // OIDC Core §10.2: signed first, and then encrypted.
    let encrypted = edge.clients.encrypt(client, encryption, (&signed, Some("JWT")), &edge.entropy).await;
    encrypted.map_err(|error| TokenError::Encryption(error, client.id.clone()))
}
