//! Access tokens: JWTs of RFC 9068.
//!
//! The `jti` carries the grant it was issued from and 64 random bits, so a protected resource of this server can ask whether
//! the grant still stands without a row a token. A client's own token hangs on no grant: there the grant's part is nil.

use crate::domain::id::GrantId;
use crate::domain::scope::ScopeSet;
use crate::domain::secret::TokenHash;
use crate::domain::time::{Lifetime, Timestamp};
use crate::entropy::Entropy;
use crate::keys::{Keys, KeysError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

/// `typ` of an access token (RFC 9068 §2.1).
pub const TYP: &str = "at+jwt";

/// What an access token says.
#[derive(Debug, Clone)]
pub struct AccessTokenClaims<'a> {
    /// The grant it hangs on; `None` where a client acts for itself (RFC 6749 §4.4).
    pub grant_id: Option<&'a GrantId>,
    /// `iss`
    pub issuer: &'a str,
    /// `sub`
    pub subject: &'a str,
    /// `aud`: one as a string, several as a list.
    pub audience: &'a [String],
    /// `client_id`
    pub client_id: &'a str,
    /// `scope`
    pub scopes: &'a ScopeSet,
    /// `auth_time`; `None` where nobody signed in.
    pub auth_time: Option<Timestamp>,
    /// `iat`
    pub issued_at: Timestamp,
    /// `exp` minus `iat`
    pub lifetime: Lifetime,
}

/// RFC 9068 §2.2
#[derive(Serialize)]
struct Body<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Audience<'a>,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
}

/// `aud`: one text, or a list of texts (RFC 7519 §4.1.3).
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Audience<'a> {
    /// One.
    One(&'a str),
    /// Several.
    Many(&'a [String]),
}

impl<'a> Audience<'a> {
    /// In its shortest form.
    pub fn of(audience: &'a [String]) -> Self {
        match audience {
            [one] => Self::One(one),
            many => Self::Many(many),
        }
    }
}

/// Signs an access token with the default algorithm.
///
/// # Errors
/// [`KeysError`] while no key is loaded.
pub fn mint(keys: &Keys, entropy: &Entropy, typ: &str, claims: &AccessTokenClaims<'_>) -> Result<String, KeysError> {
    let body = Body {
        iss: claims.issuer,
        sub: claims.subject,
        aud: Audience::of(claims.audience),
        client_id: claims.client_id,
        iat: claims.issued_at.seconds(),
        exp: claims.issued_at.plus(claims.lifetime).seconds(),
        jti: token_id(claims.grant_id, entropy),
        scope: &claims.scopes.to_string(),
        auth_time: claims.auth_time.map(Timestamp::seconds),
    };
    keys.sign(keys.default_algorithm(), typ, &body)
}

fn token_id(grant: Option<&GrantId>, entropy: &Entropy) -> String {
    let grant = grant.and_then(|grant| uuid::Uuid::parse_str(grant.as_str()).ok()).unwrap_or_default();
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(grant.as_bytes());
    bytes[16..].copy_from_slice(&entropy.bytes::<8>());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a `jti` of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenIdentity {
    /// The token hangs on this grant.
    OfGrant(GrantId),
    /// Its client got it for itself.
    OfClient,
}

/// Reads a `jti`; `None` for one that is not ours.
pub fn identify(token_id: &str) -> Option<TokenIdentity> {
    let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(token_id).ok()?.try_into().ok()?;
    let grant = uuid::Uuid::from_slice(&bytes[..16]).ok()?;
    Some(if grant.is_nil() { TokenIdentity::OfClient } else { TokenIdentity::OfGrant(GrantId::new(grant.to_string())) })
}

/// The `jti` of an opaque token: a part of its hash, which opens nothing.
pub fn opaque_id(hash: &TokenHash) -> String {
    URL_SAFE_NO_PAD.encode(&hash.as_bytes()[..16])
}
