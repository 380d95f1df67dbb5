//! The answer of the token endpoint (RFC 6749 §5.1, RFC 9068, OIDC Core §3.1.3.3): signs what was issued.

use super::error::TokenError;
use crate::clients::Catalogue;
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
    /// On whose behalf; `None` where the client acts for itself (RFC 6749 §4.4).
    pub granted: Option<Granted>,
    /// What was granted; the token carries what its resources understand of it.
    pub scopes: ScopeSet,
    /// The resources that this request names, by their identifiers.
    pub resources: Vec<String>,
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
    let catalogue = edge.clients.catalogue().await?;
    let granted = issuance.granted.as_ref();
    let granted_resources = granted.map_or(&[][..], |granted| &granted.grant.resources);
    let named = audience(client, &issuance.resources, granted_resources).to_vec();
    let scopes = catalogue.scopes_at(&issuance.scopes, &named);
    let audience = if named.is_empty() { vec![edge.issuer().as_str().to_owned()] } else { named };
    let lifetime = tokens::access_lifetime(&edge.settings, client);
    let claims = AccessTokenClaims {
        grant_id: granted.map(|granted| &granted.grant.id),
        issuer: edge.issuer().as_str(),
        // RFC 9068 §2.2: without a resource owner "the value of sub SHOULD correspond to an identifier of the client".
        subject: granted.map_or(client.id.as_str(), |granted| granted.user.id.as_str()),
        audience: &audience,
        client_id: client.id.as_str(),
        scopes: &scopes,
        auth_time: granted.map(|granted| granted.grant.auth_time),
        issued_at: edge.context.now,
        lifetime,
    };
    let access_token = access_token::mint(&edge.keys, &edge.entropy, typ(&catalogue, &audience), &claims)?;
    let id_token = match granted.filter(|_| scopes.contains(OPENID)) {
        Some(granted) => Some(id_token(edge, client, granted, &access_token)?),
        None => None,
    };
    Attribution::note(&edge.request, |noted| noted.resource = audience.into_iter().next());
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: lifetime.as_seconds(),
        refresh_token: issuance.refresh_token.as_ref().map(|token| token.reveal().to_owned()),
        id_token,
        scope: scopes.to_string(),
    })
}

fn id_token(edge: &Edge, client: &Client, granted: &Granted, access_token: &str) -> Result<String, TokenError> {
    // OpenID Connect Registration §2: RS256 where the client registered nothing else.
    let algorithm = Algorithm::parse(&client.id_token_algorithm).unwrap_or(Algorithm::RS256);
    let claims = IdTokenClaims {
        issuer: edge.issuer().as_str(),
        subject: granted.user.id.as_str(),
        client_id: client.id.as_str(),
        nonce: granted.nonce.as_deref(),
        auth_time: granted.grant.auth_time,
        sid: granted.grant.sid.as_str(),
        issued_at: edge.context.now,
        lifetime: edge.settings.tokens.id_token_lifetime,
        access_token,
    };
    Ok(id_token::mint(&edge.keys, algorithm, &claims)?)
}

/// RFC 8707 §2.2, RFC 9068 §3: what this request asks for, else what was granted, else the client's default; empty where
/// nobody named a resource, which means the issuer.
pub(super) fn audience<'a>(client: &'a Client, asked: &'a [String], granted: &'a [String]) -> &'a [String] {
    match (asked, granted) {
        ([], []) => client.default_resource.as_slice(),
        ([], granted) => granted,
        (asked, _) => asked,
    }
}

/// `typ` is `at+jwt` (RFC 9068 §2.1) unless every resource of the token wants `JWT`.
fn typ(catalogue: &Catalogue, audience: &[String]) -> &'static str {
    let wants_jwt = |uri: &String| {
        catalogue.find_resource(uri).is_some_and(|resource| resource.access_token_type == AccessTokenType::Jwt)
    };
    if audience.iter().all(wants_jwt) { "JWT" } else { access_token::TYP }
}

/// The first resource of a token request that the authorization request did not name (RFC 8707 §2.2).
pub(super) fn first_foreign_resource<'a>(asked: &'a [String], granted: &[String]) -> Option<&'a str> {
    asked.iter().find(|uri| !granted.contains(uri)).map(String::as_str)
}
