//! ID tokens (OIDC Core §2).

use crate::domain::key::Algorithm;
use crate::domain::session::{PASSWORD_CONTEXT, PASSWORD_METHODS};
use crate::domain::time::{Lifetime, Timestamp};
use crate::keys::{Expected, Keys, KeysError, VerifyError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};
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
    /// `sid`; `None` where no session belongs to it.
    pub sid: Option<&'a str>,
    /// `iat`
    pub issued_at: Timestamp,
    /// `exp` minus `iat`
    pub lifetime: Lifetime,
    /// What it is issued with.
    pub beside: Beside<'a>,
    /// Claims about the user that were asked for one by one, or that nothing else would bring.
    pub about_user: Map<String, Value>,
}

/// What stands beside an ID token in its answer, so that none of it can be exchanged on the way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The access token, for `at_hash` (OIDC Core §3.1.3.6, §3.2.2.10, §3.3.2.11).
    pub access_token: Option<&'a str>,
    /// The code, for `c_hash` (OIDC Core §3.3.2.11).
    pub code: Option<&'a str>,
}

#[derive(Serialize)]
struct Body<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    acr: &'a str,
    amr: [&'a str; 1],
    azp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(flatten)]
    about_user: &'a Map<String, Value>,
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
        acr: PASSWORD_CONTEXT,
        amr: PASSWORD_METHODS,
        azp: claims.client_id,
        nonce: claims.nonce,
        at_hash: claims.beside.access_token.map(|token| half_hash(algorithm, token)),
        c_hash: claims.beside.code.map(|code| half_hash(algorithm, code)),
        sid: claims.sid,
        about_user: &claims.about_user,
    };
    keys.sign(algorithm, "JWT", &body)
}

/// What a hint says: an ID token that comes back (OIDC Core §3.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// `sub`
    pub subject: String,
    /// `aud`
    pub audience: Vec<String>,
}

/// Reads an ID token of ours that may have expired. Its key must still be published.
///
/// # Errors
/// [`VerifyError`]
pub async fn read_hint(keys: &Keys, issuer: &str, token: &str) -> Result<Hint, VerifyError> {
    let claims = keys.verify_expired(token, &Expected { typ: "JWT", issuer, audience: None }).await?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => return Err(VerifyError::Audience),
    };
    // An access token of a resource that wants `JWT` has no `sid`.
    let is_id_token = claims.contains_key("azp") && !claims.contains_key("client_id");
    let subject = text("sub").filter(|_| is_id_token).ok_or(VerifyError::Type)?;
    Ok(Hint { subject, audience })
}

/// The left half of the hash that the algorithm names (OIDC Core §3.1.3.6, §3.3.2.11). Ed25519 names SHA-512.
fn half_hash(algorithm: Algorithm, text: &str) -> String {
    match algorithm {
        Algorithm::ES256 | Algorithm::RS256 | Algorithm::PS256 => {
            URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16])
        }
        Algorithm::EdDSA => URL_SAFE_NO_PAD.encode(&sha2::Sha512::digest(text.as_bytes())[..32]),
    }
}
