//! Logout tokens (OpenID Connect Back-Channel Logout §2.4): what tells a client that a session has ended.

use crate::domain::key::Algorithm;
use crate::domain::time::{Lifetime, Timestamp};
use crate::keys::{Keys, KeysError};
use serde::Serialize;
use serde_json::{Value, json};

/// `typ` of a logout token, so that it is taken for nothing else.
pub const TYP: &str = "logout+jwt";
/// Its life: "preferably at most two minutes in the future".
const LIFETIME: Lifetime = Lifetime::seconds(120);
/// The member of `events` that says what it is about.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What a logout token says.
#[derive(Debug, Clone, Copy)]
pub struct LogoutTokenClaims<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `sub`, as the client knows it.
    pub subject: &'a str,
    /// `aud`: the client.
    pub client_id: &'a str,
    /// `sid`
    pub sid: &'a str,
    /// `iat`
    pub issued_at: Timestamp,
    /// `jti`: another one at each attempt, so that a client that keeps them takes a repeated one.
    pub token_id: &'a str,
}

/// Without `nonce`, which "MUST NOT" be there, so that it is no ID token.
#[derive(Serialize)]
struct Body<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    sid: &'a str,
    events: Value,
}

/// Signs a logout token with the algorithm that the client registered for its ID tokens (§2.6).
///
/// # Errors
/// [`KeysError`] while no key is loaded.
pub fn mint(keys: &Keys, algorithm: Algorithm, claims: &LogoutTokenClaims<'_>) -> Result<String, KeysError> {
    let body = Body {
        iss: claims.issuer,
        sub: claims.subject,
        aud: claims.client_id,
        iat: claims.issued_at.seconds(),
        exp: claims.issued_at.plus(LIFETIME).seconds(),
        jti: claims.token_id,
        sid: claims.sid,
        events: json!({ EVENT: {} }),
    };
    keys.sign(algorithm, TYP, &body)
}
