//! ID tokens (OIDC Core §2).

use crate::domain::key::Algorithm;
use crate::domain::time::{Lifetime, Timestamp};
use crate::keys::{Keys, KeysError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// What an ID token says.
#[derive(Debug, Clone)]
pub struct IdTokenClaims<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `sub`
    pub subject: &'a str,
    /// `aud`: the client.
    pub client_id: &'a str,
    /// `nonce` of the authorization request; not repeated at refresh (OIDC Core §12.2).
    pub nonce: Option<&'a str>,
    /// `auth_time`
    pub auth_time: Timestamp,
    /// `sid`
    pub sid: &'a str,
    /// `iat`
    pub issued_at: Timestamp,
    /// `exp` minus `iat`
    pub lifetime: Lifetime,
    /// The access token it is issued with, for `at_hash`.
    pub access_token: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    at_hash: String,
    sid: &'a str,
}

/// Signs an ID token with the algorithm that the client registered.
///
/// # Errors
/// [`KeysError`] while no key is loaded.
pub fn mint(keys: &Keys, algorithm: Algorithm, claims: &IdTokenClaims<'_>) -> Result<String, KeysError> {
    let body = Body {
        iss: claims.issuer,
        sub: claims.subject,
        aud: claims.client_id,
        iat: claims.issued_at.seconds(),
        exp: claims.issued_at.plus(claims.lifetime).seconds(),
        auth_time: claims.auth_time.seconds(),
        nonce: claims.nonce,
        at_hash: half_hash(algorithm, claims.access_token),
        sid: claims.sid,
    };
    keys.sign(algorithm, "JWT", &body)
}

/// The left half of the hash that the algorithm names (OIDC Core §3.1.3.6). Ed25519 names SHA-512.
fn half_hash(algorithm: Algorithm, text: &str) -> String {
    match algorithm {
        Algorithm::ES256 | Algorithm::RS256 => URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16]),
        Algorithm::EdDSA => URL_SAFE_NO_PAD.encode(&sha2::Sha512::digest(text.as_bytes())[..32]),
    }
}
