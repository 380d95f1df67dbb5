//! The answer of the token endpoint (RFC 6749 §5.1, RFC 9068, OIDC Core §3.1.3.3): signs what was issued.

use super::access_token::{Form, Settled};
use super::error::TokenError;
use crate::clients::encryption::EncryptionError;
use crate::domain::claims as user_claims;
use crate::domain::client::Client;
use crate::domain::grant::Grant;
use crate::domain::scope::OPENID;
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::keys::KeysError;
use crate::tokens::access_token::{self, AccessTokenClaims};
use crate::tokens::id_token::{self, Beside, IdTokenClaims};
use crate::tokens::subject;
use crate::web::extract::Edge;
use crate::web::middleware::Attribution;
use serde::Serialize;
use serde_json::{Map, Value};

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
pub(in crate::oauth) struct Granted {
    pub grant: Grant,
    pub user: User,
    /// For the ID token.
    pub nonce: Option<String>,
}

/// Signs and puts the answer together. Holds no lock and no transaction.
pub(super) async fn sign(edge: &Edge, client: &Client, issuance: &Issuance) -> Result<TokenResponse, TokenError> {
    let granted = issuance.granted.as_ref();
    let settled = &issuance.access_token;
    let access_token = access_token(edge, client, (granted, settled))?;
    let id_token = match granted.filter(|_| settled.scopes.contains(OPENID)) {
        Some(granted) => {
            let beside = Beside { access_token: Some(&access_token), code: None };
            let signed = id_token(edge, client, (granted, Map::new()), beside).await;
            Some(signed.map_err(|error| match error {
                IdTokenError::Keys(error) => TokenError::Keys(error),
                IdTokenError::Encryption(error) => TokenError::Encryption(error, client.id.clone()),
            })?)
        }
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

/// The text of an access token that its transaction has settled and stored.
pub(in crate::oauth) fn access_token(
    edge: &Edge,
    client: &Client,
    (granted, settled): (Option<&Granted>, &Settled),
) -> Result<String, KeysError> {
    let typ = match &settled.form {
        Form::Opaque(token) => return Ok(token.reveal().to_owned()),
        Form::Signed(typ) => typ,
    };
    // RFC 9068 §2.2: without a resource owner "the value of sub SHOULD correspond to an identifier of the client".
    let subject = match granted {
        Some(granted) => subject::of(&edge.keys, client, &granted.user.id)?,
        None => client.id.to_string(),
    };
    let claims = AccessTokenClaims {
        grant_id: granted.map(|granted| &granted.grant.id),
        issuer: edge.issuer().as_str(),
        subject: &subject,
        audience: &settled.audience,
        client_id: client.id.as_str(),
        scopes: &settled.scopes,
        auth_time: granted.map(|granted| granted.grant.auth_time),
        issued_at: settled.issued_at,
        lifetime: settled.lifetime,
    };
    access_token::mint(&edge.keys, &edge.entropy, typ, &claims)
}

/// Why an ID token could not be made.
pub(in crate::oauth) enum IdTokenError {
    /// The signing keys.
    Keys(KeysError),
    /// It could not be encrypted for the client.
    Encryption(EncryptionError),
}

impl From<KeysError> for IdTokenError {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}

/// An ID token with what stands beside it. `more`: claims about the user beyond those that were asked for one by one.
pub(in crate::oauth) async fn id_token(
    edge: &Edge,
    client: &Client,
    (granted, more): (&Granted, Map<String, Value>),
    beside: Beside<'_>,
) -> Result<String, IdTokenError> {
    // OpenID Connect Registration §2: RS256 where the client registered nothing else.
    let algorithm = client.id_token_signed_with();
    let mut about_user = more;
    about_user.extend(user_claims::wished(&granted.user, &granted.grant.claims.id_token));
    let sid = granted.grant.session().map(|sid| subject::sid(&edge.keys, client, sid)).transpose()?;
    let claims = IdTokenClaims {
        issuer: edge.issuer().as_str(),
        subject: &subject::of(&edge.keys, client, &granted.user.id)?,
        client_id: client.id.as_str(),
        nonce: granted.nonce.as_deref(),
        auth_time: granted.grant.auth_time,
        sid: sid.as_deref(),
        issued_at: edge.context.now,
        lifetime: edge.settings.tokens.id_token_lifetime,
        beside,
        about_user,
    };
    let signed = id_token::mint(&edge.keys, algorithm, &claims)?;
    let Some(encryption) = client.encryption("id_token") else { return Ok(signed) };
    // OIDC Core §10.2: signed first, and then encrypted.
    let encrypted = edge.clients.encrypt(client, encryption, (&signed, Some("JWT")), &edge.entropy).await;
    encrypted.map_err(IdTokenError::Encryption)
}
