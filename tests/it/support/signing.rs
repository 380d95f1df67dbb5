//! Key pairs of clients, and what they sign with them.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The algorithms of a client's key pairs.
pub const ALGORITHMS: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];

/// A key pair of a client.
#[derive(Clone)]
pub struct ClientKey {
    pub kid: String,
    pub algorithm: Algorithm,
    private: EncodingKey,
}

impl ClientKey {
    /// A new key pair; RSA, which is slow to make, has one a run.
    pub fn new(algorithm: &str, kid: &str) -> Self {
        let (algorithm, private) = match algorithm {
            "ES256" => (Algorithm::ES256, EncodingKey::from_ec_der(&p256())),
            "RS256" => (Algorithm::RS256, EncodingKey::from_rsa_der(rsa())),
            "PS256" => (Algorithm::PS256, EncodingKey::from_rsa_der(rsa())),
            "EdDSA" => {
                let pair = Ed25519KeyPair::generate().expect("a key pair");
                (Algorithm::EdDSA, EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("PKCS#8").as_ref()))
            }
            other => panic!("no key for {other}"),
        };
        Self { kid: kid.to_owned(), algorithm, private }
    }

    /// Its public half as a JWK.
    pub fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private, self.algorithm).expect("a JWK");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// Signs these claims, with its `kid` in the header.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&Header { kid: Some(self.kid.clone()), typ: None, ..Header::new(self.algorithm) }, claims)
    }

    pub fn sign_as(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.private).expect("a JWS")
    }
}

/// A JWK set of these keys.
pub fn jwks(keys: &[&ClientKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

/// Signs with a secret.
pub fn sign_with_secret(secret: &str, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a JWS")
}

/// A JWS with this header and no signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// A value that no other call gives.
pub fn fresh(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn p256() -> Vec<u8> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair");
    pair.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec()
}

/// The RSA private key, as PKCS#1: what PKCS#8 wraps.
fn rsa() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key pair");
        let pkcs8 = pair.as_der().expect("PKCS#8");
        const WRAPPING: usize = 26;
        pkcs8.as_ref()[WRAPPING..].to_vec()
    })
}
