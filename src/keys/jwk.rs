//! Public keys as JWK (RFC 7517) and key identifiers as thumbprints (RFC 7638), through `jsonwebtoken`.

use crate::domain::id::KeyId;
use crate::domain::key::{Algorithm, KeyState, SigningKey};
use crate::domain::time::Lifetime;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The published keys, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwks {
    /// The JSON document (`application/json` or `application/jwk-set+json`): the same bytes until a key changes.
    pub bytes: Arc<[u8]>,
    /// A strong entity tag of the bytes with its quotes, as it stands in `ETag`.
    pub etag: String,
    /// For `Cache-Control: max-age`.
    pub max_age: Lifetime,
}

/// The public half of a key, as it comes out of the key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicHalf {
    /// The uncompressed point on P-256: 65 bytes.
    P256(Vec<u8>),
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa {
        /// The modulus.
        modulus: Vec<u8>,
        /// The exponent.
        exponent: Vec<u8>,
    },
    /// 32 bytes.
    Ed25519(Vec<u8>),
}

/// A public key that was read or made: its JWK, its `kid` and what verifies with it.
#[derive(Clone)]
pub struct PublicKey {
    /// RFC 7638 thumbprint of the JWK.
    pub id: KeyId,
    /// With `use`, `alg` and `kid`.
    pub jwk: Jwk,
    /// For verification.
    pub decoding: DecodingKey,
}

/// A public JWK of the store that is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored public key {id} is damaged: {problem}")]
pub struct DamagedKey {
    /// The `kid` of its row.
    pub id: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl PublicKey {
    /// Describes the public half of a new key of this algorithm.
    ///
    /// # Errors
    /// When the half does not have the shape of its kind.
    pub fn describe(algorithm: Algorithm, half: &PublicHalf) -> Result<Self, jsonwebtoken::errors::Error> {
        let decoding = match half {
            PublicHalf::P256(point) => DecodingKey::from_ec_der(point),
            PublicHalf::Rsa { modulus, exponent } => DecodingKey::from_rsa_raw_components(modulus, exponent),
            PublicHalf::Ed25519(bytes) => DecodingKey::from_ed_der(bytes),
        };
        let mut jwk = Jwk::from_decoding_key(&decoding, Some(jose(algorithm)))?;
        let id = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_id = Some(id.clone());
        Ok(Self { id: KeyId::new(id), jwk, decoding })
    }

    /// Reads the JWK of a stored key: public, of the row's algorithm, and the one whose thumbprint is the row's `kid`.
    ///
    /// # Errors
    /// [`DamagedKey`] otherwise.
    pub fn read(key: &SigningKey) -> Result<Self, DamagedKey> {
        let damaged = |problem| DamagedKey { id: key.id.to_string(), problem };
        let jwk: Jwk = serde_json::from_str(&key.public_jwk).map_err(|_| damaged("it is not a JWK"))?;
        if !is_of(&jwk, key.algorithm) {
            return Err(damaged("it is of another algorithm"));
        }
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| damaged("it has no thumbprint"))?;
        if thumbprint != key.id.as_str() || jwk.common.key_id.as_deref() != Some(key.id.as_str()) {
            return Err(damaged("its thumbprint is not its kid"));
        }
        let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| damaged("its parameters are not base64url"))?;
        Ok(Self { id: key.id.clone(), jwk, decoding })
    }

    /// The JWK as JSON text, as it is stored and published. It has public members only, whatever it was read from.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.jwk).expect("a JWK of texts is serializable")
    }
}

/// Builds the document of the keys that are published: `Next`, `Active` and `Retiring`, in an order that depends on
/// nothing but the keys.
pub fn publish<'a>(keys: impl Iterator<Item = (&'a SigningKey, &'a PublicKey)>, max_age: Lifetime) -> Jwks {
    let mut published: Vec<_> = keys.filter(|(key, _)| is_published(key.state)).collect();
    published.sort_by_key(|(key, _)| (key.algorithm, key.created_at, key.id.clone()));
    let keys: Vec<Value> = published
        .into_iter()
        .map(|(_, public)| serde_json::to_value(&public.jwk).expect("a JWK of texts is serializable"))
        .collect();
    let bytes: Arc<[u8]> = serde_json::json!({ "keys": keys }).to_string().into_bytes().into();
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&bytes)[..16]));
    Jwks { bytes, etag, max_age }
}

/// Whether a key in this state is in the JWKS, and so verifies.
pub const fn is_published(state: KeyState) -> bool {
    match state {
        KeyState::Next | KeyState::Active | KeyState::Retiring => true,
        KeyState::Retired => false,
    }
}

/// The library's name of an algorithm.
pub const fn jose(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
    }
}

fn is_of(jwk: &Jwk, algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::ES256 => {
            jwk.common.key_algorithm == Some(KeyAlgorithm::ES256)
                && matches!(jwk.algorithm, AlgorithmParameters::EllipticCurve(_))
        }
        Algorithm::RS256 => {
            jwk.common.key_algorithm == Some(KeyAlgorithm::RS256)
                && matches!(jwk.algorithm, AlgorithmParameters::RSA(_))
        }
        Algorithm::EdDSA => {
            jwk.common.key_algorithm == Some(KeyAlgorithm::EdDSA)
                && matches!(jwk.algorithm, AlgorithmParameters::OctetKeyPair(_))
        }
        Algorithm::PS256 => {
            jwk.common.key_algorithm == Some(KeyAlgorithm::PS256)
                && matches!(jwk.algorithm, AlgorithmParameters::RSA(_))
        }
    }
}
