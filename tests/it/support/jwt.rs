//! Verifying tokens as a resource server or client does: by the published keys and nothing else.

use super::app::TestApp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Header and claims of a token whose signature fits one of the published keys, and whose times fit the clock.
#[derive(Debug, Clone)]
pub struct Verified {
    pub header: Value,
    pub claims: Map<String, Value>,
}

impl Verified {
    #[track_caller]
    pub fn text(&self, claim: &str) -> &str {
        self.claims.get(claim).and_then(Value::as_str).unwrap_or_else(|| panic!("no {claim}: {self:?}"))
    }

    #[track_caller]
    pub fn number(&self, claim: &str) -> i64 {
        self.claims.get(claim).and_then(Value::as_i64).unwrap_or_else(|| panic!("no {claim}: {self:?}"))
    }
}

/// Verifies by the keys at `/jwks`.
///
/// # Panics
/// When the token is not valid now.
pub async fn verify(app: &TestApp, token: &str) -> Verified {
    let verified = verify_signature(app, token).await;
    let now = app.now().seconds();
    assert!(verified.number("iat") <= now && now < verified.number("exp"), "at {now}: {verified:?}");
    verified
}

/// The same of something signed that does not end.
pub async fn verify_signature(app: &TestApp, token: &str) -> Verified {
    let jwks = app.get("/jwks").await;
    jwks.assert_status(200);
    let jwks: JwkSet = serde_json::from_slice(&jwks.body).expect("a JWK set");
    let header = jsonwebtoken::decode_header(token).expect("a JWT header");
    let kid = header.kid.as_deref().expect("a kid");
    let key = jwks.find(kid).unwrap_or_else(|| panic!("{kid} is not published"));
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_jwk(key).expect("a usable key");
    let data = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation).expect("a genuine token");
    Verified { header: serde_json::to_value(&data.header).expect("a header"), claims: data.claims }
}

/// The claims of a token, believed without proof.
pub fn claims_of(token: &str) -> Map<String, Value> {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

/// `at_hash` (OIDC Core §3.1.3.6): the left half of the hash that belongs to the algorithm; Ed25519 signs SHA-512.
pub fn at_hash(access_token: &str, algorithm: &str) -> String {
    match algorithm {
        "EdDSA" => URL_SAFE_NO_PAD.encode(&sha2::Sha512::digest(access_token.as_bytes())[..32]),
        _ => URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token.as_bytes())[..16]),
    }
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}
