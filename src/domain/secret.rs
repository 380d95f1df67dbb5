//! Secrets and the only form in which they are stored.

use sha2::{Digest, Sha256};

/// A secret value in clear: an authorization code, a session id, a token, a password. It does not print, is wiped from
/// memory when dropped, and is compared in constant time.
#[derive(Clone)]
pub struct Secret(secrecy::SecretString);

impl Secret {
    /// Takes a secret in clear.
    pub fn new(text: impl Into<String>) -> Self {
        Self(secrecy::SecretString::from(text.into()))
    }

    /// The secret in clear. Every call is a place to look at in a review.
    pub fn reveal(&self) -> &str {
        secrecy::ExposeSecret::expose_secret(&self.0)
    }

    /// The stored form.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.reveal())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.reveal().as_bytes().ct_eq(other.reveal().as_bytes()).into()
    }
}

/// SHA-256 of a random value of 256 bits: the only stored form of codes, session ids and interaction ids. Looking it up
/// is the comparison, so there is no timing to observe, and a stolen database opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes the text as it was sent.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// From stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
