//! Signing keys: what is known of them without their private half.

use super::id::KeyId;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A JWS algorithm that this server signs with (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256: the default for access tokens.
    ES256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: the default for ID tokens (OIDC Core §15.1).
    RS256,
    /// Ed25519.
    EdDSA,
    /// RSASSA-PSS with SHA-256. Its key pair is not the one of RS256: a key has one algorithm (RFC 8725 §3.1).
    PS256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::ES256, Self::RS256, Self::EdDSA, Self::PS256];

    /// The `alg` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::EdDSA => "EdDSA",
            Self::PS256 => "PS256",
        }
    }

    /// Reads an `alg` value; exact.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, not signing yet.
    Next,
    /// Signing.
    Active,
    /// Not signing any more; published until the last token it signed has expired.
    Retiring,
    /// Neither signing nor published.
    Retired,
}

impl KeyState {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retiring, Self::Retired].into_iter().find(|state| state.as_str() == text)
    }
}

/// A signing key as stored. The private half is sealed under the master key.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// `kid`
    pub id: KeyId,
    /// `alg`
    pub algorithm: Algorithm,
    /// Where it stands; changed by conditional updates only.
    pub state: KeyState,
    /// The public half as a JWK (RFC 7517), a JSON object as text.
    pub public_jwk: String,
    /// The private half (PKCS#8), sealed.
    pub sealed_private: Vec<u8>,
    /// When it was made and published.
    pub created_at: Timestamp,
    /// When it began to sign.
    pub activated_at: Option<Timestamp>,
    /// When it stopped signing.
    pub retiring_at: Option<Timestamp>,
    /// When it leaves the JWKS: when the last token it signed has expired.
    pub retires_at: Option<Timestamp>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// A secret key of the server (for HMAC), sealed: the refresh key, the form key.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey {
    /// Its identifier, 16 characters base64url.
    pub id: KeyId,
    /// What it is for; unique among the current ones: `refresh`, `forms`.
    pub purpose: String,
    /// 32 bytes, sealed under the master key.
    pub sealed: Vec<u8>,
    /// When it was made. The newest of a purpose makes new values; all of them check old ones.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretKey").field("id", &self.id).field("purpose", &self.purpose).finish_non_exhaustive()
    }
}
